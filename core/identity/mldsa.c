// SPDX-License-Identifier: Apache-2.0
#include "identity/mldsa.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "identity/ossl.h"

#define MLDSA_NAME "ML-DSA-87"

// SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.3.19 } BIT STRING (2592 bytes follow) }
static const uint8_t spki_prefix[MLDSA_SPKI_BYTES - MLDSA_PUBLIC_BYTES] = {
    0x30, 0x82, 0x0a, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
    0x01, 0x65, 0x03, 0x04, 0x03, 0x13, 0x03, 0x82, 0x0a, 0x21, 0x00,
};

EVP_PKEY *mldsa_from_seed(const struct sotto_secret *seed)
{
    ossl_begin();
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, MLDSA_NAME, NULL);
    struct sotto_secret copy = *seed; // OSSL_PARAM takes no const
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, copy.bytes,
                                          sizeof copy.bytes),
        OSSL_PARAM_construct_end(),
    };
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    sotto_wipe(&copy, sizeof copy);
    return ossl_end_key(key);
}

int mldsa_seed(const EVP_PKEY *key, struct sotto_secret *out)
{
    ossl_begin();
    struct sotto_secret seed;
    size_t len = 0;
    bool got = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ML_DSA_SEED, seed.bytes,
                                               sizeof seed.bytes, &len) == 1 &&
               len == sizeof seed.bytes;
    got = ossl_end(got);
    if (got) {
        *out = seed;
    }
    sotto_wipe(&seed, sizeof seed);
    return got ? 0 : SOTTO_ECRYPTO;
}

int mldsa_spki_write(const EVP_PKEY *key, uint8_t out[MLDSA_SPKI_BYTES])
{
    ossl_begin();
    uint8_t public[MLDSA_PUBLIC_BYTES];
    size_t len = sizeof public;
    bool got = EVP_PKEY_get_raw_public_key(key, public, &len) == 1 && len == sizeof public;
    if (!ossl_end(got)) {
        return SOTTO_ECRYPTO;
    }
    memcpy(out, spki_prefix, sizeof spki_prefix);
    memcpy(out + sizeof spki_prefix, public, sizeof public);
    return 0;
}

int mldsa_spki_read(EVP_PKEY **out, const uint8_t *spki, size_t len)
{
    if (len != MLDSA_SPKI_BYTES || memcmp(spki, spki_prefix, sizeof spki_prefix) != 0) {
        return SOTTO_EPARSE;
    }
    ossl_begin();
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, MLDSA_NAME, NULL,
                                                   spki + sizeof spki_prefix, MLDSA_PUBLIC_BYTES);
    key = ossl_end_key(key);
    if (key == NULL) {
        return SOTTO_ECRYPTO; // every 2592 bytes are some key
    }
    *out = key;
    return 0;
}

int mldsa_sign(EVP_PKEY *key, const uint8_t *tbs, size_t len, uint8_t *out, size_t cap)
{
    if (cap < MLDSA_SIGNATURE_BYTES) {
        return SOTTO_ESPACE;
    }
    ossl_begin();
    size_t written = MLDSA_SIGNATURE_BYTES;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestSign(ctx, out, &written, tbs, len) == 1 &&
                written == MLDSA_SIGNATURE_BYTES;
    EVP_MD_CTX_free(ctx);
    return ossl_end(done) ? MLDSA_SIGNATURE_BYTES : SOTTO_ECRYPTO;
}

int mldsa_verify(EVP_PKEY *key, const uint8_t *tbs, size_t len, const uint8_t *signature,
                 size_t signature_len)
{
    if (signature_len != MLDSA_SIGNATURE_BYTES) {
        return SOTTO_EAUTH;
    }
    ossl_begin();
    int rc = SOTTO_ECRYPTO;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1) {
        rc = EVP_DigestVerify(ctx, signature, signature_len, tbs, len) == 1 ? 0 : SOTTO_EAUTH;
    }
    EVP_MD_CTX_free(ctx);
    if (!ossl_end(rc == 0) && rc == 0) {
        rc = SOTTO_EAUTH;
    }
    return rc;
}
