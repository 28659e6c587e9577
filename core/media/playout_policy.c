// SPDX-License-Identifier: Apache-2.0
#include "media/playout_policy.h"

#include <assert.h>
#include <string.h>

#define TARGET   SOTTO_PLAYOUT_TARGET_FRAMES
#define START_NS ((TARGET - 1) * SOTTO_TICK_NS)

static_assert(TARGET >= 1 && TARGET < PLAYOUT_DEPTH_MAX_FRAMES, "there is room to grow");
static_assert(PLAYOUT_DEPTH_MAX_FRAMES < FRAME_STORE_SLOTS, "and room for what comes");

void playout_policy_reset(struct playout_policy *p)
{
    memset(p, 0, sizeof *p);
}

// ---- arrivals ---------------------------------------------------------------------------------

static void begin(struct playout_policy *p, sotto_ns now)
{
    playout_policy_reset(p);
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

enum playout_verdict playout_policy_admit(struct playout_policy *p, const struct frame_store *s,
                                          uint64_t tick, sotto_ns now)
{
    assert(tick <= PLAYOUT_TICK_MAX);
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

// ---- playing ----------------------------------------------------------------------------------

static bool waits(const struct frame_store *s, uint64_t tick)
{
    return frame_store_find(s, tick) != NULL;
}

static bool start(struct playout_policy *p, const struct frame_store *s, sotto_ns now)
{
    if (now < p->heard_at || now - p->heard_at < START_NS) {
        return false;
    }
    p->next = s->newest >= TARGET - 1 ? s->newest - (TARGET - 1) : 0;
    while (p->next < s->newest && !waits(s, p->next)) {
        p->next++;
    }
    p->started = true;
    return true;
}

static uint64_t depth_of(const struct playout_policy *p, const struct frame_store *s)
{
    return has_nothing(p, s) ? 0 : s->newest - p->next + 1;
}

static void catch_up(struct playout_policy *p, const struct frame_store *s)
{
    while (p->owed > 0 && s->newest > p->next && !waits(s, p->next)) {
        p->next++;
        p->owed--;
    }
    p->owed = 0;
    if (depth_of(p, s) > PLAYOUT_DEPTH_MAX_FRAMES) {
        p->next = s->newest + 1 - PLAYOUT_DEPTH_MAX_FRAMES;
    }
}

static void watch_depth(struct playout_policy *p, uint64_t depth)
{
    if (depth <= TARGET) {
        p->above = 0;
        return;
    }
    uint32_t excess = (uint32_t)(depth - TARGET);
    p->excess = p->above == 0 || excess < p->excess ? excess : p->excess;
    p->above++;
}

static enum playout_skip choose_skip(const struct playout_policy *p, const struct frame_store *s)
{
    if (p->above == 0 || p->above < PLAYOUT_SHRINK_TICKS / p->excess || !waits(s, p->next + 1)) {
        return PLAYOUT_SKIP_NO;
    }
    uint32_t patience = (PLAYOUT_SHRINK_TICKS + PLAYOUT_QUIET_WAIT_TICKS) / p->excess;
    bool now = p->above >= patience || !waits(s, p->next); // a missing frame costs nothing to skip
    return now ? PLAYOUT_SKIP_NOW : PLAYOUT_SKIP_IF_QUIET;
}

static struct playout_choice stay(struct playout_policy *p)
{
    if (p->owed < FRAME_STORE_SLOTS) {
        p->owed++;
    }
    p->above = 0;
    return (struct playout_choice){.action = PLAYOUT_WAIT, .tick = p->next};
}

struct playout_choice playout_policy_next(struct playout_policy *p, const struct frame_store *s,
                                          sotto_ns now)
{
    if (!p->heard || (!p->started && !start(p, s, now))) {
        return (struct playout_choice){.action = PLAYOUT_IDLE};
    }
    if (has_nothing(p, s)) {
        return stay(p);
    }
    catch_up(p, s);
    watch_depth(p, depth_of(p, s));
    struct playout_choice choice = {
        .action = waits(s, p->next) ? PLAYOUT_PLAY : PLAYOUT_CONCEAL,
        .skip = choose_skip(p, s),
        .tick = p->next,
    };
    p->next++;
    return choice;
}

void playout_policy_skipped(struct playout_policy *p)
{
    p->next++;
    p->above = 0;
}
