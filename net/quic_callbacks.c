// SPDX-License-Identifier: Apache-2.0
#include "quic_callbacks.h"

#include "tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <sotto/base.h>

// An id that is in use already is one among millions; twice in a row will do for ever.
#define CID_TRIES 4

// HTTP/3 found an error.
static void fail_h3(struct quic_conn *c, int error)
{
    bool ours = error == SOTTO_ENOMEM || error == SOTTO_ECRYPTO;
    bool coded = c->h3.error_code != 0;
    const char *text = coded ? c->h3.error_text : "a message is too long";
    quic_conn_fail(c, ours ? NET_SYSTEM : NET_PROTOCOL, ours ? "out of memory" : text);
    ngtcp2_ccerr_set_application_error(&c->close_error,
                                       coded  ? c->h3.error_code
                                       : ours ? H3_INTERNAL_ERROR
                                              : H3_GENERAL_PROTOCOL_ERROR,
                                       NULL, 0);
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
    quic_conn_fail(c, link_reason_from_code(code), "the other side closed the session");
}

const struct h3_ops quic_h3_ops = {
    .write = on_h3_write,
    .reject = on_h3_reject,
    .on_ready = on_h3_ready,
    .on_session = on_h3_session,
    .on_link = on_h3_link,
    .on_bytes = on_h3_bytes,
    .on_end = on_h3_end,
};

// ---- ngtcp2's callbacks -------------------------------------------------------------------

ngtcp2_conn *quic_get_conn(ngtcp2_crypto_conn_ref *ref)
{
    struct quic_conn *c = ref->user_data;
    return c->conn;
}

void quic_random(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
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
        quic_conn_fail(c, NET_PROTOCOL, "the other side refused the session");
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

int quic_cid_new(struct quic_conn *c, ngtcp2_cid *cid, size_t len)
{
    int rv = SOTTO_EEXIST;
    cid->datalen = len;
    for (unsigned tries = 0; rv == SOTTO_EEXIST && tries < CID_TRIES; tries++) {
        quic_random(cid->data, len, NULL);
        rv = c->shared->cid_add(c, cid);
    }
    return rv;
}

static int on_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user)
{
    (void)conn;
    struct quic_conn *c = user;
    if (quic_cid_new(c, cid, len) != 0) {
        quic_conn_fail(c, NET_SYSTEM, "out of memory");
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (ngtcp2_crypto_generate_stateless_reset_token(token, c->shared->reset_secret,
                                                     QUIC_RESET_SECRET_BYTES, cid) != 0) {
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
    quic_conn_fail(c, NET_TIMEOUT,
                   "the other side was restarted and knows nothing of the connection");
    c->silent = true;
    return 0;
}

const ngtcp2_callbacks quic_callbacks = {
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
    .rand = quic_random,
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
