// SPDX-License-Identifier: Apache-2.0
// The content of a push, encrypted for the browser that made the subscription: RFC 8291 (ECDH on
// P-256 and the subscription's secret) over RFC 8188 (aes128gcm), one record.
#ifndef SOTTO_PUSH_ECE_H
#define SOTTO_PUSH_ECE_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "push/endpoint.h"

#define PUSH_SALT_BYTES        16
#define PUSH_RECORD_BYTES      4096 // announced; RFC 8291 §4 wants one record
#define PUSH_PLAIN_MAX_BYTES   128
// Of what push_encrypt writes for so many bytes.
#define PUSH_SEALED_BYTES(len) (PUSH_SALT_BYTES + 4 + 1 + PUSH_POINT_BYTES + (len) + 1 + 16)

// A fresh P-256 key; NULL.
EVP_PKEY *push_key_new(void);
// The point, uncompressed. 0, SOTTO_ECRYPTO.
int push_key_point(const EVP_PKEY *key, uint8_t point[PUSH_POINT_BYTES]);

// RFC 8188 with one record: header (salt, record size, key identifier) and ciphertext.
// Bytes written; SOTTO_ESPACE, SOTTO_EINVAL (len over PUSH_PLAIN_MAX_BYTES), SOTTO_ECRYPTO.
int push_seal_record(uint8_t *out, size_t cap, const uint8_t *ikm, size_t ikm_len,
                     const uint8_t salt[PUSH_SALT_BYTES], const uint8_t *key_id, size_t key_id_len,
                     const uint8_t *plain, size_t len);

// RFC 8291 §3: ours is a key that serves this one message, salt is random. As push_seal_record;
// SOTTO_EPARSE: p256dh is no point.
int push_encrypt(uint8_t *out, size_t cap, const uint8_t p256dh[PUSH_POINT_BYTES],
                 const uint8_t auth[PUSH_AUTH_BYTES], EVP_PKEY *ours,
                 const uint8_t salt[PUSH_SALT_BYTES], const uint8_t *plain, size_t len);

#endif
