// SPDX-License-Identifier: Apache-2.0
// For core/session only: the OpenSSL keys behind an identity.
#ifndef SOTTO_IDENTITY_KEYS_H
#define SOTTO_IDENTITY_KEYS_H

#include <openssl/evp.h>
#include <sotto/identity.h>

#define IDENTITY_MLDSA_SPKI_MAX_BYTES 4096
#define IDENTITY_MLDSA_SPKI_BYTES     2614 // ML-DSA-87 (RFC 9881)
#define IDENTITY_ED25519_SPKI_BYTES   44   // RFC 8410

// Borrowed; valid as long as the identity.
EVP_PKEY *identity_mldsa(const struct sotto_identity *id);
EVP_PKEY *identity_ed25519(const struct sotto_identity *id);

// SubjectPublicKeyInfo DER, the same bytes as i2d_PUBKEY gives. 0, or SOTTO_ECRYPTO (another kind
// of key, or OpenSSL failed).
int identity_mldsa_spki(const EVP_PKEY *key, uint8_t out[IDENTITY_MLDSA_SPKI_BYTES]);
int identity_ed25519_spki(const EVP_PKEY *key, uint8_t out[IDENTITY_ED25519_SPKI_BYTES]);

#endif
