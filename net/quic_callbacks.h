// SPDX-License-Identifier: Apache-2.0
// What ngtcp2 and HTTP/3 call back while they read and write for a quic_conn. Only quic.c uses it.
#ifndef NET_QUIC_CALLBACKS_H
#define NET_QUIC_CALLBACKS_H

#include "quic.h"

extern const ngtcp2_callbacks quic_callbacks;
extern const struct h3_ops quic_h3_ops;

ngtcp2_conn *quic_get_conn(ngtcp2_crypto_conn_ref *ref);
// ngtcp2_rand: aborts where there is no randomness.
void quic_random(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx);
// A random id that is in use nowhere on this server, and leads to `c` from now on. Errors: of
// quic_shared.cid_add.
int quic_cid_new(struct quic_conn *c, ngtcp2_cid *cid, size_t len);

#endif
