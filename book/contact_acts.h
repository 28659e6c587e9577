// SPDX-License-Identifier: Apache-2.0
// Keeping a number that somebody gave us, and the line that an invitation gives us.
#ifndef SOTTO_BOOK_CONTACT_ACTS_H
#define SOTTO_BOOK_CONTACT_ACTS_H

#include "store.h"

// Whether the link can be used: 0, SOTTO_EPEER (it is our own number), SOTTO_EEXPIRED (by our
// clock).
int contact_link_check(const struct store *s, const struct sotto_number_link *link,
                       int64_t now_unix_s);
// Keeps the link with the contact that has its identity, or with a new one. label NULL: a contact
// that is there keeps its own, a new one is called what the link says. *fresh: it is a new one.
// SOTTO_EINVAL: no label, or the link carries none; SOTTO_EEXIST: another contact has that label;
// SOTTO_ELIMIT; errors of the store.
int contact_keep_link(struct store *s, const struct sotto_number_link *link, const char *label,
                      int64_t now_unix_s, bool *fresh, struct sotto_contact *out);
// SOTTO_EINVAL: not a label; SOTTO_EEXIST: another contact has it; SOTTO_ENOTFOUND.
int contact_rename(struct store *s, const struct sotto_fingerprint *fp, const char *label);

// The profile gets the line of the invitation, not yet registered.
void line_take_invite(struct store_profile *p, const struct sotto_invite_link *invite);
// The relay has confirmed the line: written down, the invitation wiped. Errors of the store.
int line_confirm(struct store *s);

#endif
