// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "identity/digest.h"
#include "identity/wordlist.h"

// A code is a number and two words, "7-harbor-velvet": 99 * 2^22 of them. It needs to be good for
// one meeting of ten minutes only; whoever guesses or overhears it is found out by the words.
#define NUMBER_MAX 99
#define WORDS      2
#define SALT       "sotto exchange v1"

// A number, the longest words with a dash before each, NUL.
_Static_assert(2 + WORDS * (1 + WORDLIST_WORD_MAX_BYTES) + 1 <= SOTTO_CODE_TEXT_BYTES, "code fits");

struct code {
    unsigned number;
    int word[WORDS];
};

static void code_text(const struct code *c, char out[SOTTO_CODE_TEXT_BYTES])
{
    snprintf(out, SOTTO_CODE_TEXT_BYTES, "%u-%s-%s", c->number, wordlist[c->word[0]],
             wordlist[c->word[1]]);
}

void sotto_code_generate(char out[SOTTO_CODE_TEXT_BYTES], const struct sotto_env *env)
{
    struct code c = {.number = 1 + random_below(env, NUMBER_MAX)};
    for (size_t i = 0; i < WORDS; i++) {
        c.word[i] = (int)random_below(env, WORDLIST_COUNT);
    }
    code_text(&c, out);
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_separators(const char *at)
{
    while (is_separator(*at)) {
        at++;
    }
    return at;
}

static const char *read_number(const char *at, unsigned *out)
{
    unsigned v = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        v = v * 10 + (unsigned)(*at - '0');
        if (v > NUMBER_MAX) {
            return NULL;
        }
    }
    *out = v;
    return v > 0 ? at : NULL;
}

static const char *read_word(const char *at, int *index)
{
    char word[WORDLIST_WORD_MAX_BYTES];
    size_t len = 0;
    for (; *at != '\0' && !is_separator(*at); at++) {
        if (len == sizeof word) {
            return NULL;
        }
        word[len++] = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    }
    *index = wordlist_find(word, len);
    return *index >= 0 ? at : NULL;
}

static int code_parse(struct code *out, const char *text)
{
    const char *at = read_number(skip_separators(text), &out->number);
    for (size_t i = 0; i < WORDS && at != NULL; i++) {
        at = is_separator(*at) ? read_word(skip_separators(at), &out->word[i]) : NULL;
    }
    return at != NULL && *skip_separators(at) == '\0' ? 0 : SOTTO_EPARSE;
}

int sotto_code_derive(const char *text, uint8_t place[32], struct sotto_secret *seal)
{
    struct code c;
    char canonical[SOTTO_CODE_TEXT_BYTES];
    uint8_t derived_place[32];
    struct sotto_secret derived_seal = {{0}};

    int rc = code_parse(&c, text);
    if (rc < 0) {
        return rc;
    }
    code_text(&c, canonical);
    size_t len = strlen(canonical);
    rc = digest_hkdf_sha512(canonical, len, SALT, "place", derived_place, sizeof derived_place);
    if (rc == 0) {
        rc = digest_hkdf_sha512(canonical, len, SALT, "seal", derived_seal.bytes,
                                sizeof derived_seal.bytes);
    }
    if (rc == 0) {
        memcpy(place, derived_place, sizeof derived_place);
        *seal = derived_seal;
    }
    sotto_wipe(&derived_seal, sizeof derived_seal);
    sotto_wipe(canonical, sizeof canonical);
    sotto_wipe(&c, sizeof c);
    return rc;
}
