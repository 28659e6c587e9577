// SPDX-License-Identifier: Apache-2.0
#include "capture.h"

#include <sotto/base.h>
#include <string.h>

void capture_reset(struct capture *c)
{
    sotto_wipe(c, sizeof *c);
    c->margin = CAPTURE_MARGIN_SAMPLES;
}

static void drop(struct capture *c, size_t samples)
{
    c->samples -= samples;
    memmove(c->pcm, c->pcm + samples, c->samples * sizeof c->pcm[0]);
}

void capture_put(struct capture *c, const int16_t *pcm, size_t samples)
{
    const size_t cap = sizeof c->pcm / sizeof c->pcm[0];
    if (samples > cap) {
        pcm += samples - cap;
        samples = cap;
    }
    if (c->samples + samples > cap) // the tick is late
        drop(c, c->samples + samples - cap);
    memcpy(c->pcm + c->samples, pcm, samples * sizeof c->pcm[0]);
    c->samples += samples;
}

// Leaves `samples` out, under a crossfade; CAPTURE_FADE_SAMPLES more are there.
static void cut(struct capture *c, size_t samples)
{
    const int16_t *from = c->pcm;
    int16_t *to = c->pcm + samples;
    for (int32_t i = 0; i < CAPTURE_FADE_SAMPLES; i++) {
        int32_t mixed = from[i] * (CAPTURE_FADE_SAMPLES - i) + to[i] * i;
        to[i] = (int16_t)(mixed / CAPTURE_FADE_SAMPLES);
    }
    drop(c, samples);
}

static void shrink(struct capture *c)
{
    if (c->ticks == 0 || c->samples < c->spare)
        c->spare = c->samples;
    if (++c->ticks < CAPTURE_SHRINK_TICKS)
        return;
    if (c->spare >= SOTTO_FRAME_SAMPLES) // after a stall
        drop(c, SOTTO_FRAME_SAMPLES);
    else if (c->spare > c->margin) // the phase
        cut(c, c->spare - c->margin);
    c->ticks = 0;
}

// Once the microphone gives frames, one that is not there came too late.
static void missed(struct capture *c)
{
    if (c->ticks == 0)
        return;
    c->ticks = 0;
    c->margin = c->margin * 2 < SOTTO_FRAME_SAMPLES ? c->margin * 2 : SOTTO_FRAME_SAMPLES;
}

bool capture_take(struct capture *c, int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    if (c->samples < SOTTO_FRAME_SAMPLES) {
        missed(c);
        return false;
    }
    memcpy(pcm, c->pcm, SOTTO_FRAME_SAMPLES * sizeof pcm[0]);
    drop(c, SOTTO_FRAME_SAMPLES);
    shrink(c);
    return true;
}
