// SPDX-License-Identifier: Apache-2.0
// What the files of the telephone share.
//
//   phone.c           making one, the device on the open store, time, the driver's interface
//   phone_command.c   the table of commands
//   phone_args.c      arguments out of JSON
//   phone_json.c      what there is, as JSON
//   phone_event.c     what the device says: acted on, and told to the page
//   phone_store.c     making, opening, locking, erasing
//   phone_backup.c    backup, kit and restoring (kit.c: what is in a kit)
//   phone_calls.c  phone_numbers.c  phone_contacts.c  phone_exchange.c  phone_log.c  phone_push.c
#ifndef SOTTO_WASM_PHONE_IMPL_H
#define SOTTO_WASM_PHONE_IMPL_H

#include "phone.h"

#include "call_note.h"
#include "exchange_book.h"
#include "publisher.h"

#include <jansson.h>

#define PHONE_LINKS_NONE     SOTTO_LINKS_MAX
#define PHONE_SECOND_NS      SOTTO_NS_PER_S
#define PHONE_DETAIL_BYTES   64
#define PHONE_TERMS_MAX_S    (INT64_C(100) * 366 * 86400) // nobody means more
#define PHONE_CALLS_TERM_MAX 1000000

enum phone_line {
    LINE_NONE,
    LINE_CONNECTING,
    LINE_READY,
    LINE_DOWN,
    LINE_DENIED,
    LINE_REPLACED
};

// What the page is to read again; told in one go.
enum phone_dirty {
    DIRTY_LINE = 1,
    DIRTY_NUMBERS = 2,
    DIRTY_CONTACTS = 4,
    DIRTY_LOG = 8,
    DIRTY_PROFILE = 16,
};

struct phone_link {
    bool wanted, websocket;
    struct sotto_relay_address relay;
};

// What the telephone knows of a call beside its note.
struct phone_call {
    bool waiting;                  // came while another one was active
    bool dirty;                    // to be told
    bool looked;                   // whether the other side is a contact has been looked up ...
    bool has_contact;              // ... and it is one
    struct sotto_number_link link; // outgoing; token and secret only while it lasts
    unsigned lost_permille;        // of cells, in the last seconds
    unsigned restored_permille;    // of the sound
};

struct phone_exchange {
    bool under_way;
    char label[SOTTO_NAME_MAX_BYTES + 1];
    char code[SOTTO_CODE_TEXT_BYTES];
    struct exchange_number ours;
};

struct phone {
    struct slots *slots;
    struct store *store; // NULL: closed; then device and publisher are too
    struct sotto_device *device;
    struct publisher *publisher;
    struct sotto_now now; // of the call into the telephone that is being served
    sotto_ns second;      // when the next look at calls is due
    enum phone_line line;
    int line_code; // enum link_code, or an error; why denied
    int64_t clock_offset_s;
    bool slow;                 // phone_slow
    uint32_t register_request; // 0: none under way
    uint32_t push_request;
    struct phone_link links[SOTTO_LINKS_MAX];
    struct call_notes notes;
    struct phone_call calls[SOTTO_CALLS_MAX]; // at the places of the notes
    struct phone_exchange exchange;
    unsigned dirty; // enum phone_dirty
    json_t *events[PHONE_EVENTS_MAX];
    size_t event_first, event_count;
    char detail[PHONE_DETAIL_BYTES]; // of the command's error
    char *answer, *event_text;       // handed out
};

// ---- phone.c -----------------------------------------------------------------------------------

// The device for the open store, and what it has to do at once.
int phone_start_device(struct phone *p);
// Ends it at once; the driver is told to let go of links and microphone.
void phone_stop_device(struct phone *p);
// Takes a store that was made or opened just now. On failure it is closed.
int phone_take_store(struct phone *p, struct store *store);
// Device and store. {"event":"closed"} follows if there was one.
void phone_close(struct phone *p);
// Asks for the line if the relay has not confirmed it and is not asked already.
void phone_register(struct phone *p);
// Tells the relay what is pending, if it can be told now.
void phone_publish(struct phone *p);
bool phone_calling(const struct phone *p); // any call that is not over
void phone_drop_text(char **text);         // wiped and freed; NULL inside is allowed
void phone_drop_json(char **text);         // the same for what jansson has made

// ---- phone_args.c: SOTTO_EINVAL, and p->detail names the argument -------------------------------

int args_text(struct phone *p, const json_t *args, const char *name, const char **out);
// Left out: *out is NULL.
int args_text_or_null(struct phone *p, const json_t *args, const char *name, const char **out);
int args_label(struct phone *p, const json_t *args, const char *name, const char **out);
// From `least` to `most`.
int args_integer(struct phone *p, const json_t *args, const char *name, int64_t least, int64_t most,
                 int64_t *out);
int args_integer_or(struct phone *p, const json_t *args, const char *name, int64_t least,
                    int64_t most, int64_t otherwise, int64_t *out);
int args_bool(struct phone *p, const json_t *args, const char *name, bool *out);
// 32 bytes in hex.
int args_id(struct phone *p, const json_t *args, const char *name, uint8_t out[32]);
int args_terms(struct phone *p, const json_t *args, struct number_terms *out);
int args_invalid(struct phone *p, const char *name); // SOTTO_EINVAL with that detail

// ---- phone_json.c: NULL when there is no memory ------------------------------------------------

const char *error_code(int error);    // "EPASSPHRASE"
const char *link_code_text(int code); // "invite"; an error gives its name
json_t *json_profile(const struct phone *p);
json_t *json_relay(const struct sotto_relay_address *a);
json_t *json_line(const struct phone *p);
json_t *json_number(const struct phone *p, const struct store_number *n, bool with_link);
json_t *json_contact(const struct sotto_contact *c);
json_t *json_call(struct phone *p, const struct sotto_call_info *info);
json_t *json_log_entry(const struct store_log_entry *e, const struct sotto_contact *contacts,
                       size_t count);
json_t *json_hex(const uint8_t *data, size_t len);
json_t *json_fingerprint(const struct sotto_fingerprint *fp);

// ---- phone_event.c -----------------------------------------------------------------------------

// Takes the object over; too many are dropped, the newest first.
void phone_tell(struct phone *p, json_t *event);
void phone_mark(struct phone *p, unsigned dirty);
void phone_mark_call(struct phone *p, uint32_t call);
// Once a second while there is an active call.
void phone_look_at_calls(struct phone *p);
// The next event of the page, to be released; NULL: none. Acts on what the device says.
json_t *phone_next_event(struct phone *p);

// ---- commands: 0 and *result (NULL: {}), or an error --------------------------------------------

typedef int phone_handler(struct phone *p, const json_t *args, json_t **result);

phone_handler phone_boot, phone_create, phone_open, phone_lock, phone_set_lock, phone_profile,
    phone_set_name, phone_join, phone_erase;
phone_handler phone_backup, phone_kit, phone_restore;
phone_handler phone_link, phone_dial, phone_accept, phone_decline, phone_hangup, phone_hold,
    phone_mute, phone_words, phone_calls;
phone_handler phone_numbers, phone_number_new, phone_number_link, phone_number_label,
    phone_number_revoke, phone_number_restore, phone_number_rebind;
phone_handler phone_contacts, phone_contact_add, phone_contact_rename, phone_contact_remove;
phone_handler phone_exchange_start, phone_exchange_pick, phone_exchange_cancel;
phone_handler phone_log, phone_log_clear;
phone_handler phone_push;

// phone_store.c: how a store is opened; the result is wiped by the caller.
#define PHONE_PASSPHRASE_MAX_BYTES (SOTTO_VAULT_PASSPHRASE_MAX_BYTES + 1)
struct phone_key {
    enum slots_lock lock;
    char passphrase[PHONE_PASSPHRASE_MAX_BYTES]; // of the vault
    const struct sotto_vault_cost *cost;
};
// From "secret", "lock" and the argument called `passphrase`.
int phone_key_new(struct phone *p, const json_t *args, const char *passphrase,
                  struct phone_key *out);
extern const struct sotto_vault_cost phone_least_cost;
// phone_contacts.c: a link of either kind, with or without what follows it in a setup link.
int phone_number_link_parse(const char *text, struct sotto_number_link *out);
int phone_invite_link_parse(const char *text, struct sotto_invite_link *out);
// phone_exchange.c
void phone_exchange_event(struct phone *p, const struct sotto_event *ev);
void phone_exchange_forget(struct phone *p);

#endif
