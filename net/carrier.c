// SPDX-License-Identifier: Apache-2.0
#include "carrier.h"

#include "quic_client.h"
#include "ws.h"

#include <stdlib.h>
#include <unistd.h>

#include <sotto/base.h>

#define WS_HANDSHAKE_TIMEOUT_MS 6000

struct carrier {
    enum net_transport transport;
    struct carrier_shared *shared;
    union udp_address remote;
    const struct carrier_ops *ops;
    void *user;
    struct quic_client *quic; // one of the two
    struct ws_conn *ws;
    bool silent;
};

// ---- what the connection tells ------------------------------------------------------------

static void on_open(void *owner)
{
    struct carrier *c = owner;
    if (c->ops->on_open != NULL) {
        c->ops->on_open(c, c->user);
    }
}

static void on_message(void *owner, const uint8_t *msg, size_t len)
{
    struct carrier *c = owner;
    if (c->ops->on_message != NULL) {
        c->ops->on_message(c, msg, len, c->user);
    }
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
    struct carrier *c = owner;
    if (c->ops->on_datagram != NULL) {
        c->ops->on_datagram(c, data, len, c->user);
    }
}

static void on_path(void *owner)
{
    struct carrier *c = owner;
    if (c->ops->on_path != NULL) {
        c->ops->on_path(c, c->user);
    }
}

static void on_silent(void *owner, bool silent)
{
    struct carrier *c = owner;
    c->silent = silent;
    if (c->ops->on_silent != NULL) {
        c->ops->on_silent(c, silent, c->user);
    }
}

static void on_down(void *owner, enum net_reason reason, const char *detail)
{
    struct carrier *c = owner;
    c->ops->on_down(c, reason, detail, c->user);
}

static const struct link_events events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_datagram = on_datagram,
    .on_path = on_path,
    .on_silent = on_silent,
    .on_down = on_down,
};

// ---- making and freeing -------------------------------------------------------------------

static int start(struct carrier *c)
{
    struct carrier_shared *s = c->shared;
    if (c->transport == NET_QUIC) {
        return quic_client_new(&c->quic, s->loop, s->tls[NET_QUIC], &s->check, s->authority,
                               &c->remote, &s->pool, &events, c);
    }
    struct ws_config cfg = {.loop = s->loop,
                            .tls = s->tls[NET_WEBSOCKET],
                            .pool = &s->pool,
                            .events = &events,
                            .owner = c,
                            .handshake_timeout_ms = WS_HANDSHAKE_TIMEOUT_MS,
                            .idle_timeout_ms = LINK_IDLE_TIMEOUT_MS,
                            .keep_alive_ms = LINK_KEEP_ALIVE_MS};
    return ws_connect(&c->ws, &cfg, &s->check, s->authority, &c->remote);
}

int carrier_new(struct carrier **out, enum net_transport transport, struct carrier_shared *shared,
                const union udp_address *remote, const struct carrier_ops *ops, void *user)
{
    struct carrier *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    c->transport = transport;
    c->shared = shared;
    c->remote = *remote;
    carrier_give(c, ops, user);
    int rv = start(c);
    if (rv != 0) {
        free(c);
        return rv;
    }
    *out = c;
    return 0;
}

void carrier_free(struct carrier *c)
{
    if (c == NULL) {
        return;
    }
    struct net_stats s = {0};
    carrier_stats(c, &s);
    net_stats_add(&c->shared->gone, &s);
    if (c->quic != NULL) {
        quic_client_free(c->quic, NET_CLOSED);
    } else {
        ws_free(c->ws, NET_CLOSED);
    }
    free(c);
}

void carrier_give(struct carrier *c, const struct carrier_ops *ops, void *user)
{
    c->ops = ops;
    c->user = user;
}

// ---- its state ----------------------------------------------------------------------------

enum net_transport carrier_transport(const struct carrier *c)
{
    return c->transport;
}

bool carrier_heard(const struct carrier *c)
{
    return c->quic == NULL || quic_client_heard(c->quic);
}

bool carrier_silent(const struct carrier *c)
{
    return c->silent;
}

// A TCP connection cannot move: see whether packets would now leave from another address.
static bool ws_is_stranded(const struct carrier *c)
{
    union udp_address now, local;
    ws_local(c->ws, &local);
    int fd = udp_socket_connected(&c->remote, &now);
    if (fd < 0) {
        return false; // the network is away for a moment, perhaps
    }
    close(fd);
    return local.any.sa_family != AF_UNSPEC && !udp_host_equal(&local, &now);
}

bool carrier_network_changed(struct carrier *c)
{
    if (c->quic == NULL) {
        return !ws_is_stranded(c);
    }
    quic_client_network_changed(c->quic);
    return true;
}

// ---- sending ------------------------------------------------------------------------------

int carrier_send_message(struct carrier *c, const uint8_t *msg, size_t len)
{
    return c->quic != NULL ? quic_client_send_message(c->quic, msg, len)
                           : ws_send_message(c->ws, msg, len);
}

int carrier_send_datagram(struct carrier *c, const uint8_t *data, size_t len)
{
    return c->quic != NULL ? quic_client_send_datagram(c->quic, data, len)
                           : ws_send_datagram(c->ws, data, len);
}

void carrier_flush(struct carrier *c)
{
    if (c->quic != NULL) {
        quic_client_flush_queued(c->quic);
    } else {
        ws_flush(c->ws);
    }
}

void carrier_stats(const struct carrier *c, struct net_stats *out)
{
    if (c->quic != NULL) {
        quic_client_stats(c->quic, out);
    } else {
        ws_stats(c->ws, out);
    }
}
