// SPDX-License-Identifier: Apache-2.0
// The engine with memory running out at each allocation in turn: everything either works or is
// refused, nothing leaks, and what was there before goes on working.
#include "unit.h"

#include <string.h>

#include "engine_rig.h"

static void test_engine_itself(void **state)
{
    (void)state;
    static struct rig_memory memory;
    rig_init(&rig, NULL); // for its outputs and store
    struct relay_config cfg = {.origin = RIG_ORIGIN, .store = relay_memory_store(rig.store)};
    rig_config_outputs(&rig, &cfg);
    int rc = SOTTO_ENOMEM;
    size_t n = 0;
    while (rc != 0) {
        struct relay_engine *e = NULL;
        rig_memory_init(&memory, 1);
        memory.fail_at = ++n;
        rc = relay_engine_new(&e, &cfg, &memory.env);
        assert_true(rc == 0 || (rc == SOTTO_ENOMEM && e == NULL));
        relay_engine_free(e);
        assert_int_equal(memory.live, 0);
    }
    assert_in_range(n, 6, 20);
    rig_deinit(&rig);
}

// One of everything that allocates, on connections that are there already or are refused.
static void scenario(struct rig *r, struct rig_call *before)
{
    const uint8_t address[16] = {7}, place[LINK_PLACE_BYTES] = {7};
    struct rig_device *d = before->caller;
    struct relay_conn *conn;
    for (int i = 0; i < 40; i++) { // more than the timers' first reserve holds
        if (relay_conn_open(r->engine, &conn, NULL, address, r->now) == 0)
            relay_conn_closed(r->engine, conn, r->now);
    }
    rig_send(d, &(struct link_message){.type = LINK_MEET, .circuit = 20, .place = place});
    rig_dial(d, 22, 1);
    struct rig_device *other = r->devices[2];
    rig_send(other, &(struct link_message){.type = LINK_MEET, .circuit = 20, .place = place});
    struct link_message m = rig_login_message(other, 1, RIG_ORIGIN, LINK_LOGIN_RING);
    rig_send(other, &m);
}

static void test_requests(void **state)
{
    (void)state;
    size_t total = 1;
    for (size_t n = 1; n <= total; n++) {
        rig_init(&rig, NULL);
        rig_line(&rig, 0);
        rig_line(&rig, 1);
        rig_number(&rig, 1, 0, 0, 1);
        struct rig_device *callee = rig_login(&rig, 1, 0, LINK_LOGIN_RING);
        struct rig_device *caller = rig_open(&rig, 2);
        rig_open(&rig, 3);
        struct rig_call call = rig_call(caller, 0, callee, 1);
        size_t before = rig.memory.allocations;
        rig.memory.fail_at = n == 1 ? 0 : before + n - 1; // the first run counts
        scenario(&rig, &call);
        if (n == 1)
            total = rig.memory.allocations - before + 1;
        rig.memory.fail_at = 0;
        assert_false(caller->closed);
        assert_false(callee->closed);
        rig_send_cell(caller, 0, 1);
        assert_int_equal(callee->datagrams, 1);
        rig_deinit(&rig); // checks for leaks
    }
    assert_in_range(total, 45, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_itself),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
