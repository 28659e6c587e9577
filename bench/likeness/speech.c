// SPDX-License-Identifier: Apache-2.0
#include "likeness.h"

#include <math.h>

#define PI   3.14159265358979
#define RATE 48000

struct voice {
    uint32_t random;
    double phase;
    double y1[3], y2[3]; // of the formants
};

static double chance(struct voice *v)
{
    v->random = v->random * 1664525u + 1013904223u;
    return (v->random >> 8) / 16777216.0;
}

// A two-pole resonance at `hz`, applied to one sample.
static double resonate(struct voice *v, int formant, double x, double hz, double width)
{
    double r = exp(-PI * width / RATE);
    double y =
        x * (1 - r) + 2 * r * cos(2 * PI * hz / RATE) * v->y1[formant] - r * r * v->y2[formant];
    v->y2[formant] = v->y1[formant];
    v->y1[formant] = y;
    return y;
}

struct syllable {
    size_t length; // 120 to 300 ms
    double first_hz, second_hz, pitch_hz;
    bool voiced, pause;
};

static double speak(struct voice *v, const struct syllable *s, size_t at)
{
    double shape = s->pause ? 0 : sin(PI * (double)at / (double)s->length);
    v->phase += s->pitch_hz / RATE;
    double source = s->voiced ? (v->phase >= 1 ? 30 : 0) : chance(v) - 0.5;
    v->phase -= v->phase >= 1 ? 1 : 0;
    return shape *
           (resonate(v, 0, source, s->first_hz, 80) + resonate(v, 1, source, s->second_hz, 120) +
            0.5 * resonate(v, 2, source, 2700, 200));
}

// One after the other: the order of chance decides what is said.
static struct syllable next_syllable(struct voice *v)
{
    struct syllable s;
    s.length = (size_t)((0.12 + 0.18 * chance(v)) * RATE);
    s.first_hz = 300 + 500 * chance(v);
    s.second_hz = 900 + 1500 * chance(v);
    s.pitch_hz = 90 + 60 * chance(v);
    s.voiced = chance(v) < 0.75;
    s.pause = chance(v) < 0.15;
    return s;
}

void speech_make(int16_t *pcm, size_t samples, uint32_t seed)
{
    struct voice v = {.random = seed};
    for (size_t at = 0; at < samples;) {
        struct syllable s = next_syllable(&v);
        for (size_t i = 0; i < s.length && at < samples; i++, at++) {
            pcm[at] = (int16_t)fmax(fmin(4000 * speak(&v, &s, i), 30000), -30000);
        }
    }
}
