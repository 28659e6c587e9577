// SPDX-License-Identifier: Apache-2.0
// The neural networks' weights of Opus, when they are not compiled in.
#ifndef SOTTO_MEDIA_WEIGHTS_H
#define SOTTO_MEDIA_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether data has a certain SHA-256, written as 64 small hexadecimal digits. Opus takes weights as
// they are: wrong lengths, and wrong numbers, lead it out of its arrays. So it gets only a file
// that is known, and everything else, however slightly damaged, is refused here.
//
// They are looked at in steps of a millisecond or two, so that no cell of a call is late for them.
#define WEIGHTS_STEP_BYTES ((size_t)128 << 10)

struct weights_check {
    const uint8_t *data;
    size_t len, at;
    void *digest; // NULL: none under way
};

enum weights_found {
    WEIGHTS_MORE, // call again with the same
    WEIGHTS_GOOD,
    WEIGHTS_BAD,
};

// Other data than the last time: begins anew. After GOOD and BAD there is nothing left to free.
enum weights_found weights_check(struct weights_check *c, const uint8_t *data, size_t len,
                                 const char *sha256);

#endif
