// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stdlib.h>
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

struct list {
    struct row *rows;
    size_t count, cap;
};

static int collect(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    struct list *list = arg;
    if (list->count == list->cap) {
        return SOTTO_ELIMIT;
    }
    struct row *row = &list->rows[list->count];
    int error = codec_number_decode(&row->n, plain, len);
    if (error != SOTTO_OK) {
        return error;
    }
    memcpy(row->id, id, BOX_ID_BYTES);
    list->count++;
    return SOTTO_OK;
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

static void list_free(struct list *list)
{
    if (list->rows != NULL) {
        sotto_wipe(list->rows, list->cap * sizeof list->rows[0]);
        free(list->rows);
    }
}

// All rows, newest first. Inside a transaction, or with one more than needed against others.
static int load(struct store *s, struct list *list, size_t *damaged)
{
    *list = (struct list){.cap = STORE_NUMBERS_MAX + 1};
    list->rows = calloc(list->cap, sizeof list->rows[0]);
    if (list->rows == NULL) {
        return SOTTO_ENOMEM;
    }
    struct box_scan scan = {.visit = collect, .arg = list};
    int error = box_scan(s, BOX_NUMBER, &scan);
    if (error != SOTTO_OK) {
        list_free(list);
        return error;
    }
    qsort(list->rows, list->count, sizeof list->rows[0], newest_first);
    *damaged = scan.damaged;
    return SOTTO_OK;
}

int store_numbers(struct store *s, struct store_number **out, size_t *count)
{
    struct list list;
    size_t damaged;
    int error = load(s, &list, &damaged);
    if (error != SOTTO_OK) {
        return error;
    }
    struct store_number *numbers = calloc(list.count + 1, sizeof *numbers);
    if (numbers == NULL) {
        list_free(&list);
        return SOTTO_ENOMEM;
    }
    for (size_t i = 0; i < list.count; i++) {
        numbers[i] = list.rows[i].n;
    }
    *out = numbers;
    *count = list.count;
    list_free(&list);
    return SOTTO_OK;
}

void store_numbers_free(struct store_number *list, size_t count)
{
    if (list != NULL) {
        sotto_wipe(list, count * sizeof *list);
        free(list);
    }
}

// ---- one ---------------------------------------------------------------------------------------

struct wanted {
    const uint8_t *token_hash;
    struct row row;
};

static int match(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    struct wanted *wanted = arg;
    int error = codec_number_decode(&wanted->row.n, plain, len);
    if (error != SOTTO_OK) {
        return error;
    }
    memcpy(wanted->row.id, id, BOX_ID_BYTES);
    bool same =
        memcmp(wanted->row.n.number.token_hash, wanted->token_hash, SOTTO_TOKEN_HASH_BYTES) == 0;
    return same ? 1 : 0;
}

static int find(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES], struct row *out)
{
    struct wanted wanted = {.token_hash = token_hash};
    struct box_scan scan = {.visit = match, .arg = &wanted};
    int result = box_scan(s, BOX_NUMBER, &scan);
    if (result == 1) {
        *out = wanted.row;
        result = SOTTO_OK;
    } else if (result == SOTTO_OK) {
        // If a box is damaged it may be this one: nothing is known, rather than "no such number".
        result = scan.damaged > 0 ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
    }
    sotto_wipe(&wanted, sizeof wanted);
    return result;
}

int store_number_get(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                     struct store_number *out)
{
    struct row row;
    int error = find(s, token_hash, &row);
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
    int error = find(s, token_hash, &row);
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
static int make_room(struct store *s, const struct list *list)
{
    if (list->count < STORE_NUMBERS_MAX) {
        return SOTTO_OK;
    }
    for (size_t i = list->count; i-- > 0;) {
        const struct store_number *n = &list->rows[i].n;
        if (n->number.state == SOTTO_NUMBER_REVOKED && n->pending == STORE_PENDING_NONE) {
            return box_remove(s, BOX_NUMBER, list->rows[i].id);
        }
    }
    return SOTTO_ELIMIT;
}

static int check_free(const struct list *list, const struct sotto_number *n, int64_t now_unix_s)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sotto_number *other = &list->rows[i].n.number;
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
    struct list list;
    size_t damaged;
    int error = load(s, &list, &damaged);
    if (error != SOTTO_OK) {
        return error;
    }
    error = check_free(&list, &n->number, now_unix_s);
    if (error == SOTTO_OK) {
        error = make_room(s, &list);
    }
    list_free(&list);
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
    struct list list;
    size_t damaged;
    int error = load(s, &list, &damaged);
    if (error != SOTTO_OK) {
        return error;
    }
    for (size_t i = 0; i < list.count && error == SOTTO_OK; i++) {
        struct sotto_number *n = &list.rows[i].n.number;
        if (n->state == SOTTO_NUMBER_BOUND && sotto_fingerprint_equal(&n->bound, fp)) {
            n->verified = verified;
            error = put(s, &list.rows[i]);
            ++*changed;
        }
    }
    list_free(&list);
    return error;
}
