// SPDX-License-Identifier: Apache-2.0
// Opening the file, its schema, its statements.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_internal.h"

#define APPLICATION_ID "1936684148" // "sott"

static const char schema_1[] = "CREATE TABLE invites("
                               " hash BLOB NOT NULL PRIMARY KEY CHECK(length(hash)=32),"
                               " created INTEGER NOT NULL,"
                               " expires INTEGER NOT NULL," // 0: never
                               " used INTEGER"              // when; NULL: not yet
                               ") STRICT, WITHOUT ROWID;"
                               "CREATE TABLE lines("
                               " line_id BLOB NOT NULL PRIMARY KEY CHECK(length(line_id)=32),"
                               " key BLOB NOT NULL,"
                               " created INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE TABLE numbers("
                               " token_hash BLOB NOT NULL PRIMARY KEY CHECK(length(token_hash)=32),"
                               " line_id BLOB NOT NULL REFERENCES lines(line_id) ON DELETE CASCADE,"
                               " expires INTEGER NOT NULL," // 0: never
                               " calls_left INTEGER NOT NULL"
                               ") STRICT, WITHOUT ROWID;"
                               "CREATE INDEX numbers_by_line ON numbers(line_id);"
                               "PRAGMA user_version=1;";

// A later row is a newer subscription.
static const char schema_2[] = "CREATE TABLE pushes("
                               " id INTEGER PRIMARY KEY,"
                               " line_id BLOB NOT NULL REFERENCES lines(line_id) ON DELETE CASCADE,"
                               " endpoint TEXT NOT NULL,"
                               " p256dh BLOB NOT NULL CHECK(length(p256dh)=65),"
                               " auth BLOB NOT NULL CHECK(length(auth)=16),"
                               " UNIQUE(line_id,endpoint)"
                               ") STRICT;"
                               "PRAGMA user_version=2;";

#define INVITE_GOOD "used IS NULL AND (expires=0 OR expires>?2)"

static const char *const statement_text[STATEMENTS] = {
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
    [S_ROLLBACK] = "ROLLBACK",
    [S_SAVEPOINT] = "SAVEPOINT one",
    [S_RELEASE] = "RELEASE one",
    [S_ROLLBACK_TO] = "ROLLBACK TO one",
    [S_INVITE_USE] = "UPDATE invites SET used=?2 WHERE hash=?1 AND " INVITE_GOOD,
    [S_INVITE_CHECK] = "SELECT 1 FROM invites WHERE hash=?1 AND " INVITE_GOOD,
    [S_INVITE_ADD] = "INSERT INTO invites(hash,created,expires) VALUES(?1,?2,?3)",
    [S_INVITE_PRUNE] = "DELETE FROM invites WHERE used<?1 OR (expires<>0 AND expires<?1)",
    [S_LINE_ADD] = "INSERT INTO lines(line_id,key,created) VALUES(?1,?2,?3)",
    [S_LINE_GET] = "SELECT key,created FROM lines WHERE line_id=?1",
    [S_LINE_REMOVE] = "DELETE FROM lines WHERE line_id=?1",
    [S_LINE_LIST] = "SELECT line_id,created,(SELECT count(*) FROM numbers n"
                    " WHERE n.line_id=l.line_id) FROM lines l ORDER BY created,line_id",
    [S_LINE_PREFIX] = "SELECT line_id FROM lines WHERE substr(lower(hex(line_id)),1,length(?1))"
                      "=lower(?1) LIMIT 2",
    [S_NUMBER_GET] = "SELECT line_id,expires,calls_left FROM numbers WHERE token_hash=?1",
    [S_NUMBER_ADD] = "INSERT INTO numbers(token_hash,line_id,expires,calls_left)"
                     " SELECT ?1,?2,?3,?4"
                     " WHERE (SELECT count(*) FROM numbers WHERE line_id=?2)<?5",
    [S_NUMBER_CHANGE] = "UPDATE numbers SET expires=?3,calls_left=?4"
                        " WHERE token_hash=?1 AND line_id=?2",
    [S_NUMBER_REMOVE] = "DELETE FROM numbers WHERE token_hash=?1 AND line_id=?2",
    [S_PUSH_PUT] = "REPLACE INTO pushes(line_id,endpoint,p256dh,auth) VALUES(?1,?2,?3,?4)",
    [S_PUSH_TRIM] = "DELETE FROM pushes WHERE line_id=?1 AND id NOT IN"
                    " (SELECT id FROM pushes WHERE line_id=?1 ORDER BY id DESC LIMIT ?2)",
    [S_PUSH_REMOVE] = "DELETE FROM pushes WHERE line_id=?1 AND (?2='' OR endpoint=?2)",
    [S_PUSH_LIST] = "SELECT endpoint,p256dh,auth FROM pushes WHERE line_id=?1 ORDER BY id LIMIT ?2",
    [S_STATS] = "SELECT (SELECT count(*) FROM lines),(SELECT count(*) FROM numbers),"
                "(SELECT count(*) FROM invites WHERE " INVITE_GOOD "),"
                "(SELECT count(*) FROM pushes)",
    [S_CHECK] = "PRAGMA integrity_check(1)",
};

int sqlite_error(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return SOTTO_EFULL;
    case SQLITE_NOMEM:
        return SOTTO_ENOMEM;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? SOTTO_ENOTFOUND : SOTTO_EEXIST;
    default:
        return SOTTO_EIO;
    }
}

sqlite3_stmt *sqlite_use(struct relay_sqlite *s, enum statement which)
{
    sqlite3_stmt **stmt = &s->statements[which];
    s->bind_error = 0;
    if (*stmt == NULL)
        sqlite3_prepare_v3(s->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    if (*stmt != NULL) {
        sqlite3_reset(*stmt);
        sqlite3_clear_bindings(*stmt);
    }
    return *stmt;
}

int sqlite_step(struct relay_sqlite *s, sqlite3_stmt *stmt, int *changes)
{
    if (stmt == NULL) {
        int error = sqlite_error(sqlite3_extended_errcode(s->db));
        return error != 0 ? error : SOTTO_EIO;
    }
    if (s->bind_error != 0)
        return s->bind_error;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (changes != NULL)
        *changes = rc == SQLITE_DONE ? sqlite3_changes(s->db) : 0;
    sqlite3_reset(stmt);
    return sqlite_error(rc);
}

int sqlite_run(struct relay_sqlite *s, enum statement which)
{
    return sqlite_step(s, sqlite_use(s, which), NULL);
}

static void bound(struct relay_sqlite *s, int rc)
{
    if (rc != SQLITE_OK && s->bind_error == 0)
        s->bind_error = sqlite_error(rc);
}

void sqlite_bind_bytes(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, const void *data,
                       size_t len)
{
    if (stmt != NULL)
        bound(s, sqlite3_bind_blob64(stmt, at, data, len, SQLITE_TRANSIENT));
}

void sqlite_bind_text(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, const char *text)
{
    if (stmt != NULL)
        bound(s, sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT));
}

void sqlite_bind_int(struct relay_sqlite *s, sqlite3_stmt *stmt, int at, int64_t v)
{
    if (stmt != NULL)
        bound(s, sqlite3_bind_int64(stmt, at, v));
}

bool sqlite_column_bytes(sqlite3_stmt *stmt, int at, void *out, size_t len)
{
    const void *data = sqlite3_column_blob(stmt, at);
    if (data == NULL || (size_t)sqlite3_column_bytes(stmt, at) != len)
        return false;
    memcpy(out, data, len);
    return true;
}

// ---- opening ----------------------------------------------------------------------------------

static int scalar(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return sqlite_error(rc);
}

static int execute(sqlite3 *db, const char *sql)
{
    return sqlite_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

// Two processes may come here at once: the version is read again under the lock.
static int migrate(sqlite3 *db)
{
    int64_t version = 0;
    int rc = execute(db, "BEGIN IMMEDIATE");
    if (rc != 0)
        return rc;
    rc = scalar(db, "PRAGMA user_version", &version);
    if (rc == 0 && version > RELAY_SQLITE_VERSION)
        rc = SOTTO_ESTATE;
    if (rc == 0 && version == 0)
        rc = execute(db, schema_1);
    if (rc == 0 && version < 2)
        rc = execute(db, schema_2);
    if (rc == 0 && version == 0)
        rc = execute(db, "PRAGMA application_id=" APPLICATION_ID);
    if (rc == 0)
        rc = execute(db, "COMMIT");
    if (rc != 0)
        execute(db, "ROLLBACK");
    return rc;
}

static int configure(sqlite3 *db)
{
    int64_t version = 0;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, RELAY_SQLITE_BUSY_MS);
    int rc = execute(db, "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON;"
                         "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                         "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "PRAGMA journal_size_limit=1048576;");
    if (rc == 0)
        rc = scalar(db, "PRAGMA user_version", &version);
    if (rc == 0 && version > RELAY_SQLITE_VERSION)
        rc = SOTTO_ESTATE;
    if (rc == 0 && version < RELAY_SQLITE_VERSION)
        rc = migrate(db);
    return rc;
}

// SQLite gives its side files the mode of the main file. One that is there is not touched: to
// close a descriptor of it would drop all locks that this process holds on it (fcntl(2)), those of
// its other connections included.
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? SOTTO_EFULL : SOTTO_EIO;
    close(fd);
    return 0;
}

static const char *open_error(int rc, sqlite3 *db)
{
    switch (rc) {
    case SOTTO_ESTATE:
        return "it was made by a newer sottod";
    case SOTTO_EFULL:
        return "the disk is full";
    default:
        return db != NULL ? sqlite3_errmsg(db) : strerror(errno);
    }
}

int relay_sqlite_open(struct relay_sqlite **out, const char *path, char *error_text,
                      size_t error_cap)
{
    struct relay_sqlite *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SOTTO_ENOMEM;
    int rc = make_file(path);
    if (rc == 0)
        rc = sqlite_error(
            sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (rc == 0)
        rc = configure(s->db);
    if (rc != 0) {
        snprintf(error_text, error_cap, "%s: %s", path, open_error(rc, s->db));
        relay_sqlite_close(s);
        return rc;
    }
    relay_sqlite_store(s);
    *out = s;
    return 0;
}

void relay_sqlite_close(struct relay_sqlite *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    free(s);
}

int relay_sqlite_limit_bytes(struct relay_sqlite *s, uint64_t bytes)
{
    int64_t page_bytes = 0, pages = 0;
    char sql[64];
    int rc = scalar(s->db, "PRAGMA page_size", &page_bytes);
    if (rc != 0)
        return rc;
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%llu",
             (unsigned long long)(bytes / (uint64_t)page_bytes));
    return scalar(s->db, sql, &pages);
}
