// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/base.h>
#include <string.h>

#include "session/kdf.h"

static void unhex(uint8_t *out, const char *hex)
{
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        unsigned byte = 0;
        for (size_t j = 0; j < 2; j++) {
            char c = hex[2 * i + j];
            byte = byte << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)byte;
    }
}

static void assert_hex(const uint8_t *got, const char *hex)
{
    uint8_t want[SESSION_HASH_BYTES];
    unhex(want, hex);
    assert_memory_equal(got, want, strlen(hex) / 2);
}

// FIPS 180-4, the example "abc", in three pieces, one of them empty.
static void test_sha512(void **state)
{
    (void)state;
    uint8_t out[SESSION_HASH_BYTES];
    const struct session_part parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    assert_int_equal(session_sha512(out, parts, 3), 0);
    assert_hex(out, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

// RFC 4231 §4.3.
static void test_hmac(void **state)
{
    (void)state;
    uint8_t out[SESSION_HASH_BYTES];
    const struct session_part parts[] = {{"what do ya want ", 16}, {"for nothing?", 12}};
    assert_int_equal(session_hmac(out, (const uint8_t *)"Jefe", 4, parts, 2), 0);
    assert_hex(out, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

// The input of RFC 5869 §A.1 with SHA-512; the result is that of Python's hmac module.
static void test_hkdf(void **state)
{
    (void)state;
    uint8_t ikm[22], salt[13], info[10], out[42];
    memset(ikm, 0x0b, sizeof ikm);
    for (size_t i = 0; i < sizeof salt; i++) {
        salt[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof info; i++) {
        info[i] = (uint8_t)(0xf0 + i);
    }
    const struct session_part ikms[] = {{ikm, 10}, {ikm + 10, 12}};
    const struct session_part salts[] = {{salt, 1}, {salt + 1, 12}};
    const struct session_part infos[] = {{info, 10}};
    const struct session_hkdf in = {ikms, 2, salts, 2, infos, 1};
    assert_int_equal(session_hkdf(out, sizeof out, &in), 0);
    assert_hex(out, "832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9"
                    "f925d7cb");
}

// Python's hmac module again: an absent salt is a block of zeros (RFC 5869 §2.2).
static void test_hkdf_without_salt_and_info(void **state)
{
    (void)state;
    uint8_t ikm[10], out[SESSION_HASH_BYTES];
    for (size_t i = 0; i < sizeof ikm; i++) {
        ikm[i] = (uint8_t)i;
    }
    const struct session_part part = {ikm, sizeof ikm};
    const struct session_hkdf in = {.ikm = &part, .ikm_count = 1};
    assert_int_equal(session_hkdf(out, sizeof out, &in), 0);
    assert_hex(out, "4dafa20c9c4aa5954a983c92db40fb1af7a8ee0939812eefed67c9ac69a32821"
                    "137e3af39efbdc1c9ebc146567d3ead2da0c101d21cb7935390d5c13d5661b07");
}

static void test_hkdf_limits(void **state)
{
    (void)state;
    static uint8_t big[SESSION_KDF_INPUT_MAX_BYTES + 1];
    uint8_t out[SESSION_HASH_BYTES + 1];
    const struct session_part one = {big, 1}, most = {big, SESSION_KDF_INPUT_MAX_BYTES};
    const struct session_part two[] = {one, most};
    memset(out, 0x5a, sizeof out);
    const struct session_hkdf bad[] = {{two, 2, NULL, 0, NULL, 0},
                                       {&one, 1, two, 2, NULL, 0},
                                       {&one, 1, NULL, 0, two, 2}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(session_hkdf(out, 32, &bad[i]), SOTTO_EINVAL);
    }
    const struct session_hkdf good = {&most, 1, &most, 1, &most, 1};
    assert_int_equal(session_hkdf(out, sizeof out, &good), SOTTO_EINVAL);
    assert_int_equal(out[0], 0x5a);
    assert_int_equal(session_hkdf(out, 32, &good), 0);
    assert_int_equal(out[32], 0x5a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha512),      cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hkdf),        cmocka_unit_test(test_hkdf_without_salt_and_info),
        cmocka_unit_test(test_hkdf_limits),
    };
    return cmocka_run_group_tests_name("session_kdf", tests, NULL, NULL);
}
