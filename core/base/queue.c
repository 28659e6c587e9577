// SPDX-License-Identifier: Apache-2.0
#include "base/queue.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

// The buffer holds blocks from start to end, each a host-order u32 length and its bytes. When the
// tail has no room, they move to the front if half the buffer is free there, else the buffer
// doubles: each byte is moved a constant number of times on average, and the buffer stays below
// four times the limit.

#define CAP_FIRST_BYTES 256

void queue_init(struct queue *q, size_t limit_bytes, const struct sotto_env *env)
{
    assert(limit_bytes <= QUEUE_LIMIT_MAX_BYTES);
    *q = (struct queue){.env = env, .limit = limit_bytes};
}

void queue_clear(struct queue *q)
{
    mem_free_secret(q->env, q->buf, q->cap);
    queue_init(q, q->limit, q->env);
}

size_t queue_count(const struct queue *q)
{
    return q->count;
}

size_t queue_bytes(const struct queue *q)
{
    return q->end - q->start;
}

// A larger buffer of at least `need` bytes with the content at its front.
static int grow(struct queue *q, size_t need)
{
    size_t cap = CAP_FIRST_BYTES;
    while (cap < need) {
        cap *= 2; // cannot overflow: see QUEUE_LIMIT_MAX_BYTES
    }
    uint8_t *buf = mem_alloc(q->env, cap);
    if (buf == NULL) {
        return SOTTO_ENOMEM;
    }
    size_t used = queue_bytes(q);
    if (used > 0) {
        memcpy(buf, q->buf + q->start, used);
    }
    mem_free_secret(q->env, q->buf, q->cap);
    q->buf = buf;
    q->cap = cap;
    q->start = 0;
    q->end = used;
    return 0;
}

static void move_to_front(struct queue *q)
{
    size_t used = queue_bytes(q);
    size_t old_end = q->end;
    memmove(q->buf, q->buf + q->start, used);
    sotto_wipe(q->buf + used, old_end - used);
    q->start = 0;
    q->end = used;
}

// Room for `size` more bytes behind the end.
static int reserve(struct queue *q, size_t size)
{
    if (size <= q->cap - q->end) {
        return 0;
    }
    if (q->start >= q->cap / 2 && queue_bytes(q) + size <= q->cap) {
        move_to_front(q);
        return 0;
    }
    size_t used = queue_bytes(q);
    return grow(q, used + size > q->cap ? used + size : q->cap + 1);
}

static bool fits(const struct queue *q, size_t used, size_t len)
{
    return len <= QUEUE_LIMIT_MAX_BYTES && used + QUEUE_BLOCK_OVERHEAD_BYTES + len <= q->limit;
}

static void append(struct queue *q, const void *data, size_t len)
{
    uint32_t prefix = (uint32_t)len;
    memcpy(q->buf + q->end, &prefix, sizeof prefix);
    q->end += sizeof prefix;
    if (len > 0) {
        memcpy(q->buf + q->end, data, len);
        q->end += len;
    }
    q->count++;
}

int queue_push(struct queue *q, const void *data, size_t len)
{
    if (!fits(q, queue_bytes(q), len)) {
        return SOTTO_ELIMIT;
    }
    int rc = reserve(q, QUEUE_BLOCK_OVERHEAD_BYTES + len);
    if (rc < 0) {
        return rc;
    }
    append(q, data, len);
    return 0;
}

// Removes the oldest block but keeps the buffer.
static void drop_oldest(struct queue *q)
{
    size_t len;
    if (queue_peek(q, &len) == NULL) {
        return;
    }
    sotto_wipe(q->buf + q->start, QUEUE_BLOCK_OVERHEAD_BYTES + len);
    q->start += QUEUE_BLOCK_OVERHEAD_BYTES + len;
    q->count--;
    if (q->count == 0) {
        q->start = q->end = 0;
    }
}

int queue_push_dropping(struct queue *q, const void *data, size_t len)
{
    if (!fits(q, 0, len)) {
        return SOTTO_ELIMIT;
    }
    int dropped = 0;
    while (!fits(q, queue_bytes(q), len)) {
        drop_oldest(q);
        dropped++;
    }
    int rc = queue_push(q, data, len);
    return rc < 0 ? rc : dropped;
}

const uint8_t *queue_peek(const struct queue *q, size_t *len)
{
    if (q->count == 0) {
        return NULL;
    }
    uint32_t prefix;
    memcpy(&prefix, q->buf + q->start, sizeof prefix);
    *len = prefix;
    return q->buf + q->start + sizeof prefix;
}

void queue_pop(struct queue *q)
{
    drop_oldest(q);
    if (q->count == 0 && q->cap > QUEUE_KEPT_BYTES) {
        queue_clear(q);
    }
}
