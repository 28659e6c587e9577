// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/link_text.h"

#include <string.h>

static const struct sotto_relay_address relay = {.host = "relay.example", .port = 443};

static void a_payload_comes_back(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 4, 83, LINK_PAYLOAD_MAX_BYTES};
    uint8_t payload[LINK_PAYLOAD_MAX_BYTES];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 5 + 77);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char text[1024];
        struct link_text got;
        assert_true(link_text_format(&relay, payload, lengths[i], text, sizeof text) > 0);
        assert_int_equal(link_text_parse(&got, text), 0);
        assert_string_equal(got.relay.host, "relay.example");
        assert_int_equal(got.relay.port, 443);
        assert_int_equal(got.len, lengths[i]);
        assert_memory_equal(got.payload, payload, lengths[i]);
    }
}

static void limits(void **state)
{
    (void)state;
    static const uint8_t payload[LINK_PAYLOAD_MAX_BYTES + 1];
    char text[1024];
    struct link_text got;
    assert_int_equal(link_text_format(&relay, payload, sizeof payload, text, sizeof text),
                     SOTTO_EINVAL);
    // A checksum of nothing is no link: there is no kind.
    assert_true(link_text_format(&relay, payload, 0, text, sizeof text) > 0);
    assert_int_equal(link_text_parse(&got, text), SOTTO_ELINK_MALFORMED);
}

static void known_kinds(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        assert_int_equal(link_kind_known((uint8_t)kind), kind == 1 || kind == 2);
    }
}

static void failure_leaves_the_output_alone(void **state)
{
    (void)state;
    struct link_text got, before;
    memset(&got, 0x19, sizeof got);
    memcpy(&before, &got, sizeof before);
    assert_int_equal(link_text_parse(&got, "https://relay.example/#AQAB"), SOTTO_ELINK_DAMAGED);
    assert_int_equal(link_text_parse(&got, "https://relay.example/"), SOTTO_ELINK_MALFORMED);
    assert_memory_equal(&got, &before, sizeof got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_comes_back),
        cmocka_unit_test(limits),
        cmocka_unit_test(known_kinds),
        cmocka_unit_test(failure_leaves_the_output_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
