// SPDX-License-Identifier: Apache-2.0
// For core/session only: the OpenSSL keys behind an identity.
#ifndef SOTTO_IDENTITY_KEYS_H
#define SOTTO_IDENTITY_KEYS_H

#include <openssl/evp.h>
#include <sotto/identity.h>

#define IDENTITY_MLDSA_SPKI_MAX_BYTES 4096
#define IDENTITY_ED25519_SPKI_BYTES 44

// Borrowed; valid as long as the identity.
EVP_PKEY *identity_mldsa(const struct sotto_identity *id);
EVP_PKEY *identity_ed25519(const struct sotto_identity *id);

#endif
