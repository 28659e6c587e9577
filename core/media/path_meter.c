// SPDX-License-Identifier: Apache-2.0
#include "media/path_meter.h"

#include "wire/cell.h"

#include <sotto/media.h>
#include <string.h>

#define TICK_US        ((int64_t)(SOTTO_TICK_NS / 1000))
#define RATE_INTERVALS 2  // over which is counted what comes through
#define SPARE_PERCENT  95 // of it, to be used
#define TRIAL_PERCENT  70 // of the loss before, or the trial has not helped
#define CREEP_SLACK_US 20000
#define CREEP_STEP_US  5000
#define JUMP_US        5000000 // another clock

void path_meter_init(struct path_meter *m)
{
    *m = (struct path_meter){.calm_since = SOTTO_NEVER,
                             .calm_ns = PATH_CALM_NS,
                             .retry_ns = PATH_RETRY_NS};
}

unsigned path_meter_wish(const struct path_meter *m)
{
    return m->wish > 0 ? m->wish : 1;
}

// ---- what is measured ---------------------------------------------------------------------------

// Arrival minus the sender's time, whose zero is unknown. Wraps for absurd clocks, harmlessly.
static int64_t transit_us(uint64_t ctr, sotto_ns now)
{
    return (int64_t)(now / 1000 - ctr * (uint64_t)TICK_US);
}

static int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void note_base(struct path_meter *m, int64_t transit, sotto_ns now)
{
    uint64_t number = now / PATH_BASE_NS;
    for (uint64_t i = 0; i < PATH_BASES && m->base_number < number; i++) {
        m->base_number++;
        m->base_any[m->base_number % PATH_BASES] = false;
    }
    m->base_number = number;
    size_t at = (size_t)(number % PATH_BASES);
    if (!m->base_any[at] || difference(transit, m->base_us[at]) < 0) {
        m->base_any[at] = true;
        m->base_us[at] = transit;
    }
}

// Above the least delay of the last minute; 0 if nothing is known.
static int64_t queue_us(const struct path_meter *m, int64_t transit)
{
    int64_t most = 0;
    for (size_t i = 0; i < PATH_BASES; i++) {
        int64_t above = m->base_any[i] ? difference(transit, m->base_us[i]) : 0;
        most = above > most ? above : most;
    }
    return most;
}

static void begin_interval(struct path_meter *m, sotto_ns now)
{
    m->begun = now;
    m->begun_highest = m->highest;
    m->got = m->cells = 0;
}

// Another path, another sender's clock, another span: what was seen tells nothing of it.
static void settle_anew(struct path_meter *m, sotto_ns now)
{
    m->count = 0;
    m->calm_since = SOTTO_NEVER;
    begin_interval(m, now);
}

static void start(struct path_meter *m, uint64_t ctr, unsigned span, sotto_ns now)
{
    m->any = true;
    m->highest = ctr;
    m->span = span;
    m->trial = false;
    memset(m->base_any, 0, sizeof m->base_any);
    m->base_number = now / PATH_BASE_NS;
    settle_anew(m, now);
}

// The i-th newest.
static const struct path_interval *back(const struct path_meter *m, uint32_t i)
{
    return &m->intervals[(m->count - 1 - i) % PATH_INTERVALS];
}

// Of 255, over the last n.
static uint32_t loss(const struct path_meter *m, uint32_t n)
{
    uint64_t ticks = 0, got = 0;
    for (uint32_t i = 0; i < n; i++) {
        ticks += back(m, i)->ticks;
        got += back(m, i)->got;
    }
    return got >= ticks ? 0 : (uint32_t)((ticks - got) * 255 / ticks);
}

// ---- is it too thin? ----------------------------------------------------------------------------

static bool grows(const struct path_meter *m)
{
    int64_t now_us = back(m, 0)->queue_us, rise = PATH_GROWS_US;
    return m->count >= 3 && now_us >= PATH_GROWN_US && now_us >= back(m, 1)->queue_us + rise &&
           back(m, 1)->queue_us >= back(m, 2)->queue_us + rise;
}

static bool creeps(const struct path_meter *m)
{
    if (m->count < 8 || back(m, 0)->queue_us < PATH_GROWN_US ||
        back(m, 0)->queue_us < back(m, 7)->queue_us + PATH_CREEPS_US) {
        return false;
    }
    uint32_t rises = 0; // one step is another path
    for (uint32_t i = 0; i < 7; i++) {
        int64_t step = back(m, i)->queue_us - back(m, i + 1)->queue_us;
        if (step < -CREEP_SLACK_US) {
            return false;
        }
        rises += step >= CREEP_STEP_US ? 1 : 0;
    }
    return rises >= 4;
}

static bool stands(const struct path_meter *m)
{
    for (uint32_t i = 0; i < 4; i++) {
        if (m->count < 4 || back(m, i)->queue_us < PATH_STANDING_US) {
            return false;
        }
    }
    return loss(m, 4) >= PATH_LOSS;
}

static bool loses_evenly(const struct path_meter *m)
{
    uint32_t least = UINT32_MAX, most = 0;
    if (m->count < PATH_INTERVALS || loss(m, PATH_INTERVALS) < PATH_LOSS_EVEN) {
        return false;
    }
    for (uint32_t i = 0; i < PATH_INTERVALS; i++) {
        uint32_t cells = back(m, i)->cells;
        least = cells < least ? cells : least;
        most = cells > most ? cells : most;
    }
    return most - least <= PATH_EVEN_CELLS;
}

static bool loses_much(const struct path_meter *m)
{
    return m->count >= 8 && loss(m, 8) >= PATH_LOSS_TRIAL;
}

// ---- what is asked for --------------------------------------------------------------------------

// The least larger span that needs no more cells than came through.
static unsigned span_that_fits(const struct path_meter *m)
{
    uint32_t cells = 0, n = m->count < RATE_INTERVALS ? m->count : RATE_INTERVALS;
    for (uint32_t i = 0; i < n; i++) {
        cells += back(m, i)->cells;
    }
    uint64_t have = (uint64_t)cells * SPARE_PERCENT / 100;
    for (unsigned span = m->span + 1; span < CELL_SPAN_MAX; span++) {
        if (n * (PATH_INTERVAL_NS / SOTTO_TICK_NS) / span <= have) {
            return span;
        }
    }
    return CELL_SPAN_MAX;
}

static sotto_ns twice(sotto_ns ns, sotto_ns most)
{
    return ns < most / 2 ? 2 * ns : most;
}

static void ask_for_more(struct path_meter *m, bool trial, sotto_ns now)
{
    m->trial = trial;
    m->trial_from = m->span;
    m->trial_loss = loss(m, 4);
    m->wish = span_that_fits(m);
    bool relapse = m->lowered != 0 && now - m->lowered < PATH_RELAPSE_NS;
    m->calm_ns = relapse ? twice(m->calm_ns, PATH_CALM_MAX_NS) : m->calm_ns;
    m->calm_since = SOTTO_NEVER;
    m->lowered = 0;
}

// Has the trial helped?
static void judge_trial(struct path_meter *m, sotto_ns now)
{
    m->trial = false;
    if (loss(m, PATH_TRIAL) * 100 > m->trial_loss * TRIAL_PERCENT) {
        m->wish = m->trial_from;
        m->no_trial_until = now + m->retry_ns;
        m->retry_ns = twice(m->retry_ns, PATH_RETRY_MAX_NS);
    }
}

static void ask_for_less(struct path_meter *m, sotto_ns now)
{
    if (back(m, 0)->queue_us > PATH_CALM_US) {
        m->calm_since = SOTTO_NEVER;
    } else if (m->calm_since == SOTTO_NEVER) {
        m->calm_since = now;
    } else if (now - m->calm_since >= m->calm_ns) {
        m->wish = m->span - 1;
        m->lowered = now;
        m->calm_since = SOTTO_NEVER;
    }
}

static void decide(struct path_meter *m, sotto_ns now)
{
    bool settled = m->count > PATH_SETTLE;
    if (m->wish != m->span) {
        return; // asked for; not yet so
    }
    // A larger span that was given up for a smaller one is asked for at once.
    bool queue = grows(m) || ((settled || m->lowered != 0) && (creeps(m) || stands(m)));
    bool lost = settled && now >= m->no_trial_until && (loses_evenly(m) || loses_much(m));
    if (m->trial && m->count >= PATH_TRIAL) {
        judge_trial(m, now);
    } else if (m->span < CELL_SPAN_MAX && (queue || (lost && !m->trial))) {
        ask_for_more(m, !queue, now);
    } else if (m->span > 1 && settled && !m->trial) {
        ask_for_less(m, now);
    }
    if (m->lowered != 0 && now - m->lowered > 4 * PATH_RELAPSE_NS) {
        m->lowered = 0; // it lasted
        m->calm_ns = PATH_CALM_NS;
    }
}

static void end_interval(struct path_meter *m, sotto_ns now)
{
    struct path_interval *i = &m->intervals[m->count % PATH_INTERVALS];
    *i = (struct path_interval){
        .queue_us = queue_us(m, m->least_us),
        .ticks = (uint32_t)(m->highest - m->begun_highest),
        .got = m->got,
        .cells = m->cells,
    };
    // Never zero again, and the place stays the same.
    m->count = m->count == UINT32_MAX ? UINT32_MAX - PATH_INTERVALS : m->count + 1;
    begin_interval(m, now);
    decide(m, now);
}

// Earlier by so much than all before.
static bool leaps_back(const struct path_meter *m, int64_t transit)
{
    size_t at = (size_t)(m->base_number % PATH_BASES);
    return m->base_any[at] && difference(transit, m->base_us[at]) < -JUMP_US;
}

void path_meter_note(struct path_meter *m, uint64_t ctr, unsigned span, sotto_ns now)
{
    int64_t transit = transit_us(ctr, now);
    bool paused = now < m->last || now - m->last > PATH_PAUSE_NS;
    bool jumped = queue_us(m, transit) > JUMP_US || leaps_back(m, transit);
    if (!m->any || paused || (jumped && ctr > m->highest)) {
        start(m, ctr, span, now);
    }
    m->wish = m->wish == 0 ? span : m->wish;
    m->last = now;
    if (ctr > m->highest && span != m->span) {
        m->span = span;
        settle_anew(m, now);
    }
    m->highest = ctr > m->highest ? ctr : m->highest;
    note_base(m, transit, now);
    if (m->cells == 0 || difference(transit, m->least_us) < 0) {
        m->least_us = transit;
    }
    m->got += span;
    m->cells++;
    if (now - m->begun >= PATH_INTERVAL_NS) {
        end_interval(m, now);
    }
}
