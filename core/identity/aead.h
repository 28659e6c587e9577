// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM (NIST SP 800-38D), 96-bit nonce, 128-bit tag behind the ciphertext.
#ifndef SOTTO_IDENTITY_AEAD_H
#define SOTTO_IDENTITY_AEAD_H

#include <sotto/base.h>

#define AEAD_NONCE_BYTES   12
#define AEAD_TAG_BYTES     16
#define AEAD_LEN_MAX_BYTES (UINT32_C(1) << 30) // of plaintext and of associated data

struct aead_ad {
    const void *data;
    size_t len;
};

// Writes len + AEAD_TAG_BYTES bytes. 0, SOTTO_ECRYPTO, SOTTO_ELIMIT. out and plain may not overlap.
int aead_seal(const struct sotto_secret *key, const uint8_t nonce[AEAD_NONCE_BYTES],
              struct aead_ad ad, const uint8_t *plain, size_t len, uint8_t *out);
// Opens len bytes (tag included) and writes len - AEAD_TAG_BYTES. 0, SOTTO_EAUTH, SOTTO_ECRYPTO,
// SOTTO_ELIMIT. On failure what was written to out is zeroed: GCM decrypts before it knows.
int aead_open(const struct sotto_secret *key, const uint8_t nonce[AEAD_NONCE_BYTES],
              struct aead_ad ad, const uint8_t *sealed, size_t len, uint8_t *out);

#endif
