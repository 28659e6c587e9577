// SPDX-License-Identifier: Apache-2.0
// A client: looks the relay up, races QUIC and WebSocket to it, keeps whichever it gets, and
// starts over after a loss.
#include "net.h"

#include "link.h"
#include "netwatch.h"
#include "quic_client.h"
#include "tls.h"
#include "ws.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sotto/base.h>

#define ADDRESSES_MAX           4 // of a name that has more, the first ones
#define ATTEMPTS_MAX            (2 * ADDRESSES_MAX)
#define HOST_MAX_BYTES          253
#define DEFAULT_HEAD_START_MS   800
// After a race that WebSocket won because nothing came back over UDP.
#define BLOCKED_HEAD_START_MS   200
// Between attempts at one address and the next.
#define STAGGER_MS              250
// A WebSocket that is ready waits so long for QUIC, counted from the start, if UDP is not blocked.
#define PREFER_QUIC_MS          1600
// The whole race; and once WebSocket has been answered with a refusal.
#define RACE_MS                 7000
#define RACE_REFUSED_MS         2500
#define BACKOFF_MIN_MS          250
#define BACKOFF_MAX_MS          5000
// A link that lasted longer starts the next backoff from its minimum.
#define LASTED_MS               5000
#define WS_HANDSHAKE_TIMEOUT_MS 6000

enum attempt_state {
    ATTEMPT_WAITING,
    ATTEMPT_TRYING,
    ATTEMPT_READY,
    ATTEMPT_FAILED
};

struct attempt {
    struct net_client *client;
    enum net_transport transport;
    enum attempt_state state;
    unsigned index; // of the address, within its transport
    union udp_address remote;
    struct quic_client *quic; // one of the two, while it lives
    struct ws_conn *ws;
};

enum client_state {
    CLIENT_WAITING,
    CLIENT_RESOLVING,
    CLIENT_RACING,
    CLIENT_OPEN,
    CLIENT_DEAD
};

struct net_client {
    uv_loop_t *loop;
    struct net_client_config cfg;
    struct net_client_ops ops;
    void *user;
    char *host, *ca_file;
    char authority[HOST_MAX_BYTES + 16];
    struct tls_client_check check;
    SSL_CTX *tls[2]; // by net_transport
    struct datagram_pool pool;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check_handle;
    uv_getaddrinfo_t resolve;
    struct netwatch *watch;
    enum client_state state;
    struct attempt attempts[ATTEMPTS_MAX];
    unsigned attempt_count;
    struct attempt *winner;
    uint64_t start_ns, race_end_ns, opened_ns;
    uint64_t backoff_ms;
    enum net_reason worst; // of the failed attempts: the one that tells most
    const char *worst_detail;
    bool any_failed, udp_blocked;
    struct net_stats gone_stats; // of links that are gone
    unsigned pending;            // handles and requests not closed yet
    bool freeing;
};

// ---- attempts -----------------------------------------------------------------------------

static const struct link_events attempt_events;
static void race_step(struct net_client *c);
static void arm_race(struct net_client *c);

static void add_stats(struct net_client *c, struct attempt *a)
{
    struct net_stats s = {0};
    if (a->quic != NULL) {
        quic_client_stats(a->quic, &s);
    } else if (a->ws != NULL) {
        ws_stats(a->ws, &s);
    }
    c->gone_stats.packets_sent += s.packets_sent;
    c->gone_stats.packets_received += s.packets_received;
    c->gone_stats.bytes_sent += s.bytes_sent;
    c->gone_stats.bytes_received += s.bytes_received;
    c->gone_stats.datagrams_sent += s.datagrams_sent;
    c->gone_stats.datagrams_received += s.datagrams_received;
    c->gone_stats.datagrams_dropped += s.datagrams_dropped;
    c->gone_stats.path_changes += s.path_changes;
}

static void attempt_drop(struct attempt *a, enum net_reason reason)
{
    add_stats(a->client, a);
    struct quic_client *quic = a->quic;
    struct ws_conn *ws = a->ws;
    a->quic = NULL;
    a->ws = NULL;
    if (quic != NULL) {
        quic_client_free(quic, reason);
    }
    if (ws != NULL) {
        ws_free(ws, reason);
    }
}

static void drop_all(struct net_client *c, const struct attempt *but)
{
    for (unsigned i = 0; i < c->attempt_count; i++) {
        if (&c->attempts[i] != but) {
            attempt_drop(&c->attempts[i], NET_CLOSED);
        }
    }
}

// A higher rank says more to the user.
static int rank(enum net_reason r)
{
    switch (r) {
    case NET_PIN:
        return 8;
    case NET_CERTIFICATE:
        return 7;
    case NET_LIMIT:
        return 6;
    case NET_PROTOCOL:
        return 5;
    case NET_TIMEOUT:
        return 4;
    case NET_UNREACHABLE:
        return 3;
    case NET_SYSTEM:
        return 2;
    default:
        return 1;
    }
}

static void note_failure(struct net_client *c, enum net_reason reason, const char *detail)
{
    if (!c->any_failed || rank(reason) > rank(c->worst)) {
        c->worst = reason;
        c->worst_detail = detail;
    }
    c->any_failed = true;
}

// Whoever answered is not whom the user wants.
static bool is_somebody_else(enum net_reason r)
{
    return r == NET_PIN || r == NET_CERTIFICATE;
}

static void attempt_start(struct attempt *a)
{
    struct net_client *c = a->client;
    int rv;
    a->state = ATTEMPT_TRYING;
    if (a->transport == NET_QUIC) {
        rv = quic_client_new(&a->quic, c->loop, c->tls[NET_QUIC], &c->check, c->authority,
                             &a->remote, &c->pool, &attempt_events, a);
    } else {
        struct ws_config cfg = {.loop = c->loop,
                                .tls = c->tls[NET_WEBSOCKET],
                                .pool = &c->pool,
                                .events = &attempt_events,
                                .owner = a,
                                .handshake_timeout_ms = WS_HANDSHAKE_TIMEOUT_MS,
                                .idle_timeout_ms = LINK_IDLE_TIMEOUT_MS,
                                .keep_alive_ms = LINK_KEEP_ALIVE_MS};
        rv = ws_connect(&a->ws, &cfg, &c->check, c->authority, &a->remote);
    }
    if (rv != 0) {
        a->state = ATTEMPT_FAILED;
        note_failure(c, rv == SOTTO_EIO ? NET_UNREACHABLE : NET_SYSTEM,
                     rv == SOTTO_EIO ? "no route to it" : "out of memory");
    }
}

// ---- going down and starting over ---------------------------------------------------------

static void begin(struct net_client *c);

static void on_backoff_over(uv_timer_t *timer)
{
    begin(timer->data);
}

static uint64_t jitter_ms(uint64_t ms)
{
    uint8_t random = 0;
    (void)RAND_bytes(&random, 1);
    return ms - ms / 5 + ms * 2 / 5 * random / 255;
}

static void down(struct net_client *c, enum net_reason reason, const char *detail)
{
    drop_all(c, NULL);
    c->attempt_count = 0;
    c->winner = NULL;
    // A relay that never showed the right key will not do so by itself. One that did is behind
    // somebody else now: a captive portal, or an attacker, who must not make a line deaf for good.
    bool again = c->cfg.reconnect && (!is_somebody_else(reason) || c->opened_ns != 0);
    c->state = again ? CLIENT_WAITING : CLIENT_DEAD;
    uv_timer_stop(&c->timer);
    if (again) {
        uv_timer_start(&c->timer, on_backoff_over, jitter_ms(c->backoff_ms), 0);
        c->backoff_ms = 2 * c->backoff_ms < BACKOFF_MAX_MS ? 2 * c->backoff_ms : BACKOFF_MAX_MS;
    }
    c->ops.on_down(c, reason, detail != NULL ? detail : "", again, c->user);
}

// ---- the race -----------------------------------------------------------------------------

static uint64_t now_ns(void)
{
    return uv_hrtime();
}

static uint64_t head_start_ms(const struct net_client *c)
{
    if (c->cfg.force_websocket) {
        return 0;
    }
    uint64_t ms =
        c->cfg.quic_head_start_ms != 0 ? c->cfg.quic_head_start_ms : DEFAULT_HEAD_START_MS;
    return c->udp_blocked && ms > BLOCKED_HEAD_START_MS ? BLOCKED_HEAD_START_MS : ms;
}

// An attempt begins at its time, or at once when all that come before it have failed.
static uint64_t attempt_due(const struct net_client *c, const struct attempt *a)
{
    bool before_failed = true;
    for (const struct attempt *b = c->attempts; b < a; b++) {
        before_failed = before_failed && b->state == ATTEMPT_FAILED;
    }
    if (before_failed) {
        return c->start_ns;
    }
    uint64_t ms = a->index * STAGGER_MS;
    if (a->transport == NET_WEBSOCKET) {
        ms += head_start_ms(c);
    }
    return c->start_ns + ms * SOTTO_NS_PER_MS;
}

static bool udp_heard(const struct net_client *c)
{
    for (unsigned i = 0; i < c->attempt_count; i++) {
        const struct attempt *a = &c->attempts[i];
        if (a->quic != NULL && quic_client_heard(a->quic)) {
            return true;
        }
    }
    return false;
}

static void win(struct net_client *c, struct attempt *a)
{
    c->udp_blocked = a->transport == NET_WEBSOCKET && !c->cfg.force_websocket && !udp_heard(c);
    c->winner = a;
    c->state = CLIENT_OPEN;
    c->opened_ns = now_ns();
    uv_timer_stop(&c->timer);
    drop_all(c, a);
    c->ops.on_open(c, a->transport, c->user);
}

static void on_race_timer(uv_timer_t *timer)
{
    race_step(timer->data);
}

// Starts what is due, takes what is ready, gives up when all is lost.
static void race_step(struct net_client *c)
{
    uint64_t now = now_ns();
    bool all_failed = true;
    struct attempt *ready = NULL;
    for (unsigned i = 0; i < c->attempt_count; i++) {
        struct attempt *a = &c->attempts[i];
        if (a->state == ATTEMPT_WAITING && attempt_due(c, a) <= now) {
            attempt_start(a);
        }
        if (a->state == ATTEMPT_READY && ready == NULL) {
            ready = a; // QUIC comes first in the array
        }
        all_failed = all_failed && a->state == ATTEMPT_FAILED;
    }
    bool may_wait = now < c->start_ns + PREFER_QUIC_MS * SOTTO_NS_PER_MS && udp_heard(c);
    if (ready != NULL && (ready->transport == NET_QUIC || !may_wait)) {
        win(c, ready);
    } else if (all_failed) {
        down(c, c->worst, c->worst_detail);
    } else if (now >= c->race_end_ns) {
        if (!c->any_failed || rank(c->worst) < rank(NET_UNREACHABLE)) {
            down(c, NET_UNREACHABLE, "no answer in time");
        } else {
            down(c, c->worst, c->worst_detail);
        }
    } else {
        arm_race(c);
    }
}

static void arm_race(struct net_client *c)
{
    uint64_t now = now_ns(), due = c->race_end_ns;
    for (unsigned i = 0; i < c->attempt_count; i++) {
        struct attempt *a = &c->attempts[i];
        uint64_t at = a->state == ATTEMPT_WAITING ? attempt_due(c, a)
                      : a->state == ATTEMPT_READY ? c->start_ns + PREFER_QUIC_MS * SOTTO_NS_PER_MS
                                                  : due;
        due = at < due ? at : due;
    }
    uint64_t wait_ms = due > now ? (due - now + SOTTO_NS_PER_MS - 1) / SOTTO_NS_PER_MS : 0;
    uv_timer_start(&c->timer, on_race_timer, wait_ms, 0);
}

static void on_link_open(void *owner)
{
    struct attempt *a = owner;
    struct net_client *c = a->client;
    a->state = ATTEMPT_READY;
    if (c->state == CLIENT_RACING) {
        race_step(c);
    }
}

static void on_link_message(void *owner, const uint8_t *msg, size_t len)
{
    struct attempt *a = owner;
    struct net_client *c = a->client;
    if (c->winner == a && !c->freeing) {
        c->ops.on_message(c, msg, len, c->user);
    }
}

static void on_link_datagram(void *owner, const uint8_t *data, size_t len)
{
    struct attempt *a = owner;
    struct net_client *c = a->client;
    if (c->winner == a && !c->freeing) {
        c->ops.on_datagram(c, data, len, c->user);
    }
}

static void on_link_path(void *owner)
{
    struct attempt *a = owner;
    struct net_client *c = a->client;
    if (c->winner == a && !c->freeing && c->ops.on_path != NULL) {
        c->ops.on_path(c, c->user);
    }
}

static void on_link_down(void *owner, enum net_reason reason, const char *detail)
{
    struct attempt *a = owner;
    struct net_client *c = a->client;
    if (c->state == CLIENT_OPEN) {
        if (now_ns() - c->opened_ns > LASTED_MS * SOTTO_NS_PER_MS) {
            c->backoff_ms = BACKOFF_MIN_MS;
        }
        down(c, reason, detail);
        return;
    }
    a->state = ATTEMPT_FAILED;
    attempt_drop(a, NET_CLOSED);
    note_failure(c, reason, detail);
    if (a->transport == NET_QUIC && is_somebody_else(reason)) {
        // Do not ask the next one on that address.
        down(c, reason, detail);
        return;
    }
    uint64_t end = c->start_ns + RACE_REFUSED_MS * SOTTO_NS_PER_MS;
    if (a->transport == NET_WEBSOCKET && end < c->race_end_ns) {
        c->race_end_ns = end;
    }
    race_step(c);
}

static const struct link_events attempt_events = {
    .on_open = on_link_open,
    .on_message = on_link_message,
    .on_datagram = on_link_datagram,
    .on_path = on_link_path,
    .on_down = on_link_down,
};

// ---- names --------------------------------------------------------------------------------

static void add_attempts(struct net_client *c, enum net_transport transport,
                         const struct addrinfo *list)
{
    unsigned index = 0;
    for (const struct addrinfo *i = list; i != NULL && index < ADDRESSES_MAX; i = i->ai_next) {
        struct attempt *a = &c->attempts[c->attempt_count];
        if (i->ai_addrlen > sizeof a->remote) {
            continue;
        }
        *a = (struct attempt){.client = c, .transport = transport, .index = index};
        index++;
        memcpy(&a->remote, i->ai_addr, i->ai_addrlen);
        // The port is at the same place in both families.
        a->remote.v4.sin_port = htons(c->cfg.port);
        c->attempt_count++;
    }
}

static void handle_gone(struct net_client *c);

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct net_client *c = request->data;
    if (c->freeing) {
        uv_freeaddrinfo(list);
        handle_gone(c);
        return;
    }
    c->pending--;
    if (status != 0) {
        down(c, NET_NAME, uv_strerror(status));
        return;
    }
    c->state = CLIENT_RACING;
    c->start_ns = now_ns();
    c->race_end_ns = c->start_ns + RACE_MS * SOTTO_NS_PER_MS;
    c->attempt_count = 0;
    c->any_failed = false;
    c->worst = NET_UNREACHABLE;
    c->worst_detail = NULL;
    if (!c->cfg.force_websocket) {
        add_attempts(c, NET_QUIC, list);
    }
    add_attempts(c, NET_WEBSOCKET, list);
    uv_freeaddrinfo(list);
    race_step(c);
}

static void begin(struct net_client *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    c->state = CLIENT_RESOLVING;
    int rv = uv_getaddrinfo(c->loop, &c->resolve, on_resolved, c->host, NULL, &hints);
    if (rv != 0) {
        down(c, rv == UV_ENOMEM ? NET_SYSTEM : NET_NAME, uv_strerror(rv));
        return;
    }
    c->pending++;
}

// ---- changes of this machine's addresses --------------------------------------------------

// A TCP connection cannot move: see whether packets would now leave from another address.
static bool ws_is_stranded(struct attempt *a)
{
    union udp_address now, local;
    ws_local(a->ws, &local);
    int fd = udp_socket_connected(&a->remote, &now);
    if (fd < 0) {
        return false; // the network is away for a moment, perhaps
    }
    close(fd);
    return local.any.sa_family != AF_UNSPEC && !udp_host_equal(&local, &now);
}

static void on_network_changed(void *user)
{
    struct net_client *c = user;
    if (c->freeing) {
        return;
    }
    if (c->state == CLIENT_WAITING) {
        c->backoff_ms = BACKOFF_MIN_MS;
        uv_timer_start(&c->timer, on_backoff_over, 0, 0);
    } else if (c->state == CLIENT_OPEN && c->winner->quic != NULL) {
        quic_client_network_changed(c->winner->quic);
    } else if (c->state == CLIENT_OPEN && ws_is_stranded(c->winner)) {
        c->backoff_ms = BACKOFF_MIN_MS;
        down(c, NET_TIMEOUT, "this device's address has changed");
    }
}

// ---- making and freeing -------------------------------------------------------------------

static void on_begin(uv_timer_t *timer)
{
    begin(timer->data);
}

static void flush_if_open(struct net_client *c)
{
    if (c->state == CLIENT_OPEN && c->winner != NULL && !c->freeing) {
        net_client_flush(c);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_if_open(prepare->data);
}

static void on_check(uv_check_t *check)
{
    flush_if_open(check->data);
}

static bool make_strings(struct net_client *c, const struct net_client_config *cfg)
{
    c->host = strdup(cfg->host);
    c->ca_file = cfg->ca_file != NULL ? strdup(cfg->ca_file) : NULL;
    if (c->host == NULL || (cfg->ca_file != NULL && c->ca_file == NULL)) {
        return false;
    }
    c->cfg.host = c->host;
    c->cfg.ca_file = c->ca_file;
    bool v6 = strchr(cfg->host, ':') != NULL;
    snprintf(c->authority, sizeof c->authority, v6 ? "[%s]:%u" : "%s:%u", cfg->host, cfg->port);
    c->check =
        (struct tls_client_check){.pinned = cfg->pinned, .host = c->host, .ca_file = c->ca_file};
    memcpy(c->check.pin, cfg->pin, sizeof c->check.pin);
    return true;
}

static void client_destroy(struct net_client *c)
{
    SSL_CTX_free(c->tls[NET_QUIC]);
    SSL_CTX_free(c->tls[NET_WEBSOCKET]);
    datagram_pool_deinit(&c->pool);
    free(c->host);
    free(c->ca_file);
    free(c);
}

int net_client_new(struct net_client **out, uv_loop_t *loop, const struct net_client_config *cfg,
                   const struct net_client_ops *ops, void *user)
{
    if (cfg->host == NULL || cfg->host[0] == '\0' || strlen(cfg->host) > HOST_MAX_BYTES ||
        cfg->port == 0) {
        return SOTTO_EINVAL;
    }
    struct net_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    c->loop = loop;
    c->cfg = *cfg;
    c->ops = *ops;
    c->user = user;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->resolve.data = c;
    if (!make_strings(c, cfg) || link_global_init() != 0 ||
        (c->tls[NET_QUIC] = tls_client_context(&c->check, TLS_ALPN_H3)) == NULL ||
        (c->tls[NET_WEBSOCKET] = tls_client_context(&c->check, TLS_ALPN_HTTP1)) == NULL ||
        netwatch_new(&c->watch, loop, on_network_changed, c) != 0) {
        client_destroy(c);
        return SOTTO_ENOMEM;
    }
    uv_timer_init(loop, &c->timer);
    uv_prepare_init(loop, &c->prepare);
    uv_check_init(loop, &c->check_handle);
    c->timer.data = c->prepare.data = c->check_handle.data = c;
    c->pending = 3;
    uv_prepare_start(&c->prepare, on_prepare);
    uv_check_start(&c->check_handle, on_check);
    uv_unref((uv_handle_t *)&c->prepare);
    uv_unref((uv_handle_t *)&c->check_handle);
    uv_timer_start(&c->timer, on_begin, 0, 0);
    *out = c;
    return 0;
}

static void handle_gone(struct net_client *c)
{
    if (--c->pending == 0) {
        client_destroy(c);
    }
}

static void on_handle_gone(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

void net_client_free(struct net_client *c)
{
    if (c == NULL || c->freeing) {
        return;
    }
    c->freeing = true;
    drop_all(c, NULL);
    if (c->state == CLIENT_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&c->resolve); // its callback comes in any case
    }
    netwatch_free(c->watch);
    uv_close((uv_handle_t *)&c->timer, on_handle_gone);
    uv_close((uv_handle_t *)&c->prepare, on_handle_gone);
    uv_close((uv_handle_t *)&c->check_handle, on_handle_gone);
}

// ---- sending ------------------------------------------------------------------------------

int net_client_send_message(struct net_client *c, const uint8_t *msg, size_t len)
{
    if (c->state != CLIENT_OPEN || c->freeing) {
        return SOTTO_ESTATE;
    }
    return c->winner->quic != NULL ? quic_client_send_message(c->winner->quic, msg, len)
                                   : ws_send_message(c->winner->ws, msg, len);
}

int net_client_send_datagram(struct net_client *c, const uint8_t *data, size_t len)
{
    if (c->state != CLIENT_OPEN || c->freeing) {
        return SOTTO_ESTATE;
    }
    return c->winner->quic != NULL ? quic_client_send_datagram(c->winner->quic, data, len)
                                   : ws_send_datagram(c->winner->ws, data, len);
}

void net_client_flush(struct net_client *c)
{
    if (c->state != CLIENT_OPEN || c->freeing) {
        return;
    }
    if (c->winner->quic != NULL) {
        quic_client_flush_queued(c->winner->quic);
    } else {
        ws_flush(c->winner->ws);
    }
}

void net_client_stats(const struct net_client *c, struct net_stats *out)
{
    *out = (struct net_stats){0};
    if (c->winner != NULL && c->winner->quic != NULL) {
        quic_client_stats(c->winner->quic, out);
    } else if (c->winner != NULL && c->winner->ws != NULL) {
        ws_stats(c->winner->ws, out);
    }
    out->packets_sent += c->gone_stats.packets_sent;
    out->packets_received += c->gone_stats.packets_received;
    out->bytes_sent += c->gone_stats.bytes_sent;
    out->bytes_received += c->gone_stats.bytes_received;
    out->datagrams_sent += c->gone_stats.datagrams_sent;
    out->datagrams_received += c->gone_stats.datagrams_received;
    out->datagrams_dropped += c->gone_stats.datagrams_dropped;
    out->path_changes += c->gone_stats.path_changes;
}
