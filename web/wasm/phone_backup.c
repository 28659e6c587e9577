// SPDX-License-Identifier: Apache-2.0
// A backup is a snapshot, as in a slot, under a master key and passphrase of its own. Both it and a
// kit travel as base64url.
#include "phone_impl.h"

#include "base/encoding.h"
#include "kit.h"

#include <stdlib.h>
#include <string.h>

static void drop_bytes(uint8_t *data, size_t len)
{
    if (data != NULL) {
        sotto_wipe(data, len);
        free(data);
    }
}

static json_t *bytes_json(const uint8_t *data, size_t len)
{
    size_t cap = BASE64URL_TEXT_BYTES(len) + 1;
    char *text = malloc(cap);
    json_t *json = NULL;
    if (text != NULL && base64url_encode(data, len, text, cap) >= 0) {
        json = json_string(text);
    }
    free(text);
    return json;
}

// ---- making them -------------------------------------------------------------------------------

static int copy_out(struct phone *p, const char *passphrase, uint8_t **out, size_t *len)
{
    struct slots *memory;
    struct store *copy;
    int error = slots_new(&memory, NULL);
    if (error != SOTTO_OK) {
        return error;
    }
    error = store_make_copy(&copy, &slots_backend, memory, passphrase, NULL, p->store);
    if (error == SOTTO_OK) {
        store_close(copy);
        error = slots_export(memory, out, len);
    }
    slots_free(memory);
    return error;
}

static int take_passphrase(struct phone *p, const json_t *args, const char **out)
{
    int error = args_text(p, args, "passphrase", out);
    if (error == SOTTO_OK &&
        ((*out)[0] == '\0' || strlen(*out) > SOTTO_VAULT_PASSPHRASE_MAX_BYTES)) {
        error = args_invalid(p, "passphrase");
    }
    return error;
}

int phone_backup(struct phone *p, const json_t *args, json_t **result)
{
    const char *passphrase;
    uint8_t *data;
    size_t len;
    int error = take_passphrase(p, args, &passphrase);
    error = error == SOTTO_OK ? copy_out(p, passphrase, &data, &len) : error;
    if (error == SOTTO_OK) {
        *result = json_pack("{s:o}", "data", bytes_json(data, len));
        drop_bytes(data, len);
    }
    return error;
}

// That there is one is remembered, so that the page need not ask again.
static int remember_kit(struct phone *p)
{
    struct store_profile profile = *store_profile(p->store);
    profile.kit = true;
    int error = store_profile(p->store)->kit ? SOTTO_OK : store_set_profile(p->store, &profile);
    sotto_wipe(&profile, sizeof profile);
    phone_mark(p, DIRTY_PROFILE);
    return error;
}

int phone_kit(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    char words[KIT_WORDS_BYTES];
    uint8_t data[KIT_DATA_MAX_BYTES];
    kit_words_new(words, sotto_env_default());
    int len = kit_seal(data, sizeof data, words, p->store);
    int error = len < 0 ? len : remember_kit(p);
    if (error == SOTTO_OK) {
        *result = json_pack("{s:s,s:o}", "words", words, "data", bytes_json(data, (size_t)len));
    }
    sotto_wipe(words, sizeof words);
    sotto_wipe(data, sizeof data);
    return error;
}

// ---- restoring ---------------------------------------------------------------------------------

static int new_key(struct phone *p, const json_t *args, struct phone_key *out)
{
    int error = phone_key_new(p, args, "new_passphrase", out);
    if (error == SOTTO_OK) {
        slots_will_lock(p->slots, out->lock);
    }
    return error;
}

// Told only to whoever has shown that what would take the place of the old can be opened.
static int check_free(const struct phone *p)
{
    return slots_exists(p->slots) || slots_damaged(p->slots) ? SOTTO_EEXIST : SOTTO_OK;
}

static int restore_kit(struct phone *p, const json_t *args, const char *words, const uint8_t *data,
                       size_t len, struct store **out)
{
    char clean[KIT_WORDS_BYTES];
    struct kit kit;
    struct phone_key key = {.lock = SLOTS_LOCK_NONE};
    int error = kit_words_normalise(clean, words);
    error = error == SOTTO_OK ? kit_open(&kit, clean, data, len) : error;
    sotto_wipe(clean, sizeof clean);
    if (error != SOTTO_OK) {
        return error;
    }
    const struct store_keys keys = {.identity = kit.identity, .line_key = kit.line_key};
    error = check_free(p);
    error = error == SOTTO_OK ? new_key(p, args, &key) : error;
    if (error == SOTTO_OK) {
        error = store_make(out, &slots_backend, p->slots, key.passphrase, key.cost, &kit.profile,
                           &keys);
    }
    sotto_wipe(&key, sizeof key);
    kit_free(&kit);
    return error;
}

static int copy_in(struct phone *p, const json_t *args, struct store *from, struct store **out)
{
    struct phone_key key = {.lock = SLOTS_LOCK_NONE};
    int error = new_key(p, args, &key);
    if (error == SOTTO_OK) {
        error = store_make_copy(out, &slots_backend, p->slots, key.passphrase, key.cost, from);
    }
    sotto_wipe(&key, sizeof key);
    return error;
}

static int restore_backup(struct phone *p, const json_t *args, const char *passphrase,
                          const uint8_t *data, size_t len, struct store **out)
{
    struct slots *memory;
    struct store *from;
    int error = slots_new(&memory, NULL);
    if (error != SOTTO_OK) {
        return error;
    }
    error = slots_offer(memory, 0, data, len);
    error = error == SOTTO_OK && !slots_exists(memory) ? SOTTO_EPARSE : error;
    error = error == SOTTO_OK ? store_load(&from, &slots_backend, memory, passphrase) : error;
    if (error == SOTTO_OK) {
        error = check_free(p);
        error = error == SOTTO_OK ? copy_in(p, args, from, out) : error;
        store_close(from);
    }
    slots_free(memory);
    return error;
}

// Either alphabet of base64, with or without padding, however it was wrapped: the bytes, and 0.
static int read_data(struct phone *p, const json_t *args, uint8_t **out, size_t *len)
{
    const char *text;
    int error = args_text(p, args, "data", &text);
    if (error != SOTTO_OK) {
        return error;
    }
    size_t all = strlen(text), kept = 0;
    char *clean = malloc(all + 1);
    uint8_t *data = malloc(all + 1);
    for (size_t i = 0; clean != NULL && i < all; i++) {
        char c = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        if (strchr("= \t\r\n", c) == NULL) {
            clean[kept++] = c;
        }
    }
    int n = clean != NULL && data != NULL ? base64url_decode(clean, kept, data, all) : SOTTO_ENOMEM;
    free(clean);
    if (n < 0) {
        free(data);
        return n;
    }
    *out = data;
    *len = (size_t)n;
    return SOTTO_OK;
}

static int restore(struct phone *p, const json_t *args, const char *passphrase)
{
    uint8_t *data;
    size_t len;
    struct store *store;
    int error = read_data(p, args, &data, &len);
    if (error != SOTTO_OK) {
        return error;
    }
    error = kit_is(data, len) ? restore_kit(p, args, passphrase, data, len, &store)
                              : restore_backup(p, args, passphrase, data, len, &store);
    drop_bytes(data, len);
    return error == SOTTO_OK ? phone_take_store(p, store) : error;
}

int phone_restore(struct phone *p, const json_t *args, json_t **result)
{
    const char *passphrase;
    int error = take_passphrase(p, args, &passphrase);
    error = error == SOTTO_OK ? restore(p, args, passphrase) : error;
    if (error == SOTTO_OK) {
        *result = json_profile(p);
    }
    return error;
}
