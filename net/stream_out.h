// SPDX-License-Identifier: Apache-2.0
// The bytes of one outgoing QUIC stream, kept until the peer has acknowledged them.
#ifndef NET_STREAM_OUT_H
#define NET_STREAM_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct stream_chunk;

struct stream_out {
    int64_t id; // -1: there is no such stream (yet); bytes may be appended all the same
    struct stream_chunk *head, *tail; // head holds the oldest byte not acknowledged
    struct stream_chunk *next;        // holds the oldest byte not written
    size_t next_at;                   // its index in that chunk
    uint64_t head_offset;             // of head's first byte in the stream
    size_t held_bytes, unwritten_bytes;
    bool fin, fin_written;
    bool blocked; // by the peer's flow control, until it says otherwise
};

void stream_out_init(struct stream_out *s);
void stream_out_deinit(struct stream_out *s);

// Copies head and body behind what is there. Errors: SOTTO_ENOMEM, nothing is appended.
int stream_out_append(struct stream_out *s, const uint8_t *head, size_t head_len,
                      const uint8_t *body, size_t body_len);

// There is something to write and nothing known in its way.
bool stream_out_ready(const struct stream_out *s);

// The unwritten bytes, as at most `cap` pieces; returns how many.
size_t stream_out_peek(const struct stream_out *s, struct iovec *v, size_t cap);
// `n` of them went into a packet; `all_with_fin`: and the end of the stream with them.
void stream_out_written(struct stream_out *s, size_t n, bool with_fin);
// Everything before stream offset `end` is acknowledged.
void stream_out_acked(struct stream_out *s, uint64_t end);

#endif
