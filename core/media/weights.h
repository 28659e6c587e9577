// SPDX-License-Identifier: Apache-2.0
// The neural networks' weights of Opus, when they are not compiled in.
#ifndef SOTTO_MEDIA_WEIGHTS_H
#define SOTTO_MEDIA_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the data has that SHA-256, written as 64 small hexadecimal digits. Opus takes weights as
// they are: wrong lengths, and wrong numbers, lead it out of its arrays. So it gets only a file
// that is known, and everything else, however slightly damaged, is refused here.
bool weights_match(const uint8_t *data, size_t len, const char *sha256);

#endif
