// SPDX-License-Identifier: Apache-2.0
#include "skew.h"

#include <string.h>

#define AVERAGE_SHIFT 5 // of the smoothing: about half a second of 20 ms chunks

void skew_init(struct skew *s)
{
    memset(s, 0, sizeof(*s));
}

static int16_t mix(int16_t from, int16_t to, int at)
{
    int32_t sum = from * (SKEW_FADE_SAMPLES - at) + to * at;
    return (int16_t)(sum / SKEW_FADE_SAMPLES);
}

// The end of the chunk is heard SKEW_STEP_SAMPLES earlier.
static size_t take_out(int16_t *pcm, size_t samples)
{
    int16_t *fade = pcm + samples - SKEW_MIN_SAMPLES;
    for (int i = 0; i < SKEW_FADE_SAMPLES; i++) {
        fade[i] = mix(fade[i], fade[i + SKEW_STEP_SAMPLES], i);
    }
    return samples - SKEW_STEP_SAMPLES;
}

// The end of the chunk is heard SKEW_STEP_SAMPLES later, a bit of it twice.
static size_t put_in(int16_t *pcm, size_t samples)
{
    int16_t tail[SKEW_MIN_SAMPLES];
    int16_t *fade = pcm + samples - SKEW_FADE_SAMPLES;
    memcpy(tail, fade - SKEW_STEP_SAMPLES, sizeof(tail));
    // From the sound as it is into the same sound SKEW_STEP_SAMPLES later.
    for (int i = 0; i < SKEW_FADE_SAMPLES; i++) {
        fade[i] = mix(tail[i + SKEW_STEP_SAMPLES], tail[i], i);
    }
    memcpy(fade + SKEW_FADE_SAMPLES, tail + SKEW_FADE_SAMPLES, SKEW_STEP_SAMPLES * sizeof(*tail));
    return samples + SKEW_STEP_SAMPLES;
}

size_t skew_adjust(struct skew *s, int16_t *pcm, size_t samples, sotto_ns now)
{
    if (!s->started) {
        s->started = true;
        s->since_ns = now;
        s->passed = 0;
        s->average_q8 = 0;
        return samples;
    }
    s->passed += (int64_t)samples;
    int64_t due = (int64_t)((now - s->since_ns) / 1000 * SKEW_RATE / 1000000);
    int64_t ahead = s->passed - due;
    if (ahead > SKEW_RESET_SAMPLES || ahead < -SKEW_RESET_SAMPLES) {
        s->started = false;
        return samples;
    }
    s->average_q8 += (ahead * 256 - s->average_q8) / (1 << AVERAGE_SHIFT);
    if (samples < SKEW_MIN_SAMPLES) {
        return samples;
    }
    if (s->average_q8 > SKEW_TOLERANCE_SAMPLES * 256) {
        samples = take_out(pcm, samples);
        s->passed -= SKEW_STEP_SAMPLES;
        s->average_q8 -= SKEW_STEP_SAMPLES * 256;
        s->removed++;
    } else if (s->average_q8 < -SKEW_TOLERANCE_SAMPLES * 256) {
        samples = put_in(pcm, samples);
        s->passed += SKEW_STEP_SAMPLES;
        s->average_q8 += SKEW_STEP_SAMPLES * 256;
        s->inserted++;
    }
    return samples;
}
