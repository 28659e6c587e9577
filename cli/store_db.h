// SPDX-License-Identifier: Apache-2.0
// The connection to a store's SQLite file, for store_db.c and store_sqlite.c only.
#ifndef SOTTO_CLI_STORE_DB_H
#define SOTTO_CLI_STORE_DB_H

#include "store.h"

#include <sqlite3.h>

#define STORE_FORMAT         1           // PRAGMA user_version
#define STORE_APPLICATION_ID 0x736f7474L // "sott"

struct db {
    sqlite3 *db;
    int64_t data_version;
    char error_text[STORE_ERROR_BYTES];
    char dir[]; // NUL-terminated
};

// Opens `path` with everything set as the store wants it (WAL, synchronous=FULL, ...).
// d->db is set even on failure, as SQLite does; the caller closes it.
int db_open(struct db *d, const char *path, bool create);
// The error for what SQLite returned; keeps the text.
int db_error(struct db *d, int rc);
int db_exec(struct db *d, const char *sql);
int db_integer(struct db *d, const char *sql, int64_t *out);
int db_prepare(struct db *d, const char *sql, sqlite3_stmt **out);
// Runs a statement that gives no row, and finalizes it.
int db_finish(struct db *d, sqlite3_stmt *statement);

// As in store_backend.h.
int db_begin(struct db *d, bool write);
int db_end(struct db *d, int error);

int db_meta_get(struct db *d, const char *name, uint8_t *out, size_t len);
int db_meta_set(struct db *d, const char *name, const uint8_t *data, size_t len);

#endif
