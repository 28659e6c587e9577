// SPDX-License-Identifier: Apache-2.0
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool no_space(int system)
{
    return system == ENOSPC || system == EDQUOT || system == EFBIG;
}

// SQLite calls only ENOSPC "full"; a quota and a file size limit are the same to the user. It
// keeps the system's error of a statement, but not that of a commit: then errno has it.
static bool disk_is_full(struct store *s, int rc, int system)
{
    if (rc == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE) {
        return true;
    }
    return (rc & 0xff) == SQLITE_IOERR && s->db != NULL &&
           (no_space(sqlite3_system_errno(s->db)) || no_space(system));
}

int store_db_error(struct store *s, int rc)
{
    int system = errno;
    snprintf(s->error_text, sizeof s->error_text, "%s",
             s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    if (disk_is_full(s, rc, system)) {
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

int store_db_exec(struct store *s, const char *sql)
{
    errno = 0;
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SOTTO_OK : store_db_error(s, rc);
}

int store_db_prepare(struct store *s, const char *sql, sqlite3_stmt **out)
{
    errno = 0;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? SOTTO_OK : store_db_error(s, rc);
}

int store_db_finish(struct store *s, sqlite3_stmt *statement)
{
    errno = 0;
    int rc = sqlite3_step(statement);
    int error = rc == SQLITE_DONE || rc == SQLITE_ROW ? SOTTO_OK : store_db_error(s, rc);
    sqlite3_finalize(statement);
    return error;
}

int store_db_integer(struct store *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, sql, &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    } else {
        error = store_db_error(s, rc == SQLITE_DONE ? SQLITE_ERROR : rc);
    }
    sqlite3_finalize(statement);
    return error;
}

// Turning a new file into a WAL one does not wait for another process that does the same.
static int set_wal(struct store *s)
{
    int error = SOTTO_EIO;
    for (int attempt = 0; attempt < STORE_BUSY_MS / 50 && error == SOTTO_EIO; attempt++) {
        if (attempt > 0) {
            sqlite3_sleep(50);
        }
        error = store_db_exec(s, "PRAGMA journal_mode=WAL");
    }
    return error;
}

int store_db_open(struct store *s, const char *path, bool create)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    errno = 0;
    int rc = sqlite3_open_v2(path, &s->db, flags | (create ? SQLITE_OPEN_CREATE : 0), NULL);
    if (rc != SQLITE_OK) {
        return store_db_error(s, rc);
    }
    sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int error = set_wal(s);
    if (error != SOTTO_OK) {
        return error;
    }
    // The log of calls that were cleared must not stay in free pages, sealed as it is.
    return store_db_exec(s, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                            "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
                            "PRAGMA wal_autocheckpoint=256;");
}

int store_begin(struct store *s)
{
    return store_db_exec(s, "BEGIN IMMEDIATE");
}

int store_end(struct store *s, int error)
{
    if (error == SOTTO_OK) {
        error = store_db_exec(s, "COMMIT");
    }
    if (error != SOTTO_OK && !sqlite3_get_autocommit(s->db)) {
        char text[STORE_ERROR_BYTES];
        memcpy(text, s->error_text, sizeof text);
        (void)store_db_exec(s, "ROLLBACK"); // the first error is the one to tell
        memcpy(s->error_text, text, sizeof text);
    }
    return error;
}

int store_meta_get(struct store *s, const char *name, uint8_t *out, size_t len)
{
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, "SELECT value FROM meta WHERE name = ?", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        error = rc == SQLITE_DONE ? SOTTO_ENOTFOUND : store_db_error(s, rc);
    } else if ((size_t)sqlite3_column_bytes(statement, 0) != len) {
        error = SOTTO_EPARSE;
    } else {
        memcpy(out, sqlite3_column_blob(statement, 0), len);
    }
    sqlite3_finalize(statement);
    return error;
}

int store_meta_set(struct store *s, const char *name, const uint8_t *data, size_t len)
{
    sqlite3_stmt *statement;
    int error =
        store_db_prepare(s, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 2, data, len, SQLITE_STATIC);
    return store_db_finish(s, statement);
}
