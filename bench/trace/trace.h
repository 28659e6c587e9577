// SPDX-License-Identifier: Apache-2.0
// What a network does to one cell after another, seeded: the same seed and profile give the same
// trace everywhere. For measurements; no part of sotto.
#ifndef SOTTO_BENCH_TRACE_H
#define SOTTO_BENCH_TRACE_H

#include <sotto/base.h>

#define TRACE_PACKET_BYTES (136 + 60)             // a cell, and what QUIC, UDP and IP put around it
#define TRACE_BASE_NS      (40 * SOTTO_NS_PER_MS) // of every path, one way
#define TRACE_LOST         SOTTO_NEVER

struct trace_profile {
    const char *name;
    double loss;           // share of the cells that are lost
    double burst_ms;       // mean length of a loss; 0: each cell for itself (else Gilbert-Elliott)
    double jitter_ms;      // |N(0, jitter)| more, in order, as in a queue
    double reorder;        // share of the cells that are overtaken
    double reorder_ms;     // by so much
    double spike_every_ms; // a queue that stands still once in a while ...
    double spike_ms;       // ... for so long, and then lets all go at once
    double outage_at_ms;   // nothing comes from here on ...
    double outage_ms;      // ... for so long; the cells are lost
    double rate_kbps;      // the link carries no more ...
    double queue_ms;       // ... and holds so much; what does not fit is lost
    double rate_from_ms;   // from here on
    double far_clock_ppm;  // the sender's clock is faster by
};

struct trace {
    const struct trace_profile *profile;
    uint64_t rng;
    bool bad;
    sotto_ns ticked; // up to where `bad` is known
    sotto_ns idle;   // when the link will have sent all it holds
    sotto_ns last;   // arrival of the cell before, for what keeps order
    // Of trace_packet alone:
    uint64_t packet_rng;
    sotto_ns slot_end; // of the 20 ms that slot_jitter_ms holds for
    double slot_jitter_ms;
};

// The profiles that are measured, ended by one without a name.
extern const struct trace_profile trace_profiles[];
const struct trace_profile *trace_find(const char *name); // NULL: none

void trace_init(struct trace *t, const struct trace_profile *p, uint64_t seed);
double trace_chance(struct trace *t); // 0 <= x < 1
// When the cell that leaves at `sent` arrives, or TRACE_LOST. Called once a cell, in order.
sotto_ns trace_arrival(struct trace *t, sotto_ns sent);

// The same network for packets of any size at any time: bursts and jitter belong to each 20 ms of
// the network's own time (`sent` counts from its start), so that they do not depend on how many
// packets somebody sends. Without TRACE_BASE_NS. In order of `sent`.
sotto_ns trace_packet(struct trace *t, sotto_ns sent, size_t bytes);

#endif
