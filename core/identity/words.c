// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "identity/wordlist.h"
#include "wire/cursor.h"

_Static_assert(SOTTO_WORDS_COUNT *(WORDLIST_WORD_MAX_BYTES + 1) <= SOTTO_WORDS_TEXT_BYTES,
               "four of the longest words, three spaces, NUL");

#define CHOICES_MIN 2
#define CHOICES_MAX 6

static int compare(const char *word, size_t len, const char *listed)
{
    int order = strncmp(word, listed, len);
    return order != 0 || listed[len] == '\0' ? order : -1; // word is only the beginning
}

int wordlist_find(const char *word, size_t len)
{
    int low = 0;
    int high = WORDLIST_COUNT - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = compare(word, len, wordlist[middle]);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    return SOTTO_ENOTFOUND;
}

// The first 44 of 64 bits, eleven a word.
void sotto_words_from_bytes(struct sotto_words *out, const uint8_t bytes[8])
{
    struct wire_reader r = wire_reader(bytes, 8);
    uint64_t bits = wire_read_u64(&r);
    for (size_t i = 0; i < SOTTO_WORDS_COUNT; i++) {
        out->index[i] = (uint16_t)(bits >> (64 - WORDLIST_BITS));
        bits <<= WORDLIST_BITS;
    }
}

void sotto_words_text(const struct sotto_words *w, char out[SOTTO_WORDS_TEXT_BYTES])
{
    const char *word[SOTTO_WORDS_COUNT];
    for (size_t i = 0; i < SOTTO_WORDS_COUNT; i++) {
        word[i] = wordlist[w->index[i] % WORDLIST_COUNT];
    }
    snprintf(out, SOTTO_WORDS_TEXT_BYTES, "%s %s %s %s", word[0], word[1], word[2], word[3]);
}

bool sotto_words_equal(const struct sotto_words *a, const struct sotto_words *b)
{
    return sotto_equal_ct(a->index, b->index, sizeof a->index);
}

static bool contains(const struct sotto_words *list, size_t count, const struct sotto_words *w)
{
    for (size_t i = 0; i < count; i++) {
        if (sotto_words_equal(&list[i], w)) {
            return true;
        }
    }
    return false;
}

// Words that are neither `right` nor in the list. Equal ones are stepped on instead of drawn again,
// so that it ends with any source of randomness.
static struct sotto_words draw_other(const struct sotto_words *right,
                                     const struct sotto_words *list, size_t count,
                                     const struct sotto_env *env)
{
    uint8_t bytes[8];
    struct sotto_words w;
    env->random(bytes, sizeof bytes, env->user);
    sotto_words_from_bytes(&w, bytes);
    while (sotto_words_equal(&w, right) || contains(list, count, &w)) {
        w.index[0] = (uint16_t)((w.index[0] + 1) % WORDLIST_COUNT);
    }
    return w;
}

int sotto_words_choices(const struct sotto_words *right, struct sotto_words *out, size_t count,
                        const struct sotto_env *env)
{
    if (count < CHOICES_MIN || count > CHOICES_MAX) {
        return SOTTO_EINVAL;
    }
    struct sotto_words choices[CHOICES_MAX];
    size_t place = random_below(env, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        choices[i] = i == place ? *right : draw_other(right, choices, i, env);
    }
    memcpy(out, choices, count * sizeof *out);
    return (int)place;
}
