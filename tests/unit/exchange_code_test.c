// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <stdio.h>
#include <string.h>

#include "test_env.h"

// HKDF-SHA512 of "7-harbor-velvet" with salt "sotto exchange v1", computed with Python's hmac
// module.
static const uint8_t known_place[32] =
    "\xbf\xf9\xff\x85\x75\xb7\x30\xda\x20\xd2\x3b\x3a\x48\xb4\xc0\x31"
    "\x03\xf4\xbf\x95\xda\x30\x96\x63\xfb\x1f\x06\x8d\x0a\x73\xde\x21";
static const uint8_t known_seal[32] =
    "\xc5\x53\x1b\x3e\x44\x30\xf7\x11\xf0\x9a\x41\x13\x96\x3b\x89\xdd"
    "\xaf\x96\x52\x37\xb9\x9d\xac\xf2\x83\x04\x67\x83\x62\x7d\xda\xf1";

static void as_people_say_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "7-harbor-velvet",         "7 harbor velvet",       "7-Harbor-VELVET",
        "  07 harbor - velvet \n", "0000007-harbor-velvet", "7\tharbor\r\nvelvet--",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t place[32];
        struct sotto_secret seal;
        assert_int_equal(sotto_code_derive(texts[i], place, &seal), 0);
        assert_memory_equal(place, known_place, 32);
        assert_memory_equal(seal.bytes, known_seal, 32);
    }
}

static void another_code_is_another_place(void **state)
{
    (void)state;
    static const char *const texts[] = {"8-harbor-velvet", "7-velvet-harbor", "7-harbor-vendor",
                                        "70-harbor-velvet"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t place[32];
        struct sotto_secret seal;
        assert_int_equal(sotto_code_derive(texts[i], place, &seal), 0);
        assert_memory_not_equal(place, known_place, 32);
        assert_memory_not_equal(seal.bytes, known_seal, 32);
    }
}

static void what_is_no_code(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "7",
        "7-",
        "7-harbor",
        "7-harbor-",
        "harbor-velvet",
        "0-harbor-velvet",
        "100-harbor-velvet",
        "99999999999999999999-harbor-velvet",
        "-7-harbor-velvetx",
        "7harbor-velvet",
        "7-harborvelvet",
        "7-harbour-velvet",
        "7-harb-velvet",
        "7-harbor-velvet-zoo",
        "7-harbor-velvet-7",
        "7-harbor-velvet.",
        "+7-harbor-velvet",
        "7.-harbor-velvet",
        "7-harbor_velvet",
        "7-harborharborharborharborharbor-velvet",
    };
    uint8_t place[32];
    struct sotto_secret seal;
    memset(place, 0x22, sizeof place);
    memset(&seal, 0x22, sizeof seal);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(sotto_code_derive(texts[i], place, &seal), SOTTO_EPARSE);
    }
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(place[i] & seal.bytes[i], 0x22);
    }
}

static void generated_codes_are_codes(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 9);
    bool seen[100] = {false};
    unsigned numbers = 0;
    for (int i = 0; i < 2000; i++) {
        char code[SOTTO_CODE_TEXT_BYTES + 1];
        uint8_t place[32];
        struct sotto_secret seal;
        unsigned number;
        char a[16], b[16], end;
        code[SOTTO_CODE_TEXT_BYTES] = 0x7e;
        sotto_code_generate(code, &t.env);
        assert_int_equal(code[SOTTO_CODE_TEXT_BYTES], 0x7e);
        assert_int_equal(sscanf(code, "%u-%8[a-z]-%8[a-z]%c", &number, a, b, &end), 3);
        assert_in_range(number, 1, 99);
        numbers += !seen[number];
        seen[number] = true;
        if (i < 50) {
            assert_int_equal(sotto_code_derive(code, place, &seal), 0);
        }
    }
    assert_int_equal(numbers, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_people_say_it),
        cmocka_unit_test(another_code_is_another_place),
        cmocka_unit_test(what_is_no_code),
        cmocka_unit_test(generated_codes_are_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
