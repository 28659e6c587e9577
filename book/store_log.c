// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stddef.h>
#include <string.h>

#define LOG_SLACK 128 // kept over STORE_LOG_MAX before the oldest are looked for and removed

struct row {
    uint8_t id[BOX_ID_BYTES];
    struct store_log_entry e;
};

static int decode(void *row, const uint8_t *plain, size_t len)
{
    return codec_log_decode(&((struct row *)row)->e, plain, len);
}

static int newest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->e.started_unix_s != y->e.started_unix_s) {
        return x->e.started_unix_s < y->e.started_unix_s ? 1 : -1;
    }
    return memcmp(x->id, y->id, BOX_ID_BYTES); // any order, but the same one each time
}

static const struct box_rows entries = {
    .kind = BOX_LOG,
    .row_bytes = sizeof(struct row),
    .value_offset = offsetof(struct row, e),
    .value_bytes = sizeof(struct store_log_entry),
    .decode = decode,
    .order = newest_first,
};

static int load(struct store *s, struct box_list *list)
{
    size_t boxes;
    int error = box_count(s, BOX_LOG, &boxes);
    return error == SOTTO_OK ? box_list_load(s, &entries, boxes + 1, list) : error;
}

static int load_steady(struct store *s, struct box_list *list)
{
    // A read transaction, so that count and rows are of one moment.
    int error = s->backend->begin(s->db, false);
    if (error != SOTTO_OK) {
        return error;
    }
    int loaded = load(s, list);
    error = store_end(s, loaded);
    if (loaded == SOTTO_OK && error != SOTTO_OK) {
        box_list_free(list);
    }
    return error;
}

int store_log(struct store *s, size_t limit, struct store_log_entry **out, size_t *count)
{
    struct box_list list;
    int error = load_steady(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    size_t n = limit > 0 && limit < list.count ? limit : list.count;
    struct store_log_entry *values = box_list_values(&list, n);
    if (values != NULL) {
        *out = values;
        *count = n;
    }
    box_list_free(&list);
    return values != NULL ? SOTTO_OK : SOTTO_ENOMEM;
}

void store_log_free(struct store_log_entry *list, size_t count)
{
    box_values_free(list, count * sizeof *list);
}

static int trim(struct store *s)
{
    size_t boxes;
    int error = box_count(s, BOX_LOG, &boxes);
    if (error != SOTTO_OK || boxes <= STORE_LOG_MAX + LOG_SLACK) {
        return error;
    }
    struct box_list list;
    error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    const struct row *rows = list.rows;
    for (size_t i = STORE_LOG_MAX; i < list.count && error == SOTTO_OK; i++) {
        error = box_remove(s, BOX_LOG, rows[i].id);
    }
    box_list_free(&list);
    return error;
}

static int add_in(struct store *s, const struct store_log_entry *e)
{
    uint8_t plain[CODEC_LOG_BYTES];
    int error = codec_log_encode(e, plain);
    if (error == SOTTO_OK) {
        uint8_t id[BOX_ID_BYTES];
        box_new_id(id);
        error = box_put(s, BOX_LOG, id, plain, sizeof plain);
    }
    sotto_wipe(plain, sizeof plain);
    return error == SOTTO_OK ? trim(s) : error;
}

int store_log_add(struct store *s, const struct store_log_entry *e)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, add_in(s, e)) : error;
}

static int clear_in(struct store *s, size_t *removed)
{
    int error = box_count(s, BOX_LOG, removed);
    return error == SOTTO_OK ? s->backend->box_clear(s->db, BOX_LOG) : error;
}

int store_log_clear(struct store *s, size_t *removed)
{
    size_t count = 0;
    int error = store_begin(s);
    if (error == SOTTO_OK) {
        error = store_end(s, clear_in(s, &count));
    }
    if (error != SOTTO_OK) {
        return error;
    }
    *removed = count;
    s->backend->forget(s->db);
    return SOTTO_OK;
}
