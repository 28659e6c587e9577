// SPDX-License-Identifier: Apache-2.0
// Signatures by keys that are nobody's identity here: those of releases.
#ifndef SOTTO_IDENTITY_SIGNATURE_H
#define SOTTO_IDENTITY_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_ED25519_KEY_BYTES 32
#define SIGNATURE_ED25519_BYTES     64

// Ed25519 (RFC 8032). 0 if it is that key's; SOTTO_ECRYPTO if not, or if OpenSSL is out of memory.
int signature_ed25519_verify(const uint8_t key[SIGNATURE_ED25519_KEY_BYTES],
                             const uint8_t signature[SIGNATURE_ED25519_BYTES], const void *data,
                             size_t len);

#endif
