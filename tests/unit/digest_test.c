// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/digest.h"

#include <string.h>

// FIPS 180-4 examples.
static void sha2_of_abc(void **state)
{
    (void)state;
    uint8_t out[DIGEST_SHA512_BYTES];
    assert_int_equal(digest_sha256("abc", 3, out), 0);
    assert_memory_equal(out,
                        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
                        "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
                        32);
    memset(out, 0, sizeof out);
    digest_sha256_or_abort("abc", 3, out);
    assert_memory_equal(out, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
    assert_int_equal(digest_sha384("abc", 3, out), 0);
    assert_memory_equal(out,
                        "\xcb\x00\x75\x3f\x45\xa3\x5e\x8b\xb5\xa0\x3d\x69\x9a\xc6\x50\x07"
                        "\x27\x2c\x32\xab\x0e\xde\xd1\x63\x1a\x8b\x60\x5a\x43\xff\x5b\xed"
                        "\x80\x86\x07\x2b\xa1\xe7\xcc\x23\x58\xba\xec\xa1\x34\xc8\x25\xa7",
                        48);
    assert_int_equal(digest_sha512("abc", 3, out), 0);
    assert_memory_equal(out,
                        "\xdd\xaf\x35\xa1\x93\x61\x7a\xba\xcc\x41\x73\x49\xae\x20\x41\x31"
                        "\x12\xe6\xfa\x4e\x89\xa9\x7e\xa2\x0a\x9e\xee\xe6\x4b\x55\xd3\x9a"
                        "\x21\x92\x99\x2a\x27\x4f\xc1\xa8\x36\xba\x3c\x23\xa3\xfe\xeb\xbd"
                        "\x45\x4d\x44\x23\x64\x3c\xe8\x0e\x2a\x9a\xc9\x4f\xa5\x4c\xa4\x9f",
                        64);
    assert_int_equal(digest_sha256(NULL, 0, out), 0);
    assert_memory_equal(out, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14", 8);
}

// HMAC(HMAC("salt", 22 times 0b), "info" || 01), computed with Python's hmac module.
static void hkdf_is_extract_and_expand(void **state)
{
    (void)state;
    static const uint8_t expected[64] =
        "\xf6\x8a\xca\x3a\x3a\xfd\x2c\x6f\x29\x1f\x1e\x9c\x48\x10\x54\x55"
        "\x3c\xe8\x4a\x23\x53\xdf\x2b\x62\xc2\xb9\x0e\xaf\xbe\x9b\xa2\x73"
        "\x7b\x17\x45\x14\x9c\x8c\xd4\xa1\xde\xee\x3a\xfd\xbf\x30\xe8\x00"
        "\x9c\x27\xea\xc5\xa5\x6c\x1e\x63\xeb\x5c\x53\x36\xd4\xf7\x39\xa0";
    uint8_t key[22], out[64];
    memset(key, 0x0b, sizeof key);
    assert_int_equal(digest_hkdf_sha512(key, sizeof key, "salt", "info", out, sizeof out), 0);
    assert_memory_equal(out, expected, sizeof out);
    memset(out, 0, sizeof out);
    assert_int_equal(digest_hkdf_sha512(key, sizeof key, "salt", "info", out, 10), 0);
    assert_memory_equal(out, expected, 10);
    assert_int_equal(out[10], 0);
    assert_int_equal(digest_hkdf_sha512(key, sizeof key, "salt", "infos", out, sizeof out), 0);
    assert_memory_not_equal(out, expected, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha2_of_abc),
        cmocka_unit_test(hkdf_is_extract_and_expand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
