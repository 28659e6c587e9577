// SPDX-License-Identifier: Apache-2.0
#include "varint.h"

#include <assert.h>

size_t varint_put(uint8_t *out, uint64_t value)
{
    assert(value <= VARINT_MAX);
    unsigned log2 = value < (1u << 6) ? 0 : value < (1u << 14) ? 1 : value < (1u << 30) ? 2 : 3;
    size_t n = (size_t)1 << log2;
    for (size_t i = 0; i < n; i++) {
        out[n - 1 - i] = (uint8_t)(value >> (8 * i));
    }
    out[0] |= (uint8_t)(log2 << 6);
    return n;
}

size_t varint_get(const uint8_t *data, size_t len, uint64_t *value)
{
    struct varint_reader r = {0};
    const uint8_t *at = data;
    if (!varint_read(&r, &at, data + len, value)) {
        return 0;
    }
    return (size_t)(at - data);
}

bool varint_read(struct varint_reader *r, const uint8_t **data, const uint8_t *end, uint64_t *value)
{
    const uint8_t *at = *data;
    if (!r->started && at < end) {
        r->started = 1;
        r->left = (uint8_t)((1u << (*at >> 6)) - 1);
        r->value = *at++ & 0x3f;
    }
    while (r->started && r->left > 0 && at < end) {
        r->value = (r->value << 8) | *at++;
        r->left--;
    }
    *data = at;
    if (!r->started || r->left > 0) {
        return false;
    }
    *value = r->value;
    r->started = 0;
    return true;
}
