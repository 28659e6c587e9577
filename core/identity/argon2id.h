// SPDX-License-Identifier: Apache-2.0
// Argon2id version 0x13 (RFC 9106) of a passphrase, one lane.
#ifndef SOTTO_IDENTITY_ARGON2ID_H
#define SOTTO_IDENTITY_ARGON2ID_H

#include <sotto/identity.h>

#define ARGON2ID_LANES          1
#define ARGON2ID_MEMORY_MIN_KIB 8 // RFC 9106 §3.1: 8 a lane
#define ARGON2ID_SALT_MIN_BYTES 8

// Takes cost->memory_kib of memory and about passes * memory of time: the caller bounds them.
// 0, or SOTTO_ENOMEM: with parameters in range nothing else can be missing.
int argon2id(struct sotto_secret *out, const char *passphrase, const uint8_t *salt, size_t salt_len,
             const struct sotto_vault_cost *cost);

#endif
