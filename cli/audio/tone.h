// SPDX-License-Identifier: Apache-2.0
// The tones of a telephone, made piece by piece.
#ifndef SOTTO_AUDIO_TONE_H
#define SOTTO_AUDIO_TONE_H

#include "audio.h"

#include <stdint.h>

enum tone {
    TONE_NONE,
    TONE_RINGBACK, // the caller hears that it rings: 425 Hz, 1 s of 5 (ITU-T E.180)
    TONE_RING,     // the callee is called: two notes in turn, 2 s of 5, from soft to clear
};

// The samples that begin `position` samples after the tone's beginning. Silence for TONE_NONE.
void tone_piece(enum tone tone, uint64_t position, int16_t *pcm, size_t samples);

#endif
