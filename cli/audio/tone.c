// SPDX-License-Identifier: Apache-2.0
#include "tone.h"

#include <math.h>
#include <stddef.h>

#define PERIOD_SAMPLES   (5 * AUDIO_RATE)
#define EDGE_SAMPLES     (AUDIO_RATE / 50) // 20 ms: a tone that begins at once clicks
#define NOTE_SAMPLES     (AUDIO_RATE / 25) // 40 ms each, as a bell's warble
#define SOFT_SAMPLES     (10 * AUDIO_RATE) // a ring is loud after two of them
#define RINGBACK_LEVEL   0.10              // of full scale
#define RING_LEVEL       0.30
#define RING_LEVEL_FIRST 0.10

static const double two_pi = 6.283185307179586;

// 0..1: rises and falls over the edges of what lasts `on` samples from 0.
static double envelope(uint64_t at, uint64_t on)
{
    if (at >= on) {
        return 0;
    }
    uint64_t edge = at < on - at ? at : on - at;
    return edge >= EDGE_SAMPLES ? 1 : (double)edge / EDGE_SAMPLES;
}

static double ringback(uint64_t at)
{
    return RINGBACK_LEVEL * envelope(at, AUDIO_RATE) *
           sin(two_pi * 425.0 / AUDIO_RATE * (double)at);
}

// Both notes have whole periods in NOTE_SAMPLES, so that one goes into the other without a step.
static double ring(uint64_t at, uint64_t position)
{
    double frequency = at / NOTE_SAMPLES % 2 == 0 ? 800.0 : 1000.0;
    double louder = position >= SOFT_SAMPLES ? 1 : (double)position / SOFT_SAMPLES;
    double level = RING_LEVEL_FIRST + (RING_LEVEL - RING_LEVEL_FIRST) * louder;
    return level * envelope(at, 2 * AUDIO_RATE) * sin(two_pi * frequency / AUDIO_RATE * (double)at);
}

void tone_piece(enum tone tone, uint64_t position, int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint64_t at = (position + i) % PERIOD_SAMPLES;
        double v = tone == TONE_RINGBACK ? ringback(at)
                   : tone == TONE_RING   ? ring(at, position + i)
                                         : 0;
        pcm[i] = (int16_t)lrint(v * INT16_MAX);
    }
}
