// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <stdio.h>
#include <string.h>

#include "identity/link_text.h"

// Written down from the format in <sotto/identity.h>, made with Python's hashlib and base64
// modules: token 00..0f, secret 20..3f, fingerprint 40..5f, pin 80..9f.
#define KEYS           "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX"
#define PLAIN_FRAGMENT "AQAAAQIDBAUGBwgJCgsMDQ4P" KEYS "w1BbmdlbGEgTWVya2VsewWHIw"
static const char plain_text[] = "https://relay.example/#" PLAIN_FRAGMENT;
static const char full_text[] =
    "https://[2001:db8::1]:8443/#AQOAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enwABAgMEBQYHCAkKCwwNDg"
    "8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fAAAAAGtJ"
    "0gAIw4lseXPDqWXtDbxf";
// The first with calls 3; the second with calls 1.
static const char counted_text[] =
    "https://relay.example/#AQQAAQIDBAUGBwgJCgsMDQ4PICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQ"
    "UJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eXwAAAAMNQW5nZWxhIE1lcmtlbDgDWoU";
static const char terms_text[] =
    "https://[2001:db8::1]:8443/#AQeAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enwABAgMEBQYHCAkKCwwN"
    "Dg8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fAAAA"
    "AGtJ0gAAAAABCMOJbHlzw6ll-DyACQ";
static const char invite_text[] = "https://relay.example/#AgAAAQIDBAUGBwgJCgsMDQ4Pi3FBBQ";
static const char pinned_invite_text[] =
    "https://127.0.0.1:4433/#AgGAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enwABAgMEBQYHCAkKCwwNDg_"
    "VeuaW";

static void count_up(uint8_t *out, size_t len, unsigned from)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(from + i);
    }
}

static struct sotto_number_link plain_link(void)
{
    struct sotto_number_link l = {
        .relay = {.host = "relay.example", .port = 443},
        .name = "Angela Merkel",
    };
    count_up(l.token, sizeof l.token, 0);
    count_up(l.secret.bytes, sizeof l.secret.bytes, 0x20);
    count_up(l.callee.bytes, sizeof l.callee.bytes, 0x40);
    return l;
}

static struct sotto_number_link full_link(void)
{
    struct sotto_number_link l = plain_link();
    l.relay = (struct sotto_relay_address){.host = "2001:db8::1", .port = 8443, .pinned = true};
    count_up(l.relay.pin, sizeof l.relay.pin, 0x80);
    l.expires_unix_s = 1800000000;
    strcpy(l.name, "\xc3\x89lys\xc3\xa9\x65");
    return l;
}

static void assert_links_equal(const struct sotto_number_link *a, const struct sotto_number_link *b)
{
    assert_string_equal(a->relay.host, b->relay.host);
    assert_int_equal(a->relay.port, b->relay.port);
    assert_int_equal(a->relay.pinned, b->relay.pinned);
    assert_memory_equal(a->relay.pin, b->relay.pin, SOTTO_PIN_BYTES);
    assert_memory_equal(a->token, b->token, SOTTO_TOKEN_BYTES);
    assert_memory_equal(a->secret.bytes, b->secret.bytes, SOTTO_SECRET_BYTES);
    assert_memory_equal(a->callee.bytes, b->callee.bytes, SOTTO_FINGERPRINT_BYTES);
    assert_true(a->expires_unix_s == b->expires_unix_s);
    assert_int_equal(a->calls, b->calls);
    assert_string_equal(a->name, b->name);
}

static void assert_written(const struct sotto_number_link *l, const char *expected)
{
    char text[SOTTO_LINK_MAX_BYTES];
    struct sotto_number_link got;
    assert_int_equal(sotto_number_link_format(l, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(sotto_number_link_parse(&got, text), 0);
    assert_links_equal(&got, l);
}

static void numbers_as_written_down(void **state)
{
    (void)state;
    struct sotto_number_link l = plain_link();
    assert_written(&l, plain_text);
    l.calls = 3;
    assert_written(&l, counted_text);
    l = full_link();
    assert_written(&l, full_text);
    l.calls = 1;
    assert_written(&l, terms_text);
}

static void invites_as_written_down(void **state)
{
    (void)state;
    char text[SOTTO_LINK_MAX_BYTES];
    struct sotto_invite_link l = {.relay = {.host = "relay.example", .port = 443}}, got;
    count_up(l.invite, sizeof l.invite, 0);
    assert_int_equal(sotto_invite_link_format(&l, text, sizeof text), strlen(invite_text));
    assert_string_equal(text, invite_text);
    assert_int_equal(sotto_invite_link_parse(&got, text), 0);
    assert_memory_equal(got.invite, l.invite, sizeof l.invite);
    assert_string_equal(got.relay.host, "relay.example");
    assert_int_equal(got.relay.port, 443);
    assert_false(got.relay.pinned);

    l.relay = (struct sotto_relay_address){.host = "127.0.0.1", .port = 4433, .pinned = true};
    count_up(l.relay.pin, sizeof l.relay.pin, 0x80);
    assert_int_equal(sotto_invite_link_format(&l, text, sizeof text), strlen(pinned_invite_text));
    assert_string_equal(text, pinned_invite_text);
    assert_int_equal(sotto_invite_link_parse(&got, text), 0);
    assert_true(got.relay.pinned);
    assert_memory_equal(got.relay.pin, l.relay.pin, SOTTO_PIN_BYTES);
}

static void the_longest_link_fits(void **state)
{
    (void)state;
    struct sotto_number_link l = full_link(), got;
    char text[SOTTO_LINK_MAX_BYTES];
    memset(l.name, 'n', SOTTO_NAME_MAX_BYTES);
    l.name[SOTTO_NAME_MAX_BYTES] = '\0';
    memset(l.relay.host, 'h', SOTTO_HOST_MAX_BYTES);
    l.relay.host[SOTTO_HOST_MAX_BYTES] = '\0';
    l.relay.host[63] = l.relay.host[127] = l.relay.host[191] = '.';
    l.relay.port = 65535;
    l.expires_unix_s = INT64_MAX;
    l.calls = SOTTO_CALLS_UNLIMITED - 1;
    int len = sotto_number_link_format(&l, text, sizeof text);
    assert_in_range(len, 500, SOTTO_LINK_MAX_BYTES - 1);
    assert_int_equal(sotto_number_link_parse(&got, text), 0);
    assert_links_equal(&got, &l);
}

static void small_buffers_are_left_alone(void **state)
{
    (void)state;
    struct sotto_number_link l = plain_link();
    char text[sizeof plain_text];
    for (size_t cap = 0; cap < sizeof plain_text; cap++) {
        memset(text, 0x11, sizeof text);
        assert_int_equal(sotto_number_link_format(&l, text, cap), SOTTO_ESPACE);
        assert_int_equal(text[0], 0x11);
        assert_int_equal(text[sizeof text - 1], 0x11);
    }
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), sizeof text - 1);
}

static void nonsense_is_not_formatted(void **state)
{
    (void)state;
    char text[SOTTO_LINK_MAX_BYTES];
    struct sotto_number_link l = plain_link();
    l.expires_unix_s = -1;
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), SOTTO_EINVAL);
    l = plain_link();
    l.calls = SOTTO_CALLS_UNLIMITED;
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), SOTTO_EINVAL);
    l = plain_link();
    strcpy(l.name, "a\nb");
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), SOTTO_EINVAL);
    l = plain_link();
    l.relay.port = 0;
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), SOTTO_EINVAL);
    l = plain_link();
    strcpy(l.relay.host, "a host");
    assert_int_equal(sotto_number_link_format(&l, text, sizeof text), SOTTO_EINVAL);
    // A link may be without a name.
    l = plain_link();
    l.name[0] = '\0';
    assert_true(sotto_number_link_format(&l, text, sizeof text) > 0);
    assert_int_equal(sotto_number_link_parse(&l, text), 0);
    assert_string_equal(l.name, "");
}

static void as_people_paste_it(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "  %s\r\n",
        "<%s>",
        "\"%s\"",
        "'%s' ",
        "\t< \"%s\" >",
        "\xe2\x80\x9c%s\xe2\x80\x9d",
        "\xc2\xab\xc2\xa0%s\xc2\xa0\xc2\xbb",
        "`%s`",
    };
    static const char *const links[] = {
        "https://relay.example/#" PLAIN_FRAGMENT,     "relay.example/#" PLAIN_FRAGMENT,
        "HTTPS://Relay.Example:443/#" PLAIN_FRAGMENT, "https://relay.example#" PLAIN_FRAGMENT,
        "https://relay.example/%23" PLAIN_FRAGMENT,
    };
    struct sotto_number_link expected = plain_link();
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct sotto_number_link got;
        assert_int_equal(sotto_number_link_parse(&got, links[i]), 0);
        assert_links_equal(&got, &expected);
        for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
            char text[SOTTO_LINK_MAX_BYTES];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof text, forms[k], links[i]);
#pragma GCC diagnostic pop
            assert_int_equal(sotto_number_link_parse(&got, text), 0);
            assert_links_equal(&got, &expected);
        }
    }
}

static void percent_encoding_is_undone(void **state)
{
    (void)state;
    // Every character of the fragment, as a zealous program sends it.
    char text[2048] = "https://[2001:db8::1]:8443/#";
    char *at = text + strlen(text);
    for (const char *f = strchr(full_text, '#') + 1; *f != '\0'; f++) {
        at += sprintf(at, *f == '-' ? "%%%02x" : "%%%02X", (unsigned)*f);
    }
    struct sotto_number_link got, expected = full_link();
    assert_int_equal(sotto_number_link_parse(&got, text), 0);
    assert_links_equal(&got, &expected);

    struct sotto_invite_link invite;
    assert_int_equal(sotto_invite_link_parse(
                         &invite, "https://127.0.0.1:4433/#AgGAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZq"
                                  "bnJ2enwABAgMEBQYHCAkKCwwNDg%5fVeuaW"),
                     0);
    // Cut off within.
    at[-1] = '\0';
    assert_true(sotto_number_link_parse(&got, text) < 0);
}

static void other_pages_are_not_links(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "<>",
        "hello",
        "https://relay.example/",
        "https://relay.example/#",
        "https://relay.example/#section",
        "https://relay.example/#top-of-the-page",
        "https://relay.example/page#" PLAIN_FRAGMENT,
        "https://relay.example/?q=1#" PLAIN_FRAGMENT,
        "http://relay.example/#" PLAIN_FRAGMENT,
        "https:///#" PLAIN_FRAGMENT,
        "https://user@relay.example/#" PLAIN_FRAGMENT,
        "https://relay.example:0/#" PLAIN_FRAGMENT,
        "https://relay example/#" PLAIN_FRAGMENT,
        "#" PLAIN_FRAGMENT,
        PLAIN_FRAGMENT,
        "tel:+15550100",
    };
    struct sotto_number_link l = full_link(), before = full_link();
    struct sotto_invite_link i;
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        assert_int_equal(sotto_number_link_parse(&l, texts[k]), SOTTO_ELINK_MALFORMED);
        assert_int_equal(sotto_invite_link_parse(&i, texts[k]), SOTTO_ELINK_MALFORMED);
    }
    assert_links_equal(&l, &before);
    static char endless[100000];
    memset(endless, ' ', sizeof endless - 1);
    assert_int_equal(sotto_number_link_parse(&l, endless), SOTTO_ELINK_MALFORMED);
    memset(endless, 'A', sizeof endless - 1);
    memcpy(endless, "https://r/#AQ", 13);
    assert_int_equal(sotto_number_link_parse(&l, endless), SOTTO_ELINK_MALFORMED);
}

static void damage_is_told_from_other_pages(void **state)
{
    (void)state;
    struct sotto_number_link l;
    char text[sizeof plain_text + 16];
    size_t start = strlen("https://relay.example/#");
    // Cut off anywhere behind the first two characters, which say that it is a number.
    for (size_t len = start + 2; len < sizeof plain_text - 1; len++) {
        memcpy(text, plain_text, len);
        text[len] = '\0';
        assert_int_equal(sotto_number_link_parse(&l, text), SOTTO_ELINK_DAMAGED);
    }
    // Any one character altered.
    for (size_t at = start + 2; at < sizeof plain_text - 1; at++) {
        strcpy(text, plain_text);
        text[at] = text[at] == 'x' ? 'y' : 'x';
        assert_int_equal(sotto_number_link_parse(&l, text), SOTTO_ELINK_DAMAGED);
    }
    static const char *const others[] = {
        "https://relay.example/#" PLAIN_FRAGMENT "...",
        "https://relay.example/#AQAAAQIDBAUG\xe2\x80\xa6",
        "https://relay.example/#" PLAIN_FRAGMENT " and call me",
        "https://relay.example/#" PLAIN_FRAGMENT "A",
        // The relay is part of it.
        "https://relay.exampli/#" PLAIN_FRAGMENT,
        "https://relay.example:444/#" PLAIN_FRAGMENT,
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(sotto_number_link_parse(&l, others[i]), SOTTO_ELINK_DAMAGED);
    }
}

// A link with a right checksum over whatever payload.
static int parse_payload(const uint8_t *payload, size_t len)
{
    struct sotto_relay_address relay = {.host = "relay.example", .port = 443};
    struct sotto_number_link l;
    char text[SOTTO_LINK_MAX_BYTES];
    assert_true(link_text_format(&relay, payload, len, text, sizeof text) > 0);
    return sotto_number_link_parse(&l, text);
}

static int parse_invite_payload(const uint8_t *payload, size_t len)
{
    struct sotto_relay_address relay = {.host = "relay.example", .port = 443};
    struct sotto_invite_link l;
    char text[SOTTO_LINK_MAX_BYTES];
    assert_true(link_text_format(&relay, payload, len, text, sizeof text) > 0);
    return sotto_invite_link_parse(&l, text);
}

static void newer_links_are_told(void **state)
{
    (void)state;
    uint8_t payload[LINK_PAYLOAD_MAX_BYTES] = {3};
    assert_int_equal(parse_payload(payload, 82), SOTTO_ELINK_VERSION);
    assert_int_equal(parse_invite_payload(payload, 82), SOTTO_ELINK_VERSION);
    assert_int_equal(parse_payload(payload, LINK_PAYLOAD_MAX_BYTES), SOTTO_ELINK_VERSION);
    payload[0] = 1;
    for (unsigned flag = 8; flag <= 128; flag *= 2) {
        payload[1] = (uint8_t)flag;
        assert_int_equal(parse_payload(payload, 83), SOTTO_ELINK_VERSION);
    }
    payload[0] = 2;
    payload[1] = 2;
    assert_int_equal(parse_invite_payload(payload, 18), SOTTO_ELINK_VERSION);
}

static void one_kind_is_not_the_other(void **state)
{
    (void)state;
    struct sotto_number_link n;
    struct sotto_invite_link i;
    assert_int_equal(sotto_number_link_parse(&n, invite_text), SOTTO_ELINK_MALFORMED);
    assert_int_equal(sotto_invite_link_parse(&i, plain_text), SOTTO_ELINK_MALFORMED);
}

static void payloads_are_exact(void **state)
{
    (void)state;
    // kind, flags, token, secret, fingerprint, empty name.
    uint8_t payload[200] = {1, 0};
    size_t len = 2 + 16 + 32 + 32 + 1;
    assert_int_equal(parse_payload(payload, len), 0);
    assert_int_equal(parse_payload(payload, len + 1), SOTTO_ELINK_MALFORMED);
    for (size_t cut = 2; cut < len; cut++) {
        assert_int_equal(parse_payload(payload, cut), SOTTO_ELINK_MALFORMED);
    }
    assert_int_equal(parse_payload(payload, 1), SOTTO_ELINK_MALFORMED);
    // An expiry of 0 has no flag; one beyond int64 cannot be.
    payload[1] = 2;
    assert_int_equal(parse_payload(payload, len + 8), SOTTO_ELINK_MALFORMED);
    payload[len - 1] = 0x80;
    assert_int_equal(parse_payload(payload, len + 8), SOTTO_ELINK_MALFORMED);
    payload[len - 1] = 0x7f;
    assert_int_equal(parse_payload(payload, len + 8), 0);
    // So it is with calls: neither 0 nor what stands for any number elsewhere.
    uint8_t counted[200] = {1, 4};
    size_t at = len - 1;
    assert_int_equal(parse_payload(counted, len + 4), SOTTO_ELINK_MALFORMED);
    memset(counted + at, 0xff, 4);
    assert_int_equal(parse_payload(counted, len + 4), SOTTO_ELINK_MALFORMED);
    counted[at + 3] = 0xfe;
    assert_int_equal(parse_payload(counted, len + 4), 0);
    assert_int_equal(parse_payload(counted, len + 3), SOTTO_ELINK_MALFORMED);
    assert_int_equal(parse_payload(counted, len + 5), SOTTO_ELINK_MALFORMED);

    uint8_t invite[20] = {2, 0};
    assert_int_equal(parse_invite_payload(invite, 18), 0);
    assert_int_equal(parse_invite_payload(invite, 17), SOTTO_ELINK_MALFORMED);
    assert_int_equal(parse_invite_payload(invite, 19), SOTTO_ELINK_MALFORMED);
}

static void names_in_links_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t len;
    } bad[] = {{"a\0b", 3}, {"\0", 1}, {"a\xe2\x80\xae", 4}, {" ", 1}, {"\xff", 1}, {"a\n", 2}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t payload[200] = {1, 0};
        payload[82] = (uint8_t)bad[i].len;
        memcpy(payload + 83, bad[i].name, bad[i].len);
        assert_int_equal(parse_payload(payload, 83 + bad[i].len), SOTTO_ELINK_MALFORMED);
    }
    uint8_t payload[200] = {1, 0};
    memset(payload + 83, 'n', 65);
    payload[82] = 64;
    assert_int_equal(parse_payload(payload, 83 + 64), 0);
    payload[82] = 65;
    assert_int_equal(parse_payload(payload, 83 + 65), SOTTO_ELINK_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_written_down),
        cmocka_unit_test(invites_as_written_down),
        cmocka_unit_test(the_longest_link_fits),
        cmocka_unit_test(small_buffers_are_left_alone),
        cmocka_unit_test(nonsense_is_not_formatted),
        cmocka_unit_test(as_people_paste_it),
        cmocka_unit_test(percent_encoding_is_undone),
        cmocka_unit_test(other_pages_are_not_links),
        cmocka_unit_test(damage_is_told_from_other_pages),
        cmocka_unit_test(newer_links_are_told),
        cmocka_unit_test(one_kind_is_not_the_other),
        cmocka_unit_test(payloads_are_exact),
        cmocka_unit_test(names_in_links_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
