// SPDX-License-Identifier: Apache-2.0
// TLS 1.3 contexts of the link, and how a client decides whether it reached the right relay.
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "net.h"

// The first one is hybrid: an eavesdropper who keeps the traffic needs to break ML-KEM and X25519.
#define TLS_GROUPS "X25519MLKEM768:X25519:P-256"

enum tls_alpn {
    TLS_ALPN_H3,
    TLS_ALPN_HTTP1
};

// NULL on failure; a sentence goes to error_text, if that is not NULL.
SSL_CTX *tls_server_context(const char *certificate_file, const char *key_file, enum tls_alpn alpn,
                            char *error_text, size_t error_cap);

// What a client checks. Must outlive the contexts and sessions made with it.
struct tls_client_check {
    bool pinned;
    uint8_t pin[NET_PIN_BYTES];
    const char *host;
    const char *ca_file; // NULL: the system's store
};

SSL_CTX *tls_client_context(const struct tls_client_check *check, enum tls_alpn alpn);
// A session for check->host. NULL: out of memory.
SSL *tls_client_session(SSL_CTX *ctx, const struct tls_client_check *check);

// After a failed handshake: NET_PIN, NET_CERTIFICATE, or NET_PROTOCOL if it was not about the
// certificate. *detail is a static string.
enum net_reason tls_client_failure(const SSL *ssl, const struct tls_client_check *check,
                                   const char **detail);

// The negotiated group as a static string, NULL if unknown.
const char *tls_group_name(const SSL *ssl);

// SHA-256 of the SubjectPublicKeyInfo. Errors: SOTTO_ECRYPTO.
int tls_pin_of(const X509 *certificate, uint8_t pin[NET_PIN_BYTES]);

// A secret that a restarted server with the same key file derives again, for stateless resets.
// Errors: SOTTO_ECRYPTO.
int tls_key_derived_secret(SSL_CTX *ctx, const char *label, uint8_t out[32]);

#endif
