// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 over memory: raw public keys on both sides (RFC 7250), ML-DSA-87 signatures, one cipher
// suite, named groups, and nothing else: no tickets, resumption, early data, key updates or second
// hello. Which peer is acceptable is not decided here: its key is captured and asked about.
#ifndef SOTTO_SESSION_TLS_H
#define SOTTO_SESSION_TLS_H

#include <openssl/ssl.h>
#include <sotto/session.h>

#include "identity/keys.h"

#define SESSION_TLS_CERT_LIST_MAX_BYTES 8192
#define SESSION_TLS_EXPORT_MAX_BYTES    64

typedef int session_tls_check(void *arg, const uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES]);

struct session_tls {
    enum sotto_role role;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;  // owned by ssl
    bool finished;  // the handshake is complete on this side
    bool forbidden; // the peer sent, or made us send, a message that sotto's profile excludes
    bool broken;    // failed inside TLS, which has queued its own alert, if it has one
    // Asked once, with the peer's SPKI, before it has proven the private key; 0 or an error, with
    // which the handshake then fails.
    session_tls_check *check;
    void *check_arg;
    int check_error;
    bool has_peer;
    uint8_t peer_spki[IDENTITY_MLDSA_SPKI_BYTES]; // proven once `finished`
};

// `t` must not move afterwards. The key is borrowed during the call. 0, SOTTO_ECRYPTO.
int session_tls_init(struct session_tls *t, enum sotto_role role, enum sotto_suite suite,
                     EVP_PKEY *key, session_tls_check *check, void *check_arg);
void session_tls_deinit(struct session_tls *t);

// Bytes from the peer; nothing is processed yet. 0, SOTTO_ENOMEM.
int session_tls_feed(struct session_tls *t, const uint8_t *bytes, size_t len);
// Goes on with the handshake. 0: finished; SOTTO_EAGAIN; SOTTO_EPROTO, SOTTO_ESUITE,
// SOTTO_EREFUSED (alert from the peer), SOTTO_ECRYPTO, or what `check` said.
int session_tls_handshake(struct session_tls *t);
// Application data: bytes written, SOTTO_EAGAIN, SOTTO_ECLOSED (close_notify), or as above.
int session_tls_recv(struct session_tls *t, uint8_t *out, size_t cap);
int session_tls_send(struct session_tls *t, const uint8_t *data, size_t len);
// Queues close_notify, if the handshake is finished and TLS has not failed.
void session_tls_close(struct session_tls *t);

// Bytes for the peer.
size_t session_tls_pending(const struct session_tls *t);
size_t session_tls_take(struct session_tls *t, uint8_t *out, size_t cap);
void session_tls_drop_pending(struct session_tls *t);

// TLS exporter (RFC 8446 §7.5). SOTTO_ESTATE before the handshake is finished, SOTTO_ECRYPTO.
int session_tls_export(const struct session_tls *t, const char *label, const uint8_t *context,
                       size_t context_len, uint8_t *out, size_t len);

// Static strings, "" before the handshake is finished.
const char *session_tls_group(const struct session_tls *t);
const char *session_tls_cipher(const struct session_tls *t);

#endif
