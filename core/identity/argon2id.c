// SPDX-License-Identifier: Apache-2.0
#include "identity/argon2id.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

#include "identity/ossl.h"

// OSSL_PARAM takes no const; nothing is written through it.
static OSSL_PARAM octets_param(const char *name, const void *data, size_t len)
{
    union {
        const void *in;
        void *out;
    } cast = {.in = data};
    return OSSL_PARAM_construct_octet_string(name, cast.out, len);
}

int argon2id(struct sotto_secret *out, const char *passphrase, const uint8_t *salt, size_t salt_len,
             const struct sotto_vault_cost *cost)
{
    struct sotto_vault_cost c = *cost;
    uint32_t lanes = ARGON2ID_LANES;
    OSSL_PARAM params[] = {
        octets_param(OSSL_KDF_PARAM_PASSWORD, passphrase, strlen(passphrase)),
        octets_param(OSSL_KDF_PARAM_SALT, salt, salt_len),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &c.memory_kib),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &c.passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
        OSSL_PARAM_construct_end(),
    };
    struct sotto_secret key;
    ossl_begin();
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool done = ctx != NULL && EVP_KDF_derive(ctx, key.bytes, sizeof key.bytes, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    done = ossl_end(done);
    if (done) {
        *out = key;
    }
    sotto_wipe(&key, sizeof key);
    return done ? 0 : SOTTO_ENOMEM;
}
