// SPDX-License-Identifier: Apache-2.0
// Hashing and key derivation for this directory. 0 or SOTTO_ECRYPTO (OpenSSL is out of memory).
#ifndef SOTTO_IDENTITY_DIGEST_H
#define SOTTO_IDENTITY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA256_BYTES 32
#define DIGEST_SHA384_BYTES 48
#define DIGEST_SHA512_BYTES 64

// FIPS 180-4.
int digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES]);
int digest_sha384(const void *data, size_t len, uint8_t out[DIGEST_SHA384_BYTES]);
int digest_sha512(const void *data, size_t len, uint8_t out[DIGEST_SHA512_BYTES]);

// For identifiers given out by functions that have no way to say that one is missing: aborts.
void digest_sha256_or_abort(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES]);

// HKDF-SHA512 (RFC 5869), extract and expand. Salt and info are texts.
int digest_hkdf_sha512(const void *key, size_t key_len, const char *salt, const char *info,
                       uint8_t *out, size_t len);

#endif
