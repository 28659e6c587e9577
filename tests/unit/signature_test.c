// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/base.h>
#include <string.h>

#include "identity/signature.h"

// RFC 8032 section 7.1, test 2: one byte.
static const uint8_t key[32] = "\x3d\x40\x17\xc3\xe8\x43\x89\x5a\x92\xb7\x0a\xa7\x4d\x1b\x7e\xbc"
                               "\x9c\x98\x2c\xcf\x2e\xc4\x96\x8c\xc0\xcd\x55\xf1\x2a\xf4\x66\x0c";
static const uint8_t good[64] = "\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40"
                                "\xa2\xb2\x7b\x54\x16\x50\x3f\x8f\xb3\x76\x22\x23\xeb\xdb\x69\xda"
                                "\x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c"
                                "\x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00";

static void test_published(void **state)
{
    (void)state;
    assert_int_equal(signature_ed25519_verify(key, good, "\x72", 1), 0);
}

static void test_changed(void **state)
{
    (void)state;
    uint8_t other[64], other_key[32];
    assert_int_equal(signature_ed25519_verify(key, good, "\x73", 1), SOTTO_ECRYPTO);
    assert_int_equal(signature_ed25519_verify(key, good, "\x72", 0), SOTTO_ECRYPTO);
    for (size_t i = 0; i < 64; i++) {
        memcpy(other, good, 64);
        other[i] ^= 1;
        assert_int_equal(signature_ed25519_verify(key, other, "\x72", 1), SOTTO_ECRYPTO);
    }
    for (size_t i = 0; i < 32; i++) {
        memcpy(other_key, key, 32);
        other_key[i] ^= 1;
        assert_int_equal(signature_ed25519_verify(other_key, good, "\x72", 1), SOTTO_ECRYPTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
