// SPDX-License-Identifier: Apache-2.0
// Where the store's boxes lie: what a backend does for it. The program has SQLite
// (cli/store_sqlite.h), the page has two slots (web/wasm/store_slots.h). A backend sees sealed
// bytes and their names, nothing else.
#ifndef SOTTO_BOOK_STORE_BACKEND_H
#define SOTTO_BOOK_STORE_BACKEND_H

#include "store.h"

#include "store_codec.h"

#define BOX_ID_BYTES         16
#define BOX_SEALED_MAX_BYTES (CODEC_MAX_BYTES + SOTTO_VAULT_OVERHEAD_BYTES)

enum box_kind { // where they are kept: never renumber
    BOX_PROFILE = 1,
    BOX_IDENTITY = 2,
    BOX_LINE_KEY = 3,
    BOX_NUMBER = 4,
    BOX_CONTACT = 5,
    BOX_LOG = 6,
};

// Called for each box. 0: go on; anything else ends the round, which returns it. `sealed` may be of
// any length, and is valid during the call only.
typedef int box_visit(const uint8_t id[BOX_ID_BYTES], const uint8_t *sealed, size_t len, void *arg);

// `db` is the backend's own. Errors: those that store.h names for all functions, and what is said
// here.
struct store_backend {
    // One transaction. write false: what is read until the end is of one moment. `end` commits if
    // error is 0, else rolls back: it returns error, or why the commit failed. When it returns 0,
    // what was written is durable.
    int (*begin)(void *db, bool write);
    int (*end)(void *db, int error);
    // Inside the first transaction of a new store. SOTTO_EEXIST: there is one already.
    int (*prepare)(void *db);

    // The vault's header. Inside a transaction, as everything that writes.
    int (*header_get)(void *db, uint8_t out[SOTTO_VAULT_HEADER_BYTES]);
    int (*header_set)(void *db, const uint8_t header[SOTTO_VAULT_HEADER_BYTES]);

    // len <= BOX_SEALED_MAX_BYTES. Replaces what has that name.
    int (*box_put)(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES],
                   const uint8_t *sealed, size_t len);
    int (*box_remove)(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES]);
    int (*box_clear)(void *db, enum box_kind kind);
    int (*box_count)(void *db, enum box_kind kind, size_t *out);
    int (*box_each)(void *db, enum box_kind kind, box_visit *visit, void *arg); // in any order

    // What was replaced or removed leaves the medium as far as the backend can see to it.
    void (*forget)(void *db);
    bool (*changed)(void *db); // as store_changed
    int (*check)(void *db);    // SOTTO_EPARSE: what lies there is damaged
    // The last error in words, "" if there was none.
    const char *(*error_text)(const void *db);
    void (*close)(void *db); // and frees
};

// Keys that are there already, borrowed; each may be NULL.
struct store_keys {
    const struct sotto_identity *identity;
    const struct sotto_line_key *line_key;
};

// A new store. It takes db over, also when it fails. Keys that are not given (NULL) are made: an
// identity and, if profile->has_line, a line key. SOTTO_EEXIST: there is a store already; it is not
// touched. cost NULL: the vault's default.
int store_make(struct store **out, const struct store_backend *backend, void *db,
               const char *passphrase, const struct sotto_vault_cost *cost,
               const struct store_profile *profile, const struct store_keys *keys);
// A store with all that is in `from`, under a master key and passphrase of its own.
int store_make_copy(struct store **out, const struct store_backend *backend, void *db,
                    const char *passphrase, const struct sotto_vault_cost *cost,
                    struct store *from);
// The store takes db over, also when it fails. SOTTO_EPASSPHRASE, SOTTO_EPARSE.
int store_load(struct store **out, const struct store_backend *backend, void *db,
               const char *passphrase);

#endif
