// SPDX-License-Identifier: Apache-2.0
#include "page_release.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sotto/base.h>

#include "base/encoding.h"
#include "identity/digest.h"
#include "identity/signature.h"

#define ALGORITHM_ED25519 1 // c2sp.org/signed-note
#define KEY_ID_BYTES      4
#define BLOB_MAX_BYTES    80
#define DASH              "\xe2\x80\x94 " // an em dash and a space begin a signature's line

// ---- base64 (RFC 4648 section 4) on top of base64url --------------------------------------------

static void to_base64(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text == '-' ? '+' : *text == '_' ? '/' : *text;
    }
}

// Bytes, or SOTTO_EPARSE.
static int from_base64(const char *text, size_t len, uint8_t *out, size_t cap)
{
    char url[2 * BLOB_MAX_BYTES];
    while (len > 0 && text[len - 1] == '=') {
        len--;
    }
    if (len >= sizeof url) {
        return SOTTO_EPARSE;
    }
    for (size_t i = 0; i < len; i++) {
        url[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        if (text[i] == '-' || text[i] == '_') {
            return SOTTO_EPARSE;
        }
    }
    return base64url_decode(url, len, out, cap);
}

int page_sha384(const uint8_t *data, size_t len, char out[PAGE_SHA384_TEXT_BYTES])
{
    uint8_t digest[DIGEST_SHA384_BYTES];
    int rv = digest_sha384(data, len, digest);
    if (rv == 0) {
        (void)base64url_encode(digest, sizeof digest, out, PAGE_SHA384_TEXT_BYTES);
        to_base64(out);
    }
    return rv;
}

void page_hash_text(const uint8_t hash[PAGE_HASH_BYTES], char out[PAGE_HASH_TEXT_BYTES])
{
    for (size_t i = 0; i < PAGE_HASH_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool hex_parse(const char *text, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high >= 0 ? hex_digit(text[2 * i + 1]) : -1;
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool page_hash_parse(const char *text, uint8_t out[PAGE_HASH_BYTES])
{
    return strlen(text) == 2 * PAGE_HASH_BYTES && hex_parse(text, out, PAGE_HASH_BYTES);
}

// ---- release.json -------------------------------------------------------------------------------

static bool is_path(const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/' || len < 2 || len >= PAGE_PATH_MAX_BYTES || strstr(path, "..") != NULL ||
        strstr(path, "//") != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)path[i]) && strchr("/._-", path[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static int add_file(struct page_release *r, json_t *entry, char error[PAGE_ERROR_BYTES])
{
    const char *path = NULL, *sha384 = NULL;
    json_int_t bytes = -1;
    if (json_unpack(entry, "{s:s,s:I,s:s}", "path", &path, "bytes", &bytes, "sha384", &sha384) !=
            0 ||
        !is_path(path) || bytes < 0 || bytes > PAGE_FILE_MAX_BYTES ||
        strlen(sha384) != PAGE_SHA384_TEXT_BYTES - 1) {
        snprintf(error, PAGE_ERROR_BYTES, "entry %zu is not a path, a size and a digest", r->count);
        return SOTTO_EPARSE;
    }
    if (page_release_find(r, path) != NULL) {
        snprintf(error, PAGE_ERROR_BYTES, "%.200s is listed twice", path);
        return SOTTO_EPARSE;
    }
    struct page_file *f = &r->files[r->count++];
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->sha384, sizeof f->sha384, "%s", sha384);
    f->bytes = (size_t)bytes;
    return 0;
}

static int take(struct page_release *r, json_t *root, char error[PAGE_ERROR_BYTES])
{
    const char *version = NULL;
    json_t *files = NULL, *entry;
    size_t i;
    if (json_unpack(root, "{s:s,s:o}", "version", &version, "files", &files) != 0 ||
        !json_is_array(files) || strlen(version) >= sizeof r->version ||
        json_array_size(files) > PAGE_FILES_MAX) {
        snprintf(error, PAGE_ERROR_BYTES, "it has no version and list of files");
        return SOTTO_EPARSE;
    }
    snprintf(r->version, sizeof r->version, "%s", version);
    r->files = calloc(PAGE_FILES_MAX, sizeof *r->files);
    if (r->files == NULL) {
        return SOTTO_ENOMEM;
    }
    json_array_foreach(files, i, entry)
    {
        int rv = add_file(r, entry, error);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

int page_release_parse(struct page_release *out, const uint8_t *text, size_t len,
                       char error[PAGE_ERROR_BYTES])
{
    struct page_release r = {.count = 0};
    json_error_t where;
    json_t *root = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &where);
    int rv = root != NULL ? take(&r, root, error) : SOTTO_EPARSE;
    if (root == NULL) {
        snprintf(error, PAGE_ERROR_BYTES, "it is no JSON: %.160s", where.text);
    }
    json_decref(root);
    if (rv == 0) {
        rv = digest_sha256(text, len, r.hash);
    }
    if (rv != 0) {
        page_release_free(&r);
        return rv;
    }
    *out = r;
    return 0;
}

void page_release_free(struct page_release *r)
{
    free(r->files);
    *r = (struct page_release){.count = 0};
}

const struct page_file *page_release_find(const struct page_release *r, const char *path)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->files[i].path, path) == 0) {
            return &r->files[i];
        }
    }
    return NULL;
}

// ---- the signature (c2sp.org/signed-note) -------------------------------------------------------

// The first bytes of SHA-256 over name, newline, algorithm and key.
static int key_id(const struct page_key *k, uint8_t out[KEY_ID_BYTES])
{
    uint8_t input[PAGE_SIGNER_BYTES + 2 + sizeof k->key], hash[DIGEST_SHA256_BYTES];
    size_t len = strlen(k->name);
    memcpy(input, k->name, len);
    input[len] = '\n';
    input[len + 1] = ALGORITHM_ED25519;
    memcpy(input + len + 2, k->key, sizeof k->key);
    int rv = digest_sha256(input, len + 2 + sizeof k->key, hash);
    if (rv == 0) {
        memcpy(out, hash, KEY_ID_BYTES);
    }
    return rv;
}

int page_key_parse(struct page_key *out, const char *text)
{
    struct page_key k = {.name = ""};
    uint8_t id[KEY_ID_BYTES], blob[BLOB_MAX_BYTES];
    size_t name = strcspn(text, "+");
    size_t len = strcspn(text, " \t\r\n");
    if (name == 0 || name >= sizeof k.name || len < name + 2 + 2 * KEY_ID_BYTES ||
        text[name + 1 + 2 * KEY_ID_BYTES] != '+' || !hex_parse(text + name + 1, id, sizeof id)) {
        return SOTTO_EPARSE;
    }
    memcpy(k.name, text, name);
    const char *base64 = text + name + 2 + 2 * KEY_ID_BYTES;
    int n = from_base64(base64, len - (size_t)(base64 - text), blob, sizeof blob);
    if (n != 1 + (int)sizeof k.key || blob[0] != ALGORITHM_ED25519) {
        return SOTTO_EPARSE;
    }
    memcpy(k.key, blob + 1, sizeof k.key);
    int rv = key_id(&k, k.id);
    if (rv == 0 && memcmp(k.id, id, sizeof id) != 0) {
        rv = SOTTO_EPARSE; // mistyped
    }
    if (rv == 0) {
        *out = k;
    }
    return rv;
}

// The second line: "sha256 BASE64".
static bool is_about(const char *text, size_t len, const uint8_t hash[PAGE_HASH_BYTES])
{
    static const char word[] = "\nsha256 ";
    const char *line = memmem(text, len, "\n", 1);
    uint8_t said[PAGE_HASH_BYTES + 1];
    if (line == NULL || strncmp(text, "sotto page ", 11) != 0 ||
        strncmp(line, word, sizeof word - 1) != 0) {
        return false;
    }
    const char *base64 = line + sizeof word - 1;
    int n = from_base64(base64, strcspn(base64, "\n"), said, sizeof said);
    return n == PAGE_HASH_BYTES && memcmp(said, hash, PAGE_HASH_BYTES) == 0;
}

// SOTTO_ENOTFOUND: the line is somebody else's.
static int check_line(const struct page_key *key, const char *line, const char *text, size_t len)
{
    uint8_t blob[BLOB_MAX_BYTES];
    size_t name = strlen(key->name);
    if (strncmp(line, DASH, sizeof DASH - 1) != 0) {
        return SOTTO_EPARSE;
    }
    line += sizeof DASH - 1;
    if (strncmp(line, key->name, name) != 0 || line[name] != ' ') {
        return SOTTO_ENOTFOUND;
    }
    const char *base64 = line + name + 1;
    int n = from_base64(base64, strcspn(base64, "\n"), blob, sizeof blob);
    if (n != KEY_ID_BYTES + SIGNATURE_ED25519_BYTES || memcmp(blob, key->id, KEY_ID_BYTES) != 0) {
        return SOTTO_ENOTFOUND;
    }
    return signature_ed25519_verify(key->key, blob + KEY_ID_BYTES, text, len);
}

int page_note_verify(const struct page_key *key, const char *note,
                     const uint8_t hash[PAGE_HASH_BYTES])
{
    const char *gap = strstr(note, "\n\n");
    if (gap == NULL || strlen(note) > PAGE_NOTE_MAX_BYTES) {
        return SOTTO_EPARSE;
    }
    size_t len = (size_t)(gap + 1 - note); // the text ends with its newline
    if (!is_about(note, len, hash)) {
        return SOTTO_EPARSE;
    }
    int rv = SOTTO_ENOTFOUND;
    for (const char *line = gap + 2; rv == SOTTO_ENOTFOUND && *line != '\0';) {
        rv = check_line(key, line, note, len);
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    return rv;
}
