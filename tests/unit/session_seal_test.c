// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "session/seal.h"

static const struct sotto_secret secret = {{9, 8, 7}};
static const uint8_t salt_caller[SEAL_SALT_BYTES] = {0xca};
static const uint8_t salt_callee[SEAL_SALT_BYTES] = {0xce};

struct ends {
    struct session_seal caller, callee;
};

static struct ends ends_new(void)
{
    struct ends e;
    assert_int_equal(session_seal_init(&e.caller, SOTTO_CALLER, &secret, "call", salt_caller), 0);
    assert_int_equal(session_seal_init(&e.callee, SOTTO_CALLEE, &secret, "call", salt_callee), 0);
    return e;
}

static uint8_t plain[SEAL_PLAIN_MAX_BYTES];
static uint8_t wire[SOTTO_FLIGHT_MAX_BYTES];

static int write_text(struct session_seal *s, const char *hint, const char *tls)
{
    const struct session_flight f = {(const uint8_t *)hint, strlen(hint), (const uint8_t *)tls,
                                     strlen(tls)};
    return session_seal_write(s, &f, wire, sizeof wire);
}

static void assert_opens(struct session_seal *s, int len, const char *hint, const char *tls)
{
    struct session_flight f;
    assert_true(len > 0);
    assert_int_equal(session_seal_read(s, wire, (size_t)len, plain, &f), 0);
    assert_int_equal(f.hint_len, strlen(hint));
    assert_memory_equal(f.hint, hint, f.hint_len);
    assert_int_equal(f.tls_len, strlen(tls));
    assert_memory_equal(f.tls, tls, f.tls_len);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct ends e = ends_new();
    assert_opens(&e.callee, write_text(&e.caller, "", "one"), "", "one");
    assert_opens(&e.caller, write_text(&e.callee, "hint", "two"), "hint", "two");
    assert_opens(&e.callee, write_text(&e.caller, "", "three"), "", "three");
    assert_opens(&e.callee, write_text(&e.caller, "x", ""), "x", "");
    assert_opens(&e.caller, write_text(&e.callee, "", ""), "", "");
    assert_int_equal(e.caller.sent, 3);
    assert_int_equal(e.caller.received, 2);
}

static void test_turns(void **state)
{
    (void)state;
    struct ends e = ends_new();
    uint8_t callee_first[1024];
    struct session_flight f;
    // The callee cannot write before it has read, nor the caller twice.
    assert_false(session_seal_can_write(&e.callee));
    assert_int_equal(write_text(&e.callee, "", "x"), SOTTO_ESTATE);
    assert_true(session_seal_can_write(&e.caller));
    assert_opens(&e.callee, write_text(&e.caller, "", "x"), "", "x");
    assert_false(session_seal_can_write(&e.caller));
    assert_int_equal(write_text(&e.caller, "", "x"), SOTTO_ESTATE);
    // A caller that has said nothing takes no answer.
    int n = write_text(&e.callee, "", "y");
    assert_true(n > 0 && (size_t)n <= sizeof callee_first);
    memcpy(callee_first, wire, (size_t)n);
    struct ends fresh = ends_new();
    assert_int_equal(session_seal_read(&fresh.caller, callee_first, (size_t)n, plain, &f),
                     SOTTO_EAUTH);
    assert_int_equal(session_seal_read(&e.caller, callee_first, (size_t)n, plain, &f), 0);
}

static void test_sizes_show_little(void **state)
{
    (void)state;
    static uint8_t tls[SEAL_TLS_MAX_BYTES];
    static const size_t cases[][2] = {
        // TLS bytes inside, plaintext bytes sealed
        {0, 512}, {1, 512}, {509, 512}, {510, 1024}, {1021, 1024}, {1022, 1536},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ends e = ends_new();
        struct session_flight got, f = {.tls = tls, .tls_len = cases[i][0]};
        size_t want = SEAL_HEADER_BYTES + SEAL_SALT_BYTES + cases[i][1] + SEAL_TAG_BYTES;
        assert_int_equal(session_seal_size(&e.caller, 0, f.tls_len), want);
        assert_int_equal(session_seal_write(&e.caller, &f, wire, want - 1), SOTTO_ESPACE);
        assert_int_equal(e.caller.sent, 0);
        assert_int_equal(session_seal_write(&e.caller, &f, wire, want), want);
        assert_int_equal(session_seal_read(&e.callee, wire, want, plain, &got), 0);
        assert_int_equal(got.tls_len, f.tls_len);
        // Without the salt from the second flight on.
        assert_int_equal(session_seal_size(&e.caller, 0, f.tls_len), want - SEAL_SALT_BYTES);
    }
}

static void test_largest(void **state)
{
    (void)state;
    static uint8_t tls[SEAL_TLS_MAX_BYTES + 1], hint[SEAL_HINT_MAX_BYTES + 1];
    struct ends e = ends_new();
    struct session_flight got, f = {hint, SEAL_HINT_MAX_BYTES, tls, SEAL_TLS_MAX_BYTES};
    memset(tls, 0xee, sizeof tls);
    f.tls_len++;
    assert_int_equal(session_seal_write(&e.caller, &f, wire, sizeof wire), SOTTO_EINVAL);
    f.tls_len--;
    f.hint_len++;
    assert_int_equal(session_seal_write(&e.caller, &f, wire, sizeof wire), SOTTO_EINVAL);
    f.hint_len--;
    int n = session_seal_write(&e.caller, &f, wire, sizeof wire);
    assert_in_range(n, SOTTO_FLIGHT_MAX_BYTES - SEAL_PAD_BYTES, SOTTO_FLIGHT_MAX_BYTES);
    assert_int_equal(session_seal_read(&e.callee, wire, (size_t)n, plain, &got), 0);
    assert_int_equal(got.tls_len, SEAL_TLS_MAX_BYTES);
    assert_memory_equal(got.tls, tls, got.tls_len);
}

static void test_failure_changes_nothing(void **state)
{
    (void)state;
    struct ends e = ends_new();
    struct session_seal before = e.callee;
    struct session_flight f, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    f = untouched;
    int n = write_text(&e.caller, "", "x");
    wire[n - 1] ^= 1;
    assert_int_equal(session_seal_read(&e.callee, wire, (size_t)n, plain, &f), SOTTO_EAUTH);
    assert_memory_equal(&e.callee, &before, sizeof before);
    assert_memory_equal(&f, &untouched, sizeof f);
    wire[n - 1] ^= 1;
    assert_int_equal(session_seal_read(&e.callee, wire, (size_t)n, plain, &f), 0);
}

static void test_counter_ends(void **state)
{
    (void)state;
    struct ends e = ends_new();
    struct session_flight f;
    assert_opens(&e.callee, write_text(&e.caller, "", "1"), "", "1");
    assert_opens(&e.caller, write_text(&e.callee, "", "2"), "", "2");
    e.caller.sent = e.callee.received = UINT32_MAX - 1;
    assert_opens(&e.callee, write_text(&e.caller, "", "last"), "", "last");
    assert_int_equal(write_text(&e.caller, "", "more"), SOTTO_ELIMIT);
    memset(wire + 1, 0xff, 4); // a counter that no honest sender uses
    assert_int_equal(session_seal_read(&e.callee, wire, 600, plain, &f), SOTTO_EAUTH);
}

static void test_purpose(void **state)
{
    (void)state;
    struct session_seal s;
    assert_int_equal(session_seal_init(&s, SOTTO_CALLER, &secret, NULL, salt_caller), SOTTO_EINVAL);
    assert_int_equal(session_seal_init(&s, SOTTO_CALLER, &secret, "", salt_caller), SOTTO_EINVAL);
    assert_int_equal(session_seal_init(&s, SOTTO_CALLER, &secret,
                                       "123456789012345678901234567890123", salt_caller),
                     SOTTO_EINVAL);
    assert_int_equal(session_seal_init(&s, SOTTO_CALLER, &secret,
                                       "12345678901234567890123456789012", salt_caller),
                     0);
}

static void test_deinit_wipes(void **state)
{
    (void)state;
    static const struct session_seal zero;
    struct ends e = ends_new();
    session_seal_deinit(&e.caller);
    assert_memory_equal(&e.caller, &zero, sizeof zero);
}

// ---- the same bytes, made from docs/PROTOCOL.md with other functions ---------------------------

static void hmac(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                 uint8_t out[64])
{
    unsigned n = 0;
    assert_non_null(HMAC(EVP_sha512(), key, (int)key_len, data, len, out, &n));
    assert_int_equal(n, 64);
}

// HKDF-SHA512 with an output of one block (RFC 5869 §2).
static void derive(uint8_t key[64], const uint8_t *salt, size_t salt_len, uint8_t role,
                   uint8_t stage)
{
    uint8_t prk[64], info[64], *at = info;
    memcpy(at, "sotto number seal v1", 20);
    at += 20;
    *at++ = role;
    *at++ = stage;
    *at++ = 4;
    memcpy(at, "call", 4);
    at += 4;
    *at++ = 1;
    hmac(salt, salt_len, secret.bytes, 32, prk);
    hmac(prk, sizeof prk, info, (size_t)(at - info), key);
}

// One flight, sealed again by hand. The counter is below 256.
static void seal_by_hand(uint8_t *out, uint8_t role, uint8_t counter, const uint8_t *inner,
                         size_t inner_len)
{
    uint8_t salts[64], key[64], nonce[12] = {0}, aad[70] = {1};
    const int opening = role == 0 && counter == 0;
    int n = 0;
    memcpy(salts, salt_caller, 32);
    memcpy(salts + 32, salt_callee, 32);
    derive(key, salts, opening ? 32 : 64, role, opening ? 0 : 1);
    nonce[11] = aad[4] = counter;
    aad[5] = role;
    memcpy(aad + 6, salts, opening ? 32 : 64);
    *out++ = 1;
    memset(out, 0, 4);
    out[3] = counter;
    out += 4;
    if (counter == 0) {
        memcpy(out, role == 0 ? salt_caller : salt_callee, 32);
        out += 32;
    }
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, aad, sizeof aad), 1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &n, inner, (int)inner_len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(c, out + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + inner_len), 1);
    EVP_CIPHER_CTX_free(c);
}

static void test_bytes_are_as_written_down(void **state)
{
    (void)state;
    static uint8_t by_hand[sizeof wire];
    uint8_t inner[512] = {2, 'h', 'i', 0, 3, 't', 'l', 's'};
    struct ends e = ends_new();
    for (uint8_t i = 0; i < 6; i++) {
        struct session_seal *from = i % 2 == 0 ? &e.caller : &e.callee;
        struct session_seal *to = i % 2 == 0 ? &e.callee : &e.caller;
        int n = write_text(from, "hi", "tls");
        assert_int_equal(n, i < 2 ? 565 : 533);
        seal_by_hand(by_hand, i % 2, i / 2, inner, sizeof inner);
        assert_memory_equal(wire, by_hand, (size_t)n);
        assert_opens(to, n, "hi", "tls");
    }
}

// Authentic, but not as written down: whoever holds the secret broke the protocol.
static void test_bad_padding(void **state)
{
    (void)state;
    static const struct {
        uint8_t inner[8];
        size_t len;
    } bad[] = {
        {{0, 0, 1, 't', 1}, 512}, // padding not zero
        {{0, 0, 1, 't'}, 1024},   // more padding than needed
        {{0, 0, 1, 't'}, 500},    // not a whole number of blocks
        {{0, 2, 0, 't'}, 512},    // longer than what is there
        {{65, 0, 0}, 512},        // hint too long
        {{0}, 1},                 // no length at all
        {{0, 0xff, 0xff}, 512},
    };
    static uint8_t inner[1024];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ends e = ends_new();
        struct session_flight f;
        memset(inner, 0, sizeof inner);
        memcpy(inner, bad[i].inner, bad[i].len < 8 ? bad[i].len : 8);
        seal_by_hand(wire, 0, 0, inner, bad[i].len);
        assert_int_equal(session_seal_read(&e.callee, wire, 5 + 32 + bad[i].len + 16, plain, &f),
                         SOTTO_EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_sizes_show_little),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_failure_changes_nothing),
        cmocka_unit_test(test_counter_ends),
        cmocka_unit_test(test_purpose),
        cmocka_unit_test(test_deinit_wipes),
        cmocka_unit_test(test_bytes_are_as_written_down),
        cmocka_unit_test(test_bad_padding),
    };
    return cmocka_run_group_tests_name("session_seal", tests, NULL, NULL);
}
