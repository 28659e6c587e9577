// SPDX-License-Identifier: Apache-2.0
#include "quic_callbacks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

// ---- going down ---------------------------------------------------------------------------

void quic_conn_fail(struct quic_conn *c, enum net_reason reason, const char *detail)
{
    if (!c->down) {
        c->down = true;
        c->down_reason = reason;
        c->down_detail = detail;
        ngtcp2_ccerr_set_application_error(&c->close_error, H3_NO_ERROR, NULL, 0);
    }
}

void quic_conn_close(struct quic_conn *c, enum net_reason reason, uint64_t now_ns)
{
    c->told = true;
    if (c->down || c->linger_until_ns != 0) {
        return;
    }
    bool session = c->h3.session_open && !c->h3.ended;
    // After this HTTP/3 is deaf: nothing reaches the owner.
    (void)h3_close_session(&c->h3, link_reason_code(reason));
    if (session && c->server) {
        c->linger_until_ns = now_ns + QUIC_LINGER_MS * SOTTO_NS_PER_MS;
        return;
    }
    quic_conn_fail(c, reason, NULL);
    if (!session && reason == NET_LIMIT) { // there is no session to carry the reason
        ngtcp2_ccerr_set_application_error(&c->close_error, H3_EXCESSIVE_LOAD, NULL, 0);
    }
}

void quic_conn_tell(struct quic_conn *c)
{
    if (c->down && !c->told) {
        c->told = true;
        c->events->on_down(c->owner, c->down_reason, c->down_detail);
    }
}

// The peer closed the connection, with these words.
static void fail_closed_by_peer(struct quic_conn *c)
{
    const ngtcp2_ccerr *e = ngtcp2_conn_get_ccerr(c->conn);
    c->silent = true;
    if (e->type == NGTCP2_CCERR_TYPE_APPLICATION && e->error_code == H3_NO_ERROR) {
        quic_conn_fail(c, NET_CLOSED, "the other side closed the connection");
    } else if (e->error_code == NGTCP2_CONNECTION_REFUSED || e->error_code == H3_EXCESSIVE_LOAD) {
        quic_conn_fail(c, NET_LIMIT, "the other side refused the connection");
    } else if (e->type == NGTCP2_CCERR_TYPE_TRANSPORT && e->error_code == NGTCP2_NO_ERROR) {
        quic_conn_fail(c, NET_CLOSED, "the other side closed the connection");
    } else if (e->error_code == (NGTCP2_CRYPTO_ERROR | 120)) {
        quic_conn_fail(c, NET_PROTOCOL, "the other side does not speak HTTP/3");
    } else {
        quic_conn_fail(c, NET_PROTOCOL, "the other side reports an error");
    }
}

// ngtcp2 returned an error from reading, writing or a timer.
static void fail_quic(struct quic_conn *c, int error)
{
    switch (error) {
    case NGTCP2_ERR_DRAINING:
        fail_closed_by_peer(c);
        return;
    case NGTCP2_ERR_CLOSING:
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
        c->silent = true;
        quic_conn_fail(c, NET_CLOSED, "the connection is closing");
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        c->silent = true;
        quic_conn_fail(c, NET_TIMEOUT, "nothing was heard for too long");
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        quic_conn_fail(c, c->stats.packets_received > 0 ? NET_TIMEOUT : NET_UNREACHABLE,
                       "no answer in time");
        return;
    case NGTCP2_ERR_NOMEM:
        quic_conn_fail(c, NET_SYSTEM, "out of memory");
        break;
    case NGTCP2_ERR_CRYPTO:
        quic_conn_fail(c, NET_PROTOCOL, "the TLS handshake failed");
        ngtcp2_ccerr_set_tls_alert(&c->close_error, ngtcp2_conn_get_tls_alert(c->conn), NULL, 0);
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        c->silent = true;
        quic_conn_fail(c, NET_PROTOCOL, "the other side speaks no version of QUIC that we do");
        return;
    default:
        if (c->down) {
            return; // a callback has already said why
        }
        quic_conn_fail(c, NET_PROTOCOL, ngtcp2_strerror(error));
        break;
    }
    ngtcp2_ccerr_set_liberr(&c->close_error, error, NULL, 0);
}

// ---- making and freeing -------------------------------------------------------------------

static void set_settings(ngtcp2_settings *s, const struct quic_shared *shared, uint64_t now_ns)
{
    ngtcp2_settings_default(s);
    s->initial_ts = now_ns;
    s->no_pmtud = 1;
    // No packet of ours is longer than UDP_OUT_MAX_BYTES, the size of the buffers. This only sets
    // the unit that the congestion window is counted in.
    s->max_tx_udp_payload_size = QUIC_WINDOW_UNIT_BYTES;
    s->no_tx_udp_payload_size_shaping = 1;
    s->ack_thresh = QUIC_ACK_EVERY_PACKETS;
    s->handshake_timeout = shared->handshake_timeout_ms * SOTTO_NS_PER_MS;
}

static void set_params(ngtcp2_transport_params *p, const struct quic_shared *shared, bool server)
{
    ngtcp2_transport_params_default(p);
    p->initial_max_stream_data_bidi_local = QUIC_STREAM_WINDOW_BYTES;
    p->initial_max_stream_data_bidi_remote = QUIC_STREAM_WINDOW_BYTES;
    p->initial_max_stream_data_uni = QUIC_UNI_STREAM_WINDOW_BYTES;
    p->initial_max_data = QUIC_CONNECTION_WINDOW_BYTES;
    p->initial_max_streams_bidi = server ? QUIC_PEER_BIDI_STREAMS : 0;
    p->initial_max_streams_uni = QUIC_PEER_UNI_STREAMS;
    p->max_idle_timeout = shared->idle_timeout_ms * SOTTO_NS_PER_MS;
    p->ack_delay_exponent = QUIC_ACK_DELAY_EXPONENT;
    p->max_ack_delay = QUIC_MAX_ACK_DELAY_MS * SOTTO_NS_PER_MS;
    p->max_datagram_frame_size = QUIC_DATAGRAM_FRAME_MAX_BYTES;
    p->active_connection_id_limit = server ? QUIC_SERVER_CID_LIMIT : QUIC_CLIENT_CID_LIMIT;
}

static void init_common(struct quic_conn *c, SSL *ssl, bool server,
                        const struct quic_shared *shared, const struct link_events *events,
                        void *owner)
{
    memset(c, 0, sizeof *c);
    c->server = server;
    c->ssl = ssl;
    c->shared = shared;
    c->events = events;
    c->owner = owner;
    c->ref = (ngtcp2_crypto_conn_ref){.get_conn = quic_get_conn, .user_data = c};
    c->pump = true;
    h3_init(&c->h3, server, &quic_h3_ops, c);
    for (size_t i = 0; i < 3; i++) {
        stream_out_init(&c->out[i]);
    }
    ngtcp2_ccerr_default(&c->close_error);
}

// The order matters: see DESIGN, "QUIC and WebTransport".
static int attach_tls(struct quic_conn *c)
{
    if (ngtcp2_crypto_ossl_ctx_new(&c->ossl, c->ssl) != 0) {
        return SOTTO_ENOMEM;
    }
    SSL_set_app_data(c->ssl, &c->ref);
    if (c->server) {
        if (ngtcp2_crypto_ossl_configure_server_session(c->ssl) != 0) {
            return SOTTO_ECRYPTO;
        }
        SSL_set_accept_state(c->ssl);
    } else {
        if (ngtcp2_crypto_ossl_configure_client_session(c->ssl) != 0) {
            return SOTTO_ECRYPTO;
        }
        SSL_set_connect_state(c->ssl);
    }
    ngtcp2_conn_set_tls_native_handle(c->conn, c->ossl);
    return 0;
}

int quic_conn_init_client(struct quic_conn *c, SSL *ssl, const char *authority,
                          const union udp_address *local, const union udp_address *remote,
                          const struct quic_shared *shared, const struct link_events *events,
                          void *owner, uint64_t now_ns)
{
    init_common(c, ssl, false, shared, events, owner);
    c->authority = authority;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    set_settings(&settings, shared, now_ns);
    set_params(&params, shared, false);
    ngtcp2_cid dcid = {.datalen = NGTCP2_MAX_CIDLEN}, scid = {.datalen = 0};
    quic_random(dcid.data, dcid.datalen, NULL);
    ngtcp2_path_storage path;
    ngtcp2_path_storage_init(&path, &local->any, udp_address_len(local), &remote->any,
                             udp_address_len(remote), NULL);
    int rv = SOTTO_ENOMEM;
    if (ngtcp2_conn_client_new(&c->conn, &dcid, &scid, &path.path, NGTCP2_PROTO_VER_V1,
                               &quic_callbacks, &settings, &params, NULL, c) == 0) {
        rv = attach_tls(c);
    }
    if (rv != 0) {
        quic_conn_deinit(c);
    }
    return rv;
}

int quic_conn_init_server(struct quic_conn *c, SSL *ssl, const ngtcp2_pkt_hd *first,
                          const ngtcp2_cid *original, const ngtcp2_path *path,
                          const struct quic_shared *shared, const struct link_events *events,
                          void *owner, uint64_t now_ns)
{
    init_common(c, ssl, true, shared, events, owner);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    set_settings(&settings, shared, now_ns);
    set_params(&params, shared, true);
    params.original_dcid_present = 1;
    params.original_dcid = original != NULL ? *original : first->dcid;
    if (original != NULL) {
        params.retry_scid_present = 1;
        params.retry_scid = first->dcid;
        settings.token = first->token;
        settings.tokenlen = first->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    ngtcp2_cid scid;
    int rv = quic_cid_new(c, &scid, QUIC_CID_BYTES);
    if (rv != 0) {
        goto done;
    }
    rv = SOTTO_ECRYPTO;
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token,
                                                     shared->reset_secret, QUIC_RESET_SECRET_BYTES,
                                                     &scid) != 0) {
        goto done;
    }
    params.stateless_reset_token_present = 1;
    rv = SOTTO_ENOMEM;
    if (ngtcp2_conn_server_new(&c->conn, &first->scid, &scid, path, first->version, &quic_callbacks,
                               &settings, &params, NULL, c) != 0) {
        goto done;
    }
    rv = attach_tls(c);
done:
    if (rv != 0) {
        quic_conn_deinit(c);
    }
    return rv;
}

static void free_tls(struct quic_conn *c)
{
    if (c->ssl != NULL) {
        // ngtcp2 might be asked for the connection while the session goes away.
        SSL_set_app_data(c->ssl, NULL);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    if (c->ossl != NULL) {
        if (c->conn != NULL) {
            ngtcp2_conn_set_tls_native_handle(c->conn, NULL);
        }
        ngtcp2_crypto_ossl_ctx_del(c->ossl);
        c->ossl = NULL;
    }
}

void quic_conn_deinit(struct quic_conn *c)
{
    free_tls(c);
    ngtcp2_conn_del(c->conn);
    c->conn = NULL;
    h3_deinit(&c->h3);
    frame_decoder_deinit(&c->frames);
    for (size_t i = 0; i < 3; i++) {
        stream_out_deinit(&c->out[i]);
    }
    datagram_queue_clear(&c->datagrams, c->shared->pool);
}

// ---- reading ------------------------------------------------------------------------------

void quic_conn_read(struct quic_conn *c, const ngtcp2_path *path, const uint8_t *data, size_t len,
                    uint64_t now_ns)
{
    if (c->down) {
        return;
    }
    ngtcp2_pkt_info info = {0};
    c->saw_datagram = c->saw_other = false;
    c->in_callback = true;
    int rv = ngtcp2_conn_read_pkt(c->conn, path, &info, data, len, now_ns);
    c->in_callback = false;
    c->stats.packets_received++;
    c->stats.bytes_received += len;
    if (rv != 0) {
        fail_quic(c, rv);
        return;
    }
    if (c->handshake_done && c->saw_datagram && !c->saw_other) {
        // Nothing urgent: the acknowledgement may wait for the next cell the other way.
        if (c->ack_hold_ns == 0) {
            c->ack_hold_ns = now_ns + QUIC_ACK_HOLD_MS * SOTTO_NS_PER_MS;
        }
        return;
    }
    c->ack_hold_ns = 0;
    c->pump = true;
    for (size_t i = 0; i < 3; i++) {
        c->out[i].blocked = false; // the packet may have raised a limit
    }
}

void quic_conn_expire(struct quic_conn *c, uint64_t now_ns)
{
    if (c->down) {
        return;
    }
    if (c->linger_until_ns != 0 && c->linger_until_ns <= now_ns) {
        quic_conn_fail(c, NET_CLOSED, NULL);
        return;
    }
    c->ack_hold_ns = 0;
    int rv = ngtcp2_conn_handle_expiry(c->conn, now_ns);
    if (rv != 0) {
        fail_quic(c, rv);
    }
    c->pump = true;
}

uint64_t quic_conn_deadline(const struct quic_conn *c)
{
    if (c->down) {
        return 0;
    }
    uint64_t due = ngtcp2_conn_get_expiry(c->conn);
    // ngtcp2 acknowledges after an eighth of the round-trip time, which for each datagram means
    // a packet that carries nothing else. While nothing but datagrams has arrived, it waits.
    due = due < c->ack_hold_ns ? c->ack_hold_ns : due;
    return c->linger_until_ns != 0 && c->linger_until_ns < due ? c->linger_until_ns : due;
}

bool quic_conn_only_acks(const struct quic_conn *c)
{
    return c->ack_hold_ns != 0 && !c->pump && !c->down && c->linger_until_ns == 0;
}

// ---- writing ------------------------------------------------------------------------------

#define WRITE_VECTORS 8

static struct stream_out *ready_stream(struct quic_conn *c)
{
    for (size_t i = 0; i < 3; i++) {
        if (stream_out_ready(&c->out[i])) {
            return &c->out[i];
        }
    }
    return NULL;
}

static struct datagram *ready_datagram(struct quic_conn *c, uint64_t now_ns)
{
    if (c->datagrams.head == NULL || !c->open || c->h3.ended) {
        return NULL;
    }
    return datagram_queue_head(&c->datagrams, c->shared->pool, now_ns);
}

// The result of adding to a packet.
enum added {
    ADDED_MORE,
    ADDED_DONE
};

// Adds the oldest datagram. *n is the packet's length, 0 or an error when ADDED_DONE.
static enum added add_datagram(struct quic_conn *c, struct datagram *d, ngtcp2_path *path,
                               uint8_t *packet, uint64_t now_ns, ngtcp2_ssize *n)
{
    uint8_t prefix[H3_QUARTER_ID_MAX_BYTES];
    ngtcp2_vec v[2] = {{.base = prefix, .len = h3_datagram_prefix(&c->h3, prefix)},
                       {.base = d->data, .len = d->len}};
    bool more = d->next != NULL || ready_stream(c) != NULL;
    int accepted = 0;
    ngtcp2_pkt_info info;
    *n = ngtcp2_conn_writev_datagram(c->conn, path, &info, packet, UDP_OUT_MAX_BYTES, &accepted,
                                     more ? NGTCP2_WRITE_DATAGRAM_FLAG_MORE
                                          : NGTCP2_WRITE_DATAGRAM_FLAG_NONE,
                                     0, v, 2, now_ns);
    if (accepted != 0) {
        datagram_queue_pop(&c->datagrams, c->shared->pool);
        c->stats.datagrams_sent++;
    }
    if (*n == NGTCP2_ERR_WRITE_MORE) {
        return ADDED_MORE;
    }
    if (*n == NGTCP2_ERR_INVALID_ARGUMENT || *n == NGTCP2_ERR_INVALID_STATE) {
        // The peer takes no datagrams, or only shorter ones: it asked for the loss.
        datagram_queue_pop(&c->datagrams, c->shared->pool);
        c->datagrams.dropped++;
        return ADDED_MORE;
    }
    return ADDED_DONE;
}

static enum added add_stream(struct quic_conn *c, struct stream_out *s, ngtcp2_path *path,
                             uint8_t *packet, uint64_t now_ns, ngtcp2_ssize *n)
{
    struct iovec iov[WRITE_VECTORS];
    ngtcp2_vec v[WRITE_VECTORS];
    size_t count = stream_out_peek(s, iov, WRITE_VECTORS), total = 0;
    for (size_t i = 0; i < count; i++) {
        v[i] = (ngtcp2_vec){.base = iov[i].iov_base, .len = iov[i].iov_len};
        total += iov[i].iov_len;
    }
    bool fin = s->fin && total == s->unwritten_bytes;
    ngtcp2_ssize taken = -1;
    ngtcp2_pkt_info info;
    *n = ngtcp2_conn_writev_stream(c->conn, path, &info, packet, UDP_OUT_MAX_BYTES, &taken,
                                   fin ? NGTCP2_WRITE_STREAM_FLAG_FIN
                                       : NGTCP2_WRITE_STREAM_FLAG_NONE,
                                   s->id, v, count, now_ns);
    if (taken >= 0) {
        stream_out_written(s, (size_t)taken, fin && (size_t)taken == total);
    }
    switch (*n) {
    case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        s->blocked = true;
        return ADDED_MORE;
    case NGTCP2_ERR_STREAM_SHUT_WR:
    case NGTCP2_ERR_STREAM_NOT_FOUND:
        stream_out_deinit(s);
        s->fin = true;
        return ADDED_MORE;
    default:
        return ADDED_DONE;
    }
}

// One packet. Returns its length, 0 if there is nothing (allowed) to write, or an ngtcp2 error.
static ngtcp2_ssize write_packet(struct quic_conn *c, ngtcp2_path *path, uint8_t *packet, bool pump,
                                 uint64_t now_ns)
{
    ngtcp2_ssize n = 0;
    bool begun = false;
    for (;;) {
        struct datagram *d = ready_datagram(c, now_ns);
        struct stream_out *s = d == NULL ? ready_stream(c) : NULL;
        if (d == NULL && s == NULL) {
            break;
        }
        enum added added = d != NULL ? add_datagram(c, d, path, packet, now_ns, &n)
                                     : add_stream(c, s, path, packet, now_ns, &n);
        if (added == ADDED_DONE) {
            return n;
        }
        begun = begun || n == NGTCP2_ERR_WRITE_MORE;
    }
    if (!begun && !pump) {
        return 0;
    }
    ngtcp2_pkt_info info;
    return ngtcp2_conn_write_pkt(c->conn, path, &info, packet, UDP_OUT_MAX_BYTES, now_ns);
}

static void put_packet(struct quic_conn *c, struct udp_out *out, const ngtcp2_path *path, size_t n)
{
    c->stats.packets_sent++;
    c->stats.bytes_sent += n;
    udp_out_commit(out, path->local.addr, path->remote.addr, n);
}

// What was written came too early for the acknowledgement to be in it: the next cell takes it
// along.
static bool ack_is_early(const struct quic_conn *c, uint64_t now_ns)
{
    uint64_t due = ngtcp2_conn_get_expiry(c->conn);
    return c->ack_hold_ns != 0 && due > now_ns &&
           due <= now_ns + QUIC_MAX_ACK_DELAY_MS * SOTTO_NS_PER_MS;
}

// Up to QUIC_WRITE_BURST packets; true if that was too few.
static bool write_burst(struct quic_conn *c, struct udp_out *out, uint64_t now_ns)
{
    bool pump = c->pump;
    c->pump = false;
    ngtcp2_path_storage ps;
    ngtcp2_path_storage_zero(&ps);
    unsigned packets = 0;
    for (; packets < QUIC_WRITE_BURST; packets++) {
        ngtcp2_ssize n = write_packet(c, &ps.path, udp_out_next(out), pump, now_ns);
        if (n < 0) {
            fail_quic(c, (int)n);
            break;
        }
        if (n == 0) {
            break;
        }
        put_packet(c, out, &ps.path, (size_t)n);
    }
    if (packets > 0) {
        c->ack_hold_ns = ack_is_early(c, now_ns) ? now_ns + QUIC_ACK_HOLD_MS * SOTTO_NS_PER_MS : 0;
    }
    // Pacing costs a timer for each packet, and holds back the cells behind what it paces; the
    // four or five packets that validate a path, right when a call moves, among others.
    if (packets > QUIC_UNPACED_PACKETS) {
        ngtcp2_conn_update_pkt_tx_time(c->conn, now_ns);
    }
    if (packets == QUIC_WRITE_BURST) {
        c->pump = true;
        return true;
    }
    return false;
}

static void write_close(struct quic_conn *c, struct udp_out *out, uint64_t now_ns)
{
    if (c->silent || c->conn == NULL) {
        return;
    }
    if (c->out[H3_OUT_SESSION].fin && !c->out[H3_OUT_SESSION].fin_written) {
        (void)write_burst(c, out, now_ns); // the capsule goes first
    }
    ngtcp2_path_storage ps;
    ngtcp2_path_storage_zero(&ps);
    ngtcp2_pkt_info info;
    ngtcp2_ssize n = ngtcp2_conn_write_connection_close(c->conn, &ps.path, &info, udp_out_next(out),
                                                        UDP_OUT_MAX_BYTES, &c->close_error, now_ns);
    if (n > 0) {
        put_packet(c, out, &ps.path, (size_t)n);
    }
    c->silent = true;
}

bool quic_conn_write(struct quic_conn *c, struct udp_out *out, uint64_t now_ns)
{
    assert(!c->in_callback);
    bool more = false;
    if (!c->down) {
        more = write_burst(c, out, now_ns);
    }
    if (c->down) {
        write_close(c, out, now_ns);
        return false;
    }
    if (c->server && c->handshake_done && c->ssl != NULL) {
        free_tls(c);
    }
    return more;
}

bool quic_conn_wants_write(const struct quic_conn *c)
{
    return c->pump || c->down || (c->datagrams.head != NULL && !c->h3.ended);
}

// ---- sending ------------------------------------------------------------------------------

int quic_conn_send_message(struct quic_conn *c, const uint8_t *msg, size_t len)
{
    if (!c->open || c->down || c->h3.ended) {
        return SOTTO_ESTATE;
    }
    if (len > NET_MESSAGE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    struct stream_out *s = &c->out[H3_OUT_LINK];
    if (s->fin) {
        return SOTTO_ESTATE;
    }
    if (s->held_bytes + len > LINK_QUEUE_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header_put(header, len);
    int rv = stream_out_append(s, header, sizeof header, msg, len);
    c->pump = c->pump || rv == 0;
    return rv;
}

int quic_conn_send_datagram(struct quic_conn *c, const uint8_t *data, size_t len, uint64_t now_ns)
{
    if (!c->open || c->down || c->h3.ended) {
        return SOTTO_ESTATE;
    }
    if (len > NET_DATAGRAM_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    return datagram_queue_push(&c->datagrams, c->shared->pool, data, len, now_ns);
}

void quic_conn_stats(const struct quic_conn *c, struct net_stats *out)
{
    *out = c->stats;
    out->datagrams_dropped = c->datagrams.dropped;
    out->tls_group = c->tls_group;
    if (c->conn != NULL) {
        ngtcp2_conn_info info;
        ngtcp2_conn_get_conn_info(c->conn, &info);
        out->rtt_ns = c->handshake_done ? info.smoothed_rtt : 0;
    }
}
