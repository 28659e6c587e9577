// SPDX-License-Identifier: Apache-2.0
#include "quic.h"

#include "tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <sotto/base.h>

// ---- going down ---------------------------------------------------------------------------

static void go_down(struct quic_conn *c, enum net_reason reason, const char *detail)
{
    if (!c->down) {
        c->down = true;
        c->down_reason = reason;
        c->down_detail = detail;
        ngtcp2_ccerr_set_application_error(&c->close_error, H3_NO_ERROR, NULL, 0);
    }
}

void quic_conn_fail(struct quic_conn *c, enum net_reason reason, const char *detail)
{
    go_down(c, reason, detail);
}

void quic_conn_close(struct quic_conn *c, enum net_reason reason, uint64_t now_ns)
{
    c->told = true;
    if (c->down || c->linger_until_ns != 0) {
        return;
    }
    bool session = c->open && !c->h3.ended;
    // After this HTTP/3 is deaf: nothing reaches the owner.
    (void)h3_close_session(&c->h3, link_reason_code(reason));
    if (session && c->server) {
        c->linger_until_ns = now_ns + QUIC_LINGER_MS * SOTTO_NS_PER_MS;
        return;
    }
    go_down(c, reason, NULL);
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

// HTTP/3 found an error.
static void fail_h3(struct quic_conn *c, int error)
{
    bool ours = error == SOTTO_ENOMEM || error == SOTTO_ECRYPTO;
    bool coded = c->h3.error_code != 0;
    const char *text = coded ? c->h3.error_text : "a message is too long";
    go_down(c, ours ? NET_SYSTEM : NET_PROTOCOL, ours ? "out of memory" : text);
    ngtcp2_ccerr_set_application_error(&c->close_error,
                                       coded  ? c->h3.error_code
                                       : ours ? H3_INTERNAL_ERROR
                                              : H3_GENERAL_PROTOCOL_ERROR,
                                       NULL, 0);
}

// The peer closed the connection, with these words.
static void fail_closed_by_peer(struct quic_conn *c)
{
    const ngtcp2_ccerr *e = ngtcp2_conn_get_ccerr(c->conn);
    c->silent = true;
    if (e->type == NGTCP2_CCERR_TYPE_APPLICATION && e->error_code == H3_NO_ERROR) {
        go_down(c, NET_CLOSED, "the other side closed the connection");
    } else if (e->error_code == NGTCP2_CONNECTION_REFUSED || e->error_code == H3_EXCESSIVE_LOAD) {
        go_down(c, NET_LIMIT, "the other side refused the connection");
    } else if (e->type == NGTCP2_CCERR_TYPE_TRANSPORT && e->error_code == NGTCP2_NO_ERROR) {
        go_down(c, NET_CLOSED, "the other side closed the connection");
    } else if (e->error_code == (NGTCP2_CRYPTO_ERROR | 120)) {
        go_down(c, NET_PROTOCOL, "the other side does not speak HTTP/3");
    } else {
        go_down(c, NET_PROTOCOL, "the other side reports an error");
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
        go_down(c, NET_CLOSED, "the connection is closing");
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        c->silent = true;
        go_down(c, NET_TIMEOUT, "nothing was heard for too long");
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        go_down(c, c->stats.packets_received > 0 ? NET_TIMEOUT : NET_UNREACHABLE,
                "no answer in time");
        return;
    case NGTCP2_ERR_NOMEM:
        go_down(c, NET_SYSTEM, "out of memory");
        break;
    case NGTCP2_ERR_CRYPTO:
        go_down(c, NET_PROTOCOL, "the TLS handshake failed");
        ngtcp2_ccerr_set_tls_alert(&c->close_error, ngtcp2_conn_get_tls_alert(c->conn), NULL, 0);
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        c->silent = true;
        go_down(c, NET_PROTOCOL, "the other side speaks no version of QUIC that we do");
        return;
    default:
        if (c->down) {
            return; // a callback has already said why
        }
        go_down(c, NET_PROTOCOL, ngtcp2_strerror(error));
        break;
    }
    ngtcp2_ccerr_set_liberr(&c->close_error, error, NULL, 0);
}

// ---- HTTP/3's callbacks -------------------------------------------------------------------

static int on_h3_write(void *user, enum h3_out which, const uint8_t *data, size_t len, bool fin)
{
    struct quic_conn *c = user;
    struct stream_out *s = &c->out[which];
    if (s->fin) {
        return 0;
    }
    if (which == H3_OUT_SESSION && s->id < 0) {
        s->id = c->h3.session_id;
    }
    int rv = stream_out_append(s, data, len, NULL, 0);
    if (rv == 0 && fin) {
        s->fin = true;
    }
    c->pump = true;
    return rv;
}

static void on_h3_reject(void *user, int64_t stream_id, uint64_t error_code)
{
    struct quic_conn *c = user;
    // Fails only if the stream is gone already.
    (void)ngtcp2_conn_shutdown_stream(c->conn, 0, stream_id, error_code);
}

static int on_h3_ready(void *user)
{
    struct quic_conn *c = user;
    int64_t id;
    if (ngtcp2_conn_open_bidi_stream(c->conn, &id, NULL) != 0) {
        return SOTTO_EPROTO;
    }
    return h3_request(&c->h3, id, c->authority);
}

static void open_link(struct quic_conn *c)
{
    c->open = true;
    c->events->on_open(c->owner);
}

static int on_h3_session(void *user)
{
    struct quic_conn *c = user;
    if (c->server) {
        return 0;
    }
    int64_t id;
    if (ngtcp2_conn_open_bidi_stream(c->conn, &id, NULL) != 0) {
        return SOTTO_EPROTO;
    }
    c->out[H3_OUT_LINK].id = id;
    int rv = h3_open_link(&c->h3, id);
    if (rv == 0) {
        open_link(c);
    }
    return rv;
}

static int on_h3_link(void *user, int64_t stream_id)
{
    struct quic_conn *c = user;
    c->out[H3_OUT_LINK].id = stream_id;
    open_link(c);
    return 0;
}

static bool on_frame(void *user, const uint8_t *msg, size_t len)
{
    struct quic_conn *c = user;
    if (!c->down) {
        c->events->on_message(c->owner, msg, len);
    }
    return !c->down;
}

static int on_h3_bytes(void *user, const uint8_t *data, size_t len)
{
    struct quic_conn *c = user;
    return c->down ? 0 : frame_decoder_push(&c->frames, data, len, on_frame, c);
}

static void on_h3_end(void *user, uint32_t code)
{
    struct quic_conn *c = user;
    go_down(c, link_reason_from_code(code), "the other side closed the session");
}

static const struct h3_ops h3_ops = {
    .write = on_h3_write,
    .reject = on_h3_reject,
    .on_ready = on_h3_ready,
    .on_session = on_h3_session,
    .on_link = on_h3_link,
    .on_bytes = on_h3_bytes,
    .on_end = on_h3_end,
};

// ---- ngtcp2's callbacks -------------------------------------------------------------------

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    struct quic_conn *c = ref->user_data;
    return c->conn;
}

static void on_rand(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    if (RAND_bytes(dest, (int)len) != 1) {
        abort(); // nothing is safe without randomness
    }
}

static int on_crypto_data(ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset,
                          const uint8_t *data, size_t len, void *user)
{
    struct quic_conn *c = user;
    c->saw_other = true;
    if (c->ssl == NULL) {
        return NGTCP2_ERR_CRYPTO; // a client has nothing to say in TLS after the handshake
    }
    return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, len, user);
}

static int h3_result(struct quic_conn *c, int rv)
{
    if (rv == 0) {
        return 0;
    }
    fail_h3(c, rv);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

// SETTINGS go out with the server's first flight, half a round trip before the handshake ends.
static int on_tx_key(ngtcp2_conn *conn, ngtcp2_encryption_level level, void *user)
{
    struct quic_conn *c = user;
    if (level != NGTCP2_ENCRYPTION_LEVEL_1RTT) {
        return 0;
    }
    if (ngtcp2_conn_open_uni_stream(conn, &c->out[H3_OUT_CONTROL].id, NULL) != 0) {
        c->out[H3_OUT_CONTROL].id = -1; // opened when the peer's parameters allow it
    }
    return h3_result(c, h3_start(&c->h3));
}

static int on_uni_streams(ngtcp2_conn *conn, uint64_t max, void *user)
{
    (void)max;
    struct quic_conn *c = user;
    if (c->out[H3_OUT_CONTROL].id < 0 && c->out[H3_OUT_CONTROL].unwritten_bytes > 0) {
        if (ngtcp2_conn_open_uni_stream(conn, &c->out[H3_OUT_CONTROL].id, NULL) != 0) {
            c->out[H3_OUT_CONTROL].id = -1;
        }
    }
    return 0;
}

static int on_handshake_completed(ngtcp2_conn *conn, void *user)
{
    (void)conn;
    struct quic_conn *c = user;
    c->handshake_done = true;
    c->tls_group = tls_group_name(c->ssl);
    ngtcp2_conn_set_keep_alive_timeout(c->conn, c->shared->keep_alive_ms * SOTTO_NS_PER_MS);
    return 0;
}

static int on_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream_id, uint64_t offset,
                          const uint8_t *data, size_t len, void *user, void *stream_user)
{
    (void)offset;
    (void)stream_user;
    struct quic_conn *c = user;
    c->saw_other = true;
    if (c->down) {
        return 0;
    }
    int rv = h3_recv(&c->h3, stream_id, data, len, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
    // All of it is consumed: make room for as much.
    ngtcp2_conn_extend_max_offset(conn, len);
    (void)ngtcp2_conn_extend_max_stream_offset(conn, stream_id, len);
    return h3_result(c, rv);
}

static struct stream_out *find_out(struct quic_conn *c, int64_t stream_id)
{
    for (size_t i = 0; i < 3; i++) {
        if (c->out[i].id == stream_id) {
            return &c->out[i];
        }
    }
    return NULL;
}

static int on_acked(ngtcp2_conn *conn, int64_t stream_id, uint64_t offset, uint64_t len, void *user,
                    void *stream_user)
{
    (void)conn;
    (void)stream_user;
    struct stream_out *s = find_out(user, stream_id);
    if (s != NULL) {
        stream_out_acked(s, offset + len);
    }
    return 0;
}

static int on_stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t stream_id, uint64_t code,
                           void *user, void *stream_user)
{
    (void)flags;
    (void)code;
    (void)stream_user;
    struct quic_conn *c = user;
    c->saw_other = true;
    struct stream_out *s = find_out(c, stream_id);
    if (s != NULL) {
        stream_out_deinit(s);
        s->fin = true; // and nothing more goes in
    }
    if (c->linger_until_ns != 0 && stream_id == c->h3.session_id) {
        go_down(c, NET_CLOSED, NULL); // both sides have ended it
    }
    h3_stream_gone(&c->h3, stream_id, false);
    if (!ngtcp2_conn_is_local_stream(conn, stream_id)) {
        if (ngtcp2_is_bidi_stream(stream_id)) {
            ngtcp2_conn_extend_max_streams_bidi(conn, 1);
        } else {
            ngtcp2_conn_extend_max_streams_uni(conn, 1);
        }
    }
    return 0;
}

static int on_stream_reset(ngtcp2_conn *conn, int64_t stream_id, uint64_t final_size, uint64_t code,
                           void *user, void *stream_user)
{
    (void)conn;
    (void)final_size;
    (void)code;
    (void)stream_user;
    struct quic_conn *c = user;
    c->saw_other = true;
    if (!c->server && !c->open && stream_id == c->h3.session_id) {
        go_down(c, NET_PROTOCOL, "the other side refused the session");
    }
    h3_stream_gone(&c->h3, stream_id, true);
    return 0;
}

static int on_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t len,
                       void *user)
{
    (void)conn;
    (void)flags;
    struct quic_conn *c = user;
    c->saw_datagram = true;
    if (!c->down && h3_datagram_payload(&c->h3, &data, &len) && len <= NET_DATAGRAM_MAX_BYTES) {
        c->stats.datagrams_received++;
        c->events->on_datagram(c->owner, data, len);
    }
    return 0;
}

static int on_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    (void)conn;
    struct quic_conn *c = user;
    on_rand(cid->data, len, NULL);
    cid->datalen = len;
    if (ngtcp2_crypto_generate_stateless_reset_token(token, c->shared->reset_secret,
                                                     QUIC_RESET_SECRET_BYTES, cid) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (c->shared->cid_add != NULL && c->shared->cid_add(c, cid) != 0) {
        go_down(c, NET_SYSTEM, "out of memory");
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_remove_cid(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
    (void)conn;
    struct quic_conn *c = user;
    if (c->shared->cid_remove != NULL) {
        c->shared->cid_remove(c, cid);
    }
    return 0;
}

static int on_stateless_reset(ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset,
                              void *user)
{
    (void)conn;
    (void)reset;
    struct quic_conn *c = user;
    go_down(c, NET_TIMEOUT, "the other side was restarted and knows nothing of the connection");
    c->silent = true;
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = on_crypto_data,
    .handshake_completed = on_handshake_completed,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_acked,
    .stream_close = on_stream_close,
    .recv_stateless_reset = on_stateless_reset,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .extend_max_local_streams_uni = on_uni_streams,
    .rand = on_rand,
    .get_new_connection_id = on_new_cid,
    .remove_connection_id = on_remove_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .stream_reset = on_stream_reset,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .recv_datagram = on_datagram,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .recv_tx_key = on_tx_key,
};

// ---- making and freeing -------------------------------------------------------------------

static void set_settings(ngtcp2_settings *s, const struct quic_shared *shared, uint64_t now_ns)
{
    ngtcp2_settings_default(s);
    s->initial_ts = now_ns;
    s->max_tx_udp_payload_size = UDP_OUT_MAX_BYTES;
    s->no_pmtud = 1;
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
    c->ref = (ngtcp2_crypto_conn_ref){.get_conn = get_conn, .user_data = c};
    c->pump = true;
    h3_init(&c->h3, server, &h3_ops, c);
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

static void random_cid(ngtcp2_cid *cid, size_t len)
{
    cid->datalen = len;
    on_rand(cid->data, len, NULL);
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
    ngtcp2_cid dcid, scid;
    random_cid(&dcid, NGTCP2_MAX_CIDLEN);
    random_cid(&scid, QUIC_CID_BYTES);
    ngtcp2_path_storage path;
    ngtcp2_path_storage_init(&path, &local->any, udp_address_len(local), &remote->any,
                             udp_address_len(remote), NULL);
    int rv = SOTTO_ENOMEM;
    if (ngtcp2_conn_client_new(&c->conn, &dcid, &scid, &path.path, NGTCP2_PROTO_VER_V1, &callbacks,
                               &settings, &params, NULL, c) == 0) {
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
    random_cid(&scid, QUIC_CID_BYTES);
    int rv = SOTTO_ECRYPTO;
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token,
                                                     shared->reset_secret, QUIC_RESET_SECRET_BYTES,
                                                     &scid) != 0) {
        goto done;
    }
    params.stateless_reset_token_present = 1;
    rv = SOTTO_ENOMEM;
    if (ngtcp2_conn_server_new(&c->conn, &first->scid, &scid, path, first->version, &callbacks,
                               &settings, &params, NULL, c) != 0 ||
        shared->cid_add(c, &scid) != 0) {
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
        go_down(c, NET_CLOSED, NULL);
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
        c->ack_hold_ns = 0;
    }
    // Pacing costs a timer for each packet; only bursts need it.
    if (packets > 2) {
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
