// SPDX-License-Identifier: Apache-2.0
// What an exchange leaves behind in the store: a contact, and a number bound to that contact.
#ifndef SOTTO_BOOK_EXCHANGE_BOOK_H
#define SOTTO_BOOK_EXCHANGE_BOOK_H

#include "number_acts.h"

// The number we shall give, and its link. Secret.
struct exchange_number {
    struct sotto_number number;
    struct sotto_number_link link;
};

// Fresh, in no store yet. What sotto_number_init gives.
int exchange_book_mint(struct exchange_number *out, const struct store *s,
                       const struct number_terms *terms, int64_t now_unix_s);
// A live number or a contact has that label.
bool exchange_book_taken(struct store *s, const char *label);
// The number bound to the peer, verified and to be published; the contact with the peer's link (an
// old contact of the same identity keeps its label). If the label was taken meanwhile, a counter is
// put behind it: the words were compared, so nothing may be lost now. A store error.
int exchange_book_write(struct store *s, const char *label, const struct exchange_number *ours,
                        const struct sotto_number_link *theirs,
                        const struct sotto_fingerprint *peer, int64_t now_unix_s);

#endif
