// SPDX-License-Identifier: Apache-2.0
// Sound to test with, and how much of it came through.
#ifndef SOTTO_TESTS_SOUND_H
#define SOTTO_TESTS_SOUND_H

#include "prng.h"

#include <math.h>
#include <sotto/media.h>
#include <stdio.h>
#include <string.h>

#define SOUND_PI          3.14159265358979323846
#define SOUND_SPEECH_FILE "/usr/share/pocketsphinx/test/data/goforward.raw" // 16 kHz, s16le

static inline void sound_tone(int16_t *pcm, size_t n, double hertz, double peak)
{
    for (size_t i = 0; i < n; i++) {
        pcm[i] = (int16_t)(peak * sin(2 * SOUND_PI * hertz * (double)i / SOTTO_SAMPLE_RATE));
    }
}

static inline void sound_noise(int16_t *pcm, size_t n, int peak, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        pcm[i] = (int16_t)((int)prng_below(&seed, 2 * (uint32_t)peak + 1) - peak);
    }
}

// Pulses of a gliding pitch through two resonances, in syllables with pauses between them.
static inline void sound_synth_speech(int16_t *pcm, size_t n)
{
    const double freq[2] = {600, 1400};
    double y1[2] = {0}, y2[2] = {0}, phase = 0;
    for (size_t i = 0; i < n; i++) {
        double t = (double)i / SOTTO_SAMPLE_RATE;
        double syllable = fmax(0, sin(2 * SOUND_PI * 2.5 * t));
        phase += (110 + 25 * sin(2 * SOUND_PI * 0.7 * t)) / SOTTO_SAMPLE_RATE;
        double pulse = phase >= 1 ? 9000 * syllable : 0;
        phase -= phase >= 1 ? 1 : 0;
        double out = 0;
        for (int k = 0; k < 2; k++) {
            const double r = 0.994;
            double y = pulse + 2 * r * cos(2 * SOUND_PI * freq[k] / SOTTO_SAMPLE_RATE) * y1[k] -
                       r * r * y2[k];
            y2[k] = y1[k];
            y1[k] = y;
            out += y * 0.03;
        }
        pcm[i] = (int16_t)fmax(-30000, fmin(30000, out));
    }
}

// Recorded speech if the machine has it, otherwise synthetic; name says which.
static inline const char *sound_speech(int16_t *pcm, size_t n)
{
    FILE *f = fopen(SOUND_SPEECH_FILE, "rb");
    if (f == NULL) {
        sound_synth_speech(pcm, n);
        return "synthetic speech";
    }
    int16_t now = 0, next = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 3 == 0) {
            now = next;
            uint8_t le[2] = {0, 0};
            if (fread(le, 1, 2, f) != 2) {
                rewind(f);
            }
            next = (int16_t)(le[0] | le[1] << 8);
        }
        pcm[i] = (int16_t)(now + (next - now) * (int)(i % 3) / 3);
    }
    fclose(f);
    return "recorded speech";
}

static inline double sound_energy(const int16_t *pcm, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sum / (double)n;
}

// Normalized correlation (1: the same but for loudness) at the lag, up to max_lag, where it is
// greatest.
static inline double sound_likeness(const int16_t *in, const int16_t *out, size_t n, size_t max_lag)
{
    double best = -1;
    for (size_t lag = 0; lag <= max_lag; lag++) {
        double ab = 0, aa = 0, bb = 0;
        for (size_t i = 0; i + lag < n; i++) {
            ab += (double)in[i] * out[i + lag];
            aa += (double)in[i] * in[i];
            bb += (double)out[i + lag] * out[i + lag];
        }
        double c = ab / (sqrt(aa * bb) + 1e-9);
        best = c > best ? c : best;
    }
    return best;
}

#endif
