// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/keys.h"
#include "test_env.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#define EXPORT_BYTES 104

// ML-DSA-87 seed of RFC 9881 (appendix C), Ed25519 seed of RFC 8032 §7.1 test 1; the fingerprint
// over both public keys computed with Python's cryptography and hashlib modules.
static const uint8_t known_export[EXPORT_BYTES] =
    "sottoid1"
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4"
    "\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60"
    "\x8b\xca\x58\x75\x7e\x6c\xf7\x0c\xa2\x62\x3b\x35\x18\x5b\xe2\x5b"
    "\x86\x74\x8b\xef\x09\xb7\xf1\x61\xb3\xfc\xca\xfa\x10\xd7\x6b\xbc";

static void a_known_identity(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_identity *id = NULL;
    struct sotto_fingerprint fp;
    uint8_t spki[IDENTITY_ED25519_SPKI_BYTES], out[EXPORT_BYTES];
    test_env_init(&t, 1);
    assert_int_equal(sotto_identity_import(&id, known_export, EXPORT_BYTES, &t.env), 0);
    sotto_identity_fingerprint(id, &fp);
    assert_memory_equal(fp.bytes, known_export + 72, 32);
    assert_int_equal(identity_ed25519_spki(identity_ed25519(id), spki), 0);
    assert_memory_equal(spki + 12,
                        "\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a"
                        "\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a",
                        32);
    assert_int_equal(sotto_identity_export(id, out, sizeof out), EXPORT_BYTES);
    assert_memory_equal(out, known_export, EXPORT_BYTES);
    sotto_identity_free(id);
    assert_int_equal(t.live, 0);
    assert_int_equal(t.drawn, 0);
}

static void generated_exported_imported(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_identity *a = NULL, *b = NULL;
    struct sotto_fingerprint fa, fb;
    uint8_t out[SOTTO_IDENTITY_MAX_BYTES];
    test_env_init(&t, 5);
    assert_int_equal(sotto_identity_generate(&a, &t.env), 0);
    int len = sotto_identity_export(a, out, sizeof out);
    assert_int_equal(len, EXPORT_BYTES);
    assert_int_equal(sotto_identity_import(&b, out, (size_t)len, &t.env), 0);
    sotto_identity_fingerprint(a, &fa);
    sotto_identity_fingerprint(b, &fb);
    assert_true(sotto_fingerprint_equal(&fa, &fb));
    assert_int_equal(EVP_PKEY_eq(identity_mldsa(a), identity_mldsa(b)), 1);
    assert_int_equal(EVP_PKEY_eq(identity_ed25519(a), identity_ed25519(b)), 1);
    sotto_identity_free(a);
    sotto_identity_free(b);
    sotto_identity_free(NULL);
    assert_int_equal(t.live, 0);
}

static void the_injected_randomness_decides(void **state)
{
    (void)state;
    struct sotto_fingerprint fp[3];
    for (uint64_t i = 0; i < 3; i++) {
        struct test_env t;
        struct sotto_identity *id = NULL;
        test_env_init(&t, i / 2);
        assert_int_equal(sotto_identity_generate(&id, &t.env), 0);
        assert_int_equal(t.drawn, 64);
        sotto_identity_fingerprint(id, &fp[i]);
        sotto_identity_free(id);
    }
    assert_true(sotto_fingerprint_equal(&fp[0], &fp[1]));
    assert_false(sotto_fingerprint_equal(&fp[0], &fp[2]));
}

static void spki_is_what_openssl_writes(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_identity *id = NULL;
    struct sotto_fingerprint fp, from_keys;
    uint8_t mldsa[IDENTITY_MLDSA_SPKI_BYTES], ed25519[IDENTITY_ED25519_SPKI_BYTES];
    uint8_t *der = NULL;
    test_env_init(&t, 6);
    assert_int_equal(sotto_identity_generate(&id, &t.env), 0);
    assert_int_equal(identity_mldsa_spki(identity_mldsa(id), mldsa), 0);
    assert_int_equal(i2d_PUBKEY(identity_mldsa(id), &der), sizeof mldsa);
    assert_memory_equal(mldsa, der, sizeof mldsa);
    OPENSSL_free(der);
    der = NULL;
    assert_int_equal(identity_ed25519_spki(identity_ed25519(id), ed25519), 0);
    assert_int_equal(i2d_PUBKEY(identity_ed25519(id), &der), sizeof ed25519);
    assert_memory_equal(ed25519, der, sizeof ed25519);
    OPENSSL_free(der);

    sotto_identity_fingerprint(id, &fp);
    assert_int_equal(sotto_fingerprint_from_keys(&from_keys, mldsa, sizeof mldsa, ed25519,
                                                 sizeof ed25519),
                     0);
    assert_true(sotto_fingerprint_equal(&fp, &from_keys));
    // The wrong kind of key is not written as if it were the right one.
    assert_int_equal(identity_mldsa_spki(identity_ed25519(id), mldsa), SOTTO_ECRYPTO);
    assert_int_equal(identity_ed25519_spki(identity_mldsa(id), ed25519), SOTTO_ECRYPTO);
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_non_null(x25519);
    assert_int_equal(identity_ed25519_spki(x25519, ed25519), SOTTO_ECRYPTO);
    EVP_PKEY_free(x25519);
    sotto_identity_free(id);
}

static void every_altered_byte_is_found(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_identity *id = NULL;
    uint8_t bad[EXPORT_BYTES + 1] = {0};
    test_env_init(&t, 1);
    for (size_t i = 0; i < EXPORT_BYTES; i++) {
        memcpy(bad, known_export, EXPORT_BYTES);
        bad[i] ^= 0x10;
        assert_int_equal(sotto_identity_import(&id, bad, EXPORT_BYTES, &t.env), SOTTO_EPARSE);
    }
    memcpy(bad, known_export, EXPORT_BYTES);
    assert_int_equal(sotto_identity_import(&id, bad, EXPORT_BYTES + 1, &t.env), SOTTO_EPARSE);
    for (size_t len = 0; len < EXPORT_BYTES; len++) {
        assert_int_equal(sotto_identity_import(&id, bad, len, &t.env), SOTTO_EPARSE);
    }
    assert_null(id);
    assert_int_equal(t.live, 0);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_small_buffer_is_left_alone(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_identity *id = NULL;
    uint8_t out[EXPORT_BYTES];
    memset(out, 0xee, sizeof out);
    test_env_init(&t, 1);
    assert_int_equal(sotto_identity_import(&id, known_export, EXPORT_BYTES, &t.env), 0);
    assert_int_equal(sotto_identity_export(id, out, EXPORT_BYTES - 1), SOTTO_ESPACE);
    assert_int_equal(out[0], 0xee);
    sotto_identity_free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_identity),
        cmocka_unit_test(generated_exported_imported),
        cmocka_unit_test(the_injected_randomness_decides),
        cmocka_unit_test(spki_is_what_openssl_writes),
        cmocka_unit_test(every_altered_byte_is_found),
        cmocka_unit_test(a_small_buffer_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
