// SPDX-License-Identifier: Apache-2.0
// The relay's store in one SQLite file (WAL, synchronous=FULL: what a call reports as done
// survives a crash and a power cut). Besides the engine's interface it has what the operator's
// commands need. Several processes may have it open at once. Of invitations and dial tokens it
// holds only hashes.
#ifndef SOTTO_RELAY_STORE_SQLITE_H
#define SOTTO_RELAY_STORE_SQLITE_H

#include "engine/store.h"

struct relay_sqlite;

#define RELAY_SQLITE_FILE    "sottod.db"
#define RELAY_SQLITE_VERSION 2            // of the schema
#define RELAY_SQLITE_BUSY_MS 2000         // wait for another process's transaction
#define RELAY_INVITE_KEEP_S  (30 * 86400) // used and expired invitations are forgotten after this

// Makes the file (mode 0600) if there is none and brings an older schema up to date.
// SOTTO_EIO (not readable, damaged, not ours), SOTTO_EFULL, SOTTO_ESTATE (made by a newer
// sottod), SOTTO_ENOMEM. error_text gets a sentence (error_cap bytes with the NUL).
int relay_sqlite_open(struct relay_sqlite **out, const char *path, char *error_text,
                      size_t error_cap);
void relay_sqlite_close(struct relay_sqlite *s); // NULL is fine
// The engine's interface; lives as long as `s`.
struct relay_store *relay_sqlite_store(struct relay_sqlite *s);
// The file may not grow beyond this; then writes fail with SOTTO_EFULL.
int relay_sqlite_limit_bytes(struct relay_sqlite *s, uint64_t bytes);

// Several writes in one transaction, which cost little more than one. Until the commit each of
// them returns what it would by itself, and none is durable. If the commit fails, or a write
// returned SOTTO_EFULL or SOTTO_EIO, all of them are undone (abandon) and are to be done one by
// one.
int relay_sqlite_batch_begin(struct relay_sqlite *s);
int relay_sqlite_batch_commit(struct relay_sqlite *s);
void relay_sqlite_batch_abandon(struct relay_sqlite *s);

// All below: 0, SOTTO_EFULL, SOTTO_EIO, and what is named.

// The caller draws the random invitation. expires_unix_s 0: never. SOTTO_EEXIST.
int relay_sqlite_invite_create(struct relay_sqlite *s, const uint8_t invite[LINK_INVITE_BYTES],
                               int64_t now_unix_s, int64_t expires_unix_s);

struct relay_sqlite_line {
    uint8_t line_id[LINK_LINE_ID_BYTES];
    int64_t created_unix_s;
    uint64_t numbers;
};
// Calls `each` for every line, oldest first, until it returns false.
int relay_sqlite_lines(struct relay_sqlite *s,
                       bool (*each)(const struct relay_sqlite_line *line, void *user), void *user);
// The one line whose identifier begins with these hexadecimal digits. SOTTO_ENOTFOUND,
// SOTTO_EINVAL (not hexadecimal, or fewer than 8 digits), SOTTO_ELIMIT (several).
#define RELAY_LINE_PREFIX_MIN 8
int relay_sqlite_line_by_prefix(struct relay_sqlite *s, const char *hex,
                                uint8_t line_id[LINK_LINE_ID_BYTES]);
// Withdraws the line and its numbers. SOTTO_ENOTFOUND.
int relay_sqlite_line_remove(struct relay_sqlite *s, const uint8_t line_id[LINK_LINE_ID_BYTES]);

struct relay_sqlite_stats {
    uint64_t lines, numbers, invites_open, pushes;
};
int relay_sqlite_stats(struct relay_sqlite *s, int64_t now_unix_s, struct relay_sqlite_stats *out);
// Forgets invitations that are over since RELAY_INVITE_KEEP_S.
int relay_sqlite_prune(struct relay_sqlite *s, int64_t now_unix_s);
// Reads the whole file and checks it. SOTTO_EIO: damaged.
int relay_sqlite_check(struct relay_sqlite *s);

#endif
