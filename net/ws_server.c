// SPDX-License-Identifier: Apache-2.0
#include "ws_server.h"

#include "ws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sotto/base.h>

struct ws_peer {
    struct net_conn conn; // first: the two are converted into each other
    struct ws_conn *ws;
    struct ws_server *server;
    struct ws_peer *next, *prev, *dirty_next;
    bool dirty;
    bool admitted; // false: being told that there are too many
    enum net_reason close_reason;
};

struct ws_server {
    uv_tcp_t listener;
    struct net_server *owner;
    SSL_CTX *tls;
    struct ws_peer *peers, *dirty;
    uint32_t refusing;
    void (*gone)(struct net_server *owner);
};

static struct ws_peer *peer_of(struct net_conn *c)
{
    return (struct ws_peer *)(void *)c;
}

static void mark_dirty(struct ws_peer *p)
{
    if (!p->dirty) {
        p->dirty = true;
        p->dirty_next = p->server->dirty;
        p->server->dirty = p;
    }
}

// ---- one connection -----------------------------------------------------------------------

static void peer_free(struct ws_peer *p, enum net_reason reason)
{
    struct ws_server *s = p->server;
    for (struct ws_peer **d = &s->dirty; *d != NULL; d = &(*d)->dirty_next) {
        if (*d == p) {
            *d = p->dirty_next;
            break;
        }
    }
    if (p->admitted) {
        if (!p->conn.open && !ws_has_answered(p->ws)) {
            server_stats(s->owner)->handshakes_failed++;
        }
        server_forget(s->owner, &p->conn);
    } else {
        s->refusing--;
    }
    if (p->prev != NULL) {
        p->prev->next = p->next;
    } else {
        s->peers = p->next;
    }
    if (p->next != NULL) {
        p->next->prev = p->prev;
    }
    ws_free(p->ws, reason);
    free(p);
}

static void on_open(void *owner)
{
    server_link_events.on_open(owner);
}

static void on_message(void *owner, const uint8_t *msg, size_t len)
{
    server_link_events.on_message(owner, msg, len);
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
    struct ws_peer *p = peer_of(owner);
    server_stats(p->server->owner)->datagrams_in++;
    server_link_events.on_datagram(owner, data, len);
}

static void on_down(void *owner, enum net_reason reason, const char *detail)
{
    server_link_events.on_down(owner, reason, detail);
    peer_free(peer_of(owner), reason);
}

static const struct link_events events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_datagram = on_datagram,
    .on_down = on_down,
};

static bool on_get(void *user, const struct net_http_request *r, struct net_http_answer *out)
{
    return server_get(user, r, out);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct ws_server *s = listener->data;
    struct ws_peer *p = status == 0 ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        return;
    }
    struct ws_config cfg = {
        .loop = listener->loop,
        .tls = s->tls,
        .plain_port = net_server_plain_port(s->owner),
        .pool = server_pool(s->owner),
        .events = &events,
        .owner = &p->conn,
        .handshake_timeout_ms = server_handshake_timeout_ms(s->owner),
        .idle_timeout_ms = server_idle_timeout_ms(s->owner),
        .keep_alive_ms = LINK_KEEP_ALIVE_MS,
        .on_get = on_get,
        .on_get_user = s->owner,
    };
    union udp_address remote;
    if (ws_accept(&p->ws, &cfg, listener, &remote) != 0) {
        free(p);
        return;
    }
    p->conn.server = s->owner;
    p->conn.transport = NET_WEBSOCKET;
    p->server = s;
    p->admitted = server_admit(s->owner, &remote, p->conn.address_key) == 0;
    if (!p->admitted && s->refusing >= WS_REFUSING_MAX) {
        ws_free(p->ws, NET_LIMIT);
        free(p);
        return;
    }
    if (!p->admitted) {
        s->refusing++;
        ws_refuse(p->ws);
    }
    p->next = s->peers;
    if (s->peers != NULL) {
        s->peers->prev = p;
    }
    s->peers = p;
}

void ws_server_flush(struct ws_server *s)
{
    while (s->dirty != NULL) {
        struct ws_peer *p = s->dirty;
        s->dirty = p->dirty_next;
        p->dirty = false;
        struct net_stats before, after;
        ws_stats(p->ws, &before);
        ws_flush(p->ws);
        ws_stats(p->ws, &after);
        struct net_server_stats *stats = server_stats(s->owner);
        stats->bytes_out += after.bytes_sent - before.bytes_sent;
        stats->datagrams_out += after.datagrams_sent - before.datagrams_sent;
        if (p->conn.closed) {
            peer_free(p, p->close_reason);
        }
    }
}

int ws_peer_send_message(struct net_conn *c, const uint8_t *msg, size_t len)
{
    struct ws_peer *p = peer_of(c);
    int rv = ws_send_message(p->ws, msg, len);
    if (rv == 0) {
        mark_dirty(p);
    }
    return rv;
}

int ws_peer_send_datagram(struct net_conn *c, const uint8_t *data, size_t len)
{
    struct ws_peer *p = peer_of(c);
    int rv = ws_send_datagram(p->ws, data, len);
    if (rv == 0) {
        mark_dirty(p);
    }
    return rv;
}

void ws_peer_close(struct net_conn *c, enum net_reason reason)
{
    struct ws_peer *p = peer_of(c);
    // What is queued goes out first, and the caller may be in the middle of a callback of it.
    p->close_reason = reason;
    mark_dirty(p);
}

void ws_peer_address(const struct net_conn *c, union udp_address *out)
{
    ws_remote(((const struct ws_peer *)(const void *)c)->ws, out);
}

void ws_peer_stats(const struct net_conn *c, struct net_stats *out)
{
    ws_stats(((const struct ws_peer *)(const void *)c)->ws, out);
}

// ---- the listener -------------------------------------------------------------------------

int ws_server_listen(const union udp_address *local)
{
    int fd = socket(local->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (local->any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, &local->any, udp_address_len(local)) != 0 || listen(fd, WS_BACKLOG) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static void listener_gone(uv_handle_t *handle)
{
    struct ws_server *s = handle->data;
    void (*gone)(struct net_server *) = s->gone;
    struct net_server *owner = s->owner;
    SSL_CTX_free(s->tls);
    free(s);
    if (gone != NULL) {
        gone(owner);
    }
}

int ws_server_new(struct ws_server **out, uv_loop_t *loop, int fd, SSL_CTX *tls,
                  struct net_server *owner)
{
    struct ws_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        close(fd);
        return SOTTO_ENOMEM;
    }
    s->owner = owner;
    uv_tcp_init(loop, &s->listener);
    s->listener.data = s;
    if (tls != NULL) {
        SSL_CTX_up_ref(tls);
    }
    s->tls = tls;
    if (uv_tcp_open(&s->listener, fd) != 0) {
        close(fd);
        uv_close((uv_handle_t *)&s->listener, listener_gone);
        return SOTTO_EIO;
    }
    if (uv_listen((uv_stream_t *)&s->listener, WS_BACKLOG, on_connection) != 0) {
        uv_close((uv_handle_t *)&s->listener, listener_gone);
        return SOTTO_EIO;
    }
    *out = s;
    return 0;
}

void ws_server_free(struct ws_server *s, void (*gone)(struct net_server *owner))
{
    s->gone = gone;
    while (s->peers != NULL) {
        peer_free(s->peers, NET_CLOSED);
    }
    uv_close((uv_handle_t *)&s->listener, listener_gone);
}

void ws_server_set_tls(struct ws_server *s, SSL_CTX *tls)
{
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(s->tls);
    s->tls = tls;
}
