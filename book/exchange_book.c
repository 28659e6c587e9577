// SPDX-License-Identifier: Apache-2.0
#include "exchange_book.h"

#include <stdio.h>
#include <string.h>

#define TRIES 99 // of labels with a counter

int exchange_book_mint(struct exchange_number *out, const struct store *s,
                       const struct number_terms *terms, int64_t now_unix_s)
{
    struct exchange_number n = {0};
    int err = number_mint(&n.number, "exchange", terms, now_unix_s);
    if (err == 0) {
        number_link(s, &n.number, &n.link);
        *out = n;
    }
    sotto_wipe(&n, sizeof(n));
    return err;
}

static bool contact_has(struct store *s, const char *label)
{
    struct sotto_contact *list = NULL;
    size_t count = 0;
    bool found = false;
    if (store_contacts(s, &list, &count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(list[i].label, label) == 0;
    }
    store_contacts_free(list, count);
    return found;
}

bool exchange_book_taken(struct store *s, const char *label)
{
    return number_label_taken(s, NULL, label, 0) || contact_has(s, label);
}

static void count_label(char out[SOTTO_NAME_MAX_BYTES + 1], const char *label, int number)
{
    if (number <= 1) {
        snprintf(out, SOTTO_NAME_MAX_BYTES + 1, "%s", label);
        return;
    }
    // Room for the counter, without cutting a character in two.
    size_t len = strlen(label);
    while (len > SOTTO_NAME_MAX_BYTES - 3 ||
           (len > 0 && ((unsigned char)label[len] & 0xc0) == 0x80)) {
        len--;
    }
    snprintf(out, SOTTO_NAME_MAX_BYTES + 1, "%.*s %d", (int)len, label, number);
}

static int write_number(struct store *s, const char *label, const struct exchange_number *ours,
                        const struct sotto_fingerprint *peer, int64_t now_unix_s)
{
    struct store_number n = {.number = ours->number, .pending = STORE_PENDING_PUBLISH};
    n.number.state = SOTTO_NUMBER_BOUND;
    n.number.bound = *peer;
    n.number.was_bound = true;
    n.number.verified = true;
    int err = SOTTO_EEXIST;
    for (int i = 1; i <= TRIES && err == SOTTO_EEXIST; i++) {
        count_label(n.number.label, label, i);
        err = store_number_add(s, &n, now_unix_s);
    }
    sotto_wipe(&n, sizeof(n));
    return err;
}

struct change {
    const struct sotto_number_link *theirs;
    int64_t now_unix_s;
};

static int change_contact(struct sotto_contact *c, void *arg)
{
    const struct change *change = arg;
    c->verified = true;
    c->verified_unix_s = change->now_unix_s;
    c->has_link = true;
    c->link = *change->theirs;
    return 0;
}

static int add_contact(struct store *s, const char *label, struct change *change,
                       const struct sotto_fingerprint *peer)
{
    struct sotto_contact c = {.fingerprint = *peer, .created_unix_s = change->now_unix_s};
    change_contact(&c, change);
    int err = SOTTO_EEXIST;
    for (int i = 1; i <= TRIES && err == SOTTO_EEXIST; i++) {
        count_label(c.label, label, i);
        err = store_contact_add(s, &c);
    }
    sotto_wipe(&c, sizeof(c));
    return err;
}

int exchange_book_write(struct store *s, const char *label, const struct exchange_number *ours,
                        const struct sotto_number_link *theirs,
                        const struct sotto_fingerprint *peer, int64_t now_unix_s)
{
    struct change change = {.theirs = theirs, .now_unix_s = now_unix_s};
    int err = write_number(s, label, ours, peer, now_unix_s);
    if (err != 0) {
        return err;
    }
    err = store_contact_change(s, peer, change_contact, &change);
    return err == SOTTO_ENOTFOUND ? add_contact(s, label, &change, peer) : err;
}
