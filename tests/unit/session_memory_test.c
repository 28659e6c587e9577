// SPDX-License-Identifier: Apache-2.0
// Memory runs out at every place in turn: inside OpenSSL and in our allocator. A session may then
// fail, and must not crash, leak, or come to CONFIRMED on one side with anything missing.
#include "session_pair.h"

#include <openssl/crypto.h>

static size_t allocations; // since the count was last reset
static size_t fail_at;     // 0: never; fails once
static bool armed;

static bool fails(void)
{
    return armed && ++allocations == fail_at;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : malloc(size);
}

static void *crypto_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : realloc(ptr, size);
}

static void crypto_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    free(ptr);
}

static void *env_realloc(void *ptr, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return fails() ? NULL : realloc(ptr, size);
}

// As far as it goes; the number of flights delivered well, and whether both ends agree.
static int run_as_far_as_it_goes(void)
{
    struct sotto_env env = *sotto_env_default();
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct pair p = {NULL, NULL};
    struct flight *f = flight_new();
    int i = 0;
    env.realloc = env_realloc;
    if (sotto_session_new(&p.caller, &a, &env, 0) != 0 ||
        sotto_session_new(&p.callee, &b, &env, 0) != 0) {
        goto done;
    }
    for (; i < PAIR_FLIGHTS; i++) {
        if (i >= 3 && sotto_session_confirm(sender_of(&p, i), 0) != 0) {
            break;
        }
        int n = sotto_session_write(sender_of(&p, i), f->bytes, sizeof f->bytes, 0);
        if (n <= 0 || sotto_session_read(receiver_of(&p, i), f->bytes, (size_t)n, 0) != 0) {
            break;
        }
    }
    if (i == PAIR_FLIGHTS) {
        struct sotto_words x, y;
        assert_confirmed(&p);
        assert_int_equal(sotto_session_words(p.caller, &x), 0);
        assert_int_equal(sotto_session_words(p.callee, &y), 0);
        assert_true(sotto_words_equal(&x, &y));
    } else {
        assert_int_not_equal(sotto_session_state(p.callee), SOTTO_SESSION_CONFIRMED);
    }
done:
    pair_free(&p);
    free(f);
    return i;
}

static size_t count_allocations(void)
{
    allocations = 0;
    fail_at = 0;
    armed = true;
    assert_int_equal(run_as_far_as_it_goes(), PAIR_FLIGHTS);
    armed = false;
    return allocations;
}

// Each one of the first 50, then every fifth: some 2 s instead of 10.
#define SWEEP_DENSE 50
#define SWEEP_STEP  5

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    (void)count_allocations(); // fills what OpenSSL keeps for the process
    size_t total = count_allocations();
    int failed = 0;
    assert_in_range(total, 100, 100000);
    for (size_t at = 1; at <= total; at += at < SWEEP_DENSE ? 1 : SWEEP_STEP) {
        allocations = 0;
        fail_at = at;
        armed = true;
        failed += run_as_far_as_it_goes() < PAIR_FLIGHTS;
        armed = false;
    }
    // Some allocations are dispensable, most are not.
    assert_true(failed > (int)(total / SWEEP_STEP / 2));
    assert_int_equal(run_as_far_as_it_goes(), PAIR_FLIGHTS); // no lasting damage
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1) {
        return 1; // OpenSSL has already allocated: nothing could be tested
    }
    return cmocka_run_group_tests_name("session_memory", tests, people_setup, people_teardown);
}
