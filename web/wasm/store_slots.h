// SPDX-License-Identifier: Apache-2.0
// The store (book/store.h) in a browser: its boxes are in memory, sealed, and each transaction
// writes all of them as one snapshot into the older of two slots. docs/STORE.md has the format.
//
// A write that fails, or is cut short at any byte, leaves the other slot: the store is as it was
// before. A full disk fails the transaction with SOTTO_EFULL, anything else with SOTTO_EIO.
#ifndef SOTTO_WASM_STORE_SLOTS_H
#define SOTTO_WASM_STORE_SLOTS_H

#include "store_backend.h"

#define SLOTS_FORMAT    1
#define SLOTS_COUNT     2
#define SLOTS_BOXES_MAX 8192               // then SOTTO_ELIMIT; more than the store's limits permit
#define SLOT_MAX_BYTES  (16 * 1024 * 1024) // a longer one is not read

// What is asked for, beside the browser's own key. Readable without a key.
enum slots_lock { // in the slot: never renumber
    SLOTS_LOCK_NONE = 0,
    SLOTS_LOCK_PASSPHRASE = 1,
    SLOTS_LOCK_PASSKEY = 2,
};

struct slots_host {
    // Replaces what is in the slot; durable when it returns 0. -2: no room; another negative: it
    // failed. What is in the slot after a failure does not matter.
    int (*write)(unsigned which, const uint8_t *data, size_t len, void *user);
    void *user;
};

struct slots;

// Nothing in it. host NULL: in memory only, for backups. SOTTO_ENOMEM.
int slots_new(struct slots **out, const struct slots_host *host);
void slots_free(struct slots *s); // after the store on it is closed; NULL is allowed

// What storage holds at the start, once for each slot; empty is fine. The newest valid one wins.
// SOTTO_EPARSE: damaged, torn or no slot; SOTTO_ESTATE: made by a newer sotto; SOTTO_ENOMEM.
int slots_offer(struct slots *s, unsigned which, const uint8_t *data, size_t len);

bool slots_exists(const struct slots *s);  // a slot was valid, or a store was made
bool slots_damaged(const struct slots *s); // there was something, and nothing of it is valid
enum slots_lock slots_lock(const struct slots *s);
// What the next transaction writes; it is taken back if that fails.
void slots_will_lock(struct slots *s, enum slots_lock lock);

// The snapshot as of the last transaction, to be freed by the caller. SOTTO_ENOMEM.
int slots_export(const struct slots *s, uint8_t **out, size_t *len);
// Overwrites and empties both slots; nothing is left in memory either. The store is closed before.
// SOTTO_EIO, SOTTO_EFULL: something of it may be left; to be tried again.
int slots_erase(struct slots *s);

// For store_make and store_load; `db` is the struct slots, which outlives the store.
extern const struct store_backend slots_backend;

#endif
