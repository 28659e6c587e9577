// SPDX-License-Identifier: Apache-2.0
// What the operator's commands ask.
#include <string.h>

#include <sotto/identity.h>

#include "store/sqlite_internal.h"

int relay_sqlite_invite_create(struct relay_sqlite *s, const uint8_t invite[LINK_INVITE_BYTES],
                               int64_t now_unix_s, int64_t expires_unix_s)
{
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    sotto_token_hash(invite, hash);
    sqlite3_stmt *stmt = sqlite_use(s, S_INVITE_ADD);
    sqlite_bind_bytes(s, stmt, 1, hash, sizeof hash);
    sqlite_bind_int(s, stmt, 2, now_unix_s);
    sqlite_bind_int(s, stmt, 3, expires_unix_s);
    return sqlite_step(s, stmt, NULL);
}

int relay_sqlite_lines(struct relay_sqlite *s,
                       bool (*each)(const struct relay_sqlite_line *line, void *user), void *user)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_LINE_LIST);
    int rc;
    while ((rc = sqlite_step(s, stmt, NULL)) == 1) {
        struct relay_sqlite_line line = {.created_unix_s = sqlite3_column_int64(stmt, 1),
                                         .numbers = (uint64_t)sqlite3_column_int64(stmt, 2)};
        if (!sqlite_column_bytes(stmt, 0, line.line_id, sizeof line.line_id)) {
            sqlite3_reset(stmt);
            return SOTTO_EIO;
        }
        if (!each(&line, user)) {
            sqlite3_reset(stmt);
            return 0;
        }
    }
    return rc;
}

int relay_sqlite_line_by_prefix(struct relay_sqlite *s, const char *hex,
                                uint8_t line_id[LINK_LINE_ID_BYTES])
{
    size_t len = strlen(hex);
    if (len < RELAY_LINE_PREFIX_MIN || len > 2 * LINK_LINE_ID_BYTES ||
        strspn(hex, "0123456789abcdefABCDEF") != len)
        return SOTTO_EINVAL;
    sqlite3_stmt *stmt = sqlite_use(s, S_LINE_PREFIX);
    sqlite_bind_text(s, stmt, 1, hex);
    uint8_t found[LINK_LINE_ID_BYTES];
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_ENOTFOUND : rc;
    bool good = sqlite_column_bytes(stmt, 0, found, sizeof found);
    rc = sqlite_step(s, stmt, NULL);
    if (rc == 1) {
        sqlite3_reset(stmt);
        return SOTTO_ELIMIT;
    }
    if (rc == 0 && !good)
        rc = SOTTO_EIO;
    if (rc == 0)
        memcpy(line_id, found, sizeof found);
    return rc;
}

int relay_sqlite_line_remove(struct relay_sqlite *s, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    int changes = 0;
    sqlite3_stmt *stmt = sqlite_use(s, S_LINE_REMOVE);
    sqlite_bind_bytes(s, stmt, 1, line_id, LINK_LINE_ID_BYTES);
    int rc = sqlite_step(s, stmt, &changes);
    return rc == 0 && changes == 0 ? SOTTO_ENOTFOUND : rc;
}

int relay_sqlite_stats(struct relay_sqlite *s, int64_t now_unix_s, struct relay_sqlite_stats *out)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_STATS);
    sqlite_bind_int(s, stmt, 2, now_unix_s);
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_EIO : rc;
    *out = (struct relay_sqlite_stats){.lines = (uint64_t)sqlite3_column_int64(stmt, 0),
                                       .numbers = (uint64_t)sqlite3_column_int64(stmt, 1),
                                       .invites_open = (uint64_t)sqlite3_column_int64(stmt, 2),
                                       .pushes = (uint64_t)sqlite3_column_int64(stmt, 3)};
    sqlite3_reset(stmt);
    return 0;
}

int relay_sqlite_prune(struct relay_sqlite *s, int64_t now_unix_s)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_INVITE_PRUNE);
    sqlite_bind_int(s, stmt, 1, now_unix_s - RELAY_INVITE_KEEP_S);
    return sqlite_step(s, stmt, NULL);
}

int relay_sqlite_check(struct relay_sqlite *s)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_CHECK);
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_EIO : rc;
    bool good = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    sqlite3_reset(stmt);
    return good ? 0 : SOTTO_EIO;
}
