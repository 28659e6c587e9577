// SPDX-License-Identifier: Apache-2.0
#include "media/replay.h"

#include <assert.h>
#include <string.h>

#define WORD_BITS 64

static_assert((REPLAY_WORDS & (REPLAY_WORDS - 1)) == 0, "word indices are masked");
static_assert(REPLAY_WORDS * WORD_BITS >= REPLAY_WINDOW + WORD_BITS,
              "the word being entered holds nothing of the window");

static uint64_t *word_of(struct replay_window *w, uint64_t ctr)
{
    return &w->words[ctr / WORD_BITS & (REPLAY_WORDS - 1)];
}

static uint64_t bit_of(uint64_t ctr)
{
    return UINT64_C(1) << (ctr % WORD_BITS);
}

// Clears the words between the old highest and the new, which still tell of earlier rounds.
static void advance(struct replay_window *w, uint64_t ctr)
{
    uint64_t words = ctr / WORD_BITS - w->highest / WORD_BITS;
    if (words >= REPLAY_WORDS) {
        memset(w->words, 0, sizeof w->words);
    } else {
        for (uint64_t i = 0; i < words; i++) {
            *word_of(w, ctr - i * WORD_BITS) = 0;
        }
    }
    w->highest = ctr;
}

void replay_init(struct replay_window *w)
{
    memset(w, 0, sizeof *w);
}

int replay_check(const struct replay_window *w, uint64_t ctr)
{
    if (!w->any || ctr > w->highest) {
        return 0;
    }
    if (w->highest - ctr >= REPLAY_WINDOW) {
        return SOTTO_EREPLAY;
    }
    uint64_t word = w->words[ctr / WORD_BITS & (REPLAY_WORDS - 1)];
    return (word & bit_of(ctr)) != 0 ? SOTTO_EREPLAY : 0;
}

void replay_mark(struct replay_window *w, uint64_t ctr)
{
    assert(replay_check(w, ctr) == 0);
    if (!w->any) {
        w->any = true;
        w->highest = ctr;
    } else if (ctr > w->highest) {
        advance(w, ctr);
    }
    *word_of(w, ctr) |= bit_of(ctr);
}
