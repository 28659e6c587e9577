// SPDX-License-Identifier: Apache-2.0
// A connection from its opening to its end: HELLO, order, what is not understood, floods.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static void test_says_nothing_before_hello(void **state)
{
    (void)state;
    struct rig_device *d = rig_open_silent(&rig, 1);
    assert_true(rig_quiet(d));
    assert_int_equal(rig_stats(&rig).conns, 1);
    rig_send(d, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION});
    struct link_message m = rig_expect(d, LINK_WELCOME);
    assert_int_equal(m.version, LINK_VERSION);
    assert_int_equal(m.time_unix_s, rig.now.unix_s);
    struct rig_device *other = rig_open(&rig, 1);
    assert_memory_not_equal(m.challenge, other->challenge, LINK_CHALLENGE_BYTES);
}

static void test_wrong_version(void **state)
{
    (void)state;
    struct rig_device *d = rig_open_silent(&rig, 1);
    assert_true(rig_send(d, &(struct link_message){.type = LINK_HELLO, .version = 99}) < 0);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_VERSION);
    assert_true(d->closed);
    assert_int_equal(d->why, LINK_CODE_VERSION);
    assert_int_equal(rig_stats(&rig).conns, 0);
}

static void test_hello_must_come_in_time(void **state)
{
    (void)state;
    struct rig_device *slow = rig_open_silent(&rig, 1);
    struct rig_device *good = rig_open(&rig, 1);
    assert_true(relay_engine_expiry(rig.engine) == rig.now.mono_ns + RELAY_LOGIN_NS);
    rig_pass(&rig, RELAY_LOGIN_NS - 1);
    assert_false(slow->closed);
    rig_pass(&rig, 1);
    assert_true(slow->closed);
    rig_pass(&rig, 3600 * SOTTO_NS_PER_S);
    assert_false(good->closed);
    assert_true(relay_engine_expiry(rig.engine) == SOTTO_NEVER);
}

static void test_nothing_else_may_come_first(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        if (type == LINK_HELLO)
            continue;
        struct rig_device *d = rig_open_silent(&rig, 1);
        uint8_t fields[64] = {(uint8_t)type};
        // Whole messages of some types, nonsense for the others: all end the connection.
        assert_int_equal(rig_send_bytes(d, fields, type == LINK_PING ? 9 : sizeof fields),
                         SOTTO_EPROTO);
        rig_expect_code(d, LINK_FAILED, LINK_CODE_PROTOCOL);
        assert_int_equal(d->why, LINK_CODE_PROTOCOL);
        free(d->queue[0].bytes);
        free(d);
        rig.device_count--;
    }
    assert_int_equal(rig_stats(&rig).protocol_errors, 255);
}

static void test_second_hello_is_an_error(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    assert_int_equal(rig_send(d,
                              &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION}),
                     SOTTO_EPROTO);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_PROTOCOL);
}

static void test_what_only_a_relay_sends_is_an_error(void **state)
{
    (void)state;
    static const uint8_t zeros[64] = {0};
    for (int type = LINK_WELCOME; type <= LINK_TICKET; type++) {
        struct rig_device *d = rig_open(&rig, 1);
        struct link_message m = {.type = (enum link_type)type,
                                 .challenge = zeros,
                                 .token_hash = zeros,
                                 .ticket = zeros};
        assert_int_equal(rig_send(d, &m), SOTTO_EPROTO);
        rig_expect_code(d, LINK_FAILED, LINK_CODE_PROTOCOL);
    }
}

static void test_damaged_messages_end_it(void **state)
{
    (void)state;
    const char *bad[] = {"", "\x0a", "\x0a\0\0\0\0\0\0\0\0\0", "\xff", "\x08\0\0\0\0\xff\xff"};
    const size_t len[] = {0, 1, 10, 1, 7};
    for (size_t i = 0; i < 5; i++) {
        struct rig_device *d = rig_open(&rig, 1);
        assert_int_equal(rig_send_bytes(d, bad[i], len[i]), SOTTO_EPROTO);
    }
}

static void test_ping(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    assert_int_equal(rig_send(d, &(struct link_message){.type = LINK_PING, .ping = 77}), 0);
    assert_int_equal(rig_expect(d, LINK_PONG).ping, 77);
    assert_int_equal(rig_send(d, &(struct link_message){.type = LINK_PONG, .ping = 1}), 0);
    assert_true(rig_quiet(d));
}

static void test_flood_ends_the_connection(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    const struct link_message pong = {.type = LINK_PONG};
    for (int i = 1; i < RELAY_MESSAGES_BURST; i++) // HELLO was one
        assert_int_equal(rig_send(d, &pong), 0);
    rig_pass(&rig, SOTTO_NS_PER_S / RELAY_MESSAGES_PER_S);
    assert_int_equal(rig_send(d, &pong), 0);
    assert_int_equal(rig_send(d, &pong), SOTTO_ELIMIT);
    assert_int_equal(d->why, LINK_CODE_LIMIT);
}

static void test_who_cannot_take_a_message_is_closed(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    d->full = true;
    assert_int_equal(rig_send(d, &(struct link_message){.type = LINK_PING}), SOTTO_ELIMIT);
    assert_int_equal(d->why, LINK_CODE_LIMIT);
    assert_int_equal(rig_stats(&rig).conns, 0);
}

static void test_stopping(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    struct rig_device *late = rig_open_silent(&rig, 2);
    struct relay_conn *none;
    const uint8_t address[16] = {0}, place[LINK_PLACE_BYTES] = {1};
    relay_engine_stop(rig.engine, rig.now);
    assert_int_equal(relay_conn_open(rig.engine, &none, NULL, address, rig.now), SOTTO_ELIMIT);
    assert_true(
        rig_send(late, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION}) < 0);
    rig_expect_code(late, LINK_FAILED, LINK_CODE_SHUTDOWN);
    rig_send(d, &(struct link_message){.type = LINK_INVITE_CHECK, .request = 3, .invite = place});
    rig_expect_code(d, LINK_FAILED, LINK_CODE_SHUTDOWN);
    rig_send(d, &(struct link_message){.type = LINK_MEET, .circuit = 2, .place = place});
    rig_expect_code(d, LINK_CLOSE, LINK_CODE_SHUTDOWN);
    rig_dial(d, 2, 1);
    rig_expect_code(d, LINK_CLOSE, LINK_CODE_SHUTDOWN);
    struct link_message m = rig_register_message(d, 0, RIG_ORIGIN, address);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_SHUTDOWN);
    m = rig_login_message(d, 0, RIG_ORIGIN, 0);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_SHUTDOWN);
    assert_false(d->closed);
}

static void test_connections_are_limited(void **state)
{
    (void)state;
    struct relay_conn **conns = calloc(RELAY_CONNS_MAX, sizeof(struct relay_conn *));
    struct relay_conn *one_more = NULL;
    const uint8_t address[16] = {0};
    size_t before = rig.memory.live_bytes;
    for (size_t i = 0; i < RELAY_CONNS_MAX; i++)
        assert_int_equal(relay_conn_open(rig.engine, &conns[i], NULL, address, rig.now), 0);
    // What an idle connection costs in here: the rest of its 120 KiB is the transport's.
    assert_true((rig.memory.live_bytes - before) / RELAY_CONNS_MAX < 1024);
    assert_int_equal(relay_conn_open(rig.engine, &one_more, NULL, address, rig.now), SOTTO_ELIMIT);
    assert_null(one_more);
    relay_conn_closed(rig.engine, conns[0], rig.now);
    assert_int_equal(relay_conn_open(rig.engine, &conns[0], NULL, address, rig.now), 0);
    for (size_t i = 0; i < RELAY_CONNS_MAX; i++)
        relay_conn_closed(rig.engine, conns[i], rig.now);
    assert_int_equal(rig_stats(&rig).conns, 0);
    free(conns);
}

static void test_configuration_is_checked(void **state)
{
    (void)state;
    struct relay_engine *e = NULL;
    struct relay_config cfg = {.origin = RIG_ORIGIN};
    assert_int_equal(relay_engine_new(&e, &cfg, sotto_env_default()), SOTTO_EINVAL);
    assert_null(e);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_says_nothing_before_hello),
        T(test_wrong_version),
        T(test_hello_must_come_in_time),
        T(test_nothing_else_may_come_first),
        T(test_second_hello_is_an_error),
        T(test_what_only_a_relay_sends_is_an_error),
        T(test_damaged_messages_end_it),
        T(test_ping),
        T(test_flood_ends_the_connection),
        T(test_who_cannot_take_a_message_is_closed),
        T(test_stopping),
        T(test_connections_are_limited),
        T(test_configuration_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
