// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include "cli.h"

#include "wire/link.h"

#include <stdio.h>
#include <string.h>

#define LOGIN_REQUEST 1

struct probe {
    const struct probe_options *opt;
    struct probe_result *result;
    uv_loop_t loop;
    uv_timer_t timer;
    struct net_client *client;
    sotto_ns started_ns;
    bool done;
};

static void finish(struct probe *p)
{
    p->done = true;
    uv_stop(&p->loop);
}

static void on_timeout(uv_timer_t *timer)
{
    struct probe *p = timer->data;
    if (!p->result->greeted) {
        p->result->reason = p->result->connected ? NET_TIMEOUT : NET_UNREACHABLE;
    } else {
        p->result->line_code = SOTTO_ETIMEOUT;
    }
    finish(p);
}

static void transmit(struct probe *p, const struct link_message *m)
{
    uint8_t bytes[LINK_MESSAGE_MAX_BYTES];
    int len = link_encode(m, bytes, sizeof bytes);
    if (len > 0) {
        (void)net_client_send_message(p->client, bytes, (size_t)len);
    }
}

static void on_open(struct net_client *c, enum net_transport transport, void *user)
{
    (void)c;
    struct probe *p = user;
    p->result->connected = true;
    p->result->transport = transport;
    p->result->connect_ns = clock_now().mono_ns - p->started_ns;
    transmit(p, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION});
}

// "host:port", as the device signs it.
static void origin_of(const struct sotto_relay_address *a, char out[LINK_ORIGIN_MAX_BYTES + 1])
{
    snprintf(out, LINK_ORIGIN_MAX_BYTES + 1,
             strchr(a->host, ':') != NULL ? "[%.240s]:%u" : "%.240s:%u", a->host,
             (unsigned)a->port);
}

static void log_in(struct probe *p, const uint8_t *challenge)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES], line_id[SOTTO_LINE_ID_BYTES];
    uint8_t signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    char origin[LINK_ORIGIN_MAX_BYTES + 1];
    origin_of(p->opt->relay, origin);
    sotto_line_key_id(p->opt->line_key, line_id);
    int tbs_len = link_login_tbs(tbs, sizeof tbs, origin, challenge, line_id, 0);
    int signed_len = tbs_len < 0 ? tbs_len
                                 : sotto_line_key_sign(p->opt->line_key, tbs, (size_t)tbs_len,
                                                       signature, sizeof signature);
    if (signed_len < 0) {
        p->result->line_code = signed_len;
        finish(p);
        return;
    }
    p->result->line_asked = true;
    transmit(p, &(struct link_message){.type = LINK_LOGIN,
                                       .request = LOGIN_REQUEST,
                                       .line_id = line_id,
                                       .signature = signature,
                                       .signature_len = (size_t)signed_len});
}

static void on_welcome(struct probe *p, const struct link_message *m)
{
    if (m->time_unix_s > INT64_MAX / 2) {
        return;
    }
    p->result->greeted = true;
    p->result->clock_offset_s = clock_now().unix_s - (int64_t)m->time_unix_s;
    if (p->opt->line_key != NULL) {
        log_in(p, m->challenge);
    } else {
        finish(p);
    }
}

static void on_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    struct probe *p = user;
    struct link_message m;
    if (link_decode(&m, msg, len) != SOTTO_OK) {
        return;
    }
    bool answer = p->result->line_asked && m.request == LOGIN_REQUEST;
    if (m.type == LINK_WELCOME && !p->result->greeted) {
        on_welcome(p, &m);
    } else if (m.type == LINK_OK && answer) {
        finish(p);
    } else if (m.type == LINK_FAILED && answer) {
        p->result->line_code = m.code;
        finish(p);
    }
}

static void on_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    (void)data;
    (void)len;
    (void)user;
}

static void on_down(struct net_client *c, enum net_reason reason, const char *detail, bool again,
                    void *user)
{
    (void)c;
    (void)again;
    struct probe *p = user;
    p->result->reason = reason;
    snprintf(p->result->detail, sizeof p->result->detail, "%s", detail != NULL ? detail : "");
    if (p->result->line_asked) {
        p->result->line_code = SOTTO_ECLOSED;
    }
    finish(p);
}

static int connect_to(struct probe *p)
{
    static const struct net_client_ops ops = {
        .on_open = on_open,
        .on_message = on_message,
        .on_datagram = on_datagram,
        .on_down = on_down,
    };
    struct net_client_config cfg = {
        .host = p->opt->relay->host,
        .port = p->opt->relay->port,
        .pinned = p->opt->relay->pinned,
        .ca_file = p->opt->ca_file,
        .force_websocket = p->opt->force_websocket,
    };
    _Static_assert(sizeof cfg.pin == sizeof p->opt->relay->pin, "the same pin");
    memcpy(cfg.pin, p->opt->relay->pin, sizeof cfg.pin);
    return net_client_new(&p->client, &p->loop, &cfg, &ops, p);
}

static void run(struct probe *p)
{
    uv_timer_start(&p->timer, on_timeout, p->opt->timeout_ms, 0);
    while (!p->done && uv_run(&p->loop, UV_RUN_DEFAULT) != 0) {
    }
    struct net_stats stats = {0};
    net_client_stats(p->client, &stats);
    p->result->rtt_ns = stats.rtt_ns;
    p->result->tls_group = stats.tls_group;
    net_client_free(p->client);
}

int probe_relay(const struct probe_options *opt, struct probe_result *out)
{
    struct probe_result result = {.reason = NET_UNREACHABLE};
    struct probe p = {.opt = opt, .result = &result, .started_ns = clock_now().mono_ns};
    if (uv_loop_init(&p.loop) != 0) {
        return SOTTO_EIO;
    }
    uv_timer_init(&p.loop, &p.timer);
    p.timer.data = &p;
    int error = connect_to(&p);
    if (error == SOTTO_OK) {
        run(&p);
        *out = result;
    }
    uv_close((uv_handle_t *)&p.timer, NULL);
    uv_run(&p.loop, UV_RUN_DEFAULT); // until the client's handles are gone
    uv_loop_close(&p.loop);
    return error;
}
