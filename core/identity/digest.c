// SPDX-License-Identifier: Apache-2.0
#include "identity/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

void digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES])
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) != 1) {
        abort();
    }
}

void digest_sha512(const void *data, size_t len, uint8_t out[DIGEST_SHA512_BYTES])
{
    if (EVP_Digest(data, len, out, NULL, EVP_sha512(), NULL) != 1) {
        abort();
    }
}
