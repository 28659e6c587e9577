// SPDX-License-Identifier: Apache-2.0
#include "identity/aead.h"

#include <openssl/evp.h>
#include <string.h>

#include "identity/ossl.h"

_Static_assert(AEAD_LEN_MAX_BYTES <= INT32_MAX, "EVP takes int");

static EVP_CIPHER_CTX *begin(const struct sotto_secret *key, const uint8_t *nonce,
                             struct aead_ad ad, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    if (ctx != NULL &&
        EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key->bytes, nonce, encrypt, NULL) == 1 &&
        (ad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, ad.data, (int)ad.len) == 1)) {
        return ctx;
    }
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static bool update(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
    int n = 0;
    return len == 0 || (EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len);
}

int aead_seal(const struct sotto_secret *key, const uint8_t nonce[AEAD_NONCE_BYTES],
              struct aead_ad ad, const uint8_t *plain, size_t len, uint8_t *out)
{
    if (len > AEAD_LEN_MAX_BYTES || ad.len > AEAD_LEN_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    ossl_begin();
    int n;
    EVP_CIPHER_CTX *ctx = begin(key, nonce, ad, 1);
    bool done = ctx != NULL && update(ctx, out, plain, len) &&
                EVP_CipherFinal_ex(ctx, out + len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, out + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ossl_end(done) ? 0 : SOTTO_ECRYPTO;
}

int aead_open(const struct sotto_secret *key, const uint8_t nonce[AEAD_NONCE_BYTES],
              struct aead_ad ad, const uint8_t *sealed, size_t len, uint8_t *out)
{
    if (len < AEAD_TAG_BYTES) {
        return SOTTO_EAUTH;
    }
    size_t plain_len = len - AEAD_TAG_BYTES;
    if (plain_len > AEAD_LEN_MAX_BYTES || ad.len > AEAD_LEN_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    uint8_t tag[AEAD_TAG_BYTES];
    memcpy(tag, sealed + plain_len, sizeof tag);

    ossl_begin();
    int rc = SOTTO_ECRYPTO;
    int n;
    uint8_t nothing[1];
    EVP_CIPHER_CTX *ctx = begin(key, nonce, ad, 0);
    if (ctx != NULL && update(ctx, out, sealed, plain_len) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) == 1) {
        rc = EVP_CipherFinal_ex(ctx, nothing, &n) == 1 ? 0 : SOTTO_EAUTH;
    }
    EVP_CIPHER_CTX_free(ctx);
    if (!ossl_end(rc == 0)) {
        sotto_wipe(out, plain_len);
        return rc != 0 ? rc : SOTTO_ECRYPTO;
    }
    return 0;
}
