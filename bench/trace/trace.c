// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <math.h>
#include <string.h>

#define TICK_NS (20 * SOTTO_NS_PER_MS)
#define TICK_MS 20.0
#define PI      3.14159265358979323846

const struct trace_profile trace_profiles[] = {
    {.name = "clean"},
    {.name = "loss5", .loss = 0.05},
    {.name = "loss10", .loss = 0.10},
    {.name = "loss20", .loss = 0.20},
    {.name = "loss30", .loss = 0.30},
    {.name = "burst60", .loss = 0.10, .burst_ms = 60},
    {.name = "burst120", .loss = 0.10, .burst_ms = 120},
    {.name = "burst250", .loss = 0.10, .burst_ms = 250},
    {.name = "jitter10", .jitter_ms = 10},
    {.name = "jitter30", .jitter_ms = 30},
    {.name = "jitter60", .jitter_ms = 60},
    {.name = "spikes", .spike_every_ms = 8000, .spike_ms = 300},
    {.name = "reorder", .reorder = 0.10, .reorder_ms = 30},
    {.name = "outage", .outage_at_ms = 9000, .outage_ms = 2000},
    {.name = "drift+", .far_clock_ppm = 200},
    {.name = "drift-", .far_clock_ppm = -200},
    {.name = "jitter30loss10", .loss = 0.10, .jitter_ms = 30},
    {.name = "rate64", .rate_kbps = 64, .queue_ms = 1000},
    {.name = "rate40", .rate_kbps = 40, .queue_ms = 1000},
    {.name = "rate32", .rate_kbps = 32, .queue_ms = 1000},
    {.name = "turns64", .rate_kbps = 64, .queue_ms = 1000, .rate_from_ms = 20000},
    {.name = "police64", .rate_kbps = 64, .queue_ms = 40},
    {.name = "thin", .rate_kbps = 64, .queue_ms = 400},
    {0},
};

const struct trace_profile *trace_find(const char *name)
{
    for (const struct trace_profile *p = trace_profiles; p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void trace_init(struct trace *t, const struct trace_profile *p, uint64_t seed)
{
    *t = (struct trace){.profile = p, .rng = seed, .packet_rng = ~seed};
}

static double draw(uint64_t *rng)
{
    return (double)(next_random(rng) >> 11) / 9007199254740992.0;
}

double trace_chance(struct trace *t)
{
    return draw(&t->rng);
}

static bool in_outage(const struct trace_profile *p, double sent_ms)
{
    return p->outage_ms > 0 && sent_ms >= p->outage_at_ms &&
           sent_ms < p->outage_at_ms + p->outage_ms;
}

// Gilbert-Elliott.
static bool in_burst(struct trace *t, sotto_ns sent)
{
    const struct trace_profile *p = t->profile;
    double leave_bad = TICK_MS / p->burst_ms;
    double enter_bad = leave_bad * p->loss / (1 - p->loss);
    for (; t->ticked <= sent; t->ticked += TICK_NS) {
        double x = trace_chance(t);
        t->bad = t->bad ? x >= leave_bad : x < enter_bad;
    }
    return t->bad;
}

static bool is_lost(struct trace *t, sotto_ns sent)
{
    const struct trace_profile *p = t->profile;
    if (in_outage(p, (double)sent / 1e6)) {
        return true;
    }
    return p->burst_ms <= 0 ? trace_chance(t) < p->loss : in_burst(t, sent);
}

// When the link has sent it; TRACE_LOST if it has no room for it.
static sotto_ns through_link(struct trace *t, sotto_ns sent, size_t bytes)
{
    const struct trace_profile *p = t->profile;
    if (p->rate_kbps <= 0 || (double)sent / 1e6 < p->rate_from_ms) {
        return sent;
    }
    sotto_ns takes = (sotto_ns)((double)bytes * 8 / p->rate_kbps * 1e6);
    sotto_ns done = (t->idle > sent ? t->idle : sent) + takes;
    if ((double)(done - sent) / 1e6 > p->queue_ms) {
        return TRACE_LOST;
    }
    t->idle = done;
    return done;
}

static double half_normal(struct trace *t)
{
    double radius = sqrt(-2 * log(1 - trace_chance(t)));
    return fabs(radius * cos(2 * PI * trace_chance(t)));
}

// How long a queue that stands still holds what comes now.
static double spike_ms(const struct trace_profile *p, double sent_ms)
{
    double phase = fmod(sent_ms + p->spike_every_ms / 2, p->spike_every_ms);
    return phase < p->spike_ms ? p->spike_ms - phase : 0;
}

sotto_ns trace_arrival(struct trace *t, sotto_ns sent)
{
    const struct trace_profile *p = t->profile;
    double sent_ms = (double)sent / 1e6, more_ms = 0;
    bool overtaken = trace_chance(t) < p->reorder;
    sotto_ns out = through_link(t, sent, TRACE_PACKET_BYTES);
    bool lost = is_lost(t, sent) || out == TRACE_LOST;
    if (p->jitter_ms > 0) {
        more_ms += p->jitter_ms * half_normal(t);
    }
    if (p->spike_every_ms > 0) {
        more_ms = fmax(more_ms, spike_ms(p, sent_ms));
    }
    sotto_ns arrival = (lost ? sent : out) + TRACE_BASE_NS + (sotto_ns)(more_ms * 1e6);
    if (overtaken) {
        return lost ? TRACE_LOST : arrival + (sotto_ns)(p->reorder_ms * 1e6);
    }
    arrival = arrival < t->last ? t->last : arrival;
    t->last = arrival;
    return lost ? TRACE_LOST : arrival;
}

sotto_ns trace_packet(struct trace *t, sotto_ns sent, size_t bytes)
{
    const struct trace_profile *p = t->profile;
    double sent_ms = (double)sent / 1e6;
    bool overtaken = draw(&t->packet_rng) < p->reorder;
    double x = draw(&t->packet_rng);
    bool lost = p->burst_ms > 0 ? in_burst(t, sent) : x < p->loss;
    for (; t->slot_end <= sent && p->jitter_ms > 0; t->slot_end += TICK_NS) {
        t->slot_jitter_ms = p->jitter_ms * half_normal(t);
    }
    sotto_ns arrival = through_link(t, sent, bytes);
    if (lost || in_outage(p, sent_ms) || arrival == TRACE_LOST) {
        return TRACE_LOST;
    }
    double more_ms = t->slot_jitter_ms;
    more_ms = p->spike_every_ms > 0 ? fmax(more_ms, spike_ms(p, sent_ms)) : more_ms;
    arrival += (sotto_ns)(more_ms * 1e6);
    if (overtaken) {
        return arrival + (sotto_ns)(p->reorder_ms * 1e6);
    }
    arrival = arrival < t->last ? t->last : arrival;
    t->last = arrival;
    return arrival;
}
