// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?": the nearest of several words by edit distance.
#ifndef SOTTO_DAEMON_NEAREST_H
#define SOTTO_DAEMON_NEAREST_H

#include <stddef.h>

#define NEAREST_WORD_MAX 64 // what is longer is compared by its beginning

struct nearest {
    const char *word;
    const char *best; // NULL before the first offer; borrowed
    size_t distance;
};

void nearest_begin(struct nearest *n, const char *word);
void nearest_offer(struct nearest *n, const char *candidate);
// Levenshtein's distance: insertions, deletions, replacements.
size_t nearest_distance(const char *a, const char *b);

#endif
