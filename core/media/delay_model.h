// SPDX-License-Identifier: Apache-2.0
// How late frames become known: by their own cell, or by redundancy in a later one. From this
// follows how long playing must lag behind the fastest cell.
//
// Time is cut into blocks of DELAY_BLOCK_TICKS. Of each block the least and the greatest lateness
// are kept, for DELAY_BLOCKS blocks: the least of all is the path itself (it follows a clock that
// drifts, and a path that changed), and the target is the DELAY_RANK-th greatest, a quantile of
// blocks. One spike touches two blocks at most and leaves the target alone: the buffer stretches
// for it when it comes, and shrinks after. Spikes that come again and again raise it.
//
// Cells that are lost in bursts, several in a row, become known only when the burst is over. Taken
// as exponential, 90 % of what is lost lies within 2.3 mean bursts of its end: while bursts go on
// the target is at least that, as far as redundancy has lately reached back.
#ifndef SOTTO_MEDIA_DELAY_MODEL_H
#define SOTTO_MEDIA_DELAY_MODEL_H

#include <sotto/media.h>

#define DELAY_BLOCK_TICKS 20 // 400 ms
#define DELAY_BLOCKS      12 // 4.8 s
#define DELAY_RANK        5
#define DELAY_RUNS        8       // runs of lost cells over which their mean is taken
#define DELAY_RUNS_LEAST  3       // before it counts
#define DELAY_RUN_TICKS   500     // 10 s after the last but two it counts no more
#define DELAY_REACH_FADE  2048    // ticks over which the reach of redundancy is forgotten
#define DELAY_RUN_MAX     32      // a longer run is an outage
#define DELAY_MAX_US      400000  // never more than this behind the fastest cell
#define DELAY_TARGET_US   380000  // the greatest target
#define DELAY_BURST_US    50000   // mean runs from here on are bursts, for each tick of a cell
#define DELAY_START_US    20000   // before anything is known
#define DELAY_SLACK_US    5000    // so much too early or too late is left alone
#define DELAY_MARGIN_US   3000    // for the tick of either side's clock
#define DELAY_JUMP_US     2000000 // a greater step: another clock, or a sender that began anew

struct delay_block {
    bool any;
    int64_t least_us, greatest_us;
};

struct delay_model {
    unsigned span; // ticks that a cell stands for; 0: one
    bool any;
    uint64_t block; // number of the newest
    struct delay_block blocks[DELAY_BLOCKS];
    uint64_t newest;
    uint64_t run_at[DELAY_RUNS_LEAST]; // ticks at which the last runs ended
    uint32_t runs;
    int64_t run_us;   // mean
    int64_t reach_us; // how late frames were that redundancy brought, at most; fades
};

void delay_model_reset(struct delay_model *m);
// A cell stands, or will soon stand, for so many ticks: the target reaches its first frame, and
// only longer runs count as bursts.
void delay_model_expect(struct delay_model *m, unsigned span);
// The frame of `tick` came in its own cell at `now`.
void delay_model_came(struct delay_model *m, uint64_t tick, sotto_ns now);
// The stream goes on there, after an outage or from anew.
void delay_model_restart(struct delay_model *m, uint64_t tick, sotto_ns now);
// The frame of `tick`, lost or late, became known at `now` through redundancy.
void delay_model_recovered(struct delay_model *m, uint64_t tick, sotto_ns now);
// How late the frame of `tick` would be at `now`: microseconds behind the fastest cell; negative
// before one came.
int64_t delay_model_lateness_us(const struct delay_model *m, uint64_t tick, sotto_ns now);
// How late playing should be: 0 .. DELAY_TARGET_US.
int64_t delay_model_target_us(const struct delay_model *m);

#endif
