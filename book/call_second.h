// SPDX-License-Identifier: Apache-2.0
// What one second of a call was like: how its counters grew since the last look. The one way to it,
// for the graph on the screen, the log's worst second and a file of statistics.
#ifndef SOTTO_BOOK_CALL_SECOND_H
#define SOTTO_BOOK_CALL_SECOND_H

#include <sotto/device.h>

struct call_second {
    uint64_t cells_sent, cells_received, cells_lost, cells_dropped;
    uint64_t frames_received, played, copies, retold, concealed, late, skipped;
    uint64_t shortened, lengthened; // samples
};

// Remembers the counters of one call. All zero: it has not begun.
struct call_meter {
    struct sotto_call_stats last;
};

// From the last look (or the beginning) to now. What was counted as lost and came after all may
// make cells_lost smaller: then it is 0 here.
struct call_second call_meter_look(struct call_meter *m, const struct sotto_call_stats *now);

// Of the cells that should have come; of the sound that should have been there; the share of it
// that was restored from copies or DRED. 0 of nothing.
unsigned call_second_lost_permille(const struct call_second *s);
unsigned call_second_concealed_permille(const struct call_second *s);
unsigned call_second_restored_permille(const struct call_second *s);
unsigned call_permille(uint64_t part, uint64_t whole); // rounded; 0 of nothing

#endif
