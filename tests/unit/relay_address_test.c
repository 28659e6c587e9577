// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/relay_address.h"

#include <stdio.h>
#include <string.h>

static void good_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *formatted, *origin;
    } good[] = {
        {"relay.example", "relay.example", 443, "relay.example", "relay.example:443"},
        {"Relay.EXAMPLE:443", "relay.example", 443, "relay.example", "relay.example:443"},
        {"relay.example:8443", "relay.example", 8443, "relay.example:8443", "relay.example:8443"},
        {"r:1", "r", 1, "r:1", "r:1"},
        {"x-y.z9:65535", "x-y.z9", 65535, "x-y.z9:65535", "x-y.z9:65535"},
        {"127.0.0.1:4433", "127.0.0.1", 4433, "127.0.0.1:4433", "127.0.0.1:4433"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", 443, "xn--bcher-kva.example",
         "xn--bcher-kva.example:443"},
        {"[::1]", "::1", 443, "[::1]", "[::1]:443"},
        {"[2001:DB8::1]:00080", "2001:db8::1", 80, "[2001:db8::1]:80", "[2001:db8::1]:80"},
        {"[::ffff:192.0.2.1]", "::ffff:192.0.2.1", 443, "[::ffff:192.0.2.1]",
         "[::ffff:192.0.2.1]:443"},
        {"[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7::", 443, "[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]:443"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sotto_relay_address a = {.pinned = true, .pin = {7}};
        char text[RELAY_AUTHORITY_TEXT_BYTES], origin[SOTTO_ORIGIN_TEXT_BYTES];
        assert_int_equal(relay_authority_parse(&a, good[i].text, strlen(good[i].text)), 0);
        assert_string_equal(a.host, good[i].host);
        assert_int_equal(a.port, good[i].port);
        assert_true(a.pinned && a.pin[0] == 7);
        assert_int_equal(relay_authority_format(&a, false, text), strlen(good[i].formatted));
        assert_string_equal(text, good[i].formatted);
        assert_int_equal(sotto_relay_origin(&a, origin), strlen(good[i].origin));
        assert_string_equal(origin, good[i].origin);
    }
}

static void bad_ones(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":443",
        ".",
        "a..b",
        ".a",
        "a.",
        "-a.example",
        "a-.example",
        "a_b.example",
        "a b",
        "a/b",
        "user@host",
        "b\303\274cher.example",
        "host:",
        "host:0",
        "host:65536",
        "host:100000",
        "host:-1",
        "host:+1",
        "host: 1",
        "host:1x",
        "host:1:2",
        "2001:db8::1",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "[::1]443",
        "[::1]:",
        "[fe80::1%eth0]",
        "[relay.example]",
        "[1]",
        "[1:2]",
        "[g::]",
        "[1:2:3:4:5:6:7:8:9::]",
        "[0000:0000:0000:0000:0000:0000:255.255.255.2555]",
    };
    struct sotto_relay_address a, before;
    memset(&a, 0x44, sizeof a);
    memcpy(&before, &a, sizeof before);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(relay_authority_parse(&a, bad[i], strlen(bad[i])), SOTTO_EPARSE);
    }
    assert_int_equal(relay_authority_parse(&a, "a\0b", 3), SOTTO_EPARSE);
    assert_memory_equal(&a, &before, sizeof a);
}

static void lengths(void **state)
{
    (void)state;
    char host[SOTTO_HOST_MAX_BYTES + 2];
    char text[RELAY_AUTHORITY_TEXT_BYTES], origin[SOTTO_ORIGIN_TEXT_BYTES];
    struct sotto_relay_address a = {0};
    memset(host, 'h', sizeof host);
    assert_int_equal(relay_authority_parse(&a, host, 63), 0);
    assert_int_equal(relay_authority_parse(&a, host, 64), SOTTO_EPARSE);
    host[63] = host[127] = host[191] = '.';
    assert_int_equal(relay_authority_parse(&a, host, SOTTO_HOST_MAX_BYTES), 0);
    assert_int_equal(strlen(a.host), SOTTO_HOST_MAX_BYTES);
    assert_int_equal(relay_authority_parse(&a, host, SOTTO_HOST_MAX_BYTES + 1), SOTTO_EPARSE);
    a.port = 65535;
    assert_int_equal(relay_authority_format(&a, true, text), SOTTO_HOST_MAX_BYTES + 6);
    // Longer than what is signed can name.
    assert_int_equal(sotto_relay_origin(&a, origin), SOTTO_EINVAL);
    a.host[SOTTO_HOST_MAX_BYTES - 4] = '\0';
    assert_int_equal(sotto_relay_origin(&a, origin), 255);
}

static void what_cannot_be_read_is_not_written(void **state)
{
    (void)state;
    static const char *const hosts[] = {"",    "A.example", "a_b", "a/b",
                                        "a:b", "[::1]",     "a b", "::G"};
    char text[RELAY_AUTHORITY_TEXT_BYTES] = "unchanged";
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct sotto_relay_address a = {.port = 443};
        snprintf(a.host, sizeof a.host, "%s", hosts[i]);
        assert_int_equal(relay_authority_format(&a, false, text), SOTTO_EINVAL);
        assert_int_equal(relay_authority_format(&a, true, text), SOTTO_EINVAL);
    }
    struct sotto_relay_address a = {.host = "host", .port = 0};
    assert_int_equal(relay_authority_format(&a, false, text), SOTTO_EINVAL);
    memset(a.host, 'x', sizeof a.host);
    a.port = 443;
    assert_int_equal(relay_authority_format(&a, false, text), SOTTO_EINVAL);
    assert_string_equal(text, "unchanged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(lengths),
        cmocka_unit_test(what_cannot_be_read_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
