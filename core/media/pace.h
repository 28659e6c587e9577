// SPDX-License-Identifier: Apache-2.0
// How many ticks of speech each cell that we send stands for: its span (wire/cell.h). A cell of
// span k leaves every k ticks, so that a thin link carries fewer packets; this is all that a
// profile is (include/sotto/device.h).
//
// The far end knows what the path to it can carry, and asks for a span in its reports. It gets it
//
//  - never without having asked for any: a peer that knows nothing of spans has cells of span 1;
//  - a larger one after PACE_NOTICE_TICKS, in which our reports announce it: so that its playout
//    can lag behind far enough, and nothing is missing when they come;
//  - the largest one at once where we know ourselves that both ways are too thin, since its wish
//    would wait in the queue: cells are late in any case. After PACE_URGED_TICKS its wish counts;
//  - not before PACE_REST_TICKS have passed since the last change, or PACE_DWELL_TICKS for a
//    smaller one.
//
// So a far end that lies gets fewer cells, down to a third of them, never more, and two changes in
// 7 s at most.
#ifndef SOTTO_MEDIA_PACE_H
#define SOTTO_MEDIA_PACE_H

#include "wire/cell.h"

#define PACE_NOTICE_TICKS 10  // 200 ms: the report that announces it goes out at once
#define PACE_REST_TICKS   100 // 2 s
#define PACE_DWELL_TICKS  250 // 5 s
#define PACE_URGED_TICKS  100 // 2 s: until then the far end has had time to ask

struct pace {
    unsigned fixed;       // span that the user wants; 0: what the peer asks for
    unsigned asked;       // by the peer, 1 .. CELL_SPAN_MAX; 0: it knows of none
    unsigned span;        // now
    unsigned next;        // announced; the same if nothing is to change
    uint64_t next_at;     // tick from which it holds
    uint64_t urged_until; // ticks before have the largest span, whatever is asked for
    uint64_t changed;     // tick of the last change; 0: none
};

void pace_init(struct pace *p, unsigned fixed); // span 1
// The peer's report, in the tick that is to be made next.
void pace_asked(struct pace *p, unsigned wish, uint64_t tick);
// Both ways were found too thin (media/way_out.h), by the tick that is to be made next.
void pace_urged(struct pace *p, uint64_t tick);
// The span of the cell that begins with this tick: ticks only grow.
unsigned pace_begin(struct pace *p, uint64_t tick);
// What our reports say.
unsigned pace_announced(const struct pace *p);

#endif
