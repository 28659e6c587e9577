// SPDX-License-Identifier: Apache-2.0
// The store as the device's book.
#include "store_impl.h"

// The device knows only "not there", "cannot" and "full".
static int book_error(int error)
{
    switch (error) {
    case SOTTO_EPARSE:
    case SOTTO_ENOMEM:
        return SOTTO_EIO;
    default:
        return error;
    }
}

static int number_get(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                      struct sotto_number *out)
{
    struct store_number n;
    int error = store_number_get(user, token_hash, &n);
    if (error == SOTTO_OK) {
        *out = n.number;
        sotto_wipe(&n, sizeof n);
    }
    return book_error(error);
}

struct change {
    int (*change)(struct sotto_number *n, void *arg);
    void *arg;
    int result;
};

// What the device's function returns is its own business: it must not be taken for our error.
static int change_number(struct store_number *n, void *arg)
{
    struct change *c = arg;
    c->result = c->change(&n->number, c->arg);
    return c->result == 0 ? SOTTO_OK : 1;
}

static int number_update(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                         int (*change)(struct sotto_number *n, void *arg), void *arg)
{
    struct change c = {.change = change, .arg = arg};
    int error = store_number_change(user, token_hash, change_number, &c);
    return c.result != 0 ? c.result : book_error(error);
}

static int contact_get(void *user, const struct sotto_fingerprint *fp, struct sotto_contact *out)
{
    return book_error(store_contact_get(user, fp, out));
}

static int verify_in(struct store *s, const struct sotto_fingerprint *fp, bool verified,
                     int64_t now_unix_s)
{
    size_t numbers = 0;
    int error = numbers_set_verified(s, fp, verified, &numbers);
    if (error != SOTTO_OK) {
        return error;
    }
    error = contact_set_verified(s, fp, verified, now_unix_s);
    return error == SOTTO_ENOTFOUND && numbers > 0 ? SOTTO_OK : error;
}

static int set_verified(void *user, const struct sotto_fingerprint *fp, bool verified,
                        int64_t now_unix_s)
{
    struct store *s = user;
    int error = store_begin(s);
    if (error == SOTTO_OK) {
        error = store_end(s, verify_in(s, fp, verified, now_unix_s));
    }
    return book_error(error);
}

struct sotto_book store_book(struct store *s)
{
    return (struct sotto_book){
        .number_get = number_get,
        .number_update = number_update,
        .contact_get = contact_get,
        .set_verified = set_verified,
        .user = s,
    };
}
