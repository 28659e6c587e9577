// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <sotto/base.h>

// By the number of bytes: the lead byte's fixed bits, and the least code point that needs so many.
static const struct form {
    uint8_t mask, lead;
    int32_t least;
} forms[] = {
    {0x80, 0x00, 0},
    {0xe0, 0xc0, 0x80},
    {0xf0, 0xe0, 0x800},
    {0xf8, 0xf0, 0x10000},
};

#define CODE_POINT_MAX 0x10ffff

static bool is_surrogate(int32_t c)
{
    return c >= 0xd800 && c <= 0xdfff;
}

int32_t utf8_decode(const void *data, size_t len, size_t *size)
{
    const uint8_t *at = data;
    size_t extra = 0;
    while (extra < sizeof forms / sizeof forms[0] &&
           (at[0] & forms[extra].mask) != forms[extra].lead) {
        extra++;
    }
    if (extra == sizeof forms / sizeof forms[0] || extra >= len) {
        return SOTTO_EPARSE;
    }
    int32_t c = at[0] & ~forms[extra].mask;
    for (size_t i = 1; i <= extra; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return SOTTO_EPARSE;
        }
        c = c << 6 | (at[i] & 0x3f);
    }
    if (c < forms[extra].least || c > CODE_POINT_MAX || is_surrogate(c)) {
        return SOTTO_EPARSE;
    }
    *size = extra + 1;
    return c;
}

bool utf8_valid(const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        size_t size;
        if (utf8_decode(at, len, &size) < 0) {
            return false;
        }
        at += size;
        len -= size;
    }
    return true;
}
