// SPDX-License-Identifier: Apache-2.0
// Waking a line: subscriptions, dials that wait, and what keeps anybody from overdoing it.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static struct rig_device *owner, *caller;
static uint8_t point[LINK_P256DH_BYTES] = {4};
static const uint8_t auth[LINK_AUTH_BYTES] = {7};

static void push(struct rig_device *d, const char *endpoint)
{
    rig_send(d, &(struct link_message){.type = LINK_PUSH,
                                       .request = 5,
                                       .endpoint = endpoint,
                                       .endpoint_len = strlen(endpoint),
                                       .p256dh = point,
                                       .auth = auth});
}

static void unpush(struct rig_device *d, const char *endpoint)
{
    rig_send(d, &(struct link_message){.type = LINK_UNPUSH,
                                       .request = 5,
                                       .endpoint = endpoint,
                                       .endpoint_len = strlen(endpoint)});
}

// Line 0 has numbers 1 to 20 and one subscription; its owner is there.
static int setup(void **state)
{
    rig_setup(state);
    rig_line(&rig, 0);
    rig_line(&rig, 1);
    for (unsigned n = 1; n <= 20; n++)
        rig_number(&rig, n, 0, 0, 5);
    owner = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    caller = rig_open(&rig, 2);
    push(owner, "https://push.example/1");
    rig_expect(owner, LINK_OK);
    return 0;
}

static struct rig_device *comes(void)
{
    owner = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    return owner;
}

static void dial(uint32_t circuit, unsigned n, enum link_type answer)
{
    assert_int_equal(rig_dial(caller, circuit, n), 0);
    assert_int_equal(rig_expect(caller, answer).circuit, circuit);
}

static void test_who_may_subscribe(void **state)
{
    (void)state;
    push(caller, "https://push.example/1");
    rig_expect_code(caller, LINK_FAILED, LINK_CODE_DENIED); // not logged in
    push(owner, "http://push.example/1");
    rig_expect_code(owner, LINK_FAILED, LINK_CODE_DENIED); // not a service this relay goes to
    relay_memory_fail(rig.store, SOTTO_EFULL);
    push(owner, "https://push.example/2");
    rig_expect_code(owner, LINK_FAILED, LINK_CODE_STORAGE);
    unpush(owner, "");
    rig_expect_code(owner, LINK_FAILED, LINK_CODE_STORAGE);
    relay_memory_fail(rig.store, 0);
    relay_memory_defer(rig.store, true);
    push(owner, "https://push.example/2");
    assert_true(rig_quiet(owner));
    assert_true(rig_stored(&rig));
    rig_expect(owner, LINK_OK);
}

static void test_nobody_there_is_woken(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    assert_int_equal(rig.wakes, 1);
    assert_int_equal(rig.pushed, 1);
    assert_string_equal(rig.push[0].endpoint, "https://push.example/1");
    assert_memory_equal(rig.push[0].auth, auth, sizeof auth);
    assert_true(rig_quiet(caller)); // no ticket: nothing to resume
    comes();
    assert_int_equal(rig_expect(caller, LINK_AWAKE).circuit, 10);
    assert_true(rig_quiet(owner)); // its flight was not kept
    assert_int_equal(rig_stats(&rig).circuits, 0);
    rig_call(caller, 10, owner, 1); // the identifier is free again
    assert_int_equal(rig_stats(&rig).wakes, 1);
    assert_int_equal(rig_stats(&rig).wakes_answered, 1);
}

static void test_the_flight_is_not_kept(void **state)
{
    (void)state;
    static const char flight[] = "a canary of a flight";
    rig.memory.canary = flight;
    rig.memory.canary_len = sizeof flight - 1;
    rig_drop(owner);
    rig_send(caller, &(struct link_message){.type = LINK_DIAL,
                                            .circuit = 2,
                                            .token = rig_token(1),
                                            .flight = (const uint8_t *)flight,
                                            .flight_len = sizeof flight - 1});
    rig_expect(caller, LINK_WAKING);
    assert_false(rig_memory_has_canary(&rig.memory));
}

static void test_nobody_comes(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    rig_pass(&rig, RELAY_WAKE_NS - 1);
    assert_true(rig_quiet(caller));
    rig_pass(&rig, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_OFFLINE);
    assert_int_equal(rig_stats(&rig).wakes_missed, 1);
    comes();
    assert_true(rig_quiet(caller));
}

static void test_caller_leaves(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    rig_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 10});
    dial(12, 2, LINK_WAKING);
    rig_drop(caller);
    assert_int_equal(rig_stats(&rig).circuits, 0);
    comes();
    assert_true(rig_quiet(owner));
}

static void test_without_subscriptions_offline(void **state)
{
    (void)state;
    unpush(owner, "https://push.example/2");
    rig_expect(owner, LINK_OK); // idempotent
    unpush(owner, "https://push.example/1");
    rig_expect(owner, LINK_OK);
    rig_drop(owner);
    dial(10, 1, LINK_CLOSE);
    assert_int_equal(rig.wakes, 0);
}

static void test_a_silent_device_is_woken(void **state)
{
    (void)state;
    dial(10, 1, LINK_TICKET);
    rig_expect(owner, LINK_INCOMING);
    rig_expect(owner, LINK_TICKET);
    rig_pass(&rig, RELAY_ASLEEP_NS - 1);
    assert_true(rig_quiet(caller) && rig_quiet(owner));
    rig_pass(&rig, 1);
    assert_int_equal(rig_expect(caller, LINK_WAKING).circuit, 10);
    assert_int_equal(rig.wakes, 1);
    rig_expect_code(owner, LINK_CLOSE, LINK_CODE_NONE);
    rig_expect(owner, LINK_PING);
    // Whatever it says shows that it is awake, be it to a circuit that is no more.
    rig_send(owner, &(struct link_message){.type = LINK_PONG});
    rig_expect(caller, LINK_AWAKE);
    rig_call(caller, 12, owner, 1);
}

static void test_a_device_that_speaks_is_not(void **state)
{
    (void)state;
    struct rig_call call = rig_call(caller, 10, owner, 1);
    static const uint8_t flight[] = "flight 2";
    rig_send(owner, &(struct link_message){.type = LINK_SIGNAL,
                                           .circuit = call.callee_id,
                                           .flight = flight,
                                           .flight_len = sizeof flight});
    rig_expect(caller, LINK_SIGNAL);
    rig_pass(&rig, 10 * SOTTO_NS_PER_S);
    assert_true(rig_quiet(caller) && rig_quiet(owner));
    assert_int_equal(rig.wakes, 0);
}

// The page is gone, and the relay hears of it only after INCOMING.
static void test_a_device_that_vanishes(void **state)
{
    (void)state;
    dial(10, 1, LINK_TICKET);
    rig_drop(owner);
    rig_pass(&rig, 0);
    rig_expect(caller, LINK_WAKING);
    assert_int_equal(rig.wakes, 1);
    comes();
    rig_expect(caller, LINK_AWAKE);
    // With another device of the line nobody need be pushed.
    struct rig_device *older = owner;
    struct rig_device *newer = comes();
    rig_expect(older, LINK_REPLACED);
    dial(14, 2, LINK_TICKET);
    rig_drop(newer);
    rig_pass(&rig, 0);
    rig_expect(caller, LINK_WAKING);
    rig_expect(caller, LINK_AWAKE);
    assert_int_equal(rig.wakes, 1);
    rig_call(caller, 16, older, 2);
}

static void test_without_subscriptions_a_silent_device_stays(void **state)
{
    (void)state;
    unpush(owner, "");
    rig_expect(owner, LINK_OK);
    struct rig_call call = rig_call(caller, 10, owner, 1);
    rig_pass(&rig, 10 * SOTTO_NS_PER_S);
    assert_true(rig_quiet(caller) && rig_quiet(owner));
    rig_send_cell(owner, call.callee_id, 1);
    assert_int_equal(caller->datagrams, 1);
}

static void test_pushes_are_apart(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    dial(12, 2, LINK_WAKING); // waits with the first
    assert_int_equal(rig.wakes, 1);
    rig_pass(&rig, RELAY_WAKE_APART_NS);
    dial(14, 3, LINK_WAKING);
    assert_int_equal(rig.wakes, 2);
    comes();
    for (unsigned i = 0; i < 3; i++)
        rig_expect(caller, LINK_AWAKE);
}

static void test_one_dial_a_number(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    rig_dial(caller, 12, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_OFFLINE); // the first one
    rig_expect(caller, LINK_WAKING);
    assert_int_equal(rig_stats(&rig).circuits, 1);
}

static void test_a_number_has_its_budget(void **state)
{
    (void)state;
    rig_drop(owner);
    for (unsigned i = 0; i < RELAY_WAKES_PER_NUMBER; i++) {
        dial(2 * i, 1, LINK_WAKING);
        rig_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 2 * i});
        rig_pass(&rig, RELAY_WAKE_APART_NS);
    }
    assert_int_equal(rig.wakes, RELAY_WAKES_PER_NUMBER);
    dial(100, 1, LINK_CLOSE);
    dial(102, 2, LINK_WAKING); // another's is untouched
    assert_int_equal(rig.wakes, RELAY_WAKES_PER_NUMBER + 1);
    rig_pass(&rig, RELAY_WAKES_PER_NUMBER_NS);
    rig_drain(caller);
    dial(104, 1, LINK_WAKING);
}

static void test_a_line_has_so_many(void **state)
{
    (void)state;
    rig_drop(owner);
    for (unsigned n = 1; n <= RELAY_WAKES_PER_LINE_MAX; n++)
        dial(2 * n, n, LINK_WAKING);
    dial(100, RELAY_WAKES_PER_LINE_MAX + 1, LINK_CLOSE);
    comes();
    for (unsigned n = 1; n <= RELAY_WAKES_PER_LINE_MAX; n++)
        assert_int_equal(rig_expect(caller, LINK_AWAKE).circuit, 2 * n);
}

static void test_a_withdrawn_line(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    relay_engine_drop_line(rig.engine, rig_line_id(1), rig.now);
    assert_true(rig_quiet(caller));
    relay_engine_drop_line(rig.engine, rig_line_id(0), rig.now);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_LOST);
}

static void test_another_lines_device_wakes_nothing(void **state)
{
    (void)state;
    rig_drop(owner);
    dial(10, 1, LINK_WAKING);
    rig_login(&rig, 3, 1, LINK_LOGIN_RING);
    rig_login(&rig, 3, 0, 0); // the line's, but it does not ring
    assert_true(rig_quiet(caller));
    comes();
    rig_expect(caller, LINK_AWAKE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_who_may_subscribe),
        T(test_nobody_there_is_woken),
        T(test_the_flight_is_not_kept),
        T(test_nobody_comes),
        T(test_caller_leaves),
        T(test_without_subscriptions_offline),
        T(test_a_silent_device_is_woken),
        T(test_a_device_that_speaks_is_not),
        T(test_a_device_that_vanishes),
        T(test_without_subscriptions_a_silent_device_stays),
        T(test_pushes_are_apart),
        T(test_one_dial_a_number),
        T(test_a_number_has_its_budget),
        T(test_a_line_has_so_many),
        T(test_a_withdrawn_line),
        T(test_another_lines_device_wakes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
