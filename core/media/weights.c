// SPDX-License-Identifier: Apache-2.0
#include "media/weights.h"

#include <openssl/evp.h>
#include <string.h>

#define SHA256_BYTES 32

static void write_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static bool begin(struct weights_check *c, const uint8_t *data, size_t len)
{
    EVP_MD_CTX_free(c->digest);
    *c = (struct weights_check){.data = data, .len = len, .digest = EVP_MD_CTX_new()};
    return c->digest != NULL && EVP_DigestInit_ex(c->digest, EVP_sha256(), NULL) == 1;
}

static bool step(struct weights_check *c)
{
    size_t left = c->len - c->at, n = left < WEIGHTS_STEP_BYTES ? left : WEIGHTS_STEP_BYTES;
    bool good = n == 0 || EVP_DigestUpdate(c->digest, c->data + c->at, n) == 1;
    c->at += n;
    return good;
}

static bool is_it(struct weights_check *c, const char *sha256)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(c->digest, digest, &n) != 1 || n != sizeof digest) {
        return false;
    }
    write_hex(hex, digest, sizeof digest);
    return strcmp(hex, sha256) == 0;
}

enum weights_found weights_check(struct weights_check *c, const uint8_t *data, size_t len,
                                 const char *sha256)
{
    bool anew = c->digest == NULL || c->data != data || c->len != len;
    bool good = (!anew || begin(c, data, len)) && step(c);
    if (good && c->at < c->len) {
        return WEIGHTS_MORE;
    }
    good = good && is_it(c, sha256);
    EVP_MD_CTX_free(c->digest);
    *c = (struct weights_check){0};
    return good ? WEIGHTS_GOOD : WEIGHTS_BAD;
}
