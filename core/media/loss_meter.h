// SPDX-License-Identifier: Apache-2.0
// How many cells are lost, and how many in a row, as seen by their receiver, in ticks: a cell that
// stands for several counts for each. A tick counts as lost when LOSS_METER_REORDER newer ones
// could have come and it has not. Rises at once and falls slowly: what happened lately may happen
// again.
#ifndef SOTTO_MEDIA_LOSS_METER_H
#define SOTTO_MEDIA_LOSS_METER_H

#include <sotto/base.h>

#define LOSS_METER_REORDER     6  // ticks
#define LOSS_METER_OUTAGE      32 // ticks missing in a row: an outage, which no redundancy bridges
#define LOSS_METER_BURST_UNITS 4  // parts of a tick in which a burst is told

// As in a report (wire/cell.h).
struct loss_view {
    uint8_t loss;  // of 255
    uint8_t burst; // mean ticks lost in a row, in quarters; 255 and more alike
    bool history;  // understands what packets tell of the frames before them (media/voice.h)
};

struct loss_meter {
    bool any;
    uint64_t newest;     // counter
    uint64_t seen;       // bit i: newest - i came
    uint32_t run;        // lost in a row, so far
    uint32_t fast, slow; // share lost, of 2^24
    uint32_t burst;      // mean run, of 2^8
};

// A cell came that stands for `span` ticks up to ctr; any order.
void loss_meter_note(struct loss_meter *m, uint64_t ctr, unsigned span);
struct loss_view loss_meter_view(const struct loss_meter *m); // without `history`

#endif
