// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <string.h>

#include "engine/limiter.h"

#define S SOTTO_NS_PER_S

static void test_bucket_holds_its_burst_and_refills(void **state)
{
    (void)state;
    struct bucket b = {0};
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&b, 1, 5, S, 100 * S));
    assert_false(bucket_take(&b, 1, 5, S, 100 * S));
    assert_false(bucket_take(&b, 1, 5, S, 101 * S - 1));
    assert_true(bucket_take(&b, 1, 5, S, 101 * S));
    assert_false(bucket_take(&b, 1, 5, S, 101 * S));
    // Never more than full, however long it waits.
    assert_true(bucket_take(&b, 5, 5, S, 1000 * S));
    assert_false(bucket_take(&b, 1, 5, S, 1000 * S));
    assert_false(bucket_take(&b, 6, 5, S, 9000 * S));
}

static void test_charge_goes_into_debt(void **state)
{
    (void)state;
    struct bucket b = {0};
    assert_true(bucket_take(&b, 5, 5, S, 100 * S));
    bucket_charge(&b, 3, S, 100 * S);
    assert_false(bucket_take(&b, 1, 5, S, 103 * S));
    assert_true(bucket_take(&b, 1, 5, S, 104 * S));
}

static void test_keys_and_buckets_are_apart(void **state)
{
    (void)state;
    struct limiter l;
    assert_int_equal(limiter_init(&l, sotto_env_default()), 0);
    const uint8_t a[16] = {1}, b[16] = {2};
    for (int i = 0; i < 10; i++)
        assert_true(limiter_take(&l, a, 16, 0, 10, S));
    assert_false(limiter_take(&l, a, 16, 0, 10, S));
    assert_true(limiter_take(&l, a, 16, 1, 10, S));
    assert_true(limiter_take(&l, b, 16, 0, 10, S));
    limiter_charge(&l, b, 16, 0, 9, 10, S);
    assert_false(limiter_take(&l, b, 16, 0, 10, S));
    assert_true(limiter_take(&l, b, 16, 0, 10, 7 * S)); // 10 a minute: one each 6 s
    limiter_deinit(&l);
}

// A busy key is not pushed out by a few thousand others, and the table does not grow.
static void test_crowd_does_not_reset_an_active_key(void **state)
{
    (void)state;
    struct limiter l;
    assert_int_equal(limiter_init(&l, sotto_env_default()), 0);
    uint8_t mine[16] = {9}, other[16] = {0};
    sotto_ns now = S;
    unsigned passed = 0;
    for (uint32_t i = 1; i <= 20000; i++) {
        memcpy(other + 4, &i, sizeof i);
        limiter_take(&l, other, 16, 0, 10, ++now);
        passed += limiter_take(&l, mine, 16, 0, 10, ++now);
    }
    assert_int_equal(passed, 10);
    limiter_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_holds_its_burst_and_refills),
        cmocka_unit_test(test_charge_goes_into_debt),
        cmocka_unit_test(test_keys_and_buckets_are_apart),
        cmocka_unit_test(test_crowd_does_not_reset_an_active_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
