// SPDX-License-Identifier: Apache-2.0
#include "session/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

static const char KEY_TYPE[] = "ML-DSA-87";
static const char SIGNATURES[] = "mldsa87";
static const char CIPHER[] = "TLS_AES_256_GCM_SHA384";
static const char GROUP_HYBRID[] = "SecP384r1MLKEM1024";
static const char GROUP_CNSA2[] = "MLKEM1024";
static const char GROUPS_BOTH[] = "SecP384r1MLKEM1024:MLKEM1024";

// Handshake messages (RFC 8446 §4).
#define HANDSHAKE_SERVER_HELLO       2
#define HANDSHAKE_NEW_SESSION_TICKET 4
#define HANDSHAKE_KEY_UPDATE         24
#define SERVER_HELLO_RANDOM_AT       6 // type (1), length (3), legacy_version (2)
#define RANDOM_BYTES                 32

// RFC 8446 §4.1.3: the "random" of a HelloRetryRequest, SHA-256 of that name.
static const uint8_t HELLO_RETRY_RANDOM[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

// The caller offers one group only, with its key share, so there is nothing to retry and nothing
// to downgrade to.
static const char *groups_of(enum sotto_role role, enum sotto_suite suite)
{
    if (suite == SOTTO_SUITE_CNSA2) {
        return GROUP_CNSA2;
    }
    return role == SOTTO_CALLER ? GROUP_HYBRID : GROUPS_BOTH;
}

static void watch_messages(int sent, int version, int type, const void *buf, size_t len, SSL *ssl,
                           void *arg)
{
    struct session_tls *t = arg;
    const uint8_t *msg = buf;

    (void)sent;
    (void)version;
    (void)ssl;
    if (type != SSL3_RT_HANDSHAKE || len == 0) {
        return;
    }
    if (msg[0] == HANDSHAKE_NEW_SESSION_TICKET || msg[0] == HANDSHAKE_KEY_UPDATE) {
        t->forbidden = true;
    }
    if (msg[0] == HANDSHAKE_SERVER_HELLO && len >= SERVER_HELLO_RANDOM_AT + RANDOM_BYTES &&
        memcmp(msg + SERVER_HELLO_RANDOM_AT, HELLO_RETRY_RANDOM, RANDOM_BYTES) == 0) {
        t->forbidden = true;
    }
}

static int capture_peer(struct session_tls *t, EVP_PKEY *rpk)
{
    if (t->has_peer || rpk == NULL || !EVP_PKEY_is_a(rpk, KEY_TYPE)) {
        return SOTTO_EPROTO;
    }
    if (identity_mldsa_spki(rpk, t->peer_spki) != 0) {
        return SOTTO_ECRYPTO;
    }
    t->has_peer = true;
    return t->check(t->check_arg, t->peer_spki);
}

// Takes the place of chain building. That a key passes here means only that it may go on to prove
// itself; the session accepts nobody before its own check of the fingerprint.
static int verify_peer(X509_STORE_CTX *store, void *arg)
{
    struct session_tls *t = arg;

    t->check_error = capture_peer(t, X509_STORE_CTX_get0_rpk(store));
    X509_STORE_CTX_set_error(store, t->check_error == 0 ? X509_V_OK : X509_V_ERR_RPK_UNTRUSTED);
    return t->check_error == 0;
}

static bool configure(SSL_CTX *ctx, struct session_tls *t, enum sotto_suite suite)
{
    static const unsigned char rpk_only[] = {TLSEXT_cert_type_rpk};

    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_ANTI_REPLAY | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // No middleboxes in between: no dummy ChangeCipherSpec records.
    SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, SESSION_TLS_CERT_LIST_MAX_BYTES);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer, t);
    SSL_CTX_set_msg_callback(ctx, watch_messages);
    SSL_CTX_set_msg_callback_arg(ctx, t);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, CIPHER) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups_of(t->role, suite)) == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, SIGNATURES) == 1 &&
           SSL_CTX_set1_client_sigalgs_list(ctx, SIGNATURES) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set_recv_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set1_client_cert_type(ctx, rpk_only, sizeof rpk_only) == 1 &&
           SSL_CTX_set1_server_cert_type(ctx, rpk_only, sizeof rpk_only) == 1;
}

static bool attach(struct session_tls *t, EVP_PKEY *key)
{
    t->ssl = SSL_new(t->ctx);
    if (t->ssl == NULL) {
        return false;
    }
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->in == NULL || t->out == NULL) {
        BIO_free(t->in);
        BIO_free(t->out);
        t->in = t->out = NULL;
        return false;
    }
    SSL_set_bio(t->ssl, t->in, t->out); // now owned by ssl
    if (t->role == SOTTO_CALLER) {
        SSL_set_connect_state(t->ssl);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    return SSL_use_PrivateKey(t->ssl, key) == 1;
}

int session_tls_init(struct session_tls *t, enum sotto_role role, enum sotto_suite suite,
                     EVP_PKEY *key, session_tls_check *check, void *check_arg)
{
    memset(t, 0, sizeof *t);
    t->role = role;
    t->check = check;
    t->check_arg = check_arg;
    ERR_clear_error();
    t->ctx = SSL_CTX_new(role == SOTTO_CALLER ? TLS_client_method() : TLS_server_method());
    if (t->ctx == NULL || !configure(t->ctx, t, suite) || !attach(t, key)) {
        session_tls_deinit(t);
        ERR_clear_error();
        return SOTTO_ECRYPTO;
    }
    return 0;
}

void session_tls_deinit(struct session_tls *t)
{
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    sotto_wipe(t, sizeof *t);
}

int session_tls_feed(struct session_tls *t, const uint8_t *bytes, size_t len)
{
    size_t written = 0;

    if (len == 0) {
        return 0;
    }
    if (BIO_write_ex(t->in, bytes, len, &written) != 1 || written != len) {
        ERR_clear_error();
        return SOTTO_ENOMEM;
    }
    return 0;
}

// Reasons that mean "we have nothing in common", by our side's own finding.
static bool is_suite_reason(int reason)
{
    switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
        return true;
    default:
        return false;
    }
}

static int error_of_reason(const struct session_tls *t, unsigned long code)
{
    int reason = ERR_GET_REASON(code);

    if (t->check_error != 0) {
        return t->check_error;
    }
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
        int alert = reason - SSL_AD_REASON_OFFSET;

        // RFC 8446 §4.1.1: how a server says that there are no common parameters.
        if (t->role == SOTTO_CALLER && !t->finished &&
            (alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_PROTOCOL_VERSION)) {
            return SOTTO_ESUITE;
        }
        return SOTTO_EREFUSED;
    }
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && is_suite_reason(reason)) {
        return SOTTO_ESUITE;
    }
    if (reason == ERR_R_MALLOC_FAILURE) {
        return SOTTO_ENOMEM;
    }
    if (reason == ERR_R_INTERNAL_ERROR) {
        return SOTTO_ECRYPTO;
    }
    return SOTTO_EPROTO;
}

// What the last call means, of which OpenSSL says that it returned `ret`. The error queue was empty
// before it. A call that went well has noted nothing there: OpenSSL 3.5 overlooks failed
// allocations inside ML-DSA, and might then take a wrong signature for a right one.
static int outcome_of(struct session_tls *t, int ret)
{
    int err;

    switch (SSL_get_error(t->ssl, ret)) {
    case SSL_ERROR_NONE:
        err = ERR_peek_error() == 0 ? 0 : SOTTO_ECRYPTO;
        t->broken = t->broken || err != 0;
        break;
    case SSL_ERROR_WANT_READ:
        err = SOTTO_EAGAIN;
        break;
    case SSL_ERROR_ZERO_RETURN:
        err = SOTTO_ECLOSED;
        break;
    case SSL_ERROR_SSL:
        err = error_of_reason(t, ERR_peek_error());
        t->broken = true;
        break;
    default:
        err = SOTTO_EPROTO;
        t->broken = true;
        break;
    }
    ERR_clear_error();
    return err;
}

// Whatever TLS has answered to a forbidden message stays here.
static int forbid(struct session_tls *t)
{
    session_tls_drop_pending(t);
    t->broken = true;
    return SOTTO_EPROTO;
}

int session_tls_handshake(struct session_tls *t)
{
    int ret, err;

    ERR_clear_error();
    ret = SSL_do_handshake(t->ssl);
    err = outcome_of(t, ret);
    if (t->forbidden) {
        return forbid(t);
    }
    if (err != 0) {
        return err;
    }
    // Belt and braces: each is already enforced by the configuration above.
    if (SSL_version(t->ssl) != TLS1_3_VERSION || SSL_session_reused(t->ssl) ||
        SSL_get_verify_result(t->ssl) != X509_V_OK || !t->has_peer ||
        session_tls_group(t) == NULL || session_tls_cipher(t) == NULL) {
        return SOTTO_EPROTO;
    }
    t->finished = true;
    return 0;
}

int session_tls_recv(struct session_tls *t, uint8_t *out, size_t cap)
{
    size_t n = 0;
    int ret, err;

    ERR_clear_error();
    ret = SSL_read_ex(t->ssl, out, cap, &n);
    err = outcome_of(t, ret);
    if (t->forbidden) {
        return forbid(t);
    }
    assert(n <= cap);
    return err == 0 ? (int)n : err;
}

int session_tls_send(struct session_tls *t, const uint8_t *data, size_t len)
{
    size_t n = 0;

    ERR_clear_error();
    // Nothing but an exhausted library keeps TLS from writing to memory.
    return outcome_of(t, SSL_write_ex(t->ssl, data, len, &n)) == 0 && n == len ? 0 : SOTTO_ECRYPTO;
}

void session_tls_close(struct session_tls *t)
{
    if (t->finished && !t->broken) {
        (void)SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
}

size_t session_tls_pending(const struct session_tls *t)
{
    return BIO_ctrl_pending(t->out);
}

size_t session_tls_take(struct session_tls *t, uint8_t *out, size_t cap)
{
    size_t n = 0;

    if (BIO_read_ex(t->out, out, cap, &n) != 1) {
        return 0;
    }
    return n;
}

void session_tls_drop_pending(struct session_tls *t)
{
    (void)BIO_reset(t->out);
}

int session_tls_export(const struct session_tls *t, const char *label, const uint8_t *context,
                       size_t context_len, uint8_t *out, size_t len)
{
    uint8_t value[SESSION_TLS_EXPORT_MAX_BYTES];
    int err = SOTTO_ECRYPTO;

    assert(len <= sizeof value);
    if (!t->finished) {
        return SOTTO_ESTATE;
    }
    ERR_clear_error();
    if (SSL_export_keying_material(t->ssl, value, len, label, strlen(label), context, context_len,
                                   context != NULL) == 1 &&
        ERR_peek_error() == 0) {
        memcpy(out, value, len);
        err = 0;
    }
    ERR_clear_error();
    sotto_wipe(value, sizeof value);
    return err;
}

// The library's name for a thing, if it is one of ours.
static const char *known(const char *name, const char *const *ours, size_t count)
{
    for (size_t i = 0; name != NULL && i < count; i++) {
        if (strcmp(name, ours[i]) == 0) {
            return ours[i];
        }
    }
    return NULL;
}

const char *session_tls_group(const struct session_tls *t)
{
    static const char *const ours[] = {GROUP_HYBRID, GROUP_CNSA2};

    return known(SSL_get0_group_name(t->ssl), ours, sizeof ours / sizeof ours[0]);
}

const char *session_tls_cipher(const struct session_tls *t)
{
    static const char *const ours[] = {CIPHER};

    return known(SSL_get_cipher_name(t->ssl), ours, 1);
}
