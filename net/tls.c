// SPDX-License-Identifier: Apache-2.0
#include "tls.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509v3.h>
#include <sotto/base.h>

#define TLS_CIPHERS "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"

static const unsigned char alpn_h3[] = {2, 'h', '3'};
static const unsigned char alpn_http1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

static SSL_CTX *context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL) {
        return NULL;
    }
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, TLS_GROUPS) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, TLS_CIPHERS) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    // No resumption: each connection makes its own keys, and no session is kept in memory.
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    const unsigned char *want = arg;
    unsigned want_len = want[0] + 1u;
    for (unsigned i = 0; i < in_len; i += in[i] + 1u) {
        if (in[i] + 1u == want_len && i + want_len <= in_len &&
            memcmp(in + i, want, want_len) == 0) {
            *out = in + i + 1;
            *out_len = in[i];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void say(char *text, size_t cap, const char *what, const char *file)
{
    if (text != NULL && cap > 0) {
        const char *why = ERR_reason_error_string(ERR_peek_last_error());
        snprintf(text, cap, "%s %s: %s", what, file, why != NULL ? why : "unusable");
    }
}

SSL_CTX *tls_server_context(const char *certificate_file, const char *key_file, enum tls_alpn alpn,
                            char *error_text, size_t error_cap)
{
    ERR_clear_error();
    SSL_CTX *ctx = context(TLS_server_method());
    if (ctx == NULL) {
        say(error_text, error_cap, "TLS cannot be set up for", certificate_file);
        return NULL;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1) {
        say(error_text, error_cap, "cannot use the certificate in", certificate_file);
        goto fail;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        say(error_text, error_cap, "cannot use the private key in", key_file);
        goto fail;
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        say(error_text, error_cap, "the private key does not belong to", certificate_file);
        goto fail;
    }
    const unsigned char *want = alpn == TLS_ALPN_H3 ? alpn_h3 : alpn_http1;
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, (void *)(uintptr_t)want);
    return ctx;
fail:
    SSL_CTX_free(ctx);
    return NULL;
}

int tls_pin_of(const X509 *certificate, uint8_t pin[NET_PIN_BYTES])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (len <= 0) {
        return SOTTO_ECRYPTO;
    }
    unsigned hash_len = 0;
    uint8_t hash[EVP_MAX_MD_SIZE];
    int ok = EVP_Digest(der, (size_t)len, hash, &hash_len, EVP_sha256(), NULL);
    OPENSSL_free(der);
    if (ok != 1 || hash_len != NET_PIN_BYTES) {
        return SOTTO_ECRYPTO;
    }
    memcpy(pin, hash, NET_PIN_BYTES);
    return 0;
}

// Replaces OpenSSL's own checking of the chain: the key decides, nothing else. TLS itself still
// proves that the other side holds that key.
static int verify_pin(X509_STORE_CTX *store, void *arg)
{
    const struct tls_client_check *check = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    uint8_t pin[NET_PIN_BYTES];
    if (leaf == NULL || tls_pin_of(leaf, pin) != 0 ||
        CRYPTO_memcmp(pin, check->pin, NET_PIN_BYTES) != 0) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

SSL_CTX *tls_client_context(const struct tls_client_check *check, enum tls_alpn alpn)
{
    SSL_CTX *ctx = context(TLS_client_method());
    if (ctx == NULL) {
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (check->pinned) {
        SSL_CTX_set_cert_verify_callback(ctx, verify_pin, (void *)(uintptr_t)check);
    } else {
        // An anchor may be the relay's own certificate.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
        // Without any anchor every handshake fails with NET_CERTIFICATE, which says it well.
        if (check->ca_file != NULL) {
            (void)SSL_CTX_load_verify_file(ctx, check->ca_file);
        } else {
            (void)SSL_CTX_set_default_verify_paths(ctx);
        }
        ERR_clear_error();
    }
    const unsigned char *offer = alpn == TLS_ALPN_H3 ? alpn_h3 : alpn_http1;
    if (SSL_CTX_set_alpn_protos(ctx, offer, offer[0] + 1u) != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool is_address(const char *host)
{
    uint8_t bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

SSL *tls_client_session(SSL_CTX *ctx, const struct tls_client_check *check)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL) {
        return NULL;
    }
    bool address = is_address(check->host);
    int ok = 1;
    if (!address) {
        ok = SSL_set_tlsext_host_name(ssl, check->host) == 1;
    }
    if (ok && !check->pinned) {
        ok = address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), check->host)
                     : SSL_set1_host(ssl, check->host);
    }
    if (!ok) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

enum net_reason tls_client_failure(const SSL *ssl, const struct tls_client_check *check,
                                   const char **detail)
{
    long result = SSL_get_verify_result(ssl);
    if (check->pinned && result != X509_V_OK) {
        *detail = "its key is not the one in the link";
        return NET_PIN;
    }
    switch (result) {
    case X509_V_OK:
        *detail = "the TLS handshake failed";
        return NET_PROTOCOL;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        *detail = "its certificate has expired, or this device's clock is wrong";
        return NET_CERTIFICATE;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        *detail = "its certificate is not valid yet, or this device's clock is wrong";
        return NET_CERTIFICATE;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        *detail = "its certificate is for another name";
        return NET_CERTIFICATE;
    default:
        *detail = X509_verify_cert_error_string(result);
        return NET_CERTIFICATE;
    }
}

const char *tls_group_name(const SSL *ssl)
{
    static const char *const known[] = {"X25519MLKEM768", "X25519", "secp256r1"};
    // OpenSSL's name belongs to the session; ours is static.
    const char *name = SSL_get0_group_name((SSL *)(uintptr_t)ssl);
    for (size_t i = 0; name != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(name, known[i]) == 0) {
            return known[i];
        }
    }
    return NULL;
}

int tls_key_derived_secret(SSL_CTX *ctx, const char *label, uint8_t out[32])
{
    EVP_PKEY *key = SSL_CTX_get0_privatekey(ctx);
    unsigned char *der = NULL;
    int der_len = key != NULL ? i2d_PrivateKey(key, &der) : 0;
    if (der_len <= 0) {
        return SOTTO_ECRYPTO;
    }
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    bool ok = HMAC(EVP_sha256(), der, der_len, (const unsigned char *)label, strlen(label), mac,
                   &mac_len) != NULL &&
              mac_len == 32;
    OPENSSL_cleanse(der, (size_t)der_len);
    OPENSSL_free(der);
    if (ok) {
        memcpy(out, mac, 32);
    }
    OPENSSL_cleanse(mac, sizeof mac);
    return ok ? 0 : SOTTO_ECRYPTO;
}
