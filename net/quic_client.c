// SPDX-License-Identifier: Apache-2.0
#include "quic_client.h"

#include "quic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sotto/base.h>

#define IN_BATCH             8
#define OUT_BATCH            8
#define HANDSHAKE_TIMEOUT_MS 10000

// A socket goes away later than the connection leaves it: libuv closes it in its own time.
struct client_socket {
    uv_poll_t poll;
    int fd;
    struct quic_client *client; // NULL: abandoned
};

struct quic_client {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct client_socket *socket;
    struct client_socket *old; // the one before: what was on its way there still arrives
    struct quic_conn quic;
    struct quic_shared shared;
    const struct tls_client_check *check;
    const struct link_events *events;
    void *owner;
    union udp_address local, remote;
    struct udp_in *in;
    struct udp_out *out;
    uint64_t now_ns;
    uint64_t waiting_ns;  // since when something sent is unanswered; 0: nothing is
    uint64_t moved_ns;    // the last attempt at another path
    uint64_t left_ns;     // when `old` was left
    uint64_t no_route_ns; // since when there is no route; 0: there is one
    uint64_t refused_ns;  // since when nobody listens there
    uint64_t keys_ns;     // when the keys were made
    uint64_t armed_ns;    // when the timer fires; SOTTO_NEVER: it does not
    uint32_t moves;
    bool moving;       // to a path on which nothing has been received yet
    bool path_changed; // and now something has: the owner is to be told
    bool silent;       // nothing is heard, or there is no route
    bool silent_told;  // the owner knows so
    bool inside, freeing, finished;
};

static uint64_t wake(struct quic_client *c)
{
    uint64_t now = uv_hrtime();
    if (now > c->now_ns) {
        c->now_ns = now;
    }
    return c->now_ns;
}

static bool past(uint64_t since_ns, uint64_t now_ns, uint64_t ms)
{
    return since_ns != 0 && now_ns - since_ns >= ms * SOTTO_NS_PER_MS;
}

// ---- sockets ------------------------------------------------------------------------------

static void on_readable(uv_poll_t *poll, int status, int events);

static void socket_gone(uv_handle_t *handle)
{
    struct client_socket *s = handle->data;
    close(s->fd);
    free(s);
}

static void socket_abandon(struct client_socket *s)
{
    if (s != NULL) {
        s->client = NULL;
        uv_close((uv_handle_t *)&s->poll, socket_gone);
    }
}

// Takes over the descriptor, in any case.
static int socket_use(struct quic_client *c, int fd, const union udp_address *local)
{
    struct client_socket *s = calloc(1, sizeof *s);
    if (s == NULL || uv_poll_init(c->loop, &s->poll, fd) != 0) {
        free(s);
        close(fd);
        return SOTTO_ENOMEM;
    }
    s->fd = fd;
    s->client = c;
    s->poll.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
    socket_abandon(c->old);
    c->old = c->socket;
    c->left_ns = c->now_ns;
    c->socket = s;
    c->local = *local;
    udp_out_set_fd(c->out, fd);
    return 0;
}

static ngtcp2_path path_of(struct quic_client *c)
{
    return (
        ngtcp2_path){.local = {.addr = &c->local.any, .addrlen = udp_address_len(&c->local)},
                     .remote = {.addr = &c->remote.any, .addrlen = udp_address_len(&c->remote)}};
}

// The connection goes on from the socket's new address.
static void migrate(struct quic_client *c)
{
    ngtcp2_path path = path_of(c);
    int rv = ngtcp2_conn_initiate_immediate_migration(c->quic.conn, &path, c->now_ns);
    if (rv != 0) {
        // No spare id, or too early for it: to the relay it then looks like a NAT's doing, which
        // it copes with as well.
        ngtcp2_conn_set_local_addr(c->quic.conn, &path.local);
    }
    c->quic.pump = true;
    c->moving = true;
    c->moves++;
}

// Tries to leave by another socket. `only_if_other`: not if it would have the same address.
static void move(struct quic_client *c, bool only_if_other)
{
    union udp_address local;
    int fd = udp_socket_connected(&c->remote, &local);
    c->moved_ns = c->now_ns;
    if (fd < 0) {
        if (c->no_route_ns == 0) {
            c->no_route_ns = c->now_ns;
        }
        return;
    }
    bool had_route = c->no_route_ns == 0;
    c->no_route_ns = 0;
    if (only_if_other && had_route && udp_host_equal(&local, &c->local)) {
        close(fd);
        return;
    }
    if (socket_use(c, fd, &local) != 0) {
        quic_conn_fail(&c->quic, NET_SYSTEM, "out of memory");
        return;
    }
    if (!had_route) {
        c->waiting_ns = c->now_ns; // the new path gets its full time
    }
    migrate(c);
}

static bool no_route(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN ||
           error == EADDRNOTAVAIL || error == EINVAL || error == EHOSTDOWN || error == ENODEV;
}

static void socket_error(struct quic_client *c, int error)
{
    if (c->quic.down) {
        return;
    }
    if (!c->quic.handshake_done) {
        if (error == ECONNREFUSED || no_route(error)) {
            c->quic.silent = true;
            quic_conn_fail(&c->quic, NET_UNREACHABLE,
                           error == ECONNREFUSED ? "nobody listens there" : "no route to it");
        }
        return;
    }
    if (error == ECONNREFUSED) {
        if (c->refused_ns == 0) {
            c->refused_ns = c->now_ns;
        } else if (past(c->refused_ns, c->now_ns, QUIC_REFUSED_MS)) {
            quic_conn_fail(&c->quic, NET_UNREACHABLE, "nobody listens there any more");
        }
        return;
    }
    if (no_route(error) && (c->moved_ns == 0 || past(c->moved_ns, c->now_ns, QUIC_SUPERVISE_MS))) {
        move(c, false);
    }
}

// ---- watching over the path ---------------------------------------------------------------

static void leave_old_socket(struct quic_client *c)
{
    if (c->old != NULL && past(c->left_ns, c->now_ns, QUIC_OLD_SOCKET_MS)) {
        socket_abandon(c->old);
        c->old = NULL;
    }
}

// Looks whether the path is dead; returns when to look again.
static uint64_t supervise(struct quic_client *c)
{
    leave_old_socket(c);
    if (!c->quic.handshake_done || c->quic.down) {
        return SOTTO_NEVER;
    }
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(c->quic.conn, &info);
    if (info.bytes_in_flight == 0 && c->no_route_ns == 0 && c->refused_ns == 0 && !c->silent) {
        c->waiting_ns = 0;
        return SOTTO_NEVER;
    }
    if (c->waiting_ns == 0) {
        c->waiting_ns = c->now_ns;
    }
    uint64_t silent_ms = 3 * info.smoothed_rtt / SOTTO_NS_PER_MS;
    silent_ms = silent_ms > LINK_SILENT_MS ? silent_ms : LINK_SILENT_MS;
    bool silent = past(c->waiting_ns, c->now_ns, silent_ms);
    c->silent = c->silent || silent || c->no_route_ns != 0;
    if (past(c->no_route_ns, c->now_ns, QUIC_NO_ROUTE_MS)) {
        quic_conn_fail(&c->quic, NET_UNREACHABLE, "no route to it any more");
    } else if (c->no_route_ns != 0) {
        move(c, false); // as often as this looks: a network that comes back is used at once
    } else if (past(c->waiting_ns, c->now_ns, QUIC_DEAD_MS + silent_ms)) {
        quic_conn_fail(&c->quic, NET_TIMEOUT, "no answer any more");
    } else if (silent && (c->moved_ns == 0 || past(c->moved_ns, c->now_ns, QUIC_PATH_RETRY_MS))) {
        move(c, false);
    }
    return c->now_ns + QUIC_SUPERVISE_MS * SOTTO_NS_PER_MS;
}

static void flush(struct quic_client *c);

void quic_client_network_changed(struct quic_client *c)
{
    if (c->finished || c->freeing || c->quic.down || !c->quic.handshake_done) {
        return;
    }
    wake(c);
    move(c, true);
    flush(c);
}

int quic_client_renew_keys(struct quic_client *c)
{
    if (c->inside || c->finished || c->freeing || c->quic.down || !c->quic.handshake_done ||
        ngtcp2_conn_initiate_key_update(c->quic.conn, wake(c)) != 0) {
        return SOTTO_ESTATE;
    }
    c->keys_ns = c->now_ns;
    c->quic.pump = true;
    return 0;
}

bool quic_client_heard(const struct quic_client *c)
{
    return c->quic.stats.packets_received > 0;
}

// ---- writing ------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer);
static void release(struct quic_client *c);

static void finish(struct quic_client *c)
{
    c->finished = true;
    uv_timer_stop(&c->timer);
    if (c->socket != NULL) {
        uv_poll_stop(&c->socket->poll);
    }
    socket_abandon(c->old);
    c->old = NULL;
    if (!c->quic.handshake_done && c->quic.ssl != NULL && !c->quic.told &&
        c->quic.down_reason == NET_PROTOCOL) {
        const char *detail = NULL;
        enum net_reason reason = tls_client_failure(c->quic.ssl, c->check, &detail);
        if (reason != NET_PROTOCOL) {
            c->quic.down_reason = reason;
            c->quic.down_detail = detail;
        }
    }
    quic_conn_tell(&c->quic);
}

static void arm(struct quic_client *c, bool more)
{
    uint64_t look = supervise(c);
    uint64_t due = quic_conn_deadline(&c->quic);
    bool now = more || c->quic.down || c->quic.pump || c->path_changed ||
               (c->silent != c->silent_told && c->events->on_silent != NULL);
    due = now ? c->now_ns : due < look ? due : look;
    if (due >= c->armed_ns) {
        return; // it fires before that, and then looks again
    }
    uint64_t wait_ms =
        due > c->now_ns ? (due - c->now_ns + SOTTO_NS_PER_MS - 1) / SOTTO_NS_PER_MS : 0;
    c->armed_ns = due;
    uv_timer_start(&c->timer, on_timer, wait_ms, 0);
}

static bool write_out(struct quic_client *c)
{
    wake(c);
    bool more = quic_conn_write(&c->quic, c->out, c->now_ns);
    udp_out_flush(c->out);
    int error = udp_out_error(c->out);
    if (error != 0) {
        socket_error(c, error);
    }
    return more;
}

void quic_client_flush_queued(struct quic_client *c)
{
    if (c->inside || c->finished || c->freeing || !quic_conn_wants_write(&c->quic)) {
        return;
    }
    arm(c, write_out(c)); // if it went down, the owner hears of it from the timer
}

static void flush(struct quic_client *c)
{
    if (c->inside || c->finished || c->freeing) {
        return;
    }
    c->inside = true;
    bool more = write_out(c);
    if (c->path_changed && !c->quic.down && c->events->on_path != NULL) {
        c->path_changed = false;
        c->events->on_path(c->owner);
    }
    if (c->silent != c->silent_told && !c->quic.down && c->events->on_silent != NULL) {
        c->silent_told = c->silent;
        c->events->on_silent(c->owner, c->silent);
    }
    if (c->quic.down) {
        // Down since the writing: the last words, then.
        (void)quic_conn_write(&c->quic, c->out, c->now_ns);
        udp_out_flush(c->out);
        finish(c);
    } else {
        arm(c, more);
    }
    c->inside = false;
    if (c->freeing) {
        release(c);
    }
}

// ---- reading ------------------------------------------------------------------------------

// The relay is heard over the path in use.
static void heard(struct quic_client *c)
{
    c->waiting_ns = c->no_route_ns = c->refused_ns = c->moved_ns = 0;
    c->silent = false;
    if (c->moving) {
        c->moving = false;
        c->path_changed = true;
    }
}

// What arrives on the old socket is read as if it had come over the path in use: a connection of
// a client has but one.
static void receive(struct quic_client *c, struct client_socket *s)
{
    ngtcp2_path path = path_of(c);
    int n;
    do {
        n = udp_in_recv(c->in, s->fd);
        for (int i = 0; i < n; i++) {
            struct udp_packet packet;
            udp_in_packet(c->in, i, &packet);
            if (packet.len > 0) {
                quic_conn_read(&c->quic, &path, packet.data, packet.len, c->now_ns);
            }
        }
        if (n > 0 && s == c->socket) {
            heard(c);
        }
    } while (n == IN_BATCH);
    if (n < 0 && errno != EAGAIN && s == c->socket) {
        socket_error(c, errno);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct client_socket *s = poll->data;
    struct quic_client *c = s->client;
    if (c == NULL || c->finished || c->freeing) {
        return;
    }
    wake(c);
    c->inside = true;
    receive(c, s);
    c->inside = false;
    if (c->freeing) {
        release(c);
        return;
    }
    flush(c);
}

static void on_timer(uv_timer_t *timer)
{
    struct quic_client *c = timer->data;
    wake(c);
    c->armed_ns = SOTTO_NEVER;
    if (past(c->keys_ns, c->now_ns, QUIC_KEY_LIFETIME_MS)) {
        (void)quic_client_renew_keys(c); // if not now, then at the next timer
    }
    if (quic_conn_deadline(&c->quic) <= c->now_ns) {
        quic_conn_expire(&c->quic, c->now_ns);
    }
    flush(c);
}

// ---- making and freeing -------------------------------------------------------------------

int quic_client_new(struct quic_client **out, uv_loop_t *loop, SSL_CTX *tls,
                    const struct tls_client_check *check, const char *authority,
                    const union udp_address *remote, struct datagram_pool *pool,
                    const struct link_events *events, void *owner)
{
    struct quic_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    c->loop = loop;
    c->check = check;
    c->events = events;
    c->owner = owner;
    c->remote = *remote;
    c->shared = (struct quic_shared){.pool = pool,
                                     .idle_timeout_ms = LINK_IDLE_TIMEOUT_MS,
                                     .keep_alive_ms = LINK_KEEP_ALIVE_MS,
                                     .handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS};
    SSL *ssl = NULL;
    union udp_address local;
    int rv = SOTTO_EIO;
    int fd = udp_socket_connected(remote, &local);
    if (fd < 0) {
        goto fail;
    }
    rv = SOTTO_ENOMEM;
    c->in = udp_in_new(&local, IN_BATCH);
    c->out = udp_out_new(OUT_BATCH, true, false);
    ssl = tls_client_session(tls, check);
    if (c->in == NULL || c->out == NULL || ssl == NULL) {
        close(fd);
        goto fail;
    }
    rv = quic_conn_init_client(&c->quic, ssl, authority, &local, remote, &c->shared, events, owner,
                               wake(c));
    c->keys_ns = c->now_ns;
    ssl = NULL;
    if (rv != 0) {
        close(fd);
        goto fail;
    }
    rv = socket_use(c, fd, &local);
    if (rv != 0) {
        quic_conn_deinit(&c->quic);
        goto fail;
    }
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    uv_timer_start(&c->timer, on_timer, 0, 0); // the first packet goes from the loop
    *out = c;
    return 0;
fail:
    SSL_free(ssl);
    udp_in_free(c->in);
    udp_out_free(c->out);
    free(c);
    return rv;
}

static void timer_gone(uv_handle_t *handle)
{
    struct quic_client *c = handle->data;
    udp_in_free(c->in);
    udp_out_free(c->out);
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

static void release(struct quic_client *c)
{
    wake(c);
    (void)quic_conn_write(&c->quic, c->out, c->now_ns);
    udp_out_flush(c->out);
    quic_conn_deinit(&c->quic);
    socket_abandon(c->old);
    socket_abandon(c->socket);
    c->socket = c->old = NULL;
    uv_close((uv_handle_t *)&c->timer, timer_gone);
}

void quic_client_free(struct quic_client *c, enum net_reason reason)
{
    if (c->freeing) {
        return;
    }
    c->freeing = true;
    quic_conn_close(&c->quic, reason, wake(c));
    if (!c->inside) {
        release(c);
    }
}

// ---- sending ------------------------------------------------------------------------------

int quic_client_send_message(struct quic_client *c, const uint8_t *msg, size_t len)
{
    return quic_conn_send_message(&c->quic, msg, len);
}

int quic_client_send_datagram(struct quic_client *c, const uint8_t *data, size_t len)
{
    return quic_conn_send_datagram(&c->quic, data, len, c->inside ? c->now_ns : wake(c));
}

void quic_client_stats(const struct quic_client *c, struct net_stats *out)
{
    quic_conn_stats(&c->quic, out);
    out->path_changes = c->moves;
}
