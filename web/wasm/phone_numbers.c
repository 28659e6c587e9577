// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

int phone_numbers(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    struct store_number *list;
    size_t count;
    int error = store_numbers(p->store, &list, &count);
    if (error != SOTTO_OK) {
        return error;
    }
    *result = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(*result, json_number(p, &list[i], false));
    }
    store_numbers_free(list, count);
    return SOTTO_OK;
}

int phone_number_new(struct phone *p, const json_t *args, json_t **result)
{
    const char *label;
    struct number_terms terms;
    struct store_number n;
    if (!store_profile(p->store)->has_line) {
        return SOTTO_ESTATE;
    }
    int error = args_label(p, args, "label", &label);
    error = error == SOTTO_OK ? args_terms(p, args, &terms) : error;
    error = error == SOTTO_OK ? number_new(p->store, label, &terms, p->now.unix_s, &n) : error;
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_NUMBERS);
        phone_publish(p);
        *result = json_number(p, &n, true);
        sotto_wipe(&n, sizeof n);
    }
    return error;
}

// What the number is like now.
static int answer(struct phone *p, const uint8_t *token_hash, bool with_link, json_t **result)
{
    struct store_number n;
    int error = store_number_get(p->store, token_hash, &n);
    if (error == SOTTO_OK) {
        *result = json_number(p, &n, with_link);
        sotto_wipe(&n, sizeof n);
    }
    return error;
}

static int answer_changed(struct phone *p, const uint8_t *token_hash, int error, bool with_link,
                          json_t **result)
{
    if (error != SOTTO_OK) {
        return error;
    }
    phone_mark(p, DIRTY_NUMBERS);
    phone_publish(p);
    return answer(p, token_hash, with_link, result);
}

int phone_number_link(struct phone *p, const json_t *args, json_t **result)
{
    uint8_t id[SOTTO_TOKEN_HASH_BYTES];
    int error = args_id(p, args, "id", id);
    return error == SOTTO_OK ? answer(p, id, true, result) : error;
}

int phone_number_label(struct phone *p, const json_t *args, json_t **result)
{
    uint8_t id[SOTTO_TOKEN_HASH_BYTES];
    const char *label;
    int error = args_id(p, args, "id", id);
    error = error == SOTTO_OK ? args_label(p, args, "label", &label) : error;
    error = error == SOTTO_OK ? number_rename(p->store, id, label, p->now.unix_s) : error;
    return answer_changed(p, id, error, false, result);
}

int phone_number_revoke(struct phone *p, const json_t *args, json_t **result)
{
    uint8_t id[SOTTO_TOKEN_HASH_BYTES];
    int error = args_id(p, args, "id", id);
    error = error == SOTTO_OK ? number_revoke(p->store, id) : error;
    return answer_changed(p, id, error, false, result);
}

int phone_number_restore(struct phone *p, const json_t *args, json_t **result)
{
    uint8_t id[SOTTO_TOKEN_HASH_BYTES];
    int error = args_id(p, args, "id", id);
    error = error == SOTTO_OK ? number_restore(p->store, id, p->now.unix_s) : error;
    return answer_changed(p, id, error, false, result);
}

int phone_number_rebind(struct phone *p, const json_t *args, json_t **result)
{
    uint8_t id[SOTTO_TOKEN_HASH_BYTES];
    int error = args_id(p, args, "id", id);
    error = error == SOTTO_OK ? number_rebind(p->store, id) : error;
    return answer_changed(p, id, error, true, result);
}
