// SPDX-License-Identifier: Apache-2.0
// Can the path to us carry the cells that come? If it cannot, we ask for a larger span, which makes
// fewer of them (media/pace.h); after a calm for a smaller one again. Only a receiver can tell: it
// sees how late cells come and how many are lost.
//
// What is told apart: a link that is too thin, from one that loses cells or delays them for other
// reasons, where a larger span would only cost delay. A queue before a thin link grows until it is
// full and then stands (as in RFC 8289 the least delay of an interval is taken, so that jitter and
// spikes do not count), and what comes through is as much as the link can carry, evenly. So in
// intervals of PATH_INTERVAL_NS, the delay being that above the least of the last minute:
//
//  - the queue grows, interval after interval; or
//  - it stands, and cells are lost; or
//  - cells are lost without any growth, but very evenly: a queue that was full from the start; or
//  - so many are lost that a trial can do no harm: of the last two this is found out by it.
//
// The span asked for is the least for which the link carries enough cells by what came through
// lately. A trial that does not help is given up, and not repeated for a time that doubles. A
// smaller span is asked for after PATH_CALM_NS without a queue; if the queue comes back soon, it
// takes twice as long the next time.
#ifndef SOTTO_MEDIA_PATH_METER_H
#define SOTTO_MEDIA_PATH_METER_H

#include <sotto/base.h>

#define PATH_INTERVAL_NS  (500 * SOTTO_NS_PER_MS)
#define PATH_INTERVALS    20 // that are kept: 10 s, so that evenness is not luck
#define PATH_TRIAL        12 // of them, then a trial is judged
#define PATH_BASE_NS      (8 * SOTTO_NS_PER_S)
#define PATH_BASES        8 // the least delay is of the last 56 to 64 s
#define PATH_SETTLE       6 // intervals after the span changed, in which nothing is judged
#define PATH_STANDING_US  120000
#define PATH_GROWN_US     150000 // a queue that grows counts from here on
#define PATH_GROWS_US     40000  // by so much in each of three intervals
#define PATH_CREEPS_US    100000 // or by so much in eight
#define PATH_CALM_US      60000
#define PATH_LOSS         8   // of 255: 3 %
#define PATH_LOSS_EVEN    26  // 10 %
#define PATH_LOSS_TRIAL   115 // 45 %
#define PATH_EVEN_CELLS   1   // numbers of cells in an interval that differ by no more are even
#define PATH_CALM_NS      (20 * SOTTO_NS_PER_S)
#define PATH_CALM_MAX_NS  (320 * SOTTO_NS_PER_S)
#define PATH_RELAPSE_NS   (15 * SOTTO_NS_PER_S)
#define PATH_RETRY_NS     (60 * SOTTO_NS_PER_S)
#define PATH_RETRY_MAX_NS (960 * SOTTO_NS_PER_S)
#define PATH_PAUSE_NS     (2 * SOTTO_NS_PER_S) // nothing came: another path

struct path_interval {
    int64_t queue_us; // least delay in it, above the base
    uint32_t ticks;   // that it should have had
    uint32_t got;     // and had
    uint32_t cells;
};

struct path_meter {
    bool any;
    unsigned wish; // 1 .. 3; 0 before anything came
    unsigned span; // of the cells that come
    sotto_ns last; // when one came
    uint64_t highest;
    // The present interval, and those before; the newest is at (count - 1) % PATH_INTERVALS.
    sotto_ns begun;
    uint64_t begun_highest;
    int64_t least_us;
    uint32_t got, cells;
    uint32_t count; // since the span changed
    struct path_interval intervals[PATH_INTERVALS];
    // Least delays, of PATH_BASE_NS each.
    uint64_t base_number;
    bool base_any[PATH_BASES];
    int64_t base_us[PATH_BASES];
    // What was asked for.
    bool trial;          // to see whether it helps
    uint32_t trial_loss; // of 255, before it
    unsigned trial_from;
    sotto_ns no_trial_until, retry_ns;
    sotto_ns lowered;    // when a smaller span was asked for; 0: never
    sotto_ns calm_since; // SOTTO_NEVER: there is none
    sotto_ns calm_ns;    // that it takes
};

void path_meter_init(struct path_meter *m);
// A cell came that stands for `span` ticks up to `ctr`. Any order.
void path_meter_note(struct path_meter *m, uint64_t ctr, unsigned span, sotto_ns now);
// The span that the far end's cells should have: 1, 2 or 3.
unsigned path_meter_wish(const struct path_meter *m);

#endif
