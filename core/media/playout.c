// SPDX-License-Identifier: Apache-2.0
#include "media/playout.h"

#include "base/mem.h"
#include "media/frame_store.h"
#include "media/playout_policy.h"
#include "media/stretch.h"
#include "media/voice.h"

#include <assert.h>
#include <string.h>

#define DELAY_WEIGHT        8        // frames over which the delay is taken
#define TRANSIT_STEP_MAX_US 10000000 // a larger step is an outage or a clock, not jitter
#define CONCEAL_MAX_SAMPLES ((size_t)SOTTO_PLAYOUT_CONCEAL_MAX_FRAMES * SOTTO_FRAME_SAMPLES)
#define ASLEEP_NS           (2 * SOTTO_NS_PER_S) // nobody asked so long: what was decoded is old
#define PAST_SAMPLES        STRETCH_LAG_MAX
#define AHEAD_SAMPLES       (3 * SOTTO_FRAME_SAMPLES + STRETCH_LAG_MAX)
#define SAMPLE_US(us)       ((us)*SOTTO_SAMPLE_RATE / 1000000)
// Ticks between two stretches, and how much there must be to stretch away: the more, the sooner.
#define SLACK_US            DELAY_SLACK_US // neither more nor less
#define LEAN_US             40000
#define LEAN_EVERY          3
#define CALM_EVERY          5
#define FORCE_US            150000 // from here on a splice may be heard
// What is neither small nor much waits for a pause in what is said, for so many ticks.
#define SMALL_US            20000
#define MUCH_US             80000
#define PAUSE_TICKS         100
#define PAUSE_BELOW         300         // of the energy that was loud lately (25 dB) ...
#define PAUSE_FADE          (1.0 / 200) // ... which is forgotten by so much a frame

struct sotto_playout {
    const struct sotto_env *env;
    struct sotto_voice_decoder *decoder;
    struct voice_history *history;
    struct playout_policy policy;
    struct frame_store store;
    struct sotto_playout_stats stats;
    uint64_t oldest;         // frames below it are out of the store
    size_t concealing;       // samples in a row
    uint64_t concealed;      // samples
    bool plain;              // no neural parts
    bool sound;              // what was decoded last was received
    unsigned history_loaded; // ticks back that can be spoken of; 0: none
    uint64_t history_tick;   // from this packet
    size_t tick_samples;     // asked for since the last whole tick
    int64_t excess_us;       // as it was then, what is to be stretched away
    uint32_t unstretched;    // ticks since the last stretch
    uint32_t patient;        // ticks since there is too much
    double loud;             // energy of a frame
    bool has_asked;
    sotto_ns asked; // last
    bool has_transit;
    int64_t transit_us;
    uint64_t jitter_16; // RFC 3550 §A.8: sixteen times the estimate
    struct playout_watcher watcher;
    // Decoded: what was played lately, then `left` samples that were not.
    size_t left;
    int16_t pcm[PAST_SAMPLES + AHEAD_SAMPLES];
};

int sotto_playout_new(struct sotto_playout **out, const struct sotto_env *env)
{
    struct sotto_playout *p = mem_alloc(env, sizeof *p);
    if (p == NULL) {
        return SOTTO_ENOMEM;
    }
    p->env = env;
    int err = sotto_voice_decoder_new(&p->decoder, env);
    if (err == 0) {
        err = voice_history_new(&p->history, env);
    }
    if (err != 0) {
        sotto_playout_free(p);
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
    voice_history_free(p->history);
    mem_free_secret(p->env, p, sizeof *p);
}

void playout_watch(struct sotto_playout *p, struct playout_watcher watcher)
{
    p->watcher = watcher;
}

void sotto_playout_set_neural(struct sotto_playout *p, bool on)
{
    p->plain = !on;
    voice_decoder_set_neural(p->decoder, on);
}

bool sotto_playout_has_history(const struct sotto_playout *p)
{
    return !p->plain && voice_history_works(p->history);
}

static void start_over(struct sotto_playout *p)
{
    frame_store_clear(&p->store);
    p->oldest = 0;
    p->concealing = 0;
    p->history_loaded = 0;
    p->has_transit = false;
}

// What was decoded, and what its concealment would go on with.
static void forget_sound(struct sotto_playout *p)
{
    voice_decoder_reset(p->decoder);
    p->sound = false;
    p->left = 0;
    p->excess_us = 0;
    sotto_wipe(p->pcm, sizeof p->pcm);
}

void sotto_playout_reset(struct sotto_playout *p)
{
    start_over(p);
    playout_policy_reset(&p->policy);
    forget_sound(p);
    p->patient = 0;
    p->loud = 0;
    p->stats.lag_us = 0;
}

void sotto_playout_stats(const struct sotto_playout *p, struct sotto_playout_stats *out)
{
    *out = p->stats;
    out->concealed = p->concealed / SOTTO_FRAME_SAMPLES;
    out->depth_frames = p->store.waiting;
    out->jitter_us = (uint32_t)(p->jitter_16 / 16);
    out->target_us = (uint32_t)delay_model_target_us(&p->policy.delay);
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

// What was missing, and this packet tells of.
static void take_history(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
                         sotto_ns now)
{
    uint64_t back = 0, farthest = 0;
    for (back = 1; back <= VOICE_REACH_MAX_TICKS && back <= tick; back++) {
        if (playout_policy_lacks(&p->policy, &p->store, tick - back)) {
            farthest = back;
        }
    }
    if (farthest == 0 || p->plain) {
        return;
    }
    unsigned reach = voice_history_reach(p->history, packet, len);
    p->history_loaded = 0;
    for (back = 1; back <= farthest && back <= reach; back++) {
        if (playout_policy_lacks(&p->policy, &p->store, tick - back)) {
            delay_model_recovered(&p->policy.delay, tick - back, now);
        }
    }
    frame_store_mark(&p->store, tick, false, (uint8_t)reach);
}

enum arrival {
    ARRIVAL_OWN,   // in the cell of its tick
    ARRIVAL_EARLY, // its tick has no cell: in that of a later one
    ARRIVAL_COPY,
};

static int put(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
               enum arrival how, sotto_ns now)
{
    bool copy = how == ARRIVAL_COPY;
    switch (playout_policy_admit(&p->policy, &p->store, tick, !copy, now)) {
    case PLAYOUT_LATE:
        p->stats.late += copy ? 0 : 1;
        return SOTTO_EREPLAY;
    case PLAYOUT_RESTART:
        start_over(p);
        break;
    case PLAYOUT_TAKE:
        break;
    }
    if (how == ARRIVAL_OWN) {
        measure_jitter(p, tick, now);
    }
    p->stats.received += copy ? 0 : 1;
    frame_store_put(&p->store, tick, packet, (uint8_t)len, now);
    frame_store_mark(&p->store, tick, copy, 0);
    if (!copy) {
        take_history(p, tick, packet, len, now);
    }
    return 0;
}

static bool is_absurd(uint64_t tick, size_t len)
{
    return len == 0 || len > SOTTO_VOICE_PACKET_MAX_BYTES || tick > PLAYOUT_TICK_MAX;
}

static int put_first(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
                     enum arrival how, sotto_ns now)
{
    if (is_absurd(tick, len)) {
        return SOTTO_EPARSE;
    }
    if (frame_store_knows(&p->store, tick)) {
        p->stats.duplicate++;
        return SOTTO_EREPLAY;
    }
    return put(p, tick, packet, len, how, now);
}

int sotto_playout_put(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
                      sotto_ns now)
{
    return put_first(p, tick, packet, len, ARRIVAL_OWN, now);
}

int sotto_playout_put_early(struct sotto_playout *p, uint64_t tick, const uint8_t *packet,
                            size_t len, sotto_ns now)
{
    return put_first(p, tick, packet, len, ARRIVAL_EARLY, now);
}

void sotto_playout_expect(struct sotto_playout *p, unsigned span)
{
    assert(span > 0);
    delay_model_expect(&p->policy.delay, span);
}

int sotto_playout_put_copy(struct sotto_playout *p, uint64_t tick, const uint8_t *packet,
                           size_t len, sotto_ns now)
{
    if (is_absurd(tick, len)) {
        return SOTTO_EPARSE;
    }
    // A copy never begins a stream: the cell that brings it does.
    if (!p->policy.heard || frame_store_knows(&p->store, tick) ||
        playout_policy_lies_ahead(&p->policy, &p->store, tick)) {
        return SOTTO_EREPLAY;
    }
    return put(p, tick, packet, len, ARRIVAL_COPY, now);
}

// ---- decoding ---------------------------------------------------------------------------------

static void tell(const struct sotto_playout *p, uint64_t tick, enum playout_source source)
{
    if (p->watcher.frame != NULL) {
        p->watcher.frame(p->watcher.arg, tick, source);
    }
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

static void measure_delay(struct sotto_playout *p, sotto_ns arrived, sotto_ns now)
{
    sotto_ns delay_us = now > arrived ? (now - arrived) / 1000 : 0;
    delay_us += (uint64_t)p->left * 1000000 / SOTTO_SAMPLE_RATE;
    if (delay_us > UINT32_MAX) {
        delay_us = UINT32_MAX;
    }
    int64_t old = p->stats.delay_us;
    int64_t change =
        p->stats.played == 0 ? (int64_t)delay_us - old : ((int64_t)delay_us - old) / DELAY_WEIGHT;
    p->stats.delay_us = (uint32_t)(old + change);
}

static void conceal(struct sotto_playout *p, uint64_t tick, int16_t *pcm, size_t samples)
{
    tell(p, tick, PLAYOUT_SOURCE_CONCEALED);
    p->concealed += samples;
    if (p->concealing >= CONCEAL_MAX_SAMPLES) {
        memset(pcm, 0, samples * sizeof *pcm);
        return;
    }
    p->concealing += samples;
    (void)voice_conceal(p->decoder, pcm, samples);
}

static bool play(struct sotto_playout *p, uint64_t tick, int16_t pcm[SOTTO_FRAME_SAMPLES],
                 sotto_ns now)
{
    const struct stored_frame *f = frame_store_find(&p->store, tick);
    if (sotto_voice_decode(p->decoder, f->packet, f->len, pcm) != 0) {
        return false;
    }
    if (f->copy) {
        p->stats.copies++;
    } else {
        measure_delay(p, f->arrived, now);
    }
    tell(p, tick, f->copy ? PLAYOUT_SOURCE_COPY : PLAYOUT_SOURCE_OWN);
    return true;
}

// From the history in a later packet.
static bool recover(struct sotto_playout *p, uint64_t tick, int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    const struct stored_frame *f = frame_store_teller(&p->store, tick);
    unsigned back = (unsigned)(f->tick - tick);
    if (p->history_loaded < back || p->history_tick != f->tick) {
        p->history_loaded = 0;
        if (voice_history_load(p->history, f->packet, f->len, back) == 0) {
            return false;
        }
        p->history_loaded = back; // the nearer ones come next
        p->history_tick = f->tick;
    }
    if (voice_decode_history(p->decoder, p->history, back, pcm) != 0) {
        return false;
    }
    p->stats.retold++;
    tell(p, tick, PLAYOUT_SOURCE_HISTORY);
    return true;
}

// Decodes the next frame, or conceals it, behind what is left: at least `need` samples.
static void decode_next(struct sotto_playout *p, size_t need, sotto_ns now)
{
    assert(p->left + SOTTO_FRAME_SAMPLES <= AHEAD_SAMPLES);
    int16_t *pcm = p->pcm + PAST_SAMPLES + p->left;
    struct playout_choice choice = playout_policy_next(&p->policy, &p->store, p->left, need, now);
    if (choice.action != PLAYOUT_IDLE) {
        drop_before(p, choice.tick);
    }
    bool good = (choice.action == PLAYOUT_PLAY && play(p, choice.tick, pcm, now)) ||
                (choice.action == PLAYOUT_RECOVER && recover(p, choice.tick, pcm));
    if (good) {
        p->concealing = 0;
        p->stats.played++;
    } else {
        conceal(p, choice.tick, pcm, choice.samples);
    }
    if (choice.action != PLAYOUT_WAIT && choice.action != PLAYOUT_IDLE) {
        frame_store_drop(&p->store, choice.tick);
        p->oldest = choice.tick + 1;
    }
    p->sound = good;
    p->left += choice.samples;
}

// ---- stretching -------------------------------------------------------------------------------

static size_t lag_limit(int64_t us)
{
    int64_t samples = SAMPLE_US(us);
    return samples < STRETCH_LAG_MAX ? (size_t)samples : STRETCH_LAG_MAX;
}

static void stretched(struct sotto_playout *p, int64_t samples)
{
    int64_t us = samples * 1000000 / SOTTO_SAMPLE_RATE;
    if (samples != 0) {
        p->unstretched = 0;
        p->excess_us = 0;
        playout_policy_stretched(&p->policy, us);
    }
}

// Too late: less is played. What it takes is decoded first, if it has come; `step` samples are
// played now.
static void shorten(struct sotto_playout *p, size_t step, sotto_ns now)
{
    size_t limit = lag_limit(p->excess_us), least = step > STRETCH_FADE ? step : STRETCH_FADE;
    while (p->left < least + limit && playout_policy_ready(&p->policy, &p->store) &&
           p->left + SOTTO_FRAME_SAMPLES <= AHEAD_SAMPLES) {
        decode_next(p, 1, now);
    }
    size_t spare = p->left > least ? p->left - least : 0;
    limit = limit < spare ? limit : spare;
    if (limit < STRETCH_LAG_MIN) {
        return;
    }
    size_t by = stretch_shorten(p->pcm + PAST_SAMPLES, p->left, limit, p->excess_us > FORCE_US);
    p->left -= by;
    p->stats.shortened += by;
    stretched(p, (int64_t)by);
}

static void lengthen(struct sotto_playout *p)
{
    size_t limit = lag_limit(-p->excess_us), room = AHEAD_SAMPLES - p->left;
    limit = limit < room ? limit : room;
    if (limit < STRETCH_LAG_MIN || p->left < STRETCH_FADE) {
        return;
    }
    size_t by = stretch_lengthen(p->pcm + PAST_SAMPLES, p->left, limit, false);
    p->left += by;
    p->stats.lengthened += by;
    stretched(p, -(int64_t)by);
}

static bool is_pause(struct sotto_playout *p)
{
    const int16_t *pcm = p->pcm + PAST_SAMPLES;
    size_t samples = p->left < SOTTO_FRAME_SAMPLES ? p->left : SOTTO_FRAME_SAMPLES;
    double energy = 0;
    for (size_t i = 0; i < samples; i++) {
        energy += (double)pcm[i] * pcm[i];
    }
    energy *= (double)SOTTO_FRAME_SAMPLES / (double)samples;
    p->loud = energy > p->loud ? energy : p->loud - p->loud * PAUSE_FADE;
    return energy * PAUSE_BELOW <= p->loud;
}

// Less is to be played, but not in the midst of a word, if that can wait.
static bool waits_for_pause(struct sotto_playout *p, int64_t excess_us)
{
    bool pause = is_pause(p);
    p->patient = excess_us < SLACK_US ? 0 : p->patient + (p->patient < PAUSE_TICKS ? 1 : 0);
    return !pause && p->patient < PAUSE_TICKS && excess_us > SMALL_US && excess_us < MUCH_US;
}

// Once a tick: whether, and by how much, playing is too late or too early for long.
static void watch(struct sotto_playout *p, int64_t excess_us)
{
    int64_t size = excess_us < 0 ? -excess_us : excess_us;
    bool later = waits_for_pause(p, excess_us);
    uint32_t every = size >= LEAN_US ? LEAN_EVERY : CALM_EVERY;
    if (p->unstretched < UINT32_MAX) {
        p->unstretched++;
    }
    p->excess_us = size < SLACK_US || p->unstretched < every || later ? 0 : excess_us;
}

static void stretch(struct sotto_playout *p, size_t step, sotto_ns now)
{
    if (p->excess_us > 0 && p->sound) {
        shorten(p, step, now);
    } else if (p->excess_us < 0 && p->sound) {
        lengthen(p);
    }
}

// After a sleep neither what waits nor its last sound, by concealment, is heard.
static void forget_if_asleep(struct sotto_playout *p, sotto_ns now)
{
    if (p->has_asked && now > p->asked && now - p->asked > ASLEEP_NS) {
        if (p->store.any) {
            drop_before(p, p->store.newest + 1);
        }
        forget_sound(p);
        p->concealing = CONCEAL_MAX_SAMPLES;
        p->history_loaded = 0;
    }
    p->has_asked = true;
    p->asked = now;
}

// Since the last time as much as a tick was asked for.
static bool is_whole_tick(struct sotto_playout *p, size_t step)
{
    p->tick_samples += step;
    bool whole = p->tick_samples >= SOTTO_FRAME_SAMPLES;
    p->tick_samples -= whole ? SOTTO_FRAME_SAMPLES : 0;
    return whole;
}

bool sotto_playout_get(struct sotto_playout *p, int16_t *pcm, size_t samples, sotto_ns now)
{
    assert(samples > 0 && samples <= SOTTO_FRAME_SAMPLES);
    forget_if_asleep(p, now);
    if (!playout_policy_begin(&p->policy, &p->store, now) && p->left < samples) {
        p->left = 0;
        memset(pcm, 0, samples * sizeof *pcm);
        return false;
    }
    bool whole = is_whole_tick(p, samples);
    int64_t excess_us = whole ? playout_policy_watch(&p->policy, p->left, samples, now) : 0;
    while (p->left < samples) {
        decode_next(p, samples - p->left, now);
    }
    if (p->sound) { // while playing waits nothing is played
        int64_t lag_us = playout_policy_lag_us(&p->policy, p->left, now);
        p->stats.lag_us = lag_us < UINT32_MAX ? (uint32_t)lag_us : UINT32_MAX;
    }
    if (whole) {
        watch(p, excess_us);
    }
    stretch(p, samples, now);
    memcpy(pcm, p->pcm + PAST_SAMPLES, samples * sizeof *pcm);
    p->left -= samples;
    memmove(p->pcm, p->pcm + samples, (PAST_SAMPLES + p->left) * sizeof *pcm);
    return p->sound;
}
