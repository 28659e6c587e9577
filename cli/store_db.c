// SPDX-License-Identifier: Apache-2.0
#include "store_db.h"

#include "store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool no_space(int system)
{
    return system == ENOSPC || system == EDQUOT || system == EFBIG;
}

// SQLite calls only ENOSPC "full"; a quota and a file size limit are the same to the user. It
// keeps the system's error of a statement, but not that of a commit: then errno has it.
static bool disk_is_full(struct db *d, int rc, int system)
{
    if (rc == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE) {
        return true;
    }
    return (rc & 0xff) == SQLITE_IOERR && d->db != NULL &&
           (no_space(sqlite3_system_errno(d->db)) || no_space(system));
}

int db_error(struct db *d, int rc)
{
    int system = errno;
    snprintf(d->error_text, sizeof d->error_text, "%s",
             d->db != NULL ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc));
    if (disk_is_full(d, rc, system)) {
        return SOTTO_EFULL;
    }
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return SOTTO_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: // "no such table": our own statements are right
        return SOTTO_EPARSE;
    default:
        return SOTTO_EIO;
    }
}

int db_exec(struct db *d, const char *sql)
{
    errno = 0;
    int rc = sqlite3_exec(d->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SOTTO_OK : db_error(d, rc);
}

int db_prepare(struct db *d, const char *sql, sqlite3_stmt **out)
{
    errno = 0;
    int rc = sqlite3_prepare_v2(d->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? SOTTO_OK : db_error(d, rc);
}

int db_finish(struct db *d, sqlite3_stmt *statement)
{
    errno = 0;
    int rc = sqlite3_step(statement);
    int error = rc == SQLITE_DONE || rc == SQLITE_ROW ? SOTTO_OK : db_error(d, rc);
    sqlite3_finalize(statement);
    return error;
}

int db_integer(struct db *d, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    int error = db_prepare(d, sql, &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        error = db_error(d, rc == SQLITE_DONE ? SQLITE_ERROR : rc);
    }
    sqlite3_finalize(statement);
    return error;
}

// Turning a new file into a WAL one does not wait for another process that does the same.
static int set_wal(struct db *d)
{
    int error = SOTTO_EIO;
    for (int attempt = 0; attempt < STORE_BUSY_MS / 50 && error == SOTTO_EIO; attempt++) {
        if (attempt > 0) {
            sqlite3_sleep(50);
        }
        error = db_exec(d, "PRAGMA journal_mode=WAL");
    }
    return error;
}

int db_open(struct db *d, const char *path, bool create)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    errno = 0;
    int rc = sqlite3_open_v2(path, &d->db, flags | (create ? SQLITE_OPEN_CREATE : 0), NULL);
    if (rc != SQLITE_OK) {
        return db_error(d, rc);
    }
    sqlite3_busy_timeout(d->db, STORE_BUSY_MS);
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int error = set_wal(d);
    if (error != SOTTO_OK) {
        return error;
    }
    // The log of calls that were cleared must not stay in free pages, sealed as it is.
    return db_exec(d, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                      "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
                      "PRAGMA wal_autocheckpoint=256;");
}

int db_begin(struct db *d, bool write)
{
    return db_exec(d, write ? "BEGIN IMMEDIATE" : "BEGIN");
}

int db_end(struct db *d, int error)
{
    if (error == SOTTO_OK) {
        error = db_exec(d, "COMMIT");
    }
    if (error != SOTTO_OK && !sqlite3_get_autocommit(d->db)) {
        char text[STORE_ERROR_BYTES];
        memcpy(text, d->error_text, sizeof text);
        (void)db_exec(d, "ROLLBACK"); // the first error is the one to tell
        memcpy(d->error_text, text, sizeof text);
    }
    return error;
}

int db_meta_get(struct db *d, const char *name, uint8_t *out, size_t len)
{
    sqlite3_stmt *statement;
    int error = db_prepare(d, "SELECT value FROM meta WHERE name = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        error = rc == SQLITE_DONE ? SOTTO_ENOTFOUND : db_error(d, rc);
    } else if ((size_t)sqlite3_column_bytes(statement, 0) != len) {
        error = SOTTO_EPARSE;
    } else {
        memcpy(out, sqlite3_column_blob(statement, 0), len);
    }
    sqlite3_finalize(statement);
    return error;
}

int db_meta_set(struct db *d, const char *name, const uint8_t *data, size_t len)
{
    sqlite3_stmt *statement;
    int error =
        db_prepare(d, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 2, data, len, SQLITE_STATIC);
    return db_finish(d, statement);
}
