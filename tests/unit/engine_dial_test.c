// SPDX-License-Identifier: Apache-2.0
// Dialling: what a caller can and cannot find out, and how often.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static struct rig_device *callee;

static int setup(void **state)
{
    rig_setup(state);
    rig_line(&rig, 0);
    callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    return 0;
}

static void expect_refused(struct rig_device *caller, unsigned n, enum link_code code)
{
    assert_int_equal(rig_dial(caller, 10, n), 0);
    struct link_message m = rig_expect(caller, LINK_CLOSE);
    assert_int_equal(m.circuit, 10);
    assert_int_equal(m.code, code);
    assert_true(rig_quiet(caller));
    assert_true(rig_quiet(callee));
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

// Five reasons, one answer, and the same work in the store for each.
static void test_unusable_numbers_look_the_same(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, rig.now.unix_s, LINK_CALLS_UNLIMITED); // expires this second
    rig_number(&rig, 2, 0, 0, 0);                                 // used up
    rig_number(&rig, 3, 0, 0, 5);
    struct link_message remove = {.type = LINK_NUMBER_REMOVE};
    uint8_t hash[LINK_TOKEN_HASH_BYTES];
    sotto_token_hash(rig_token(3), hash);
    remove.token_hash = hash;
    rig_send(callee, &remove);
    rig_expect(callee, LINK_OK);
    for (unsigned n = 1; n <= 4; n++) { // 4 is unknown
        uint64_t before = relay_memory_calls(rig.store);
        expect_refused(rig_open(&rig, n), n, LINK_CODE_UNAVAILABLE);
        assert_int_equal(relay_memory_calls(rig.store) - before, 1);
    }
    rig_number(&rig, 5, 0, 0, 5);
    rig_drop(callee);
    callee = rig_open(&rig, 1);
    uint64_t before = relay_memory_calls(rig.store);
    expect_refused(rig_open(&rig, 8), 5, LINK_CODE_OFFLINE);
    assert_int_equal(relay_memory_calls(rig.store) - before, 2); // and the line's subscriptions
    assert_int_equal(rig_stats(&rig).dials_unavailable, 4);
    assert_int_equal(rig_stats(&rig).dials_offline, 1);
}

static void test_good_until_the_last_second(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, rig.now.unix_s + 1, 1);
    struct rig_call call = rig_call(rig_open(&rig, 2), 0, callee, 1);
    assert_int_equal(call.callee_id % 2, 1);
    // Whether it was answered is not the relay's to know: it does not count the calls down.
    rig_call(rig_open(&rig, 2), 0, callee, 1);
    assert_int_equal(rig_stats(&rig).dials, 2);
}

static void test_incoming_tells_hash_and_flight_only(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, 1);
    uint8_t hash[LINK_TOKEN_HASH_BYTES];
    sotto_token_hash(rig_token(1), hash);
    rig_dial(rig_open(&rig, 2), 0, 1);
    struct link_message m = rig_expect(callee, LINK_INCOMING);
    assert_memory_equal(m.token_hash, hash, sizeof hash);
    assert_int_equal(m.flight_len, 5);
    assert_memory_equal(m.flight, "hello", 5);
}

static void test_unknown_tokens_count_four_times(void **state)
{
    (void)state;
    struct rig_device *caller = rig_open(&rig, 2);
    for (int i = 0; i < 15; i++)
        expect_refused(caller, 9, LINK_CODE_UNAVAILABLE);
    expect_refused(caller, 9, LINK_CODE_LIMIT);
    expect_refused(rig_open(&rig, 2), 9, LINK_CODE_LIMIT); // a new connection does not help
    expect_refused(rig_open(&rig, 3), 9, LINK_CODE_UNAVAILABLE);
    rig_pass(&rig, SOTTO_NS_PER_S); // one of 60 a minute came back
    expect_refused(caller, 9, LINK_CODE_UNAVAILABLE);
    expect_refused(caller, 9, LINK_CODE_LIMIT);
    assert_int_equal(rig_stats(&rig).dials_limited, 3);
}

static void test_good_numbers_count_once(void **state)
{
    (void)state;
    relay_engine_set_limits(rig.engine,
                            &(struct relay_limits){.dials_per_number_per_minute = 1000});
    rig_number(&rig, 1, 0, 0, 1);
    struct rig_device *caller = rig_open(&rig, 2);
    for (int i = 0; i < 60; i++) {
        rig_dial(caller, 0, 1);
        rig_expect(caller, LINK_TICKET);
        rig_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 0});
        callee->next = callee->queued;
        if (callee->queued > RIG_QUEUE_MAX - 4) { // make room
            rig_drop(callee);
            callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
        }
        if (caller->queued > RIG_QUEUE_MAX - 4) {
            rig_drop(caller);
            caller = rig_open(&rig, 2);
        }
    }
    expect_refused(caller, 1, LINK_CODE_LIMIT);
}

static void test_dials_per_number(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    rig_number(&rig, 2, 0, 0, LINK_CALLS_UNLIMITED);
    for (unsigned i = 0; i < 20; i++) { // from everywhere
        if (callee->queued > RIG_QUEUE_MAX - 8) {
            rig_drop(callee);
            callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
        }
        struct rig_call call = rig_call(rig_open(&rig, 10 + i), 0, callee, 1);
        rig_send(call.caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 0});
        rig_expect(callee, LINK_CLOSE);
    }
    expect_refused(rig_open(&rig, 40), 1, LINK_CODE_LIMIT);
    rig_drop(callee);
    callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    rig_call(rig_open(&rig, 40), 0, callee, 2); // another number of the line is not concerned
    rig_pass(&rig, 3 * SOTTO_NS_PER_S);
    rig_call(rig_open(&rig, 41), 0, callee, 1);
}

static void test_circuit_identifiers(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, 1);
    struct rig_device *odd = rig_open(&rig, 2), *twice = rig_open(&rig, 2);
    assert_int_equal(rig_dial(odd, 3, 1), SOTTO_EPROTO);
    rig_expect_code(odd, LINK_FAILED, LINK_CODE_PROTOCOL);
    rig_call(twice, 0xfe, callee, 1);
    assert_int_equal(rig_dial(twice, 0xfe, 1), SOTTO_EPROTO);
    rig_expect_code(twice, LINK_FAILED, LINK_CODE_PROTOCOL);
}

static void test_slots_of_one_connection(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, 1);
    struct rig_device *caller = rig_open(&rig, 2);
    for (uint32_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++)
        rig_call(caller, 2 * i, callee, 1);
    rig_dial(caller, 100, 1); // the caller's are used up
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_LIMIT);
    struct rig_device *other = rig_open(&rig, 3);
    rig_dial(other, 0, 1); // the callee's are
    rig_expect_code(other, LINK_CLOSE, LINK_CODE_LIMIT);
    rig_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 4});
    rig_expect(callee, LINK_CLOSE);
    rig_call(other, 0, callee, 1);
}

static void test_calling_oneself_needs_two_slots(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, 1);
    for (uint32_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX / 2; i++)
        rig_call(callee, 2 * i, callee, 1);
    rig_dial(callee, 100, 1);
    rig_expect_code(callee, LINK_CLOSE, LINK_CODE_LIMIT);
    rig_send(callee, &(struct link_message){.type = LINK_CLOSE, .circuit = 0});
    rig_expect(callee, LINK_CLOSE); // as the other side
    rig_call(callee, 100, callee, 1);
    rig_drop(callee);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_callee_that_cannot_take_it(void **state)
{
    (void)state;
    rig_number(&rig, 1, 0, 0, 1);
    callee->full = true;
    struct rig_device *caller = rig_open(&rig, 2);
    assert_int_equal(rig_dial(caller, 0, 1), 0);
    assert_true(callee->closed);
    rig_expect(caller, LINK_TICKET); // the callee may come back for it
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_LOST);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_unusable_numbers_look_the_same),
        T(test_good_until_the_last_second),
        T(test_incoming_tells_hash_and_flight_only),
        T(test_unknown_tokens_count_four_times),
        T(test_good_numbers_count_once),
        T(test_dials_per_number),
        T(test_circuit_identifiers),
        T(test_slots_of_one_connection),
        T(test_calling_oneself_needs_two_slots),
        T(test_callee_that_cannot_take_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
