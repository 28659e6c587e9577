// SPDX-License-Identifier: Apache-2.0
#include "kit.h"

#include "identity/digest.h"
#include "identity/wordlist.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <string.h>

#define MAGIC          "sottokit"
#define MAGIC_BYTES    8
#define VERSION        1
#define BLOB_NAME      "kit v1"
#define HEAD_BYTES     (MAGIC_BYTES + 1 + SOTTO_VAULT_HEADER_BYTES)
#define ENTROPY_BYTES  32
#define KEYS_MAX_BYTES 256 // of an exported identity or line key: seeds

// ---- words -------------------------------------------------------------------------------------

// 11 bits of entropy and checksum, the first bit the highest.
static unsigned word_index(const uint8_t bits[ENTROPY_BYTES + 1], unsigned word)
{
    unsigned index = 0;
    for (unsigned i = word * WORDLIST_BITS; i < (word + 1) * WORDLIST_BITS; i++) {
        index = index << 1 | (bits[i / 8] >> (7 - i % 8) & 1);
    }
    return index;
}

static void set_word(uint8_t bits[ENTROPY_BYTES + 1], unsigned word, unsigned index)
{
    for (unsigned i = 0; i < WORDLIST_BITS; i++) {
        unsigned at = word * WORDLIST_BITS + i;
        unsigned bit = index >> (WORDLIST_BITS - 1 - i) & 1;
        bits[at / 8] = (uint8_t)(bits[at / 8] | bit << (7 - at % 8));
    }
}

static uint8_t checksum(const uint8_t bits[ENTROPY_BYTES])
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_sha256_or_abort(bits, ENTROPY_BYTES, digest);
    uint8_t first = digest[0];
    sotto_wipe(digest, sizeof digest);
    return first;
}

static void write_words(char out[KIT_WORDS_BYTES], const uint8_t bits[ENTROPY_BYTES + 1])
{
    size_t len = 0;
    for (unsigned i = 0; i < KIT_WORDS; i++) {
        len += (size_t)snprintf(out + len, KIT_WORDS_BYTES - len, "%s%s", i > 0 ? " " : "",
                                wordlist[word_index(bits, i)]);
    }
}

void kit_words_new(char out[KIT_WORDS_BYTES], const struct sotto_env *env)
{
    uint8_t bits[ENTROPY_BYTES + 1];
    env->random(bits, ENTROPY_BYTES, env->user);
    bits[ENTROPY_BYTES] = checksum(bits);
    write_words(out, bits);
    sotto_wipe(bits, sizeof bits);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The next word, in lower case: its length, 0 at the end. Longer ones than there are, are cut.
static size_t next_word(const char **text, char out[WORDLIST_WORD_MAX_BYTES + 2])
{
    const char *at = *text;
    size_t len = 0;
    while (*at != '\0' && !is_letter(*at)) {
        at++;
    }
    while (is_letter(*at)) {
        if (len < WORDLIST_WORD_MAX_BYTES + 1) {
            out[len++] = *at >= 'a' ? *at : (char)(*at - 'A' + 'a');
        }
        at++;
    }
    *text = at;
    return len;
}

int kit_words_normalise(char out[KIT_WORDS_BYTES], const char *text)
{
    uint8_t bits[ENTROPY_BYTES + 1] = {0};
    char word[WORDLIST_WORD_MAX_BYTES + 2];
    unsigned count = 0;
    int error = SOTTO_OK;
    for (size_t len; error == SOTTO_OK && (len = next_word(&text, word)) > 0; count++) {
        int index = wordlist_find(word, len);
        if (index < 0 || count == KIT_WORDS) {
            error = SOTTO_EPASSPHRASE;
        } else {
            set_word(bits, count, (unsigned)index);
        }
    }
    if (count != KIT_WORDS || checksum(bits) != bits[ENTROPY_BYTES]) {
        error = SOTTO_EPASSPHRASE;
    }
    if (error == SOTTO_OK) {
        write_words(out, bits);
    }
    sotto_wipe(bits, sizeof bits);
    sotto_wipe(word, sizeof word);
    return error;
}

// ---- what is inside ----------------------------------------------------------------------------

static void write_keys(struct wire_writer *w, int len, const uint8_t keys[KEYS_MAX_BYTES])
{
    if (len < 0) {
        w->failed = true;
    } else {
        wire_write_vec8(w, keys, (size_t)len);
    }
}

static void write_line(struct wire_writer *w, const struct store *s)
{
    const struct store_profile *p = store_profile(s);
    uint8_t keys[KEYS_MAX_BYTES];
    wire_write_u8(w, p->has_line ? 1 : 0);
    if (p->has_line) {
        wire_write_vec8(w, p->home.host, strlen(p->home.host));
        wire_write_u16(w, p->home.port);
        wire_write_u8(w, p->home.pinned ? 1 : 0);
        if (p->home.pinned) {
            wire_write_bytes(w, p->home.pin, sizeof p->home.pin);
        }
        write_keys(w, sotto_line_key_export(store_line_key(s), keys, sizeof keys), keys);
    }
    sotto_wipe(keys, sizeof keys);
}

static int write_plain(uint8_t *out, size_t cap, const struct store *s)
{
    const struct store_profile *p = store_profile(s);
    uint8_t keys[KEYS_MAX_BYTES];
    struct wire_writer w = wire_writer(out, cap);
    wire_write_u64(&w, (uint64_t)p->created_unix_s);
    wire_write_vec8(&w, p->name, strlen(p->name));
    write_keys(&w, sotto_identity_export(store_identity(s), keys, sizeof keys), keys);
    write_line(&w, s);
    sotto_wipe(keys, sizeof keys);
    return wire_writer_finish(&w);
}

static void read_text(struct wire_reader *r, char *out, size_t cap)
{
    size_t len;
    const uint8_t *text = wire_read_vec8(r, cap - 1, &len);
    if (text == NULL || memchr(text, 0, len) != NULL) {
        r->failed = true;
        return;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static bool read_flag(struct wire_reader *r)
{
    uint8_t v = wire_read_u8(r);
    r->failed = r->failed || v > 1;
    return v == 1;
}

static void read_address(struct wire_reader *r, struct sotto_relay_address *a)
{
    read_text(r, a->host, sizeof a->host);
    a->port = wire_read_u16(r);
    a->pinned = read_flag(r);
    if (a->pinned) {
        wire_read_bytes(r, a->pin, sizeof a->pin);
    }
}

static int read_identity(struct wire_reader *r, struct kit *k)
{
    size_t len;
    const uint8_t *keys = wire_read_vec8(r, KEYS_MAX_BYTES, &len);
    return keys != NULL ? sotto_identity_import(&k->identity, keys, len, sotto_env_default())
                        : SOTTO_EPARSE;
}

static int read_line(struct wire_reader *r, struct kit *k)
{
    struct store_profile *p = &k->profile;
    char origin[SOTTO_ORIGIN_TEXT_BYTES];
    p->has_line = p->registered = read_flag(r);
    if (!p->has_line) {
        return SOTTO_OK;
    }
    read_address(r, &p->home);
    size_t len;
    const uint8_t *keys = wire_read_vec8(r, KEYS_MAX_BYTES, &len);
    if (keys == NULL || r->failed || sotto_relay_origin(&p->home, origin) < 0) {
        return SOTTO_EPARSE;
    }
    return sotto_line_key_import(&k->line_key, keys, len, sotto_env_default());
}

static int read_plain(struct kit *k, const uint8_t *plain, size_t len)
{
    struct wire_reader r = wire_reader(plain, len);
    uint64_t created = wire_read_u64(&r);
    read_text(&r, k->profile.name, sizeof k->profile.name);
    k->profile.created_unix_s = (int64_t)(created & INT64_MAX);
    k->profile.kit = true;
    int error = read_identity(&r, k);
    error = error == SOTTO_OK ? read_line(&r, k) : error;
    return error == SOTTO_OK && !wire_reader_done(&r) ? SOTTO_EPARSE : error;
}

// ---- sealed ------------------------------------------------------------------------------------

bool kit_is(const uint8_t *data, size_t len)
{
    return len >= MAGIC_BYTES && memcmp(data, MAGIC, MAGIC_BYTES) == 0;
}

static int seal(uint8_t *out, size_t cap, struct sotto_vault *vault,
                const uint8_t header[SOTTO_VAULT_HEADER_BYTES], const struct store *s)
{
    uint8_t plain[KIT_DATA_MAX_BYTES];
    struct wire_writer w = wire_writer(out, cap);
    wire_write_bytes(&w, MAGIC, MAGIC_BYTES);
    wire_write_u8(&w, VERSION);
    wire_write_bytes(&w, header, SOTTO_VAULT_HEADER_BYTES);
    int len = write_plain(plain, sizeof plain, s);
    if (w.failed || len < 0) {
        return SOTTO_ESPACE;
    }
    int sealed = sotto_vault_seal(vault, BLOB_NAME, strlen(BLOB_NAME), plain, (size_t)len,
                                  out + w.len, cap - w.len);
    sotto_wipe(plain, sizeof plain);
    return sealed < 0 ? sealed : (int)w.len + sealed;
}

int kit_seal(uint8_t *out, size_t cap, const char *words, const struct store *s)
{
    // 256 bits need no stretching.
    const struct sotto_vault_cost least = {SOTTO_VAULT_MEMORY_MIN_KIB, SOTTO_VAULT_PASSES_MIN};
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    struct sotto_vault *vault;
    int result = sotto_vault_create(&vault, words, &least, header, sotto_env_default());
    if (result == SOTTO_OK) {
        result = seal(out, cap, vault, header, s);
        sotto_vault_free(vault);
    }
    return result;
}

static int open_sealed(struct kit *out, struct sotto_vault *vault, const uint8_t *sealed,
                       size_t len)
{
    uint8_t plain[KIT_DATA_MAX_BYTES];
    struct kit k = {.identity = NULL};
    int plain_len = sotto_vault_open_blob(vault, BLOB_NAME, strlen(BLOB_NAME), sealed, len, plain,
                                          sizeof plain);
    int error = plain_len < 0 ? SOTTO_EPARSE : read_plain(&k, plain, (size_t)plain_len);
    sotto_wipe(plain, sizeof plain);
    if (error == SOTTO_OK) {
        *out = k;
    } else {
        kit_free(&k);
    }
    return error;
}

int kit_open(struct kit *out, const char *words, const uint8_t *data, size_t len)
{
    if (!kit_is(data, len) || len < HEAD_BYTES || len > KIT_DATA_MAX_BYTES) {
        return SOTTO_EPARSE;
    }
    if (data[MAGIC_BYTES] != VERSION) {
        return SOTTO_ESTATE;
    }
    struct sotto_vault *vault;
    int error = sotto_vault_open(&vault, words, data + MAGIC_BYTES + 1, sotto_env_default());
    if (error == SOTTO_OK) {
        error = open_sealed(out, vault, data + HEAD_BYTES, len - HEAD_BYTES);
        sotto_vault_free(vault);
    }
    return error;
}

void kit_free(struct kit *k)
{
    sotto_identity_free(k->identity);
    sotto_line_key_free(k->line_key);
    sotto_wipe(k, sizeof *k);
}
