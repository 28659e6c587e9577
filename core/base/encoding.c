// SPDX-License-Identifier: Apache-2.0
#include "base/encoding.h"

#include <limits.h>
#include <sotto/base.h>

// Both encodings are the same: groups of `bits` bits, most significant first.
#define BASE32_BITS 5
#define BASE64_BITS 6

// Longer inputs have no use here, and bit counts stay far from overflow.
#define ENCODING_MAX_BYTES (INT_MAX / 16)

static const char base32_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode(const char *alphabet, unsigned bits, const uint8_t *data, size_t len, char *out,
                  size_t cap)
{
    if (len > ENCODING_MAX_BYTES) {
        return SOTTO_ESPACE;
    }
    size_t chars = (len * 8 + bits - 1) / bits;
    if (chars >= cap) {
        return SOTTO_ESPACE;
    }
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        held = held << 8 | data[i];
        held_bits += 8;
        while (held_bits >= bits) {
            held_bits -= bits;
            out[at++] = alphabet[held >> held_bits & ((1U << bits) - 1)];
        }
    }
    if (held_bits > 0) {
        out[at++] = alphabet[held << (bits - held_bits) & ((1U << bits) - 1)];
    }
    out[at] = '\0';
    return (int)at;
}

static int base32_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a';
    }
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

// Whether an encoder can have made this text.
static bool text_valid(int (*value)(char), unsigned bits, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (value(text[i]) < 0) {
            return false;
        }
    }
    size_t spare_bits = len * bits % 8;
    if (spare_bits >= bits) {
        return false; // the last character would carry nothing
    }
    return len == 0 || (value(text[len - 1]) & ((1 << spare_bits) - 1)) == 0;
}

static int decode(int (*value)(char), unsigned bits, const char *text, size_t len, uint8_t *out,
                  size_t cap)
{
    if (len > ENCODING_MAX_BYTES || !text_valid(value, bits, text, len)) {
        return SOTTO_EPARSE;
    }
    if (len * bits / 8 > cap) {
        return SOTTO_ESPACE;
    }
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        held = held << bits | (uint32_t)value(text[i]);
        held_bits += bits;
        if (held_bits >= 8) {
            held_bits -= 8;
            out[at++] = (uint8_t)(held >> held_bits);
        }
    }
    return (int)at;
}

int base32_encode(const uint8_t *data, size_t len, char *out, size_t cap)
{
    return encode(base32_alphabet, BASE32_BITS, data, len, out, cap);
}

int base64url_encode(const uint8_t *data, size_t len, char *out, size_t cap)
{
    return encode(base64url_alphabet, BASE64_BITS, data, len, out, cap);
}

int base32_decode(const char *text, size_t len, uint8_t *out, size_t cap)
{
    return decode(base32_value, BASE32_BITS, text, len, out, cap);
}

int base64url_decode(const char *text, size_t len, uint8_t *out, size_t cap)
{
    return decode(base64url_value, BASE64_BITS, text, len, out, cap);
}
