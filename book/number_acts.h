// SPDX-License-Identifier: Apache-2.0
// What an owner does with a number, and what a number is good for. Each act is one transaction of
// the store; what the relay has to be told of it is pending then (publisher.h). Errors are the
// store's, and those named.
#ifndef SOTTO_BOOK_NUMBER_ACTS_H
#define SOTTO_BOOK_NUMBER_ACTS_H

#include "store.h"

struct number_terms {
    int64_t expires_s; // from now; 0 never
    uint32_t calls;    // 0 unlimited
};

// Fresh, in no store yet. What sotto_number_init gives.
int number_mint(struct sotto_number *out, const char *label, const struct number_terms *terms,
                int64_t now_unix_s);
// The same, added to the store and to be published. Also SOTTO_EEXIST: a live number has that
// label; SOTTO_ELIMIT.
int number_new(struct store *s, const char *label, const struct number_terms *terms,
               int64_t now_unix_s, struct store_number *out);

// What the number's holder needs. Secret.
void number_link(const struct store *s, const struct sotto_number *n,
                 struct sotto_number_link *out);
// The same as text: 0, or what sotto_number_link_format gives.
int number_link_text(const struct store *s, const struct sotto_number *n,
                     char out[SOTTO_LINK_MAX_BYTES]);

// Refused here from now on; the relay forgets it. Once more changes nothing.
int number_revoke(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]);
// Takes a revoke back: as it was before, and to be published again. SOTTO_ESTATE: it is not
// revoked; SOTTO_EEXIST: a live number has its label by now.
int number_restore(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                   int64_t now_unix_s);
// A bound number binds anew to whoever calls with it first; a fresh one stays so. What is known of
// its leaks is forgotten. SOTTO_EREVOKED: it stays so.
int number_rebind(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]);
// SOTTO_EINVAL: not a label; SOTTO_EEXIST: a live number other than this one has it.
int number_rename(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                  const char *label, int64_t now_unix_s);
// Whether a live number, other than `self` (may be NULL), has that label. False also if the store
// cannot be read: the write that follows will say so.
bool number_label_taken(struct store *s, const uint8_t *self_token_hash, const char *label,
                        int64_t now_unix_s);

// What a number is good for, worst first.
enum number_condition {
    CONDITION_REVOKED,
    CONDITION_EXPIRED,
    CONDITION_USED_UP,
    CONDITION_LEAKED, // bound, and somebody else has tried it
    CONDITION_FRESH,
    CONDITION_BOUND,
};
enum number_condition number_condition(const struct sotto_number *n, int64_t now_unix_s);
const char *number_condition_name(enum number_condition c); // in JSON: "used_up"

#endif
