// SPDX-License-Identifier: Apache-2.0
// What a device keeps: identity, line, numbers, contacts, the log of calls. Everything private is
// in boxes sealed with the vault under their own row's name; see docs/STORE.md for what a thief
// still sees (how many boxes of which kind there are; sizes are padded). Where the boxes lie is a
// backend's business (store_backend.h); stores are opened with cli/store_sqlite.h or
// web/wasm/store_slots.h.
//
// Each function below is one transaction: when it returns 0 its change is durable, when it fails
// nothing has changed. A process killed at any moment leaves the store as it was before or after.
//
// Errors of all functions, beside those that they name: SOTTO_EIO (the disk, or another process in
// the way; store_error_text says more), SOTTO_EFULL (disk or quota full), SOTTO_EPARSE (the file,
// or a box in it, is damaged), SOTTO_ENOMEM.
#ifndef SOTTO_BOOK_STORE_H
#define SOTTO_BOOK_STORE_H

#include <sotto/device.h>
#include <sotto/identity.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_NUMBERS_MAX  1000 // the oldest revoked one gives way, else SOTTO_ELIMIT
#define STORE_CONTACTS_MAX 2000 // then SOTTO_ELIMIT
#define STORE_LOG_MAX      4000 // the oldest entries give way
#define STORE_ERROR_BYTES  256

// ---- opening ---------------------------------------------------------------------------------

// Who this is, and where the line lives.
struct store_profile {
    char name[SOTTO_NAME_MAX_BYTES + 1]; // display name for links; "" none
    int64_t created_unix_s;
    bool has_line;   // home and invite mean something, there is a line key
    bool registered; // the relay has confirmed the line
    struct sotto_relay_address home;
    uint8_t invite[SOTTO_INVITE_BYTES]; // until registered
    bool kit;                           // a recovery kit was made (by the page)
};

void store_close(struct store *s); // wipes; NULL is allowed
// SOTTO_EPASSPHRASE: the old one is wrong. new NULL or "": none from now on.
int store_change_passphrase(struct store *s, const char *old_passphrase, const char *new_passphrase,
                            const struct sotto_vault_cost *cost);

// Valid as long as the store.
const struct sotto_identity *store_identity(const struct store *s);
const struct sotto_line_key *store_line_key(const struct store *s); // NULL: no line
const struct store_profile *store_profile(const struct store *s);
bool store_has_passphrase(const struct store *s);

// Writes the profile; makes a line key if it has got a line now.
int store_set_profile(struct store *s, const struct store_profile *profile);

// The last error as the backend or the operating system words it; "" if there was none.
const char *store_error_text(const struct store *s);

// For the device. The store is its user pointer.
struct sotto_book store_book(struct store *s);

// True if somebody else has written since the last call (or since opening).
bool store_changed(struct store *s);

// The backend's own check, and every box opened. *boxes: how many there are, *damaged: those that
// do not open. SOTTO_EPARSE: the file itself is damaged (text in store_error_text).
int store_check(struct store *s, size_t *boxes, size_t *damaged);

// ---- numbers ---------------------------------------------------------------------------------

// What the relay has not been told yet.
enum store_pending {
    STORE_PENDING_NONE = 0,
    STORE_PENDING_PUBLISH = 1,
    STORE_PENDING_WITHDRAW = 2
};

struct store_number {
    struct sotto_number number;
    enum store_pending pending;
};

// All, newest first. The array is wiped and freed with store_numbers_free.
int store_numbers(struct store *s, struct store_number **out, size_t *count);
void store_numbers_free(struct store_number *list, size_t count);
int store_number_get(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                     struct store_number *out); // SOTTO_ENOTFOUND
// SOTTO_EEXIST: a live number (not revoked, expired or used up) has that label or token.
int store_number_add(struct store *s, const struct store_number *n, int64_t now_unix_s);
// As sotto_book.number_update, for both fields. Nothing is written if change gives nonzero.
int store_number_change(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                        int (*change)(struct store_number *n, void *arg), void *arg);
// The relay has done what was pending. Only if `was` is still what is pending.
int store_number_done(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                      enum store_pending was);

// ---- contacts --------------------------------------------------------------------------------

// All, by label. Freed with store_contacts_free.
int store_contacts(struct store *s, struct sotto_contact **out, size_t *count);
void store_contacts_free(struct sotto_contact *list, size_t count);
int store_contact_get(struct store *s, const struct sotto_fingerprint *fp,
                      struct sotto_contact *out); // SOTTO_ENOTFOUND
// SOTTO_EEXIST: the label or the fingerprint is there already.
int store_contact_add(struct store *s, const struct sotto_contact *c);
// SOTTO_ENOTFOUND; SOTTO_EEXIST: the new label or fingerprint belongs to another contact.
int store_contact_change(struct store *s, const struct sotto_fingerprint *fp,
                         int (*change)(struct sotto_contact *c, void *arg), void *arg);
int store_contact_remove(struct store *s, const struct sotto_fingerprint *fp); // SOTTO_ENOTFOUND

// ---- log -------------------------------------------------------------------------------------

enum store_log_kind {
    STORE_LOG_CALL = 1,
    STORE_LOG_LEAK = 2,  // a bound number in other hands; peer: the stranger's fingerprint
    STORE_LOG_BOUND = 3, // a number was used for the first time; peer: by whom
};

struct store_log_entry {
    enum store_log_kind kind;
    bool incoming, answered, secure, verified, has_peer;
    int64_t started_unix_s;
    uint32_t duration_s; // of the conversation
    enum sotto_end end;
    char label[SOTTO_NAME_MAX_BYTES + 1]; // "" unknown
    struct sotto_fingerprint peer;
    // What the call was like; zero or "" where unknown.
    char group[32];     // key agreement: "SecP384r1MLKEM1024"
    char transport[16]; // "quic"
    uint32_t rtt_us, jitter_us, rekeys;
    uint64_t cells_sent, cells_received, cells_lost, frames_played, frames_concealed;
    uint64_t frames_restored;        // of those played: from copies and DRED
    uint32_t delay_us, delay_max_us; // estimate from mouth to ear: mean, greatest of a second
    uint32_t worst_permille;         // of the sound concealed, in the second with most of it
    uint32_t worst_at_s;             // which second that was
};

int store_log_add(struct store *s, const struct store_log_entry *e);
// The newest first, at most `limit` (0: all). Freed with store_log_free.
int store_log(struct store *s, size_t limit, struct store_log_entry **out, size_t *count);
void store_log_free(struct store_log_entry *list, size_t count);
int store_log_clear(struct store *s, size_t *removed);

#endif
