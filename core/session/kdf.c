// SPDX-License-Identifier: Apache-2.0
#include "session/kdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sotto/base.h>
#include <string.h>

#include "identity/ossl.h"

int session_sha512(uint8_t out[SESSION_HASH_BYTES], const struct session_part *parts, size_t count)
{
    uint8_t hash[SESSION_HASH_BYTES];
    ossl_begin();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) == 1;

    for (size_t i = 0; ok && i < count; i++) {
        ok = parts[i].len == 0 || EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    ok = ossl_end(ok);
    if (ok) {
        memcpy(out, hash, sizeof hash);
    }
    sotto_wipe(hash, sizeof hash);
    return ok ? 0 : SOTTO_ECRYPTO;
}

static bool hmac_run(EVP_MAC_CTX *ctx, uint8_t hash[SESSION_HASH_BYTES], const uint8_t *key,
                     size_t key_len, const struct session_part *parts, size_t count)
{
    char digest[] = "SHA512";
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t len = 0;

    if (EVP_MAC_init(ctx, key, key_len, params) != 1) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len != 0 && EVP_MAC_update(ctx, parts[i].data, parts[i].len) != 1) {
            return false;
        }
    }
    return EVP_MAC_final(ctx, hash, &len, SESSION_HASH_BYTES) == 1 && len == SESSION_HASH_BYTES;
}

int session_hmac(uint8_t out[SESSION_HASH_BYTES], const uint8_t *key, size_t key_len,
                 const struct session_part *parts, size_t count)
{
    uint8_t hash[SESSION_HASH_BYTES];
    ossl_begin();
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    bool ok = ctx != NULL && hmac_run(ctx, hash, key, key_len, parts, count);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    ok = ossl_end(ok);
    if (ok) {
        memcpy(out, hash, sizeof hash);
    }
    sotto_wipe(hash, sizeof hash);
    return ok ? 0 : SOTTO_ECRYPTO;
}

// OpenSSL's HKDF takes each input in one piece.
struct joined {
    uint8_t bytes[SESSION_KDF_INPUT_MAX_BYTES];
    size_t len;
};

static int join(struct joined *j, const struct session_part *parts, size_t count)
{
    j->len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > sizeof j->bytes - j->len) {
            return SOTTO_EINVAL;
        }
        memcpy(j->bytes + j->len, parts[i].data, parts[i].len);
        j->len += parts[i].len;
    }
    return 0;
}

static int hkdf_run(uint8_t *out, size_t out_len, struct joined *ikm, struct joined *salt,
                    struct joined *info)
{
    char digest[] = "SHA512";
    OSSL_PARAM params[5] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm->bytes, ikm->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt->bytes, salt->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info->bytes, info->len),
        OSSL_PARAM_construct_end(),
    };
    uint8_t okm[SESSION_HASH_BYTES];
    ossl_begin();
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, okm, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ok = ossl_end(ok);
    if (ok) {
        memcpy(out, okm, out_len);
    }
    sotto_wipe(okm, sizeof okm);
    return ok ? 0 : SOTTO_ECRYPTO;
}

int session_hkdf(uint8_t *out, size_t out_len, const struct session_hkdf *in)
{
    struct joined ikm, salt, info;
    int err = SOTTO_EINVAL;

    if (out_len <= SESSION_HASH_BYTES && join(&ikm, in->ikm, in->ikm_count) == 0 &&
        join(&salt, in->salt, in->salt_count) == 0 && join(&info, in->info, in->info_count) == 0) {
        err = hkdf_run(out, out_len, &ikm, &salt, &info);
    }
    sotto_wipe(&ikm, sizeof ikm);
    sotto_wipe(&salt, sizeof salt);
    sotto_wipe(&info, sizeof info);
    return err;
}
