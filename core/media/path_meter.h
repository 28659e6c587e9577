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
//  - the queue grows, interval after interval, or fast and steadily within some windows of
//    PATH_WINDOW_NS; or
//  - it stands, and cells are lost; or
//  - cells are lost without any growth, but very evenly: a queue that was full from the start; or
//  - so many are lost that a trial can do no harm: of the last two this is found out by it.
//
// The span asked for is the least for which the link carries enough cells by what came through
// lately; where a queue has grown fast, first the largest, until it is gone. A trial that does not
// help is given up, and not repeated for a time that doubles. A smaller span is asked for after
// PATH_CALM_NS without a queue; if the queue comes back soon, it takes twice as long the next time.
//
// What devices do to themselves is not the path's:
//
//  - where our own ticks are late, cells are taken in late as well, and their delay does not count.
//    An interval without a cell taken in on time has no delay, and then nothing is judged;
//  - a sender that has stalled goes on from there, so that all its cells are later by one step
//    between two of them. A thin link delays each by a little: single steps are left out.
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
#define PATH_WINDOW_NS    (100 * SOTTO_NS_PER_MS) // for each tick of the span
#define PATH_RISES        3 // windows in a row, each later than the one before
#define PATH_RISEN_US     120000
#define PATH_STEPS        3 // times the greatest step from cell to cell, or it is jitter
#define PATH_DRAINED      2 // intervals without a queue
#define PATH_RISES_US     10000
#define PATH_STEP_US      90000 // from a cell to the next: a sender that stalls by less catches up
#define PATH_STEP_EACH_NS (200 * SOTTO_NS_PER_MS) // of such steps one may be left out
#define PATH_STEPS_NS     SOTTO_NS_PER_S          // or some at once, after as long without
#define PATH_STEP_NS      (200 * SOTTO_NS_PER_MS) // in which a spike goes back
#define PATH_LATE_NS      (10 * SOTTO_NS_PER_MS)  // a tick of our own that is so late is a stall
#define PATH_LATE_FOR_NS  (40 * SOTTO_NS_PER_MS)  // what is taken in after one may have waited
#define PATH_LOSS         8                       // of 255: 3 %
#define PATH_LOSS_EVEN    26                      // 10 %
#define PATH_LOSS_TRIAL   115                     // 45 %
#define PATH_EVEN_CELLS   1 // numbers of cells in an interval that differ by no more are even
#define PATH_CALM_NS      (20 * SOTTO_NS_PER_S)
#define PATH_CALM_MAX_NS  (320 * SOTTO_NS_PER_S)
#define PATH_RELAPSE_NS   (15 * SOTTO_NS_PER_S)
#define PATH_RETRY_NS     (60 * SOTTO_NS_PER_S)
#define PATH_RETRY_MAX_NS (960 * SOTTO_NS_PER_S)
#define PATH_PAUSE_NS     (2 * SOTTO_NS_PER_S) // nothing came: another path

struct path_interval {
    bool timed;       // a cell was taken in on time; otherwise the delay is unknown
    int64_t queue_us; // least delay in it, above the base
    uint32_t ticks;   // that it should have had
    uint32_t got;     // and had
    uint32_t cells;
};

// Windows in each of which the least delay rose.
struct path_ramp {
    sotto_ns since, begun; // all of them; the present one
    uint32_t rises, cells;
    bool any, timed;          // is the last one's delay known? The present one's?
    int64_t queue_us;         // of the last one
    int64_t least_us;         // in the present one
    int64_t from_us;          // queue before it rose
    int64_t last_us, step_us; // delay of the last cell; the greatest step to a next one
};

// Single steps of the delay from a cell to the next.
struct path_steps {
    bool any;
    int64_t last_us;           // delay
    int64_t sum_us, recent_us; // of those that do not count; the last one, as far as it stands
    int64_t slack_us;          // other steps up since then
    sotto_ns at, paid;         // when the last one was; until when they are used up
};

struct path_meter {
    bool any;
    unsigned wish;         // 1 .. 3; 0 before anything came
    unsigned span;         // of the cells that come
    sotto_ns last;         // when one came
    sotto_ns late_until;   // we are ourselves
    int64_t last_queue_us; // of the last cell, above the base; negative: unknown
    uint64_t highest;
    // The present interval, and those before; the newest is at (count - 1) % PATH_INTERVALS.
    sotto_ns begun;
    uint64_t begun_highest;
    bool timed; // is least_us known?
    int64_t least_us;
    uint32_t got, cells;
    struct path_ramp ramp;
    struct path_steps steps;
    uint32_t count; // since the span changed
    struct path_interval intervals[PATH_INTERVALS];
    // Least delays, of PATH_BASE_NS each.
    uint64_t base_number;
    bool base_any[PATH_BASES];
    int64_t base_us[PATH_BASES];
    // What was asked for.
    unsigned fits;       // once the queue is gone; 0: the present one
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
// A tick of our own was late, by PATH_LATE_NS or more, until now.
void path_meter_late(struct path_meter *m, sotto_ns now);
// The span that the far end's cells should have: 1, 2 or 3.
unsigned path_meter_wish(const struct path_meter *m);
// By how much the last cell was later than the least delay; negative: unknown.
int64_t path_meter_queue_us(const struct path_meter *m);
// A queue was found to grow, or to stand; the cells do not yet have the span that was asked for.
bool path_meter_chokes(const struct path_meter *m);

#endif
