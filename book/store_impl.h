// SPDX-License-Identifier: Apache-2.0
// The inside of the store, for store*.c and backends only.
#ifndef SOTTO_BOOK_STORE_IMPL_H
#define SOTTO_BOOK_STORE_IMPL_H

#include "store.h"
#include "store_backend.h"

struct store {
    const struct store_backend *backend;
    void *db; // the backend's
    struct sotto_vault *vault;
    struct sotto_identity *identity;
    struct sotto_line_key *line_key;
    struct store_profile profile;
    bool has_passphrase;
};

// One transaction that writes: _begin, then _end with what was done; _end commits if it is 0, else
// rolls back, and returns it, or why the commit failed.
int store_begin(struct store *s);
int store_end(struct store *s, int error);

// ---- boxes (store_box.c) -----------------------------------------------------------------------

// A new random name for a box.
void box_new_id(uint8_t id[BOX_ID_BYTES]);
// Seals and writes, replacing what had that name.
int box_put(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES],
            const uint8_t *plain, size_t len);
int box_remove(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES]);
// Everything in `from` that opens, sealed anew for `to`, in whose transaction it happens.
int box_copy_all(struct store *to, struct store *from);

struct box_scan {
    // Called for each box that opens. 0: go on; SOTTO_EPARSE: it is damaged, go on; anything else
    // ends the scan, which returns it.
    int (*visit)(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg);
    void *arg;
    size_t boxes, damaged; // out
};
// visit must not write to the store. Boxes that do not open are counted and passed over. 0, what
// visit returned, or an error.
int box_scan(struct store *s, enum box_kind kind, struct box_scan *scan);
// The one box of a kind: bytes written. SOTTO_ENOTFOUND, SOTTO_EPARSE, SOTTO_ESPACE.
int box_only(struct store *s, enum box_kind kind, uint8_t *out, size_t cap);
int box_count(struct store *s, enum box_kind kind, size_t *out);

// ---- rows: boxes of a kind, opened (store_list.c) ----------------------------------------------

// A row is a struct of the kind's own file; it begins with the name of the box (BOX_ID_BYTES).
struct box_rows {
    enum box_kind kind;
    size_t row_bytes;
    size_t value_offset, value_bytes;                           // of what is in the box
    int (*decode)(void *row, const uint8_t *plain, size_t len); // the value; 0 or an error
    int (*order)(const void *a, const void *b);                 // of two rows, for qsort
};

struct box_list {
    const struct box_rows *type;
    void *rows;
    size_t count, cap, damaged;
};
// All rows, in their order; more than `cap` are SOTTO_ELIMIT, so outside a transaction ask for one
// more than there may be. SOTTO_ENOMEM, or what box_scan gives.
int box_list_load(struct store *s, const struct box_rows *type, size_t cap, struct box_list *out);
void box_list_free(struct box_list *list); // wiped
// A copy of the first `count` values, for box_values_free. NULL: no memory.
void *box_list_values(const struct box_list *list, size_t count);
void box_values_free(void *values, size_t bytes); // wiped; NULL is allowed
// The row that `is` says has that key; wiped on failure. SOTTO_ENOTFOUND, SOTTO_EPARSE (it may be
// one that is damaged), or what box_scan gives.
int box_find(struct store *s, const struct box_rows *type,
             bool (*is)(const void *row, const void *key), const void *key, void *row);

// ---- inside a transaction, for the book --------------------------------------------------------

// Of numbers bound to that identity; counts them into *changed.
int numbers_set_verified(struct store *s, const struct sotto_fingerprint *fp, bool verified,
                         size_t *changed);
int contact_set_verified(struct store *s, const struct sotto_fingerprint *fp, bool verified,
                         int64_t now_unix_s); // SOTTO_ENOTFOUND

#endif
