// SPDX-License-Identifier: Apache-2.0
// A bounded queue of byte blocks, for outgoing messages. Each block is in one piece. Memory grows
// with the content, to less than four times the limit; an emptied queue keeps at most
// QUEUE_KEPT_BYTES. What leaves the queue is wiped.
#ifndef SOTTO_BASE_QUEUE_H
#define SOTTO_BASE_QUEUE_H

#include <sotto/base.h>

// What each block counts against the limit beyond its own bytes.
#define QUEUE_BLOCK_OVERHEAD_BYTES 4
#define QUEUE_KEPT_BYTES           1024
#define QUEUE_LIMIT_MAX_BYTES      (UINT32_MAX / 16)

struct queue {
    const struct sotto_env *env;
    uint8_t *buf;
    size_t cap;
    size_t start; // of the oldest block
    size_t end;   // behind the newest
    size_t count;
    size_t limit;
};

// Allocates nothing. limit_bytes <= QUEUE_LIMIT_MAX_BYTES.
void queue_init(struct queue *q, size_t limit_bytes, const struct sotto_env *env);
// Wipes and frees; the queue is empty and usable again.
void queue_clear(struct queue *q);

// Appends a copy. 0; SOTTO_ELIMIT if it would pass the limit, SOTTO_ENOMEM: nothing has changed.
int queue_push(struct queue *q, const void *data, size_t len);
// Makes room by dropping the oldest blocks. How many were dropped; SOTTO_ELIMIT if the block alone
// passes the limit: nothing has changed; SOTTO_ENOMEM: not appended, old blocks may be gone.
int queue_push_dropping(struct queue *q, const void *data, size_t len);

// The oldest block, borrowed until the queue is next changed; NULL if there is none.
const uint8_t *queue_peek(const struct queue *q, size_t *len);
// Removes the oldest block, if there is one.
void queue_pop(struct queue *q);

size_t queue_count(const struct queue *q);
// Counted against the limit.
size_t queue_bytes(const struct queue *q);

#endif
