// SPDX-License-Identifier: Apache-2.0
// UTF-8 (RFC 3629), one code point at a time.
#ifndef SOTTO_BASE_UTF8_H
#define SOTTO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The code point at data and in *size how many bytes it takes; negative (SOTTO_EPARSE) for
// anything RFC 3629 §3 forbids: overlong forms, surrogates, above U+10FFFF, cut short. len > 0.
int32_t utf8_decode(const void *data, size_t len, size_t *size);
bool utf8_valid(const void *data, size_t len);

#endif
