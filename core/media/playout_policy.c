// SPDX-License-Identifier: Apache-2.0
#include "media/playout_policy.h"

#include "wire/cell.h"

#include <assert.h>
#include <string.h>

#define TICK_US       ((int64_t)(SOTTO_TICK_NS / 1000))
#define EXCESS_MAX_US 10000000
#define TIGHT_US      1500
#define PERIOD_US     12500 // of a low voice

void playout_policy_reset(struct playout_policy *p)
{
    memset(p, 0, sizeof *p);
}

static int64_t us_of_samples(size_t samples)
{
    return (int64_t)samples * 1000000 / SOTTO_SAMPLE_RATE;
}

// ---- arrivals ---------------------------------------------------------------------------------

// What is known of the path stays.
static void begin(struct playout_policy *p, sotto_ns now)
{
    struct delay_model delay = p->delay;
    playout_policy_reset(p);
    p->delay = delay;
    p->heard = true;
    p->heard_at = now;
}

// Before playing began there is no `next` yet: only what the store can hold counts.
static bool is_ahead(const struct playout_policy *p, const struct frame_store *s, uint64_t tick)
{
    uint64_t from = p->started ? p->next : s->newest;
    return tick >= from + FRAME_STORE_SLOTS;
}

static bool is_late(const struct playout_policy *p, const struct frame_store *s, uint64_t tick)
{
    return p->started ? tick < p->next : tick + FRAME_STORE_SLOTS <= s->newest;
}

static bool has_nothing(const struct playout_policy *p, const struct frame_store *s)
{
    return !s->any || s->newest < p->next;
}

static enum playout_verdict judge(struct playout_policy *p, const struct frame_store *s,
                                  uint64_t tick, sotto_ns now)
{
    if (!p->heard || is_ahead(p, s, tick)) {
        begin(p, now);
        return PLAYOUT_RESTART;
    }
    if (!is_late(p, s, tick)) {
        p->strays = 0;
        return PLAYOUT_TAKE;
    }
    if (++p->strays >= PLAYOUT_STRAYS_MAX && has_nothing(p, s)) {
        begin(p, now);
        return PLAYOUT_RESTART;
    }
    return PLAYOUT_LATE;
}

enum playout_verdict playout_policy_admit(struct playout_policy *p, const struct frame_store *s,
                                          uint64_t tick, bool own, sotto_ns now)
{
    assert(tick <= PLAYOUT_TICK_MAX);
    if (own) {
        delay_model_came(&p->delay, tick, now);
    } else {
        delay_model_recovered(&p->delay, tick, now);
    }
    enum playout_verdict verdict = judge(p, s, tick, now);
    if (verdict == PLAYOUT_RESTART) {
        delay_model_restart(&p->delay, tick, now);
    }
    return verdict;
}

bool playout_policy_lies_ahead(const struct playout_policy *p, const struct frame_store *s,
                               uint64_t tick)
{
    return is_ahead(p, s, tick);
}

static bool waits(const struct frame_store *s, uint64_t tick)
{
    return frame_store_find(s, tick) != NULL;
}

static bool told_of(const struct frame_store *s, uint64_t tick)
{
    return frame_store_teller(s, tick) != NULL;
}

bool playout_policy_lacks(const struct playout_policy *p, const struct frame_store *s,
                          uint64_t tick)
{
    return p->started && tick >= p->next && !frame_store_knows(s, tick) && !told_of(s, tick);
}

// ---- playing ----------------------------------------------------------------------------------

static int64_t lateness_us(const struct playout_policy *p, uint64_t tick, sotto_ns now)
{
    return delay_model_lateness_us(&p->delay, tick, now);
}

// How long the first frame waits.
static int64_t first_wait_us(const struct playout_policy *p)
{
    int64_t target_us = delay_model_target_us(&p->delay);
    return target_us > DELAY_START_US ? target_us : DELAY_START_US;
}

// From the oldest frame that is not too old.
static uint64_t first_tick(const struct playout_policy *p, const struct frame_store *s,
                           sotto_ns now)
{
    int64_t oldest_us = first_wait_us(p) + TICK_US;
    uint64_t first = s->newest;
    for (uint64_t back = 1; back < FRAME_STORE_SLOTS && back <= s->newest; back++) {
        uint64_t tick = s->newest - back;
        if (waits(s, tick) && lateness_us(p, tick, now) <= oldest_us) {
            first = tick;
        }
    }
    return first;
}

bool playout_policy_begin(struct playout_policy *p, const struct frame_store *s, sotto_ns now)
{
    if (p->started || !p->heard) {
        return p->started;
    }
    if (now < p->heard_at || (now - p->heard_at) / 1000 < (uint64_t)first_wait_us(p)) {
        return false;
    }
    p->next = first_tick(p, s, now);
    p->started = true;
    return true;
}

static void catch_up(struct playout_policy *p, const struct frame_store *s, size_t left,
                     sotto_ns now)
{
    const int64_t limit_us = DELAY_MAX_US - us_of_samples(left);
    while (p->owed >= SOTTO_FRAME_SAMPLES && s->newest > p->next && !waits(s, p->next) &&
           !told_of(s, p->next)) {
        p->next++;
        p->owed -= SOTTO_FRAME_SAMPLES;
    }
    while (s->newest >= p->next + CELL_SPAN_MAX && lateness_us(p, p->next, now) > limit_us) {
        p->next++;
    }
}

// No longer than it must: what comes meanwhile is then played so much less late.
static struct playout_choice stay(struct playout_policy *p, size_t need)
{
    size_t samples = need <= PLAYOUT_WAIT_SAMPLES ? PLAYOUT_WAIT_SAMPLES : SOTTO_FRAME_SAMPLES;
    if (p->owed < FRAME_STORE_SLOTS * SOTTO_FRAME_SAMPLES) {
        p->owed += samples;
    }
    return (struct playout_choice){PLAYOUT_WAIT, p->next, samples};
}

struct playout_choice playout_policy_next(struct playout_policy *p, const struct frame_store *s,
                                          size_t left, size_t need, sotto_ns now)
{
    if (!p->started) {
        return (struct playout_choice){.action = PLAYOUT_IDLE, .samples = SOTTO_FRAME_SAMPLES};
    }
    if (has_nothing(p, s)) {
        return stay(p, need);
    }
    catch_up(p, s, left, now);
    struct playout_choice choice = {PLAYOUT_CONCEAL, p->next, SOTTO_FRAME_SAMPLES};
    if (waits(s, p->next)) {
        choice.action = PLAYOUT_PLAY;
    } else if (told_of(s, p->next)) {
        choice.action = PLAYOUT_RECOVER;
    } else {
        choice.samples -= p->owed % SOTTO_FRAME_SAMPLES; // the rest of it was concealed already
    }
    p->owed = 0;
    p->next++;
    return choice;
}

bool playout_policy_ready(const struct playout_policy *p, const struct frame_store *s)
{
    return p->started && p->owed == 0 && !has_nothing(p, s) && waits(s, p->next);
}

// ---- too early, too late ------------------------------------------------------------------------

int64_t playout_policy_lag_us(const struct playout_policy *p, size_t left, sotto_ns now)
{
    int64_t lag = lateness_us(p, p->next, now) + us_of_samples(left);
    return lag > 0 ? lag : 0;
}

static int64_t floor_steps(int64_t us, int64_t step_us)
{
    int64_t steps = us / step_us;
    return us % step_us < 0 ? steps - 1 : steps;
}

// The consumer takes `step` samples at moments of its own, so that the least lag that suffices is
// the target rounded up to one of these moments: that at which too little is left, and the next
// frame is needed. What is left over then is of no use. Where it asks for frames that have only
// just come, a lack of less than a pitch period is made one: with a consumer whose clock is faster
// they would soon come too late.
static int64_t excess_us(const struct playout_policy *p, size_t left, size_t step, sotto_ns now)
{
    int64_t step_us = us_of_samples(step), over_us = us_of_samples(left % step);
    int64_t lateness = lateness_us(p, p->next, now) + us_of_samples(left - left % step);
    int64_t spare = lateness - delay_model_target_us(&p->delay);
    if (spare > EXCESS_MAX_US || spare < -EXCESS_MAX_US) {
        spare = 0; // a clock jumped
    }
    int64_t excess = floor_steps(spare, step_us) * step_us + over_us;
    return excess < 0 && excess > -PERIOD_US && lateness < TIGHT_US ? -PERIOD_US : excess;
}

// The part of it that was there in all of the last `ticks`.
static int64_t lasting_us(const struct playout_policy *p, uint32_t ticks)
{
    if (p->watched < ticks) {
        return 0;
    }
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    for (uint32_t i = 1; i <= ticks; i++) {
        int64_t us = p->excess_us[(p->watched - i) % PLAYOUT_PATIENCE];
        least = us < least ? us : least;
        greatest = us > greatest ? us : greatest;
    }
    return least > 0 ? least : greatest < 0 ? greatest : 0;
}

int64_t playout_policy_watch(struct playout_policy *p, size_t left, size_t step, sotto_ns now)
{
    if (!p->started) {
        return 0;
    }
    p->excess_us[p->watched % PLAYOUT_PATIENCE] = excess_us(p, left, step, now);
    p->watched++;
    int64_t lately = lasting_us(p, PLAYOUT_HASTE);
    bool much = lately >= PLAYOUT_MUCH_US || lately <= -PLAYOUT_MUCH_US;
    return much ? lately : lasting_us(p, PLAYOUT_PATIENCE);
}

void playout_policy_stretched(struct playout_policy *p, int64_t by_us)
{
    for (size_t i = 0; i < PLAYOUT_PATIENCE; i++) {
        p->excess_us[i] -= by_us;
    }
}
