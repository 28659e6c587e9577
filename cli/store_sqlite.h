// SPDX-License-Identifier: Apache-2.0
// The store (book/store.h) on a disk: one directory (0700) with one SQLite file in it (0600).
// Several processes may use one store at once; one that finds another in its way for STORE_BUSY_MS
// gives SOTTO_EIO.
#ifndef SOTTO_CLI_STORE_SQLITE_H
#define SOTTO_CLI_STORE_SQLITE_H

#include "store.h"

#define STORE_FILE    "sotto.db"
#define STORE_BUSY_MS 10000

// Makes the directory (its parents must exist, or be XDG ones), a fresh identity and, if
// profile->has_line, a line key. SOTTO_EEXIST: there is a store already; it is not touched.
// cost NULL: the vault's default.
int store_create(struct store **out, const char *dir, const char *passphrase,
                 const struct sotto_vault_cost *cost, const struct store_profile *profile);
// SOTTO_ENOTFOUND: no store there. SOTTO_EPASSPHRASE. SOTTO_ESTATE: made by a newer sotto.
int store_open(struct store **out, const char *dir, const char *passphrase);
const char *store_dir(const struct store *s);
// Whether there is a store (true) and whether it wants a passphrase, without opening it.
bool store_exists(const char *dir, bool *wants_passphrase);

#endif
