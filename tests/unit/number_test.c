// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

#include "test_env.h"

static void a_fresh_number(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_number n, other;
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    test_env_init(&t, 3);
    assert_int_equal(sotto_number_init(&n, "Angela", 1700000000, &t.env), 0);
    assert_int_equal(t.drawn, SOTTO_TOKEN_BYTES + SOTTO_SECRET_BYTES);
    assert_int_equal(n.state, SOTTO_NUMBER_FRESH);
    assert_string_equal(n.label, "Angela");
    assert_true(n.created_unix_s == 1700000000);
    assert_true(n.expires_unix_s == 0 && n.last_used_unix_s == 0 && n.leaked_unix_s == 0);
    assert_true(n.calls_max == SOTTO_CALLS_UNLIMITED);
    assert_int_equal(n.calls_used + n.leaks, 0);
    assert_false(n.was_bound || n.verified);
    sotto_token_hash(n.token, hash);
    assert_memory_equal(n.token_hash, hash, sizeof hash);
    assert_int_equal(sotto_number_check(&n, 0), 0);
    assert_int_equal(sotto_number_check(&n, INT64_MAX), 0);

    assert_int_equal(sotto_number_init(&other, "Angela", 1700000000, &t.env), 0);
    assert_memory_not_equal(n.token, other.token, sizeof n.token);
    assert_memory_not_equal(n.secret.bytes, other.secret.bytes, sizeof n.secret.bytes);
}

static void a_bad_label_makes_none(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_number n, before;
    test_env_init(&t, 3);
    memset(&n, 0x33, sizeof n);
    memcpy(&before, &n, sizeof before);
    assert_int_equal(sotto_number_init(&n, "", 0, &t.env), SOTTO_EINVAL);
    assert_int_equal(sotto_number_init(&n, "a\nb", 0, &t.env), SOTTO_EINVAL);
    assert_memory_equal(&n, &before, sizeof n);
    assert_int_equal(t.drawn, 0);
}

static void terms(void **state)
{
    (void)state;
    struct test_env t;
    struct sotto_number n;
    test_env_init(&t, 3);
    assert_int_equal(sotto_number_init(&n, "Angela", 1000, &t.env), 0);
    n.expires_unix_s = 2000;
    assert_int_equal(sotto_number_check(&n, 1999), 0);
    assert_int_equal(sotto_number_check(&n, 2000), SOTTO_EEXPIRED);
    n.calls_max = 2;
    n.calls_used = 1;
    assert_int_equal(sotto_number_check(&n, 1999), 0);
    n.calls_used = 2;
    assert_int_equal(sotto_number_check(&n, 1999), SOTTO_EUSEDUP);
    n.calls_used = 3;
    assert_int_equal(sotto_number_check(&n, 1999), SOTTO_EUSEDUP);
    n.calls_max = 0;
    n.calls_used = 0;
    assert_int_equal(sotto_number_check(&n, 1999), SOTTO_EUSEDUP);
    n.calls_max = n.calls_used = SOTTO_CALLS_UNLIMITED;
    assert_int_equal(sotto_number_check(&n, 1999), 0);
    n.state = SOTTO_NUMBER_BOUND;
    assert_int_equal(sotto_number_check(&n, 1999), 0);
    n.state = SOTTO_NUMBER_REVOKED;
    assert_int_equal(sotto_number_check(&n, 1999), SOTTO_EREVOKED);
    assert_int_equal(sotto_number_check(&n, 3000), SOTTO_EREVOKED);
}

static void the_relay_knows_the_sha256_of_the_token(void **state)
{
    (void)state;
    uint8_t token[SOTTO_TOKEN_BYTES], hash[SOTTO_TOKEN_HASH_BYTES];
    for (uint8_t i = 0; i < sizeof token; i++) {
        token[i] = i;
    }
    sotto_token_hash(token, hash);
    assert_memory_equal(hash,
                        "\xbe\x45\xcb\x26\x05\xbf\x36\xbe\xbd\xe6\x84\x84\x1a\x28\xf0\xfd"
                        "\x43\xc6\x98\x50\xa3\xdc\xe5\xfe\xdb\xa6\x99\x28\xee\x3a\x89\x91",
                        sizeof hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_number),
        cmocka_unit_test(a_bad_label_makes_none),
        cmocka_unit_test(terms),
        cmocka_unit_test(the_relay_knows_the_sha256_of_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
