// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "wire/link.h"

#include <sotto/base.h>
#include <string.h>

static uint8_t pattern[LINK_FLIGHT_MAX_BYTES + 1];

static uint8_t point[LINK_P256DH_BYTES];

static int make_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 31 + i / 256 + 1);
    }
    memcpy(point, pattern, sizeof point);
    point[0] = 4;
    return 0;
}

// A message of every type with every field set: what does not belong to it must not be written.
static struct link_message full(enum link_type type)
{
    return (struct link_message){
        .type = type,
        .version = 0x11,
        .flags = LINK_LOGIN_RING,
        .role = 1,
        .code = 0x12,
        .request = 0x21222324,
        .circuit = 0x31,
        .calls_left = 0x41424344,
        .expires_unix_s = UINT64_C(0x5152535455565758),
        .time_unix_s = UINT64_C(0x6162636465666768),
        .ping = UINT64_C(0x7172737475767778),
        .challenge = pattern + 1,
        .line_id = pattern + 2,
        .token = pattern + 3,
        .token_hash = pattern + 4,
        .invite = pattern + 5,
        .place = pattern + 6,
        .ticket = pattern + 10,
        .key = pattern + 7,
        .key_len = 5,
        .signature = pattern + 8,
        .signature_len = 6,
        .flight = pattern + 9,
        .flight_len = 7,
        .p256dh = point,
        .auth = pattern + 11,
        .endpoint = "https://p/1",
        .endpoint_len = 11,
    };
}

// Which fields each type carries, and so how long it is; written from docs/PROTOCOL.md.
static const struct {
    enum link_type type;
    int len;
} types[] = {
    {LINK_HELLO, 2},
    {LINK_REGISTER, 1 + 4 + 16 + (2 + 5) + (2 + 6)},
    {LINK_LOGIN, 1 + 4 + 32 + 1 + (2 + 6)},
    {LINK_NUMBER_PUT, 1 + 4 + 32 + 8 + 4},
    {LINK_NUMBER_REMOVE, 1 + 4 + 32},
    {LINK_DIAL, 1 + 1 + 16 + (2 + 7)},
    {LINK_MEET, 1 + 1 + 32},
    {LINK_SIGNAL, 1 + 1 + (2 + 7)},
    {LINK_CLOSE, 1 + 1 + 1},
    {LINK_PING, 1 + 8},
    {LINK_PONG, 1 + 8},
    {LINK_INVITE_CHECK, 1 + 4 + 16},
    {LINK_RESUME, 1 + 4 + 1 + 16},
    {LINK_PUSH, 1 + 4 + (2 + 11) + 65 + 16},
    {LINK_UNPUSH, 1 + 4 + (2 + 11)},
    {LINK_WELCOME, 1 + 1 + 32 + 8},
    {LINK_OK, 1 + 4},
    {LINK_FAILED, 1 + 4 + 1},
    {LINK_INCOMING, 1 + 1 + 32 + (2 + 7)},
    {LINK_MET, 1 + 1 + 1},
    {LINK_REPLACED, 1},
    {LINK_TICKET, 1 + 1 + 16},
    {LINK_WAKING, 1 + 1},
    {LINK_AWAKE, 1 + 1},
};
#define TYPES (sizeof types / sizeof types[0])

static void assert_view(const uint8_t *got, const uint8_t *sent, size_t len)
{
    if (got != NULL) {
        assert_memory_equal(got, sent, len);
    }
}

static void every_type_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct link_message sent = full(types[i].type), got;
        uint8_t buf[512], again[512];
        int len = link_encode(&sent, buf, sizeof buf);
        assert_int_equal(len, types[i].len);
        assert_int_equal(buf[0], types[i].type);
        assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
        assert_int_equal(got.type, sent.type);
        assert_view(got.challenge, sent.challenge, LINK_CHALLENGE_BYTES);
        assert_view(got.line_id, sent.line_id, LINK_LINE_ID_BYTES);
        assert_view(got.token, sent.token, LINK_TOKEN_BYTES);
        assert_view(got.token_hash, sent.token_hash, LINK_TOKEN_HASH_BYTES);
        assert_view(got.invite, sent.invite, LINK_INVITE_BYTES);
        assert_view(got.place, sent.place, LINK_PLACE_BYTES);
        assert_view(got.ticket, sent.ticket, LINK_TICKET_BYTES);
        assert_view(got.p256dh, sent.p256dh, LINK_P256DH_BYTES);
        assert_view(got.auth, sent.auth, LINK_AUTH_BYTES);
        // Encoding what was decoded gives the same bytes.
        assert_int_equal(link_encode(&got, again, sizeof again), len);
        assert_memory_equal(again, buf, (size_t)len);
    }
}

static void exact_bytes(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct link_message m = full(LINK_NUMBER_PUT);
    assert_int_equal(link_encode(&m, buf, sizeof buf), 49);
    assert_memory_equal(buf, "\x04\x21\x22\x23\x24", 5);
    assert_memory_equal(buf + 5, m.token_hash, 32);
    assert_memory_equal(buf + 37, "\x51\x52\x53\x54\x55\x56\x57\x58\x41\x42\x43\x44", 12);

    m = full(LINK_LOGIN);
    assert_int_equal(link_encode(&m, buf, sizeof buf), 46);
    assert_memory_equal(buf, "\x03\x21\x22\x23\x24", 5);
    assert_memory_equal(buf + 5, m.line_id, 32);
    assert_memory_equal(buf + 37, "\x01\x00\x06", 3);
    assert_memory_equal(buf + 40, m.signature, 6);

    m = full(LINK_RESUME);
    assert_int_equal(link_encode(&m, buf, sizeof buf), 22);
    assert_memory_equal(buf, "\x0d\x21\x22\x23\x24\x31", 6);
    assert_memory_equal(buf + 6, m.ticket, 16);
}

static void decoded_fields(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct link_message sent = full(LINK_REGISTER), got;
    int len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.request, sent.request);
    assert_int_equal(got.key_len, 5);
    assert_memory_equal(got.key, sent.key, 5);
    assert_int_equal(got.signature_len, 6);
    assert_memory_equal(got.signature, sent.signature, 6);
    // Borrowed from the input, and nothing is left over from elsewhere.
    assert_true(got.key > buf && got.key < buf + len);
    assert_null(got.flight);
    assert_int_equal(got.circuit, 0);

    sent = full(LINK_WELCOME);
    len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.version, 0x11);
    assert_true(got.time_unix_s == sent.time_unix_s);
    assert_memory_equal(got.challenge, sent.challenge, LINK_CHALLENGE_BYTES);

    sent = full(LINK_CLOSE);
    len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.circuit, sent.circuit);
    assert_int_equal(got.code, 0x12);

    sent = full(LINK_MET);
    len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.role, 1);

    sent = full(LINK_PING);
    len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_true(got.ping == sent.ping);

    sent = full(LINK_NUMBER_PUT);
    len = link_encode(&sent, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.calls_left, sent.calls_left);
    assert_true(got.expires_unix_s == sent.expires_unix_s);
}

// Every shorter and every longer input is refused, and nothing is written.
static void lengths_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct link_message m = full(types[i].type);
        uint8_t buf[512] = {0};
        size_t len = (size_t)link_encode(&m, buf, sizeof buf);
        struct link_message untouched, got;
        memset(&untouched, 0x5a, sizeof untouched);
        memcpy(&got, &untouched, sizeof got);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(link_decode(&got, buf, cut), SOTTO_EPARSE);
        }
        assert_int_equal(link_decode(&got, buf, len + 1), SOTTO_EPARSE);
        assert_memory_equal(&got, &untouched, sizeof got);
    }
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    uint8_t buf[512] = {0};
    struct link_message got;
    size_t known = 0;
    for (unsigned type = 0; type < 256; type++) {
        bool listed = false;
        for (size_t i = 0; i < TYPES; i++) {
            listed = listed || (unsigned)types[i].type == type;
        }
        known += listed;
        if (!listed) {
            struct link_message m = full(LINK_HELLO);
            m.type = (enum link_type)type;
            assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
            for (size_t len = 1; len < 64; len++) {
                buf[0] = (uint8_t)type;
                assert_int_equal(link_decode(&got, buf, len), SOTTO_EPARSE);
            }
        }
    }
    assert_int_equal(known, TYPES);
    assert_int_equal(link_decode(&got, NULL, 0), SOTTO_EPARSE);
}

static void flight_limits(void **state)
{
    (void)state;
    static uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    struct link_message m = full(LINK_INCOMING), got;
    m.flight = pattern;
    m.flight_len = LINK_FLIGHT_MAX_BYTES;
    int len = link_encode(&m, buf, sizeof buf);
    assert_int_equal(len, 1 + 1 + 32 + 2 + LINK_FLIGHT_MAX_BYTES);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.flight_len, LINK_FLIGHT_MAX_BYTES);
    assert_memory_equal(got.flight, pattern, LINK_FLIGHT_MAX_BYTES);

    m.flight_len++;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    // The same, by hand.
    len = 1 + 1 + 32;
    buf[len] = (LINK_FLIGHT_MAX_BYTES + 1) >> 8;
    buf[len + 1] = (LINK_FLIGHT_MAX_BYTES + 1) & 0xff;
    assert_int_equal(link_decode(&got, buf, (size_t)len + 2 + LINK_FLIGHT_MAX_BYTES + 1),
                     SOTTO_EPARSE);

    m = full(LINK_SIGNAL);
    m.flight = NULL;
    m.flight_len = 0;
    len = link_encode(&m, buf, sizeof buf);
    assert_int_equal(len, 4);
    assert_int_equal(link_decode(&got, buf, 4), 0);
    assert_int_equal(got.flight_len, 0);
}

static void key_and_signature_limits(void **state)
{
    (void)state;
    static uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    struct link_message m = full(LINK_REGISTER), got;
    m.key = m.signature = pattern;
    m.key_len = LINK_KEY_MAX_BYTES;
    m.signature_len = LINK_SIGNATURE_MAX_BYTES;
    int len = link_encode(&m, buf, sizeof buf);
    assert_int_equal(len, 1 + 4 + 16 + 2 + LINK_KEY_MAX_BYTES + 2 + LINK_SIGNATURE_MAX_BYTES);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    m.key_len = LINK_KEY_MAX_BYTES + 1;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.key_len = 0;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.key_len = 1;
    m.signature_len = LINK_SIGNATURE_MAX_BYTES + 1;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.signature_len = 0;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);

    // Empty ones, by hand: type, request, invite, 00 00, 00 01 xx.
    uint8_t empty_key[1 + 4 + 16 + 2 + 3] = {LINK_REGISTER};
    empty_key[sizeof empty_key - 2] = 1;
    assert_int_equal(link_decode(&got, empty_key, sizeof empty_key), SOTTO_EPARSE);
    uint8_t empty_signature[1 + 4 + 16 + 3 + 2] = {LINK_REGISTER};
    empty_signature[1 + 4 + 16 + 1] = 1;
    assert_int_equal(link_decode(&got, empty_signature, sizeof empty_signature), SOTTO_EPARSE);
}

static void subscriptions(void **state)
{
    (void)state;
    static uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    static char endpoint[LINK_ENDPOINT_MAX_BYTES + 1];
    struct link_message m = full(LINK_PUSH), got;
    int len = link_encode(&m, buf, sizeof buf);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    assert_int_equal(got.endpoint_len, 11);
    assert_memory_equal(got.endpoint, "https://p/1", 11);

    memset(endpoint, 'a', sizeof endpoint);
    m.endpoint = endpoint;
    m.endpoint_len = LINK_ENDPOINT_MAX_BYTES;
    len = link_encode(&m, buf, sizeof buf);
    assert_int_equal(len, 1 + 4 + 2 + LINK_ENDPOINT_MAX_BYTES + 65 + 16);
    assert_int_equal(link_decode(&got, buf, (size_t)len), 0);
    m.endpoint_len++;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.endpoint_len = 0;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.type = LINK_UNPUSH; // all of them
    assert_int_equal(link_encode(&m, buf, sizeof buf), 7);
    assert_int_equal(link_decode(&got, buf, 7), 0);
    assert_int_equal(got.endpoint_len, 0);

    // Nothing that would break out of a request's line, from either side.
    static const char bad[] = {' ', '\r', '\n', 0, 0x7f, (char)0x80, (char)0xff, '\t'};
    m = full(LINK_PUSH);
    len = link_encode(&m, buf, sizeof buf);
    for (size_t i = 0; i < sizeof bad; i++) {
        char text[] = "https://p/1";
        text[5] = bad[i];
        m.endpoint = text;
        assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
        buf[1 + 4 + 2 + 5] = (uint8_t)bad[i];
        assert_int_equal(link_decode(&got, buf, (size_t)len), SOTTO_EPARSE);
    }
    // A point that is compressed, or none.
    m = full(LINK_PUSH);
    len = link_encode(&m, buf, sizeof buf);
    buf[1 + 4 + 2 + 11] = 2;
    assert_int_equal(link_decode(&got, buf, (size_t)len), SOTTO_EPARSE);
    m.p256dh = pattern + 1;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m.p256dh = NULL;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
}

static void values_out_of_range(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct link_message m = full(LINK_MET), got;
    int len = link_encode(&m, buf, sizeof buf);
    buf[len - 1] = 2;
    assert_int_equal(link_decode(&got, buf, (size_t)len), SOTTO_EPARSE);
    m.role = 2;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);

    m = full(LINK_LOGIN);
    len = link_encode(&m, buf, sizeof buf);
    buf[37] = 2;
    assert_int_equal(link_decode(&got, buf, (size_t)len), SOTTO_EPARSE);
    m.flags = 2;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
}

static void missing_fields_are_not_sent(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct link_message m = full(LINK_DIAL);
    m.token = NULL;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m = full(LINK_DIAL);
    m.flight = NULL;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
    m = full(LINK_WELCOME);
    m.challenge = NULL;
    assert_int_equal(link_encode(&m, buf, sizeof buf), SOTTO_EINVAL);
}

static void every_small_buffer_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct link_message m = full(types[i].type);
        uint8_t buf[512];
        for (size_t cap = 0; cap < (size_t)types[i].len; cap++) {
            buf[cap] = 0xee;
            assert_int_equal(link_encode(&m, buf, cap), SOTTO_ESPACE);
            assert_int_equal(buf[cap], 0xee);
        }
    }
}

static void what_is_signed(void **state)
{
    (void)state;
    uint8_t out[LINK_TBS_MAX_BYTES], other[LINK_TBS_MAX_BYTES];
    int len = link_register_tbs(out, sizeof out, "r.example:443", pattern, pattern + 64);
    assert_int_equal(len, 1 + 22 + 1 + 13 + 32 + 16);
    assert_memory_equal(out, "\x16sotto line register v1\x0dr.example:443", 37);
    assert_memory_equal(out + 37, pattern, 32);
    assert_memory_equal(out + 69, pattern + 64, 16);

    int login = link_login_tbs(out, sizeof out, "r.example:443", pattern, pattern + 64, 1);
    assert_int_equal(login, 1 + 19 + 1 + 13 + 32 + 32 + 1);
    assert_memory_equal(out, "\x13sotto line login v1\x0dr.example:443", 34);
    assert_memory_equal(out + 34, pattern, 32);
    assert_memory_equal(out + 66, pattern + 64, 32);
    assert_int_equal(out[98], 1);

    // Each thing that is asked changes the bytes.
    assert_int_equal(link_login_tbs(other, sizeof other, "s.example:443", pattern, pattern + 64, 1),
                     login);
    assert_memory_not_equal(out, other, (size_t)login);
    link_login_tbs(other, sizeof other, "r.example:443", pattern + 1, pattern + 64, 1);
    assert_memory_not_equal(out, other, (size_t)login);
    link_login_tbs(other, sizeof other, "r.example:443", pattern, pattern + 65, 1);
    assert_memory_not_equal(out, other, (size_t)login);
    link_login_tbs(other, sizeof other, "r.example:443", pattern, pattern + 64, 0);
    assert_memory_not_equal(out, other, (size_t)login);

    for (size_t cap = 0; cap < (size_t)login; cap++) {
        assert_int_equal(link_login_tbs(other, cap, "r.example:443", pattern, pattern + 64, 0),
                         SOTTO_ESPACE);
    }
}

static void origins_of_any_length(void **state)
{
    (void)state;
    uint8_t out[LINK_TBS_MAX_BYTES];
    char origin[LINK_ORIGIN_MAX_BYTES + 2];
    memset(origin, 'o', sizeof origin);
    origin[LINK_ORIGIN_MAX_BYTES] = '\0';
    assert_true(link_register_tbs(out, sizeof out, origin, pattern, pattern) > 0);
    assert_true(link_login_tbs(out, sizeof out, origin, pattern, pattern, 1) > 0);
    origin[LINK_ORIGIN_MAX_BYTES] = 'o';
    origin[LINK_ORIGIN_MAX_BYTES + 1] = '\0';
    assert_int_equal(link_register_tbs(out, sizeof out, origin, pattern, pattern), SOTTO_ESPACE);
    assert_int_equal(link_login_tbs(out, sizeof out, origin, pattern, pattern, 1), SOTTO_ESPACE);
}

static void datagrams(void **state)
{
    (void)state;
    uint8_t buf[LINK_DATAGRAM_BYTES + 1] = {0};
    uint32_t circuit = 7;
    const uint8_t *cell = pattern;
    link_datagram_encode(buf, 0xa1, pattern + 10);
    assert_int_equal(buf[0], 0xa1);
    struct link_message m = full(LINK_WAKING); // no circuit has a longer identifier
    m.circuit = LINK_CIRCUIT_MAX + 1;
    uint8_t message[8];
    assert_int_equal(link_encode(&m, message, sizeof message), SOTTO_EINVAL);
    for (size_t len = 0; len <= sizeof buf; len++) {
        if (len != LINK_DATAGRAM_BYTES) {
            assert_int_equal(link_datagram_decode(buf, len, &circuit, &cell), SOTTO_EPARSE);
        }
    }
    assert_int_equal(circuit, 7);
    assert_ptr_equal(cell, pattern);
    assert_int_equal(link_datagram_decode(buf, LINK_DATAGRAM_BYTES, &circuit, &cell), 0);
    assert_true(circuit == 0xa1);
    assert_ptr_equal(cell, buf + 1);
    assert_memory_equal(cell, pattern + 10, LINK_CELL_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back),
        cmocka_unit_test(exact_bytes),
        cmocka_unit_test(decoded_fields),
        cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(flight_limits),
        cmocka_unit_test(key_and_signature_limits),
        cmocka_unit_test(subscriptions),
        cmocka_unit_test(values_out_of_range),
        cmocka_unit_test(missing_fields_are_not_sent),
        cmocka_unit_test(every_small_buffer_is_refused),
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(origins_of_any_length),
        cmocka_unit_test(datagrams),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
