// SPDX-License-Identifier: Apache-2.0
// What a running relay tells about itself: sums only, nothing that names anybody.
#ifndef SOTTO_DAEMON_METRICS_H
#define SOTTO_DAEMON_METRICS_H

#include <net.h>

#include "daemon/push.h"
#include "engine/engine.h"
#include "store/sqlite.h"

#define METRICS_TEXT_MAX 16384

struct metrics {
    struct relay_stats engine;
    struct net_server_stats net;
    struct relay_sqlite_stats store;
    struct push_stats push;
    uint64_t uptime_s;
    uint64_t certificate_left_s;
    uint64_t resident_bytes;
    uint64_t cpu_ms;
};

enum metrics_form {
    METRICS_HUMAN,
    METRICS_JSON,
    METRICS_PROMETHEUS
};

// Bytes written without the NUL; cut at cap.
size_t metrics_format(const struct metrics *m, enum metrics_form form, char *out, size_t cap);
// Fills in what the operating system knows of this process.
void metrics_process(struct metrics *m);

#endif
