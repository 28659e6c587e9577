// SPDX-License-Identifier: Apache-2.0
// A page's list of files and the signed note over it.
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <sotto/base.h>

#include "page_release.h"

#define DIGEST  "tpMK2kZ3ctfb1KAzrPZ2500CfnTyPUjZ2nX4uAEKBkAu0aOJ6KQS3xRSwbt6HYdR"
#define A_FILE  "{\"path\":\"/a.js\",\"bytes\":5,\"sha384\":\"" DIGEST "\"}"
#define ANOTHER "{\"path\":\"/b-1.css\",\"bytes\":0,\"sha384\":\"" DIGEST "\"}"

static char error[PAGE_ERROR_BYTES];

static int parse(const char *text, struct page_release *r)
{
    return page_release_parse(r, (const uint8_t *)text, strlen(text), error);
}

static void test_release(void **state)
{
    (void)state;
    struct page_release r;
    assert_int_equal(parse("{\"version\":\"1.2.3\",\"files\":[" A_FILE "," ANOTHER "],\"more\":1}",
                           &r),
                     0);
    assert_string_equal(r.version, "1.2.3");
    assert_int_equal(r.count, 2);
    assert_int_equal(page_release_find(&r, "/a.js")->bytes, 5);
    assert_string_equal(page_release_find(&r, "/b-1.css")->sha384, DIGEST);
    assert_null(page_release_find(&r, "/b"));
    page_release_free(&r);
}

static void test_no_release(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"version\":\"1\"}",
        "{\"files\":[]}",
        "{\"version\":\"1\",\"files\":{}}",
        "{\"version\":1,\"files\":[]}",
        "{\"version\":\"1234567890123456789012345678901234\",\"files\":[]}",
        "{\"version\":\"1\",\"version\":\"2\",\"files\":[]}",
        "{\"version\":\"1\",\"files\":[1]}",
        "{\"version\":\"1\",\"files\":[" A_FILE "," A_FILE "]}",
    };
    struct page_release r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i], &r) != SOTTO_EPARSE) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    static const char *const paths[] = {"a.js", "/",         "//a",  "/../a", "/a?b",     "/a#b",
                                        "/a b", "/a\\u0000", "/%2e", "/a@b",  "https://x"};
    char text[512];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        snprintf(text, sizeof text,
                 "{\"version\":\"1\",\"files\":[{\"path\":\"%s\",\"bytes\":5,\"sha384\":\"" DIGEST
                 "\"}]}",
                 paths[i]);
        assert_int_equal(parse(text, &r), SOTTO_EPARSE);
    }
    assert_int_equal(parse("{\"version\":\"1\",\"files\":[{\"path\":\"/a\",\"bytes\":-1,"
                           "\"sha384\":\"" DIGEST "\"}]}",
                           &r),
                     SOTTO_EPARSE);
    assert_int_equal(
        parse("{\"version\":\"1\",\"files\":[{\"path\":\"/a\",\"bytes\":1,\"sha384\":\"x\"}]}", &r),
        SOTTO_EPARSE);
}

static void test_many_files(void **state)
{
    (void)state;
    static char text[PAGE_FILES_MAX * 128 + 256];
    struct page_release r;
    for (int more = 0; more < 2; more++) {
        size_t len = (size_t)snprintf(text, sizeof text, "{\"version\":\"1\",\"files\":[");
        for (int i = 0; i < PAGE_FILES_MAX + more; i++) {
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    "%s{\"path\":\"/%d\",\"bytes\":1,\"sha384\":\"" DIGEST "\"}",
                                    i > 0 ? "," : "", i);
        }
        snprintf(text + len, sizeof text - len, "]}");
        assert_int_equal(parse(text, &r), more == 0 ? 0 : SOTTO_EPARSE);
        if (more == 0) {
            page_release_free(&r);
        }
    }
}

static void test_hash(void **state)
{
    (void)state;
    uint8_t hash[PAGE_HASH_BYTES];
    char text[PAGE_HASH_TEXT_BYTES], sha384[PAGE_SHA384_TEXT_BYTES];
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    assert_true(page_hash_parse(hex, hash));
    page_hash_text(hash, text);
    assert_string_equal(text, hex);
    assert_false(page_hash_parse("00", hash));
    assert_false(
        page_hash_parse("0011223344556677889xaabbccddeeff00112233445566778899aabbccddeeff", hash));
    // FIPS 180-4 example, by openssl dgst -sha384 -binary | base64.
    assert_int_equal(page_sha384((const uint8_t *)"abc", 3, sha384), 0);
    assert_string_equal(sha384, "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn");
}

// Made by web/page/sign.mjs with a key of its own.
#define KEY "sotto-page+6b316df6+AYtxzV5qNRJN25VcqU+8aGFl7LZqF44c32eAPZy6XHZz"
static const char note[] = "sotto page 0.1.0\n"
                           "sha256 fz/z/Qb/U1uze0tQ84gmwHxSBTWgDK60axZpCoRq0js=\n"
                           "\n"
                           "\xe2\x80\x94 sotto-page "
                           "azFt9vgecJeMk1dG1CFiPzxMZ4e3Cftfotw8fHagnPAfBWvSJMwp1er9oos06YO655cizZy"
                           "7XQK7Il5KDhdKK8Uviwg=\n";
static const char hash_text[] = "7f3ff3fd06ff535bb37b4b50f38826c07c520535a00caeb46b16690a846ad23b";

static void note_hash(uint8_t out[PAGE_HASH_BYTES])
{
    assert_true(page_hash_parse(hash_text, out));
}

static void test_key(void **state)
{
    (void)state;
    struct page_key key;
    assert_int_equal(page_key_parse(&key, KEY), 0);
    assert_int_equal(page_key_parse(&key, KEY "\n"), 0);
    assert_string_equal(key.name, "sotto-page");
    // The example of the specification's first implementation, golang.org/x/mod/sumdb/note.
    assert_int_equal(page_key_parse(&key, "PeterNeumann+c74f20a3+"
                                          "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
                     0);
    assert_string_equal(key.name, "PeterNeumann");
    static const char *const bad[] = {
        "",
        "+",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(page_key_parse(&key, bad[i]), SOTTO_EPARSE);
    }
}

static void test_note(void **state)
{
    (void)state;
    struct page_key key, other;
    uint8_t hash[PAGE_HASH_BYTES];
    char text[sizeof note + 256];
    note_hash(hash);
    assert_int_equal(page_key_parse(&key, KEY), 0);
    assert_int_equal(page_note_verify(&key, note, hash), 0);
    // Signed by somebody else as well, before and behind.
    const char *gap = strstr(note, "\n\n");
    snprintf(text, sizeof text, "%.*s\xe2\x80\x94 other AAAAAAAA\n%s\xe2\x80\x94 third AAAA\n",
             (int)(gap + 2 - note), note, gap + 2);
    assert_int_equal(page_note_verify(&key, text, hash), 0);
    // About another page.
    hash[0] ^= 1;
    assert_int_equal(page_note_verify(&key, note, hash), SOTTO_EPARSE);
    hash[0] ^= 1;
    // By another key.
    assert_int_equal(page_key_parse(&other, "PeterNeumann+c74f20a3+"
                                            "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
                     0);
    assert_int_equal(page_note_verify(&other, note, hash), SOTTO_ENOTFOUND);
    // By a key that took the name.
    memcpy(other.name, key.name, sizeof other.name);
    assert_int_equal(page_note_verify(&other, note, hash), SOTTO_ENOTFOUND);
    memcpy(other.id, key.id, sizeof other.id);
    assert_int_equal(page_note_verify(&other, note, hash), SOTTO_ECRYPTO);
}

static void test_changed_note(void **state)
{
    (void)state;
    struct page_key key;
    uint8_t hash[PAGE_HASH_BYTES];
    char text[sizeof note];
    note_hash(hash);
    assert_int_equal(page_key_parse(&key, KEY), 0);
    // The last "=" and newline are the text form's, not the signature's.
    for (size_t i = 0; i < strlen(note) - 2; i++) {
        memcpy(text, note, sizeof note);
        text[i] ^= 1;
        if (page_note_verify(&key, text, hash) == 0) {
            fail_msg("byte %zu can be changed", i);
        }
        memcpy(text, note, sizeof note);
        text[i] = '\0';
        assert_int_not_equal(page_note_verify(&key, text, hash), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release),      cmocka_unit_test(test_no_release),
        cmocka_unit_test(test_many_files),   cmocka_unit_test(test_hash),
        cmocka_unit_test(test_key),          cmocka_unit_test(test_note),
        cmocka_unit_test(test_changed_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
