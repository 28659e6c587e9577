// SPDX-License-Identifier: Apache-2.0
#ifndef SOTTO_DAEMON_HEX_H
#define SOTTO_DAEMON_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Lower case, with a NUL: out has 2 * len + 1 bytes.
void hex_encode(const uint8_t *data, size_t len, char *out);
// Exactly 2 * len digits of either case; out is unchanged otherwise.
bool hex_decode(const char *text, uint8_t *out, size_t len);

#endif
