// SPDX-License-Identifier: Apache-2.0
#include "push/vapid.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <sotto/base.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "push/ece.h"

#define HALF_BYTES    32
#define CLAIMS_BYTES  (PUSH_ORIGIN_MAX_BYTES + PUSH_CONTACT_MAX_BYTES + 64)
#define UNSIGNED_MAX  (64 + BASE64URL_TEXT_BYTES(CLAIMS_BYTES))
#define DER_MAX_BYTES 80

int vapid_make(char pem[VAPID_PEM_MAX_BYTES])
{
    EVP_PKEY *key = push_key_new();
    BIO *bio = BIO_new(BIO_s_secmem());
    int rc = key != NULL && bio != NULL &&
                     PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                 ? 0
                 : SOTTO_ECRYPTO;
    const char *text = NULL;
    long len = rc == 0 ? BIO_get_mem_data(bio, &text) : 0;
    if (rc == 0 && len >= VAPID_PEM_MAX_BYTES)
        rc = SOTTO_ESPACE;
    if (rc == 0) {
        memcpy(pem, text, (size_t)len);
        pem[len] = '\0';
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    return rc;
}

EVP_PKEY *vapid_read(const char *pem)
{
    uint8_t point[PUSH_POINT_BYTES];
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    BIO_free(bio);
    char group[32] = "";
    if (key != NULL && (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
                        strcmp(group, "prime256v1") != 0 || push_key_point(key, point) != 0)) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static int public_text(const EVP_PKEY *key, char out[VAPID_PUBLIC_TEXT_BYTES])
{
    uint8_t point[PUSH_POINT_BYTES];
    int rc = push_key_point(key, point);
    if (rc == 0)
        rc = base64url_encode(point, sizeof point, out, VAPID_PUBLIC_TEXT_BYTES);
    return rc < 0 ? rc : 0;
}

int vapid_public(const char *pem, char out[VAPID_PUBLIC_TEXT_BYTES])
{
    EVP_PKEY *key = vapid_read(pem);
    int rc = key == NULL ? SOTTO_EINVAL : public_text(key, out);
    EVP_PKEY_free(key);
    return rc;
}

// RFC 7518 §3.4: R and S side by side, not in DER.
static int sign(EVP_PKEY *key, const char *text, uint8_t out[2 * HALF_BYTES])
{
    uint8_t der[DER_MAX_BYTES];
    const uint8_t *at = der;
    size_t len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &len, (const uint8_t *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG *sig = done ? d2i_ECDSA_SIG(NULL, &at, (long)len) : NULL;
    done = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, HALF_BYTES) == HALF_BYTES &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + HALF_BYTES, HALF_BYTES) == HALF_BYTES;
    ECDSA_SIG_free(sig);
    return done ? 0 : SOTTO_ECRYPTO;
}

int vapid_header(EVP_PKEY *key, const char *origin, const char *contact, int64_t now_unix_s,
                 char out[VAPID_HEADER_MAX_BYTES])
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    char claims[CLAIMS_BYTES], text[UNSIGNED_MAX], public[VAPID_PUBLIC_TEXT_BYTES];
    char signature_text[BASE64URL_TEXT_BYTES(2 * HALF_BYTES) + 1];
    uint8_t signature[2 * HALF_BYTES];
    bool has_contact = contact[0] != '\0';
    int len = snprintf(claims, sizeof claims, "{\"aud\":\"%s\",\"exp\":%" PRId64 "%s%s%s}", origin,
                       now_unix_s + VAPID_TOKEN_S, has_contact ? ",\"sub\":\"" : "", contact,
                       has_contact ? "\"" : "");
    if (len < 0 || (size_t)len >= sizeof claims)
        return SOTTO_ESPACE;
    int at = base64url_encode((const uint8_t *)header, sizeof header - 1, text, sizeof text);
    if (at < 0)
        return at;
    text[at++] = '.';
    int rc =
        base64url_encode((const uint8_t *)claims, (size_t)len, text + at, sizeof text - (size_t)at);
    if (rc >= 0)
        rc = sign(key, text, signature);
    if (rc == 0)
        rc = base64url_encode(signature, sizeof signature, signature_text, sizeof signature_text);
    if (rc >= 0)
        rc = public_text(key, public);
    if (rc < 0)
        return rc;
    len =
        snprintf(out, VAPID_HEADER_MAX_BYTES, "vapid t=%s.%s, k=%s", text, signature_text, public);
    return len < 0 || len >= VAPID_HEADER_MAX_BYTES ? SOTTO_ESPACE : 0;
}
