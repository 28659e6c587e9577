// SPDX-License-Identifier: Apache-2.0
#include "identity/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sotto/base.h>
#include <stdlib.h>
#include <string.h>

#include "identity/ossl.h"

static int digest(const EVP_MD *md, const void *data, size_t len, uint8_t *out)
{
    ossl_begin();
    bool done = EVP_Digest(data, len, out, NULL, md, NULL) == 1;
    return ossl_end(done) ? 0 : SOTTO_ECRYPTO;
}

int digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES])
{
    return digest(EVP_sha256(), data, len, out);
}

int digest_sha384(const void *data, size_t len, uint8_t out[DIGEST_SHA384_BYTES])
{
    return digest(EVP_sha384(), data, len, out);
}

int digest_sha512(const void *data, size_t len, uint8_t out[DIGEST_SHA512_BYTES])
{
    return digest(EVP_sha512(), data, len, out);
}

void digest_sha256_or_abort(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES])
{
    if (digest_sha256(data, len, out) != 0) {
        abort();
    }
}

// OSSL_PARAM takes no const; nothing is written through it.
static OSSL_PARAM octets_param(const char *name, const void *data, size_t len)
{
    union {
        const void *in;
        void *out;
    } cast = {.in = data};
    return OSSL_PARAM_construct_octet_string(name, cast.out, len);
}

int digest_hkdf_sha512(const void *key, size_t key_len, const char *salt, const char *info,
                       uint8_t *out, size_t len)
{
    ossl_begin();
    char md[] = "SHA512";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, md, 0),
        octets_param(OSSL_KDF_PARAM_KEY, key, key_len),
        octets_param(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
        octets_param(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool done = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ossl_end(done) ? 0 : SOTTO_ECRYPTO;
}
