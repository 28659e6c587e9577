// SPDX-License-Identifier: Apache-2.0
// A server: QUIC on UDP and WebSocket on TCP, under one port number.
#include "server.h"

#include "quic_server.h"
#include "tls.h"
#include "ws_server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sotto/base.h>

#define DEFAULT_MAX_CONNECTIONS      10000
#define DEFAULT_MAX_PER_ADDRESS      64
#define DEFAULT_HANDSHAKE_TIMEOUT_MS 10000
#define DEFAULT_IDLE_TIMEOUT_MS      30000
// With port 0: tries until a number is free for both UDP and TCP.
#define PORT_TRIES                   32
#define HANDLES                      2
#define PLAIN_LISTENERS              2

struct net_server {
    uv_loop_t *loop;
    struct net_server_ops ops;
    void *user;
    char *certificate_file, *key_file;
    uint32_t max_connections, max_per_address, handshake_timeout_ms, idle_timeout_ms;
    struct address_count addresses;
    struct datagram_pool pool;
    struct net_server_stats stats;
    struct quic_server *quic;
    struct ws_server *ws;
    struct ws_server *plain[PLAIN_LISTENERS]; // on 127.0.0.1 and ::1
    uv_prepare_t prepare;
    uv_check_t check;
    unsigned handles_open; // and transports
    uint16_t port, plain_port;
    bool freeing;
};

// ---- what the transports ask --------------------------------------------------------------

int server_admit(struct net_server *s, const union udp_address *remote,
                 uint8_t key[ADDRESS_KEY_BYTES])
{
    if (s->stats.connections_now >= s->max_connections) {
        return SOTTO_ELIMIT;
    }
    int rv = address_count_key(&s->addresses, remote, key);
    if (rv != 0) {
        return rv;
    }
    if (address_count_get(&s->addresses, key) >= s->max_per_address) {
        return SOTTO_ELIMIT;
    }
    rv = address_count_add(&s->addresses, key);
    if (rv == 0) {
        s->stats.connections_now++;
        s->stats.connections_total++;
    }
    return rv;
}

bool server_address_is_busy(struct net_server *s, const union udp_address *remote)
{
    uint8_t key[ADDRESS_KEY_BYTES];
    return address_count_key(&s->addresses, remote, key) != 0 ||
           address_count_get(&s->addresses, key) >= s->max_per_address / 2;
}

void server_forget(struct net_server *s, const struct net_conn *c)
{
    address_count_drop(&s->addresses, c->address_key);
    s->stats.connections_now--;
}

uint32_t server_handshake_timeout_ms(const struct net_server *s)
{
    return s->handshake_timeout_ms;
}

uint32_t server_idle_timeout_ms(const struct net_server *s)
{
    return s->idle_timeout_ms;
}

struct datagram_pool *server_pool(struct net_server *s)
{
    return &s->pool;
}

struct net_server_stats *server_stats(struct net_server *s)
{
    return &s->stats;
}

bool server_get(struct net_server *s, const struct net_http_request *r, struct net_http_answer *out)
{
    return s->ops.on_get != NULL && !s->freeing && s->ops.on_get(r, out, s->user);
}

// No callback follows net_conn_close of the connection, or net_server_free.
static bool deaf(const struct net_conn *c)
{
    return c->closed || c->server->freeing;
}

static void on_open(void *owner)
{
    struct net_conn *c = owner;
    if (deaf(c)) {
        return;
    }
    c->open = true;
    c->user = c->server->ops.on_open(c, c->transport, c->address_key, c->server->user);
}

static void on_message(void *owner, const uint8_t *msg, size_t len)
{
    struct net_conn *c = owner;
    if (!deaf(c)) {
        c->server->ops.on_message(c, msg, len, c->user);
    }
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
    struct net_conn *c = owner;
    if (!deaf(c)) {
        c->server->ops.on_datagram(c, data, len, c->user);
    }
}

static void on_down(void *owner, enum net_reason reason, const char *detail)
{
    (void)detail;
    struct net_conn *c = owner;
    if (c->open && !deaf(c)) {
        c->closed = true;
        c->server->ops.on_close(c, reason, c->user);
    }
}

const struct link_events server_link_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_datagram = on_datagram,
    .on_down = on_down,
};

// ---- the end of a loop iteration ----------------------------------------------------------

static void flush(struct net_server *s)
{
    if (s->quic != NULL && !s->freeing) {
        quic_server_flush(s->quic);
    }
    if (s->ws != NULL && !s->freeing) {
        ws_server_flush(s->ws);
    }
    for (size_t i = 0; i < PLAIN_LISTENERS && !s->freeing; i++) {
        if (s->plain[i] != NULL) {
            ws_server_flush(s->plain[i]);
        }
    }
}

// Before the loop waits: what timers queued.
static void on_prepare(uv_prepare_t *prepare)
{
    flush(prepare->data);
}

// After it waited: what callbacks of other sockets queued.
static void on_check(uv_check_t *check)
{
    flush(check->data);
}

// ---- making -------------------------------------------------------------------------------

static void say(char *text, size_t cap, const char *what)
{
    if (text != NULL && cap > 0 && text[0] == '\0') {
        snprintf(text, cap, "%s: %s", what, strerror(errno));
    }
}

static int parse_address(const char *host, uint16_t port, union udp_address *out)
{
    memset(out, 0, sizeof *out);
    if (uv_ip4_addr(host, port, &out->v4) == 0 || uv_ip6_addr(host, port, &out->v6) == 0) {
        return 0;
    }
    return SOTTO_EINVAL;
}

// Binds UDP and TCP to the same port. Returns 0 with both descriptors.
static int bind_both(union udp_address *address, int *udp, int *tcp)
{
    bool any_port = address->v4.sin_port == 0;
    for (int try = 0; try < PORT_TRIES; try++) {
        int fd = udp_socket_bound(address);
        if (fd < 0) {
            return SOTTO_EIO;
        }
        union udp_address bound;
        socklen_t len = sizeof bound;
        if (getsockname(fd, &bound.any, &len) == 0) {
            *tcp = ws_server_listen(&bound);
            if (*tcp >= 0) {
                *address = bound;
                *udp = fd;
                return 0;
            }
        }
        int e = errno;
        close(fd);
        errno = e;
        if (!any_port || e != EADDRINUSE) {
            return SOTTO_EIO;
        }
    }
    return SOTTO_EIO;
}

static void part_gone(struct net_server *s)
{
    if (--s->handles_open > 0) {
        return;
    }
    datagram_pool_deinit(&s->pool);
    address_count_deinit(&s->addresses);
    free(s->certificate_file);
    free(s->key_file);
    free(s);
}

static void handle_gone(uv_handle_t *handle)
{
    part_gone(handle->data);
}

// The two loopback addresses, whatever the relay itself is bound to. A machine without IPv6 has
// one.
static int bind_plain(uint16_t *port, int fds[PLAIN_LISTENERS])
{
    union udp_address v4, v6;
    bool any_port = *port == 0;
    for (int try = 0; try < (any_port ? PORT_TRIES : 1); try++) {
        (void)parse_address("127.0.0.1", any_port ? 0 : *port, &v4);
        fds[0] = ws_server_listen(&v4);
        socklen_t len = sizeof v4;
        if (fds[0] < 0 || getsockname(fds[0], &v4.any, &len) != 0) {
            return SOTTO_EIO;
        }
        *port = ntohs(v4.v4.sin_port);
        (void)parse_address("::1", *port, &v6);
        fds[1] = ws_server_listen(&v6);
        if (fds[1] >= 0 || errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
            return 0;
        }
        int e = errno;
        close(fds[0]);
        fds[0] = -1;
        errno = e;
    }
    return SOTTO_EIO;
}

static int start_plain(struct net_server *s, char *error_text, size_t error_cap)
{
    int fds[PLAIN_LISTENERS] = {-1, -1};
    int rv = bind_plain(&s->plain_port, fds);
    if (rv != 0) {
        say(error_text, error_cap, "cannot listen " NET_WITHOUT_TLS);
    }
    for (size_t i = 0; i < PLAIN_LISTENERS; i++) {
        if (rv == 0 && fds[i] >= 0) {
            rv = ws_server_new(&s->plain[i], s->loop, fds[i], NULL, s);
            s->handles_open += rv == 0 ? 1 : 0;
        } else if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return rv;
}

static int start(struct net_server *s, union udp_address *address, char *error_text,
                 size_t error_cap)
{
    SSL_CTX *h3 =
        tls_server_context(s->certificate_file, s->key_file, TLS_ALPN_H3, error_text, error_cap);
    SSL_CTX *http =
        tls_server_context(s->certificate_file, s->key_file, TLS_ALPN_HTTP1, error_text, error_cap);
    int rv = SOTTO_EINVAL, udp = -1, tcp = -1;
    if (h3 == NULL || http == NULL) {
        goto done;
    }
    rv = bind_both(address, &udp, &tcp);
    if (rv != 0) {
        say(error_text, error_cap, "cannot listen");
        goto done;
    }
    s->port = ntohs(address->v4.sin_port);
    rv = quic_server_new(&s->quic, s->loop, udp, address, h3, s);
    if (rv == 0) {
        s->handles_open++;
        rv = ws_server_new(&s->ws, s->loop, tcp, http, s);
        tcp = -1;
    }
    if (rv == 0) {
        s->handles_open++;
    } else if (tcp >= 0) {
        close(tcp);
    }
done:
    SSL_CTX_free(h3);
    SSL_CTX_free(http);
    return rv;
}

int net_server_new(struct net_server **out, uv_loop_t *loop, const struct net_server_config *cfg,
                   const struct net_server_ops *ops, void *user, char *error_text, size_t error_cap)
{
    if (error_text != NULL && error_cap > 0) {
        error_text[0] = '\0';
    }
    union udp_address address;
    if (parse_address(cfg->bind_host, cfg->port, &address) != 0) {
        errno = EADDRNOTAVAIL;
        say(error_text, error_cap, "the address to listen on is not one");
        return SOTTO_EIO;
    }
    struct net_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->loop = loop;
    s->ops = *ops;
    s->user = user;
    s->max_connections = cfg->max_connections != 0 ? cfg->max_connections : DEFAULT_MAX_CONNECTIONS;
    s->max_per_address = cfg->max_connections_per_address != 0 ? cfg->max_connections_per_address
                                                               : DEFAULT_MAX_PER_ADDRESS;
    s->handshake_timeout_ms =
        cfg->handshake_timeout_ms != 0 ? cfg->handshake_timeout_ms : DEFAULT_HANDSHAKE_TIMEOUT_MS;
    s->idle_timeout_ms = cfg->idle_timeout_ms != 0 ? cfg->idle_timeout_ms : DEFAULT_IDLE_TIMEOUT_MS;
    s->certificate_file = strdup(cfg->certificate_file);
    s->key_file = strdup(cfg->key_file);
    s->handles_open = HANDLES;
    uv_prepare_init(loop, &s->prepare);
    uv_check_init(loop, &s->check);
    s->prepare.data = s->check.data = s;
    int rv = SOTTO_ENOMEM;
    if (s->certificate_file != NULL && s->key_file != NULL &&
        address_count_init(&s->addresses) == 0) {
        rv = link_global_init() == 0 ? start(s, &address, error_text, error_cap) : SOTTO_ECRYPTO;
    }
    if (rv == 0 && cfg->plain) {
        s->plain_port = cfg->plain_port;
        rv = start_plain(s, error_text, error_cap);
    }
    if (rv != 0) {
        int e = errno;
        net_server_free(s);
        errno = e;
        return rv;
    }
    uv_prepare_start(&s->prepare, on_prepare);
    uv_check_start(&s->check, on_check);
    // They serve the sockets, and must not keep the loop alive by themselves.
    uv_unref((uv_handle_t *)&s->prepare);
    uv_unref((uv_handle_t *)&s->check);
    *out = s;
    return 0;
}

uint16_t net_server_port(const struct net_server *s)
{
    return s->port;
}

uint16_t net_server_plain_port(const struct net_server *s)
{
    return s->plain_port;
}

int net_server_reload(struct net_server *s, char *error_text, size_t error_cap)
{
    if (error_text != NULL && error_cap > 0) {
        error_text[0] = '\0';
    }
    SSL_CTX *h3 =
        tls_server_context(s->certificate_file, s->key_file, TLS_ALPN_H3, error_text, error_cap);
    SSL_CTX *http =
        tls_server_context(s->certificate_file, s->key_file, TLS_ALPN_HTTP1, error_text, error_cap);
    int rv = SOTTO_EINVAL;
    if (h3 != NULL && http != NULL) {
        quic_server_set_tls(s->quic, h3);
        ws_server_set_tls(s->ws, http);
        rv = 0;
    }
    SSL_CTX_free(h3);
    SSL_CTX_free(http);
    return rv;
}

void net_server_free(struct net_server *s)
{
    if (s == NULL || s->freeing) {
        return;
    }
    s->freeing = true;
    uv_close((uv_handle_t *)&s->prepare, handle_gone);
    uv_close((uv_handle_t *)&s->check, handle_gone);
    if (s->quic != NULL) {
        quic_server_free(s->quic, part_gone);
    }
    if (s->ws != NULL) {
        ws_server_free(s->ws, part_gone);
    }
    for (size_t i = 0; i < PLAIN_LISTENERS; i++) {
        if (s->plain[i] != NULL) {
            ws_server_free(s->plain[i], part_gone);
        }
    }
}

void net_server_stats(const struct net_server *s, struct net_server_stats *out)
{
    *out = s->stats;
}

// ---- connections --------------------------------------------------------------------------

int net_conn_send_message(struct net_conn *c, const uint8_t *msg, size_t len)
{
    if (c->closed) {
        return SOTTO_ESTATE;
    }
    return c->transport == NET_QUIC ? quic_peer_send_message(c, msg, len)
                                    : ws_peer_send_message(c, msg, len);
}

int net_conn_send_datagram(struct net_conn *c, const uint8_t *data, size_t len)
{
    if (c->closed) {
        return SOTTO_ESTATE;
    }
    return c->transport == NET_QUIC ? quic_peer_send_datagram(c, data, len)
                                    : ws_peer_send_datagram(c, data, len);
}

void net_conn_close(struct net_conn *c, enum net_reason reason)
{
    if (c->closed) {
        return;
    }
    c->closed = true;
    if (c->transport == NET_QUIC) {
        quic_peer_close(c, reason);
    } else {
        ws_peer_close(c, reason);
    }
}

const char *net_conn_address(const struct net_conn *c, char *buf, size_t cap)
{
    union udp_address address;
    if (c->transport == NET_QUIC) {
        quic_peer_address(c, &address);
    } else {
        ws_peer_address(c, &address);
    }
    return udp_address_text(&address, buf, cap);
}

void net_conn_stats(const struct net_conn *c, struct net_stats *out)
{
    if (c->transport == NET_QUIC) {
        quic_peer_stats(c, out);
    } else {
        ws_peer_stats(c, out);
    }
}
