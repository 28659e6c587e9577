// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/argon2id.h"

#include <string.h>

// From the reference implementation's own tests (phc-winner-argon2, src/test.c, Argon2id v=0x13,
// one lane).
static const struct {
    uint32_t memory_kib, passes;
    const char *passphrase, *salt, *expected;
} vectors[] = {
    {256, 2, "password", "somesalt",
     "\x9d\xfe\xb9\x10\xe8\x0b\xad\x03\x11\xfe\xe2\x0f\x9c\x0e\x2b\x12"
     "\xc1\x79\x87\xb4\xca\xc9\x0c\x2e\xf5\x4d\x5b\x30\x21\xc6\x8b\xfe"},
    {65536, 2, "password", "somesalt",
     "\x09\x31\x61\x15\xd5\xcf\x24\xed\x5a\x15\xa3\x1a\x3b\xa3\x26\xe5"
     "\xcf\x32\xed\xc2\x47\x02\x98\x7c\x02\xb6\x56\x6f\x61\x91\x3c\xf7"},
    {65536, 2, "differentpassword", "somesalt",
     "\x0b\x84\xd6\x52\xcf\x6b\x0c\x4b\xea\xef\x0d\xfe\x27\x8b\xa6\xa8"
     "\x0d\xf6\x69\x62\x81\xd7\xe0\xd2\x89\x1b\x81\x7d\x8c\x45\x8f\xde"},
    {65536, 2, "password", "diffsalt",
     "\xbd\xf3\x2b\x05\xcc\xc4\x2e\xb1\x5d\x58\xfd\x19\xb1\xf8\x56\xb1"
     "\x13\xda\x1e\x9a\x58\x74\xfd\xcc\x54\x43\x08\x56\x5a\xa8\x14\x1c"},
};

static void reference_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct sotto_vault_cost cost = {vectors[i].memory_kib, vectors[i].passes};
        struct sotto_secret out;
        assert_int_equal(argon2id(&out, vectors[i].passphrase, (const uint8_t *)vectors[i].salt, 8,
                                  &cost),
                         0);
        assert_memory_equal(out.bytes, vectors[i].expected, 32);
    }
}

static void the_least_cost_and_no_passphrase(void **state)
{
    (void)state;
    struct sotto_vault_cost cost = {ARGON2ID_MEMORY_MIN_KIB, 1};
    struct sotto_secret empty = {{0}}, other = {{0}};
    assert_int_equal(argon2id(&empty, "", (const uint8_t *)"0123456789abcdef", 16, &cost), 0);
    assert_int_equal(argon2id(&other, " ", (const uint8_t *)"0123456789abcdef", 16, &cost), 0);
    assert_memory_not_equal(empty.bytes, other.bytes, 32);
}

static void what_cannot_be_done_changes_nothing(void **state)
{
    (void)state;
    struct sotto_secret out, before;
    memset(&out, 0x77, sizeof out);
    before = out;
    struct sotto_vault_cost cost = {ARGON2ID_MEMORY_MIN_KIB - 1, 1};
    assert_int_equal(argon2id(&out, "", (const uint8_t *)"somesalt", 8, &cost), SOTTO_ENOMEM);
    assert_memory_equal(&out, &before, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(the_least_cost_and_no_passphrase),
        cmocka_unit_test(what_cannot_be_done_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
