// SPDX-License-Identifier: Apache-2.0
// Hashes for the functions of this directory.
#ifndef SOTTO_IDENTITY_DIGEST_H
#define SOTTO_IDENTITY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA256_BYTES 32
#define DIGEST_SHA512_BYTES 64

// SHA-2 (FIPS 180-4). Cannot fail but by lack of memory inside the library, and then aborts: their
// callers give identifiers out and have no way to say that one is missing.
void digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_BYTES]);
void digest_sha512(const void *data, size_t len, uint8_t out[DIGEST_SHA512_BYTES]);

#endif
