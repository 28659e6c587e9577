// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stddef.h>
#include <string.h>

struct row {
    uint8_t id[BOX_ID_BYTES];
    struct store_number n;
};

static int put(struct store *s, const struct row *row)
{
    uint8_t plain[CODEC_NUMBER_BYTES];
    int error = codec_number_encode(&row->n, plain);
    if (error == SOTTO_OK) {
        error = box_put(s, BOX_NUMBER, row->id, plain, sizeof plain);
    }
    sotto_wipe(plain, sizeof plain);
    return error;
}

// ---- list --------------------------------------------------------------------------------------

static int decode(void *row, const uint8_t *plain, size_t len)
{
    return codec_number_decode(&((struct row *)row)->n, plain, len);
}

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int64_t xt = x->n.number.created_unix_s, yt = y->n.number.created_unix_s;
    if (xt != yt) {
        return xt < yt ? 1 : -1;
    }
    return strcmp(x->n.number.label, y->n.number.label);
}

static const struct box_rows numbers = {
    .kind = BOX_NUMBER,
    .row_bytes = sizeof(struct row),
    .value_offset = offsetof(struct row, n),
    .value_bytes = sizeof(struct store_number),
    .decode = decode,
    .order = newest_first,
};

static int load(struct store *s, struct box_list *list)
{
    return box_list_load(s, &numbers, STORE_NUMBERS_MAX + 1, list);
}

int store_numbers(struct store *s, struct store_number **out, size_t *count)
{
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct store_number *values = box_list_values(&list, list.count);
    if (values != NULL) {
        *out = values;
        *count = list.count;
    }
    box_list_free(&list);
    return values != NULL ? SOTTO_OK : SOTTO_ENOMEM;
}

void store_numbers_free(struct store_number *list, size_t count)
{
    box_values_free(list, count * sizeof *list);
}

// ---- one ---------------------------------------------------------------------------------------

static bool has_hash(const void *row, const void *token_hash)
{
    const struct row *r = row;
    return memcmp(r->n.number.token_hash, token_hash, SOTTO_TOKEN_HASH_BYTES) == 0;
}

int store_number_get(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                     struct store_number *out)
{
    struct row row;
    int error = box_find(s, &numbers, has_hash, token_hash, &row);
    if (error == SOTTO_OK) {
        *out = row.n;
        sotto_wipe(&row, sizeof row);
    }
    return error;
}

static int change_in(struct store *s, const uint8_t *token_hash,
                     int (*change)(struct store_number *n, void *arg), void *arg)
{
    struct row row;
    int error = box_find(s, &numbers, has_hash, token_hash, &row);
    if (error != SOTTO_OK) {
        return error;
    }
    error = change(&row.n, arg);
    if (error == SOTTO_OK) {
        error = put(s, &row);
    }
    sotto_wipe(&row, sizeof row);
    return error;
}

int store_number_change(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                        int (*change)(struct store_number *n, void *arg), void *arg)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, change_in(s, token_hash, change, arg)) : error;
}

static int clear_pending(struct store_number *n, void *arg)
{
    const enum store_pending *was = arg;
    if (n->pending != *was) {
        return 1; // changed in between: what is pending now is still to be done
    }
    n->pending = STORE_PENDING_NONE;
    return SOTTO_OK;
}

int store_number_done(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                      enum store_pending was)
{
    int result = store_number_change(s, token_hash, clear_pending, &was);
    return result == 1 ? SOTTO_OK : result;
}

// ---- adding ------------------------------------------------------------------------------------

// Makes room for one more by giving up the oldest revoked number that the relay has forgotten.
static int make_room(struct store *s, const struct box_list *list)
{
    if (list->count < STORE_NUMBERS_MAX) {
        return SOTTO_OK;
    }
    const struct row *rows = list->rows;
    for (size_t i = list->count; i-- > 0;) {
        const struct store_number *n = &rows[i].n;
        if (n->number.state == SOTTO_NUMBER_REVOKED && n->pending == STORE_PENDING_NONE) {
            return box_remove(s, BOX_NUMBER, rows[i].id);
        }
    }
    return SOTTO_ELIMIT;
}

static int check_free(const struct box_list *list, const struct sotto_number *n, int64_t now_unix_s)
{
    const struct row *rows = list->rows;
    for (size_t i = 0; i < list->count; i++) {
        const struct sotto_number *other = &rows[i].n.number;
        bool same_token = memcmp(other->token_hash, n->token_hash, sizeof n->token_hash) == 0;
        bool same_label = strcmp(other->label, n->label) == 0 &&
                          sotto_number_check(other, now_unix_s) == SOTTO_OK;
        if (same_token || same_label) {
            return SOTTO_EEXIST;
        }
    }
    return SOTTO_OK;
}

static int add_in(struct store *s, const struct store_number *n, int64_t now_unix_s)
{
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    error = check_free(&list, &n->number, now_unix_s);
    if (error == SOTTO_OK) {
        error = make_room(s, &list);
    }
    box_list_free(&list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct row row = {.n = *n};
    box_new_id(row.id);
    error = put(s, &row);
    sotto_wipe(&row, sizeof row);
    return error;
}

int store_number_add(struct store *s, const struct store_number *n, int64_t now_unix_s)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, add_in(s, n, now_unix_s)) : error;
}

// ---- for the device's book ---------------------------------------------------------------------

int numbers_set_verified(struct store *s, const struct sotto_fingerprint *fp, bool verified,
                         size_t *changed)
{
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct row *rows = list.rows;
    for (size_t i = 0; i < list.count && error == SOTTO_OK; i++) {
        struct sotto_number *n = &rows[i].n.number;
        if (n->state == SOTTO_NUMBER_BOUND && sotto_fingerprint_equal(&n->bound, fp)) {
            n->verified = verified;
            error = put(s, &rows[i]);
            ++*changed;
        }
    }
    box_list_free(&list);
    return error;
}
