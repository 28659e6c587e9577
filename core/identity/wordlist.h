// SPDX-License-Identifier: Apache-2.0
// The words that people read to each other.
#ifndef SOTTO_IDENTITY_WORDLIST_H
#define SOTTO_IDENTITY_WORDLIST_H

#include <stddef.h>

#define WORDLIST_BITS           11
#define WORDLIST_COUNT          (1 << WORDLIST_BITS)
#define WORDLIST_WORD_MAX_BYTES 8

// Sorted, lower case ASCII.
extern const char *const wordlist[WORDLIST_COUNT];

// The word's index; SOTTO_ENOTFOUND. Exact, lower case.
int wordlist_find(const char *word, size_t len);

#endif
