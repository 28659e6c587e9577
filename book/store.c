// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include "store_impl.h"

#include <stdlib.h>
#include <string.h>

// Takes db over.
static int store_new(struct store **out, const struct store_backend *backend, void *db)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        backend->close(db);
        return SOTTO_ENOMEM;
    }
    s->backend = backend;
    s->db = db;
    *out = s;
    return SOTTO_OK;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    sotto_identity_free(s->identity);
    sotto_line_key_free(s->line_key);
    sotto_vault_free(s->vault);
    s->backend->close(s->db);
    sotto_wipe(s, sizeof *s);
    free(s);
}

int store_begin(struct store *s)
{
    return s->backend->begin(s->db, true);
}

int store_end(struct store *s, int error)
{
    return s->backend->end(s->db, error);
}

// ---- keys and profile --------------------------------------------------------------------------

static int put_exported(struct store *s, enum box_kind kind, const uint8_t *data, int len)
{
    if (len < 0) {
        return len;
    }
    uint8_t id[BOX_ID_BYTES];
    box_new_id(id);
    return box_put(s, kind, id, data, (size_t)len);
}

static int put_identity(struct store *s)
{
    uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    int len = sotto_identity_export(s->identity, keys, sizeof keys);
    int error = put_exported(s, BOX_IDENTITY, keys, len);
    sotto_wipe(keys, sizeof keys);
    return error;
}

static int put_line_key(struct store *s, const struct sotto_line_key *key)
{
    uint8_t bytes[SOTTO_LINE_KEY_MAX_BYTES];
    int len = sotto_line_key_export(key, bytes, sizeof bytes);
    int error = put_exported(s, BOX_LINE_KEY, bytes, len);
    sotto_wipe(bytes, sizeof bytes);
    return error;
}

static int make_line_key(struct store *s, struct sotto_line_key **out)
{
    struct sotto_line_key *key;
    int error = sotto_line_key_generate(&key, sotto_env_default());
    if (error != SOTTO_OK) {
        return error;
    }
    error = put_line_key(s, key);
    if (error != SOTTO_OK) {
        sotto_line_key_free(key);
        return error;
    }
    *out = key;
    return SOTTO_OK;
}

static int find_first(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    (void)plain;
    (void)len;
    memcpy(arg, id, BOX_ID_BYTES);
    return SOTTO_OK;
}

static int put_profile(struct store *s, const struct store_profile *p)
{
    uint8_t id[BOX_ID_BYTES];
    box_new_id(id);
    struct box_scan scan = {.visit = find_first, .arg = id};
    int error = box_scan(s, BOX_PROFILE, &scan);
    uint8_t plain[CODEC_PROFILE_BYTES];
    if (error == SOTTO_OK) {
        error = codec_profile_encode(p, plain);
    }
    if (error == SOTTO_OK) {
        error = box_put(s, BOX_PROFILE, id, plain, sizeof plain);
    }
    sotto_wipe(plain, sizeof plain);
    return error;
}

static int load_identity(struct store *s)
{
    uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    int len = box_only(s, BOX_IDENTITY, keys, sizeof keys);
    int error = len < 0
                    ? SOTTO_EPARSE
                    : sotto_identity_import(&s->identity, keys, (size_t)len, sotto_env_default());
    sotto_wipe(keys, sizeof keys);
    return error;
}

static int load_line_key(struct store *s)
{
    uint8_t bytes[SOTTO_LINE_KEY_MAX_BYTES];
    int len = box_only(s, BOX_LINE_KEY, bytes, sizeof bytes);
    int error = len;
    if (len >= 0) {
        error = sotto_line_key_import(&s->line_key, bytes, (size_t)len, sotto_env_default());
    } else if (len == SOTTO_ENOTFOUND) {
        error = s->profile.has_line ? SOTTO_EPARSE : SOTTO_OK;
    }
    sotto_wipe(bytes, sizeof bytes);
    return error;
}

static int load_profile(struct store *s)
{
    uint8_t plain[CODEC_PROFILE_BYTES];
    int len = box_only(s, BOX_PROFILE, plain, sizeof plain);
    int error = len < 0 ? SOTTO_EPARSE : codec_profile_decode(&s->profile, plain, (size_t)len);
    sotto_wipe(plain, sizeof plain);
    return error;
}

static int load_all(struct store *s)
{
    int error = load_profile(s);
    if (error == SOTTO_OK) {
        error = load_identity(s);
    }
    if (error == SOTTO_OK) {
        error = load_line_key(s);
    }
    if (error == SOTTO_OK) {
        (void)store_changed(s);
    }
    return error;
}

// ---- making one ------------------------------------------------------------------------------

static int fill_vault(struct store *s, const char *passphrase, const struct sotto_vault_cost *cost)
{
    int error = s->backend->prepare(s->db);
    if (error != SOTTO_OK) {
        return error;
    }
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    error = sotto_vault_create(&s->vault, passphrase, cost, header, sotto_env_default());
    if (error != SOTTO_OK) {
        return error;
    }
    s->has_passphrase = sotto_vault_header_has_passphrase(header);
    return s->backend->header_set(s->db, header);
}

// A copy of our own; key NULL: a fresh one.
static int take_identity(struct store *s, const struct sotto_identity *key)
{
    if (key == NULL) {
        return sotto_identity_generate(&s->identity, sotto_env_default());
    }
    uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    int len = sotto_identity_export(key, keys, sizeof keys);
    int error =
        len < 0 ? len : sotto_identity_import(&s->identity, keys, (size_t)len, sotto_env_default());
    sotto_wipe(keys, sizeof keys);
    return error;
}

static int take_line_key(struct store *s, const struct sotto_line_key *key)
{
    uint8_t bytes[SOTTO_LINE_KEY_MAX_BYTES];
    int len = sotto_line_key_export(key, bytes, sizeof bytes);
    int error = len < 0
                    ? len
                    : sotto_line_key_import(&s->line_key, bytes, (size_t)len, sotto_env_default());
    sotto_wipe(bytes, sizeof bytes);
    return error == SOTTO_OK ? put_line_key(s, s->line_key) : error;
}

static int fill_new(struct store *s, const struct store_keys *keys)
{
    int error = take_identity(s, keys != NULL ? keys->identity : NULL);
    if (error == SOTTO_OK) {
        error = put_identity(s);
    }
    if (error == SOTTO_OK && s->profile.has_line) {
        error = keys != NULL && keys->line_key != NULL ? take_line_key(s, keys->line_key)
                                                       : make_line_key(s, &s->line_key);
    }
    return error == SOTTO_OK ? put_profile(s, &s->profile) : error;
}

static int conclude_new(struct store **out, struct store *s, int error)
{
    error = store_end(s, error);
    if (error == SOTTO_OK) {
        (void)store_changed(s);
        *out = s;
    } else {
        store_close(s);
    }
    return error;
}

// A store with an open transaction.
static int begin_new(struct store **out, const struct store_backend *backend, void *db)
{
    struct store *s = NULL;
    int error = store_new(&s, backend, db);
    if (error == SOTTO_OK) {
        error = store_begin(s);
    }
    if (error != SOTTO_OK) {
        store_close(s);
        return error;
    }
    *out = s;
    return SOTTO_OK;
}

int store_make(struct store **out, const struct store_backend *backend, void *db,
               const char *passphrase, const struct sotto_vault_cost *cost,
               const struct store_profile *profile, const struct store_keys *keys)
{
    struct store *s;
    int error = begin_new(&s, backend, db);
    if (error != SOTTO_OK) {
        return error;
    }
    s->profile = *profile;
    error = fill_vault(s, passphrase, cost);
    return conclude_new(out, s, error == SOTTO_OK ? fill_new(s, keys) : error);
}

static int fill_copy(struct store *s, const char *passphrase, const struct sotto_vault_cost *cost,
                     struct store *from)
{
    int error = fill_vault(s, passphrase, cost);
    if (error == SOTTO_OK) {
        error = box_copy_all(s, from);
    }
    return error == SOTTO_OK ? load_all(s) : error;
}

int store_make_copy(struct store **out, const struct store_backend *backend, void *db,
                    const char *passphrase, const struct sotto_vault_cost *cost, struct store *from)
{
    struct store *s;
    int error = begin_new(&s, backend, db);
    return error == SOTTO_OK ? conclude_new(out, s, fill_copy(s, passphrase, cost, from)) : error;
}

// ---- opening ----------------------------------------------------------------------------------

static int load_in(struct store *s, const char *passphrase)
{
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    int error = s->backend->header_get(s->db, header);
    if (error != SOTTO_OK) {
        return error == SOTTO_ENOTFOUND ? SOTTO_EPARSE : error;
    }
    s->has_passphrase = sotto_vault_header_has_passphrase(header);
    error = sotto_vault_open(&s->vault, passphrase, header, sotto_env_default());
    return error == SOTTO_OK ? load_all(s) : error;
}

int store_load(struct store **out, const struct store_backend *backend, void *db,
               const char *passphrase)
{
    struct store *s;
    int error = store_new(&s, backend, db);
    if (error != SOTTO_OK) {
        return error;
    }
    error = load_in(s, passphrase);
    if (error != SOTTO_OK) {
        store_close(s);
        return error;
    }
    *out = s;
    return SOTTO_OK;
}

// ---- the rest ---------------------------------------------------------------------------------

const struct sotto_identity *store_identity(const struct store *s)
{
    return s->identity;
}

const struct sotto_line_key *store_line_key(const struct store *s)
{
    return s->line_key;
}

const struct store_profile *store_profile(const struct store *s)
{
    return &s->profile;
}

bool store_has_passphrase(const struct store *s)
{
    return s->has_passphrase;
}

const char *store_error_text(const struct store *s)
{
    return s->backend->error_text(s->db);
}

bool store_changed(struct store *s)
{
    return s->backend->changed(s->db);
}

static int write_profile(struct store *s, const struct store_profile *p,
                         struct sotto_line_key **key)
{
    int error = SOTTO_OK;
    if (p->has_line && s->line_key == NULL) {
        size_t keys;
        error = box_count(s, BOX_LINE_KEY, &keys);
        if (error == SOTTO_OK) { // there is one: another process was quicker
            error = keys > 0 ? SOTTO_EEXIST : make_line_key(s, key);
        }
    }
    return error == SOTTO_OK ? put_profile(s, p) : error;
}

int store_set_profile(struct store *s, const struct store_profile *profile)
{
    struct store_profile p = *profile; // may be our own
    struct sotto_line_key *key = NULL;
    int error = store_begin(s);
    if (error == SOTTO_OK) {
        error = store_end(s, write_profile(s, &p, &key));
    }
    if (error != SOTTO_OK) {
        sotto_line_key_free(key);
        return error;
    }
    if (key != NULL) {
        s->line_key = key;
    }
    s->profile = p;
    return SOTTO_OK;
}

static int rewrap(struct store *s, const char *old_passphrase, const char *new_passphrase,
                  const struct sotto_vault_cost *cost)
{
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    int error = s->backend->header_get(s->db, header);
    if (error != SOTTO_OK) {
        return error;
    }
    struct sotto_vault *proof;
    error = sotto_vault_open(&proof, old_passphrase, header, sotto_env_default());
    if (error != SOTTO_OK) {
        return error;
    }
    sotto_vault_free(proof);
    error = sotto_vault_rewrap(s->vault, new_passphrase, cost, header);
    if (error == SOTTO_OK) {
        error = s->backend->header_set(s->db, header);
    }
    return error;
}

int store_change_passphrase(struct store *s, const char *old_passphrase, const char *new_passphrase,
                            const struct sotto_vault_cost *cost)
{
    int error = store_begin(s);
    if (error == SOTTO_OK) {
        error = store_end(s, rewrap(s, old_passphrase, new_passphrase, cost));
    }
    if (error != SOTTO_OK) {
        return error;
    }
    s->has_passphrase = new_passphrase != NULL && new_passphrase[0] != 0;
    s->backend->forget(s->db); // the old wrapping
    return SOTTO_OK;
}

static int see(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    (void)id;
    (void)plain;
    (void)len;
    (void)arg;
    return SOTTO_OK;
}

int store_check(struct store *s, size_t *boxes, size_t *damaged)
{
    int error = s->backend->check(s->db);
    size_t all = 0, bad = 0;
    for (int kind = BOX_PROFILE; error == SOTTO_OK && kind <= BOX_LOG; kind++) {
        struct box_scan scan = {.visit = see};
        error = box_scan(s, (enum box_kind)kind, &scan);
        all += scan.boxes;
        bad += scan.damaged;
    }
    if (error != SOTTO_OK) {
        return error;
    }
    *boxes = all;
    *damaged = bad;
    return SOTTO_OK;
}
