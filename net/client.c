// SPDX-License-Identifier: Apache-2.0
// A client: looks the relay up, races for a connection to it, keeps it, and starts over after a
// loss. What becomes of one link:
//
//   WAITING ──► RESOLVING ──► RACING ──► OPEN ──► WAITING ...
//
// While OPEN there may be a race beside the connection at hand:
//
//   to rescue: the connection is silent (LINK_SILENT_MS), or cannot leave an address that is gone.
//              QUIC meanwhile tries other local ports by itself. Whichever is heard first goes on:
//              the old connection, and the race is off; or the winner, and the old one is left.
//              Again and again until one of them does, or the old one is given up (then RACING).
//   upwards:   from WebSocket to QUIC, UPGRADE_FIRST_MS after the beginning and then less and less
//              often.
//
// A connection that is left is heard for PARTING_MS more: what is on its way to us is not lost.
#include "net.h"

#include "carrier.h"
#include "netwatch.h"
#include "race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sotto/base.h>

#define HOST_MAX_BYTES        253
#define DEFAULT_HEAD_START_MS 800
// After a race that WebSocket won because nothing came back over UDP, and beside a connection that
// has fallen silent.
#define BLOCKED_HEAD_START_MS 200
#define BACKOFF_MIN_MS        250
#define BACKOFF_MAX_MS        5000
// A link that lasted longer starts the next backoff from its minimum.
#define LASTED_MS             5000
// A call went over this link so lately: it hurries. Longer than a call survives without it.
#define HURRY_MS              60000
#define HURRY_BACKOFF_MAX_MS  500
// What was sent into a hole is sent again after 1, 3, 7 s only: short races are sooner through.
#define HURRY_RACE_MS         3000
#define RESCUE_AGAIN_MS       250
#define UPGRADE_FIRST_MS      5000
#define UPGRADE_MAX_MS        60000
#define UPGRADE_RACE_MS       3000
#define PARTING_MS            1000
// A race that is older when the network changes began in the old network.
#define RACE_STALE_MS         300

enum client_state {
    CLIENT_WAITING,
    CLIENT_RESOLVING,
    CLIENT_RACING,
    CLIENT_OPEN,
    CLIENT_DEAD
};

enum purpose {
    PURPOSE_CONNECT,
    PURPOSE_RESCUE,
    PURPOSE_UPGRADE
};

struct net_client {
    uv_loop_t *loop;
    struct net_client_config cfg;
    struct net_client_ops ops;
    void *user;
    char *host, *ca_file;
    char authority[HOST_MAX_BYTES + 16];
    struct carrier_shared shared;
    uv_timer_t timer;      // by the state; OPEN: the next race beside it
    uv_timer_t part_timer; // `parting` goes
    uv_prepare_t prepare;
    uv_check_t check_handle;
    uv_getaddrinfo_t resolve;
    struct netwatch *watch;
    enum client_state state;
    struct race_addresses addresses; // as last looked up
    struct race *race;
    enum purpose purpose;                     // of the race
    struct carrier *current;                  // OPEN
    struct carrier *parting;                  // the one before
    bool stranded;                            // `current` sits on an address that is gone
    uint64_t race_ns, opened_ns, datagram_ns; // when it began; was opened; last went out
    uint64_t backoff_ms, upgrade_ms;
    bool udp_blocked;
    unsigned pending; // handles and requests not closed yet
    bool freeing;
};

static void begin(struct net_client *c);
static void race(struct net_client *c, enum purpose purpose);
static void arm_open(struct net_client *c);

static uint64_t now_ns(void)
{
    return uv_hrtime();
}

static bool within(uint64_t since_ns, uint64_t ms)
{
    return since_ns != 0 && now_ns() - since_ns < ms * SOTTO_NS_PER_MS;
}

static bool hurries(const struct net_client *c)
{
    return within(c->datagram_ns, HURRY_MS);
}

static void race_stop(struct net_client *c)
{
    race_free(c->race);
    c->race = NULL;
}

static void parting_stop(struct net_client *c)
{
    uv_timer_stop(&c->part_timer);
    carrier_free(c->parting);
    c->parting = NULL;
}

static void drop_all(struct net_client *c)
{
    race_stop(c);
    parting_stop(c);
    carrier_free(c->current);
    c->current = NULL;
}

// ---- going down and starting over ---------------------------------------------------------

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

static void back_off(struct net_client *c)
{
    uint64_t max_ms = hurries(c) ? HURRY_BACKOFF_MAX_MS : BACKOFF_MAX_MS;
    uint64_t ms = c->backoff_ms < max_ms ? c->backoff_ms : max_ms;
    uv_timer_start(&c->timer, on_backoff_over, jitter_ms(ms), 0);
    c->backoff_ms = 2 * ms < max_ms ? 2 * ms : max_ms;
}

static void down(struct net_client *c, enum net_reason reason, const char *detail)
{
    drop_all(c);
    // A relay that never showed the right key will not do so by itself. One that did is behind
    // somebody else now: a captive portal, or an attacker, who must not make a line deaf for good.
    bool again = c->cfg.reconnect && (!race_somebody_else(reason) || c->opened_ns != 0);
    c->state = again ? CLIENT_WAITING : CLIENT_DEAD;
    uv_timer_stop(&c->timer);
    if (again) {
        back_off(c);
    }
    c->ops.on_down(c, reason, detail != NULL ? detail : "", again, c->user);
}

// ---- the connection at hand, and the one before ---------------------------------------------

static void on_current_message(struct carrier *carrier, const uint8_t *msg, size_t len, void *user)
{
    (void)carrier;
    struct net_client *c = user;
    c->ops.on_message(c, msg, len, c->user);
}

static void on_current_datagram(struct carrier *carrier, const uint8_t *data, size_t len,
                                void *user)
{
    (void)carrier;
    struct net_client *c = user;
    c->ops.on_datagram(c, data, len, c->user);
}

static void on_current_path(struct carrier *carrier, void *user)
{
    (void)carrier;
    struct net_client *c = user;
    if (c->ops.on_path != NULL) {
        c->ops.on_path(c, c->user);
    }
}

static void on_current_silent(struct carrier *carrier, bool silent, void *user)
{
    (void)carrier;
    struct net_client *c = user;
    if (!c->cfg.reconnect) {
        return;
    }
    if (silent) {
        race(c, PURPOSE_RESCUE);
    } else if (!c->stranded) {
        if (c->race != NULL && c->purpose == PURPOSE_RESCUE) {
            race_stop(c);
        }
        arm_open(c);
    }
}

static void on_current_down(struct carrier *carrier, enum net_reason reason, const char *detail,
                            void *user)
{
    struct net_client *c = user;
    if (!within(c->opened_ns, LASTED_MS)) {
        c->backoff_ms = BACKOFF_MIN_MS;
    }
    if (c->race == NULL || c->purpose != PURPOSE_RESCUE) {
        down(c, reason, detail);
        return;
    }
    carrier_free(carrier);
    c->current = NULL;
    c->purpose = PURPOSE_CONNECT; // the race goes on, in its own right
    c->state = CLIENT_RACING;
    c->ops.on_down(c, reason, detail != NULL ? detail : "", true, c->user);
}

static const struct carrier_ops current_ops = {.on_message = on_current_message,
                                               .on_datagram = on_current_datagram,
                                               .on_path = on_current_path,
                                               .on_silent = on_current_silent,
                                               .on_down = on_current_down};

static void on_parting_down(struct carrier *carrier, enum net_reason reason, const char *detail,
                            void *user)
{
    (void)carrier;
    (void)reason;
    (void)detail;
    parting_stop(user);
}

// What the relay says there is for a device that has gone: only cells are taken.
static const struct carrier_ops parting_ops = {.on_datagram = on_current_datagram,
                                               .on_down = on_parting_down};

static void on_parted(uv_timer_t *timer)
{
    parting_stop(timer->data);
}

static void part(struct net_client *c)
{
    parting_stop(c);
    c->parting = c->current;
    c->current = NULL;
    if (c->parting != NULL) {
        carrier_give(c->parting, &parting_ops, c);
        uv_timer_start(&c->part_timer, on_parted, PARTING_MS, 0);
    }
}

static void adopt(struct net_client *c, struct carrier *winner, bool udp_heard)
{
    enum net_transport transport = carrier_transport(winner);
    part(c);
    c->current = winner;
    carrier_give(winner, &current_ops, c);
    c->udp_blocked = transport == NET_WEBSOCKET && !c->cfg.force_websocket && !udp_heard;
    if (transport == NET_QUIC || c->state != CLIENT_OPEN) {
        c->upgrade_ms = UPGRADE_FIRST_MS;
    }
    c->stranded = false;
    c->state = CLIENT_OPEN;
    c->opened_ns = now_ns();
    uv_timer_stop(&c->timer);
    arm_open(c);
    c->ops.on_open(c, transport, c->user);
}

// ---- races ----------------------------------------------------------------------------------

static bool may_move(struct net_client *c)
{
    return c->ops.may_move == NULL || c->ops.may_move(c, c->user);
}

static void on_won(struct carrier *winner, bool udp_heard, void *user)
{
    struct net_client *c = user;
    c->race = NULL;
    if (c->purpose == PURPOSE_UPGRADE && !may_move(c)) {
        carrier_free(winner);
        arm_open(c); // at another time
        return;
    }
    adopt(c, winner, udp_heard);
}

static void on_lost(enum net_reason reason, const char *detail, void *user)
{
    struct net_client *c = user;
    c->race = NULL;
    if (c->purpose == PURPOSE_CONNECT) {
        down(c, reason, detail);
        return;
    }
    if (c->purpose == PURPOSE_UPGRADE) {
        c->upgrade_ms = 2 * c->upgrade_ms < UPGRADE_MAX_MS ? 2 * c->upgrade_ms : UPGRADE_MAX_MS;
    }
    arm_open(c);
}

static uint64_t head_start_ms(const struct net_client *c, enum purpose purpose)
{
    uint64_t ms =
        c->cfg.quic_head_start_ms != 0 ? c->cfg.quic_head_start_ms : DEFAULT_HEAD_START_MS;
    bool doubtful = c->udp_blocked || purpose == PURPOSE_RESCUE;
    return doubtful && ms > BLOCKED_HEAD_START_MS ? BLOCKED_HEAD_START_MS : ms;
}

// Begins a race, in place of the one that there may be.
static void race(struct net_client *c, enum purpose purpose)
{
    static const struct race_ops ops = {.on_won = on_won, .on_lost = on_lost};
    struct race_config cfg = {
        .quic = !c->cfg.force_websocket,
        .websocket = purpose != PURPOSE_UPGRADE,
        .head_start_ms = head_start_ms(c, purpose),
        .length_ms = purpose == PURPOSE_UPGRADE ? UPGRADE_RACE_MS
                     : hurries(c)               ? HURRY_RACE_MS
                                                : RACE_MS,
    };
    race_stop(c);
    c->purpose = purpose;
    c->race_ns = now_ns();
    uv_timer_stop(&c->timer);
    if (race_new(&c->race, &c->shared, &c->addresses, &cfg, &ops, c) != 0) {
        c->race = NULL;
        on_lost(NET_SYSTEM, "out of memory", c);
        return;
    }
    race_begin(c->race);
}

static bool in_trouble(const struct net_client *c)
{
    return c->cfg.reconnect && (c->stranded || carrier_silent(c->current));
}

static void on_open_timer(uv_timer_t *timer)
{
    struct net_client *c = timer->data;
    if (in_trouble(c)) {
        race(c, PURPOSE_RESCUE);
    } else if (may_move(c)) {
        race(c, PURPOSE_UPGRADE);
    } else {
        arm_open(c);
    }
}

// When the next race beside the connection at hand begins, if there is to be one.
static void arm_open(struct net_client *c)
{
    bool upgrade = c->cfg.reconnect && !c->cfg.force_websocket && c->current != NULL &&
                   carrier_transport(c->current) == NET_WEBSOCKET;
    if (c->state != CLIENT_OPEN || c->race != NULL) {
        return;
    }
    if (in_trouble(c)) {
        uv_timer_start(&c->timer, on_open_timer, RESCUE_AGAIN_MS, 0);
    } else if (upgrade) {
        uv_timer_start(&c->timer, on_open_timer, c->upgrade_ms, 0);
    } else {
        uv_timer_stop(&c->timer);
    }
}

// ---- names --------------------------------------------------------------------------------

static void handle_gone(struct net_client *c);

static void connect_now(struct net_client *c)
{
    c->state = CLIENT_RACING;
    race(c, PURPOSE_CONNECT);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct net_client *c = request->data;
    if (c->freeing) {
        uv_freeaddrinfo(list);
        handle_gone(c);
        return;
    }
    c->pending--;
    if (status == 0) {
        race_addresses_set(&c->addresses, list, c->cfg.port);
        uv_freeaddrinfo(list);
    } else if (c->addresses.count == 0) {
        down(c, NET_NAME, uv_strerror(status));
        return;
    }
    connect_now(c);
}

static void begin(struct net_client *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    if (c->addresses.count > 0 && hurries(c)) {
        connect_now(c); // whoever answers for names may be as dead as the path
        return;
    }
    c->state = CLIENT_RESOLVING;
    int rv = uv_getaddrinfo(c->loop, &c->resolve, on_resolved, c->host, NULL, &hints);
    if (rv != 0) {
        down(c, rv == UV_ENOMEM ? NET_SYSTEM : NET_NAME, uv_strerror(rv));
        return;
    }
    c->pending++;
}

// ---- changes of this machine's addresses --------------------------------------------------

static void open_network_changed(struct net_client *c)
{
    c->upgrade_ms = UPGRADE_FIRST_MS;
    if (!carrier_network_changed(c->current)) {
        c->stranded = true;
    }
    if (c->freeing || c->state != CLIENT_OPEN) {
        return; // it went down over it
    }
    bool stale =
        c->race == NULL || c->purpose != PURPOSE_RESCUE || !within(c->race_ns, RACE_STALE_MS);
    if (in_trouble(c) && stale) {
        race(c, PURPOSE_RESCUE);
    }
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
    } else if (c->state == CLIENT_RACING && !within(c->race_ns, RACE_STALE_MS)) {
        race(c, PURPOSE_CONNECT);
    } else if (c->state == CLIENT_OPEN) {
        open_network_changed(c);
    }
}

// ---- making and freeing -------------------------------------------------------------------

static void on_begin(uv_timer_t *timer)
{
    begin(timer->data);
}

static void flush_if_open(struct net_client *c)
{
    if (c->state == CLIENT_OPEN && !c->freeing) {
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
    c->shared.loop = c->loop;
    c->shared.authority = c->authority;
    c->shared.check =
        (struct tls_client_check){.pinned = cfg->pinned, .host = c->host, .ca_file = c->ca_file};
    memcpy(c->shared.check.pin, cfg->pin, sizeof c->shared.check.pin);
    return true;
}

static void client_destroy(struct net_client *c)
{
    SSL_CTX_free(c->shared.tls[NET_QUIC]);
    SSL_CTX_free(c->shared.tls[NET_WEBSOCKET]);
    datagram_pool_deinit(&c->shared.pool);
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
        (c->shared.tls[NET_QUIC] = tls_client_context(&c->shared.check, TLS_ALPN_H3)) == NULL ||
        (c->shared.tls[NET_WEBSOCKET] = tls_client_context(&c->shared.check, TLS_ALPN_HTTP1)) ==
            NULL ||
        netwatch_new(&c->watch, loop, on_network_changed, c) != 0) {
        client_destroy(c);
        return SOTTO_ENOMEM;
    }
    uv_timer_init(loop, &c->timer);
    uv_timer_init(loop, &c->part_timer);
    uv_prepare_init(loop, &c->prepare);
    uv_check_init(loop, &c->check_handle);
    c->timer.data = c->part_timer.data = c->prepare.data = c->check_handle.data = c;
    c->pending = 4;
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
    drop_all(c);
    if (c->state == CLIENT_RESOLVING) {
        (void)uv_cancel((uv_req_t *)&c->resolve); // its callback comes in any case
    }
    netwatch_free(c->watch);
    uv_close((uv_handle_t *)&c->timer, on_handle_gone);
    uv_close((uv_handle_t *)&c->part_timer, on_handle_gone);
    uv_close((uv_handle_t *)&c->prepare, on_handle_gone);
    uv_close((uv_handle_t *)&c->check_handle, on_handle_gone);
}

// ---- sending ------------------------------------------------------------------------------

int net_client_send_message(struct net_client *c, const uint8_t *msg, size_t len)
{
    if (c->state != CLIENT_OPEN || c->freeing) {
        return SOTTO_ESTATE;
    }
    return carrier_send_message(c->current, msg, len);
}

int net_client_send_datagram(struct net_client *c, const uint8_t *data, size_t len)
{
    if (c->state != CLIENT_OPEN || c->freeing) {
        return SOTTO_ESTATE;
    }
    c->datagram_ns = now_ns();
    return carrier_send_datagram(c->current, data, len);
}

void net_client_flush(struct net_client *c)
{
    if (c->state == CLIENT_OPEN && !c->freeing) {
        carrier_flush(c->current);
    }
}

void net_client_stats(const struct net_client *c, struct net_stats *out)
{
    *out = (struct net_stats){0};
    if (c->current != NULL) {
        carrier_stats(c->current, out);
    }
    if (c->parting != NULL) {
        struct net_stats s = {0};
        carrier_stats(c->parting, &s);
        net_stats_add(out, &s);
    }
    net_stats_add(out, &c->shared.gone);
}
