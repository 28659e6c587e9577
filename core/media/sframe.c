// SPDX-License-Identifier: Apache-2.0
#include <sotto/media.h>

#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

// AES_256_GCM_SHA512_128, RFC 9605 §4.5.
#define SUITE               5
#define KEY_BYTES           32 // Nk
#define NONCE_BYTES         12 // Nn
#define CTR_BYTES           8
#define HEADER_INLINE_LIMIT 8 // values below it stand in the config byte itself

#define LABEL_KEY       "SFrame 1.0 Secret key "
#define LABEL_SALT      "SFrame 1.0 Secret salt "
#define LABEL_MAX_BYTES 64

struct sotto_sframe_key {
    const struct sotto_env *env;
    uint64_t kid;
    uint8_t salt[NONCE_BYTES];
    // The key schedule is made once; a seal or an open only sets the nonce.
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
};

static void put_be64(uint8_t out[CTR_BYTES], uint64_t v)
{
    for (size_t i = 0; i < CTR_BYTES; i++) {
        out[i] = (uint8_t)(v >> (8 * (CTR_BYTES - 1 - i)));
    }
}

// ---- header, §4.3 -----------------------------------------------------------------------------

static size_t value_bytes(uint64_t v)
{
    size_t n = 1;
    while (v >>= 8) {
        n++;
    }
    return n;
}

// Appends a value of the header; what the config byte says about it.
static uint8_t put_value(uint8_t *out, size_t *len, uint64_t v)
{
    if (v < HEADER_INLINE_LIMIT) {
        return (uint8_t)v;
    }
    uint8_t bytes[CTR_BYTES];
    put_be64(bytes, v);
    size_t n = value_bytes(v);
    memcpy(out + *len, bytes + CTR_BYTES - n, n);
    *len += n;
    return (uint8_t)(HEADER_INLINE_LIMIT | (n - 1));
}

int sotto_sframe_header_encode(uint8_t *out, size_t cap, uint64_t kid, uint64_t ctr)
{
    uint8_t header[SOTTO_SFRAME_HEADER_MAX_BYTES];
    size_t len = 1;
    uint8_t k = put_value(header, &len, kid);
    uint8_t c = put_value(header, &len, ctr);
    header[0] = (uint8_t)(k << 4 | c);
    if (len > cap) {
        return SOTTO_ESPACE;
    }
    memcpy(out, header, len);
    return (int)len;
}

// A value as `config` describes it. False: cut short, or longer than it need be.
static bool get_value(const uint8_t *data, size_t len, size_t *at, uint8_t config, uint64_t *v)
{
    uint8_t low = config & (HEADER_INLINE_LIMIT - 1);
    if (config < HEADER_INLINE_LIMIT) {
        *v = low;
        return true;
    }
    size_t n = (size_t)low + 1;
    if (len - *at < n) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | data[*at + i];
    }
    *at += n;
    *v = value;
    return value >= HEADER_INLINE_LIMIT && value_bytes(value) == n;
}

int sotto_sframe_header_decode(const uint8_t *data, size_t len, uint64_t *kid, uint64_t *ctr)
{
    uint64_t k, c;
    size_t at = 1;
    if (len == 0 || !get_value(data, len, &at, data[0] >> 4, &k) ||
        !get_value(data, len, &at, data[0] & 0x0f, &c)) {
        return SOTTO_EPARSE;
    }
    *kid = k;
    *ctr = c;
    return (int)at;
}

// ---- keys, §4.4.2 -----------------------------------------------------------------------------

static size_t make_label(uint8_t out[LABEL_MAX_BYTES], const char *text, uint64_t kid)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    put_be64(out + len, kid);
    len += CTR_BYTES;
    out[len++] = 0;
    out[len++] = SUITE;
    return len;
}

// HKDF-Expand(HKDF-Extract("", base_key), label, out_len)
static bool derive(EVP_KDF_CTX *kdf, const uint8_t *base_key, size_t base_len, const char *text,
                   uint64_t kid, uint8_t *out, size_t out_len)
{
    char digest[] = "SHA512";
    uint8_t label[LABEL_MAX_BYTES];
    size_t label_len = make_label(label, text, kid);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        // The parameter is not written to; its type knows no const.
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)base_key,
                                          base_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, label_len),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(kdf, out, out_len, params) == 1;
}

static bool make_ciphers(struct sotto_sframe_key *k, const uint8_t key[KEY_BYTES])
{
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    k->seal = EVP_CIPHER_CTX_new();
    k->open = EVP_CIPHER_CTX_new();
    bool ok = gcm != NULL && k->seal != NULL && k->open != NULL &&
              EVP_EncryptInit_ex2(k->seal, gcm, key, NULL, NULL) == 1 &&
              EVP_DecryptInit_ex2(k->open, gcm, key, NULL, NULL) == 1;
    EVP_CIPHER_free(gcm);
    return ok;
}

static bool derive_all(struct sotto_sframe_key *k, const uint8_t *base_key, size_t base_len)
{
    uint8_t key[KEY_BYTES];
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *kdf = hkdf != NULL ? EVP_KDF_CTX_new(hkdf) : NULL;
    bool ok = kdf != NULL && derive(kdf, base_key, base_len, LABEL_KEY, k->kid, key, sizeof key) &&
              derive(kdf, base_key, base_len, LABEL_SALT, k->kid, k->salt, sizeof k->salt) &&
              make_ciphers(k, key);
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(hkdf);
    sotto_wipe(key, sizeof key);
    return ok;
}

int sotto_sframe_key_new(struct sotto_sframe_key **out, const uint8_t *base_key, size_t base_len,
                         uint64_t kid, const struct sotto_env *env)
{
    if (base_len == 0 || base_len > SOTTO_SFRAME_BASE_KEY_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    struct sotto_sframe_key *k = mem_alloc(env, sizeof *k);
    if (k == NULL) {
        return SOTTO_ENOMEM;
    }
    k->env = env;
    k->kid = kid;
    if (!derive_all(k, base_key, base_len)) {
        sotto_sframe_key_free(k);
        return SOTTO_ECRYPTO;
    }
    *out = k;
    return 0;
}

void sotto_sframe_key_free(struct sotto_sframe_key *k)
{
    if (k == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(k->seal); // cleanses its key schedule
    EVP_CIPHER_CTX_free(k->open);
    mem_free_secret(k->env, k, sizeof *k);
}

uint64_t sotto_sframe_key_kid(const struct sotto_sframe_key *k)
{
    return k->kid;
}

// ---- seal and open, §4.4.3, §4.4.4 ------------------------------------------------------------

static void make_nonce(const struct sotto_sframe_key *k, uint64_t ctr, uint8_t nonce[NONCE_BYTES])
{
    uint8_t bytes[CTR_BYTES];
    put_be64(bytes, ctr);
    memcpy(nonce, k->salt, NONCE_BYTES);
    for (size_t i = 0; i < CTR_BYTES; i++) {
        nonce[NONCE_BYTES - CTR_BYTES + i] ^= bytes[i];
    }
}

// Feeds header || metadata as associated data.
static bool feed_aad(EVP_CIPHER_CTX *ctx, const uint8_t *header, size_t header_len,
                     const uint8_t *metadata, size_t metadata_len)
{
    int n;
    return EVP_CipherUpdate(ctx, NULL, &n, header, (int)header_len) == 1 &&
           (metadata_len == 0 || EVP_CipherUpdate(ctx, NULL, &n, metadata, (int)metadata_len) == 1);
}

int sotto_sframe_seal(struct sotto_sframe_key *k, uint64_t ctr, const uint8_t *metadata,
                      size_t metadata_len, const uint8_t *plain, size_t len, uint8_t *out,
                      size_t cap)
{
    if (len > SOTTO_SFRAME_PLAIN_MAX_BYTES || metadata_len > SOTTO_SFRAME_METADATA_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    uint8_t header[SOTTO_SFRAME_HEADER_MAX_BYTES];
    int header_len = sotto_sframe_header_encode(header, sizeof header, k->kid, ctr);
    size_t total = (size_t)header_len + len + SOTTO_SFRAME_TAG_BYTES;
    if (total > cap) {
        return SOTTO_ESPACE;
    }
    uint8_t nonce[NONCE_BYTES];
    make_nonce(k, ctr, nonce);
    uint8_t *body = out + header_len;
    int n;
    if (EVP_EncryptInit_ex2(k->seal, NULL, NULL, nonce, NULL) != 1 ||
        !feed_aad(k->seal, header, (size_t)header_len, metadata, metadata_len) ||
        (len > 0 && EVP_EncryptUpdate(k->seal, body, &n, plain, (int)len) != 1) ||
        EVP_EncryptFinal_ex(k->seal, body + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(k->seal, EVP_CTRL_AEAD_GET_TAG, SOTTO_SFRAME_TAG_BYTES, body + len) !=
            1) {
        sotto_wipe(out, total); // never half a cell
        return SOTTO_ECRYPTO;
    }
    memcpy(out, header, (size_t)header_len);
    return (int)total;
}

// Into a buffer of our own first: nobody sees plaintext that did not authenticate.
static int open_body(struct sotto_sframe_key *k, const uint8_t *body, size_t len, uint8_t *out)
{
    uint8_t plain[SOTTO_SFRAME_PLAIN_MAX_BYTES];
    uint8_t tag[SOTTO_SFRAME_TAG_BYTES];
    memcpy(tag, body + len, sizeof tag);
    int n;
    int err = SOTTO_ECRYPTO;
    if ((len == 0 || EVP_DecryptUpdate(k->open, plain, &n, body, (int)len) == 1) &&
        EVP_CIPHER_CTX_ctrl(k->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1) {
        err = EVP_DecryptFinal_ex(k->open, plain + len, &n) == 1 ? (int)len : SOTTO_EAUTH;
    }
    if (err > 0) {
        memcpy(out, plain, len);
    }
    sotto_wipe(plain, len);
    return err;
}

int sotto_sframe_open(struct sotto_sframe_key *k, const uint8_t *metadata, size_t metadata_len,
                      const uint8_t *data, size_t len, uint8_t *out, size_t cap, uint64_t *ctr)
{
    if (metadata_len > SOTTO_SFRAME_METADATA_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    uint64_t kid, c;
    int header_len = sotto_sframe_header_decode(data, len, &kid, &c);
    if (header_len < 0) {
        return header_len;
    }
    size_t overhead = (size_t)header_len + SOTTO_SFRAME_TAG_BYTES;
    if (len < overhead || len - overhead > SOTTO_SFRAME_PLAIN_MAX_BYTES) {
        return SOTTO_EPARSE;
    }
    if (kid != k->kid) {
        return SOTTO_EAUTH;
    }
    if (len - overhead > cap) {
        return SOTTO_ESPACE;
    }
    uint8_t nonce[NONCE_BYTES];
    make_nonce(k, c, nonce);
    if (EVP_DecryptInit_ex2(k->open, NULL, NULL, nonce, NULL) != 1 ||
        !feed_aad(k->open, data, (size_t)header_len, metadata, metadata_len)) {
        return SOTTO_ECRYPTO;
    }
    int n = open_body(k, data + header_len, len - overhead, out);
    if (n >= 0) {
        *ctr = c;
    }
    return n;
}
