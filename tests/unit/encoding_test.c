// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/encoding.h"

#include <sotto/base.h>
#include <string.h>

// RFC 4648 §10, without the padding.
static const struct vector {
    const char *plain, *base32, *base64;
} vectors[] = {
    {"", "", ""},
    {"f", "MY", "Zg"},
    {"fo", "MZXQ", "Zm8"},
    {"foo", "MZXW6", "Zm9v"},
    {"foob", "MZXW6YQ", "Zm9vYg"},
    {"fooba", "MZXW6YTB", "Zm9vYmE"},
    {"foobar", "MZXW6YTBOI", "Zm9vYmFy"},
};

static void rfc4648_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *v = &vectors[i];
        size_t len = strlen(v->plain);
        char text[32];
        uint8_t bytes[32];
        assert_int_equal(base32_encode((const uint8_t *)v->plain, len, text, sizeof text),
                         strlen(v->base32));
        assert_string_equal(text, v->base32);
        assert_int_equal(strlen(v->base32), BASE32_TEXT_BYTES(len));
        assert_int_equal(base32_decode(v->base32, strlen(v->base32), bytes, sizeof bytes), len);
        assert_memory_equal(bytes, v->plain, len);

        assert_int_equal(base64url_encode((const uint8_t *)v->plain, len, text, sizeof text),
                         strlen(v->base64));
        assert_string_equal(text, v->base64);
        assert_int_equal(strlen(v->base64), BASE64URL_TEXT_BYTES(len));
        assert_int_equal(base64url_decode(v->base64, strlen(v->base64), bytes, sizeof bytes), len);
        assert_memory_equal(bytes, v->plain, len);
    }
}

static void every_byte_comes_back(void **state)
{
    (void)state;
    uint8_t data[256], back[256];
    char text[512];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t len = 0; len <= sizeof data; len++) {
        int n = base64url_encode(data, len, text, sizeof text);
        assert_int_equal(base64url_decode(text, (size_t)n, back, len), len);
        assert_memory_equal(back, data, len);
        n = base32_encode(data, len, text, sizeof text);
        assert_int_equal(base32_decode(text, (size_t)n, back, len), len);
        assert_memory_equal(back, data, len);
    }
}

static void base64url_uses_its_own_two_characters(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(base64url_encode((const uint8_t[]){0xfb, 0xef, 0xff}, 3, text, sizeof text),
                     4);
    assert_string_equal(text, "--__");
}

static void base32_takes_either_case(void **state)
{
    (void)state;
    uint8_t bytes[8];
    assert_int_equal(base32_decode("mZxW6yTb", 8, bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "fooba", 5);
}

// One character less or other than an encoder gives.
static void what_no_encoder_gives_is_refused(void **state)
{
    (void)state;
    static const char *const bad32[] = {
        "A",
        "MZX",
        "MZXW6Y",
        "MZ======",
        "MZ",
        "MB", // spare bits set, or a spare
              // character
        "MY======",
        "M1",
        "M0",
        "M8",
        "M Y",
        "MY\n",
        "M-",
    };
    static const char *const bad64[] = {
        "Z", "Zm9vY", "Zg==", "Zh", "Zm9", "Zm8=", "Z+", "Z/", "Z g", "Zg\n", "Z.", "Zm9vY\x80",
    };
    uint8_t bytes[8];
    memset(bytes, 0xee, sizeof bytes);
    for (size_t i = 0; i < sizeof bad32 / sizeof bad32[0]; i++) {
        assert_int_equal(base32_decode(bad32[i], strlen(bad32[i]), bytes, sizeof bytes),
                         SOTTO_EPARSE);
    }
    for (size_t i = 0; i < sizeof bad64 / sizeof bad64[0]; i++) {
        assert_int_equal(base64url_decode(bad64[i], strlen(bad64[i]), bytes, sizeof bytes),
                         SOTTO_EPARSE);
    }
    assert_int_equal(base64url_decode("Zg\0", 3, bytes, sizeof bytes), SOTTO_EPARSE);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0xee);
    }
}

// Each byte string has exactly one text: over all texts of two characters, as many are accepted as
// there are bytes.
static void texts_are_canonical(void **state)
{
    (void)state;
    size_t accepted32 = 0, accepted64 = 0;
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            uint8_t byte;
            // Lower case is the one other spelling that base32 has.
            bool lower = (a >= 'a' && a <= 'z') || (b >= 'a' && b <= 'z');
            accepted32 += !lower && base32_decode(text, 2, &byte, 1) == 1;
            accepted64 += base64url_decode(text, 2, &byte, 1) == 1;
        }
    }
    assert_int_equal(accepted32, 256);
    assert_int_equal(accepted64, 256);
}

static void buffers_are_not_overrun(void **state)
{
    (void)state;
    char text[8];
    uint8_t bytes[8];
    memset(text, 'x', sizeof text);
    memset(bytes, 0xee, sizeof bytes);
    // Four characters and a NUL need five.
    assert_int_equal(base64url_encode((const uint8_t *)"foo", 3, text, 4), SOTTO_ESPACE);
    assert_int_equal(text[0], 'x');
    assert_int_equal(base64url_encode((const uint8_t *)"foo", 3, text, 5), 4);
    assert_int_equal(text[5], 'x');
    assert_int_equal(base32_encode((const uint8_t *)"f", 1, text, 2), SOTTO_ESPACE);
    assert_int_equal(base32_encode((const uint8_t *)"", 0, text, 0), SOTTO_ESPACE);
    assert_int_equal(base64url_decode("Zm9v", 4, bytes, 2), SOTTO_ESPACE);
    assert_int_equal(bytes[0], 0xee);
    assert_int_equal(base64url_decode("Zm9v", 4, bytes, 3), 3);
    assert_int_equal(bytes[3], 0xee);
    assert_int_equal(base32_decode("MY", 2, bytes, 0), SOTTO_ESPACE);
    assert_int_equal(base64url_encode(NULL, SIZE_MAX, text, sizeof text), SOTTO_ESPACE);
    assert_int_equal(base64url_decode(NULL, SIZE_MAX, bytes, sizeof bytes), SOTTO_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4648_vectors),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(base64url_uses_its_own_two_characters),
        cmocka_unit_test(base32_takes_either_case),
        cmocka_unit_test(what_no_encoder_gives_is_refused),
        cmocka_unit_test(texts_are_canonical),
        cmocka_unit_test(buffers_are_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
