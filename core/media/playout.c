// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"
#include "media/frame_store.h"
#include "media/playout_policy.h"
#include "media/voice.h"

#include <stdlib.h>
#include <string.h>

#define FADE_SAMPLES        480      // 10 ms, where a frame was skipped
#define QUIET_LEVEL         64       // mean |sample|: silence whatever else is said
#define QUIET_SHARE         4        // quiet: below this part of the usual level
#define LEVEL_WEIGHT        32       // frames over which the usual level is taken
#define DELAY_WEIGHT        8        // frames over which the delay is taken
#define TRANSIT_STEP_MAX_US 10000000 // a larger step is an outage or a clock, not jitter

struct sotto_playout {
    const struct sotto_env *env;
    struct sotto_voice_decoder *decoder;
    struct playout_policy policy;
    struct frame_store store;
    struct sotto_playout_stats stats;
    uint64_t oldest;      // frames below it are out of the store
    uint32_t concealing;  // frames in a row
    uint32_t usual_level; // mean |sample| of what was played
    bool has_transit;
    int64_t transit_us;
    uint64_t jitter_16; // RFC 3550 §A.8: sixteen times the estimate
};

int sotto_playout_new(struct sotto_playout **out, const struct sotto_env *env)
{
    struct sotto_playout *p = mem_alloc(env, sizeof *p);
    if (p == NULL) {
        return SOTTO_ENOMEM;
    }
    p->env = env;
    int err = sotto_voice_decoder_new(&p->decoder, env);
    if (err != 0) {
        mem_free(env, p);
        return err;
    }
    *out = p;
    return 0;
}

void sotto_playout_free(struct sotto_playout *p)
{
    if (p == NULL) {
        return;
    }
    sotto_voice_decoder_free(p->decoder);
    mem_free_secret(p->env, p, sizeof *p);
}

static void start_over(struct sotto_playout *p)
{
    frame_store_clear(&p->store);
    p->oldest = 0;
    p->concealing = 0;
    p->has_transit = false;
}

void sotto_playout_reset(struct sotto_playout *p)
{
    start_over(p);
    playout_policy_reset(&p->policy);
    voice_decoder_reset(p->decoder);
}

void sotto_playout_stats(const struct sotto_playout *p, struct sotto_playout_stats *out)
{
    *out = p->stats;
    out->depth_frames = p->store.waiting;
    out->jitter_us = (uint32_t)(p->jitter_16 / 16);
}

// ---- arrivals ---------------------------------------------------------------------------------

// Only frames that are newer than all before: others were sent again, or overtaken.
static void measure_jitter(struct sotto_playout *p, uint64_t tick, sotto_ns now)
{
    if (p->store.any && tick < p->store.newest) {
        return;
    }
    int64_t transit = (int64_t)(now / 1000 - tick * (SOTTO_TICK_NS / 1000));
    int64_t step = (int64_t)((uint64_t)transit - (uint64_t)p->transit_us);
    bool usable = p->has_transit && step < TRANSIT_STEP_MAX_US && step > -TRANSIT_STEP_MAX_US;
    p->has_transit = true;
    p->transit_us = transit;
    if (usable) {
        uint64_t size = (uint64_t)(step < 0 ? -step : step);
        p->jitter_16 += size - (p->jitter_16 + 8) / 16;
    }
}

int sotto_playout_put(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
                      sotto_ns now)
{
    if (len == 0 || len > SOTTO_VOICE_PACKET_MAX_BYTES || tick > PLAYOUT_TICK_MAX) {
        return SOTTO_EPARSE;
    }
    if (frame_store_knows(&p->store, tick)) {
        p->stats.duplicate++;
        return SOTTO_EREPLAY;
    }
    switch (playout_policy_admit(&p->policy, &p->store, tick, now)) {
    case PLAYOUT_LATE:
        p->stats.late++;
        return SOTTO_EREPLAY;
    case PLAYOUT_RESTART:
        start_over(p);
        break;
    case PLAYOUT_TAKE:
        break;
    }
    measure_jitter(p, tick, now);
    frame_store_put(&p->store, tick, packet, (uint8_t)len, now);
    p->stats.received++;
    return 0;
}

// ---- playing ----------------------------------------------------------------------------------

static void silence(int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    memset(pcm, 0, SOTTO_FRAME_SAMPLES * sizeof *pcm);
}

// Frames that were passed over.
static void drop_before(struct sotto_playout *p, uint64_t tick)
{
    if (tick > p->oldest + FRAME_STORE_SLOTS) {
        p->oldest = tick - FRAME_STORE_SLOTS;
    }
    for (; p->oldest < tick; p->oldest++) {
        if (frame_store_find(&p->store, p->oldest) != NULL) {
            frame_store_drop(&p->store, p->oldest);
            p->stats.skipped++;
        }
    }
}

static void conceal(struct sotto_playout *p, int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    if (p->concealing >= SOTTO_PLAYOUT_CONCEAL_MAX_FRAMES) {
        silence(pcm);
        return;
    }
    p->concealing++;
    (void)sotto_voice_decode(p->decoder, NULL, 0, pcm);
}

static void measure_delay(struct sotto_playout *p, sotto_ns arrived, sotto_ns now)
{
    sotto_ns delay_us = now > arrived ? (now - arrived) / 1000 : 0;
    if (delay_us > UINT32_MAX) {
        delay_us = UINT32_MAX;
    }
    int64_t old = p->stats.delay_us;
    int64_t change =
        p->stats.played == 0 ? (int64_t)delay_us - old : ((int64_t)delay_us - old) / DELAY_WEIGHT;
    p->stats.delay_us = (uint32_t)(old + change);
}

// Decodes the frame of `tick` and takes it out of the store. False: it is missing or is not a
// frame, and was concealed.
static bool render(struct sotto_playout *p, uint64_t tick, int16_t pcm[SOTTO_FRAME_SAMPLES],
                   sotto_ns now)
{
    const struct stored_frame *f = frame_store_find(&p->store, tick);
    bool good = f != NULL && sotto_voice_decode(p->decoder, f->packet, f->len, pcm) == 0;
    if (good) {
        measure_delay(p, f->arrived, now);
        p->concealing = 0;
    } else {
        conceal(p, pcm);
    }
    if (f != NULL) {
        frame_store_drop(&p->store, tick);
        p->oldest = tick + 1;
    }
    return good;
}

static bool is_quiet(struct sotto_playout *p, const int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    uint32_t sum = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        sum += (uint32_t)abs(pcm[i]);
    }
    uint32_t level = sum / SOTTO_FRAME_SAMPLES;
    p->usual_level = (p->usual_level * (LEVEL_WEIGHT - 1) + level) / LEVEL_WEIGHT;
    return level <= QUIET_LEVEL || level < p->usual_level / QUIET_SHARE;
}

// From the frame that would have come into the one that takes its place.
static void crossfade(const int16_t from[SOTTO_FRAME_SAMPLES], int16_t into[SOTTO_FRAME_SAMPLES])
{
    for (int i = 0; i < FADE_SAMPLES; i++) {
        into[i] = (int16_t)((from[i] * (FADE_SAMPLES - i) + into[i] * i) / FADE_SAMPLES);
    }
}

// Plays tick + 1 in place of tick, whose sound is in pcm.
static bool skip_one(struct sotto_playout *p, uint64_t tick, int16_t pcm[SOTTO_FRAME_SAMPLES],
                     sotto_ns now)
{
    int16_t skipped[SOTTO_FRAME_SAMPLES];
    memcpy(skipped, pcm, sizeof skipped);
    bool good = render(p, tick + 1, pcm, now);
    crossfade(skipped, pcm);
    sotto_wipe(skipped, sizeof skipped);
    playout_policy_skipped(&p->policy);
    p->stats.skipped++;
    return good;
}

bool sotto_playout_get(struct sotto_playout *p, int16_t pcm[SOTTO_FRAME_SAMPLES], sotto_ns now)
{
    struct playout_choice choice = playout_policy_next(&p->policy, &p->store, now);
    if (choice.action == PLAYOUT_IDLE) {
        silence(pcm);
        return false;
    }
    drop_before(p, choice.tick);
    bool good = render(p, choice.tick, pcm, now);
    bool quiet = is_quiet(p, pcm);
    if (choice.skip == PLAYOUT_SKIP_NOW || (choice.skip == PLAYOUT_SKIP_IF_QUIET && quiet)) {
        good = skip_one(p, choice.tick, pcm, now);
    }
    p->stats.played += good ? 1 : 0;
    p->stats.concealed += good ? 0 : 1;
    return good;
}
