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

bool weights_match(const uint8_t *data, size_t len, const char *sha256)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    size_t n = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, data, len, digest, &n) != 1 || n != sizeof digest) {
        return false;
    }
    write_hex(hex, digest, sizeof digest);
    return strcmp(hex, sha256) == 0;
}
