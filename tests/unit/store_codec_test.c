// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "store_codec.h"

#include <string.h>

#define LARGEST CODEC_CONTACT_BYTES

// The layouts have no holes that matter, but structs have: both sides are made from zeros.
static struct store_profile a_profile(void)
{
    struct store_profile p;
    memset(&p, 0, sizeof p);
    memset(p.name, 'n', SOTTO_NAME_MAX_BYTES); // as long as it may be
    p.created_unix_s = INT64_MAX;
    p.has_line = true;
    memset(p.home.host, 'h', SOTTO_HOST_MAX_BYTES);
    p.home.port = 65535;
    p.home.pinned = true;
    memset(p.home.pin, 0xaa, sizeof p.home.pin);
    memset(p.invite, 0xbb, sizeof p.invite);
    return p;
}

static struct store_number a_number(void)
{
    struct store_number n;
    memset(&n, 0, sizeof n);
    n.pending = STORE_PENDING_WITHDRAW;
    struct sotto_number *m = &n.number;
    memset(m->token, 1, sizeof m->token);
    memset(m->token_hash, 2, sizeof m->token_hash);
    memset(m->secret.bytes, 3, sizeof m->secret.bytes);
    memset(m->label, 'l', SOTTO_NAME_MAX_BYTES);
    m->state = SOTTO_NUMBER_BOUND;
    memset(m->bound.bytes, 4, sizeof m->bound.bytes);
    m->was_bound = true;
    m->created_unix_s = 1;
    m->expires_unix_s = 2;
    m->last_used_unix_s = 3;
    m->leaked_unix_s = 4;
    m->calls_max = UINT32_MAX;
    m->calls_used = 5;
    m->leaks = 6;
    memset(m->leaked_to.bytes, 7, sizeof m->leaked_to.bytes);
    return n;
}

static struct sotto_contact a_contact(void)
{
    struct sotto_contact c;
    memset(&c, 0, sizeof c);
    memset(c.label, 'c', SOTTO_NAME_MAX_BYTES);
    memset(c.fingerprint.bytes, 1, sizeof c.fingerprint.bytes);
    c.verified = true;
    c.verified_unix_s = 10;
    c.created_unix_s = 11;
    c.has_link = true;
    memset(c.link.relay.host, 'h', SOTTO_HOST_MAX_BYTES);
    c.link.relay.port = 443;
    memset(c.link.token, 2, sizeof c.link.token);
    memset(c.link.secret.bytes, 3, sizeof c.link.secret.bytes);
    c.link.callee = c.fingerprint;
    c.link.expires_unix_s = 12;
    c.link.calls = 13;
    memset(c.link.name, 'x', SOTTO_NAME_MAX_BYTES);
    return c;
}

static struct store_log_entry an_entry(void)
{
    struct store_log_entry e;
    memset(&e, 0, sizeof e);
    e.kind = STORE_LOG_LEAK;
    e.incoming = e.answered = e.secure = e.verified = e.has_peer = true;
    e.started_unix_s = 1750000000;
    e.duration_s = UINT32_MAX;
    e.end = SOTTO_END_INTERNAL;
    memset(e.label, 'l', SOTTO_NAME_MAX_BYTES);
    memset(e.peer.bytes, 1, sizeof e.peer.bytes);
    memset(e.group, 'g', sizeof e.group - 1);
    memset(e.transport, 't', sizeof e.transport - 1);
    e.rtt_us = 1;
    e.jitter_us = 2;
    e.rekeys = 3;
    e.cells_sent = 4;
    e.cells_received = 5;
    e.cells_lost = 6;
    e.frames_played = 7;
    e.frames_concealed = UINT64_MAX;
    e.frames_restored = 8;
    e.delay_us = 9;
    e.delay_max_us = 10;
    e.worst_permille = 11;
    e.worst_at_s = UINT32_MAX;
    return e;
}

// One decoder behind one signature, and the struct that it fills.
struct any {
    union {
        struct store_profile profile;
        struct store_number number;
        struct sotto_contact contact;
        struct store_log_entry entry;
    } as;
};

static int decode_profile(struct any *a, const uint8_t *data, size_t len)
{
    return codec_profile_decode(&a->as.profile, data, len);
}

static int decode_number(struct any *a, const uint8_t *data, size_t len)
{
    return codec_number_decode(&a->as.number, data, len);
}

static int decode_contact(struct any *a, const uint8_t *data, size_t len)
{
    return codec_contact_decode(&a->as.contact, data, len);
}

static int decode_entry(struct any *a, const uint8_t *data, size_t len)
{
    return codec_log_decode(&a->as.entry, data, len);
}

typedef int decode_function(struct any *a, const uint8_t *data, size_t len);

static void expect_refused(decode_function *decode, const uint8_t *data, size_t len)
{
    struct any out, before;
    memset(&out, 0x5a, sizeof out);
    before = out;
    assert_int_equal(decode(&out, data, len), SOTTO_EPARSE);
    assert_memory_equal(&out, &before, sizeof out);
}

// Whatever is wrong with the bytes: refused, and the output untouched; or, where a byte may have
// another value, decoded to something else. Never a read outside (the sanitizers watch).
static void break_it(decode_function *decode, const uint8_t *good, size_t len)
{
    uint8_t data[LARGEST + 1];
    for (size_t short_len = 0; short_len < len; short_len++) {
        expect_refused(decode, good, short_len);
    }
    memcpy(data, good, len);
    data[len] = 0;
    expect_refused(decode, data, len + 1);
    data[0] ^= 0xff; // the version
    expect_refused(decode, data, len);
    memcpy(data, good, len);
    data[len - 1] = 1; // the padding
    expect_refused(decode, data, len);
    for (size_t at = 0; at < len; at++) {
        memcpy(data, good, len);
        for (unsigned value = 0; value < 256; value += 51) {
            struct any out;
            data[at] = (uint8_t)value;
            int error = decode(&out, data, len);
            assert_true(error == SOTTO_OK || error == SOTTO_EPARSE);
        }
    }
}

static void test_profile(void **state)
{
    (void)state;
    struct store_profile in = a_profile(), out;
    uint8_t box[CODEC_PROFILE_BYTES];
    assert_int_equal(codec_profile_encode(&in, box), SOTTO_OK);
    assert_int_equal(codec_profile_decode(&out, box, sizeof box), SOTTO_OK);
    assert_memory_equal(&in, &out, sizeof in);
    break_it(decode_profile, box, sizeof box);
    in.name[SOTTO_NAME_MAX_BYTES] = 'x';
    assert_int_equal(codec_profile_encode(&in, box), SOTTO_EINVAL);
}

static void test_number(void **state)
{
    (void)state;
    struct store_number in = a_number(), out;
    uint8_t box[CODEC_NUMBER_BYTES];
    assert_int_equal(codec_number_encode(&in, box), SOTTO_OK);
    assert_int_equal(codec_number_decode(&out, box, sizeof box), SOTTO_OK);
    assert_memory_equal(&in, &out, sizeof in);
    break_it(decode_number, box, sizeof box);
    in.number.state = (enum sotto_number_state)3;
    assert_int_equal(codec_number_encode(&in, box), SOTTO_EINVAL);
    in = a_number();
    in.pending = (enum store_pending)3;
    assert_int_equal(codec_number_encode(&in, box), SOTTO_EINVAL);
    in = a_number();
    in.number.label[SOTTO_NAME_MAX_BYTES] = 'x';
    assert_int_equal(codec_number_encode(&in, box), SOTTO_EINVAL);
    for (size_t i = 0; i < sizeof box; i++) {
        assert_int_equal(box[i], 0); // nothing half-written stays behind
    }
}

static void test_contact(void **state)
{
    (void)state;
    struct sotto_contact in = a_contact(), out;
    uint8_t box[CODEC_CONTACT_BYTES];
    assert_int_equal(codec_contact_encode(&in, box), SOTTO_OK);
    assert_int_equal(codec_contact_decode(&out, box, sizeof box), SOTTO_OK);
    assert_memory_equal(&in, &out, sizeof in);
    break_it(decode_contact, box, sizeof box);
    in.has_link = false; // then the link is neither written nor read
    assert_int_equal(codec_contact_encode(&in, box), SOTTO_OK);
    assert_int_equal(codec_contact_decode(&out, box, sizeof box), SOTTO_OK);
    assert_false(out.has_link);
    assert_int_equal(out.link.token[0], 0);
    break_it(decode_contact, box, sizeof box);
    in = a_contact();
    in.link.relay.host[SOTTO_HOST_MAX_BYTES] = 'x';
    assert_int_equal(codec_contact_encode(&in, box), SOTTO_EINVAL);
}

static void test_log(void **state)
{
    (void)state;
    struct store_log_entry in = an_entry(), out;
    uint8_t box[CODEC_LOG_BYTES];
    assert_int_equal(codec_log_encode(&in, box), SOTTO_OK);
    assert_int_equal(codec_log_decode(&out, box, sizeof box), SOTTO_OK);
    assert_memory_equal(&in, &out, sizeof in);
    break_it(decode_entry, box, sizeof box);
    in.kind = (enum store_log_kind)0;
    assert_int_equal(codec_log_encode(&in, box), SOTTO_EINVAL);
    in = an_entry();
    in.group[sizeof in.group - 1] = 'x';
    assert_int_equal(codec_log_encode(&in, box), SOTTO_EINVAL);
}

// As version 0.1 wrote it: the figures that came later are zeros there, and read as unknown.
static void test_log_from_before(void **state)
{
    (void)state;
    const size_t texts = 1 + SOTTO_NAME_MAX_BYTES + 32 + 1 + 31 + 1 + 15;
    const size_t then = 1 + 1 + 5 + 8 + 4 + 1 + texts + 3 * 4 + 5 * 8;
    struct store_log_entry in = an_entry(), out;
    uint8_t box[CODEC_LOG_BYTES];
    assert_int_equal(codec_log_encode(&in, box), SOTTO_OK);
    assert_int_equal(box[then - 1], 0xff); // the end of frames_concealed
    assert_int_equal(box[then + 7], 8);    // the end of frames_restored
    memset(box + then, 0, sizeof box - then);
    assert_int_equal(codec_log_decode(&out, box, sizeof box), SOTTO_OK);
    in.frames_restored = 0;
    in.delay_us = in.delay_max_us = in.worst_permille = in.worst_at_s = 0;
    assert_memory_equal(&in, &out, sizeof in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_from_before),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_contact),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
