// SPDX-License-Identifier: Apache-2.0
// Datagrams waiting to be sent: a bounded queue that drops its oldest, on blocks from a pool that
// many queues share, so that an idle connection holds none and a busy one does not allocate.
#ifndef NET_DATAGRAM_QUEUE_H
#define NET_DATAGRAM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "net.h"

// A voice cell older than this has missed its place at the other end: it is dropped, not sent.
#define DATAGRAM_MAX_AGE_MS 250
// Enough for a trunk that carries a cell of each of its calls in one round.
#define DATAGRAM_QUEUE_MAX  256
// Free blocks that a pool keeps; more than that go back to the allocator.
#define DATAGRAM_POOL_KEEP  1024

struct datagram {
    struct datagram *next;
    uint64_t queued_ns;
    uint16_t len;
    uint8_t data[NET_DATAGRAM_MAX_BYTES];
};

struct datagram_pool {
    struct datagram *free;
    size_t free_count;
};

// All zero is empty.
struct datagram_queue {
    struct datagram *head, *tail;
    uint32_t count;
    uint64_t dropped;
};

void datagram_pool_deinit(struct datagram_pool *p);

// Copies `len` (≤ NET_DATAGRAM_MAX_BYTES) bytes to the end; at DATAGRAM_QUEUE_MAX the oldest goes.
// Errors: SOTTO_ENOMEM.
int datagram_queue_push(struct datagram_queue *q, struct datagram_pool *p, const uint8_t *data,
                        size_t len, uint64_t now_ns);
// Drops those that are too old, then returns the oldest, still queued, or NULL.
struct datagram *datagram_queue_head(struct datagram_queue *q, struct datagram_pool *p,
                                     uint64_t now_ns);
// Takes the head off and gives its block back.
void datagram_queue_pop(struct datagram_queue *q, struct datagram_pool *p);
void datagram_queue_clear(struct datagram_queue *q, struct datagram_pool *p);

#endif
