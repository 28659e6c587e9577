// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

#include "identity/digest.h"
#include "identity/wordlist.h"
#include "test_env.h"

static void the_list_is_the_published_one(void **state)
{
    (void)state;
    static uint8_t text[WORDLIST_COUNT * (WORDLIST_WORD_MAX_BYTES + 1)];
    uint8_t hash[32];
    size_t len = 0;
    for (size_t i = 0; i < WORDLIST_COUNT; i++) {
        size_t n = strlen(wordlist[i]);
        assert_in_range(n, 3, WORDLIST_WORD_MAX_BYTES);
        memcpy(text + len, wordlist[i], n);
        text[len + n] = '\n';
        len += n + 1;
    }
    digest_sha256_or_abort(text, len, hash);
    assert_memory_equal(hash,
                        "\x2f\x5e\xed\x53\xa4\x72\x7b\x4b\xf8\x88\x0d\x8f\x3f\x19\x9e\xfc"
                        "\x90\xe5\x85\x03\x64\x6d\x9f\xf8\xef\xf3\xa2\xed\x3b\x24\xdb\xda",
                        32);
}

static void sorted_and_known_by_four_letters(void **state)
{
    (void)state;
    for (size_t i = 1; i < WORDLIST_COUNT; i++) {
        assert_true(strcmp(wordlist[i - 1], wordlist[i]) < 0);
        assert_true(strncmp(wordlist[i - 1], wordlist[i], 4) < 0);
    }
}

static void every_word_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < WORDLIST_COUNT; i++) {
        assert_int_equal(wordlist_find(wordlist[i], strlen(wordlist[i])), i);
    }
}

static void nothing_else_is_found(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",    "a",       "aaa",  "abando", "abandons", "zoos", "zzz",   "zo",
        "Zoo", "harbour", "act ", " act",   "actio",    "\xff", "zoo\n", "barg",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(wordlist_find(others[i], strlen(others[i])), SOTTO_ENOTFOUND);
    }
    // Only the given bytes count, whatever follows them.
    assert_true(wordlist_find("action", 3) >= 0);
    assert_string_equal(wordlist[wordlist_find("action", 3)], "act");
}

static void forty_four_bits(void **state)
{
    (void)state;
    struct sotto_words w;
    char text[SOTTO_WORDS_TEXT_BYTES];
    const uint8_t bytes[8] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
    sotto_words_from_bytes(&w, bytes);
    assert_int_equal(w.index[0], 145);
    assert_int_equal(w.index[1], 1301);
    assert_int_equal(w.index[2], 1265);
    assert_int_equal(w.index[3], 427);
    sotto_words_text(&w, text);
    assert_string_equal(text, "banana pencil owner cube");

    sotto_words_from_bytes(&w, (const uint8_t[8]){0});
    sotto_words_text(&w, text);
    assert_string_equal(text, "abandon abandon abandon abandon");
    sotto_words_from_bytes(&w, (const uint8_t[8]){255, 255, 255, 255, 255, 255, 255, 255});
    sotto_words_text(&w, text);
    assert_string_equal(text, "zoo zoo zoo zoo");
}

// Each of the first 44 bits changes the words, none of the other 20 does.
static void bits_that_count(void **state)
{
    (void)state;
    struct sotto_words zero, w;
    sotto_words_from_bytes(&zero, (const uint8_t[8]){0});
    for (size_t bit = 0; bit < 64; bit++) {
        uint8_t bytes[8] = {0};
        bytes[bit / 8] = (uint8_t)(0x80 >> bit % 8);
        sotto_words_from_bytes(&w, bytes);
        assert_int_equal(sotto_words_equal(&w, &zero), bit >= 44);
        assert_int_equal(w.index[bit / 11 % 4] != 0, bit < 44);
    }
}

static void choices_hold_the_right_one_once(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_words right, out[6];
    test_env_init(&t, 11);
    sotto_words_from_bytes(&right, (const uint8_t[8]){1, 2, 3, 4, 5, 6, 7, 8});
    unsigned places[7][6] = {{0}};
    for (size_t count = 2; count <= 6; count++) {
        for (int round = 0; round < 600; round++) {
            int place = sotto_words_choices(&right, out, count, &t.env);
            assert_in_range(place, 0, count - 1);
            places[count][place]++;
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(sotto_words_equal(&out[i], &right), i == (size_t)place);
                for (size_t k = 0; k < i; k++) {
                    assert_false(sotto_words_equal(&out[i], &out[k]));
                }
            }
        }
        for (size_t i = 0; i < count; i++) {
            assert_in_range(places[count][i], 300 / count, 1200 / count);
        }
    }
    for (size_t count = 0; count < 20; count++) {
        if (count < 2 || count > 6) {
            assert_int_equal(sotto_words_choices(&right, out, count, &t.env), SOTTO_EINVAL);
        }
    }
}

static void stuck_random(void *buf, size_t len, void *user)
{
    (void)user;
    memset(buf, 0, len);
}

static void choices_differ_whatever_is_drawn(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_words right = {{0}}, out[6];
    test_env_init(&t, 1);
    t.env.random = stuck_random;
    int place = sotto_words_choices(&right, out, 6, &t.env);
    assert_in_range(place, 0, 5);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(sotto_words_equal(&out[i], &out[k]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_the_published_one),
        cmocka_unit_test(sorted_and_known_by_four_letters),
        cmocka_unit_test(every_word_is_found),
        cmocka_unit_test(nothing_else_is_found),
        cmocka_unit_test(forty_four_bits),
        cmocka_unit_test(bits_that_count),
        cmocka_unit_test(choices_hold_the_right_one_once),
        cmocka_unit_test(choices_differ_whatever_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
