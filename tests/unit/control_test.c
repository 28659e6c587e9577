// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/base.h>
#include <string.h>

#include "wire/control.h"

static uint8_t buf[CONTROL_MESSAGE_MAX_BYTES + 8];
static uint8_t flight[CONTROL_FLIGHT_MAX_BYTES + 1];

static void same(const struct control_message *m, size_t len)
{
    struct control_message got = {0};
    assert_int_equal(control_encode(m, buf, sizeof buf), len);
    assert_int_equal(control_decode(&got, buf, len), SOTTO_OK);
    assert_int_equal(got.type, m->type);
    assert_int_equal(got.reason, m->reason);
    assert_int_equal(got.flag, m->flag);
    assert_int_equal(got.flight_len, m->flight_len);
    if (m->flight_len)
        assert_memory_equal(got.flight, m->flight, m->flight_len);
}

static void each_message_comes_back(void **state)
{
    (void)state;
    same(&(struct control_message){.type = CONTROL_RINGING}, 1);
    same(&(struct control_message){.type = CONTROL_ACCEPT}, 1);
    same(&(struct control_message){.type = CONTROL_ACTIVE}, 1);
    same(&(struct control_message){.type = CONTROL_REKEY_ASK}, 1);
    for (uint8_t reason = 0; reason <= CONTROL_END_ERROR; reason++)
        same(&(struct control_message){.type = CONTROL_END, .reason = reason}, 2);
    same(&(struct control_message){.type = CONTROL_HOLD, .flag = false}, 2);
    same(&(struct control_message){.type = CONTROL_HOLD, .flag = true}, 2);
    for (size_t i = 0; i < sizeof flight; i++)
        flight[i] = (uint8_t)(i * 7);
    same(&(struct control_message){.type = CONTROL_REKEY_FLIGHT, .flight = flight, .flight_len = 1},
         2);
    same(&(struct control_message){.type = CONTROL_REKEY_FLIGHT,
                                   .flight = flight,
                                   .flight_len = CONTROL_FLIGHT_MAX_BYTES},
         CONTROL_MESSAGE_MAX_BYTES);
}

static void what_cannot_be_said_is_not_encoded(void **state)
{
    (void)state;
    struct control_message m = {.type = CONTROL_REKEY_FLIGHT, .flight = flight, .flight_len = 0};
    assert_int_equal(control_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.flight_len = CONTROL_FLIGHT_MAX_BYTES + 1;
    assert_int_equal(control_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m = (struct control_message){.type = (enum control_type)0};
    assert_int_equal(control_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.type = (enum control_type)8;
    assert_int_equal(control_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m = (struct control_message){.type = CONTROL_END};
    assert_int_equal(control_encode(&m, buf, 1), SOTTO_ESPACE);
    assert_int_equal(control_encode(&m, buf, 2), 2);
}

static void refused(const void *bytes, size_t len)
{
    struct control_message m;
    memset(&m, 0x5a, sizeof m);
    struct control_message before = m;
    assert_int_equal(control_decode(&m, bytes, len), SOTTO_EPARSE);
    assert_memory_equal(&m, &before, sizeof m); // unchanged on failure
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    refused("", 0);
    refused("\x00", 1);
    refused("\x08", 1);
    refused("\xff", 1);
    refused("\x01\x00", 2);     // something behind
    refused("\x04", 1);         // END without a reason
    refused("\x04\x08", 2);     // an unknown one
    refused("\x04\x00\x00", 3); // something behind
    refused("\x05", 1);
    refused("\x05\x02", 2); // neither yes nor no
    refused("\x07", 1);     // an empty flight
    memset(buf, CONTROL_REKEY_FLIGHT, sizeof buf);
    refused(buf, CONTROL_MESSAGE_MAX_BYTES + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_comes_back),
        cmocka_unit_test(what_cannot_be_said_is_not_encoded),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
