// SPDX-License-Identifier: Apache-2.0
// Brackets every use of OpenSSL in this directory:
//
//     ossl_begin();
//     bool done = ... == 1;
//     ...free...
//     return ossl_end(done) ? 0 : SOTTO_ECRYPTO;
//
// It leaves OpenSSL's error queue as it was (TLS reads it, so nothing may be left behind), and it
// counts a success only if no error was noted on the way: OpenSSL 3.5 overlooks failed allocations
// inside Argon2id and ML-DSA and then returns success with a wrong key, a signature that does not
// verify, or for a signature that does not (tests/unit/identity_alloc_test.c shows each).
#ifndef SOTTO_IDENTITY_OSSL_H
#define SOTTO_IDENTITY_OSSL_H

#include <openssl/evp.h>
#include <stdbool.h>

void ossl_begin(void);
bool ossl_end(bool done);
// The same for a key: key, or NULL and key is freed.
EVP_PKEY *ossl_end_key(EVP_PKEY *key);

#endif
