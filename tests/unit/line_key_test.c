// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

#include "test_env.h"

#define EXPORT_BYTES    72
#define PUBLIC_BYTES    2614
#define SIGNATURE_BYTES 4627

// Seed of RFC 9881 (appendix C); the SHA-256 of its SPKI computed with Python.
static const uint8_t known_export[EXPORT_BYTES] =
    "sottoln1"
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\x07\xe5\x7c\x4f\x14\xdb\xad\x12\x67\xf6\x21\xec\x37\x77\xb4\xe2"
    "\xe6\xc4\xfb\xc4\xc2\x2f\xbb\x87\x51\x0f\xf8\xe0\xb3\xc6\xa6\x42";

static struct test_env t;
static struct sotto_line_key *known;

static int import_known(void **state)
{
    (void)state;
    test_env_init(&t, 1);
    return sotto_line_key_import(&known, known_export, EXPORT_BYTES, &t.env);
}

static int free_known(void **state)
{
    (void)state;
    sotto_line_key_free(known);
    return t.live != 0;
}

static void a_known_key(void **state)
{
    (void)state;
    uint8_t id[SOTTO_LINE_ID_BYTES], id2[SOTTO_LINE_ID_BYTES], out[SOTTO_LINE_KEY_MAX_BYTES];
    uint8_t spki[SOTTO_LINE_PUBLIC_MAX_BYTES];
    sotto_line_key_id(known, id);
    assert_memory_equal(id, known_export + 40, 32);
    assert_int_equal(sotto_line_key_public(known, spki, sizeof spki), PUBLIC_BYTES);
    sotto_line_id_from_public(spki, PUBLIC_BYTES, id2);
    assert_memory_equal(id, id2, sizeof id);
    assert_int_equal(sotto_line_key_export(known, out, sizeof out), EXPORT_BYTES);
    assert_memory_equal(out, known_export, EXPORT_BYTES);
    assert_int_equal(sotto_line_key_export(known, out, EXPORT_BYTES - 1), SOTTO_ESPACE);
    assert_int_equal(sotto_line_key_public(known, spki, PUBLIC_BYTES - 1), SOTTO_ESPACE);
}

static void generated_keys_differ(void **state)
{
    (void)state;
    struct sotto_line_key *a = NULL, *b = NULL, *again = NULL;
    uint8_t id_a[32], id_b[32], id_again[32], out[EXPORT_BYTES];
    assert_int_equal(sotto_line_key_generate(&a, &t.env), 0);
    assert_int_equal(sotto_line_key_generate(&b, &t.env), 0);
    assert_int_equal(sotto_line_key_export(a, out, sizeof out), EXPORT_BYTES);
    assert_int_equal(sotto_line_key_import(&again, out, sizeof out, &t.env), 0);
    sotto_line_key_id(a, id_a);
    sotto_line_key_id(b, id_b);
    sotto_line_key_id(again, id_again);
    assert_memory_not_equal(id_a, id_b, 32);
    assert_memory_equal(id_a, id_again, 32);
    sotto_line_key_free(a);
    sotto_line_key_free(b);
    sotto_line_key_free(again);
    sotto_line_key_free(NULL);
}

static void what_is_signed_verifies(void **state)
{
    (void)state;
    uint8_t spki[PUBLIC_BYTES], signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    const uint8_t tbs[] = "login";
    assert_int_equal(sotto_line_key_public(known, spki, sizeof spki), PUBLIC_BYTES);
    assert_int_equal(sotto_line_key_sign(known, tbs, sizeof tbs, signature, SIGNATURE_BYTES - 1),
                     SOTTO_ESPACE);
    int len = sotto_line_key_sign(known, tbs, sizeof tbs, signature, sizeof signature);
    assert_int_equal(len, SIGNATURE_BYTES);
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs, signature, (size_t)len),
                     0);
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs - 1, signature,
                                       (size_t)len),
                     SOTTO_EAUTH);
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs, signature, 100),
                     SOTTO_EAUTH);
    signature[100] ^= 1;
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs, signature, (size_t)len),
                     SOTTO_EAUTH);
    signature[100] ^= 1;
    // Any 2592 bytes are some ML-DSA key, but not this one.
    spki[1000] ^= 1;
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs, signature, (size_t)len),
                     SOTTO_EAUTH);
    spki[1000] ^= 1;
    spki[5] ^= 1;
    assert_int_equal(sotto_line_verify(spki, sizeof spki, tbs, sizeof tbs, signature, (size_t)len),
                     SOTTO_EPARSE);
    assert_int_equal(sotto_line_verify(spki, 44, tbs, sizeof tbs, signature, (size_t)len),
                     SOTTO_EPARSE);
}

static void every_altered_byte_is_found(void **state)
{
    (void)state;
    struct sotto_line_key *k = NULL;
    uint8_t bad[EXPORT_BYTES + 1] = {0};
    for (size_t i = 0; i < EXPORT_BYTES; i++) {
        memcpy(bad, known_export, EXPORT_BYTES);
        bad[i] ^= 0x10;
        assert_int_equal(sotto_line_key_import(&k, bad, EXPORT_BYTES, &t.env), SOTTO_EPARSE);
    }
    memcpy(bad, known_export, EXPORT_BYTES);
    assert_int_equal(sotto_line_key_import(&k, bad, EXPORT_BYTES + 1, &t.env), SOTTO_EPARSE);
    assert_int_equal(sotto_line_key_import(&k, bad, EXPORT_BYTES - 1, &t.env), SOTTO_EPARSE);
    assert_int_equal(sotto_line_key_import(&k, NULL, 0, &t.env), SOTTO_EPARSE);
    assert_null(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_key),
        cmocka_unit_test(generated_keys_differ),
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(every_altered_byte_is_found),
    };
    return cmocka_run_group_tests(tests, import_known, free_known);
}
