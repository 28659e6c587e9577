// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/mldsa.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "identity/digest.h"

static struct sotto_secret seed;
static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    // The example key of RFC 9881 (appendix C): seed 000102..1f.
    for (uint8_t i = 0; i < 32; i++) {
        seed.bytes[i] = i;
    }
    key = mldsa_from_seed(&seed);
    return key == NULL;
}

static int free_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

static void the_published_example(void **state)
{
    (void)state;
    uint8_t spki[MLDSA_SPKI_BYTES], hash[32];
    assert_int_equal(mldsa_spki_write(key, spki), 0);
    assert_memory_equal(spki + 22,
                        "\x97\x92\xbc\xec\x2f\x24\x30\x68\x6a\x82\xfc\xcf\x3c\x2f\x5f\xf6", 16);
    assert_memory_equal(spki + MLDSA_SPKI_BYTES - 8, "\x31\x21\x2a\xec\xe0\xa3\x4a\x60", 8);
    digest_sha256_or_abort(spki, sizeof spki, hash);
    assert_memory_equal(hash,
                        "\x07\xe5\x7c\x4f\x14\xdb\xad\x12\x67\xf6\x21\xec\x37\x77\xb4\xe2"
                        "\xe6\xc4\xfb\xc4\xc2\x2f\xbb\x87\x51\x0f\xf8\xe0\xb3\xc6\xa6\x42",
                        32);
}

static void the_seed_comes_back(void **state)
{
    (void)state;
    struct sotto_secret back;
    assert_int_equal(mldsa_seed(key, &back), 0);
    assert_memory_equal(back.bytes, seed.bytes, 32);
}

static void spki_is_what_openssl_writes(void **state)
{
    (void)state;
    uint8_t spki[MLDSA_SPKI_BYTES];
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_int_equal(len, MLDSA_SPKI_BYTES);
    assert_int_equal(mldsa_spki_write(key, spki), 0);
    assert_memory_equal(spki, der, MLDSA_SPKI_BYTES);
    OPENSSL_free(der);

    EVP_PKEY *public = NULL;
    assert_int_equal(mldsa_spki_read(&public, spki, sizeof spki), 0);
    assert_int_equal(EVP_PKEY_eq(public, key), 1);
    struct sotto_secret none;
    assert_int_equal(mldsa_seed(public, &none), SOTTO_ECRYPTO);
    EVP_PKEY_free(public);
}

static void only_one_encoding_is_read(void **state)
{
    (void)state;
    uint8_t spki[MLDSA_SPKI_BYTES + 1] = {0};
    assert_int_equal(mldsa_spki_write(key, spki), 0);
    EVP_PKEY *public = NULL;
    assert_int_equal(mldsa_spki_read(&public, spki, MLDSA_SPKI_BYTES - 1), SOTTO_EPARSE);
    assert_int_equal(mldsa_spki_read(&public, spki, MLDSA_SPKI_BYTES + 1), SOTTO_EPARSE);
    assert_int_equal(mldsa_spki_read(&public, NULL, 0), SOTTO_EPARSE);
    for (size_t i = 0; i < 22; i++) {
        spki[i] ^= 1;
        assert_int_equal(mldsa_spki_read(&public, spki, MLDSA_SPKI_BYTES), SOTTO_EPARSE);
        spki[i] ^= 1;
    }
    assert_null(public);
    assert_int_equal(ERR_peek_error(), 0);
}

static void signatures(void **state)
{
    (void)state;
    uint8_t signature[MLDSA_SIGNATURE_BYTES + 1], second[MLDSA_SIGNATURE_BYTES];
    signature[MLDSA_SIGNATURE_BYTES] = 0xee;
    const uint8_t tbs[] = "what is signed";
    assert_int_equal(mldsa_sign(key, tbs, sizeof tbs, signature, MLDSA_SIGNATURE_BYTES - 1),
                     SOTTO_ESPACE);
    assert_int_equal(mldsa_sign(key, tbs, sizeof tbs, signature, sizeof signature),
                     MLDSA_SIGNATURE_BYTES);
    assert_int_equal(signature[MLDSA_SIGNATURE_BYTES], 0xee);
    size_t len = MLDSA_SIGNATURE_BYTES;
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, signature, len), 0);
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs - 1, signature, len), SOTTO_EAUTH);
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, signature, len - 1), SOTTO_EAUTH);
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, signature, len + 1), SOTTO_EAUTH);
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, NULL, 0), SOTTO_EAUTH);
    // Hedged: never the same twice.
    assert_int_equal(mldsa_sign(key, tbs, sizeof tbs, second, sizeof second), len);
    assert_memory_not_equal(signature, second, len);
    // Beginning, middle, hint.
    static const size_t places[] = {0, 63, 64, 2000, 4543, 4544, MLDSA_SIGNATURE_BYTES - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        signature[places[i]] ^= 1;
        assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, signature, len), SOTTO_EAUTH);
        signature[places[i]] ^= 1;
    }
    assert_int_equal(mldsa_verify(key, tbs, sizeof tbs, signature, len), 0);
    // TLS reads this queue after it: nothing may be left in it.
    assert_int_equal(ERR_peek_error(), 0);
}

static void another_key_does_not_verify(void **state)
{
    (void)state;
    uint8_t signature[MLDSA_SIGNATURE_BYTES];
    struct sotto_secret other_seed = seed;
    other_seed.bytes[31] ^= 1;
    EVP_PKEY *other = mldsa_from_seed(&other_seed);
    assert_non_null(other);
    assert_int_equal(mldsa_sign(other, (const uint8_t *)"x", 1, signature, sizeof signature),
                     MLDSA_SIGNATURE_BYTES);
    assert_int_equal(mldsa_verify(key, (const uint8_t *)"x", 1, signature, sizeof signature),
                     SOTTO_EAUTH);
    EVP_PKEY_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example),
        cmocka_unit_test(the_seed_comes_back),
        cmocka_unit_test(spki_is_what_openssl_writes),
        cmocka_unit_test(only_one_encoding_is_read),
        cmocka_unit_test(signatures),
        cmocka_unit_test(another_key_does_not_verify),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
