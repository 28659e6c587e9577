// SPDX-License-Identifier: Apache-2.0
#include "identity/ossl.h"

#include <openssl/err.h>

// In an empty queue no mark can be set; counting and popping then go to its bottom, which is the
// same place.
void ossl_begin(void)
{
    (void)ERR_set_mark();
}

bool ossl_end(bool done)
{
    bool clean = ERR_count_to_mark() == 0;
    (void)ERR_pop_to_mark();
    return done && clean;
}

EVP_PKEY *ossl_end_key(EVP_PKEY *key)
{
    if (!ossl_end(key != NULL)) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}
