// SPDX-License-Identifier: Apache-2.0
// The desk's file of statistics: when a line is due, and what is in it.
#include "desk.h"

#include <time.h>

static int64_t unix_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void give_up(struct desk *d, const char *why)
{
    if (d->cli->out.json) {
        desk_json(d, "statistics_failed", json_pack("{s:s}", "text", why));
    } else {
        desk_notice(d, MARK_WARN, "No statistics any more, the call goes on: %s", why);
    }
}

void desk_stats_open(struct desk *d)
{
    char why[STATS_FILE_WHY_BYTES];
    if (d->opt.stats_path != NULL && !stats_file_open(&d->stats.file, d->opt.stats_path, why)) {
        give_up(d, why);
    }
}

void desk_stats_close(struct desk *d)
{
    stats_file_close(d->stats.file);
    d->stats.file = NULL;
}

// What the links carried since the last look, a second.
static void look_at_links(struct desk *d)
{
    struct desk_stats *s = &d->stats;
    struct net_stats net = {0};
    sotto_ns now = clock_now().mono_ns, span = now - s->looked_ns;
    runner_net_stats(d->runner, &net);
    if (s->looked_ns != 0 && span > 0) {
        s->out_bps = (uint64_t)((double)(net.bytes_sent - s->out_bytes) * 8e9 / (double)span);
        s->in_bps = (uint64_t)((double)(net.bytes_received - s->in_bytes) * 8e9 / (double)span);
    }
    s->looked_ns = now;
    s->out_bytes = net.bytes_sent;
    s->in_bytes = net.bytes_received;
}

static const char *state_name(const struct sotto_call_info *info)
{
    if (info->state != SOTTO_CALL_ACTIVE) {
        return "ended";
    }
    return info->reconnecting ? "reconnecting"
           : info->held       ? "held"
           : info->peer_held  ? "held_by_peer"
                              : "talking";
}

void desk_stats_begin(struct desk *d, uint32_t call)
{
    struct desk_call *c = desk_call_of(d, call);
    struct sotto_call_info info;
    if (c != NULL && sotto_device_call_info(runner_device(d->runner), call, &info) == 0) {
        (void)call_meter_look(&c->meter, &info.stats);
        look_at_links(d);
    }
}

void desk_stats_call(struct desk *d, const struct sotto_call_info *info)
{
    const struct call_note *note = desk_note(d, info->call);
    struct desk_call *c = desk_call_of(d, info->call);
    char why[STATS_FILE_WHY_BYTES];
    double talk_ms = call_note_talk_ms(note, info, clock_now().mono_ns);
    if (d->stats.file == NULL || c == NULL || talk_ms < 0) {
        return;
    }
    const struct stats_row row = {
        .unix_ms = unix_ms(),
        .call = info->call,
        .call_ms = (uint64_t)talk_ms,
        .state = state_name(info),
        .transport = net_transport_name(d->transport),
        .out_bps = d->stats.out_bps,
        .in_bps = d->stats.in_bps,
        .now = info->stats,
        .second = call_meter_look(&c->meter, &info->stats),
    };
    if (!stats_file_add(d->stats.file, &row, why)) {
        give_up(d, why);
    }
}

void desk_stats_second(struct desk *d)
{
    struct sotto_device *device = runner_device(d->runner);
    uint32_t calls[SOTTO_CALLS_MAX];
    if (d->stats.file == NULL) {
        return;
    }
    look_at_links(d);
    size_t count = sotto_device_calls(device, calls);
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(device, calls[i], &info) == 0 &&
            info.state == SOTTO_CALL_ACTIVE) {
            desk_stats_call(d, &info);
        }
    }
}
