// SPDX-License-Identifier: Apache-2.0
// What the microphone gave and no cell has taken yet. The microphone's bursts and the ticks have no
// common phase: what lies here longer than it need is delay from mouth to ear, and is cut out; what
// is missing when a cell is made is a gap.
#ifndef SOTTO_CALL_CAPTURE_H
#define SOTTO_CALL_CAPTURE_H

#include <sotto/media.h>

#define CAPTURE_FRAMES_MAX     3  // more: the oldest sound goes
#define CAPTURE_SHRINK_TICKS   50 // what was never used for so long is cut out ...
// ... but for this, which is doubled, up to a frame, whenever the microphone came too late.
#define CAPTURE_MARGIN_SAMPLES (SOTTO_SAMPLE_RATE / 1000 * 4)
#define CAPTURE_FADE_SAMPLES   (SOTTO_SAMPLE_RATE / 1000 * 2) // over a cut

struct capture {
    int16_t pcm[CAPTURE_FRAMES_MAX * SOTTO_FRAME_SAMPLES];
    size_t samples;
    size_t spare; // least that was left over since the count below began
    uint32_t ticks;
    size_t margin;
};

// Empty, as for a microphone that was just opened; wipes what was there.
void capture_reset(struct capture *c);
void capture_put(struct capture *c, const int16_t *pcm, size_t samples);
// The oldest frame; false: there is none, and pcm is unchanged.
bool capture_take(struct capture *c, int16_t pcm[SOTTO_FRAME_SAMPLES]);

#endif
