// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include "probe.h"
#include "relay.h"
#include "store.h"

#define PROBE_MS     10000
#define CLOCK_WARN_S 60
#define CLOCK_BAD_S  3600
#define SLOW_NS      (1000 * SOTTO_NS_PER_MS)

static void say_unreachable(struct doctor *d, const struct sotto_relay_address *home,
                            const struct probe_result *p)
{
    char host[OUTPUT_HOST_BYTES];
    output_host(home, host);
    const char *colon = p->detail[0] != 0 ? ": " : "";
    if (p->connected && !p->greeted) {
        doctor_say(d, MARK_BAD, "relay", "Is this the right address, and the relay up to date?",
                   "%s answers, but not as a relay%s%s", host, colon, p->detail);
    } else {
        doctor_say(d, MARK_BAD, "relay", net_reason_text(p->reason), "%s cannot be used%s%s", host,
                   colon, p->detail);
    }
}

static void say_way(struct doctor *d, const struct sotto_relay_address *home,
                    const struct probe_result *p)
{
    char host[OUTPUT_HOST_BYTES];
    unsigned long long ms = p->connect_ns / SOTTO_NS_PER_MS;
    output_host(home, host);
    doctor_say(d, MARK_GOOD, "relay", NULL, "%s is reached by %s in %llu ms%s", host,
               net_transport_name(p->transport), ms, home->pinned ? ", with the pinned key" : "");
    if (p->transport == NET_WEBSOCKET && !d->cli->common.force_websocket) {
        doctor_say(d, MARK_WARN, "network",
                   "Calls work, but suffer more from lost packets. If this is your network, allow "
                   "UDP to the relay's port.",
                   "UDP does not get through to the relay: WebSocket over TCP is used");
    }
    if (p->connect_ns > SLOW_NS) {
        doctor_say(d, MARK_WARN, "network", NULL, "the way to the relay is slow");
    }
}

static void say_clock(struct doctor *d, const struct probe_result *p)
{
    char span[OUTPUT_TIME_BYTES];
    int64_t off = p->clock_offset_s;
    int64_t by = off < 0 ? -off : off;
    if (by < CLOCK_WARN_S) {
        doctor_say(d, MARK_GOOD, "clock", NULL, "agrees with the relay's");
        return;
    }
    output_span(by, span);
    doctor_say(d, by >= CLOCK_BAD_S ? MARK_BAD : MARK_WARN, "clock",
               "Set it, or let it be set (timedatectl set-ntp true). Numbers begin and end by it; "
               "certificates are judged by it.",
               "your clock is %s %s the relay's", span, off < 0 ? "behind" : "ahead of");
}

static void say_line(struct doctor *d, const struct store_profile *profile,
                     const struct probe_result *p)
{
    if (!profile->registered) {
        doctor_say(d, MARK_BAD, "line", "sotto init", "it is not registered at the relay yet");
    } else if (p->line_code != 0) {
        doctor_say(d, MARK_BAD, "line",
                   "Ask the relay's operator. With a new invitation you need a new identity, or "
                   "the operator puts your line back.",
                   "%s", relay_code_text(p->line_code));
    } else {
        doctor_say(d, MARK_GOOD, "line", NULL, "the relay knows it");
    }
}

void doctor_relay(struct doctor *d, struct store *s)
{
    const struct store_profile *profile = store_profile(s);
    if (!profile->has_line) {
        doctor_say(d, MARK_INFO, "line", NULL, "none: you can call, but not be called");
        return;
    }
    const struct probe_options opt = {
        .relay = &profile->home,
        .line_key = profile->registered ? store_line_key(s) : NULL,
        .ca_file = d->cli->common.ca_file,
        .force_websocket = d->cli->common.force_websocket,
        .timeout_ms = PROBE_MS,
    };
    struct probe_result p;
    int error = probe_relay(&opt, &p);
    if (error != SOTTO_OK) {
        doctor_say(d, MARK_BAD, "relay", NULL, "cannot be tried: %s", sotto_strerror(error));
        return;
    }
    if (!p.greeted) {
        say_unreachable(d, &profile->home, &p);
        return;
    }
    say_way(d, &profile->home, &p);
    say_clock(d, &p);
    say_line(d, profile, &p);
}
