// SPDX-License-Identifier: Apache-2.0
#include "identity/signature.h"

#include <openssl/evp.h>
#include <sotto/base.h>
#include <stdbool.h>

#include "identity/ossl.h"

int signature_ed25519_verify(const uint8_t key[SIGNATURE_ED25519_KEY_BYTES],
                             const uint8_t signature[SIGNATURE_ED25519_BYTES], const void *data,
                             size_t len)
{
    ossl_begin();
    EVP_PKEY *public =
        EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key, SIGNATURE_ED25519_KEY_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = public != NULL && ctx != NULL &&
                EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, public, NULL) == 1 &&
                EVP_DigestVerify(ctx, signature, SIGNATURE_ED25519_BYTES, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public);
    return ossl_end(good) ? 0 : SOTTO_ECRYPTO;
}
