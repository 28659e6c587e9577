// SPDX-License-Identifier: Apache-2.0
#include "sim.h"

#include <stdlib.h>

void hostile_start(struct sim *s, enum hostile_kind kind, unsigned per_mille)
{
    (void)s;(void)kind;(void)per_mille;
}
void hostile_stop(struct sim *s)
{
    free(s->hostile);
    s->hostile = NULL;
}
bool hostile_to_device(struct sim *s, struct conn *c, const uint8_t *data, size_t len, bool datagram, sotto_ns at)
{
    (void)s;(void)c;(void)data;(void)len;(void)datagram;(void)at;
    return false;
}
void hostile_to_relay(struct sim *s, struct conn *c, const uint8_t *data, size_t len, bool datagram)
{
    (void)s;(void)c;(void)data;(void)len;(void)datagram;
}
