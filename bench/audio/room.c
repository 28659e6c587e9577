// SPDX-License-Identifier: Apache-2.0
#include "room.h"

#include <math.h>
#include <stdlib.h>

#define DIRECT_SHARE     0.5 // of the energy comes straight, the rest from the walls
#define REFLECTIONS_PART 10  // one sample in so many has one

// Uniform in [-1, 1): xorshift32.
static double chance(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (double)*state / 2147483648.0 - 1;
}

// A direct sound, then reflections at random that decay exponentially: unit energy.
static float *impulse_response(const struct room *room, size_t length)
{
    float *h = calloc(length, sizeof(*h));
    uint32_t state = room->seed | 1;
    double sum = 0;
    for (size_t i = 1; i < length; i++) {
        if (chance(&state) > -1 + 2.0 / REFLECTIONS_PART) {
            continue;
        }
        h[i] = (float)(chance(&state) * exp(-6.9 * (double)i / (double)length));
        sum += (double)h[i] * h[i];
    }
    for (size_t i = 1; i < length; i++) {
        h[i] *= (float)sqrt((1 - DIRECT_SHARE) / sum);
    }
    h[0] = (float)sqrt(DIRECT_SHARE);
    return h;
}

static float loudspeaker(float x, double distortion)
{
    return (float)(x - distortion * 4 * x * x * x);
}

// Linear between samples: the skew is small, and speech from 16 kHz has little near its upper end.
static float at(const float *x, size_t samples, double where)
{
    double whole = floor(where);
    if (whole < 0 || (size_t)whole + 1 >= samples) {
        return 0;
    }
    float share = (float)(where - whole);
    const float *p = x + (size_t)whole;
    return p[0] * (1 - share) + p[1] * share;
}

static double rms(const float *x, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++) {
        sum += (double)x[i] * x[i];
    }
    return sqrt(sum / (double)samples);
}

void room_echo(const struct room *room, const float *played, float *heard, size_t samples)
{
    size_t length = (size_t)room->reverberation_ms * ROOM_RATE / 1000;
    float *h = impulse_response(room, length);
    float *driven = calloc(samples, sizeof(*driven)), *echo = calloc(samples, sizeof(*echo));
    for (size_t i = 0; i < samples; i++) {
        driven[i] = loudspeaker(played[i], room->distortion);
    }
    for (size_t k = 0; k < length; k++) {
        float tap = h[k];
        for (size_t i = tap != 0 ? k : samples; i < samples; i++) {
            echo[i] += tap * driven[i - k];
        }
    }
    double delay = (double)room->delay_ms * ROOM_RATE / 1000;
    double rate = 1 + room->skew_ppm * 1e-6;
    for (size_t i = 0; i < samples; i++) {
        heard[i] = at(echo, samples, (double)i * rate - delay);
    }
    float gain = (float)(pow(10, room->echo_db / 20) * rms(played, samples) / rms(heard, samples));
    for (size_t i = 0; i < samples; i++) {
        heard[i] *= gain;
    }
    free(h);
    free(driven);
    free(echo);
}

// P. Kellet's filter of white noise, its economy form.
void room_noise(float *out, size_t samples, uint32_t seed)
{
    double b0 = 0, b1 = 0, b2 = 0;
    uint32_t state = seed | 1;
    for (size_t i = 0; i < samples; i++) {
        double white = chance(&state);
        b0 = 0.99765 * b0 + white * 0.0990460;
        b1 = 0.96300 * b1 + white * 0.2965164;
        b2 = 0.57000 * b2 + white * 1.0526913;
        out[i] = (float)(b0 + b1 + b2 + white * 0.1848);
    }
    float gain = (float)(1 / rms(out, samples));
    for (size_t i = 0; i < samples; i++) {
        out[i] *= gain;
    }
}
