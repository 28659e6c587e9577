// SPDX-License-Identifier: Apache-2.0
#include "media/delay_model.h"

#include <string.h>

#define TICK_US ((int64_t)(SOTTO_TICK_NS / 1000))

void delay_model_reset(struct delay_model *m)
{
    memset(m, 0, sizeof *m);
}

// All but what is expected.
static void forget(struct delay_model *m)
{
    *m = (struct delay_model){.span = m->span};
}

void delay_model_expect(struct delay_model *m, unsigned span)
{
    m->span = span;
}

// Arrival minus the sender's time, whose zero is unknown. Wraps for absurd clocks, harmlessly.
static int64_t transit_us(uint64_t tick, sotto_ns now)
{
    return (int64_t)(now / 1000 - tick * (uint64_t)TICK_US);
}

static int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static bool base_us(const struct delay_model *m, int64_t *out)
{
    bool any = false;
    for (size_t i = 0; i < DELAY_BLOCKS; i++) {
        const struct delay_block *b = &m->blocks[i];
        if (b->any && (!any || difference(b->least_us, *out) < 0)) {
            *out = b->least_us;
            any = true;
        }
    }
    return any;
}

// The block of a tick; NULL if it is older than all that are kept.
static struct delay_block *block_of(struct delay_model *m, uint64_t tick)
{
    uint64_t number = tick / DELAY_BLOCK_TICKS;
    if (!m->any || number >= m->block + DELAY_BLOCKS) {
        forget(m);
        m->any = true;
        m->block = number;
    }
    while (m->block < number) {
        m->block++;
        m->blocks[m->block % DELAY_BLOCKS].any = false;
    }
    return number + DELAY_BLOCKS > m->block ? &m->blocks[number % DELAY_BLOCKS] : NULL;
}

static void widen(struct delay_block *b, int64_t transit)
{
    if (!b->any) {
        *b = (struct delay_block){true, transit, transit};
    }
    if (difference(transit, b->least_us) < 0) {
        b->least_us = transit;
    }
    if (difference(transit, b->greatest_us) > 0) {
        b->greatest_us = transit;
    }
}

// The cells between the newest and this one: lost, or to be overtaken.
static void note_run(struct delay_model *m, uint64_t tick)
{
    if (m->newest != 0 && tick > m->newest + 1 && tick - m->newest <= DELAY_RUN_MAX) {
        int64_t run_us = (int64_t)(tick - m->newest - 1) * TICK_US;
        m->run_us = m->runs == 0 ? run_us : m->run_us + (run_us - m->run_us) / DELAY_RUNS;
        m->run_at[m->runs++ % DELAY_RUNS_LEAST] = tick;
    }
    m->newest = tick > m->newest ? tick : m->newest;
}

// What bursts of loss want, or 0.
static int64_t burst_target_us(const struct delay_model *m)
{
    int64_t burst_us = DELAY_BURST_US * (int64_t)(m->span > 1 ? m->span : 1);
    if (m->runs < DELAY_RUNS_LEAST || m->run_us < burst_us ||
        m->newest - m->run_at[m->runs % DELAY_RUNS_LEAST] > DELAY_RUN_TICKS) {
        return 0;
    }
    int64_t wanted = m->run_us * 23 / 10;
    return wanted < m->reach_us ? wanted : m->reach_us;
}

void delay_model_came(struct delay_model *m, uint64_t tick, sotto_ns now)
{
    int64_t base = 0, transit = transit_us(tick, now);
    if (base_us(m, &base)) {
        int64_t late = difference(transit, base);
        if (late > DELAY_JUMP_US || late < -DELAY_JUMP_US) {
            if (tick <= m->newest) {
                return; // an old frame: it tells nothing of the path
            }
            forget(m);
        }
    }
    struct delay_block *b = block_of(m, tick);
    if (b != NULL) {
        widen(b, transit);
        note_run(m, tick);
        m->reach_us -= m->reach_us / DELAY_REACH_FADE;
    }
}

void delay_model_recovered(struct delay_model *m, uint64_t tick, sotto_ns now)
{
    int64_t late = delay_model_lateness_us(m, tick, now);
    if (!m->any || late > DELAY_MAX_US) {
        return;
    }
    struct delay_block *b = block_of(m, tick);
    if (b != NULL) {
        widen(b, transit_us(tick, now));
        m->reach_us = late > m->reach_us ? late : m->reach_us;
    }
}

void delay_model_restart(struct delay_model *m, uint64_t tick, sotto_ns now)
{
    int64_t late = delay_model_lateness_us(m, tick, now);
    if (late > DELAY_JUMP_US || late < -DELAY_JUMP_US) {
        forget(m);
    }
    m->newest = 0;
    m->runs = 0;
    delay_model_came(m, tick, now);
}

int64_t delay_model_lateness_us(const struct delay_model *m, uint64_t tick, sotto_ns now)
{
    int64_t base = 0;
    return base_us(m, &base) ? difference(transit_us(tick, now), base) : 0;
}

// How late the first frame of a cell is, and what stretching may fall short of it.
static int64_t span_us(const struct delay_model *m)
{
    return m->span > 1 ? (int64_t)(m->span - 1) * TICK_US + DELAY_SLACK_US : 0;
}

int64_t delay_model_target_us(const struct delay_model *m)
{
    int64_t base = 0, top[DELAY_RANK] = {0};
    size_t blocks = 0;
    if (!base_us(m, &base)) {
        return DELAY_START_US;
    }
    for (size_t i = 0; i < DELAY_BLOCKS; i++) {
        if (!m->blocks[i].any) {
            continue;
        }
        blocks++;
        int64_t late = difference(m->blocks[i].greatest_us, base);
        for (size_t k = 0; k < DELAY_RANK; k++) {
            if (late > top[k]) {
                int64_t pushed = top[k];
                top[k] = late;
                late = pushed;
            }
        }
    }
    // As many ranks as there are blocks to tell: in the beginning the greatest counts.
    size_t rank = blocks * DELAY_RANK / DELAY_BLOCKS;
    int64_t target = top[rank == 0 ? 0 : rank - 1];
    int64_t burst = burst_target_us(m), span = span_us(m);
    target = burst > target ? burst : target;
    target = (span > target ? span : target) + DELAY_MARGIN_US;
    return target < DELAY_TARGET_US ? target : DELAY_TARGET_US;
}
