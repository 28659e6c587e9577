// SPDX-License-Identifier: Apache-2.0
// Writes that the store answers later.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static int setup(void **state)
{
    rig_setup(state);
    rig_line(&rig, 0);
    rig_line(&rig, 2);
    relay_memory_defer(rig.store, true);
    return 0;
}

static int put(struct rig_device *d, uint32_t request, unsigned n)
{
    uint8_t hash[LINK_TOKEN_HASH_BYTES];
    sotto_token_hash(rig_token(n), hash);
    return rig_send(d, &(struct link_message){.type = LINK_NUMBER_PUT,
                                              .request = request,
                                              .token_hash = hash,
                                              .calls_left = 1});
}

static void test_answered_when_it_is_stored(void **state)
{
    (void)state;
    struct rig_device *d = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    uint8_t hash[LINK_TOKEN_HASH_BYTES];
    sotto_token_hash(rig_token(1), hash);
    put(d, 11, 1);
    put(d, 12, 2);
    rig_send(d,
             &(struct link_message){.type = LINK_NUMBER_REMOVE, .request = 13, .token_hash = hash});
    assert_true(rig_quiet(d));
    rig_send(d, &(struct link_message){.type = LINK_PING}); // goes on meanwhile
    rig_expect(d, LINK_PONG);
    assert_true(rig_stored(&rig));
    assert_int_equal(rig_expect(d, LINK_OK).request, 11);
    assert_true(rig_quiet(d));
    assert_true(rig_stored(&rig));
    assert_true(rig_stored(&rig));
    assert_int_equal(rig_expect(d, LINK_OK).request, 12);
    assert_int_equal(rig_expect(d, LINK_OK).request, 13);
    assert_false(rig_stored(&rig));
}

static void test_failure_comes_late_too(void **state)
{
    (void)state;
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    relay_memory_fail(rig.store, SOTTO_EFULL);
    put(d, 1, 1);
    assert_true(rig_quiet(d));
    rig_stored(&rig);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_STORAGE);
}

static void test_register(void **state)
{
    (void)state;
    const uint8_t invite[LINK_INVITE_BYTES] = {3};
    assert_int_equal(relay_memory_invite_add(rig.store, invite, 0), 0);
    struct rig_device *d = rig_open(&rig, 1);
    struct link_message m = rig_register_message(d, 1, RIG_ORIGIN, invite);
    rig_send(d, &m);
    assert_true(rig_quiet(d));
    assert_int_equal(rig_stats(&rig).registers, 0);
    rig_stored(&rig);
    assert_int_equal(rig_expect(d, LINK_OK).request, m.request);
    assert_int_equal(rig_stats(&rig).registers, 1);
}

static void test_connection_gone_meanwhile(void **state)
{
    (void)state;
    struct rig_device *gone = rig_login(&rig, 1, 0, 0), *other = rig_login(&rig, 2, 0, 0);
    put(gone, 1, 1);
    put(other, 2, 2);
    rig_drop(gone);
    rig_stored(&rig); // for nobody
    assert_true(rig_quiet(other));
    rig_stored(&rig);
    assert_int_equal(rig_expect(other, LINK_OK).request, 2);
}

static void test_each_job_once(void **state)
{
    (void)state;
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    uint64_t job;
    int result;
    put(d, 1, 1);
    assert_true(relay_memory_take(rig.store, &job, &result));
    relay_engine_stored(rig.engine, job ^ UINT64_C(1) << 16, result, rig.now); // another generation
    relay_engine_stored(rig.engine, job ^ 1, result, rig.now);                 // another slot
    relay_engine_stored(rig.engine, UINT64_MAX, result, rig.now);
    assert_true(rig_quiet(d));
    relay_engine_stored(rig.engine, job, result, rig.now);
    rig_expect(d, LINK_OK);
    put(d, 2, 2); // takes the same slot
    relay_engine_stored(rig.engine, job, result, rig.now);
    assert_true(rig_quiet(d));
    rig_stored(&rig);
    assert_int_equal(rig_expect(d, LINK_OK).request, 2);
}

static void test_limit_for_one_connection(void **state)
{
    (void)state;
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    for (uint32_t i = 0; i < RELAY_WRITES_PER_CONN_MAX; i++)
        put(d, i, i);
    assert_true(rig_quiet(d));
    put(d, 900, 200);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_LIMIT);
    rig_stored(&rig);
    rig_expect(d, LINK_OK);
    put(d, 901, 200);
    assert_true(rig_quiet(d));
}

static void test_limit_for_all(void **state)
{
    (void)state;
    relay_engine_set_limits(rig.engine, &(struct relay_limits){.numbers_per_line = 5000});
    uint32_t each = RELAY_WRITES_PENDING_MAX / RELAY_DEVICES_PER_LINE_MAX;
    for (unsigned i = 0; i < RELAY_DEVICES_PER_LINE_MAX; i++) {
        struct rig_device *d = rig_login(&rig, i, 0, 0);
        for (uint32_t n = 0; n < each && n < RELAY_WRITES_PER_CONN_MAX; n++)
            put(d, n, n);
        assert_true(rig_quiet(d));
    }
    uint64_t job;
    int result;
    while (relay_memory_take(rig.store, &job, &result)) // lost: the engine does not hear of them
        ;
    struct rig_device *d = rig_login(&rig, 9, 2, 0);
    put(d, 7, 200);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_LIMIT);
    assert_false(d->closed);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_answered_when_it_is_stored),
        T(test_failure_comes_late_too),
        T(test_register),
        T(test_connection_gone_meanwhile),
        T(test_each_job_once),
        T(test_limit_for_one_connection),
        T(test_limit_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
