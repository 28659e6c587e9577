// SPDX-License-Identifier: Apache-2.0
// The one way to parse and build bytes. Big-endian. Errors are sticky: after the first short
// read or overflow every further call does nothing and reads give zero, so that a decoder is
// written straight down and asks once at its end.
#ifndef SOTTO_WIRE_CURSOR_H
#define SOTTO_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

struct wire_writer {
    uint8_t *buf;
    size_t len;
    size_t cap;
    bool failed;
};

struct wire_reader wire_reader(const void *data, size_t len);
uint8_t wire_read_u8(struct wire_reader *r);
uint16_t wire_read_u16(struct wire_reader *r);
uint32_t wire_read_u32(struct wire_reader *r);
uint64_t wire_read_u64(struct wire_reader *r);
// Copies exactly len bytes out; on failure out is zeroed.
void wire_read_bytes(struct wire_reader *r, void *out, size_t len);
// Borrows len bytes of the input; NULL on failure.
const uint8_t *wire_read_view(struct wire_reader *r, size_t len);
// Borrows u8- or u16-length-prefixed bytes of at most max; *len is 0 on failure.
const uint8_t *wire_read_vec8(struct wire_reader *r, size_t max, size_t *len);
const uint8_t *wire_read_vec16(struct wire_reader *r, size_t max, size_t *len);
// Borrows all that is left.
const uint8_t *wire_read_rest(struct wire_reader *r, size_t *len);
// True if nothing failed and nothing is left over.
bool wire_reader_done(const struct wire_reader *r);

struct wire_writer wire_writer(void *buf, size_t cap);
void wire_write_u8(struct wire_writer *w, uint8_t v);
void wire_write_u16(struct wire_writer *w, uint16_t v);
void wire_write_u32(struct wire_writer *w, uint32_t v);
void wire_write_u64(struct wire_writer *w, uint64_t v);
void wire_write_bytes(struct wire_writer *w, const void *data, size_t len);
// Fails if len does not fit the prefix.
void wire_write_vec8(struct wire_writer *w, const void *data, size_t len);
void wire_write_vec16(struct wire_writer *w, const void *data, size_t len);
void wire_write_zeros(struct wire_writer *w, size_t len);
// Bytes written, or SOTTO_ESPACE.
int wire_writer_finish(const struct wire_writer *w);

#endif
