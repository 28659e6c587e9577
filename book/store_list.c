// SPDX-License-Identifier: Apache-2.0
#include "store_impl.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *row_at(const struct box_list *list, size_t i)
{
    return (uint8_t *)list->rows + i * list->type->row_bytes;
}

static int open_row(const struct box_rows *type, void *row, const uint8_t id[BOX_ID_BYTES],
                    const uint8_t *plain, size_t len)
{
    int error = type->decode(row, plain, len);
    if (error == SOTTO_OK) {
        memcpy(row, id, BOX_ID_BYTES);
    }
    return error;
}

static int collect(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    struct box_list *list = arg;
    if (list->count == list->cap) {
        return SOTTO_ELIMIT;
    }
    int error = open_row(list->type, row_at(list, list->count), id, plain, len);
    if (error == SOTTO_OK) {
        list->count++;
    }
    return error;
}

int box_list_load(struct store *s, const struct box_rows *type, size_t cap, struct box_list *out)
{
    struct box_list list = {.type = type, .cap = cap};
    list.rows = calloc(cap, type->row_bytes);
    if (list.rows == NULL) {
        return SOTTO_ENOMEM;
    }
    struct box_scan scan = {.visit = collect, .arg = &list};
    int error = box_scan(s, type->kind, &scan);
    if (error != SOTTO_OK) {
        box_list_free(&list);
        return error;
    }
    qsort(list.rows, list.count, type->row_bytes, type->order);
    list.damaged = scan.damaged;
    *out = list;
    return SOTTO_OK;
}

void box_list_free(struct box_list *list)
{
    box_values_free(list->rows, list->cap * list->type->row_bytes);
    list->rows = NULL;
}

void *box_list_values(const struct box_list *list, size_t count)
{
    const struct box_rows *type = list->type;
    uint8_t *values = calloc(count + 1, type->value_bytes);
    for (size_t i = 0; i < count && values != NULL; i++) {
        memcpy(values + i * type->value_bytes, row_at(list, i) + type->value_offset,
               type->value_bytes);
    }
    return values;
}

void box_values_free(void *values, size_t bytes)
{
    if (values != NULL) {
        sotto_wipe(values, bytes);
        free(values);
    }
}

struct wanted {
    const struct box_rows *type;
    bool (*is)(const void *row, const void *key);
    const void *key;
    void *row;
};

static int match(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    const struct wanted *wanted = arg;
    int error = open_row(wanted->type, wanted->row, id, plain, len);
    if (error != SOTTO_OK) {
        return error;
    }
    return wanted->is(wanted->row, wanted->key) ? 1 : 0;
}

int box_find(struct store *s, const struct box_rows *type,
             bool (*is)(const void *row, const void *key), const void *key, void *row)
{
    struct wanted wanted = {.type = type, .is = is, .key = key, .row = row};
    struct box_scan scan = {.visit = match, .arg = &wanted};
    int result = box_scan(s, type->kind, &scan);
    if (result == 1) {
        return SOTTO_OK;
    }
    sotto_wipe(row, type->row_bytes);
    if (result != SOTTO_OK) {
        return result;
    }
    // If a box is damaged it may be this one: nothing is known, rather than "there is none".
    return scan.damaged > 0 ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
}
