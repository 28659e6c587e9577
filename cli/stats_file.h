// SPDX-License-Identifier: Apache-2.0
// A file of statistics: CSV (RFC 4180, but with newlines alone), one header line, then one line
// for each second of each call. Columns and units: sotto-call(1); STATS_FILE_HEADER. Each line
// is one write: whatever ends the program, the file has whole lines.
#ifndef SOTTO_CLI_STATS_FILE_H
#define SOTTO_CLI_STATS_FILE_H

#include "call_second.h"

#include <stdbool.h>

#define STATS_FILE_WHY_BYTES 256
#define STATS_FILE_HEADER                                                                     \
    "time,call,call_s,state,transport,tick_ms,neural,rtt_ms,mouth_to_ear_ms,delay_ms,lag_ms," \
    "target_ms,jitter_ms,depth_frames,cells_sent,cells_received,cells_lost,lost_percent,"     \
    "cells_dropped,loss_seen_percent,burst_seen_ms,loss_reported_percent,burst_reported_ms,"  \
    "frames_received,played,copies,dred,concealed,late,skipped,shortened_samples,"            \
    "lengthened_samples,out_bps,in_bps,rekeys\n"

struct stats_file;

struct stats_row {
    int64_t unix_ms;
    uint32_t call;
    uint64_t call_ms;         // since the conversation began
    const char *state;        // talking, held, held_by_peer, reconnecting, ended
    const char *transport;    // "quic"
    uint64_t out_bps, in_bps; // of all links
    struct sotto_call_stats now;
    struct call_second second;
};

// Makes the file, readable by its owner alone, with the header. One that is there is replaced if
// it is empty or a file of statistics, and left alone otherwise. False: `why` says what is wrong.
bool stats_file_open(struct stats_file **out, const char *path, char why[STATS_FILE_WHY_BYTES]);
// Adds a line. False, once: `why`. Then it is given up; later lines are ignored.
bool stats_file_add(struct stats_file *f, const struct stats_row *row,
                    char why[STATS_FILE_WHY_BYTES]);
void stats_file_close(struct stats_file *f); // NULL is ignored

#endif
