// SPDX-License-Identifier: Apache-2.0
// A person's book, in memory; its disk may be full or broken.
#include "sim.h"

#include <assert.h>
#include <string.h>

struct sotto_number *book_number(struct book *b, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    for (size_t i = 0; i < b->number_count; i++)
        if (memcmp(b->numbers[i].token_hash, token_hash, SOTTO_TOKEN_HASH_BYTES) == 0)
            return &b->numbers[i];
    return NULL;
}

struct sotto_contact *book_contact(struct book *b, const struct sotto_fingerprint *fp)
{
    for (size_t i = 0; i < b->contact_count; i++)
        if (sotto_fingerprint_equal(&b->contacts[i].fingerprint, fp))
            return &b->contacts[i];
    return NULL;
}

struct sotto_contact *book_contact_add(struct book *b, const char *label,
                                       const struct sotto_fingerprint *fp)
{
    struct sotto_contact *c = book_contact(b, fp);
    if (c)
        return c;
    assert(b->contact_count < CONTACTS_MAX);
    c = &b->contacts[b->contact_count++];
    memset(c, 0, sizeof *c);
    snprintf(c->label, sizeof c->label, "%s", label);
    c->fingerprint = *fp;
    return c;
}

static int write_failure(struct book *b)
{
    if (b->failure)
        return b->failure;
    if (b->fail_per_mille && rng_chance(&b->rng, b->fail_per_mille))
        return rng_chance(&b->rng, 500) ? SOTTO_EFULL : SOTTO_EIO;
    return 0;
}

static int number_get(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                      struct sotto_number *out)
{
    const struct sotto_number *n = book_number(user, token_hash);
    if (!n)
        return SOTTO_ENOTFOUND;
    *out = *n;
    return 0;
}

static int number_update(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                         int (*change)(struct sotto_number *n, void *arg), void *arg)
{
    struct sotto_number *n = book_number(user, token_hash);
    if (!n)
        return SOTTO_ENOTFOUND;
    struct sotto_number copy = *n;
    int rc = change(&copy, arg);
    if (rc == 0)
        rc = write_failure(user);
    if (rc == 0)
        *n = copy;
    return rc;
}

static int contact_get(void *user, const struct sotto_fingerprint *fp, struct sotto_contact *out)
{
    const struct sotto_contact *c = book_contact(user, fp);
    if (!c)
        return SOTTO_ENOTFOUND;
    *out = *c;
    return 0;
}

static int set_verified(void *user, const struct sotto_fingerprint *fp, bool verified,
                        int64_t now_unix_s)
{
    struct book *b = user;
    int rc = write_failure(b);
    if (rc != 0)
        return rc;
    struct sotto_contact *c = book_contact(b, fp);
    if (c) {
        c->verified = verified;
        c->verified_unix_s = now_unix_s;
    }
    for (size_t i = 0; i < b->number_count; i++)
        if (b->numbers[i].was_bound && sotto_fingerprint_equal(&b->numbers[i].bound, fp))
            b->numbers[i].verified = verified;
    return 0;
}

struct sotto_book book_of(struct person *p)
{
    return (struct sotto_book){number_get, number_update, contact_get, set_verified, &p->book};
}
