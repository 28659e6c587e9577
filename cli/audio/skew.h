// SPDX-License-Identifier: Apache-2.0
// Drift guard: a sound card's clock is not the machine's. Cells leave by the machine's clock, so
// the microphone's samples are held to it: when they have run ahead or fallen behind by more than
// SKEW_TOLERANCE_SAMPLES, SKEW_STEP_SAMPLES are taken out or put in, under a crossfade.
#ifndef SOTTO_AUDIO_SKEW_H
#define SOTTO_AUDIO_SKEW_H

#include <sotto/base.h>

#define SKEW_RATE              48000
#define SKEW_TOLERANCE_SAMPLES 480 // 10 ms: more than the unevenness of a card's bursts
#define SKEW_STEP_SAMPLES      48  // 1 ms
#define SKEW_FADE_SAMPLES      96
#define SKEW_MIN_SAMPLES       (SKEW_FADE_SAMPLES + SKEW_STEP_SAMPLES) // of a chunk that can be changed
#define SKEW_RESET_SAMPLES     9600 // 200 ms: not drift but an outage; begin anew

struct skew {
    bool started;
    sotto_ns since_ns;
    int64_t passed;             // samples given on since then
    int64_t average_q8;         // of the error, smoothed, in 1/256 samples
    uint32_t inserted, removed; // steps, for statistics
};

void skew_init(struct skew *s);
// Changes `samples` samples at pcm in place; room for SKEW_STEP_SAMPLES more. New count. `now` is
// when the last of them was taken.
size_t skew_adjust(struct skew *s, int16_t *pcm, size_t samples, sotto_ns now);

#endif
