// SPDX-License-Identifier: Apache-2.0
// The engine's interface.
#include <assert.h>
#include <string.h>

#include <sotto/identity.h>

#include "store/sqlite_internal.h"

static struct relay_sqlite *sqlite_of(struct relay_store *s)
{
    return (struct relay_sqlite *)(void *)s;
}

static void bind_invite(struct relay_sqlite *s, sqlite3_stmt *stmt,
                        const uint8_t invite[LINK_INVITE_BYTES])
{
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    static_assert(LINK_INVITE_BYTES == SOTTO_TOKEN_BYTES, "hashed by the same function");
    sotto_token_hash(invite, hash);
    sqlite_bind_bytes(s, stmt, 1, hash, sizeof hash);
}

static int use_invite(struct relay_sqlite *s, const uint8_t invite[LINK_INVITE_BYTES],
                      int64_t now_unix_s)
{
    int changes = 0;
    sqlite3_stmt *stmt = sqlite_use(s, S_INVITE_USE);
    bind_invite(s, stmt, invite);
    sqlite_bind_int(s, stmt, 2, now_unix_s);
    int rc = sqlite_step(s, stmt, &changes);
    return rc == 0 && changes == 0 ? SOTTO_ENOTFOUND : rc;
}

static int add_line(struct relay_sqlite *s, const struct relay_store_line *line)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_LINE_ADD);
    sqlite_bind_bytes(s, stmt, 1, line->line_id, sizeof line->line_id);
    sqlite_bind_bytes(s, stmt, 2, line->key, line->key_len);
    sqlite_bind_int(s, stmt, 3, line->created_unix_s);
    return sqlite_step(s, stmt, NULL);
}

// A savepoint is a transaction of its own outside a batch, and a part of it inside one. Begun with
// S_SAVEPOINT, ended here: all of it, or nothing if rc says that it has failed.
static int savepoint_end(struct relay_sqlite *s, int rc)
{
    if (rc != 0)
        sqlite_run(s, S_ROLLBACK_TO); // harmless if SQLite has rolled all of it back itself
    int released = sqlite_run(s, S_RELEASE);
    if (rc == 0 && released != 0) {
        sqlite_run(s, S_ROLLBACK_TO);
        sqlite_run(s, S_RELEASE);
        rc = released;
    }
    return rc;
}

static int line_register(struct relay_store *store, const uint8_t invite[LINK_INVITE_BYTES],
                         const struct relay_store_line *line, int64_t now_unix_s)
{
    struct relay_sqlite *s = sqlite_of(store);
    int rc = sqlite_run(s, S_SAVEPOINT);
    if (rc != 0)
        return rc;
    rc = use_invite(s, invite, now_unix_s);
    if (rc == 0)
        rc = add_line(s, line);
    return savepoint_end(s, rc);
}

int relay_sqlite_batch_begin(struct relay_sqlite *s)
{
    return sqlite_run(s, S_BEGIN);
}

int relay_sqlite_batch_commit(struct relay_sqlite *s)
{
    if (sqlite3_get_autocommit(s->db) != 0)
        return SOTTO_EIO; // SQLite has rolled it back by itself
    int rc = sqlite_run(s, S_COMMIT);
    if (rc != 0)
        sqlite_run(s, S_ROLLBACK);
    return rc;
}

void relay_sqlite_batch_abandon(struct relay_sqlite *s)
{
    if (sqlite3_get_autocommit(s->db) == 0)
        sqlite_run(s, S_ROLLBACK);
}

static int line_get(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                    struct relay_store_line *out)
{
    struct relay_sqlite *s = sqlite_of(store);
    sqlite3_stmt *stmt = sqlite_use(s, S_LINE_GET);
    sqlite_bind_bytes(s, stmt, 1, line_id, LINK_LINE_ID_BYTES);
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_ENOTFOUND : rc;
    struct relay_store_line line = {.created_unix_s = sqlite3_column_int64(stmt, 1)};
    memcpy(line.line_id, line_id, LINK_LINE_ID_BYTES);
    const void *key = sqlite3_column_blob(stmt, 0);
    line.key_len = (size_t)sqlite3_column_bytes(stmt, 0);
    bool good = key != NULL && line.key_len <= sizeof line.key;
    if (good)
        memcpy(line.key, key, line.key_len);
    sqlite3_reset(stmt);
    if (!good)
        return SOTTO_EIO;
    *out = line;
    return 0;
}

static int invite_check(struct relay_store *store, const uint8_t invite[LINK_INVITE_BYTES],
                        int64_t now_unix_s)
{
    struct relay_sqlite *s = sqlite_of(store);
    sqlite3_stmt *stmt = sqlite_use(s, S_INVITE_CHECK);
    bind_invite(s, stmt, invite);
    sqlite_bind_int(s, stmt, 2, now_unix_s);
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_ENOTFOUND : rc;
    sqlite3_reset(stmt);
    return 0;
}

static int number_get(struct relay_store *store, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                      struct relay_store_number *out)
{
    struct relay_sqlite *s = sqlite_of(store);
    sqlite3_stmt *stmt = sqlite_use(s, S_NUMBER_GET);
    sqlite_bind_bytes(s, stmt, 1, token_hash, LINK_TOKEN_HASH_BYTES);
    int rc = sqlite_step(s, stmt, NULL);
    if (rc != 1)
        return rc == 0 ? SOTTO_ENOTFOUND : rc;
    struct relay_store_number n = {.expires_unix_s = sqlite3_column_int64(stmt, 1),
                                   .calls_left = (uint32_t)sqlite3_column_int64(stmt, 2)};
    memcpy(n.token_hash, token_hash, LINK_TOKEN_HASH_BYTES);
    bool good = sqlite_column_bytes(stmt, 0, n.line_id, sizeof n.line_id);
    sqlite3_reset(stmt);
    if (!good)
        return SOTTO_EIO;
    *out = n;
    return 0;
}

static sqlite3_stmt *use_number(struct relay_sqlite *s, enum statement which,
                                const struct relay_store_number *n)
{
    sqlite3_stmt *stmt = sqlite_use(s, which);
    sqlite_bind_bytes(s, stmt, 1, n->token_hash, sizeof n->token_hash);
    sqlite_bind_bytes(s, stmt, 2, n->line_id, sizeof n->line_id);
    sqlite_bind_int(s, stmt, 3, n->expires_unix_s);
    sqlite_bind_int(s, stmt, 4, n->calls_left);
    return stmt;
}

static int number_add(struct relay_sqlite *s, const struct relay_store_number *n,
                      uint32_t numbers_max)
{
    int changes = 0;
    sqlite3_stmt *stmt = use_number(s, S_NUMBER_ADD, n);
    sqlite_bind_int(s, stmt, 5, numbers_max);
    int rc = sqlite_step(s, stmt, &changes);
    return rc == 0 && changes == 0 ? SOTTO_ELIMIT : rc;
}

static int number_change(struct relay_sqlite *s, const struct relay_store_number *n)
{
    int changes = 0;
    int rc = sqlite_step(s, use_number(s, S_NUMBER_CHANGE, n), &changes);
    return rc == 0 && changes == 0 ? SOTTO_ENOTFOUND : rc; // another process withdrew the line
}

// Devices put all their numbers again whenever they are not sure: what is there already costs no
// write.
static int number_put(struct relay_store *store, const struct relay_store_number *n,
                      uint32_t numbers_max)
{
    struct relay_store_number present;
    int rc = number_get(store, n->token_hash, &present);
    if (rc == SOTTO_ENOTFOUND)
        return number_add(sqlite_of(store), n, numbers_max);
    if (rc != 0)
        return rc;
    if (memcmp(present.line_id, n->line_id, sizeof n->line_id) != 0)
        return SOTTO_EEXIST;
    if (present.expires_unix_s == n->expires_unix_s && present.calls_left == n->calls_left)
        return 0;
    return number_change(sqlite_of(store), n);
}

static int number_remove(struct relay_store *store, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                         const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct relay_sqlite *s = sqlite_of(store);
    int changes = 0;
    sqlite3_stmt *stmt = sqlite_use(s, S_NUMBER_REMOVE);
    sqlite_bind_bytes(s, stmt, 1, token_hash, LINK_TOKEN_HASH_BYTES);
    sqlite_bind_bytes(s, stmt, 2, line_id, LINK_LINE_ID_BYTES);
    int rc = sqlite_step(s, stmt, &changes);
    return rc == 0 && changes == 0 ? SOTTO_ENOTFOUND : rc;
}

// ---- subscriptions

static int push_add(struct relay_sqlite *s, const struct relay_store_push *p)
{
    sqlite3_stmt *stmt = sqlite_use(s, S_PUSH_PUT);
    sqlite_bind_bytes(s, stmt, 1, p->line_id, sizeof p->line_id);
    sqlite_bind_text(s, stmt, 2, p->endpoint);
    sqlite_bind_bytes(s, stmt, 3, p->p256dh, sizeof p->p256dh);
    sqlite_bind_bytes(s, stmt, 4, p->auth, sizeof p->auth);
    return sqlite_step(s, stmt, NULL);
}

static int push_trim(struct relay_sqlite *s, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    sqlite3_stmt *stmt = sqlite_use(s, S_PUSH_TRIM);
    sqlite_bind_bytes(s, stmt, 1, line_id, LINK_LINE_ID_BYTES);
    sqlite_bind_int(s, stmt, 2, RELAY_PUSH_PER_LINE_MAX);
    return sqlite_step(s, stmt, NULL);
}

static int push_put(struct relay_store *store, const struct relay_store_push *p)
{
    struct relay_sqlite *s = sqlite_of(store);
    int rc = sqlite_run(s, S_SAVEPOINT);
    if (rc != 0)
        return rc;
    rc = push_add(s, p);
    if (rc == 0)
        rc = push_trim(s, p->line_id);
    return savepoint_end(s, rc);
}

static int push_remove(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                       const char *endpoint)
{
    struct relay_sqlite *s = sqlite_of(store);
    sqlite3_stmt *stmt = sqlite_use(s, S_PUSH_REMOVE);
    sqlite_bind_bytes(s, stmt, 1, line_id, LINK_LINE_ID_BYTES);
    sqlite_bind_text(s, stmt, 2, endpoint);
    return sqlite_step(s, stmt, NULL);
}

static bool push_read(sqlite3_stmt *stmt, struct relay_store_push *p)
{
    const void *endpoint = sqlite3_column_text(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    if (endpoint == NULL || len >= sizeof p->endpoint)
        return false;
    memcpy(p->endpoint, endpoint, len);
    p->endpoint[len] = '\0';
    return sqlite_column_bytes(stmt, 1, p->p256dh, sizeof p->p256dh) &&
           sqlite_column_bytes(stmt, 2, p->auth, sizeof p->auth);
}

static int push_list(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                     struct relay_store_push out[RELAY_PUSH_PER_LINE_MAX], size_t *count)
{
    struct relay_sqlite *s = sqlite_of(store);
    sqlite3_stmt *stmt = sqlite_use(s, S_PUSH_LIST);
    sqlite_bind_bytes(s, stmt, 1, line_id, LINK_LINE_ID_BYTES);
    sqlite_bind_int(s, stmt, 2, RELAY_PUSH_PER_LINE_MAX);
    size_t n = 0;
    int rc;
    while ((rc = sqlite_step(s, stmt, NULL)) == 1 && n < RELAY_PUSH_PER_LINE_MAX) {
        memcpy(out[n].line_id, line_id, LINK_LINE_ID_BYTES);
        if (!push_read(stmt, &out[n++])) {
            sqlite3_reset(stmt);
            return SOTTO_EIO;
        }
    }
    if (rc == 0)
        *count = n;
    return rc;
}

struct relay_store *relay_sqlite_store(struct relay_sqlite *s)
{
    s->store = (struct relay_store){.line_register = line_register,
                                    .line_get = line_get,
                                    .invite_check = invite_check,
                                    .number_put = number_put,
                                    .number_remove = number_remove,
                                    .number_get = number_get,
                                    .push_put = push_put,
                                    .push_remove = push_remove,
                                    .push_list = push_list};
    return &s->store;
}
