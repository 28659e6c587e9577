// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include "store_codec.h"
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_VAULT       "vault"
#define STORE_PATH_BYTES 4096

static const char SCHEMA[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE box (kind INTEGER NOT NULL, id BLOB NOT NULL, sealed BLOB NOT NULL,"
    " PRIMARY KEY (kind, id)) WITHOUT ROWID;"
    "PRAGMA application_id = 1936684148;"
    "PRAGMA user_version = 1;";
_Static_assert(STORE_APPLICATION_ID == 1936684148L && STORE_FORMAT == 1, "as in SCHEMA");

static int file_path(const char *dir, char out[STORE_PATH_BYTES])
{
    int len = snprintf(out, STORE_PATH_BYTES, "%s/" STORE_FILE, dir);
    return len > 0 && len < STORE_PATH_BYTES ? SOTTO_OK : SOTTO_EINVAL;
}

static struct store *store_alloc(const char *dir)
{
    size_t len = strlen(dir) + 1;
    struct store *s = calloc(1, sizeof *s + len);
    if (s != NULL) {
        memcpy(s->dir, dir, len);
    }
    return s;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    sotto_identity_free(s->identity);
    sotto_line_key_free(s->line_key);
    sotto_vault_free(s->vault);
    sqlite3_close(s->db);
    sotto_wipe(s, sizeof *s);
    free(s);
}

// ---- making one ------------------------------------------------------------------------------

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int made = mkdir(path, 0700);
        *slash = '/';
        if (made != 0 && errno != EEXIST) {
            return errno;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

static int make_directory(struct store *s)
{
    char path[STORE_PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s", s->dir);
    if (len <= 0 || len >= STORE_PATH_BYTES) {
        return SOTTO_EINVAL;
    }
    int problem = make_directories(path);
    if (problem == 0 && chmod(path, 0700) != 0) {
        problem = errno;
    }
    if (problem == 0) {
        return SOTTO_OK;
    }
    snprintf(s->error_text, sizeof s->error_text, "%s: %s", s->dir, strerror(problem));
    return problem == ENOSPC || problem == EDQUOT ? SOTTO_EFULL : SOTTO_EIO;
}

static int put_exported(struct store *s, enum box_kind kind, const uint8_t *data, int len)
{
    if (len < 0) {
        return len;
    }
    uint8_t id[BOX_ID_BYTES];
    box_new_id(id);
    return box_put(s, kind, id, data, (size_t)len);
}

static int make_identity(struct store *s)
{
    int error = sotto_identity_generate(&s->identity, sotto_env_default());
    if (error != SOTTO_OK) {
        return error;
    }
    uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    int len = sotto_identity_export(s->identity, keys, sizeof keys);
    error = put_exported(s, BOX_IDENTITY, keys, len);
    sotto_wipe(keys, sizeof keys);
    return error;
}

static int make_line_key(struct store *s, struct sotto_line_key **out)
{
    struct sotto_line_key *key;
    int error = sotto_line_key_generate(&key, sotto_env_default());
    if (error != SOTTO_OK) {
        return error;
    }
    uint8_t bytes[SOTTO_LINE_KEY_MAX_BYTES];
    int len = sotto_line_key_export(key, bytes, sizeof bytes);
    error = put_exported(s, BOX_LINE_KEY, bytes, len);
    sotto_wipe(bytes, sizeof bytes);
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

static bool has_meta(struct store *s)
{
    int64_t tables = 0;
    return store_db_integer(s, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'", &tables) ==
               SOTTO_OK &&
           tables > 0;
}

static int fill_new(struct store *s, const char *passphrase, const struct sotto_vault_cost *cost,
                    const struct store_profile *profile)
{
    if (has_meta(s)) {
        return SOTTO_EEXIST;
    }
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    int error = sotto_vault_create(&s->vault, passphrase, cost, header, sotto_env_default());
    if (error == SOTTO_OK) {
        error = store_db_exec(s, SCHEMA);
    }
    if (error == SOTTO_OK) {
        error = store_meta_set(s, META_VAULT, header, sizeof header);
    }
    if (error == SOTTO_OK) {
        error = make_identity(s);
    }
    if (error == SOTTO_OK && profile->has_line) {
        error = make_line_key(s, &s->line_key);
    }
    if (error == SOTTO_OK) {
        error = put_profile(s, profile);
    }
    s->has_passphrase = sotto_vault_header_has_passphrase(header);
    return error;
}

static int create_in(struct store *s, const char *passphrase, const struct sotto_vault_cost *cost,
                     const struct store_profile *profile)
{
    char path[STORE_PATH_BYTES];
    int error = file_path(s->dir, path);
    if (error == SOTTO_OK) {
        error = make_directory(s);
    }
    if (error == SOTTO_OK) {
        error = store_db_open(s, path, true);
    }
    if (error == SOTTO_OK) {
        error = store_begin(s);
    }
    if (error != SOTTO_OK) {
        return error;
    }
    error = store_end(s, fill_new(s, passphrase, cost, profile));
    if (error == SOTTO_OK) {
        s->profile = *profile;
        (void)store_changed(s);
    }
    return error;
}

int store_create(struct store **out, const char *dir, const char *passphrase,
                 const struct sotto_vault_cost *cost, const struct store_profile *profile)
{
    struct store *s = store_alloc(dir);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    mode_t mask = umask(077);
    int error = create_in(s, passphrase, cost, profile);
    umask(mask);
    if (error != SOTTO_OK) {
        store_close(s);
        return error;
    }
    *out = s;
    return SOTTO_OK;
}

// ---- opening ----------------------------------------------------------------------------------

static int check_format(struct store *s)
{
    int64_t id = 0, format = 0;
    int error = store_db_integer(s, "PRAGMA application_id", &id);
    if (error == SOTTO_OK) {
        error = store_db_integer(s, "PRAGMA user_version", &format);
    }
    if (error != SOTTO_OK) {
        return error;
    }
    if (id != STORE_APPLICATION_ID) {
        return has_meta(s) ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
    }
    return format == STORE_FORMAT ? SOTTO_OK : SOTTO_ESTATE;
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

static int open_in(struct store *s, const char *passphrase)
{
    char path[STORE_PATH_BYTES];
    int error = file_path(s->dir, path);
    if (error != SOTTO_OK) {
        return error;
    }
    if (access(path, F_OK) != 0) {
        return SOTTO_ENOTFOUND;
    }
    error = store_db_open(s, path, false);
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    if (error == SOTTO_OK) {
        error = check_format(s);
    }
    if (error == SOTTO_OK) {
        error = store_meta_get(s, META_VAULT, header, sizeof header);
        error = error == SOTTO_ENOTFOUND ? SOTTO_EPARSE : error;
    }
    if (error == SOTTO_OK) {
        s->has_passphrase = sotto_vault_header_has_passphrase(header);
        error = sotto_vault_open(&s->vault, passphrase, header, sotto_env_default());
    }
    if (error == SOTTO_OK) {
        error = load_profile(s);
    }
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

int store_open(struct store **out, const char *dir, const char *passphrase)
{
    struct store *s = store_alloc(dir);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    int error = open_in(s, passphrase);
    if (error != SOTTO_OK) {
        store_close(s);
        return error;
    }
    *out = s;
    return SOTTO_OK;
}

bool store_exists(const char *dir, bool *wants_passphrase)
{
    *wants_passphrase = false;
    char path[STORE_PATH_BYTES];
    if (file_path(dir, path) != SOTTO_OK || access(path, F_OK) != 0) {
        return false;
    }
    struct store *s = store_alloc(dir);
    if (s == NULL) {
        return true;
    }
    int error = store_db_open(s, path, false);
    if (error == SOTTO_OK) {
        error = check_format(s);
    }
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    if (error == SOTTO_OK && store_meta_get(s, META_VAULT, header, sizeof header) == SOTTO_OK) {
        *wants_passphrase = sotto_vault_header_has_passphrase(header);
    }
    store_close(s);
    // Whatever cannot be read is there all the same: nothing may be put in its place.
    return error != SOTTO_ENOTFOUND;
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

const char *store_dir(const struct store *s)
{
    return s->dir;
}

bool store_has_passphrase(const struct store *s)
{
    return s->has_passphrase;
}

const char *store_error_text(const struct store *s)
{
    return s->error_text;
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
    int error = store_meta_get(s, META_VAULT, header, sizeof header);
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
        error = store_meta_set(s, META_VAULT, header, sizeof header);
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
    // The old wrapping must not survive in the write-ahead log. If a reader is in the way, the
    // next checkpoint removes it.
    (void)store_db_exec(s, "PRAGMA wal_checkpoint(TRUNCATE)");
    return SOTTO_OK;
}

bool store_changed(struct store *s)
{
    int64_t version;
    if (store_db_integer(s, "PRAGMA data_version", &version) != SOTTO_OK) {
        return true;
    }
    bool changed = version != s->data_version;
    s->data_version = version;
    return changed;
}

static int see(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    (void)id;
    (void)plain;
    (void)len;
    (void)arg;
    return SOTTO_OK;
}

static int check_file(struct store *s)
{
    sqlite3_stmt *statement;
    int error = store_db_prepare(s, "PRAGMA integrity_check(1)", &statement);
    if (error != SOTTO_OK) {
        return error;
    }
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        error = store_db_error(s, rc);
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        snprintf(s->error_text, sizeof s->error_text, "%s", sqlite3_column_text(statement, 0));
        error = SOTTO_EPARSE;
    }
    sqlite3_finalize(statement);
    return error;
}

int store_check(struct store *s, size_t *boxes, size_t *damaged)
{
    int error = check_file(s);
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
