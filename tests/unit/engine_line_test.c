// SPDX-License-Identifier: Apache-2.0
// Making a line, speaking for it, and which of its devices rings; its numbers.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static const uint8_t invite[LINK_INVITE_BYTES] = "an invitation...";

static int setup(void **state)
{
    rig_setup(state);
    assert_int_equal(relay_memory_invite_add(rig.store, invite, rig.now.unix_s + 100), 0);
    return 0;
}

static void expect_registered(struct rig_device *d, unsigned line, enum link_code code)
{
    struct link_message m = rig_register_message(d, line, RIG_ORIGIN, invite);
    assert_int_equal(rig_send(d, &m), 0);
    if (code != LINK_CODE_NONE)
        rig_expect_code(d, LINK_FAILED, code);
    else
        assert_int_equal(rig_expect(d, LINK_OK).request, m.request);
}

static void test_register_then_login(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    expect_registered(d, 0, LINK_CODE_NONE);
    assert_int_equal(rig_stats(&rig).registers, 1);
    assert_int_equal(rig_stats(&rig).lines_online, 0); // a line is there, nobody speaks for it yet
    struct link_message m = rig_login_message(d, 0, RIG_ORIGIN, LINK_LOGIN_RING);
    assert_int_equal(rig_send(d, &m), 0);
    assert_int_equal(rig_expect(d, LINK_OK).request, m.request);
    assert_int_equal(rig_stats(&rig).lines_online, 1);
    rig_drop(d);
    assert_int_equal(rig_stats(&rig).lines_online, 0);
}

static void test_register_again_after_a_crash(void **state)
{
    (void)state;
    expect_registered(rig_open(&rig, 1), 0, LINK_CODE_NONE);
    expect_registered(rig_open(&rig, 1), 0, LINK_CODE_NONE);   // never heard the OK
    expect_registered(rig_open(&rig, 1), 1, LINK_CODE_INVITE); // but it is used up for others
}

static void test_invitation_expires(void **state)
{
    (void)state;
    rig_pass(&rig, 100 * SOTTO_NS_PER_S);
    expect_registered(rig_open(&rig, 1), 0, LINK_CODE_INVITE);
}

static void test_register_needs_the_right_signature(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1), *other = rig_open(&rig, 1);
    struct link_message m = rig_register_message(d, 0, "other.example:443", invite);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    m = rig_register_message(other, 0, RIG_ORIGIN, invite); // another connection's challenge
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    m = rig_register_message(d, 0, RIG_ORIGIN, invite);
    const uint8_t invite2[LINK_INVITE_BYTES] = {1};
    m.invite = invite2; // not the one that was signed
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    m.invite = invite;
    m.key = (const uint8_t *)"no key at all";
    m.key_len = 13;
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    expect_registered(d, 0, LINK_CODE_NONE); // none of this used the invitation up
}

static void test_register_is_limited_by_address(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct rig_device *d = rig_open(&rig, 1);
        rig_send(d,
                 &(struct link_message){.type = LINK_INVITE_CHECK, .request = 9, .invite = invite});
        assert_int_equal(rig_expect(d, LINK_OK).request, 9);
    }
    expect_registered(rig_open(&rig, 1), 0, LINK_CODE_LIMIT);
    expect_registered(rig_open(&rig, 2), 0, LINK_CODE_NONE);
    rig_pass(&rig, 6 * SOTTO_NS_PER_S);
    expect_registered(rig_open(&rig, 1), 0, LINK_CODE_NONE);
}

static void test_invite_check_changes_nothing(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    const uint8_t unknown[LINK_INVITE_BYTES] = {0};
    struct link_message m = {.type = LINK_INVITE_CHECK, .request = 5, .invite = unknown};
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_INVITE);
    m.invite = invite;
    rig_send(d, &m);
    assert_int_equal(rig_expect(d, LINK_OK).request, 5);
    expect_registered(d, 0, LINK_CODE_NONE);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_INVITE);
}

static void test_storage_trouble_is_said(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    relay_memory_fail(rig.store, SOTTO_EFULL);
    expect_registered(d, 0, LINK_CODE_STORAGE);
    struct link_message m = rig_login_message(d, 0, RIG_ORIGIN, 0);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_STORAGE);
    rig_dial(d, 2, 1);
    rig_expect_code(d, LINK_CLOSE, LINK_CODE_STORAGE);
    relay_memory_fail(rig.store, 0);
    expect_registered(d, 0, LINK_CODE_NONE);
}

static void test_login_denied(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    struct rig_device *d = rig_open(&rig, 1), *other = rig_open(&rig, 1);
    struct link_message m = rig_login_message(other, 0, RIG_ORIGIN, 0);
    assert_int_equal(rig_send(d, &m), 0); // another connection's challenge
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    m = rig_login_message(d, 0, RIG_ORIGIN, 0);
    m.flags = LINK_LOGIN_RING; // not what was signed
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
    m = rig_login_message(d, 1, RIG_ORIGIN, 0);
    assert_true(rig_send(d, &m) < 0); // the third refusal is the last
    rig_expect_code(d, LINK_FAILED, LINK_CODE_NO_LINE);
    assert_int_equal(d->why, LINK_CODE_DENIED);
    assert_int_equal(rig_stats(&rig).logins_denied, 3);
    assert_int_equal(rig_stats(&rig).lines_online, 0);
}

static void test_logins_are_limited_by_address(void **state)
{
    (void)state;
    relay_engine_set_limits(rig.engine, &(struct relay_limits){.logins_per_address_per_minute = 3});
    rig_line(&rig, 0);
    struct rig_device *d = NULL;
    for (int i = 0; i < 3; i++)
        d = rig_login(&rig, 1, 0, 0);
    struct link_message m = rig_login_message(d, 0, RIG_ORIGIN, 0);
    for (int i = 0; i < 5; i++) { // not a refusal that counts
        assert_int_equal(rig_send(d, &m), 0);
        rig_expect_code(d, LINK_FAILED, LINK_CODE_LIMIT);
    }
    rig_login(&rig, 2, 0, 0);
    rig_pass(&rig, 20 * SOTTO_NS_PER_S);
    assert_int_equal(rig_send(d, &m), 0);
    rig_expect(d, LINK_OK);
}

static void test_every_configured_origin_counts(void **state)
{
    (void)state;
    static const char *const good[] = {RIG_ORIGIN, RIG_ORIGIN_2, RIG_ORIGIN_3};
    rig_line(&rig, 0);
    for (size_t i = 0; i < 3; i++) {
        struct rig_device *d = rig_open(&rig, 1);
        struct link_message m = rig_login_message(d, 0, good[i], 0);
        rig_send(d, &m);
        rig_expect(d, LINK_OK);
    }
    struct rig_device *d = rig_open(&rig, 1);
    struct link_message m = rig_login_message(d, 0, "relay.example:8443", 0);
    rig_send(d, &m);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_DENIED);
}

static void test_newest_device_rings(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    struct rig_device *caller = rig_open(&rig, 9);
    struct rig_device *mute = rig_login(&rig, 1, 0, 0);
    rig_dial(caller, 0, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_OFFLINE); // nobody there rings
    struct rig_device *first = rig_login(&rig, 2, 0, LINK_LOGIN_RING);
    assert_true(rig_quiet(first));
    rig_call(caller, 0, first, 1);
    struct rig_device *second = rig_login(&rig, 3, 0, LINK_LOGIN_RING);
    rig_expect(first, LINK_REPLACED);
    assert_true(rig_quiet(mute));
    rig_call(caller, 2, second, 1);
    rig_login(&rig, 4, 0, 0); // newer, but does not ring
    assert_true(rig_quiet(second));
    rig_drop(second);
    rig_call(caller, 4, first, 1); // rings again
    struct link_message m = rig_login_message(first, 0, RIG_ORIGIN, 0);
    rig_send(first, &m); // asks not to ring any more
    rig_expect(first, LINK_OK);
    rig_dial(caller, 6, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_OFFLINE);
    assert_true(rig_quiet(mute));
}

static void test_same_login_again_replaces_nobody(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    struct rig_device *d = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    struct link_message m = rig_login_message(d, 0, RIG_ORIGIN, LINK_LOGIN_RING);
    assert_int_equal(rig_send(d, &m), 0);
    rig_expect(d, LINK_OK);
    assert_true(rig_quiet(d));
    assert_int_equal(rig_stats(&rig).lines_online, 1);
}

static void test_one_connection_one_line(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    rig_line(&rig, 1);
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    struct link_message m = rig_login_message(d, 1, RIG_ORIGIN, 0);
    assert_int_equal(rig_send(d, &m), SOTTO_EPROTO);
    rig_expect_code(d, LINK_FAILED, LINK_CODE_PROTOCOL);
}

static void test_ninth_device_pushes_the_oldest_idle_one_out(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    struct rig_device *d[RELAY_DEVICES_PER_LINE_MAX + 1];
    d[0] = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    rig_call(rig_open(&rig, 9), 0, d[0], 1); // the oldest has a call: it stays
    for (size_t i = 1; i <= RELAY_DEVICES_PER_LINE_MAX; i++) {
        assert_false(d[i - 1]->closed);
        d[i] = rig_login(&rig, 1, 0, 0);
    }
    assert_false(d[0]->closed);
    assert_true(d[1]->closed);
    rig_expect_code(d[1], LINK_FAILED, LINK_CODE_LIMIT);
    assert_int_equal(d[1]->why, LINK_CODE_LIMIT);
    for (size_t i = 2; i <= RELAY_DEVICES_PER_LINE_MAX; i++)
        assert_false(d[i]->closed);
}

static void test_operator_drops_a_line(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    rig_line(&rig, 1);
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    rig_number(&rig, 2, 1, 0, LINK_CALLS_UNLIMITED);
    struct rig_device *gone = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    struct rig_device *other = rig_login(&rig, 2, 1, LINK_LOGIN_RING);
    struct rig_device *caller = rig_open(&rig, 3);
    rig_call(caller, 0, gone, 1);
    rig_call(caller, 2, other, 2);
    struct rig_call detached = rig_call(caller, 4, gone, 1);
    (void)detached;
    relay_engine_drop_line(rig.engine, rig_line_id(0), rig.now);
    assert_true(gone->closed);
    assert_int_equal(gone->why, LINK_CODE_NO_LINE);
    assert_int_equal(rig_expect(caller, LINK_CLOSE).circuit, 0);
    assert_int_equal(rig_expect(caller, LINK_CLOSE).circuit, 4);
    assert_true(rig_quiet(caller));
    assert_true(rig_quiet(other));
    assert_false(other->closed);
    assert_int_equal(rig_stats(&rig).circuits, 1);
    relay_engine_drop_line(rig.engine, rig_line_id(2), rig.now); // not online: nothing happens
}

// ---- numbers --------------------------------------------------------------------------------

static struct link_message put(uint8_t n, uint64_t expires, uint32_t calls_left)
{
    static uint8_t hash[LINK_TOKEN_HASH_BYTES];
    sotto_token_hash(rig_token(n), hash);
    return (struct link_message){.type = LINK_NUMBER_PUT,
                                 .request = ++rig.request,
                                 .token_hash = hash,
                                 .expires_unix_s = expires,
                                 .calls_left = calls_left};
}

static void expect_put(struct rig_device *d, struct link_message m, enum link_code code)
{
    assert_int_equal(rig_send(d, &m), 0);
    if (code == LINK_CODE_NONE)
        assert_int_equal(rig_expect(d, LINK_OK).request, m.request);
    else
        rig_expect_code(d, LINK_FAILED, code);
}

static void test_numbers_need_a_login(void **state)
{
    (void)state;
    struct rig_device *d = rig_open(&rig, 1);
    struct link_message m = put(1, 0, 1);
    expect_put(d, m, LINK_CODE_DENIED);
    m.type = LINK_NUMBER_REMOVE;
    expect_put(d, m, LINK_CODE_DENIED);
    assert_false(d->closed);
}

static void test_number_put_change_remove(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    struct rig_device *d = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    struct rig_device *caller = rig_open(&rig, 2);
    expect_put(d, put(1, 0, 0), LINK_CODE_NONE);
    rig_dial(caller, 0, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_UNAVAILABLE);
    expect_put(d, put(1, 0, 1), LINK_CODE_NONE);
    expect_put(d, put(1, 0, 1), LINK_CODE_NONE);
    rig_call(caller, 0, d, 1);
    struct link_message m = put(1, 0, 0);
    m.type = LINK_NUMBER_REMOVE;
    expect_put(d, m, LINK_CODE_NONE);
    expect_put(d, m, LINK_CODE_NONE); // idempotent
    rig_dial(caller, 2, 1);
    rig_expect_code(caller, LINK_CLOSE, LINK_CODE_UNAVAILABLE);
}

static void test_another_lines_number_is_out_of_reach(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    rig_line(&rig, 1);
    struct rig_device *owner = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
    struct rig_device *thief = rig_login(&rig, 2, 1, LINK_LOGIN_RING);
    expect_put(owner, put(1, 0, 5), LINK_CODE_NONE);
    expect_put(thief, put(1, 0, 5), LINK_CODE_DENIED);
    struct link_message m = put(1, 0, 0);
    m.type = LINK_NUMBER_REMOVE;
    expect_put(thief, m, LINK_CODE_NONE); // says OK, does nothing
    rig_call(rig_open(&rig, 3), 0, owner, 1);
}

static void test_number_limits(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    relay_engine_set_limits(rig.engine, &(struct relay_limits){.numbers_per_line = 3});
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    for (uint8_t i = 0; i < 3; i++)
        expect_put(d, put(i, 0, 5), LINK_CODE_NONE);
    expect_put(d, put(4, 0, 5), LINK_CODE_LIMIT); // writing too fast
    rig_pass(&rig, SOTTO_NS_PER_S);
    expect_put(d, put(4, 0, 5), LINK_CODE_LIMIT); // too many
    expect_put(d, put(2, 0, 6), LINK_CODE_NONE);  // changing is fine
    struct link_message m = put(4, UINT64_MAX, 1);
    assert_int_equal(rig_send(d, &m), SOTTO_EPROTO);
}

static void test_number_storage_trouble(void **state)
{
    (void)state;
    rig_line(&rig, 0);
    struct rig_device *d = rig_login(&rig, 1, 0, 0);
    relay_memory_fail(rig.store, SOTTO_EFULL);
    struct link_message m = put(1, 0, 5);
    expect_put(d, m, LINK_CODE_STORAGE);
    m.type = LINK_NUMBER_REMOVE;
    expect_put(d, m, LINK_CODE_STORAGE);
    relay_memory_fail(rig.store, 0);
    assert_int_equal(relay_memory_line_remove(rig.store, rig_line_id(0)), 0);
    expect_put(d, put(1, 0, 5), LINK_CODE_NO_LINE); // withdrawn behind our back
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(test_register_then_login),
        T(test_register_again_after_a_crash),
        T(test_invitation_expires),
        T(test_register_needs_the_right_signature),
        T(test_register_is_limited_by_address),
        T(test_invite_check_changes_nothing),
        T(test_storage_trouble_is_said),
        T(test_login_denied),
        T(test_logins_are_limited_by_address),
        T(test_every_configured_origin_counts),
        T(test_newest_device_rings),
        T(test_same_login_again_replaces_nobody),
        T(test_one_connection_one_line),
        T(test_ninth_device_pushes_the_oldest_idle_one_out),
        T(test_operator_drops_a_line),
        T(test_numbers_need_a_login),
        T(test_number_put_change_remove),
        T(test_another_lines_number_is_out_of_reach),
        T(test_number_limits),
        T(test_number_storage_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
