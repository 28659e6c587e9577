// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/random.h"
#include "test_env.h"

#include <string.h>

static void values_stay_below_and_all_occur(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 42);
    unsigned seen[99] = {0};
    for (int i = 0; i < 99 * 200; i++) {
        uint32_t v = random_below(&t.env, 99);
        assert_in_range(v, 0, 98);
        seen[v]++;
    }
    // 200 expected each, standard deviation 14: eight of them on either side.
    for (size_t i = 0; i < 99; i++) {
        assert_in_range(seen[i], 88, 312);
    }
    assert_int_equal(random_below(&t.env, 1), 0);
}

// Returns prepared numbers.
static uint32_t script[4];
static size_t script_at;
static void scripted(void *buf, size_t len, void *user)
{
    (void)user;
    assert_int_equal(len, 4);
    memcpy(buf, &script[script_at++ % 4], 4);
}

static void biased_values_are_drawn_again(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    t.env.random = scripted;
    // 2^32 mod 3 = 1: one value, 0, is refused.
    memcpy(script, (uint32_t[]){0, 0, 5, 7}, sizeof script);
    script_at = 0;
    assert_int_equal(random_below(&t.env, 3), 2);
    assert_int_equal(script_at, 3);
    // A power of two refuses none.
    script_at = 0;
    assert_int_equal(random_below(&t.env, 2048), 0);
    assert_int_equal(script_at, 1);
    // 2^31 + 1 refuses what is below 2^31 - 1.
    memcpy(script, (uint32_t[]){0x7ffffffe, 0x7fffffff, 0, 0}, sizeof script);
    script_at = 0;
    assert_int_equal(random_below(&t.env, 0x80000001), 0x7fffffff);
    assert_int_equal(script_at, 2);
}

static void a_stuck_source_ends(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    t.env.random = scripted;
    memset(script, 0, sizeof script);
    script_at = 0;
    assert_in_range(random_below(&t.env, 3), 0, 2);
    assert_in_range(script_at, 2, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay_below_and_all_occur),
        cmocka_unit_test(biased_values_are_drawn_again),
        cmocka_unit_test(a_stuck_source_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
