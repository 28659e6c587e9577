// SPDX-License-Identifier: Apache-2.0
#include "processing.h"

#include "webrtc_apm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(PROCESSING_FRAME_SAMPLES == WEBRTC_APM_FRAME_SAMPLES, "frames of 10 ms");

struct processing {
    struct webrtc_apm *apm;
    int16_t far[PROCESSING_FAR_SAMPLES]; // a ring: far_fill samples from far_at on
    size_t far_at, far_fill;
    bool playing; // the far voice has come, and has not stopped
    size_t owed;  // samples of it that came too late so far, or are still to come
    // The least in the last so many frames: owed, waiting, and waiting for a shorter time.
    size_t least_owed, least, least_lost;
    unsigned owed_frames, frames, lost_frames;
    int16_t near[PROCESSING_FRAME_SAMPLES]; // not yet a whole frame
    size_t near_fill;
    bool heard;          // a near frame has come since the beginning
    unsigned latency[2]; // ms: near, far
};

static void forget(struct processing *p)
{
    p->far_at = p->far_fill = p->near_fill = p->owed = 0;
    p->least = p->least_owed = p->least_lost = PROCESSING_FAR_SAMPLES;
    p->frames = p->owed_frames = p->lost_frames = 0;
    p->heard = p->playing = false;
}

int processing_new(struct processing **out)
{
    struct processing *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return SOTTO_ENOMEM;
    }
    p->apm = webrtc_apm_new();
    if (p->apm == NULL) {
        free(p);
        return SOTTO_ENOMEM;
    }
    forget(p);
    *out = p;
    return 0;
}

void processing_free(struct processing *p)
{
    if (p != NULL) {
        webrtc_apm_free(p->apm);
        sotto_wipe(p, sizeof(*p));
        free(p);
    }
}

int processing_reset(struct processing *p)
{
    struct webrtc_apm *fresh = webrtc_apm_new();
    if (fresh == NULL) {
        return SOTTO_ENOMEM;
    }
    webrtc_apm_free(p->apm);
    p->apm = fresh;
    forget(p);
    return 0;
}

static void drop_far(struct processing *p, size_t samples)
{
    p->far_at = (p->far_at + samples) % PROCESSING_FAR_SAMPLES;
    p->far_fill -= samples;
}

// pcm NULL: silence.
static void add_far(struct processing *p, const int16_t *pcm, size_t samples)
{
    if (p->far_fill + samples > PROCESSING_FAR_SAMPLES) {
        drop_far(p, p->far_fill + samples - PROCESSING_FAR_SAMPLES);
    }
    for (size_t i = 0; i < samples; i++) {
        size_t at = (p->far_at + p->far_fill + i) % PROCESSING_FAR_SAMPLES;
        p->far[at] = pcm == NULL ? 0 : pcm[i];
    }
    p->far_fill += samples;
}

static void add_slack(struct processing *p)
{
    size_t owed = p->owed < PROCESSING_SLACK_SAMPLES ? p->owed : PROCESSING_SLACK_SAMPLES;
    p->owed -= owed;
    add_far(p, NULL, PROCESSING_SLACK_SAMPLES - owed);
}

void processing_far(struct processing *p, const int16_t *pcm, size_t samples)
{
    if (!p->heard) {
        return; // what was played before the microphone opened has no echo in it
    }
    if (!p->playing && samples > 0) {
        p->playing = true;
        add_slack(p);
    }
    size_t late = p->owed < samples ? p->owed : samples;
    p->owed -= late;
    samples -= late;
    size_t skipped = late;
    if (samples > PROCESSING_FAR_SAMPLES) {
        skipped += samples - PROCESSING_FAR_SAMPLES;
        samples = PROCESSING_FAR_SAMPLES;
    }
    add_far(p, pcm == NULL ? NULL : pcm + skipped, samples);
}

static void forgive(struct processing *p)
{
    p->least_owed = p->owed < p->least_owed ? p->owed : p->least_owed;
    if (++p->owed_frames < PROCESSING_OWED_FRAMES) {
        return;
    }
    if (p->least_owed > 0) {
        p->owed -= p->least_owed;
        add_slack(p);
    }
    p->least_owed = PROCESSING_FAR_SAMPLES;
    p->owed_frames = 0;
}

static void follow_clocks(struct processing *p)
{
    p->least = p->far_fill < p->least ? p->far_fill : p->least;
    if (++p->frames < PROCESSING_MUCH_FRAMES) {
        return;
    }
    if (p->least >= PROCESSING_MUCH_SAMPLES) {
        drop_far(p, PROCESSING_FRAME_SAMPLES);
    }
    p->least = PROCESSING_FAR_SAMPLES;
    p->frames = 0;
}

static void owe(struct processing *p)
{
    p->owed += PROCESSING_FRAME_SAMPLES;
    if (p->owed > PROCESSING_OWED_SAMPLES) {
        p->playing = false;
        p->owed = 0;
        drop_far(p, p->far_fill);
    }
}

static void follow_losses(struct processing *p)
{
    p->least_lost = p->far_fill < p->least_lost ? p->far_fill : p->least_lost;
    if (++p->lost_frames < PROCESSING_LOST_FRAMES) {
        return;
    }
    if (p->least_lost >= PROCESSING_LOST_SAMPLES) {
        drop_far(p, p->least_lost - PROCESSING_SLACK_SAMPLES);
        p->least = p->far_fill;
    }
    p->least_lost = PROCESSING_FAR_SAMPLES;
    p->lost_frames = 0;
}

// One frame of the far voice; silence if none waits.
static void render(struct processing *p)
{
    int16_t frame[PROCESSING_FRAME_SAMPLES] = {0};
    if (p->far_fill >= PROCESSING_FRAME_SAMPLES) {
        for (size_t i = 0; i < PROCESSING_FRAME_SAMPLES; i++) {
            frame[i] = p->far[(p->far_at + i) % PROCESSING_FAR_SAMPLES];
        }
        drop_far(p, PROCESSING_FRAME_SAMPLES);
    } else if (p->playing) {
        owe(p);
    }
    webrtc_apm_render(p->apm, frame);
    if (p->playing) {
        forgive(p);
        follow_losses(p);
        follow_clocks(p);
    }
    sotto_wipe(frame, sizeof(frame));
}

size_t processing_near(struct processing *p, int16_t *pcm, size_t samples)
{
    p->heard = p->heard || samples > 0;
    // What waited goes first.
    memmove(pcm + p->near_fill, pcm, samples * sizeof(*pcm));
    memcpy(pcm, p->near, p->near_fill * sizeof(*pcm));
    samples += p->near_fill;
    size_t done = 0;
    for (; samples - done >= PROCESSING_FRAME_SAMPLES; done += PROCESSING_FRAME_SAMPLES) {
        render(p);
        webrtc_apm_capture(p->apm, pcm + done, p->latency[0] + p->latency[1]);
    }
    p->near_fill = samples - done;
    memcpy(p->near, pcm + done, p->near_fill * sizeof(*pcm));
    return done;
}

void processing_latency(struct processing *p, bool far, unsigned ms)
{
    p->latency[far] = ms;
}

const char *processing_name(void)
{
    return webrtc_apm_name();
}
