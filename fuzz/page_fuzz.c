// SPDX-License-Identifier: Apache-2.0
// What `sotto verify-page` reads from a relay that it does not trust: the list of files, the signed
// note, a key, the policy, index.html.
#include "fuzz.h"

#include "page_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

#define KEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

static void look_at_release(const uint8_t *data, size_t size)
{
    struct page_release r;
    char error[PAGE_ERROR_BYTES];
    int rv = page_release_parse(&r, data, size, error);
    assert(rv == 0 || rv == SOTTO_EPARSE);
    if (rv == 0) {
        assert(r.count <= PAGE_FILES_MAX);
        for (size_t i = 0; i < r.count; i++) {
            assert(r.files[i].path[0] == '/' && strlen(r.files[i].path) < PAGE_PATH_MAX_BYTES);
            assert(page_release_find(&r, r.files[i].path) == &r.files[i]);
        }
        page_release_free(&r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct page_file files[] = {{"/a.js", 1, "A"}};
    static const struct page_release release = {.files = files, .count = 1};
    static const uint8_t hash[PAGE_HASH_BYTES];
    char error[PAGE_ERROR_BYTES], *text = malloc(size + 1);
    struct page_key key;
    memcpy(text, data, size);
    text[size] = '\0';
    look_at_release(data, size);
    (void)page_key_parse(&key, text);
    assert(page_key_parse(&key, KEY) == 0);
    assert(page_note_verify(&key, text, hash) != 0); // nobody here has that key
    (void)page_check_policy(text, error);
    (void)page_check_html(&release, text, error);
    free(text);
    return 0;
}
