// SPDX-License-Identifier: Apache-2.0
#include "wire/cursor.h"

#include <limits.h>
#include <sotto/base.h>
#include <string.h>

struct wire_reader wire_reader(const void *data, size_t len)
{
    return (struct wire_reader){.at = data, .left = len};
}

const uint8_t *wire_read_view(struct wire_reader *r, size_t len)
{
    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    if (len == 0) {
        return r->at; // NULL + 0 is not defined, and an empty input may be NULL
    }
    const uint8_t *view = r->at;
    r->at += len;
    r->left -= len;
    return view;
}

static uint64_t read_uint(struct wire_reader *r, size_t size)
{
    const uint8_t *view = wire_read_view(r, size);
    if (view == NULL) {
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++) {
        v = v << 8 | view[i];
    }
    return v;
}

uint8_t wire_read_u8(struct wire_reader *r)
{
    return (uint8_t)read_uint(r, 1);
}

uint16_t wire_read_u16(struct wire_reader *r)
{
    return (uint16_t)read_uint(r, 2);
}

uint32_t wire_read_u32(struct wire_reader *r)
{
    return (uint32_t)read_uint(r, 4);
}

uint64_t wire_read_u64(struct wire_reader *r)
{
    return read_uint(r, 8);
}

void wire_read_bytes(struct wire_reader *r, void *out, size_t len)
{
    const uint8_t *view = wire_read_view(r, len);
    if (len == 0) {
        return;
    }
    if (view == NULL) {
        memset(out, 0, len);
    } else {
        memcpy(out, view, len);
    }
}

static const uint8_t *read_prefixed(struct wire_reader *r, size_t prefix, size_t max, size_t *len)
{
    *len = 0;
    size_t n = (size_t)read_uint(r, prefix);
    if (n > max) {
        r->failed = true;
    }
    const uint8_t *view = wire_read_view(r, n);
    if (!r->failed) {
        *len = n;
    }
    return view;
}

const uint8_t *wire_read_vec8(struct wire_reader *r, size_t max, size_t *len)
{
    return read_prefixed(r, 1, max, len);
}

const uint8_t *wire_read_vec16(struct wire_reader *r, size_t max, size_t *len)
{
    return read_prefixed(r, 2, max, len);
}

const uint8_t *wire_read_rest(struct wire_reader *r, size_t *len)
{
    size_t n = r->failed ? 0 : r->left;
    const uint8_t *view = wire_read_view(r, n);
    *len = n;
    return view;
}

bool wire_reader_done(const struct wire_reader *r)
{
    return !r->failed && r->left == 0;
}

struct wire_writer wire_writer(void *buf, size_t cap)
{
    return (struct wire_writer){.buf = buf, .cap = cap};
}

// Room for len more bytes, already counted as written; NULL if there is none.
static uint8_t *claim(struct wire_writer *w, size_t len)
{
    if (w->failed || len > w->cap - w->len) {
        w->failed = true;
        return NULL;
    }
    if (len == 0) {
        return NULL;
    }
    uint8_t *at = w->buf + w->len;
    w->len += len;
    return at;
}

static void write_uint(struct wire_writer *w, uint64_t v, size_t size)
{
    uint8_t *at = claim(w, size);
    if (at == NULL) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
    }
}

void wire_write_u8(struct wire_writer *w, uint8_t v)
{
    write_uint(w, v, 1);
}

void wire_write_u16(struct wire_writer *w, uint16_t v)
{
    write_uint(w, v, 2);
}

void wire_write_u32(struct wire_writer *w, uint32_t v)
{
    write_uint(w, v, 4);
}

void wire_write_u64(struct wire_writer *w, uint64_t v)
{
    write_uint(w, v, 8);
}

void wire_write_bytes(struct wire_writer *w, const void *data, size_t len)
{
    uint8_t *at = claim(w, len);
    if (at != NULL) {
        memcpy(at, data, len);
    }
}

static void write_prefixed(struct wire_writer *w, size_t prefix, const void *data, size_t len)
{
    if (len >> (8 * prefix) != 0) {
        w->failed = true;
        return;
    }
    write_uint(w, len, prefix);
    wire_write_bytes(w, data, len);
}

void wire_write_vec8(struct wire_writer *w, const void *data, size_t len)
{
    write_prefixed(w, 1, data, len);
}

void wire_write_vec16(struct wire_writer *w, const void *data, size_t len)
{
    write_prefixed(w, 2, data, len);
}

void wire_write_zeros(struct wire_writer *w, size_t len)
{
    uint8_t *at = claim(w, len);
    if (at != NULL) {
        memset(at, 0, len);
    }
}

int wire_writer_finish(const struct wire_writer *w)
{
    if (w->failed || w->len > INT_MAX) {
        return SOTTO_ESPACE;
    }
    return (int)w->len;
}
