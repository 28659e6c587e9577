// SPDX-License-Identifier: Apache-2.0
// A page's release: the list of its files (release.json) and the signature over it
// (release.json.sig, docs/PROTOCOL.md).
#ifndef SOTTO_CLI_PAGE_RELEASE_H
#define SOTTO_CLI_PAGE_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page_fetch.h"

#define PAGE_RELEASE_MAX_BYTES (1u << 20)
#define PAGE_NOTE_MAX_BYTES    4096
#define PAGE_FILES_MAX         512
#define PAGE_SHA384_TEXT_BYTES 65 // base64 of 48 bytes, with the NUL
#define PAGE_HASH_BYTES        32
#define PAGE_HASH_TEXT_BYTES   65 // hexadecimal, with the NUL
#define PAGE_VERSION_BYTES     32
#define PAGE_SIGNER_BYTES      64

struct page_file {
    char path[PAGE_PATH_MAX_BYTES];
    size_t bytes;
    char sha384[PAGE_SHA384_TEXT_BYTES];
};

struct page_release {
    char version[PAGE_VERSION_BYTES];
    uint8_t hash[PAGE_HASH_BYTES]; // SHA-256 of the text: the hash of the page
    struct page_file *files;
    size_t count;
};

// SOTTO_EPARSE: not such a list, a path that is none, one twice, or too many; `error` says what.
// SOTTO_ENOMEM, SOTTO_ECRYPTO.
int page_release_parse(struct page_release *out, const uint8_t *text, size_t len,
                       char error[PAGE_ERROR_BYTES]);
void page_release_free(struct page_release *r);
// NULL: not listed.
const struct page_file *page_release_find(const struct page_release *r, const char *path);

// The digest as release.json and the integrity attribute write it. SOTTO_ECRYPTO.
int page_sha384(const uint8_t *data, size_t len, char out[PAGE_SHA384_TEXT_BYTES]);
void page_hash_text(const uint8_t hash[PAGE_HASH_BYTES], char out[PAGE_HASH_TEXT_BYTES]);
// 64 hexadecimal digits.
bool page_hash_parse(const char *text, uint8_t out[PAGE_HASH_BYTES]);

// Who may sign: a C2SP signed-note verifier key, "NAME+ID+BASE64", Ed25519.
struct page_key {
    char name[PAGE_SIGNER_BYTES];
    uint8_t id[4];
    uint8_t key[32];
};
// SOTTO_EPARSE; SOTTO_ECRYPTO.
int page_key_parse(struct page_key *out, const char *text);
// The note is signed by the key and is about this hash. SOTTO_EPARSE: no such note, or about
// something else; SOTTO_ENOTFOUND: not by this key; SOTTO_ECRYPTO: the signature is wrong.
int page_note_verify(const struct page_key *key, const char *note,
                     const uint8_t hash[PAGE_HASH_BYTES]);

#endif
