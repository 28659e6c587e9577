// SPDX-License-Identifier: Apache-2.0
// The number or contact that a user means by a word on the command line. Both: the whole label,
// then the label in any case, then the beginning of one that fits no other.
#ifndef SOTTO_CLI_SELECT_H
#define SOTTO_CLI_SELECT_H

#include "cli.h"
#include "store.h"

// Numbers are found by their short name (number_id) too. Where several fit, numbers that can be
// called come first. CLI_OK, or said: CLI_NOT_FOUND, CLI_STORE. Wipe *out afterwards.
int select_number(struct cli *cli, struct store *s, const char *word, struct store_number *out);
// Contacts are found by the beginning of their fingerprint (eight characters or more) too.
int select_contact(struct cli *cli, struct store *s, const char *word, struct sotto_contact *out);

// A number's short name: the first four bytes of its token's hash, in hex.
#define NUMBER_ID_BYTES 9
void number_id(const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES], char out[NUMBER_ID_BYTES]);

#endif
