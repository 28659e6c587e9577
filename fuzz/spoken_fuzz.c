// SPDX-License-Identifier: Apache-2.0
// What people type or read out: fingerprints, exchange codes, names, words, encoded bytes.
#include "fuzz.h"

#include <assert.h>
#include <sotto/identity.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/utf8.h"
#include "identity/wordlist.h"
#include "text.h"

static void fingerprint(const char *text)
{
    struct sotto_fingerprint fp, again;
    char out[SOTTO_FINGERPRINT_TEXT_BYTES];
    if (sotto_fingerprint_parse(&fp, text) == 0) {
        sotto_fingerprint_text(&fp, out);
        assert(sotto_fingerprint_parse(&again, out) == 0);
        assert(sotto_fingerprint_equal(&fp, &again));
    }
}

static void code(const char *text)
{
    uint8_t place[32];
    struct sotto_secret seal;
    int rc = sotto_code_derive(text, place, &seal);
    assert(rc == 0 || rc == SOTTO_EPARSE);
}

static void name(const char *text)
{
    if (sotto_name_check(text) == 0) {
        size_t len = strlen(text);
        assert(len >= 1 && len <= SOTTO_NAME_MAX_BYTES && utf8_valid(text, len));
        assert(strpbrk(text, "\n\r\t\x1b\x7f") == NULL);
    }
}

static void word(const char *text)
{
    int i = wordlist_find(text, strlen(text));
    assert(i < 0 || strcmp(wordlist[i], text) == 0);
}

static void encoding(const char *text)
{
    uint8_t bytes[4096];
    char again[8192];
    size_t len = strlen(text);
    int n = base64url_decode(text, len, bytes, sizeof bytes);
    if (n >= 0) {
        assert(base64url_encode(bytes, (size_t)n, again, sizeof again) == (int)len);
        assert(strcmp(again, text) == 0);
    }
    n = base32_decode(text, len, bytes, sizeof bytes);
    if (n >= 0) {
        assert(base32_encode(bytes, (size_t)n, again, sizeof again) == (int)len);
        assert(strcasecmp(again, text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    fingerprint(text);
    code(text);
    name(text);
    word(text);
    encoding(text);
    free(text);
    return 0;
}
