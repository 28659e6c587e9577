// SPDX-License-Identifier: Apache-2.0
// Meeting places: two come, never a third.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static const uint8_t place[LINK_PLACE_BYTES] = "the old oak";

static int meet_at(struct rig_device *d, uint32_t circuit, const uint8_t *where)
{
    return rig_send(d,
                    &(struct link_message){.type = LINK_MEET, .circuit = circuit, .place = where});
}

static void expect_met(struct rig_device *d, uint32_t circuit, uint8_t role)
{
    struct link_message m = rig_expect(d, LINK_MET);
    assert_int_equal(m.circuit, circuit);
    assert_int_equal(m.role, role);
}

static void expect_cell(struct rig_device *from, uint32_t from_id, struct rig_device *to)
{
    size_t before = to->datagrams;
    rig_send_cell(from, from_id, 1);
    assert_int_equal(to->datagrams, before + 1);
}

static void test_two_meet_a_third_does_not(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2), *c = rig_open(&rig, 3);
    meet_at(a, 4, place);
    assert_int_equal(rig_expect(a, LINK_TICKET).circuit, 4);
    rig_send_cell(a, 4, 1); // nobody is there yet
    assert_int_equal(rig_stats(&rig).cells_dropped, 1);
    meet_at(b, 2, place);
    assert_int_equal(rig_expect(b, LINK_TICKET).circuit, 2);
    expect_met(b, 2, 0);
    expect_met(a, 4, 1);
    expect_cell(a, 4, b);
    expect_cell(b, 2, a);
    meet_at(c, 0, place);
    rig_expect_code(c, LINK_CLOSE, LINK_CODE_BUSY_PLACE);
    assert_true(rig_quiet(a));
    assert_true(rig_quiet(b));
    rig_send(a, &(struct link_message){.type = LINK_CLOSE, .circuit = 4});
    rig_expect_code(b, LINK_CLOSE, LINK_CODE_NONE);
    meet_at(c, 0, place); // burned even after the two have parted
    rig_expect_code(c, LINK_CLOSE, LINK_CODE_BUSY_PLACE);
    assert_int_equal(rig_stats(&rig).meets, 1);
}

static void test_burned_for_ten_minutes(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2);
    meet_at(a, 0, place);
    rig_pass(&rig, RELAY_PLACE_NS / 2);
    meet_at(b, 0, place);
    rig_send(a, &(struct link_message){.type = LINK_CLOSE, .circuit = 0});
    rig_pass(&rig, RELAY_PLACE_NS / 2 - 1);
    meet_at(b, 2, place);
    rig_expect(b, LINK_TICKET);
    rig_expect(b, LINK_MET);
    rig_expect(b, LINK_CLOSE);
    rig_expect_code(b, LINK_CLOSE, LINK_CODE_BUSY_PLACE);
    assert_int_equal(rig_stats(&rig).places, 1);
    rig_pass(&rig, 1);
    assert_int_equal(rig_stats(&rig).places, 0);
    assert_true(relay_engine_expiry(rig.engine) == SOTTO_NEVER);
}

static void test_waits_ten_minutes(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1);
    meet_at(a, 0, place);
    rig_expect(a, LINK_TICKET);
    rig_pass(&rig, RELAY_PLACE_NS - 1);
    assert_true(rig_quiet(a));
    rig_pass(&rig, 1);
    rig_expect_code(a, LINK_CLOSE, LINK_CODE_OFFLINE);
    assert_int_equal(rig_stats(&rig).places, 0);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_leaving_frees_the_place(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2);
    meet_at(a, 0, place);
    rig_send(a, &(struct link_message){.type = LINK_CLOSE, .circuit = 0});
    assert_int_equal(rig_stats(&rig).places, 0);
    meet_at(b, 0, place); // is the first now
    rig_expect(b, LINK_TICKET);
    assert_true(rig_quiet(b));
    rig_drop(b);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS);
    assert_int_equal(rig_stats(&rig).places, 0);
}

static void test_waiting_survives_a_lost_connection(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2), *again = rig_open(&rig, 1);
    meet_at(a, 0, place);
    struct link_message ticket = rig_expect(a, LINK_TICKET);
    rig_drop(a);
    meet_at(b, 0, place);
    rig_expect(b, LINK_TICKET);
    expect_met(b, 0, 0);
    rig_send(again, &(struct link_message){
                        .type = LINK_RESUME, .request = 1, .circuit = 8, .ticket = ticket.ticket});
    rig_expect(again, LINK_OK);
    expect_met(again, 8, 1); // what it missed
    expect_cell(again, 8, b);
    rig_drop(again);
    struct rig_device *third = rig_open(&rig, 1);
    rig_send(third, &(struct link_message){
                        .type = LINK_RESUME, .request = 1, .circuit = 0, .ticket = ticket.ticket});
    rig_expect(third, LINK_OK);
    assert_true(rig_quiet(third)); // but only once
}

static void test_resumed_while_nobody_came(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2), *again = rig_open(&rig, 1);
    meet_at(a, 0, place);
    struct link_message ticket = rig_expect(a, LINK_TICKET);
    rig_drop(a);
    rig_pass(&rig, SOTTO_NS_PER_S);
    rig_send(again, &(struct link_message){
                        .type = LINK_RESUME, .request = 1, .circuit = 8, .ticket = ticket.ticket});
    rig_expect(again, LINK_OK);
    rig_pass(&rig, 120 * SOTTO_NS_PER_S); // neither the grace nor the ring time ends it
    assert_true(rig_quiet(again));
    meet_at(b, 0, place);
    expect_met(again, 8, 1);
}

static void test_signal_before_anybody_came(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1);
    meet_at(a, 0, place);
    rig_expect(a, LINK_TICKET);
    assert_int_equal(rig_send(a, &(struct link_message){.type = LINK_SIGNAL,
                                                        .circuit = 0,
                                                        .flight = place,
                                                        .flight_len = 1}),
                     SOTTO_EPROTO);
}

static void test_met_circuit_needs_cells(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 2);
    meet_at(a, 0, place);
    rig_pass(&rig, 300 * SOTTO_NS_PER_S);
    meet_at(b, 0, place);
    rig_pass(&rig, RELAY_RING_NS - 1);
    assert_int_equal(rig_stats(&rig).circuits, 1);
    rig_pass(&rig, 1);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_limits(void **state)
{
    (void)state;
    uint8_t where[LINK_PLACE_BYTES] = {0};
    struct rig_device *a = rig_open(&rig, 1), *b = rig_open(&rig, 1);
    for (uint32_t i = 0; i < 20; i++) {
        where[0] = (uint8_t)i;
        struct rig_device *d = i < 10 ? a : b;
        meet_at(d, 2 * i, where);
        rig_expect(d, LINK_TICKET);
    }
    where[0] = 99;
    meet_at(a, 100, where);
    rig_expect_code(a, LINK_CLOSE, LINK_CODE_LIMIT); // twenty a minute
    assert_int_equal(
        rig_send(b, &(struct link_message){.type = LINK_MEET, .circuit = 20, .place = where}),
        SOTTO_EPROTO);                   // in use
    rig_pass(&rig, 60 * SOTTO_NS_PER_S); // a is full up to 10 and b is gone, its places too
    b = rig_open(&rig, 1);
    for (uint32_t i = 0; i < 20; i++) {
        where[0] = (uint8_t)(100 + i);
        meet_at(i < 6 ? a : b, 200 + 2 * i, where);
        rig_expect(i < 6 ? a : b, LINK_TICKET);
    }
    rig_pass(&rig, 30 * SOTTO_NS_PER_S);
    struct rig_device *c = rig_open(&rig, 1);
    for (uint32_t i = 0; i < 3; i++) {
        where[0] = (uint8_t)(140 + i);
        meet_at(c, 2 * i, where);
    }
    assert_int_equal(rig_stats(&rig).places, RELAY_PLACES_PER_ADDRESS_MAX);
    rig_expect(c, LINK_TICKET);
    rig_expect(c, LINK_TICKET);
    rig_expect_code(c, LINK_CLOSE, LINK_CODE_LIMIT);
    struct rig_device *elsewhere = rig_open(&rig, 2);
    meet_at(elsewhere, 0, where);
    rig_expect(elsewhere, LINK_TICKET);
}

static void test_places_are_limited(void **state)
{
    (void)state;
    relay_engine_set_limits(rig.engine,
                            &(struct relay_limits){.meets_per_address_per_minute = 1000});
    uint8_t where[LINK_PLACE_BYTES] = {0};
    struct rig_device *d = NULL;
    for (uint32_t i = 0; i < RELAY_PLACES_MAX; i++) {
        if (i % RELAY_CIRCUITS_PER_CONN_MAX == 0)
            d = rig_open(&rig, 1 + i / RELAY_CIRCUITS_PER_CONN_MAX);
        memcpy(where, &i, sizeof i);
        meet_at(d, 2 * (i % RELAY_CIRCUITS_PER_CONN_MAX), where);
        rig_expect(d, LINK_TICKET);
    }
    where[5] = 1;
    d = rig_open(&rig, 500);
    meet_at(d, 0, where);
    rig_expect_code(d, LINK_CLOSE, LINK_CODE_LIMIT);
}

static void test_meeting_oneself(void **state)
{
    (void)state;
    struct rig_device *a = rig_open(&rig, 1);
    meet_at(a, 0, place);
    rig_expect(a, LINK_TICKET);
    meet_at(a, 2, place);
    rig_expect(a, LINK_TICKET);
    expect_met(a, 2, 0);
    expect_met(a, 0, 1);
    expect_cell(a, 0, a);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_two_meet_a_third_does_not),
        T(test_burned_for_ten_minutes),
        T(test_waits_ten_minutes),
        T(test_leaving_frees_the_place),
        T(test_waiting_survives_a_lost_connection),
        T(test_resumed_while_nobody_came),
        T(test_signal_before_anybody_came),
        T(test_met_circuit_needs_cells),
        T(test_limits),
        T(test_places_are_limited),
        T(test_meeting_oneself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
