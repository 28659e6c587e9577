// SPDX-License-Identifier: Apache-2.0
// Messages on the link's stream: each is its length as 16 bits, big endian, then its bytes.
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 2

// Takes one message; `msg` is borrowed for the call. Returns false to stop decoding for good.
typedef bool (*frame_message_fn)(void *user, const uint8_t *msg, size_t len);

// All zero is a decoder at the start of a stream. It holds memory only inside a message that has
// arrived in part.
struct frame_decoder {
    uint8_t *partial;
    uint16_t need, have;
    uint8_t header[FRAME_HEADER_BYTES];
    uint8_t header_have;
    bool stopped;
};

void frame_decoder_deinit(struct frame_decoder *d);

// Decodes the next bytes of the stream, calling `fn` for each complete message in order.
// Errors: SOTTO_EPARSE a message longer than NET_MESSAGE_MAX_BYTES: close the link;
// SOTTO_ENOMEM: close it too.
int frame_decoder_push(struct frame_decoder *d, const uint8_t *data, size_t len,
                       frame_message_fn fn, void *user);

// Writes the header of a message of `len` bytes, at most NET_MESSAGE_MAX_BYTES.
void frame_header_put(uint8_t out[FRAME_HEADER_BYTES], size_t len);

#endif
