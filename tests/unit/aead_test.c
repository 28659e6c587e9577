// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/aead.h"

#include <string.h>

// "The Galois/Counter Mode of Operation" (McGrew, Viega), test case 16.
static const struct sotto_secret key = {
    "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08"
    "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08"};
static const uint8_t nonce[] = "\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88";
static const uint8_t plain[60] = "\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a"
                                 "\x86\xa7\xa9\x53\x15\x34\xf7\xda\x2e\x4c\x30\x3d\x8a\x31\x8a\x72"
                                 "\x1c\x3c\x0c\x95\x95\x68\x09\x53\x2f\xcf\x0e\x24\x49\xa6\xb5\x25"
                                 "\xb1\x6a\xed\xf5\xaa\x0d\xe6\x57\xba\x63\x7b\x39";
static const uint8_t sealed[76] =
    "\x52\x2d\xc1\xf0\x99\x56\x7d\x07\xf4\x7f\x37\xa3\x2a\x84\x42\x7d"
    "\x64\x3a\x8c\xdc\xbf\xe5\xc0\xc9\x75\x98\xa2\xbd\x25\x55\xd1\xaa"
    "\x8c\xb0\x8e\x48\x59\x0d\xbb\x3d\xa7\xb0\x8b\x10\x56\x82\x88\x38"
    "\xc5\xf6\x1e\x63\x93\xba\x7a\x0a\xbc\xc9\xf6\x62"
    "\x76\xfc\x6e\xce\x0f\x4e\x17\x68\xcd\xdf\x88\x53\xbb\x2d\x55\x1b";
static const struct aead_ad ad = {
    "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2", 20};

static void published_vector(void **state)
{
    (void)state;
    uint8_t out[77], back[61];
    out[76] = 0xee;
    back[60] = 0xee;
    assert_int_equal(aead_seal(&key, nonce, ad, plain, sizeof plain, out), 0);
    assert_memory_equal(out, sealed, sizeof sealed);
    assert_int_equal(out[76], 0xee);
    assert_int_equal(aead_open(&key, nonce, ad, sealed, sizeof sealed, back), 0);
    assert_memory_equal(back, plain, sizeof plain);
    assert_int_equal(back[60], 0xee);
}

static void every_altered_bit_is_found(void **state)
{
    (void)state;
    static const uint8_t zeros[60];
    uint8_t bad[76], back[60];
    for (size_t bit = 0; bit < 8 * sizeof bad; bit++) {
        memcpy(bad, sealed, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(back, 0xee, sizeof back);
        assert_int_equal(aead_open(&key, nonce, ad, bad, sizeof bad, back), SOTTO_EAUTH);
        assert_memory_equal(back, zeros, sizeof back);
    }
    struct aead_ad less = {ad.data, ad.len - 1}, none = {NULL, 0};
    assert_int_equal(aead_open(&key, nonce, less, sealed, sizeof sealed, back), SOTTO_EAUTH);
    assert_int_equal(aead_open(&key, nonce, none, sealed, sizeof sealed, back), SOTTO_EAUTH);
    assert_int_equal(aead_open(&key, nonce, ad, sealed, sizeof sealed - 1, back), SOTTO_EAUTH);
    struct sotto_secret other = key;
    other.bytes[31] ^= 1;
    assert_int_equal(aead_open(&other, nonce, ad, sealed, sizeof sealed, back), SOTTO_EAUTH);
    for (size_t len = 0; len < AEAD_TAG_BYTES; len++) {
        assert_int_equal(aead_open(&key, nonce, ad, sealed, len, back), SOTTO_EAUTH);
    }
}

static void nothing_can_be_sealed(void **state)
{
    (void)state;
    uint8_t out[AEAD_TAG_BYTES], back[1] = {0xee};
    struct aead_ad none = {NULL, 0};
    assert_int_equal(aead_seal(&key, nonce, none, NULL, 0, out), 0);
    assert_int_equal(aead_open(&key, nonce, none, out, sizeof out, back), 0);
    assert_int_equal(back[0], 0xee);
    out[0] ^= 1;
    assert_int_equal(aead_open(&key, nonce, none, out, sizeof out, back), SOTTO_EAUTH);
}

static void too_long(void **state)
{
    (void)state;
    uint8_t byte[1] = {0};
    struct aead_ad long_ad = {byte, (size_t)AEAD_LEN_MAX_BYTES + 1};
    assert_int_equal(aead_seal(&key, nonce, ad, byte, (size_t)AEAD_LEN_MAX_BYTES + 1, byte),
                     SOTTO_ELIMIT);
    assert_int_equal(aead_seal(&key, nonce, long_ad, byte, 1, byte), SOTTO_ELIMIT);
    assert_int_equal(aead_open(&key, nonce, ad, byte, (size_t)AEAD_LEN_MAX_BYTES + 17, byte),
                     SOTTO_ELIMIT);
    assert_int_equal(aead_open(&key, nonce, long_ad, sealed, sizeof sealed, byte), SOTTO_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vector),
        cmocka_unit_test(every_altered_bit_is_found),
        cmocka_unit_test(nothing_can_be_sealed),
        cmocka_unit_test(too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
