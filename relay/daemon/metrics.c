// SPDX-License-Identifier: Apache-2.0
#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum type {
    GAUGE,
    COUNTER
};

struct row {
    const char *name;
    enum type type;
    size_t offset;
    const char *help;
};

#define ROW(name, type, field, help)                      \
    {                                                     \
        name, type, offsetof(struct metrics, field), help \
    }

static const struct row rows[] = {
    ROW("uptime_seconds", GAUGE, uptime_s, "since the start"),
    ROW("connections", GAUGE, engine.conns, "connections now"),
    ROW("lines_online", GAUGE, engine.lines_online, "lines with a device connected"),
    ROW("circuits", GAUGE, engine.circuits, "circuits now"),
    ROW("places", GAUGE, engine.places, "meeting places now"),
    ROW("lines", GAUGE, store.lines, "lines"),
    ROW("numbers", GAUGE, store.numbers, "numbers"),
    ROW("invitations_open", GAUGE, store.invites_open, "invitations not yet used"),
    ROW("subscriptions", GAUGE, store.pushes, "for waking devices"),
    ROW("dials_total", COUNTER, engine.dials, "numbers dialled"),
    ROW("dials_unavailable_total", COUNTER, engine.dials_unavailable, "at unusable numbers"),
    ROW("dials_offline_total", COUNTER, engine.dials_offline, "at lines without a device"),
    ROW("dials_limited_total", COUNTER, engine.dials_limited, "refused for being too many"),
    ROW("wakes_total", COUNTER, engine.wakes, "lines whose devices were to be woken"),
    ROW("wakes_answered_total", COUNTER, engine.wakes_answered, "dials for which one woke"),
    ROW("wakes_missed_total", COUNTER, engine.wakes_missed, "dials for which none did"),
    ROW("pushes_sent_total", COUNTER, push.sent, "pushes taken by their service"),
    ROW("pushes_gone_total", COUNTER, push.gone, "at subscriptions that are no more"),
    ROW("pushes_failed_total", COUNTER, push.failed, "that no service took"),
    ROW("pushes_dropped_total", COUNTER, push.dropped, "for being too many"),
    ROW("meets_total", COUNTER, engine.meets, "pairs that met"),
    ROW("resumes_total", COUNTER, engine.resumes, "circuits resumed after a lost connection"),
    ROW("cells_forwarded_total", COUNTER, engine.cells_forwarded, "cells passed on"),
    ROW("cells_dropped_total", COUNTER, engine.cells_dropped, "cells dropped"),
    ROW("flights_forwarded_total", COUNTER, engine.signals_forwarded, "flights passed on"),
    ROW("registers_total", COUNTER, engine.registers, "lines made"),
    ROW("logins_total", COUNTER, engine.logins, "devices that proved their line"),
    ROW("logins_denied_total", COUNTER, engine.logins_denied, "devices that did not"),
    ROW("protocol_errors_total", COUNTER, engine.protocol_errors, "connections ended for that"),
    ROW("connections_total", COUNTER, net.connections_total, "connections so far"),
    ROW("handshakes_failed_total", COUNTER, net.handshakes_failed, "that did not come about"),
    ROW("datagrams_in_total", COUNTER, net.datagrams_in, "datagrams received"),
    ROW("datagrams_out_total", COUNTER, net.datagrams_out, "datagrams sent"),
    ROW("datagrams_dropped_total", COUNTER, net.datagrams_dropped, "for full queues"),
    ROW("bytes_in_total", COUNTER, net.bytes_in, "bytes received"),
    ROW("bytes_out_total", COUNTER, net.bytes_out, "bytes sent"),
    ROW("certificate_left_seconds", GAUGE, certificate_left_s, "validity of the certificate"),
    ROW("resident_bytes", GAUGE, resident_bytes, "memory"),
    ROW("cpu_milliseconds_total", COUNTER, cpu_ms, "processor time"),
};
#define ROWS (sizeof rows / sizeof rows[0])

struct text {
    char *out;
    size_t cap, len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->out + t->len, t->cap - t->len, format, args);
    va_end(args);
    if (n > 0)
        t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

static void add_row(struct text *t, const struct row *row, enum metrics_form form, uint64_t value)
{
    switch (form) {
    case METRICS_HUMAN:
        add(t, "%-26s %12" PRIu64 "  %s\n", row->name, value, row->help);
        break;
    case METRICS_JSON:
        add(t, "%s\"%s\":%" PRIu64, row == rows ? "{" : ",", row->name, value);
        break;
    case METRICS_PROMETHEUS:
        add(t, "# HELP sottod_%s %s\n# TYPE sottod_%s %s\nsottod_%s %" PRIu64 "\n", row->name,
            row->help, row->name, row->type == GAUGE ? "gauge" : "counter", row->name, value);
        break;
    }
}

size_t metrics_format(const struct metrics *m, enum metrics_form form, char *out, size_t cap)
{
    struct text t = {.out = out, .cap = cap};
    out[0] = '\0';
    for (const struct row *row = rows; row < rows + ROWS; row++) {
        uint64_t value;
        memcpy(&value, (const char *)m + row->offset, sizeof value);
        add_row(&t, row, form, value);
    }
    if (form == METRICS_JSON)
        add(&t, "}\n");
    return t.len;
}

void metrics_process(struct metrics *m)
{
    struct rusage usage;
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        if (fscanf(f, "%*u %lu", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    m->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        m->cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}
