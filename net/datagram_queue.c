// SPDX-License-Identifier: Apache-2.0
#include "datagram_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

static struct datagram *block_take(struct datagram_pool *p)
{
    struct datagram *d = p->free;
    if (d == NULL) {
        return malloc(sizeof *d);
    }
    p->free = d->next;
    p->free_count--;
    return d;
}

static void block_give(struct datagram_pool *p, struct datagram *d)
{
    if (p->free_count >= DATAGRAM_POOL_KEEP) {
        free(d);
        return;
    }
    d->next = p->free;
    p->free = d;
    p->free_count++;
}

void datagram_pool_deinit(struct datagram_pool *p)
{
    while (p->free != NULL) {
        struct datagram *d = p->free;
        p->free = d->next;
        free(d);
    }
    p->free_count = 0;
}

int datagram_queue_push(struct datagram_queue *q, struct datagram_pool *p, const uint8_t *data,
                        size_t len, uint64_t now_ns)
{
    assert(len <= NET_DATAGRAM_MAX_BYTES);
    if (q->count >= DATAGRAM_QUEUE_MAX) {
        datagram_queue_pop(q, p);
        q->dropped++;
    }
    struct datagram *d = block_take(p);
    if (d == NULL) {
        return SOTTO_ENOMEM;
    }
    d->next = NULL;
    d->queued_ns = now_ns;
    d->len = (uint16_t)len;
    memcpy(d->data, data, len);
    if (q->tail != NULL) {
        q->tail->next = d;
    } else {
        q->head = d;
    }
    q->tail = d;
    q->count++;
    return 0;
}

struct datagram *datagram_queue_head(struct datagram_queue *q, struct datagram_pool *p,
                                     uint64_t now_ns)
{
    while (q->head != NULL && q->head->queued_ns + DATAGRAM_MAX_AGE_MS * SOTTO_NS_PER_MS < now_ns) {
        datagram_queue_pop(q, p);
        q->dropped++;
    }
    return q->head;
}

void datagram_queue_pop(struct datagram_queue *q, struct datagram_pool *p)
{
    struct datagram *d = q->head;
    q->head = d->next;
    if (q->head == NULL) {
        q->tail = NULL;
    }
    q->count--;
    block_give(p, d);
}

void datagram_queue_clear(struct datagram_queue *q, struct datagram_pool *p)
{
    while (q->head != NULL) {
        datagram_queue_pop(q, p);
    }
}
