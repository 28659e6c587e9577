// SPDX-License-Identifier: Apache-2.0
#include "media/loss_meter.h"

#define ONE        (1u << 24)
#define FAST       64 // cells over which the share is taken
#define SLOW       512
#define BURST_ONE  256u
#define BURST_RUNS 6 // runs over which their length is taken
#define WORD       64

static uint32_t toward(uint32_t value, uint32_t to, uint32_t weight)
{
    return (uint32_t)((int64_t)value + ((int64_t)to - (int64_t)value) / (int64_t)weight);
}

static void end_run(struct loss_meter *m)
{
    if (m->run > 0) {
        uint32_t length = m->run * BURST_ONE;
        m->burst = m->burst == 0 ? length : toward(m->burst, length, BURST_RUNS);
    }
    m->run = 0;
}

// The fate of one cell is known.
static void settle(struct loss_meter *m, bool came)
{
    m->fast = toward(m->fast, came ? 0 : ONE, FAST);
    m->slow = toward(m->slow, came ? 0 : ONE, SLOW);
    if (came) {
        end_run(m);
    } else {
        m->run++;
    }
}

static void advance(struct loss_meter *m)
{
    settle(m, (m->seen >> (LOSS_METER_REORDER - 1) & 1) != 0);
    m->seen <<= 1;
    m->newest++;
}

static void note_tick(struct loss_meter *m, uint64_t ctr)
{
    if (!m->any || ctr > m->newest + LOSS_METER_OUTAGE) {
        m->any = true;
        m->newest = ctr;
        m->seen = UINT64_MAX; // nothing before it is counted as lost
        m->run = 0;
        return;
    }
    while (m->newest < ctr) {
        advance(m);
    }
    uint64_t age = m->newest - ctr;
    if (age < WORD) {
        m->seen |= UINT64_C(1) << age;
    }
}

void loss_meter_note(struct loss_meter *m, uint64_t ctr, unsigned span)
{
    for (uint64_t back = span; back-- > 0;) {
        if (back <= ctr) {
            note_tick(m, ctr - back);
        }
    }
}

struct loss_view loss_meter_view(const struct loss_meter *m)
{
    uint32_t share = m->fast > m->slow ? m->fast : m->slow;
    uint32_t loss = (uint32_t)(((uint64_t)share * 255 + ONE / 2) / ONE);
    uint32_t burst = m->burst * LOSS_METER_BURST_UNITS / BURST_ONE;
    return (struct loss_view){
        .loss = (uint8_t)(loss > UINT8_MAX ? UINT8_MAX : loss),
        .burst = (uint8_t)(burst > UINT8_MAX ? UINT8_MAX : burst),
    };
}
