// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include "wire/cursor.h"

#include <string.h>

#define BOX_SEALED_MAX_BYTES (CODEC_MAX_BYTES + SOTTO_VAULT_OVERHEAD_BYTES)
#define BOX_NAME_BYTES       (8 + 1 + BOX_ID_BYTES)

// What a box is sealed under: nobody without the master key can pass one row off as another.
static void box_name(uint8_t out[BOX_NAME_BYTES], enum box_kind kind,
                     const uint8_t id[BOX_ID_BYTES])
{
    struct wire_writer w = wire_writer(out, BOX_NAME_BYTES);
    wire_write_bytes(&w, "store v1", 8);
    wire_write_u8(&w, (uint8_t)kind);
    wire_write_bytes(&w, id, BOX_ID_BYTES);
}

void box_new_id(uint8_t id[BOX_ID_BYTES])
{
    const struct sotto_env *env = sotto_env_default();
    env->random(id, BOX_ID_BYTES, env->user);
}

int box_put(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES],
            const uint8_t *plain, size_t len)
{
    uint8_t sealed[BOX_SEALED_MAX_BYTES];
    uint8_t name[BOX_NAME_BYTES];
    box_name(name, kind, id);
    int sealed_len =
        sotto_vault_seal(s->vault, name, sizeof name, plain, len, sealed, sizeof sealed);
    if (sealed_len < 0) {
        return sealed_len;
    }
    sqlite3_stmt *statement;
    int error =
        store_db_prepare(s, "INSERT OR REPLACE INTO box (kind, id, sealed) VALUES (?, ?, ?)",
                         &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, id, BOX_ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 3, sealed, sealed_len, SQLITE_STATIC);
    return store_db_finish(s, statement);
}

int box_remove(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES])
{
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, "DELETE FROM box WHERE kind = ? AND id = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, id, BOX_ID_BYTES, SQLITE_STATIC);
    return store_db_finish(s, statement);
}

// Opens the box of the current row: bytes, or SOTTO_EPARSE.
static int open_row(struct store *s, enum box_kind kind, sqlite3_stmt *row,
                    uint8_t id[BOX_ID_BYTES], uint8_t plain[CODEC_MAX_BYTES])
{
    int sealed_len = sqlite3_column_bytes(row, 1);
    if (sqlite3_column_bytes(row, 0) != BOX_ID_BYTES || sealed_len <= 0 ||
        sealed_len > BOX_SEALED_MAX_BYTES) {
        return SOTTO_EPARSE;
    }
    memcpy(id, sqlite3_column_blob(row, 0), BOX_ID_BYTES);
    uint8_t name[BOX_NAME_BYTES];
    box_name(name, kind, id);
    int len = sotto_vault_open_blob(s->vault, name, sizeof name, sqlite3_column_blob(row, 1),
                                    (size_t)sealed_len, plain, CODEC_MAX_BYTES);
    return len < 0 ? SOTTO_EPARSE : len;
}

static int scan_rows(struct store *s, enum box_kind kind, sqlite3_stmt *rows, struct box_scan *scan)
{
    uint8_t plain[CODEC_MAX_BYTES];
    int result = SOTTO_OK;
    int rc = SQLITE_ROW;
    while (result == SOTTO_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        uint8_t id[BOX_ID_BYTES];
        int len = open_row(s, kind, rows, id, plain);
        scan->boxes++;
        int seen = len < 0 ? SOTTO_EPARSE : scan->visit(id, plain, (size_t)len, scan->arg);
        if (seen == SOTTO_EPARSE) {
            scan->damaged++;
        } else {
            result = seen;
        }
    }
    sotto_wipe(plain, sizeof plain);
    if (result == SOTTO_OK && rc != SQLITE_DONE) {
        result = store_db_error(s, rc);
    }
    return result;
}

int box_scan(struct store *s, enum box_kind kind, struct box_scan *scan)
{
    scan->boxes = 0;
    scan->damaged = 0;
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, "SELECT id, sealed FROM box WHERE kind = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    int result = scan_rows(s, kind, statement, scan);
    sqlite3_finalize(statement);
    return result;
}

struct only {
    uint8_t *out;
    size_t cap;
    size_t len;
};

static int take_only(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    (void)id;
    struct only *o = arg;
    if (len > o->cap) {
        return SOTTO_ESPACE;
    }
    memcpy(o->out, plain, len);
    o->len = len;
    return SOTTO_OK;
}

int box_only(struct store *s, enum box_kind kind, uint8_t *out, size_t cap)
{
    struct only o = {.out = out, .cap = cap};
    struct box_scan scan = {.visit = take_only, .arg = &o};
    int error = box_scan(s, kind, &scan);
    if (error != SOTTO_OK) {
        return error;
    }
    if (scan.boxes == 0) {
        return SOTTO_ENOTFOUND;
    }
    return scan.boxes == 1 && scan.damaged == 0 ? (int)o.len : SOTTO_EPARSE;
}

int box_count(struct store *s, enum box_kind kind, size_t *out)
{
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, "SELECT count(*) FROM box WHERE kind = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = (size_t)sqlite3_column_int64(statement, 0);
    } else {
        error = store_db_error(s, rc);
    }
    sqlite3_finalize(statement);
    return error;
}
