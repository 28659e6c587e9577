// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "base/utf8.h"

struct range {
    int32_t first, last;
};

static bool in_ranges(const struct range *ranges, size_t count, int32_t c)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

// What changes how other text is shown, or carries text that is not shown at all.
static bool is_forbidden(int32_t c)
{
    static const struct range ranges[] = {
        {0x0000, 0x001f},    // C0 controls
        {0x007f, 0x009f},    // delete, C1 controls
        {0x061c, 0x061c},    // Arabic letter mark
        {0x200e, 0x200f},    // directional marks
        {0x2028, 0x202e},    // line, paragraph; directional embeddings and overrides
        {0x2060, 0x206f},    // word joiner, invisible operators, directional isolates
        {0xfeff, 0xfeff},    // byte order mark
        {0xfff0, 0xfffb},    // unassigned specials, interlinear annotation
        {0xfffe, 0xffff},    // noncharacters
        {0xe0000, 0xe0fff},  // tags
        {0xf0000, 0x10ffff}, // private planes
    };
    return in_ranges(ranges, sizeof ranges / sizeof ranges[0], c);
}

// White space and what is not seen alone.
static bool is_blank(int32_t c)
{
    static const struct range ranges[] = {
        {0x0020, 0x0020}, {0x00a0, 0x00a0}, {0x00ad, 0x00ad}, {0x034f, 0x034f},
        {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
        {0x2000, 0x200d}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800},
        {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xffa0, 0xffa0},
    };
    return in_ranges(ranges, sizeof ranges / sizeof ranges[0], c);
}

int sotto_name_check(const char *name)
{
    size_t len = strnlen(name, SOTTO_NAME_MAX_BYTES + 1);
    if (len == 0 || len > SOTTO_NAME_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    bool seen = false;
    while (len > 0) {
        size_t size;
        int32_t c = utf8_decode(name, len, &size);
        if (c < 0 || is_forbidden(c)) {
            return SOTTO_EINVAL;
        }
        seen = seen || !is_blank(c);
        name += size;
        len -= size;
    }
    return seen ? 0 : SOTTO_EINVAL;
}
