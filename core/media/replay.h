// SPDX-License-Identifier: Apache-2.0
// Which counters were seen: a sliding window (the method of RFC 6479). Checking and marking are
// two steps, since a counter counts only after its packet has authenticated.
#ifndef SOTTO_MEDIA_REPLAY_H
#define SOTTO_MEDIA_REPLAY_H

#include <sotto/base.h>

#define REPLAY_WINDOW 1024 // counters at and below the highest that can be told apart
#define REPLAY_WORDS  32   // a power of two; 64 bits each: the window, and words to clear ahead

struct replay_window {
    uint64_t highest;
    bool any; // false: nothing was seen, `highest` means nothing
    uint64_t words[REPLAY_WORDS];
};

void replay_init(struct replay_window *w);
// 0, or SOTTO_EREPLAY: seen, or so far below the highest that it cannot be told.
int replay_check(const struct replay_window *w, uint64_t ctr);
// Marks a counter for which replay_check gave 0.
void replay_mark(struct replay_window *w, uint64_t ctr);

#endif
