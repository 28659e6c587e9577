// SPDX-License-Identifier: Apache-2.0
#include "media/pace.h"

#include <assert.h>

void pace_init(struct pace *p, unsigned fixed)
{
    assert(fixed <= CELL_SPAN_MAX);
    *p = (struct pace){.fixed = fixed, .span = 1, .next = 1};
}

static unsigned wanted(const struct pace *p, uint64_t tick)
{
    if (p->asked == 0) {
        return 1;
    }
    if (p->fixed != 0) {
        return p->fixed;
    }
    return tick < p->urged_until ? CELL_SPAN_MAX : p->asked;
}

static void plan(struct pace *p, uint64_t tick)
{
    unsigned want = wanted(p, tick);
    if (want == p->next) {
        return;
    }
    p->next = want;
    bool notice = want > p->span && tick >= p->urged_until;
    p->next_at = notice ? tick + PACE_NOTICE_TICKS : tick;
    uint64_t rest = want > p->span ? PACE_REST_TICKS : PACE_DWELL_TICKS;
    if (p->changed != 0 && p->next_at < p->changed + rest) {
        p->next_at = p->changed + rest;
    }
}

void pace_asked(struct pace *p, unsigned wish, uint64_t tick)
{
    assert(wish <= CELL_SPAN_MAX);
    p->asked = wish;
    plan(p, tick);
}

void pace_urged(struct pace *p, uint64_t tick)
{
    p->urged_until = tick + PACE_URGED_TICKS;
    plan(p, tick);
}

unsigned pace_begin(struct pace *p, uint64_t tick)
{
    if (p->next != p->span && tick >= p->next_at) {
        p->span = p->next;
        p->changed = tick;
    }
    return p->span;
}

unsigned pace_announced(const struct pace *p)
{
    return p->next;
}
