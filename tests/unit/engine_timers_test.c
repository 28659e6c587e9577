// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <stdlib.h>

#include "engine/timers.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void test_earliest_comes_first_whatever_was_moved(void **state)
{
    (void)state;
    enum {
        TIMERS = 300
    };
    static struct timer timers[TIMERS];
    struct timers t;
    uint32_t seed = 1;
    timers_init(&t, sotto_env_default());
    assert_null(timers_first(&t));
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(timers_reserve(&t), 0);
    for (int i = 0; i < 5000; i++) {
        struct timer *timer = &timers[next_random(&seed) % TIMERS];
        if (next_random(&seed) % 4 == 0)
            timers_cancel(&t, timer);
        else
            timers_set(&t, timer, next_random(&seed) % 1000);
        const struct timer *first = timers_first(&t);
        sotto_ns least = SOTTO_NEVER;
        for (int j = 0; j < TIMERS; j++)
            if (timers[j].at != 0 && timers[j].due_ns < least)
                least = timers[j].due_ns;
        assert_true(first == NULL ? least == SOTTO_NEVER : first->due_ns == least);
    }
    sotto_ns last = 0;
    struct timer *first;
    while ((first = timers_first(&t)) != NULL) {
        assert_true(first->due_ns >= last);
        last = first->due_ns;
        timers_cancel(&t, first);
        assert_int_equal(first->at, 0);
    }
    timers_deinit(&t);
}

static void *no_memory(void *ptr, size_t size, void *user)
{
    (void)user;
    if (size == 0)
        free(ptr);
    return NULL;
}

static void test_reserving_can_fail_setting_cannot(void **state)
{
    (void)state;
    const struct sotto_env env = {.realloc = no_memory};
    struct timers t;
    timers_init(&t, &env);
    assert_int_equal(timers_reserve(&t), SOTTO_ENOMEM);
    assert_int_equal(t.reserved, 0);
    t.env = sotto_env_default();
    for (int i = 0; i < 64; i++)
        assert_int_equal(timers_reserve(&t), 0);
    t.env = &env;
    assert_int_equal(timers_reserve(&t), SOTTO_ENOMEM); // the heap stays as it was
    timers_release(&t);
    assert_int_equal(timers_reserve(&t), 0);
    t.env = sotto_env_default();
    timers_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_earliest_comes_first_whatever_was_moved),
        cmocka_unit_test(test_reserving_can_fail_setting_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
