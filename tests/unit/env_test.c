// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/base.h>
#include <string.h>

static void allocator_follows_the_contract(void **state)
{
    (void)state;
    const struct sotto_env *env = sotto_env_default();
    uint8_t *p = env->realloc(NULL, 10, env->user);
    assert_non_null(p);
    memset(p, 7, 10);
    p = env->realloc(p, 100000, env->user);
    assert_non_null(p);
    assert_int_equal(p[9], 7);
    assert_null(env->realloc(p, 0, env->user));
    assert_null(env->realloc(NULL, 0, env->user));
}

static void random_fills_every_byte(void **state)
{
    (void)state;
    const struct sotto_env *env = sotto_env_default();
    // Longer than one call of getentropy gives. Each byte must change in one of 64 drawings; that
    // an honest source fails this has a probability below 2^-500.
    static uint8_t seen[1000], buf[1000];
    for (int round = 0; round < 64; round++) {
        memset(buf, 0, sizeof buf);
        env->random(buf, sizeof buf, env->user);
        for (size_t i = 0; i < sizeof buf; i++) {
            seen[i] |= buf[i];
        }
    }
    assert_null(memchr(seen, 0, sizeof seen));
}

static void random_stays_inside(void **state)
{
    (void)state;
    const struct sotto_env *env = sotto_env_default();
    uint8_t buf[300];
    memset(buf, 0xaa, sizeof buf);
    for (int round = 0; round < 8; round++) {
        env->random(buf + 10, 257, env->user);
        env->random(buf, 0, env->user);
    }
    for (size_t i = 0; i < sizeof buf; i++) {
        if (i < 10 || i >= 267) {
            assert_int_equal(buf[i], 0xaa);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocator_follows_the_contract),
        cmocka_unit_test(random_fills_every_byte),
        cmocka_unit_test(random_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
