// SPDX-License-Identifier: Apache-2.0
#include "quic_server.h"

#include "cid_table.h"
#include "quic.h"
#include "timer_heap.h"
#include "tls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sotto/base.h>

#define IN_BATCH        64
#define OUT_BATCH       64
#define HANDLES         3
// RFC 9000 §10.3: a stateless reset is shorter than what it answers, and long enough to be one.
#define RESET_MIN_BYTES 22
#define RESET_MAX_BYTES 43

struct quic_peer {
    struct net_conn conn; // first: the two are converted into each other
    struct quic_conn quic;
    struct quic_server *server;
    struct quic_peer *next, *prev, *dirty_next;
    struct cid_list cids;
    struct timer_node timer;
    uint64_t open_by_ns; // until the session is there
    ngtcp2_cid first_dcid;
    bool dirty, half_open;
};

struct quic_server {
    uv_loop_t *loop;
    struct net_server *owner;
    uv_poll_t poll;
    uv_timer_t timer, tick;
    int fd;
    union udp_address local;
    struct udp_in *in;
    struct udp_out *out;
    SSL_CTX *tls;
    struct quic_shared shared;
    uint8_t token_secret[QUIC_RESET_SECRET_BYTES];
    struct cid_table cids;
    struct timer_heap timers;
    struct quic_peer *peers, *dirty;
    uint32_t half_open;
    uint64_t now_ns;    // of this wake
    uint64_t armed_ns;  // when `timer` fires; SOTTO_NEVER: it does not
    uint64_t window_ns; // start of the window in which packets are counted
    uint32_t window_packets;
    uint64_t stateless_second;
    uint32_t stateless_answers;
    unsigned handles_open;
    bool ticking, refusing, inside;
    bool freeing;  // quic_server_free was called
    bool stopping; // the connections are being closed
    bool stopped;  // the handles are
    void (*gone)(struct net_server *owner);
};

static struct quic_peer *peer_of(struct net_conn *c)
{
    return (struct quic_peer *)(void *)c;
}

static struct quic_peer *peer_of_quic(struct quic_conn *q)
{
    return (struct quic_peer *)(void *)((char *)q - offsetof(struct quic_peer, quic));
}

// One clock: ngtcp2 aborts if time goes backwards.
static uint64_t wake(struct quic_server *s)
{
    uint64_t now = uv_hrtime();
    if (now > s->now_ns) {
        s->now_ns = now;
    }
    return s->now_ns;
}

static void mark_dirty(struct quic_peer *p)
{
    if (!p->dirty) {
        p->dirty = true;
        p->dirty_next = p->server->dirty;
        p->server->dirty = p;
    }
}

// ---- timers -------------------------------------------------------------------------------

// By when a connection has to have a session; SOTTO_NEVER: it has one, or is on its way out.
static uint64_t session_due(const struct quic_peer *p)
{
    return p->quic.open || p->quic.linger_until_ns != 0 ? SOTTO_NEVER : p->open_by_ns;
}

static uint64_t peer_deadline(const struct quic_peer *p)
{
    uint64_t due = quic_conn_deadline(&p->quic), session = session_due(p);
    return session < due ? session : due;
}

// When to look at it again, at the latest. After a packet of nothing but datagrams all that is new
// is an acknowledgement to send: there is no need to ask ngtcp2.
static uint64_t peer_look_at(const struct quic_peer *p, bool written)
{
    bool quiet = !written && p->timer.place != 0 && quic_conn_only_acks(&p->quic);
    return quiet ? p->quic.ack_hold_ns : peer_deadline(p);
}

static void on_timer(uv_timer_t *timer);
static void stop(struct quic_server *s);
static void close_handles(struct quic_server *s);

static void arm(struct quic_server *s)
{
    struct timer_node *first = timer_heap_first(&s->timers);
    if (first == NULL || first->due_ns >= s->armed_ns || s->stopped) {
        return;
    }
    uint64_t now = uv_hrtime();
    uint64_t grain = QUIC_TIMER_GRAIN_MS * SOTTO_NS_PER_MS;
    uint64_t due = (first->due_ns + grain - 1) / grain * grain;
    uint64_t wait_ms = due > now ? (due - now + SOTTO_NS_PER_MS - 1) / SOTTO_NS_PER_MS : 0;
    s->armed_ns = first->due_ns;
    uv_timer_start(&s->timer, on_timer, wait_ms, 0);
}

// ---- the end of a connection --------------------------------------------------------------

static void peer_free(struct quic_peer *p)
{
    struct quic_server *s = p->server;
    assert(!p->dirty);
    if (p->half_open) {
        s->half_open--;
    }
    if (!p->quic.open) {
        server_stats(s->owner)->handshakes_failed++;
    }
    server_stats(s->owner)->datagrams_dropped += p->quic.datagrams.dropped;
    timer_heap_remove(&s->timers, &p->timer);
    quic_conn_deinit(&p->quic);
    cid_table_remove_all(&s->cids, &p->cids);
    server_forget(s->owner, &p->conn);
    if (p->prev != NULL) {
        p->prev->next = p->next;
    } else {
        s->peers = p->next;
    }
    if (p->next != NULL) {
        p->next->prev = p->prev;
    }
    free(p);
}

// ---- writing ------------------------------------------------------------------------------

static void note_handshake(struct quic_peer *p)
{
    if (p->half_open && p->quic.handshake_done) {
        p->half_open = false;
        p->server->half_open--;
        // Every packet of the client carries an id of ours by now.
        cid_table_remove(&p->server->cids, &p->cids, p->first_dcid.data, p->first_dcid.datalen);
    }
}

// Returns true if there is more to write at once.
static bool peer_write(struct quic_peer *p)
{
    struct quic_server *s = p->server;
    bool more = false;
    if (quic_conn_wants_write(&p->quic)) {
        uint64_t bytes = p->quic.stats.bytes_sent, datagrams = p->quic.stats.datagrams_sent;
        more = quic_conn_write(&p->quic, s->out, s->now_ns);
        struct net_server_stats *stats = server_stats(s->owner);
        stats->bytes_out += p->quic.stats.bytes_sent - bytes;
        stats->datagrams_out += p->quic.stats.datagrams_sent - datagrams;
    }
    note_handshake(p);
    return more;
}

static void peer_settle(struct quic_peer *p, bool written)
{
    if (p->quic.down) {
        quic_conn_tell(&p->quic); // may make others dirty, or close this one once more
        if (p->dirty) {
            return; // the next round frees it
        }
        peer_free(p);
        return;
    }
    if (timer_heap_at_latest(&p->server->timers, &p->timer, peer_look_at(p, written)) != 0) {
        quic_conn_fail(&p->quic, NET_SYSTEM, "out of memory");
        mark_dirty(p);
    }
}

void quic_server_flush(struct quic_server *s)
{
    if (s->inside || s->stopped || (s->dirty == NULL && !s->freeing)) {
        return;
    }
    s->inside = true;
    wake(s);
    struct quic_peer *again = NULL;
    while (s->dirty != NULL) {
        struct quic_peer *p = s->dirty;
        s->dirty = p->dirty_next;
        bool written = quic_conn_wants_write(&p->quic);
        if (peer_write(p)) {
            // Others first: it stays marked, on a list of its own.
            p->dirty_next = again;
            again = p;
            continue;
        }
        p->dirty = false;
        peer_settle(p, written);
    }
    udp_out_flush(s->out);
    (void)udp_out_error(s->out); // the peer's trouble; its timers find out
    s->inside = false;
    s->dirty = again;
    if (s->freeing && !s->stopping) {
        stop(s); // one of them asked for it
    } else if (s->stopping && s->peers == NULL) {
        close_handles(s);
    } else if (again != NULL) {
        s->armed_ns = 0;
        uv_timer_start(&s->timer, on_timer, 0, 0);
    } else {
        arm(s);
    }
}

// ---- answers without state ----------------------------------------------------------------

static bool may_answer(struct quic_server *s)
{
    uint64_t second = s->now_ns / SOTTO_NS_PER_S;
    if (second != s->stateless_second) {
        s->stateless_second = second;
        s->stateless_answers = 0;
    }
    return s->stateless_answers++ < QUIC_STATELESS_ANSWERS_PER_S;
}

static void answer(struct quic_server *s, const struct udp_packet *packet, ngtcp2_ssize len)
{
    if (len > 0) {
        udp_out_commit(s->out, &packet->local.any, &packet->remote.any, (size_t)len);
    }
}

static void answer_version(struct quic_server *s, const struct udp_packet *packet,
                           const ngtcp2_version_cid *v)
{
    if (!may_answer(s)) {
        return;
    }
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    uint8_t random = 0;
    (void)RAND_bytes(&random, 1);
    answer(s, packet,
           ngtcp2_pkt_write_version_negotiation(udp_out_next(s->out), UDP_OUT_MAX_BYTES, random,
                                                v->scid, v->scidlen, v->dcid, v->dcidlen, versions,
                                                1));
}

static void answer_reset(struct quic_server *s, const struct udp_packet *packet,
                         const ngtcp2_version_cid *v)
{
    if (packet->len <= RESET_MIN_BYTES || v->dcidlen != QUIC_CID_BYTES || !may_answer(s)) {
        return;
    }
    size_t len = packet->len - 1 < RESET_MAX_BYTES ? packet->len - 1 : RESET_MAX_BYTES;
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[RESET_MAX_BYTES];
    ngtcp2_cid cid;
    ngtcp2_cid_init(&cid, v->dcid, v->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(token, s->shared.reset_secret,
                                                     QUIC_RESET_SECRET_BYTES, &cid) != 0 ||
        RAND_bytes(random, sizeof random) != 1) {
        return;
    }
    answer(s, packet,
           ngtcp2_pkt_write_stateless_reset(udp_out_next(s->out), UDP_OUT_MAX_BYTES, token, random,
                                            len - NGTCP2_STATELESS_RESET_TOKENLEN));
}

static void answer_refusal(struct quic_server *s, const struct udp_packet *packet,
                           const ngtcp2_pkt_hd *hd, uint64_t error_code)
{
    if (may_answer(s)) {
        answer(s, packet,
               ngtcp2_crypto_write_connection_close(udp_out_next(s->out), UDP_OUT_MAX_BYTES,
                                                    hd->version, &hd->scid, &hd->dcid, error_code,
                                                    NULL, 0));
    }
}

static void answer_retry(struct quic_server *s, const struct udp_packet *packet,
                         const ngtcp2_pkt_hd *hd)
{
    if (!may_answer(s)) {
        return;
    }
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
    // In use only until the handshake ends, and known to no table yet: too long to meet another.
    ngtcp2_cid scid = {.datalen = NGTCP2_MAX_CIDLEN};
    if (RAND_bytes(scid.data, NGTCP2_MAX_CIDLEN) != 1) {
        return;
    }
    ngtcp2_ssize len =
        ngtcp2_crypto_generate_retry_token2(token, s->token_secret, sizeof s->token_secret,
                                            hd->version, &packet->remote.any,
                                            udp_address_len(&packet->remote), &scid, &hd->dcid,
                                            s->now_ns);
    if (len > 0) {
        answer(s, packet,
               ngtcp2_crypto_write_retry(udp_out_next(s->out), UDP_OUT_MAX_BYTES, hd->version,
                                         &hd->scid, &scid, &hd->dcid, token, (size_t)len));
    }
}

// ---- new connections ----------------------------------------------------------------------

static int peer_cid_add(struct quic_conn *c, const ngtcp2_cid *cid)
{
    struct quic_peer *p = peer_of_quic(c);
    return cid_table_add(&p->server->cids, &p->cids, p, cid->data, cid->datalen);
}

static void peer_cid_remove(struct quic_conn *c, const ngtcp2_cid *cid)
{
    struct quic_peer *p = peer_of_quic(c);
    cid_table_remove(&p->server->cids, &p->cids, cid->data, cid->datalen);
}

static ngtcp2_path path_of(struct udp_packet *packet)
{
    return (ngtcp2_path){.local = {.addr = &packet->local.any,
                                   .addrlen = udp_address_len(&packet->local)},
                         .remote = {.addr = &packet->remote.any,
                                    .addrlen = udp_address_len(&packet->remote)}};
}

static struct quic_peer *peer_new(struct quic_server *s, struct udp_packet *packet,
                                  const ngtcp2_pkt_hd *hd, const ngtcp2_cid *original)
{
    struct quic_peer *p = calloc(1, sizeof *p);
    SSL *ssl = SSL_new(s->tls);
    if (p == NULL || ssl == NULL ||
        server_admit(s->owner, &packet->remote, p->conn.address_key) != 0) {
        SSL_free(ssl);
        free(p);
        answer_refusal(s, packet, hd, NGTCP2_CONNECTION_REFUSED);
        return NULL;
    }
    p->conn.server = s->owner;
    p->conn.transport = NET_QUIC;
    p->server = s;
    p->open_by_ns = s->now_ns + server_handshake_timeout_ms(s->owner) * SOTTO_NS_PER_MS;
    p->first_dcid = hd->dcid;
    ngtcp2_path path = path_of(packet);
    if (quic_conn_init_server(&p->quic, ssl, hd, original, &path, &s->shared, &server_link_events,
                              &p->conn, s->now_ns) != 0 ||
        cid_table_add(&s->cids, &p->cids, p, hd->dcid.data, hd->dcid.datalen) != 0) {
        if (p->quic.conn != NULL) {
            quic_conn_deinit(&p->quic);
        }
        cid_table_remove_all(&s->cids, &p->cids);
        server_forget(s->owner, &p->conn);
        free(p);
        return NULL;
    }
    p->half_open = true;
    s->half_open++;
    p->next = s->peers;
    if (s->peers != NULL) {
        s->peers->prev = p;
    }
    s->peers = p;
    return p;
}

// The first packet of a client. NULL: answered or dropped.
static struct quic_peer *begin(struct quic_server *s, struct udp_packet *packet)
{
    ngtcp2_pkt_hd hd;
    if (s->refusing || ngtcp2_accept(&hd, packet->data, packet->len) != 0) {
        return NULL;
    }
    if (hd.tokenlen > 0 && hd.token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
        ngtcp2_cid original;
        if (ngtcp2_crypto_verify_retry_token2(
                &original, hd.token, hd.tokenlen, s->token_secret, sizeof s->token_secret,
                hd.version, &packet->remote.any, udp_address_len(&packet->remote), &hd.dcid,
                QUIC_RETRY_TOKEN_LIFETIME_MS * SOTTO_NS_PER_MS, s->now_ns) != 0) {
            answer_refusal(s, packet, &hd, NGTCP2_INVALID_TOKEN);
            return NULL;
        }
        return peer_new(s, packet, &hd, &original);
    }
    if (s->half_open >= QUIC_RETRY_ABOVE_HALF_OPEN ||
        server_address_is_busy(s->owner, &packet->remote)) {
        answer_retry(s, packet, &hd);
        return NULL;
    }
    return peer_new(s, packet, &hd, NULL);
}

// ---- receiving ----------------------------------------------------------------------------

static void on_packet(struct quic_server *s, struct udp_packet *packet)
{
    ngtcp2_version_cid v;
    int rv = ngtcp2_pkt_decode_version_cid(&v, packet->data, packet->len, QUIC_CID_BYTES);
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION) {
        answer_version(s, packet, &v);
        return;
    }
    if (rv != 0) {
        return;
    }
    server_stats(s->owner)->bytes_in += packet->len;
    struct quic_peer *p = cid_table_find(&s->cids, v.dcid, v.dcidlen);
    if (p == NULL && v.version == 0) {
        answer_reset(s, packet, &v); // a short header: somebody remembers what we forgot
        return;
    }
    if (p == NULL) {
        p = begin(s, packet);
    }
    if (p != NULL) {
        ngtcp2_path path = path_of(packet);
        uint64_t datagrams = p->quic.stats.datagrams_received;
        quic_conn_read(&p->quic, &path, packet->data, packet->len, s->now_ns);
        server_stats(s->owner)->datagrams_in += p->quic.stats.datagrams_received - datagrams;
        mark_dirty(p);
    }
}

static unsigned receive(struct quic_server *s)
{
    unsigned total = 0;
    for (unsigned round = 0; round < QUIC_RECEIVE_ROUNDS; round++) {
        int n = udp_in_recv(s->in, s->fd);
        for (int i = 0; i < n; i++) {
            struct udp_packet packet;
            udp_in_packet(s->in, i, &packet);
            if (packet.len > 0) {
                on_packet(s, &packet);
            }
        }
        total += n > 0 ? (unsigned)n : 0;
        if (n < IN_BATCH) {
            break;
        }
    }
    return total;
}

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_tick(uv_timer_t *tick);

// Waking for each packet while there are few, by the tick while there are many.
static void choose_pace(struct quic_server *s, unsigned packets)
{
    s->window_packets += packets;
    uint64_t past_ms = (s->now_ns - s->window_ns) / SOTTO_NS_PER_MS;
    if (past_ms < QUIC_BUSY_WINDOW_MS) {
        return;
    }
    uint64_t per_second = s->window_packets * UINT64_C(1000) / past_ms;
    s->window_packets = 0;
    s->window_ns = s->now_ns;
    if (!s->ticking && per_second >= QUIC_BUSY_PACKETS_PER_S) {
        s->ticking = true;
        uv_poll_stop(&s->poll);
        uv_timer_start(&s->tick, on_tick, QUIC_BUSY_TICK_MS, QUIC_BUSY_TICK_MS);
    } else if (s->ticking && per_second < QUIC_BUSY_PACKETS_PER_S / 2) {
        s->ticking = false;
        uv_timer_stop(&s->tick);
        uv_poll_start(&s->poll, UV_READABLE, on_readable);
    }
}

static void receive_and_send(struct quic_server *s)
{
    wake(s);
    s->inside = true;
    unsigned packets = receive(s);
    s->inside = false;
    udp_out_flush(s->out); // stateless answers, if nobody is dirty
    quic_server_flush(s);
    if (!s->stopped) {
        choose_pace(s, packets);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    receive_and_send(poll->data);
}

static void on_tick(uv_timer_t *tick)
{
    receive_and_send(tick->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct quic_server *s = timer->data;
    uint64_t now = wake(s);
    s->armed_ns = SOTTO_NEVER;
    for (struct timer_node *n = timer_heap_first(&s->timers); n != NULL && n->due_ns <= now;
         n = timer_heap_first(&s->timers)) {
        struct quic_peer *p =
            (struct quic_peer *)(void *)((char *)n - offsetof(struct quic_peer, timer));
        timer_heap_remove(&s->timers, n);
        if (session_due(p) <= now) {
            quic_conn_close(&p->quic, NET_TIMEOUT, now);
        } else if (quic_conn_deadline(&p->quic) <= now) {
            quic_conn_expire(&p->quic, now);
        }
        mark_dirty(p); // flushing looks up the deadline again
    }
    quic_server_flush(s);
    arm(s);
}

// ---- the server itself --------------------------------------------------------------------

static void handle_gone(uv_handle_t *handle)
{
    struct quic_server *s = handle->data;
    if (--s->handles_open > 0) {
        return;
    }
    void (*gone)(struct net_server *) = s->gone;
    struct net_server *owner = s->owner;
    close(s->fd);
    udp_in_free(s->in);
    udp_out_free(s->out);
    SSL_CTX_free(s->tls);
    cid_table_deinit(&s->cids);
    timer_heap_deinit(&s->timers);
    OPENSSL_cleanse(s, sizeof *s);
    free(s);
    gone(owner);
}

static void close_handles(struct quic_server *s)
{
    s->stopped = true;
    uv_close((uv_handle_t *)&s->poll, handle_gone);
    uv_close((uv_handle_t *)&s->timer, handle_gone);
    uv_close((uv_handle_t *)&s->tick, handle_gone);
}

// Ends all sessions; the last connection to go closes the handles.
static void stop(struct quic_server *s)
{
    s->stopping = true;
    s->refusing = true;
    wake(s);
    for (struct quic_peer *p = s->peers; p != NULL; p = p->next) {
        quic_conn_close(&p->quic, NET_CLOSED, s->now_ns);
        mark_dirty(p);
    }
    quic_server_flush(s);
}

void quic_server_free(struct quic_server *s, void (*gone)(struct net_server *owner))
{
    s->gone = gone;
    if (s->freeing) {
        return;
    }
    s->freeing = true;
    if (!s->inside) {
        stop(s);
    }
}

int quic_server_new(struct quic_server **out, uv_loop_t *loop, int fd,
                    const union udp_address *local, SSL_CTX *tls, struct net_server *owner)
{
    struct quic_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        close(fd);
        return SOTTO_ENOMEM;
    }
    bool any = local->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr)
                                                : local->v4.sin_addr.s_addr == INADDR_ANY;
    s->loop = loop;
    s->owner = owner;
    s->fd = fd;
    s->local = *local;
    s->armed_ns = SOTTO_NEVER;
    s->in = udp_in_new(local, IN_BATCH);
    s->out = udp_out_new(OUT_BATCH, false, any);
    s->shared = (struct quic_shared){
        .pool = server_pool(owner),
        .idle_timeout_ms = server_idle_timeout_ms(owner),
        // A little later than a client's own.
        .keep_alive_ms = LINK_KEEP_ALIVE_MS + LINK_KEEP_ALIVE_MS / 4,
        .handshake_timeout_ms = server_handshake_timeout_ms(owner),
        .cid_add = peer_cid_add,
        .cid_remove = peer_cid_remove,
    };
    int rv = SOTTO_ENOMEM;
    if (s->in == NULL || s->out == NULL || cid_table_init(&s->cids) != 0) {
        goto fail;
    }
    rv = tls_key_derived_secret(tls, "sotto quic stateless reset", s->shared.reset_secret);
    if (rv != 0) {
        goto fail;
    }
    rv = SOTTO_ECRYPTO;
    if (RAND_bytes(s->token_secret, sizeof s->token_secret) != 1) {
        goto fail;
    }
    rv = SOTTO_EIO;
    // Nothing below leaves a half-made handle behind: only the first can fail.
    if (uv_poll_init(loop, &s->poll, fd) != 0) {
        goto fail;
    }
    SSL_CTX_up_ref(tls);
    s->tls = tls;
    uv_timer_init(loop, &s->timer);
    uv_timer_init(loop, &s->tick);
    s->poll.data = s->timer.data = s->tick.data = s;
    s->handles_open = HANDLES;
    udp_out_set_fd(s->out, fd);
    uv_poll_start(&s->poll, UV_READABLE, on_readable);
    *out = s;
    return 0;
fail:
    close(fd);
    udp_in_free(s->in);
    udp_out_free(s->out);
    cid_table_deinit(&s->cids);
    free(s);
    return rv;
}

void quic_server_set_tls(struct quic_server *s, SSL_CTX *tls)
{
    SSL_CTX_up_ref(tls);
    SSL_CTX_free(s->tls);
    s->tls = tls;
}

// ---- one connection, from above -----------------------------------------------------------

int quic_peer_send_message(struct net_conn *c, const uint8_t *msg, size_t len)
{
    struct quic_peer *p = peer_of(c);
    int rv = quic_conn_send_message(&p->quic, msg, len);
    if (rv == 0) {
        mark_dirty(p);
    }
    return rv;
}

int quic_peer_send_datagram(struct net_conn *c, const uint8_t *data, size_t len)
{
    struct quic_peer *p = peer_of(c);
    // Outside of a wake of ours the cached time may be old.
    uint64_t now = p->server->inside ? p->server->now_ns : wake(p->server);
    int rv = quic_conn_send_datagram(&p->quic, data, len, now);
    if (rv == 0) {
        mark_dirty(p);
    }
    return rv;
}

void quic_peer_close(struct net_conn *c, enum net_reason reason)
{
    struct quic_peer *p = peer_of(c);
    quic_conn_close(&p->quic, reason, p->server->inside ? p->server->now_ns : wake(p->server));
    mark_dirty(p);
}

void quic_peer_address(const struct net_conn *c, union udp_address *out)
{
    const struct quic_peer *p = (const struct quic_peer *)(const void *)c;
    memset(out, 0, sizeof *out);
    const ngtcp2_path *path = ngtcp2_conn_get_path(p->quic.conn);
    memcpy(out, path->remote.addr, path->remote.addrlen);
}

void quic_peer_stats(const struct net_conn *c, struct net_stats *out)
{
    quic_conn_stats(&((const struct quic_peer *)(const void *)c)->quic, out);
}
