// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

static json_t *entries_json(const struct store_log_entry *entries, size_t count,
                            const struct sotto_contact *contacts, size_t contact_count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_log_entry(&entries[i], contacts, contact_count));
    }
    return array;
}

int phone_log(struct phone *p, const json_t *args, json_t **result)
{
    int64_t limit;
    struct store_log_entry *entries;
    struct sotto_contact *contacts;
    size_t count, contact_count;
    int error = args_integer_or(p, args, "limit", 1, STORE_LOG_MAX, STORE_LOG_MAX, &limit);
    error = error == SOTTO_OK ? store_contacts(p->store, &contacts, &contact_count) : error;
    if (error != SOTTO_OK) {
        return error;
    }
    error = store_log(p->store, (size_t)limit, &entries, &count);
    if (error == SOTTO_OK) {
        *result = entries_json(entries, count, contacts, contact_count);
        store_log_free(entries, count);
    }
    store_contacts_free(contacts, contact_count);
    return error;
}

int phone_log_clear(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    size_t removed;
    int error = store_log_clear(p->store, &removed);
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_LOG);
        *result = json_pack("{s:I}", "removed", (json_int_t)removed);
    }
    return error;
}
