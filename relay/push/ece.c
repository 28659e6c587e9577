// SPDX-License-Identifier: Apache-2.0
#include "push/ece.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <sotto/base.h>
#include <string.h>

#define KEY_BYTES    16
#define NONCE_BYTES  12
#define TAG_BYTES    16
#define IKM_BYTES    32
#define SHARED_BYTES 32

static const char curve[] = "prime256v1";

EVP_PKEY *push_key_new(void)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

int push_key_point(const EVP_PKEY *key, uint8_t point[PUSH_POINT_BYTES])
{
    size_t len = 0;
    uint8_t buf[PUSH_POINT_BYTES];
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, buf, sizeof buf, &len) != 1 ||
        len != sizeof buf || buf[0] != 4)
        return SOTTO_ECRYPTO;
    memcpy(point, buf, sizeof buf);
    return 0;
}

// Refuses what is not on the curve.
static EVP_PKEY *key_of_point(const uint8_t point[PUSH_POINT_BYTES])
{
    EVP_PKEY *key = NULL;
    uint8_t copy[PUSH_POINT_BYTES];
    memcpy(copy, point, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static int agree(uint8_t shared[SHARED_BYTES], EVP_PKEY *ours, EVP_PKEY *theirs)
{
    size_t len = SHARED_BYTES;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
    bool done = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
                EVP_PKEY_derive(ctx, shared, &len) == 1 && len == SHARED_BYTES;
    EVP_PKEY_CTX_free(ctx);
    return done ? 0 : SOTTO_ECRYPTO;
}

static int hkdf(uint8_t *out, size_t out_len, const uint8_t *ikm, size_t ikm_len,
                const uint8_t salt[16], const uint8_t *info, size_t info_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm, ikm_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, 16),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len),
        OSSL_PARAM_construct_end(),
    };
    bool done = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done ? 0 : SOTTO_ECRYPTO;
}

// The bytes end in the delimiter of the last record (RFC 8188 §2).
static int seal(uint8_t *out, const uint8_t key[KEY_BYTES], const uint8_t nonce[NONCE_BYTES],
                const uint8_t *plain, size_t len)
{
    static const uint8_t last = 2;
    int n = 0, m = 0, end = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
                EVP_EncryptUpdate(ctx, out, &n, plain, (int)len) == 1 &&
                EVP_EncryptUpdate(ctx, out + n, &m, &last, 1) == 1 &&
                EVP_EncryptFinal_ex(ctx, out + n + m, &end) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, out + n + m) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return done && (size_t)(n + m) == len + 1 ? 0 : SOTTO_ECRYPTO;
}

int push_seal_record(uint8_t *out, size_t cap, const uint8_t *ikm, size_t ikm_len,
                     const uint8_t salt[PUSH_SALT_BYTES], const uint8_t *key_id, size_t key_id_len,
                     const uint8_t *plain, size_t len)
{
    static const uint8_t key_info[] = "Content-Encoding: aes128gcm";
    static const uint8_t nonce_info[] = "Content-Encoding: nonce"; // with its NUL, both
    uint8_t key[KEY_BYTES], nonce[NONCE_BYTES];
    size_t header = PUSH_SALT_BYTES + 4 + 1 + key_id_len, all = header + len + 1 + TAG_BYTES;
    if (len > PUSH_PLAIN_MAX_BYTES || key_id_len > UINT8_MAX)
        return SOTTO_EINVAL;
    if (cap < all)
        return SOTTO_ESPACE;
    memcpy(out, salt, PUSH_SALT_BYTES);
    memcpy(out + PUSH_SALT_BYTES,
           (uint8_t[]){0, 0, PUSH_RECORD_BYTES >> 8, PUSH_RECORD_BYTES & 0xff, (uint8_t)key_id_len},
           5);
    if (key_id_len > 0)
        memcpy(out + PUSH_SALT_BYTES + 5, key_id, key_id_len);
    int rc = hkdf(key, sizeof key, ikm, ikm_len, salt, key_info, sizeof key_info);
    if (rc == 0)
        rc = hkdf(nonce, sizeof nonce, ikm, ikm_len, salt, nonce_info, sizeof nonce_info);
    if (rc == 0)
        rc = seal(out + header, key, nonce, plain, len);
    sotto_wipe(key, sizeof key);
    return rc == 0 ? (int)all : rc;
}

// RFC 8291 §3.4: the subscription's secret and both points go into the keying material.
static int keying_material(uint8_t ikm[IKM_BYTES], const uint8_t shared[SHARED_BYTES],
                           const uint8_t auth[PUSH_AUTH_BYTES],
                           const uint8_t p256dh[PUSH_POINT_BYTES],
                           const uint8_t ours[PUSH_POINT_BYTES])
{
    static const char label[] = "WebPush: info"; // with its NUL
    uint8_t info[sizeof label + 2 * PUSH_POINT_BYTES];
    memcpy(info, label, sizeof label);
    memcpy(info + sizeof label, p256dh, PUSH_POINT_BYTES);
    memcpy(info + sizeof label + PUSH_POINT_BYTES, ours, PUSH_POINT_BYTES);
    return hkdf(ikm, IKM_BYTES, shared, SHARED_BYTES, auth, info, sizeof info);
}

int push_encrypt(uint8_t *out, size_t cap, const uint8_t p256dh[PUSH_POINT_BYTES],
                 const uint8_t auth[PUSH_AUTH_BYTES], EVP_PKEY *ours,
                 const uint8_t salt[PUSH_SALT_BYTES], const uint8_t *plain, size_t len)
{
    uint8_t point[PUSH_POINT_BYTES], shared[SHARED_BYTES], ikm[IKM_BYTES];
    EVP_PKEY *theirs = key_of_point(p256dh);
    int rc = theirs == NULL ? SOTTO_EPARSE : push_key_point(ours, point);
    if (rc == 0)
        rc = agree(shared, ours, theirs);
    if (rc == 0)
        rc = keying_material(ikm, shared, auth, p256dh, point);
    if (rc == 0)
        rc = push_seal_record(out, cap, ikm, sizeof ikm, salt, point, sizeof point, plain, len);
    EVP_PKEY_free(theirs);
    sotto_wipe(shared, sizeof shared);
    sotto_wipe(ikm, sizeof ikm);
    return rc;
}
