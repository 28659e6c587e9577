// SPDX-License-Identifier: Apache-2.0
// SHA-512, HMAC-SHA512 (RFC 2104) and HKDF-SHA512 (RFC 5869) over pieces that lie apart.
#ifndef SOTTO_SESSION_KDF_H
#define SOTTO_SESSION_KDF_H

#include <stddef.h>
#include <stdint.h>

#define SESSION_HASH_BYTES          64
#define SESSION_KDF_INPUT_MAX_BYTES 512 // all parts of one key derivation together

struct session_part {
    const void *data;
    size_t len;
};

// Each returns 0 or SOTTO_ECRYPTO with `out` unchanged.
int session_sha512(uint8_t out[SESSION_HASH_BYTES], const struct session_part *parts, size_t count);
int session_hmac(uint8_t out[SESSION_HASH_BYTES], const uint8_t *key, size_t key_len,
                 const struct session_part *parts, size_t count);
// Extract and expand; out_len at most SESSION_HASH_BYTES. SOTTO_EINVAL if the pieces of `ikm`,
// `salt` or `info` are longer than SESSION_KDF_INPUT_MAX_BYTES.
struct session_hkdf {
    const struct session_part *ikm;
    size_t ikm_count;
    const struct session_part *salt;
    size_t salt_count;
    const struct session_part *info;
    size_t info_count;
};
int session_hkdf(uint8_t *out, size_t out_len, const struct session_hkdf *in);

#endif
