// SPDX-License-Identifier: Apache-2.0
// ML-DSA-87 (FIPS 204) keys: from their 32-byte seed, to and from SubjectPublicKeyInfo, signing.
#ifndef SOTTO_IDENTITY_MLDSA_H
#define SOTTO_IDENTITY_MLDSA_H

#include <openssl/evp.h>
#include <sotto/base.h>

#define MLDSA_PUBLIC_BYTES    2592
#define MLDSA_SPKI_BYTES      2614 // RFC 9881: the one DER encoding
#define MLDSA_SIGNATURE_BYTES 4627

// The key that FIPS 204 ML-DSA.KeyGen_internal makes of this seed; the seed alone is what is
// kept. NULL if OpenSSL fails. The caller frees it with EVP_PKEY_free.
EVP_PKEY *mldsa_from_seed(const struct sotto_secret *seed);
// 0 or SOTTO_ECRYPTO.
int mldsa_seed(const EVP_PKEY *key, struct sotto_secret *out);

// 0 or SOTTO_ECRYPTO.
int mldsa_spki_write(const EVP_PKEY *key, uint8_t out[MLDSA_SPKI_BYTES]);
// 0; SOTTO_EPARSE unless it is exactly the encoding that mldsa_spki_write gives, so that one key
// has one identifier; SOTTO_ECRYPTO. The caller frees the key.
int mldsa_spki_read(EVP_PKEY **out, const uint8_t *spki, size_t len);

// MLDSA_SIGNATURE_BYTES, SOTTO_ESPACE or SOTTO_ECRYPTO. Hedged (FIPS 204 §3.4), empty context.
int mldsa_sign(EVP_PKEY *key, const uint8_t *tbs, size_t len, uint8_t *out, size_t cap);
// 0, SOTTO_EAUTH (or OpenSSL has no memory to tell), SOTTO_ECRYPTO.
int mldsa_verify(EVP_PKEY *key, const uint8_t *tbs, size_t len, const uint8_t *signature,
                 size_t signature_len);

#endif
