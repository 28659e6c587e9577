// SPDX-License-Identifier: Apache-2.0
// An input as a NUL-terminated text in memory of exactly its size, so that a read past its end is
// seen. free() it.
#ifndef SOTTO_FUZZ_TEXT_H
#define SOTTO_FUZZ_TEXT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

#endif
