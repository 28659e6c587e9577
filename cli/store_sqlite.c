// SPDX-License-Identifier: Apache-2.0
#include "store_sqlite.h"

#include "store_db.h"
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_VAULT       "vault"
#define STORE_PATH_BYTES 4096

static const char SCHEMA[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE box (kind INTEGER NOT NULL, id BLOB NOT NULL, sealed BLOB NOT NULL,"
    " PRIMARY KEY (kind, id)) WITHOUT ROWID;"
    "PRAGMA application_id = 1936684148;"
    "PRAGMA user_version = 1;";
_Static_assert(STORE_APPLICATION_ID == 1936684148L && STORE_FORMAT == 1, "as in SCHEMA");

static int file_path(const char *dir, char out[STORE_PATH_BYTES])
{
    int len = snprintf(out, STORE_PATH_BYTES, "%s/" STORE_FILE, dir);
    return len > 0 && len < STORE_PATH_BYTES ? SOTTO_OK : SOTTO_EINVAL;
}

static struct db *db_alloc(const char *dir)
{
    size_t len = strlen(dir) + 1;
    struct db *d = calloc(1, sizeof *d + len);
    if (d != NULL) {
        memcpy(d->dir, dir, len);
    }
    return d;
}

static void db_free(void *db)
{
    struct db *d = db;
    sqlite3_close(d->db);
    sotto_wipe(d, sizeof *d);
    free(d);
}

// ---- the backend -------------------------------------------------------------------------------

static int begin(void *db, bool write)
{
    return db_begin(db, write);
}

static int end(void *db, int error)
{
    return db_end(db, error);
}

static bool has_meta(struct db *d)
{
    int64_t tables = 0;
    return db_integer(d, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'", &tables) ==
               SOTTO_OK &&
           tables > 0;
}

static int prepare(void *db)
{
    return has_meta(db) ? SOTTO_EEXIST : db_exec(db, SCHEMA);
}

static int header_get(void *db, uint8_t out[SOTTO_VAULT_HEADER_BYTES])
{
    return db_meta_get(db, META_VAULT, out, SOTTO_VAULT_HEADER_BYTES);
}

static int header_set(void *db, const uint8_t header[SOTTO_VAULT_HEADER_BYTES])
{
    return db_meta_set(db, META_VAULT, header, SOTTO_VAULT_HEADER_BYTES);
}

static int put_row(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES],
                   const uint8_t *sealed, size_t len)
{
    sqlite3_stmt *statement;
    int error = db_prepare(db, "INSERT OR REPLACE INTO box (kind, id, sealed) VALUES (?, ?, ?)",
                           &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, id, BOX_ID_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 3, sealed, (int)len, SQLITE_STATIC);
    return db_finish(db, statement);
}

static int remove_row(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES])
{
    sqlite3_stmt *statement;
    int error = db_prepare(db, "DELETE FROM box WHERE kind = ? AND id = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, id, BOX_ID_BYTES, SQLITE_STATIC);
    return db_finish(db, statement);
}

static int clear_rows(void *db, enum box_kind kind)
{
    sqlite3_stmt *statement;
    int error = db_prepare(db, "DELETE FROM box WHERE kind = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    return db_finish(db, statement);
}

static int count_rows(void *db, enum box_kind kind, size_t *out)
{
    sqlite3_stmt *statement;
    int error = db_prepare(db, "SELECT count(*) FROM box WHERE kind = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(statement, 1, (int)kind);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = (size_t)sqlite3_column_int64(statement, 0);
    } else {
        error = db_error(db, rc);
    }
    sqlite3_finalize(statement);
    return error;
}

// A row whose name has a wrong size is a damaged box: it opens under no name.
static int visit_row(sqlite3_stmt *row, box_visit *visit, void *arg)
{
    static const uint8_t no_id[BOX_ID_BYTES];
    if (sqlite3_column_bytes(row, 0) != BOX_ID_BYTES) {
        return visit(no_id, no_id, 0, arg);
    }
    int len = sqlite3_column_bytes(row, 1);
    return visit(sqlite3_column_blob(row, 0), sqlite3_column_blob(row, 1), (size_t)len, arg);
}

static int each_row(void *db, enum box_kind kind, box_visit *visit, void *arg)
{
    sqlite3_stmt *rows;
    int error = db_prepare(db, "SELECT id, sealed FROM box WHERE kind = ?", &rows);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_int(rows, 1, (int)kind);
    int rc = SQLITE_ROW;
    while (error == SOTTO_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        error = visit_row(rows, visit, arg);
    }
    if (error == SOTTO_OK && rc != SQLITE_DONE) {
        error = db_error(db, rc);
    }
    sqlite3_finalize(rows);
    return error;
}

// Neither an old wrapping nor a cleared log may survive in the write-ahead log. If a reader is in
// the way, the next checkpoint removes it.
static void forget(void *db)
{
    (void)db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static bool is_changed(void *db)
{
    struct db *d = db;
    int64_t version;
    if (db_integer(d, "PRAGMA data_version", &version) != SOTTO_OK) {
        return true;
    }
    bool changed = version != d->data_version;
    d->data_version = version;
    return changed;
}

static int check_file(void *db)
{
    struct db *d = db;
    sqlite3_stmt *statement;
    int error = db_prepare(d, "PRAGMA integrity_check(1)", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        error = db_error(d, rc);
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        snprintf(d->error_text, sizeof d->error_text, "%s", sqlite3_column_text(statement, 0));
        error = SOTTO_EPARSE;
    }
    sqlite3_finalize(statement);
    return error;
}

static const char *error_text(const void *db)
{
    const struct db *d = db;
    return d->error_text;
}

static const struct store_backend sqlite_backend = {
    .begin = begin,
    .end = end,
    .prepare = prepare,
    .header_get = header_get,
    .header_set = header_set,
    .box_put = put_row,
    .box_remove = remove_row,
    .box_clear = clear_rows,
    .box_count = count_rows,
    .box_each = each_row,
    .forget = forget,
    .changed = is_changed,
    .check = check_file,
    .error_text = error_text,
    .close = db_free,
};

// ---- making one --------------------------------------------------------------------------------

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int made = mkdir(path, 0700);
        *slash = '/';
        if (made != 0 && errno != EEXIST) {
            return errno;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

static int make_directory(struct db *d)
{
    char path[STORE_PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s", d->dir);
    if (len <= 0 || len >= STORE_PATH_BYTES) {
        return SOTTO_EINVAL;
    }
    int problem = make_directories(path);
    if (problem == 0 && chmod(path, 0700) != 0) {
        problem = errno;
    }
    if (problem == 0) {
        return SOTTO_OK;
    }
    snprintf(d->error_text, sizeof d->error_text, "%s: %s", d->dir, strerror(problem));
    return problem == ENOSPC || problem == EDQUOT ? SOTTO_EFULL : SOTTO_EIO;
}

static int create_file(struct db *d)
{
    char path[STORE_PATH_BYTES];
    int error = file_path(d->dir, path);
    if (error == SOTTO_OK) {
        error = make_directory(d);
    }
    return error == SOTTO_OK ? db_open(d, path, true) : error;
}

int store_create(struct store **out, const char *dir, const char *passphrase,
                 const struct sotto_vault_cost *cost, const struct store_profile *profile)
{
    struct db *d = db_alloc(dir);
    if (d == NULL) {
        return SOTTO_ENOMEM;
    }
    mode_t mask = umask(077);
    int error = create_file(d);
    if (error == SOTTO_OK) {
        error = store_make(out, &sqlite_backend, d, passphrase, cost, profile, NULL);
    } else {
        db_free(d);
    }
    umask(mask);
    return error;
}

// ---- opening ----------------------------------------------------------------------------------

static int check_format(struct db *d)
{
    int64_t id = 0, format = 0;
    int error = db_integer(d, "PRAGMA application_id", &id);
    if (error == SOTTO_OK) {
        error = db_integer(d, "PRAGMA user_version", &format);
    }
    if (error != SOTTO_OK) {
        return error;
    }
    if (id != STORE_APPLICATION_ID) {
        return has_meta(d) ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
    }
    return format == STORE_FORMAT ? SOTTO_OK : SOTTO_ESTATE;
}

static int open_file(struct db *d)
{
    char path[STORE_PATH_BYTES];
    int error = file_path(d->dir, path);
    if (error != SOTTO_OK) {
        return error;
    }
    if (access(path, F_OK) != 0) {
        return SOTTO_ENOTFOUND;
    }
    error = db_open(d, path, false);
    return error == SOTTO_OK ? check_format(d) : error;
}

int store_open(struct store **out, const char *dir, const char *passphrase)
{
    struct db *d = db_alloc(dir);
    if (d == NULL) {
        return SOTTO_ENOMEM;
    }
    int error = open_file(d);
    if (error != SOTTO_OK) {
        db_free(d);
        return error;
    }
    return store_load(out, &sqlite_backend, d, passphrase);
}

bool store_exists(const char *dir, bool *wants_passphrase)
{
    *wants_passphrase = false;
    struct db *d = db_alloc(dir);
    if (d == NULL) {
        return true;
    }
    int error = open_file(d);
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    if (error == SOTTO_OK && header_get(d, header) == SOTTO_OK) {
        *wants_passphrase = sotto_vault_header_has_passphrase(header);
    }
    db_free(d);
    // Whatever cannot be read is there all the same: nothing may be put in its place.
    return error != SOTTO_ENOTFOUND;
}

const char *store_dir(const struct store *s)
{
    const struct db *d = s->db;
    return d->dir;
}
