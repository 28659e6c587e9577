// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/mem.h"
#include "test_env.h"

#include <string.h>

static void memory_is_zeroed_and_counted(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    uint8_t *p = mem_alloc(&t.env, 64);
    assert_non_null(p);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(p[i], 0);
    }
    uint32_t *array = mem_alloc_array(&t.env, 10, sizeof *array);
    assert_non_null(array);
    assert_int_equal(array[9], 0);
    assert_int_equal(t.live, 2);
    mem_free(&t.env, p);
    mem_free(&t.env, array);
    mem_free(&t.env, NULL);
    assert_int_equal(t.live, 0);
}

static void zero_bytes_are_not_a_failure(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    void *p = mem_alloc(&t.env, 0);
    void *q = mem_dup(&t.env, NULL, 0);
    assert_non_null(p);
    assert_non_null(q);
    mem_free(&t.env, p);
    mem_free(&t.env, q);
    assert_int_equal(t.live, 0);
}

static void an_array_does_not_overflow(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    assert_null(mem_alloc_array(&t.env, SIZE_MAX / 2 + 1, 2));
    assert_null(mem_alloc_array(&t.env, 2, SIZE_MAX));
    assert_int_equal(t.calls, 0);
}

static void dup_copies(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    char *copy = mem_dup(&t.env, "sotto", 6);
    assert_string_equal(copy, "sotto");
    mem_free_secret(&t.env, copy, 6);
    mem_free_secret(&t.env, NULL, 6);
    assert_int_equal(t.live, 0);
}

static uint8_t *freed;
static uint8_t freed_bytes[8];
static void *spying_realloc(void *ptr, size_t size, void *user)
{
    if (size == 0 && ptr != NULL && ptr == freed) {
        memcpy(freed_bytes, ptr, sizeof freed_bytes);
    }
    return test_env_realloc(ptr, size, user);
}

static void a_secret_is_wiped_before_it_is_freed(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    t.env.realloc = spying_realloc;
    static const uint8_t zeros[8];
    freed = mem_dup(&t.env, "secret!", 8);
    memset(freed_bytes, 1, sizeof freed_bytes);
    mem_free_secret(&t.env, freed, 8);
    assert_memory_equal(freed_bytes, zeros, 8);
}

static void lack_of_memory_is_null(void **state)
{
    (void)state;
    struct test_env t;
    test_env_init(&t, 1);
    t.fail_at = 1;
    assert_null(mem_alloc(&t.env, 1));
    t.calls = 0;
    assert_null(mem_alloc_array(&t.env, 1, 1));
    t.calls = 0;
    assert_null(mem_dup(&t.env, "x", 1));
    assert_int_equal(t.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_counted),
        cmocka_unit_test(zero_bytes_are_not_a_failure),
        cmocka_unit_test(an_array_does_not_overflow),
        cmocka_unit_test(dup_copies),
        cmocka_unit_test(a_secret_is_wiped_before_it_is_freed),
        cmocka_unit_test(lack_of_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
