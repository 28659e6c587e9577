// SPDX-License-Identifier: Apache-2.0
// A recovery kit: who somebody is and which line is theirs, sealed under 24 words that are printed
// beside it. No numbers, no contacts: small enough for a QR code. docs/STORE.md has the format.
#ifndef SOTTO_WASM_KIT_H
#define SOTTO_WASM_KIT_H

#include "store.h"

#define KIT_WORDS          24 // BIP-39: 256 random bits and 8 of a checksum
#define KIT_WORDS_BYTES    (KIT_WORDS * 9)
#define KIT_DATA_MAX_BYTES 1024

// Random words, single spaces between.
void kit_words_new(char out[KIT_WORDS_BYTES], const struct sotto_env *env);
// What somebody typed, as kit_words_new writes it: case, spaces, commas and line ends do not
// matter. SOTTO_EPASSPHRASE: not 24 words of the list, or the checksum says that one is wrong.
int kit_words_normalise(char out[KIT_WORDS_BYTES], const char *text);

// Whether data begins as a kit does.
bool kit_is(const uint8_t *data, size_t len);
// Bytes written, SOTTO_ESPACE, SOTTO_ENOMEM, SOTTO_ECRYPTO.
int kit_seal(uint8_t *out, size_t cap, const char *words, const struct store *s);

struct kit {
    struct store_profile profile; // registered, without an invitation
    struct sotto_identity *identity;
    struct sotto_line_key *line_key; // NULL: no line
};
// SOTTO_EPASSPHRASE, SOTTO_EPARSE (damaged), SOTTO_ESTATE (made by a newer sotto), SOTTO_ENOMEM.
int kit_open(struct kit *out, const char *words, const uint8_t *data, size_t len);
void kit_free(struct kit *k); // wipes

#endif
