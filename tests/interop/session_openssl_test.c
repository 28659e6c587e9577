// SPDX-License-Identifier: Apache-2.0
// A session whose other end is not ours: stock OpenSSL, blocking on a socket, with the messages of
// docs/PROTOCOL.md ("End-to-end session") made here a second time. Only the number seal is shared
// (tests/unit/session_seal_test.c makes its bytes by hand). It shows that the flights are ordinary
// TLS, and lets a peer that holds keys and secret misbehave.
#include "../unit/unit.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sotto/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "identity/keys.h"
#include "session/seal.h"

#define SPKI_MAX   4096
#define POLL_MS    10000
#define ROUNDS_MAX 500

static const struct sotto_secret secret = {{5, 5, 5}};
static struct sotto_identity *ours;
static EVP_PKEY *peer_mldsa, *peer_ed25519;

enum deed {
    HONEST,
    WRONG_SIGNATURE,
    WRONG_MAC,
    OTHER_ED25519, // not the one it announced, or no signature by the one it shows
    WRONG_REVEAL,  // another nonce than committed to
    EARLY_REVEAL,  // without waiting for the callee's PROOF
    EARLY_DATA,    // an application message before anything is confirmed
    PROOF_TWICE,
    UNKNOWN_MESSAGE,
    CLOSE_AT_ONCE, // close_notify where PROOF is due
    KEY_UPDATE,
    OUR_OWN_KEYS, // has stolen our identity
    X509_NOT_RPK,
    NO_CERTIFICATE,
    MLDSA65,
    RETRY, // a hello without the right key share
    OTHER_GROUP,
    TICKETS,
    PADDED_DROPS, // full-size records that carry one byte each
};

struct peer {
    enum sotto_role role;
    enum deed deed;
    const char *groups;
    int fd;
    EVP_PKEY *mldsa, *ed25519;
    // What it found out, if it came through to the end.
    bool confirmed;
    uint8_t words[8], binding[32], media[2][32];
    uint8_t session_nonce[32];
    char message[32];
};

// ---- the peer: docs/PROTOCOL.md, with other means ----------------------------------------------

// The peer runs in a thread of its own, where cmocka's assertions cannot be used.
static void must_at(bool ok, int line)
{
    if (!ok) {
        fprintf(stderr, "session_openssl_test.c:%d: the peer's own work failed\n", line);
        ERR_print_errors_fp(stderr);
        abort();
    }
}
#define must(ok) must_at(ok, __LINE__)

struct blob {
    uint8_t bytes[16384];
    size_t len;
};

static void add(struct blob *b, const void *data, size_t len)
{
    must(len <= sizeof b->bytes - b->len);
    memcpy(b->bytes + b->len, data, len);
    b->len += len;
}

static void add_text(struct blob *b, const char *text)
{
    add(b, text, strlen(text));
}

static void add_u8(struct blob *b, unsigned v)
{
    uint8_t byte = (uint8_t)v;
    add(b, &byte, 1);
}

static void add_u16(struct blob *b, size_t v)
{
    add_u8(b, (unsigned)(v >> 8));
    add_u8(b, (unsigned)(v & 0xff));
}

static void sha512(uint8_t out[64], const struct blob *b)
{
    must(EVP_Q_digest(NULL, "SHA512", NULL, b->bytes, b->len, out, NULL) == 1);
}

static void hmac512(uint8_t out[64], const uint8_t *key, size_t key_len, const struct blob *b)
{
    unsigned n = 64;
    must(HMAC(EVP_sha512(), key, (int)key_len, b->bytes, b->len, out, &n) != NULL);
}

static void add_spki(struct blob *b, const EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    must(len > 0);
    add(b, der, (size_t)len);
    OPENSSL_free(der);
}

static void fingerprint(uint8_t out[32], const EVP_PKEY *mldsa, const uint8_t ed25519_spki[44])
{
    struct blob b = {.len = 0}, spki = {.len = 0};
    uint8_t hash[64];
    add_spki(&spki, mldsa);
    add_text(&b, "sotto identity v1");
    add_u16(&b, spki.len);
    add(&b, spki.bytes, spki.len);
    add_u16(&b, 44);
    add(&b, ed25519_spki, 44);
    sha512(hash, &b);
    memcpy(out, hash, 32);
}

struct knowledge {
    uint8_t exporter[64];
    uint8_t fp[2][32];
    uint8_t commitment[64];
    uint8_t nonce[2][32];
    struct blob proof[2]; // bodies
};

static void add_facts(struct blob *b, const struct knowledge *k, enum sotto_role role)
{
    static const uint8_t none[32];
    add_u8(b, role);
    add_u8(b, 4);
    add_text(b, "call");
    add_u8(b, 0);
    add(b, none, 32);
    add(b, k->exporter, 64);
    add(b, k->fp[0], 32);
    add(b, k->fp[1], 32);
    add(b, k->commitment, 64);
    if (role == SOTTO_CALLEE) {
        add(b, k->nonce[1], 32);
    }
}

static void make_proof(const struct peer *p, struct knowledge *k)
{
    struct blob *out = &k->proof[p->role], tbs = {.len = 0};
    uint8_t signature[64], mac[64];
    size_t len = sizeof signature;
    out->len = 0;
    EVP_PKEY *announced = p->ed25519, *other = NULL;
    if (p->deed == OTHER_ED25519) {
        other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        announced = other;
    }
    add_spki(out, announced);
    add_text(&tbs, "sotto session proof v1");
    add_facts(&tbs, k, p->role);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, p->ed25519) == 1);
    must(EVP_DigestSign(ctx, signature, &len, tbs.bytes, tbs.len) == 1);
    EVP_MD_CTX_free(ctx);
    tbs.len = 0;
    add_text(&tbs, "sotto number proof v1");
    add_facts(&tbs, k, p->role);
    hmac512(mac, secret.bytes, 32, &tbs);
    signature[10] ^= p->deed == WRONG_SIGNATURE;
    mac[10] ^= p->deed == WRONG_MAC;
    add(out, signature, 64);
    add(out, mac, 64);
    if (p->role == SOTTO_CALLER) {
        add(out, k->commitment, 64);
    } else {
        add(out, k->nonce[1], 32);
    }
    EVP_PKEY_free(other);
}

static bool check_proof(const struct knowledge *k, enum sotto_role role)
{
    const uint8_t *body = k->proof[role].bytes, *at = body;
    struct blob tbs = {.len = 0};
    uint8_t mac[64];
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, 44);
    add_text(&tbs, "sotto session proof v1");
    add_facts(&tbs, k, role);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, body + 44, 64, tbs.bytes, tbs.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    tbs.len = 0;
    add_text(&tbs, "sotto number proof v1");
    add_facts(&tbs, k, role);
    hmac512(mac, secret.bytes, 32, &tbs);
    return ok && memcmp(mac, body + 108, 64) == 0;
}

static bool read_exactly(SSL *ssl, uint8_t *out, size_t len)
{
    size_t got = 0, n;
    while (got < len) {
        if (SSL_read_ex(ssl, out + got, len - got, &n) != 1) {
            return false;
        }
        got += n;
    }
    return true;
}

static bool read_message(SSL *ssl, unsigned type, struct blob *body)
{
    uint8_t head[3];
    if (!read_exactly(ssl, head, 3) || head[0] != type) {
        return false;
    }
    body->len = (size_t)head[1] << 8 | head[2];
    return read_exactly(ssl, body->bytes, body->len);
}

static void write_message(SSL *ssl, unsigned type, const void *body, size_t len)
{
    struct blob b = {.len = 0};
    size_t n;
    add_u8(&b, type);
    add_u16(&b, len);
    add(&b, body, len);
    (void)SSL_write_ex(ssl, b.bytes, b.len, &n); // the session may have ended it already
}

static void make_commitment(struct knowledge *k, uint8_t out[64])
{
    struct blob b = {.len = 0};
    add_text(&b, "sotto session commitment v1");
    add(&b, k->exporter, 64);
    add(&b, k->nonce[0], 32);
    sha512(out, &b);
}

static void find_out(struct peer *p, SSL *ssl, const struct knowledge *k)
{
    struct blob b = {.len = 0}, ikm = {.len = 0};
    uint8_t zeros[64] = {0}, prk[64], root[64], hash[64];
    add(&ikm, k->exporter, 64);
    add(&ikm, secret.bytes, 32);
    hmac512(prk, zeros, 64, &ikm);
    add_text(&b, "sotto session root v1");
    add_u8(&b, 1);
    hmac512(root, prk, 64, &b);

    b.len = 0;
    add_text(&b, "sotto session words v1");
    add_u8(&b, 4);
    add_text(&b, "call");
    add(&b, k->fp[0], 32);
    add(&b, k->fp[1], 32);
    add(&b, k->nonce[0], 32);
    add(&b, k->nonce[1], 32);
    hmac512(hash, root, 64, &b);
    memcpy(p->words, hash, 8);

    b.len = 0;
    add_text(&b, "sotto session binding v1");
    add_u8(&b, 4);
    add_text(&b, "call");
    add_u8(&b, 0);
    add(&b, zeros, 32);
    add(&b, k->fp[0], 32);
    add(&b, k->fp[1], 32);
    for (int i = 0; i < 2; i++) {
        sha512(hash, &k->proof[i]);
        add(&b, hash, 64);
    }
    add(&b, k->nonce[0], 32);
    hmac512(hash, root, 64, &b);
    memcpy(p->binding, hash, 32);

    static const char *const labels[] = {"EXPORTER-sotto-media-caller",
                                         "EXPORTER-sotto-media-callee"};
    for (int i = 0; i < 2; i++) {
        must(SSL_export_keying_material(ssl, p->media[i], 32, labels[i], 27, p->binding, 32, 1) ==
             1);
    }
    memcpy(p->session_nonce, k->nonce[p->role == SOTTO_CALLER ? SOTTO_CALLEE : SOTTO_CALLER], 32);
    p->confirmed = true;
}

static void say_hello_and_listen(struct peer *p, SSL *ssl)
{
    struct blob got;
    write_message(ssl, 3, "from OpenSSL", 12);
    if (read_message(ssl, 3, &got) && got.len < sizeof p->message) {
        memcpy(p->message, got.bytes, got.len);
    }
    (void)SSL_shutdown(ssl);
}

static void write_proof_and_reveal(SSL *ssl, const struct knowledge *k)
{
    struct blob b = {.len = 0};
    size_t n;
    add_u8(&b, 1);
    add_u16(&b, k->proof[0].len);
    add(&b, k->proof[0].bytes, k->proof[0].len);
    add_u8(&b, 2);
    add_u16(&b, 32);
    add(&b, k->nonce[0], 32);
    (void)SSL_write_ex(ssl, b.bytes, b.len, &n);
}

// Whatever is done here, the callee must not be brought further by it.
static bool misbehave_as_caller(const struct peer *p, SSL *ssl, const struct knowledge *k)
{
    size_t n;
    switch (p->deed) {
    case CLOSE_AT_ONCE:
        (void)SSL_shutdown(ssl);
        return true;
    case EARLY_DATA:
        write_message(ssl, 3, "x", 1);
        return true;
    case UNKNOWN_MESSAGE:
        write_message(ssl, 9, "x", 1);
        return true;
    case KEY_UPDATE:
        (void)SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        write_message(ssl, 1, k->proof[0].bytes, k->proof[0].len);
        return true;
    case PADDED_DROPS: // of a message that is not whole for long
        for (size_t i = 0; i < 200; i++) {
            static const uint8_t head[] = {1, 0x0f, 0xff};
            if (SSL_write_ex(ssl, i < 3 ? head + i : head, 1, &n) != 1) {
                break;
            }
        }
        return true;
    case EARLY_REVEAL: // in one record, so that the callee cannot have confirmed in between
        write_proof_and_reveal(ssl, k);
        return true;
    case PROOF_TWICE:
        write_message(ssl, 1, k->proof[0].bytes, k->proof[0].len);
        write_message(ssl, 1, k->proof[0].bytes, k->proof[0].len);
        return true;
    default:
        return false;
    }
}

static void be_caller(struct peer *p, SSL *ssl, struct knowledge *k, const uint8_t hint[44])
{
    uint8_t own[44];
    struct blob spki = {.len = 0};
    add_spki(&spki, p->ed25519);
    memcpy(own, spki.bytes, 44);
    fingerprint(k->fp[0], p->mldsa, own);
    fingerprint(k->fp[1], SSL_get0_peer_rpk(ssl), hint);
    memset(k->nonce[0], 0x77, 32);
    make_commitment(k, k->commitment);
    make_proof(p, k);
    if (misbehave_as_caller(p, ssl, k)) {
        return;
    }
    write_message(ssl, 1, k->proof[0].bytes, k->proof[0].len);
    if (!read_message(ssl, 1, &k->proof[1]) || k->proof[1].len != 204 ||
        memcmp(k->proof[1].bytes, hint, 44) != 0) {
        return;
    }
    memcpy(k->nonce[1], k->proof[1].bytes + 172, 32);
    if (!check_proof(k, SOTTO_CALLEE)) {
        return;
    }
    k->nonce[0][0] ^= p->deed == WRONG_REVEAL;
    write_message(ssl, 2, k->nonce[0], 32);
    find_out(p, ssl, k);
    say_hello_and_listen(p, ssl);
}

static void be_callee(struct peer *p, SSL *ssl, struct knowledge *k)
{
    uint8_t own[44], commitment[64];
    struct blob spki = {.len = 0}, reveal;
    add_spki(&spki, p->ed25519);
    memcpy(own, spki.bytes, 44);
    if (!read_message(ssl, 1, &k->proof[0]) || k->proof[0].len != 236) {
        return;
    }
    fingerprint(k->fp[0], SSL_get0_peer_rpk(ssl), k->proof[0].bytes);
    fingerprint(k->fp[1], p->mldsa, own);
    memcpy(k->commitment, k->proof[0].bytes + 172, 64);
    if (!check_proof(k, SOTTO_CALLER)) {
        return;
    }
    memset(k->nonce[1], 0x88, 32);
    make_proof(p, k);
    switch (p->deed) {
    case CLOSE_AT_ONCE:
        (void)SSL_shutdown(ssl);
        return;
    case EARLY_DATA:
        write_message(ssl, 3, "x", 1);
        return;
    case EARLY_REVEAL: // a caller's message, from the wrong side
        write_message(ssl, 2, k->nonce[1], 32);
        return;
    case PROOF_TWICE:
        write_message(ssl, 1, k->proof[1].bytes, k->proof[1].len);
        write_message(ssl, 1, k->proof[1].bytes, k->proof[1].len);
        return;
    default:
        break;
    }
    write_message(ssl, 1, k->proof[1].bytes, k->proof[1].len);
    if (!read_message(ssl, 2, &reveal) || reveal.len != 32) {
        return;
    }
    memcpy(k->nonce[0], reveal.bytes, 32);
    make_commitment(k, commitment);
    if (memcmp(commitment, k->commitment, 64) != 0) {
        return;
    }
    find_out(p, ssl, k);
    say_hello_and_listen(p, ssl);
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *x = X509_new();
    must(X509_set_version(x, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    must(X509_set_pubkey(x, key) == 1);
    must(X509_sign(x, key, NULL) > 0);
    return x;
}

static int accept_any(X509_STORE_CTX *ctx, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static size_t pad_data_fully(SSL *ssl, int type, size_t len, void *arg)
{
    (void)ssl;
    (void)arg;
    return type == SSL3_RT_APPLICATION_DATA ? SSL3_RT_MAX_PLAIN_LENGTH - len : 0;
}

static void configure(const struct peer *p, SSL_CTX *ctx)
{
    static const unsigned char rpk[] = {TLSEXT_cert_type_rpk};
    must(SSL_CTX_set1_groups_list(ctx, p->groups) == 1);
    SSL_CTX_set_num_tickets(ctx, p->deed == TICKETS ? 2 : 0);
    if (p->deed == X509_NOT_RPK) {
        X509 *x = self_signed(p->mldsa);
        must(SSL_CTX_use_certificate(ctx, x) == 1);
        X509_free(x);
        SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
        if (p->role == SOTTO_CALLER) { // so that the handshake comes as far as its certificate
            must(SSL_CTX_set1_server_cert_type(ctx, rpk, sizeof rpk) == 1);
        }
    } else {
        must(SSL_CTX_set1_client_cert_type(ctx, rpk, sizeof rpk) == 1);
        must(SSL_CTX_set1_server_cert_type(ctx, rpk, sizeof rpk) == 1);
    }
    if (p->deed == PADDED_DROPS) {
        SSL_CTX_set_record_padding_callback(ctx, pad_data_fully);
    }
    if (p->deed != NO_CERTIFICATE) {
        must(SSL_CTX_use_PrivateKey(ctx, p->mldsa) == 1);
    }
    // Our session's key, checked the way OpenSSL's manual says.
    must(SSL_CTX_dane_enable(ctx) > 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void shake(struct peer *p, SSL *ssl, const uint8_t hint[44])
{
    static struct knowledge k;
    int ret = p->role == SOTTO_CALLER ? SSL_connect(ssl) : SSL_accept(ssl);
    memset(&k, 0, sizeof k);
    if (ret != 1 || SSL_get_verify_result(ssl) != X509_V_OK || SSL_get0_peer_rpk(ssl) == NULL ||
        SSL_export_keying_material(ssl, k.exporter, 64, "EXPORTER-sotto-proof", 20, NULL, 0, 0) !=
            1) {
        return;
    }
    if (p->role == SOTTO_CALLER) {
        be_caller(p, ssl, &k, hint);
    } else {
        be_callee(p, ssl, &k);
    }
}

static void *run_peer(void *arg)
{
    struct peer *p = arg;
    uint8_t hint[44];
    must(identity_ed25519_spki(identity_ed25519(ours), hint) == 0);
    SSL_CTX *ctx = SSL_CTX_new(p->role == SOTTO_CALLER ? TLS_client_method() : TLS_server_method());
    configure(p, ctx);
    SSL *ssl = SSL_new(ctx);
    must(SSL_dane_enable(ssl, NULL) > 0);
    must(SSL_add_expected_rpk(ssl, identity_mldsa(ours)) == 1);
    SSL_set_fd(ssl, p->fd);
    shake(p, ssl, hint);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    OPENSSL_thread_stop();
    (void)shutdown(p->fd, SHUT_WR);
    return NULL;
}

// ---- in between: flights to the stream and back ------------------------------------------------

struct carrier {
    struct session_seal seal; // plays the peer's role towards the session
    struct sotto_session *session;
    int fd;
    bool hint_sent;
    bool exported; // what the session said when it was confirmed
    struct sotto_words words;
    uint8_t binding[32];
    struct sotto_secret media[2];
    uint8_t hint[44];
    uint8_t flight[SOTTO_FLIGHT_MAX_BYTES], plain[SEAL_PLAIN_MAX_BYTES];
};

static void to_peer(struct carrier *c)
{
    int n;
    while ((n = sotto_session_write(c->session, c->flight, sizeof c->flight, 0)) > 0) {
        struct session_flight f;
        assert_int_equal(session_seal_read(&c->seal, c->flight, (size_t)n, c->plain, &f), 0);
        assert_int_equal(send(c->fd, f.tls, f.tls_len, MSG_NOSIGNAL), (ssize_t)f.tls_len);
    }
    assert_int_equal(n, 0);
}

// False at the end of the stream.
static bool from_peer(struct carrier *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, POLL_MS), 1);
    ssize_t n = recv(c->fd, c->plain, SEAL_TLS_MAX_BYTES, 0);
    if (n <= 0) {
        return false;
    }
    if (sotto_session_state(c->session) == SOTTO_SESSION_FAILED) {
        return true; // nobody is there to hear it
    }
    bool hint = c->seal.role == SOTTO_CALLEE && !c->hint_sent;
    const struct session_flight f = {c->hint, hint ? 44 : 0, c->plain, (size_t)n};
    int len = session_seal_write(&c->seal, &f, c->flight, sizeof c->flight);
    assert_true(len > 0);
    c->hint_sent = true;
    int err = sotto_session_read(c->session, c->flight, (size_t)len, 0);
    assert_int_not_equal(err, SOTTO_EAUTH);
    return true;
}

static void export(struct carrier *c)
{
    assert_int_equal(sotto_session_words(c->session, &c->words), 0);
    assert_int_equal(sotto_session_binding(c->session, c->binding), 0);
    assert_int_equal(sotto_session_media_key(c->session, SOTTO_CALLER, &c->media[0]), 0);
    assert_int_equal(sotto_session_media_key(c->session, SOTTO_CALLEE, &c->media[1]), 0);
    c->exported = true;
}

static void act(struct carrier *c)
{
    if (sotto_session_state(c->session) == SOTTO_SESSION_CHECKING) {
        assert_int_equal(sotto_session_confirm(c->session, 0), 0);
    }
    if (sotto_session_state(c->session) == SOTTO_SESSION_CONFIRMED) {
        uint8_t msg[64];
        export(c);
        int n = sotto_session_receive(c->session, msg, sizeof msg);
        if (n > 0) {
            assert_int_equal(n, 12);
            assert_memory_equal(msg, "from OpenSSL", 12);
            assert_int_equal(sotto_session_send(c->session, (const uint8_t *)"from sotto", 10), 0);
        }
    }
}

static void carry(struct carrier *c)
{
    int rounds = 0;
    do {
        act(c);
        to_peer(c);
        if (sotto_session_state(c->session) == SOTTO_SESSION_FAILED) {
            (void)shutdown(c->fd, SHUT_WR); // as the circuit's end would
        }
        assert_true(++rounds < ROUNDS_MAX);
    } while (from_peer(c));
}

// ---- the tests ----------------------------------------------------------------------------------

struct bout {
    struct peer peer;
    struct sotto_session *session;
    struct sotto_session_config cfg;
};

static struct carrier carrier; // of the bout that is going on

static struct bout bout_of(enum sotto_role session_role, enum deed deed)
{
    return (struct bout){
        .peer = {.role = session_role == SOTTO_CALLER ? SOTTO_CALLEE : SOTTO_CALLER,
                 .deed = deed,
                 .groups = "SecP384r1MLKEM1024",
                 .mldsa = peer_mldsa,
                 .ed25519 = peer_ed25519},
        .cfg = {.role = session_role, .identity = ours, .secret = &secret, .purpose = "call"},
    };
}

static void fight(struct bout *b)
{
    static const uint8_t salt[SEAL_SALT_BYTES] = {0x0f};
    struct carrier *c = &carrier;
    int fds[2];
    pthread_t thread;
    const int size = 1 << 20; // a whole flight, and more
    memset(c, 0, sizeof *c);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    }
    assert_int_equal(sotto_session_new(&b->session, &b->cfg, sotto_env_default(), 0), 0);
    assert_int_equal(session_seal_init(&c->seal, b->peer.role, &secret, "call", salt), 0);
    assert_int_equal(identity_ed25519_spki(b->peer.ed25519, c->hint), 0);
    c->session = b->session;
    c->fd = fds[0];
    b->peer.fd = fds[1];
    assert_int_equal(pthread_create(&thread, NULL, run_peer, &b->peer), 0);
    carry(c);
    (void)shutdown(fds[0], SHUT_RDWR);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void end(struct bout *b)
{
    sotto_session_free(b->session);
}

static void assert_lost(struct bout *b, int error)
{
    assert_int_equal(sotto_session_error(b->session), error);
    assert_int_equal(sotto_session_state(b->session), SOTTO_SESSION_FAILED);
    struct sotto_words words;
    struct sotto_secret key;
    assert_int_equal(sotto_session_words(b->session, &words), SOTTO_ESTATE);
    assert_int_equal(sotto_session_media_key(b->session, SOTTO_CALLER, &key), SOTTO_ESTATE);
    end(b);
}

static void fight_and_lose(enum sotto_role session_role, enum deed deed, int error)
{
    struct bout b = bout_of(session_role, deed);
    fight(&b);
    assert_false(b.peer.confirmed);
    assert_lost(&b, error);
}

// Both came to the same, each with its own functions.
static void assert_agreed(struct bout *b, const char *group)
{
    struct sotto_session_info info;
    struct sotto_words words;
    assert_true(b->peer.confirmed);
    assert_true(carrier.exported);
    sotto_words_from_bytes(&words, b->peer.words);
    assert_true(sotto_words_equal(&words, &carrier.words));
    assert_memory_equal(b->peer.binding, carrier.binding, 32);
    assert_memory_equal(b->peer.media[0], carrier.media[0].bytes, 32);
    assert_memory_equal(b->peer.media[1], carrier.media[1].bytes, 32);
    assert_int_equal(sotto_session_error(b->session), SOTTO_ECLOSED);
    assert_string_equal(b->peer.message, "from sotto");
    sotto_session_info(b->session, &info);
    assert_string_equal(info.group, group);
}

static void test_honest(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        struct bout b = bout_of((enum sotto_role)role, HONEST);
        fight(&b);
        assert_agreed(&b, "SecP384r1MLKEM1024");
        end(&b);
        b = bout_of((enum sotto_role)role, HONEST);
        b.cfg.suite = SOTTO_SUITE_CNSA2;
        b.peer.groups = "MLKEM1024";
        fight(&b);
        assert_agreed(&b, "MLKEM1024");
        end(&b);
    }
}

// A session that always sent the same nonce could be steered to chosen words.
static void test_nonces_are_fresh(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        static const uint8_t zeros[32];
        uint8_t before[32] = {0};
        for (int i = 0; i < 3; i++) {
            struct bout b = bout_of((enum sotto_role)role, HONEST);
            fight(&b);
            assert_true(b.peer.confirmed);
            assert_memory_not_equal(b.peer.session_nonce, zeros, 32);
            assert_memory_not_equal(b.peer.session_nonce, before, 32);
            memcpy(before, b.peer.session_nonce, 32);
            end(&b);
        }
    }
}

static void test_proofs(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        fight_and_lose((enum sotto_role)role, WRONG_SIGNATURE, SOTTO_EPROOF);
        fight_and_lose((enum sotto_role)role, WRONG_MAC, SOTTO_EPROOF);
        fight_and_lose((enum sotto_role)role, CLOSE_AT_ONCE, SOTTO_EREFUSED);
        fight_and_lose((enum sotto_role)role, EARLY_DATA, SOTTO_EPROTO);
        fight_and_lose((enum sotto_role)role, EARLY_REVEAL, SOTTO_EPROTO);
    }
    fight_and_lose(SOTTO_CALLEE, OTHER_ED25519, SOTTO_EPROOF);
    fight_and_lose(SOTTO_CALLER, OTHER_ED25519, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLEE, UNKNOWN_MESSAGE, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLEE, PROOF_TWICE, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLER, PROOF_TWICE, SOTTO_EPROTO);
}

// The callee has its caller's proof, has answered, and then gets another nonce than promised.
static void test_wrong_reveal(void **state)
{
    (void)state;
    struct bout b = bout_of(SOTTO_CALLEE, WRONG_REVEAL);
    fight(&b);
    assert_true(b.peer.confirmed); // it thinks so
    assert_lost(&b, SOTTO_EPROTO);
}

// Whoever stole our identity can show it to anybody but us.
static void test_own_identity(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        struct bout b = bout_of((enum sotto_role)role, OUR_OWN_KEYS);
        b.peer.mldsa = identity_mldsa(ours);
        b.peer.ed25519 = identity_ed25519(ours);
        fight(&b);
        assert_false(b.peer.confirmed);
        assert_lost(&b, SOTTO_EPEER);
    }
}

static void test_bound(void **state)
{
    (void)state;
    struct blob spki = {.len = 0};
    struct sotto_fingerprint fp, shown;
    add_spki(&spki, peer_ed25519);
    fingerprint(fp.bytes, peer_mldsa, spki.bytes);
    for (int role = 0; role < 2; role++) {
        struct bout b = bout_of((enum sotto_role)role, HONEST);
        b.cfg.expected = &fp;
        fight(&b);
        assert_agreed(&b, "SecP384r1MLKEM1024");
        assert_true(sotto_session_peer(b.session, &shown));
        assert_memory_equal(&shown, &fp, sizeof fp);
        end(&b);

        b = bout_of((enum sotto_role)role, HONEST);
        fp.bytes[0] ^= 1;
        b.cfg.expected = &fp;
        fight(&b);
        fp.bytes[0] ^= 1;
        assert_false(b.peer.confirmed);
        assert_int_equal(sotto_session_peer(b.session, &shown), role == SOTTO_CALLEE);
        assert_lost(&b, SOTTO_EPEER);
    }
}

static void test_other_certificates(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65");
    fight_and_lose(SOTTO_CALLEE, X509_NOT_RPK, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLER, X509_NOT_RPK, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLEE, NO_CERTIFICATE, SOTTO_EPROTO);
    for (int role = 0; role < 2; role++) {
        struct bout b = bout_of((enum sotto_role)role, MLDSA65);
        b.peer.mldsa = weak;
        fight(&b);
        // A caller without a usable key sends none; a callee has no signature in common.
        assert_lost(&b, role == SOTTO_CALLEE ? SOTTO_EPROTO : SOTTO_ESUITE);
    }
    EVP_PKEY_free(weak);
}

static void test_groups(void **state)
{
    (void)state;
    struct bout b = bout_of(SOTTO_CALLER, OTHER_GROUP);
    b.peer.groups = "MLKEM1024"; // a downgrade of ours, were it to work
    fight(&b);
    assert_lost(&b, SOTTO_ESUITE);
    b = bout_of(SOTTO_CALLEE, OTHER_GROUP);
    b.peer.groups = "X25519MLKEM768";
    fight(&b);
    assert_lost(&b, SOTTO_ESUITE);
    b = bout_of(SOTTO_CALLEE, OTHER_GROUP);
    b.cfg.suite = SOTTO_SUITE_CNSA2;
    fight(&b);
    assert_lost(&b, SOTTO_ESUITE);
}

static void test_hello_retry(void **state)
{
    (void)state;
    struct sotto_session_info info;
    struct bout b = bout_of(SOTTO_CALLEE, RETRY);
    b.peer.groups = "*X25519:SecP384r1MLKEM1024"; // a share for the first only
    fight(&b);
    sotto_session_info(b.session, &info);
    assert_int_equal(info.bytes_sent, 0);
    assert_lost(&b, SOTTO_EPROTO);
}

static void test_after_the_handshake(void **state)
{
    (void)state;
    fight_and_lose(SOTTO_CALLER, TICKETS, SOTTO_EPROTO);
    fight_and_lose(SOTTO_CALLEE, KEY_UPDATE, SOTTO_EPROTO);
}

// Valid TLS, and nothing that TLS itself would ever end.
static void test_bytes_are_limited(void **state)
{
    (void)state;
    struct sotto_session_info info;
    struct bout b = bout_of(SOTTO_CALLEE, PADDED_DROPS);
    fight(&b);
    sotto_session_info(b.session, &info);
    assert_in_range(info.bytes_received, SOTTO_SESSION_BYTES_MAX + 1,
                    SOTTO_SESSION_BYTES_MAX + SOTTO_FLIGHT_MAX_BYTES);
    assert_lost(&b, SOTTO_ELIMIT);
}

static int setup(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(sotto_identity_generate(&ours, sotto_env_default()), 0);
    peer_mldsa = EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-87");
    peer_ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(peer_mldsa);
    assert_non_null(peer_ed25519);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sotto_identity_free(ours);
    EVP_PKEY_free(peer_mldsa);
    EVP_PKEY_free(peer_ed25519);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),
        cmocka_unit_test(test_nonces_are_fresh),
        cmocka_unit_test(test_proofs),
        cmocka_unit_test(test_wrong_reveal),
        cmocka_unit_test(test_own_identity),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_other_certificates),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_hello_retry),
        cmocka_unit_test(test_after_the_handshake),
        cmocka_unit_test(test_bytes_are_limited),
    };
    return cmocka_run_group_tests_name("session_openssl", tests, setup, teardown);
}
