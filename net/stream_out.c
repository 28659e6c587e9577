// SPDX-License-Identifier: Apache-2.0
#include "stream_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

struct stream_chunk {
    struct stream_chunk *next;
    size_t len;
    uint8_t data[];
};

void stream_out_init(struct stream_out *s)
{
    *s = (struct stream_out){.id = -1};
}

void stream_out_deinit(struct stream_out *s)
{
    while (s->head != NULL) {
        struct stream_chunk *c = s->head;
        s->head = c->next;
        free(c);
    }
    stream_out_init(s);
}

int stream_out_append(struct stream_out *s, const uint8_t *head, size_t head_len,
                      const uint8_t *body, size_t body_len)
{
    assert(!s->fin);
    size_t len = head_len + body_len;
    if (len == 0) {
        return 0;
    }
    struct stream_chunk *c = malloc(sizeof *c + len);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    c->next = NULL;
    c->len = len;
    memcpy(c->data, head, head_len);
    if (body_len > 0) {
        memcpy(c->data + head_len, body, body_len);
    }
    if (s->tail != NULL) {
        s->tail->next = c;
    } else {
        s->head = c;
    }
    s->tail = c;
    if (s->next == NULL) {
        s->next = c;
        s->next_at = 0;
    }
    s->held_bytes += len;
    s->unwritten_bytes += len;
    return 0;
}

bool stream_out_ready(const struct stream_out *s)
{
    return s->id >= 0 && !s->blocked && (s->unwritten_bytes > 0 || (s->fin && !s->fin_written));
}

size_t stream_out_peek(const struct stream_out *s, struct iovec *v, size_t cap)
{
    size_t n = 0, at = s->next_at;
    for (struct stream_chunk *c = s->next; c != NULL && n < cap; c = c->next, at = 0) {
        v[n++] = (struct iovec){.iov_base = c->data + at, .iov_len = c->len - at};
    }
    return n;
}

void stream_out_written(struct stream_out *s, size_t n, bool with_fin)
{
    assert(n <= s->unwritten_bytes);
    s->unwritten_bytes -= n;
    while (n > 0) {
        size_t rest = s->next->len - s->next_at;
        if (n < rest) {
            s->next_at += n;
            break;
        }
        n -= rest;
        s->next = s->next->next;
        s->next_at = 0;
    }
    if (with_fin && s->unwritten_bytes == 0) {
        s->fin_written = true;
    }
}

void stream_out_acked(struct stream_out *s, uint64_t end)
{
    // Never past what is written: the chunk at s->next has unwritten bytes and stays.
    while (s->head != NULL && s->head != s->next && s->head_offset + s->head->len <= end) {
        struct stream_chunk *c = s->head;
        s->head = c->next;
        if (s->head == NULL) {
            s->tail = NULL;
        }
        s->head_offset += c->len;
        s->held_bytes -= c->len;
        free(c);
    }
}
