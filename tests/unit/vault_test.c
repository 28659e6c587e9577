// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

#include "test_env.h"

#define HEADER SOTTO_VAULT_HEADER_BYTES

// The least cost a passphrase may have: tests have no secrets.
static const struct sotto_vault_cost cheap = {SOTTO_VAULT_MEMORY_MIN_KIB, 1};

// Master key a0..bf under "correct horse" (8 MiB, 2 passes, salt 10..1f, nonce 50..5b), and under
// the master key "hello book" named "book.db" (nonce 00..0b); both made with Python's cryptography
// module.
static const uint8_t known_header[HEADER] =
    "sottov1\x00\x00\x00\x00\x01\x00\x00\x20\x00\x00\x00\x00\x02\x00\x00\x00\x01"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\x50\x51\x52\x53\x54\x55\x56\x57\x58\x59\x5a\x5b"
    "\x65\x49\x30\x9e\x90\xd8\x9e\x39\x3c\x68\xef\x04\xe3\x2b\x84\xee"
    "\xff\xba\x30\x6f\x95\x35\xd8\x73\x46\x6a\x45\x11\x59\xdb\x70\x4c"
    "\x18\x4e\x2e\x11\x5b\x6e\x96\xf4\xec\xd6\xd1\x0d\x37\x6c\xf2\xee";
static const uint8_t known_blob[38] =
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"
    "\x56\x89\xa5\x1b\x92\x32\xd8\x9a\xa1\x05"
    "\xe1\xad\xed\xba\xbf\x03\xd9\x3a\xa9\x2b\xe0\x88\x95\xc7\x91\x0e";

static void a_known_vault(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER], out[10];
    test_env_init(&t, 1);
    memcpy(header, known_header, HEADER);
    assert_int_equal(sotto_vault_open(&v, "correct horse", header, &t.env), 0);
    assert_int_equal(sotto_vault_open_blob(v, "book.db", 7, known_blob, sizeof known_blob, out, 10),
                     10);
    assert_memory_equal(out, "hello book", 10);
    sotto_vault_free(v);
    assert_int_equal(t.live, 0);
}

static void created_and_opened(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *a = NULL, *b = NULL;
    uint8_t header[HEADER], sealed[64], out[64];
    test_env_init(&t, 2);
    assert_int_equal(sotto_vault_create(&a, "open sesame", &cheap, header, &t.env), 0);
    assert_true(sotto_vault_header_has_passphrase(header));
    int len = sotto_vault_seal(a, "n", 1, (const uint8_t *)"secret", 6, sealed, sizeof sealed);
    assert_int_equal(len, 6 + SOTTO_VAULT_OVERHEAD_BYTES);
    assert_null(memmem(sealed, (size_t)len, "secret", 6));

    assert_int_equal(sotto_vault_open(&b, "open sesame", header, &t.env), 0);
    assert_int_equal(sotto_vault_open_blob(b, "n", 1, sealed, (size_t)len, out, sizeof out), 6);
    assert_memory_equal(out, "secret", 6);
    sotto_vault_free(b);
    b = NULL;
    assert_int_equal(sotto_vault_open(&b, "open sesamf", header, &t.env), SOTTO_EPASSPHRASE);
    assert_int_equal(sotto_vault_open(&b, "", header, &t.env), SOTTO_EPASSPHRASE);
    assert_int_equal(sotto_vault_open(&b, NULL, header, &t.env), SOTTO_EPASSPHRASE);
    assert_null(b);
    sotto_vault_free(a);
    sotto_vault_free(NULL);
    assert_int_equal(t.live, 0);
}

static void without_a_passphrase(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER];
    test_env_init(&t, 3);
    assert_int_equal(sotto_vault_create(&v, NULL, NULL, header, &t.env), 0);
    assert_false(sotto_vault_header_has_passphrase(header));
    // Costs nothing, and says so: 8 KiB, one pass.
    assert_memory_equal(header + 8, "\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x01", 12);
    sotto_vault_free(v);
    assert_int_equal(sotto_vault_open(&v, NULL, header, &t.env), 0);
    sotto_vault_free(v);
    assert_int_equal(sotto_vault_open(&v, "", header, &t.env), 0);
    sotto_vault_free(v);
    v = NULL;
    assert_int_equal(sotto_vault_open(&v, "surprise", header, &t.env), SOTTO_EPASSPHRASE);
    assert_null(v);
    // "" is the same as none.
    assert_int_equal(sotto_vault_create(&v, "", &cheap, header, &t.env), 0);
    assert_false(sotto_vault_header_has_passphrase(header));
    sotto_vault_free(v);
    assert_int_equal(t.live, 0);
}

static void the_default_cost(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER];
    test_env_init(&t, 4);
    assert_int_equal(sotto_vault_create(&v, "x", NULL, header, &t.env), 0);
    assert_memory_equal(header + 12, "\x00\x01\x00\x00\x00\x00\x00\x03", 8);
    sotto_vault_free(v);
}

static void no_two_headers_are_alike(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL, *old = NULL;
    uint8_t header[HEADER], rewrapped[HEADER], sealed[64], out[64];
    test_env_init(&t, 5);
    assert_int_equal(sotto_vault_create(&v, "old", &cheap, header, &t.env), 0);
    int len = sotto_vault_seal(v, "n", 1, (const uint8_t *)"kept", 4, sealed, sizeof sealed);
    assert_int_equal(sotto_vault_rewrap(v, "new", &cheap, rewrapped), 0);
    assert_memory_not_equal(header + 24, rewrapped + 24, 16);
    assert_memory_not_equal(header + 40, rewrapped + 40, 12);
    assert_memory_not_equal(header + 52, rewrapped + 52, 48);
    sotto_vault_free(v);
    v = NULL;
    assert_int_equal(sotto_vault_open(&v, "old", rewrapped, &t.env), SOTTO_EPASSPHRASE);
    assert_int_equal(sotto_vault_open(&v, "new", rewrapped, &t.env), 0);
    assert_int_equal(sotto_vault_open_blob(v, "n", 1, sealed, (size_t)len, out, sizeof out), 4);
    // Until it is destroyed, the old header opens the same vault.
    assert_int_equal(sotto_vault_open(&old, "old", header, &t.env), 0);
    assert_int_equal(sotto_vault_open_blob(old, "n", 1, sealed, (size_t)len, out, sizeof out), 4);
    // Without a passphrase from now on.
    assert_int_equal(sotto_vault_rewrap(v, NULL, NULL, rewrapped), 0);
    assert_false(sotto_vault_header_has_passphrase(rewrapped));
    sotto_vault_free(old);
    sotto_vault_free(v);
    assert_int_equal(t.live, 0);
}

static void costs_are_bounded_when_made(void **state)
{
    (void)state;
    static const struct sotto_vault_cost bad[] = {
        {SOTTO_VAULT_MEMORY_MIN_KIB - 1, 3},
        {SOTTO_VAULT_MEMORY_MAX_KIB + 1, 1},
        {UINT32_MAX, 1},
        {0, 0},
        {SOTTO_VAULT_MEMORY_MIN_KIB, 0},
        {SOTTO_VAULT_MEMORY_MIN_KIB, SOTTO_VAULT_PASSES_MAX + 1},
    };
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER];
    test_env_init(&t, 6);
    memset(header, 0x66, sizeof header);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sotto_vault_create(&v, "x", &bad[i], header, &t.env), SOTTO_EINVAL);
    }
    for (size_t i = 0; i < sizeof header; i++) {
        assert_int_equal(header[i], 0x66);
    }
    assert_null(v);
    assert_int_equal(t.live, 0);
}

static void passphrases_are_bounded(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER];
    char passphrase[SOTTO_VAULT_PASSPHRASE_MAX_BYTES + 2];
    test_env_init(&t, 7);
    memset(passphrase, 'p', sizeof passphrase);
    passphrase[SOTTO_VAULT_PASSPHRASE_MAX_BYTES + 1] = '\0';
    assert_int_equal(sotto_vault_create(&v, passphrase, &cheap, header, &t.env), SOTTO_EINVAL);
    passphrase[SOTTO_VAULT_PASSPHRASE_MAX_BYTES] = '\0';
    assert_int_equal(sotto_vault_create(&v, passphrase, &cheap, header, &t.env), 0);
    sotto_vault_free(v);
    assert_int_equal(sotto_vault_open(&v, passphrase, header, &t.env), 0);
    sotto_vault_free(v);
    v = NULL;
    passphrase[SOTTO_VAULT_PASSPHRASE_MAX_BYTES] = 'p';
    assert_int_equal(sotto_vault_open(&v, passphrase, header, &t.env), SOTTO_EPASSPHRASE);
    assert_null(v);
}

static void put_u32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

static void expect_open(const uint8_t header[HEADER], int expected)
{
    struct test_env t;
    struct sotto_vault *v = NULL;
    test_env_init(&t, 8);
    assert_int_equal(sotto_vault_open(&v, "correct horse", header, &t.env), expected);
    assert_null(v);
    assert_int_equal(t.live, 0);
}

// Without computing anything: these would take hours or all memory.
static void a_hostile_header_costs_nothing(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
    } bad[] = {
        {8, 3},                               // unknown flag
        {8, 0},                               // "no passphrase" at another cost
        {12, SOTTO_VAULT_MEMORY_MAX_KIB + 1}, // memory
        {12, UINT32_MAX},
        {12, SOTTO_VAULT_MEMORY_MIN_KIB - 1},
        {12, 0},
        {16, SOTTO_VAULT_PASSES_MAX + 1}, // passes
        {16, UINT32_MAX},
        {16, 0},
        {20, 0}, // lanes
        {20, 2},
        {20, UINT32_MAX},
    };
    uint8_t header[HEADER];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(header, known_header, HEADER);
        put_u32(header + bad[i].at, bad[i].value);
        expect_open(header, SOTTO_EPARSE);
        assert_false(sotto_vault_header_has_passphrase(header));
    }
}

static void what_is_no_header(void **state)
{
    (void)state;
    uint8_t header[HEADER] = {0};
    expect_open(header, SOTTO_EPARSE);
    for (size_t i = 0; i < HEADER; i++) {
        if (i < 8 || i >= 100) { // magic, zeros
            memcpy(header, known_header, HEADER);
            header[i] ^= 1;
            expect_open(header, SOTTO_EPARSE);
        }
    }
}

static void altered_parameters_do_not_open(void **state)
{
    (void)state;
    uint8_t header[HEADER];
    // Within the bounds, but not what it was made with: passes, memory, salt, nonce, key, tag.
    static const size_t places[] = {19, 14, 24, 39, 40, 51, 52, 83, 84, 99};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        memcpy(header, known_header, HEADER);
        header[places[i]] ^= 1;
        expect_open(header, SOTTO_EPASSPHRASE);
    }
}

static void blobs_belong_to_their_name(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER], sealed[40], out[12];
    test_env_init(&t, 9);
    assert_int_equal(sotto_vault_create(&v, NULL, NULL, header, &t.env), 0);
    assert_int_equal(sotto_vault_seal(v, "identity", 8, (const uint8_t *)"0123456789ab", 12, sealed,
                                      39),
                     SOTTO_ESPACE);
    assert_int_equal(sotto_vault_seal(v, "identity", 8, (const uint8_t *)"0123456789ab", 12, sealed,
                                      40),
                     40);
    assert_int_equal(sotto_vault_open_blob(v, "identity", 8, sealed, 40, out, 11), SOTTO_ESPACE);
    assert_int_equal(sotto_vault_open_blob(v, "identity", 8, sealed, 40, out, 12), 12);
    assert_memory_equal(out, "0123456789ab", 12);
    assert_int_equal(sotto_vault_open_blob(v, "identitx", 8, sealed, 40, out, 12), SOTTO_EAUTH);
    assert_int_equal(sotto_vault_open_blob(v, "identity", 7, sealed, 40, out, 12), SOTTO_EAUTH);
    assert_int_equal(sotto_vault_open_blob(v, "", 0, sealed, 40, out, 12), SOTTO_EAUTH);
    for (size_t bit = 0; bit < 8 * 40; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sotto_vault_open_blob(v, "identity", 8, sealed, 40, out, 12), SOTTO_EAUTH);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < 40; len++) {
        assert_int_equal(sotto_vault_open_blob(v, "identity", 8, sealed, len, out, 12),
                         SOTTO_EAUTH);
    }
    sotto_vault_free(v);
}

static void nonces_do_not_repeat(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER], sealed[2][SOTTO_VAULT_OVERHEAD_BYTES];
    test_env_init(&t, 10);
    assert_int_equal(sotto_vault_create(&v, NULL, NULL, header, &t.env), 0);
    assert_int_equal(sotto_vault_seal(v, NULL, 0, NULL, 0, sealed[0], 28), 28);
    assert_int_equal(sotto_vault_seal(v, NULL, 0, NULL, 0, sealed[1], 28), 28);
    assert_memory_not_equal(sealed[0], sealed[1], 12);
    assert_int_equal(sotto_vault_open_blob(v, NULL, 0, sealed[0], 28, NULL, 0), 0);
    sotto_vault_free(v);
}

static void blobs_are_bounded(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_vault *v = NULL;
    uint8_t header[HEADER], byte = 0;
    test_env_init(&t, 11);
    assert_int_equal(sotto_vault_create(&v, NULL, NULL, header, &t.env), 0);
    assert_int_equal(sotto_vault_seal(v, "n", 1, &byte, SOTTO_VAULT_BLOB_MAX_BYTES + 1, &byte,
                                      SIZE_MAX),
                     SOTTO_ELIMIT);
    assert_int_equal(sotto_vault_seal(v, "n", 1, &byte, SIZE_MAX, &byte, SIZE_MAX), SOTTO_ELIMIT);
    assert_int_equal(sotto_vault_open_blob(v, "n", 1, &byte, SIZE_MAX, &byte, SIZE_MAX),
                     SOTTO_EAUTH);
    sotto_vault_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_vault),
        cmocka_unit_test(created_and_opened),
        cmocka_unit_test(without_a_passphrase),
        cmocka_unit_test(the_default_cost),
        cmocka_unit_test(no_two_headers_are_alike),
        cmocka_unit_test(costs_are_bounded_when_made),
        cmocka_unit_test(passphrases_are_bounded),
        cmocka_unit_test(a_hostile_header_costs_nothing),
        cmocka_unit_test(what_is_no_header),
        cmocka_unit_test(altered_parameters_do_not_open),
        cmocka_unit_test(blobs_belong_to_their_name),
        cmocka_unit_test(nonces_do_not_repeat),
        cmocka_unit_test(blobs_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
