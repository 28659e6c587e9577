// SPDX-License-Identifier: Apache-2.0
// QUIC variable-length integers (RFC 9000 §16), written at once and read across any cut.
#ifndef NET_VARINT_H
#define NET_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX_BYTES 8
#define VARINT_MAX       ((UINT64_C(1) << 62) - 1)

// Writes `value` (≤ VARINT_MAX) in its shortest form into at least VARINT_MAX_BYTES; returns the
// number of bytes.
size_t varint_put(uint8_t *out, uint64_t value);

// Reads one from a complete buffer. Returns the bytes used, 0 if the buffer ends too early.
size_t varint_get(const uint8_t *data, size_t len, uint64_t *value);

// One that may arrive byte by byte. All zero is the start of the next one.
struct varint_reader {
    uint64_t value;
    uint8_t left; // bytes still missing, when started
    uint8_t started;
};

// Takes bytes from *data up to `end`. Returns true once `value` is complete, and is ready then
// for the next one.
bool varint_read(struct varint_reader *r, const uint8_t **data, const uint8_t *end,
                 uint64_t *value);

#endif
