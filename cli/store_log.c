// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stdlib.h>
#include <string.h>

#define LOG_SLACK 128 // kept over STORE_LOG_MAX before the oldest are looked for and removed

struct row {
    uint8_t id[BOX_ID_BYTES];
    struct store_log_entry e;
};

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
    int error = codec_log_decode(&row->e, plain, len);
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
    if (x->e.started_unix_s != y->e.started_unix_s) {
        return x->e.started_unix_s < y->e.started_unix_s ? 1 : -1;
    }
    return memcmp(x->id, y->id, BOX_ID_BYTES); // any order, but the same one each time
}

static void list_free(struct list *list)
{
    if (list->rows != NULL) {
        sotto_wipe(list->rows, list->cap * sizeof list->rows[0]);
        free(list->rows);
    }
}

static int load(struct store *s, struct list *list)
{
    size_t boxes;
    int error = box_count(s, BOX_LOG, &boxes);
    if (error != SOTTO_OK) {
        return error;
    }
    *list = (struct list){.cap = boxes + 1};
    list->rows = calloc(list->cap, sizeof list->rows[0]);
    if (list->rows == NULL) {
        return SOTTO_ENOMEM;
    }
    struct box_scan scan = {.visit = collect, .arg = list};
    error = box_scan(s, BOX_LOG, &scan);
    if (error != SOTTO_OK) {
        list_free(list);
        return error;
    }
    qsort(list->rows, list->count, sizeof list->rows[0], newest_first);
    return SOTTO_OK;
}

static int load_steady(struct store *s, struct list *list)
{
    // A read transaction, so that count and rows are of one moment.
    int error = store_db_exec(s, "BEGIN");
    if (error != SOTTO_OK) {
        return error;
    }
    int loaded = load(s, list);
    error = store_end(s, loaded);
    if (loaded == SOTTO_OK && error != SOTTO_OK) {
        list_free(list);
    }
    return error;
}

int store_log(struct store *s, size_t limit, struct store_log_entry **out, size_t *count)
{
    struct list list;
    int error = load_steady(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    size_t n = limit > 0 && limit < list.count ? limit : list.count;
    struct store_log_entry *entries = calloc(n + 1, sizeof *entries);
    if (entries == NULL) {
        list_free(&list);
        return SOTTO_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        entries[i] = list.rows[i].e;
    }
    *out = entries;
    *count = n;
    list_free(&list);
    return SOTTO_OK;
}

void store_log_free(struct store_log_entry *list, size_t count)
{
    if (list != NULL) {
        sotto_wipe(list, count * sizeof *list);
        free(list);
    }
}

static int trim(struct store *s)
{
    size_t boxes;
    int error = box_count(s, BOX_LOG, &boxes);
    if (error != SOTTO_OK || boxes <= STORE_LOG_MAX + LOG_SLACK) {
        return error;
    }
    struct list list;
    error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    for (size_t i = STORE_LOG_MAX; i < list.count && error == SOTTO_OK; i++) {
        error = box_remove(s, BOX_LOG, list.rows[i].id);
    }
    list_free(&list);
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
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_stmt *statement;
    error = store_db_prepare(s, "DELETE FROM box WHERE kind = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, BOX_LOG);
    return store_db_finish(s, statement);
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
    (void)store_db_exec(s, "PRAGMA wal_checkpoint(TRUNCATE)"); // nothing of it stays in the log
    return SOTTO_OK;
}
