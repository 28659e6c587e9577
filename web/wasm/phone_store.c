// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "contact_acts.h"

#include <stdio.h>
#include <string.h>

#define SECRET_TEXT_BYTES  (2 * SOTTO_SECRET_BYTES)
#define SETUP_CONTACTS_MAX 64 // of a setup link

const struct sotto_vault_cost phone_least_cost = {
    .memory_kib = SOTTO_VAULT_MEMORY_MIN_KIB,
    .passes = SOTTO_VAULT_PASSES_MIN,
};

// ---- what opens the store ----------------------------------------------------------------------

static int read_lock(struct phone *p, const json_t *args, enum slots_lock *out)
{
    static const char *const names[] = {"none", "passphrase", "passkey"};
    const char *text;
    int error = args_text(p, args, "lock", &text);
    for (int i = 0; error == SOTTO_OK && i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum slots_lock)i;
            return SOTTO_OK;
        }
    }
    return args_invalid(p, "lock");
}

static bool is_secret(const char *text)
{
    return strlen(text) == SECRET_TEXT_BYTES &&
           strspn(text, "0123456789abcdef") == SECRET_TEXT_BYTES;
}

// "secret:passphrase": what the browser's own key protects, and what the user knows or has.
static int compose(struct phone *p, const json_t *args, enum slots_lock lock,
                   const char *passphrase_name, struct phone_key *out)
{
    const char *secret, *passphrase;
    int error = args_text(p, args, "secret", &secret);
    if (error == SOTTO_OK && !is_secret(secret)) {
        error = args_invalid(p, "secret");
    }
    if (error == SOTTO_OK) {
        error = args_text_or_null(p, args, passphrase_name, &passphrase);
    }
    if (error != SOTTO_OK) {
        return error;
    }
    bool wanted = lock != SLOTS_LOCK_NONE;
    if (wanted && (passphrase == NULL || passphrase[0] == '\0')) {
        return args_invalid(p, passphrase_name);
    }
    out->lock = lock;
    // The passphrase of a passkey, and the browser's secret, have nothing to guess.
    out->cost = lock == SLOTS_LOCK_PASSPHRASE ? NULL : &phone_least_cost;
    int len = snprintf(out->passphrase, sizeof out->passphrase, "%s:%s", secret,
                       wanted ? passphrase : "");
    return len < (int)sizeof out->passphrase ? SOTTO_OK : args_invalid(p, passphrase_name);
}

int phone_key_new(struct phone *p, const json_t *args, const char *passphrase,
                  struct phone_key *out)
{
    enum slots_lock lock;
    int error = read_lock(p, args, &lock);
    return error == SOTTO_OK ? compose(p, args, lock, passphrase, out) : error;
}

// ---- boot, open, lock --------------------------------------------------------------------------

int phone_boot(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    static const char *const locks[] = {"none", "passphrase", "passkey"};
    *result = json_pack("{s:b,s:s,s:b,s:b}", "exists",
                        (int)(slots_exists(p->slots) || slots_damaged(p->slots)), "lock",
                        locks[slots_lock(p->slots)], "durable", 1, "damaged",
                        (int)slots_damaged(p->slots));
    return SOTTO_OK;
}

static int open_slots(struct phone *p, const char *passphrase)
{
    struct store *store;
    if (!slots_exists(p->slots)) {
        return slots_damaged(p->slots) ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
    }
    int error = store_load(&store, &slots_backend, p->slots, passphrase);
    return error == SOTTO_OK ? phone_take_store(p, store) : error;
}

int phone_open(struct phone *p, const json_t *args, json_t **result)
{
    struct phone_key key;
    if (p->store != NULL) {
        return SOTTO_ESTATE;
    }
    int error = compose(p, args, slots_lock(p->slots), "passphrase", &key);
    if (error == SOTTO_OK) {
        error = open_slots(p, key.passphrase);
    }
    sotto_wipe(&key, sizeof key);
    if (error == SOTTO_OK) {
        *result = json_profile(p);
    }
    return error;
}

int phone_lock(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    (void)result;
    if (phone_calling(p)) {
        return SOTTO_ESTATE;
    }
    phone_close(p);
    return SOTTO_OK;
}

int phone_set_lock(struct phone *p, const json_t *args, json_t **result)
{
    struct phone_key before, after;
    int error = compose(p, args, slots_lock(p->slots), "old_passphrase", &before);
    if (error == SOTTO_OK) {
        error = phone_key_new(p, args, "passphrase", &after);
    }
    if (error == SOTTO_OK) {
        slots_will_lock(p->slots, after.lock);
        error = store_change_passphrase(p->store, before.passphrase, after.passphrase, after.cost);
    }
    sotto_wipe(&before, sizeof before);
    sotto_wipe(&after, sizeof after);
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_PROFILE);
        *result = json_profile(p);
    } else {
        slots_will_lock(p->slots, slots_lock(p->slots));
    }
    return error;
}

int phone_erase(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    (void)result;
    bool was_open = p->store != NULL;
    phone_close(p);
    int error = slots_erase(p->slots);
    if (!was_open) {
        phone_tell(p, json_pack("{s:s}", "event", "closed"));
    }
    return error;
}

// ---- create ------------------------------------------------------------------------------------

static int take_invite(struct phone *p, const json_t *args, bool must, struct store_profile *out)
{
    const char *text;
    struct sotto_invite_link invite;
    int error = args_text_or_null(p, args, "invite", &text);
    if (error == SOTTO_OK && text == NULL) {
        return must ? args_invalid(p, "invite") : SOTTO_OK;
    }
    if (error == SOTTO_OK) {
        error = phone_invite_link_parse(text, &invite);
    }
    if (error == SOTTO_OK) {
        line_take_invite(out, &invite);
        sotto_wipe(&invite, sizeof invite);
    }
    return error;
}

static int take_name(struct phone *p, const json_t *args, struct store_profile *out)
{
    const char *name;
    int error = args_text(p, args, "name", &name);
    if (error == SOTTO_OK && name[0] != '\0' && sotto_name_check(name) != SOTTO_OK) {
        error = args_invalid(p, "name");
    }
    if (error == SOTTO_OK) {
        snprintf(out->name, sizeof out->name, "%s", name);
    }
    return error;
}

// All of them are looked at before anything is made: `keep` false.
static int take_contacts(struct phone *p, const json_t *args, bool keep)
{
    const json_t *list = json_object_get(args, "contacts");
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > SETUP_CONTACTS_MAX)) {
        return args_invalid(p, "contacts");
    }
    int error = SOTTO_OK;
    for (size_t i = 0; error == SOTTO_OK && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *label, *text;
        struct sotto_number_link link;
        struct sotto_contact contact;
        bool fresh;
        error = args_label(p, item, "label", &label);
        error = error == SOTTO_OK ? args_text(p, item, "link", &text) : error;
        error = error == SOTTO_OK ? phone_number_link_parse(text, &link) : error;
        if (error == SOTTO_OK && keep) {
            // The same person or label twice: the first counts. There is no more to do about it.
            (void)contact_keep_link(p->store, &link, label, p->now.unix_s, &fresh, &contact);
            sotto_wipe(&contact, sizeof contact);
        }
        sotto_wipe(&link, sizeof link);
    }
    return error;
}

static int make_store(struct phone *p, const struct phone_key *key,
                      const struct store_profile *profile)
{
    struct store *store;
    slots_will_lock(p->slots, key->lock);
    int error =
        store_make(&store, &slots_backend, p->slots, key->passphrase, key->cost, profile, NULL);
    return error == SOTTO_OK ? phone_take_store(p, store) : error;
}

int phone_create(struct phone *p, const json_t *args, json_t **result)
{
    struct phone_key key = {.lock = SLOTS_LOCK_NONE};
    struct store_profile profile = {.created_unix_s = p->now.unix_s};
    int error = slots_exists(p->slots) || slots_damaged(p->slots) ? SOTTO_EEXIST : SOTTO_OK;
    error = error == SOTTO_OK ? take_name(p, args, &profile) : error;
    error = error == SOTTO_OK ? take_invite(p, args, false, &profile) : error;
    error = error == SOTTO_OK ? take_contacts(p, args, false) : error;
    error = error == SOTTO_OK ? phone_key_new(p, args, "passphrase", &key) : error;
    error = error == SOTTO_OK ? make_store(p, &key, &profile) : error;
    sotto_wipe(&key, sizeof key);
    sotto_wipe(&profile, sizeof profile);
    if (error == SOTTO_OK) {
        (void)take_contacts(p, args, true);
        *result = json_profile(p);
    }
    return error;
}

// ---- profile -----------------------------------------------------------------------------------

int phone_profile(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    *result = json_profile(p);
    return SOTTO_OK;
}

int phone_set_name(struct phone *p, const json_t *args, json_t **result)
{
    struct store_profile profile = *store_profile(p->store);
    int error = take_name(p, args, &profile);
    if (error == SOTTO_OK) {
        error = store_set_profile(p->store, &profile);
    }
    sotto_wipe(&profile, sizeof profile);
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_PROFILE);
        *result = json_profile(p);
    }
    return error;
}

// The device is made anew with the line.
int phone_join(struct phone *p, const json_t *args, json_t **result)
{
    struct store_profile profile = *store_profile(p->store);
    int error = profile.registered ? SOTTO_EEXIST : SOTTO_OK;
    if (error == SOTTO_OK && (phone_calling(p) || p->exchange.under_way)) {
        error = SOTTO_ESTATE;
    }
    error = error == SOTTO_OK ? take_invite(p, args, true, &profile) : error;
    error = error == SOTTO_OK ? store_set_profile(p->store, &profile) : error;
    sotto_wipe(&profile, sizeof profile);
    if (error != SOTTO_OK) {
        return error;
    }
    phone_stop_device(p);
    error = phone_start_device(p);
    if (error != SOTTO_OK) {
        phone_close(p);
        return error;
    }
    phone_mark(p, DIRTY_PROFILE);
    *result = json_profile(p);
    return SOTTO_OK;
}
