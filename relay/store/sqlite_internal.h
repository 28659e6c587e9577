// SPDX-License-Identifier: Apache-2.0
// What the files of the SQLite store share.
#ifndef SOTTO_RELAY_STORE_SQLITE_INTERNAL_H
#define SOTTO_RELAY_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "store/sqlite.h"

enum statement {
    S_BEGIN,
    S_COMMIT,
    S_ROLLBACK,
    S_SAVEPOINT,
    S_RELEASE,
    S_ROLLBACK_TO,
    S_INVITE_USE,
    S_INVITE_CHECK,
    S_INVITE_ADD,
    S_INVITE_PRUNE,
    S_LINE_ADD,
    S_LINE_GET,
    S_LINE_REMOVE,
    S_LINE_LIST,
    S_LINE_PREFIX,
    S_NUMBER_GET,
    S_NUMBER_ADD,
    S_NUMBER_CHANGE,
    S_NUMBER_REMOVE,
    S_PUSH_PUT,
    S_PUSH_TRIM,
    S_PUSH_REMOVE,
    S_PUSH_LIST,
    S_STATS,
    S_CHECK,
    STATEMENTS
};

struct relay_sqlite {
    struct relay_store store; // first: the engine holds a pointer to it
    sqlite3 *db;
    int bind_error; // of the statement in use
    sqlite3_stmt *statements[STATEMENTS];
};

// SQLite's result as one of ours; 0 for OK, ROW and DONE.
int sqlite_error(int rc);
// A prepared statement, reset, all parameters unbound. NULL: cannot be prepared.
sqlite3_stmt *sqlite_use(struct relay_sqlite *s, enum statement which);
// Runs it to its end, or to the first row; resets it unless there is a row.
// 1: a row. 0: done. Or an error. *changes (may be NULL): rows changed.
int sqlite_step(struct relay_sqlite *s, sqlite3_stmt *stmt, int *changes);
int sqlite_run(struct relay_sqlite *s, enum statement which);

// Nothing happens if stmt is NULL; a failure is kept and returned by sqlite_step.
void sqlite_bind_bytes(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, const void *data,
                       size_t len);
void sqlite_bind_text(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, const char *text);
void sqlite_bind_int(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, int64_t v);
// Copies a blob of exactly len bytes; false if it is not that.
bool sqlite_column_bytes(sqlite3_stmt *stmt, int at, void *out, size_t len);

#endif
