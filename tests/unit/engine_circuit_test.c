// SPDX-License-Identifier: Apache-2.0
// What goes through a circuit, its limits, its end, and how it outlives a connection.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static struct rig_call call;

static int setup(void **state)
{
    rig_setup(state);
    rig_line(&rig, 0);
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    struct rig_device *callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    call = rig_call(rig_open(&rig, 2), 6, callee, 1);
    return 0;
}

static int signal_on(struct rig_device *d, uint32_t circuit, const void *flight, size_t len)
{
    return rig_send(d, &(struct link_message){.type = LINK_SIGNAL,
                                              .circuit = circuit,
                                              .flight = flight,
                                              .flight_len = len});
}

static int resume(struct rig_device *d, uint32_t circuit, const uint8_t *ticket)
{
    return rig_send(d, &(struct link_message){.type = LINK_RESUME,
                                              .request = 42,
                                              .circuit = circuit,
                                              .ticket = ticket});
}

static void expect_cell(struct rig_device *from, uint32_t from_id, struct rig_device *to,
                        uint32_t to_id, uint8_t fill)
{
    size_t before = to->datagrams;
    rig_send_cell(from, from_id, fill);
    assert_int_equal(to->datagrams, before + 1);
    uint32_t id;
    const uint8_t *cell;
    assert_int_equal(link_datagram_decode(to->datagram, sizeof to->datagram, &id, &cell), 0);
    assert_int_equal(id, to_id);
    for (size_t i = 0; i < LINK_CELL_BYTES; i++)
        assert_int_equal(cell[i], fill);
}

static void test_signals_both_ways(void **state)
{
    (void)state;
    static uint8_t big[LINK_FLIGHT_MAX_BYTES];
    memset(big, 0x77, sizeof big);
    assert_int_equal(signal_on(call.caller, call.caller_id, big, sizeof big), 0);
    struct link_message m = rig_expect(call.callee, LINK_SIGNAL);
    assert_int_equal(m.circuit, call.callee_id);
    assert_int_equal(m.flight_len, sizeof big);
    assert_memory_equal(m.flight, big, sizeof big);
    assert_int_equal(signal_on(call.callee, call.callee_id, "", 0), 0);
    m = rig_expect(call.caller, LINK_SIGNAL);
    assert_int_equal(m.circuit, call.caller_id);
    assert_int_equal(m.flight_len, 0);
    assert_int_equal(rig_stats(&rig).signals_forwarded, 2);
}

// The relay's own identifiers come round: not that of a circuit that is still there, and no other
// one soon.
static void test_identifiers_come_back_late(void **state)
{
    (void)state;
    int last[LINK_CIRCUIT_MAX + 1] = {0};
    for (int i = 1; i <= 300; i++) {
        rig_pass(&rig, 4 * SOTTO_NS_PER_S);
        expect_cell(call.caller, call.caller_id, call.callee, call.callee_id, 0x11);
        expect_cell(call.callee, call.callee_id, call.caller, call.caller_id, 0x22);
        rig_drain(call.caller);
        rig_drain(call.callee);
        struct rig_call next = rig_call(call.caller, 8, call.callee, 1);
        assert_true(next.callee_id % 2 == 1 && next.callee_id <= LINK_CIRCUIT_MAX);
        assert_int_not_equal(next.callee_id, call.callee_id);
        assert_true(last[next.callee_id] == 0 || i - last[next.callee_id] >= 127);
        last[next.callee_id] = i;
        rig_send(next.caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 8});
        assert_int_equal(rig_expect(next.callee, LINK_CLOSE).circuit, next.callee_id);
    }
}

static void test_cells_both_ways(void **state)
{
    (void)state;
    expect_cell(call.caller, call.caller_id, call.callee, call.callee_id, 0x11);
    expect_cell(call.callee, call.callee_id, call.caller, call.caller_id, 0x22);
    assert_int_equal(rig_stats(&rig).cells_forwarded, 2);
    assert_int_equal(rig_stats(&rig).cells_dropped, 0);
}

static void test_strange_datagrams_are_dropped(void **state)
{
    (void)state;
    uint8_t data[LINK_DATAGRAM_BYTES + 1] = {(uint8_t)call.caller_id};
    struct rig_device *stranger = rig_open(&rig, 3);
    for (size_t len = 0; len <= sizeof data; len++)
        if (len != LINK_DATAGRAM_BYTES)
            relay_conn_datagram(rig.engine, call.caller->conn, data, len, rig.now);
    rig_send_cell(call.caller, call.callee_id, 1); // the other side's name for it
    rig_send_cell(call.caller, 8, 1);
    rig_send_cell(stranger, call.caller_id, 1);
    assert_int_equal(call.callee->datagrams, 0);
    assert_int_equal(call.caller->datagrams, 0);
    assert_int_equal(rig_stats(&rig).cells_dropped, LINK_DATAGRAM_BYTES + 1 + 3);
    assert_false(call.caller->closed);
}

static void test_cell_rate_each_way(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        rig_send_cell(call.caller, call.caller_id, 1);
    assert_int_equal(call.callee->datagrams, 240);
    rig_send_cell(call.callee, call.callee_id, 1);
    assert_int_equal(call.caller->datagrams, 1);
    rig_pass(&rig, SOTTO_NS_PER_S / 2 + 1000); // refills by 60
    for (int i = 0; i < 300; i++)
        rig_send_cell(call.caller, call.caller_id, 1);
    assert_int_equal(call.callee->datagrams, 300);
}

static void test_close_tells_the_other_and_no_reason(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code += 5) {
        rig_send(call.caller, &(struct link_message){.type = LINK_CLOSE,
                                                     .circuit = call.caller_id,
                                                     .code = (uint8_t)code});
        struct link_message m = rig_expect(call.callee, LINK_CLOSE);
        assert_int_equal(m.circuit, call.callee_id);
        assert_int_equal(m.code, LINK_CODE_NONE);
        assert_true(rig_quiet(call.caller));
        assert_int_equal(rig_stats(&rig).circuits, 0);
        // Crossing messages on the dead circuit are not an error.
        rig_send_cell(call.callee, call.callee_id, 1);
        assert_int_equal(signal_on(call.callee, call.callee_id, "x", 1), 0);
        assert_int_equal(rig_send(call.callee, &(struct link_message){.type = LINK_CLOSE,
                                                                      .circuit = call.callee_id}),
                         0);
        assert_true(rig_quiet(call.caller));
        rig_drop(call.callee);
        struct rig_device *callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
        if (code >= 80) // enough; the rate limits would come next
            break;
        call = rig_call(rig_open(&rig, (unsigned)code + 10), 6, callee, 1);
    }
}

static void test_a_circuit_belongs_to_its_two_connections(void **state)
{
    (void)state;
    struct rig_device *stranger = rig_open(&rig, 3);
    rig_send(stranger, &(struct link_message){.type = LINK_CLOSE, .circuit = call.caller_id});
    assert_int_equal(signal_on(stranger, call.caller_id, "x", 1), 0);
    assert_true(rig_quiet(call.callee));
    assert_int_equal(rig_stats(&rig).circuits, 1);
}

static void test_number_of_flights_is_limited(void **state)
{
    (void)state;
    for (int i = 1; i < RELAY_SIGNALS_PER_CIRCUIT_MAX; i++) { // DIAL's was one
        struct rig_device *to = i % 2 == 0 ? call.caller : call.callee;
        if (i % 2 == 0)
            signal_on(call.callee, call.callee_id, "x", 1);
        else
            signal_on(call.caller, call.caller_id, "x", 1);
        rig_expect(to, LINK_SIGNAL);
    }
    assert_int_equal(signal_on(call.callee, call.callee_id, "x", 1), 0);
    rig_expect_code(call.caller, LINK_CLOSE, LINK_CODE_LIMIT);
    rig_expect_code(call.callee, LINK_CLOSE, LINK_CODE_LIMIT);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_bytes_of_flights_are_limited(void **state)
{
    (void)state;
    static uint8_t big[LINK_FLIGHT_MAX_BYTES];
    size_t fits = (RELAY_SIGNAL_BYTES_MAX - 5) / sizeof big; // DIAL's had 5
    for (size_t i = 0; i < fits; i++) {
        signal_on(call.caller, call.caller_id, big, sizeof big);
        rig_expect(call.callee, LINK_SIGNAL);
    }
    size_t left = RELAY_SIGNAL_BYTES_MAX - 5 - fits * sizeof big;
    signal_on(call.caller, call.caller_id, big, left);
    rig_expect(call.callee, LINK_SIGNAL);
    signal_on(call.caller, call.caller_id, big, 0); // nothing is still not too much
    rig_expect(call.callee, LINK_SIGNAL);
    signal_on(call.caller, call.caller_id, big, 1);
    rig_expect_code(call.callee, LINK_CLOSE, LINK_CODE_LIMIT);
}

static void test_silence_ends_a_circuit(void **state)
{
    (void)state;
    rig_pass(&rig, RELAY_RING_NS - 1);
    rig_send_cell(call.callee, call.callee_id, 1);
    rig_pass(&rig, RELAY_RING_NS - 1);
    assert_true(rig_quiet(call.caller));
    signal_on(call.caller, call.caller_id, "x", 1);
    rig_expect(call.callee, LINK_SIGNAL);
    rig_pass(&rig, RELAY_RING_NS - 1);
    assert_int_equal(rig_stats(&rig).circuits, 1);
    rig_pass(&rig, 1);
    rig_expect_code(call.caller, LINK_CLOSE, LINK_CODE_LOST);
    rig_expect_code(call.callee, LINK_CLOSE, LINK_CODE_LOST);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_stop_closes_circuits(void **state)
{
    (void)state;
    relay_engine_stop(rig.engine, rig.now);
    rig_expect_code(call.caller, LINK_CLOSE, LINK_CODE_SHUTDOWN);
    rig_expect_code(call.callee, LINK_CLOSE, LINK_CODE_SHUTDOWN);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_relay_forgets_flights_and_cells(void **state)
{
    (void)state;
    static const char canary[] = "canary canary canary canary ";
    uint8_t cell[LINK_CELL_BYTES], datagram[LINK_DATAGRAM_BYTES];
    rig.memory.canary = canary;
    rig.memory.canary_len = sizeof canary - 1;
    signal_on(call.caller, call.caller_id, canary, sizeof canary);
    struct link_message m = rig_expect(call.callee, LINK_SIGNAL);
    assert_memory_equal(m.flight, canary, sizeof canary); // it did go through
    memset(cell, 0, sizeof cell);
    memcpy(cell, canary, sizeof canary);
    link_datagram_encode(datagram, call.caller_id, cell);
    relay_conn_datagram(rig.engine, call.caller->conn, datagram, sizeof datagram, rig.now);
    assert_int_equal(call.callee->datagrams, 1);
    assert_false(rig_memory_has_canary(&rig.memory));
    void *planted = rig.memory.env.realloc(NULL, 64, rig.memory.env.user);
    memcpy(planted, canary, sizeof canary);
    assert_true(rig_memory_has_canary(&rig.memory)); // the search does find
    rig.memory.env.realloc(planted, 0, rig.memory.env.user);
}

// ---- a lost connection --------------------------------------------------------------------------

static void test_resume_on_a_new_connection(void **state)
{
    (void)state;
    rig_drop(call.caller);
    assert_true(rig_quiet(call.callee));
    rig_send_cell(call.callee, call.callee_id, 1); // lost
    assert_int_equal(rig_stats(&rig).cells_dropped, 1);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS - 1);
    assert_true(rig_quiet(call.callee));
    struct rig_device *again = rig_open(&rig, 77); // from elsewhere: the ticket is what counts
    assert_int_equal(resume(again, 100, call.caller_ticket), 0);
    assert_int_equal(rig_expect(again, LINK_OK).request, 42);
    expect_cell(again, 100, call.callee, call.callee_id, 0x33);
    expect_cell(call.callee, call.callee_id, again, 100, 0x44);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS);
    assert_int_equal(rig_stats(&rig).circuits, 1);
    // And once more, with the same ticket, while the callee changes too.
    rig_drop(again);
    rig_drop(call.callee);
    struct rig_device *callee = rig_open(&rig, 5), *caller = rig_open(&rig, 6);
    assert_int_equal(resume(caller, 0, call.caller_ticket), 0);
    rig_expect(caller, LINK_OK);
    assert_int_equal(resume(callee, 2, call.callee_ticket), 0);
    rig_expect(callee, LINK_OK);
    expect_cell(caller, 0, callee, 2, 0x55);
    assert_int_equal(rig_stats(&rig).resumes, 3);
}

static void test_resume_takes_over_a_living_connection(void **state)
{
    (void)state;
    struct rig_device *again = rig_open(&rig, 2);
    assert_int_equal(resume(again, 6, call.caller_ticket), 0);
    rig_expect(again, LINK_OK);
    assert_true(rig_quiet(call.caller));
    expect_cell(call.callee, call.callee_id, again, 6, 0x66);
    rig_send_cell(call.caller, call.caller_id, 1); // the old one has nothing any more
    assert_int_equal(call.callee->datagrams, 0);
    rig_drop(call.caller);
    expect_cell(again, 6, call.callee, call.callee_id, 0x67);
    // On the same connection it only changes its name.
    assert_int_equal(resume(again, 8, call.caller_ticket), 0);
    rig_expect(again, LINK_OK);
    expect_cell(again, 8, call.callee, call.callee_id, 0x68);
}

static void test_grace_ends(void **state)
{
    (void)state;
    rig_drop(call.caller);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS);
    rig_expect_code(call.callee, LINK_CLOSE, LINK_CODE_LOST);
    struct rig_device *late = rig_open(&rig, 2);
    assert_int_equal(resume(late, 0, call.caller_ticket), 0);
    rig_expect_code(late, LINK_FAILED, LINK_CODE_UNAVAILABLE);
    assert_false(late->closed);
}

static void test_both_lost(void **state)
{
    (void)state;
    rig_drop(call.caller);
    rig_pass(&rig, SOTTO_NS_PER_S);
    rig_drop(call.callee);
    rig_pass(&rig, RELAY_CIRCUIT_GRACE_NS - SOTTO_NS_PER_S); // the first one's time counts
    assert_int_equal(rig_stats(&rig).circuits, 0);
    assert_true(relay_engine_expiry(rig.engine) == SOTTO_NEVER);
}

static void test_tickets_are_guarded(void **state)
{
    (void)state;
    uint8_t wrong[LINK_TICKET_BYTES];
    struct rig_device *d = rig_open(&rig, 2);
    for (size_t i = 0; i < sizeof wrong; i++) {
        memcpy(wrong, call.caller_ticket, sizeof wrong);
        wrong[i] ^= 1;
        resume(d, 0, wrong);
        rig_expect_code(d, LINK_FAILED, LINK_CODE_UNAVAILABLE);
    }
    assert_memory_not_equal(call.caller_ticket, call.callee_ticket, LINK_TICKET_BYTES);
    assert_int_equal(resume(d, 7, call.caller_ticket), SOTTO_EPROTO); // an odd identifier
    struct rig_device *e = rig_open(&rig, 2);
    rig_call(e, 4, call.callee, 1);
    assert_int_equal(resume(e, 4, call.caller_ticket), SOTTO_EPROTO); // in use
    rig_expect_code(e, LINK_FAILED, LINK_CODE_PROTOCOL);
}

static void test_ticket_dies_with_the_circuit(void **state)
{
    (void)state;
    rig_drop(call.caller);
    rig_send(call.callee, &(struct link_message){.type = LINK_CLOSE, .circuit = call.callee_id});
    struct rig_device *d = rig_open(&rig, 2);
    resume(d, 0, call.caller_ticket);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_UNAVAILABLE);
}

static void test_resume_needs_a_slot(void **state)
{
    (void)state;
    relay_engine_set_limits(rig.engine,
                            &(struct relay_limits){.meets_per_address_per_minute = 100});
    struct rig_device *d = rig_open(&rig, 2);
    for (uint32_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++) {
        uint8_t place[LINK_PLACE_BYTES] = {(uint8_t)i};
        rig_send(d, &(struct link_message){.type = LINK_MEET, .circuit = 2 * i, .place = place});
        rig_expect(d, LINK_TICKET);
    }
    resume(d, 200, call.caller_ticket);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_LIMIT);
    expect_cell(call.caller, call.caller_id, call.callee, call.callee_id, 1); // all as before
}

// A flight to nobody would be lost, and the session with it: the caller hears at once.
static void test_signal_to_a_lost_side_ends_it(void **state)
{
    (void)state;
    rig_drop(call.callee);
    signal_on(call.caller, call.caller_id, "x", 1);
    rig_expect_code(call.caller, LINK_CLOSE, LINK_CODE_LOST);
    assert_int_equal(rig_stats(&rig).circuits, 0);
}

static void test_dropped_line_takes_its_lost_side_along(void **state)
{
    (void)state;
    rig_drop(call.callee);
    relay_engine_drop_line(rig.engine, rig_line_id(0), rig.now);
    rig_expect_code(call.caller, LINK_CLOSE, LINK_CODE_LOST);
}

static void test_receiver_that_is_full_is_detached(void **state)
{
    (void)state;
    call.callee->full = true;
    assert_int_equal(signal_on(call.caller, call.caller_id, "x", 1), 0);
    assert_true(call.callee->closed);
    assert_true(rig_quiet(call.caller));
    struct rig_device *again = rig_open(&rig, 1);
    resume(again, 0, call.callee_ticket);
    rig_expect(again, LINK_OK);
    expect_cell(call.caller, call.caller_id, again, 0, 9);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_signals_both_ways),
        T(test_identifiers_come_back_late),
        T(test_cells_both_ways),
        T(test_strange_datagrams_are_dropped),
        T(test_cell_rate_each_way),
        T(test_close_tells_the_other_and_no_reason),
        T(test_a_circuit_belongs_to_its_two_connections),
        T(test_number_of_flights_is_limited),
        T(test_bytes_of_flights_are_limited),
        T(test_silence_ends_a_circuit),
        T(test_stop_closes_circuits),
        T(test_relay_forgets_flights_and_cells),
        T(test_resume_on_a_new_connection),
        T(test_resume_takes_over_a_living_connection),
        T(test_grace_ends),
        T(test_both_lost),
        T(test_tickets_are_guarded),
        T(test_ticket_dies_with_the_circuit),
        T(test_resume_needs_a_slot),
        T(test_signal_to_a_lost_side_ends_it),
        T(test_dropped_line_takes_its_lost_side_along),
        T(test_receiver_that_is_full_is_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
