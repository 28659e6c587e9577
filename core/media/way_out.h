// SPDX-License-Identifier: Apache-2.0
// Is there a queue on our own way out? The far end would tell us (media/path_meter.h), but where
// both ways are too thin its word waits in the queue of the way in, while ours grows. What both
// queues add to the round trip is known from its reports, and what the way in adds is measured.
#ifndef SOTTO_MEDIA_WAY_OUT_H
#define SOTTO_MEDIA_WAY_OUT_H

#include <sotto/base.h>

#define WAY_OUT_QUEUE_US  80000 // from here on it counts
#define WAY_OUT_FORGET_US 1000  // by each report the least round trip grows: 5 ms a second

struct way_out {
    bool any;
    int64_t base_us;  // least round trip, without queues on the way in
    int64_t queue_us; // by the last report
};

// A report came: the round trip, and by how much its cell was later than the least delay of the
// way in; negative: unknown, and nothing is learnt.
void way_out_note(struct way_out *w, sotto_ns rtt, int64_t in_us);
// Whether cells wait on the way out.
bool way_out_waits(const struct way_out *w);

#endif
