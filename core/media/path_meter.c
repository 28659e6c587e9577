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

int64_t path_meter_queue_us(const struct path_meter *m)
{
    return m->last_queue_us;
}

bool path_meter_chokes(const struct path_meter *m)
{
    return m->wish > m->span && !m->trial;
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

// Above the least delay of the last minute, or, negative, below it; 0 if nothing is known.
static int64_t above_base(const struct path_meter *m, int64_t transit)
{
    bool any = false;
    int64_t most = 0;
    for (size_t i = 0; i < PATH_BASES; i++) {
        int64_t above = difference(transit, m->base_us[i]);
        most = m->base_any[i] && (!any || above > most) ? above : most;
        any = any || m->base_any[i];
    }
    return most;
}

static int64_t queue_us(const struct path_meter *m, int64_t transit)
{
    int64_t above = above_base(m, transit);
    return above > 0 ? above : 0;
}

static void begin_interval(struct path_meter *m, sotto_ns now)
{
    m->begun = now;
    m->begun_highest = m->highest;
    m->got = m->cells = 0;
    m->timed = false;
}

static void begin_ramp(struct path_meter *m, sotto_ns now)
{
    m->ramp = (struct path_ramp){.since = now, .begun = now};
}

// Another path, another sender's clock, another span: what was seen tells nothing of it.
static void settle_anew(struct path_meter *m, sotto_ns now)
{
    m->count = 0;
    m->calm_since = SOTTO_NEVER;
    begin_interval(m, now);
    begin_ramp(m, now);
}

static void start(struct path_meter *m, uint64_t ctr, unsigned span, sotto_ns now)
{
    m->any = true;
    m->highest = ctr;
    m->span = span;
    m->trial = false;
    m->fits = 0;
    m->steps = (struct path_steps){0};
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

// Whether the delay is known in all of the last n.
static bool timed(const struct path_meter *m, uint32_t n)
{
    for (uint32_t i = 0; i < n && i < m->count; i++) {
        if (!back(m, i)->timed) {
            return false;
        }
    }
    return m->count >= n;
}

// ---- is it too thin? ----------------------------------------------------------------------------

static bool grows(const struct path_meter *m)
{
    if (!timed(m, 3)) {
        return false;
    }
    int64_t now_us = back(m, 0)->queue_us, rise = PATH_GROWS_US;
    return now_us >= PATH_GROWN_US && now_us >= back(m, 1)->queue_us + rise &&
           back(m, 1)->queue_us >= back(m, 2)->queue_us + rise;
}

static bool creeps(const struct path_meter *m)
{
    if (!timed(m, 8) || back(m, 0)->queue_us < PATH_GROWN_US ||
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
        if (!timed(m, 4) || back(m, i)->queue_us < PATH_STANDING_US) {
            return false;
        }
    }
    return loss(m, 4) >= PATH_LOSS;
}

static bool loses_evenly(const struct path_meter *m)
{
    uint32_t least = UINT32_MAX, most = 0;
    if (!timed(m, PATH_INTERVALS) || loss(m, PATH_INTERVALS) < PATH_LOSS_EVEN) {
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
    return timed(m, 8) && loss(m, 8) >= PATH_LOSS_TRIAL;
}

// ---- what is asked for --------------------------------------------------------------------------

// The least larger span that needs no more cells than these, which came through in a time.
static unsigned span_that_fits(const struct path_meter *m, uint64_t cells, sotto_ns time)
{
    for (unsigned span = m->span + 1; span < CELL_SPAN_MAX; span++) {
        if (cells * span * SOTTO_TICK_NS / 100 * SPARE_PERCENT >= time) {
            return span;
        }
    }
    return CELL_SPAN_MAX;
}

static unsigned span_by_intervals(const struct path_meter *m)
{
    uint32_t cells = 0, n = m->count < RATE_INTERVALS ? m->count : RATE_INTERVALS;
    for (uint32_t i = 0; i < n; i++) {
        cells += back(m, i)->cells;
    }
    return span_that_fits(m, cells, n * PATH_INTERVAL_NS);
}

static sotto_ns twice(sotto_ns ns, sotto_ns most)
{
    return ns < most / 2 ? 2 * ns : most;
}

static void ask_for_more(struct path_meter *m, unsigned wish, sotto_ns now)
{
    m->trial = false;
    m->wish = wish;
    bool relapse = m->lowered != 0 && now - m->lowered < PATH_RELAPSE_NS;
    m->calm_ns = relapse ? twice(m->calm_ns, PATH_CALM_MAX_NS) : m->calm_ns;
    m->calm_since = SOTTO_NEVER;
    m->lowered = 0;
}

static void begin_trial(struct path_meter *m, sotto_ns now)
{
    ask_for_more(m, span_by_intervals(m), now);
    m->trial = true;
    m->trial_from = m->span;
    m->trial_loss = loss(m, 4);
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

// The queue that was there is gone.
static bool is_drained(const struct path_meter *m)
{
    return timed(m, PATH_DRAINED) && back(m, 0)->queue_us <= PATH_CALM_US &&
           back(m, 1)->queue_us <= PATH_CALM_US;
}

static void ask_for_less(struct path_meter *m, sotto_ns now)
{
    if (!back(m, 0)->timed) {
        return;
    }
    if (m->fits != 0) {
        if (is_drained(m)) {
            m->wish = m->fits;
            m->fits = 0;
        }
        return;
    }
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
    } else if (m->span < CELL_SPAN_MAX && queue) {
        ask_for_more(m, span_by_intervals(m), now);
    } else if (m->span < CELL_SPAN_MAX && lost && !m->trial) {
        begin_trial(m, now);
    } else if (m->span > 1 && (settled || m->fits != 0) && !m->trial) {
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
        .timed = m->timed,
        .queue_us = m->timed ? queue_us(m, m->least_us) : 0,
        .ticks = (uint32_t)(m->highest - m->begun_highest),
        .got = m->got,
        .cells = m->cells,
    };
    // Never zero again, and the place stays the same.
    m->count = m->count == UINT32_MAX ? UINT32_MAX - PATH_INTERVALS : m->count + 1;
    begin_interval(m, now);
    decide(m, now);
}

// Does the queue grow, from window to window? Then the largest span lets it go soonest.
static void end_window(struct path_meter *m, sotto_ns now)
{
    struct path_ramp *r = &m->ramp;
    bool known = r->timed;
    int64_t queue = known ? queue_us(m, r->least_us) : 0;
    if (known && r->any && queue >= r->queue_us + PATH_RISES_US) {
        r->rises++;
    } else {
        begin_ramp(m, now);
        r->from_us = queue;
    }
    r->any = known;
    r->queue_us = queue;
    r->begun = now;
    r->timed = false;
    if (r->rises >= PATH_RISES && queue >= PATH_RISEN_US &&
        queue - r->from_us >= PATH_STEPS * r->step_us && m->wish == m->span &&
        m->span < CELL_SPAN_MAX) {
        unsigned fits = span_that_fits(m, r->cells, now - r->since);
        m->fits = fits < CELL_SPAN_MAX ? fits : 0;
        ask_for_more(m, CELL_SPAN_MAX, now);
    }
}

static void note_ramp(struct path_meter *m, int64_t transit, bool late, sotto_ns now)
{
    struct path_ramp *r = &m->ramp;
    int64_t step = r->cells > 0 ? difference(transit, r->last_us) : 0;
    r->step_us = step > r->step_us && step < JUMP_US ? step : r->step_us;
    r->last_us = transit;
    r->cells++;
    if (!late && (!r->timed || difference(transit, r->least_us) < 0)) {
        r->timed = true;
        r->least_us = transit;
    }
    if (now - r->begun >= m->span * PATH_WINDOW_NS) {
        end_window(m, now);
    }
}

// Earlier by so much than all before.
static bool leaps_back(const struct path_meter *m, int64_t transit)
{
    size_t at = (size_t)(m->base_number % PATH_BASES);
    return m->base_any[at] && difference(transit, m->base_us[at]) < -JUMP_US;
}

void path_meter_late(struct path_meter *m, sotto_ns now)
{
    m->late_until = now + PATH_LATE_FOR_NS;
}

// Whether another one may be left out: on a very thin link each cell is a step.
static bool may_leave_out(struct path_steps *s, sotto_ns now)
{
    sotto_ns from = s->paid > now ? s->paid : now;
    if (from + PATH_STEP_EACH_NS > now + PATH_STEPS_NS) {
        return false;
    }
    s->paid = from + PATH_STEP_EACH_NS;
    return true;
}

// After a step that was left out: does what follows take it back?
static void follow_step(struct path_steps *s, int64_t step)
{
    if (step >= 0) {
        s->slack_us += step;
        return;
    }
    int64_t slack = -step < s->slack_us ? -step : s->slack_us;
    int64_t back = -step - slack < s->recent_us ? -step - slack : s->recent_us;
    s->slack_us -= slack;
    s->recent_us -= back;
    s->sum_us -= back;
}

static int64_t next_step(struct path_steps *s, int64_t transit)
{
    int64_t step = s->any ? difference(transit, s->last_us) : 0;
    s->any = true;
    s->last_us = transit;
    return step > JUMP_US || step < -JUMP_US ? 0 : step;
}

// Without the steps of a sender that stalled, and then went on from there. A step that is taken
// back, or falls below all that was seen, was none of these.
static int64_t without_steps(struct path_meter *m, int64_t transit, sotto_ns now)
{
    struct path_steps *s = &m->steps;
    int64_t step = next_step(s, transit);
    if (step >= PATH_STEP_US && may_leave_out(s, now)) {
        s->sum_us += step;
        s->recent_us = step;
        s->slack_us = 0;
        s->at = now;
    } else if (now - s->at < PATH_STEP_NS) {
        follow_step(s, step);
    }
    int64_t above = above_base(m, difference(transit, s->sum_us));
    if (above < 0) {
        s->sum_us = above < -s->sum_us ? 0 : s->sum_us + above;
    }
    return difference(transit, s->sum_us);
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
    bool late = now < m->late_until;
    if (!late) {
        transit = without_steps(m, transit, now);
        note_base(m, transit, now);
    }
    m->last_queue_us = late ? -1 : queue_us(m, transit);
    if (!late && (!m->timed || difference(transit, m->least_us) < 0)) {
        m->timed = true;
        m->least_us = transit;
    }
    note_ramp(m, transit, late, now);
    m->got += span;
    m->cells++;
    if (now - m->begun >= PATH_INTERVAL_NS) {
        end_interval(m, now);
    }
}
