// SPDX-License-Identifier: Apache-2.0
// A session's life between two honest ends: states, gates, identities, limits, endings, messages.
// What an attacker can try is in session_attack_test.c.
#include "session_pair.h"

static void assert_same_secrets(const struct pair *p)
{
    struct sotto_words a, b;
    uint8_t x[SOTTO_SESSION_BINDING_BYTES], y[SOTTO_SESSION_BINDING_BYTES];
    struct sotto_secret key[2][2];

    assert_int_equal(sotto_session_words(p->caller, &a), 0);
    assert_int_equal(sotto_session_words(p->callee, &b), 0);
    assert_true(sotto_words_equal(&a, &b));
    assert_int_equal(sotto_session_binding(p->caller, x), 0);
    assert_int_equal(sotto_session_binding(p->callee, y), 0);
    assert_memory_equal(x, y, sizeof x);
    for (int sender = SOTTO_CALLER; sender <= SOTTO_CALLEE; sender++) {
        assert_int_equal(sotto_session_media_key(p->caller, (enum sotto_role)sender,
                                                 &key[0][sender]),
                         0);
        assert_int_equal(sotto_session_media_key(p->callee, (enum sotto_role)sender,
                                                 &key[1][sender]),
                         0);
        assert_memory_equal(&key[0][sender], &key[1][sender], sizeof key[0][sender]);
    }
    assert_memory_not_equal(&key[0][0], &key[0][1], sizeof key[0][0]);
}

static void assert_info(const struct sotto_session *s, const char *group)
{
    struct sotto_session_info info;
    sotto_session_info(s, &info);
    assert_string_equal(info.protocol, "TLSv1.3");
    assert_string_equal(info.cipher, "TLS_AES_256_GCM_SHA384");
    assert_string_equal(info.group, group);
    assert_string_equal(info.signature, "ML-DSA-87 + Ed25519");
    assert_in_range(info.bytes_sent, 8000, 12000);
    assert_in_range(info.bytes_received, 8000, 12000);
}

static void assert_peer(const struct sotto_session *s, enum person who)
{
    struct sotto_fingerprint shown, right = fingerprint_of(who);
    memset(&shown, 0, sizeof shown);
    assert_true(sotto_session_peer(s, &shown));
    assert_true(sotto_fingerprint_equal(&shown, &right));
}

static void assert_no_peer(const struct sotto_session *s)
{
    struct sotto_fingerprint shown, before;
    memset(&shown, 0x5a, sizeof shown);
    before = shown;
    assert_false(sotto_session_peer(s, &shown));
    assert_memory_equal(&shown, &before, sizeof shown);
}

// The header's diagram, step by step.
static void follow_diagram(enum sotto_suite suite, const char *group)
{
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    a.suite = b.suite = suite;
    struct pair p = pair_of(&a, &b);
    assert_true(sotto_session_expiry(p.caller) == SOTTO_SESSION_TIMEOUT_NS);

    assert_int_equal(pass(p.callee, p.caller), 0); // the callee does not speak first
    assert_int_equal(pass(p.caller, p.callee), 1);
    assert_int_equal(pass(p.callee, p.caller), 1);
    assert_state(p.caller, SOTTO_SESSION_HANDSHAKE);
    assert_state(p.callee, SOTTO_SESSION_HANDSHAKE);
    assert_no_peer(p.callee);
    assert_int_equal(pass(p.caller, p.callee), 1); // Finished and PROOF in one flight
    assert_state(p.caller, SOTTO_SESSION_HANDSHAKE);
    assert_no_peer(p.caller);
    assert_state(p.callee, SOTTO_SESSION_CHECKING);
    assert_peer(p.callee, ALICE);

    assert_int_equal(pass(p.callee, p.caller), 0); // no PROOF before the owner's policy says yes
    assert_int_equal(sotto_session_confirm(p.callee, 0), 0);
    assert_state(p.callee, SOTTO_SESSION_CONFIRMING);
    assert_int_equal(pass(p.callee, p.caller), 1);
    assert_state(p.caller, SOTTO_SESSION_CHECKING);
    assert_peer(p.caller, BOB);

    assert_int_equal(pass(p.caller, p.callee), 0);
    assert_int_equal(sotto_session_confirm(p.caller, 0), 0);
    assert_state(p.caller, SOTTO_SESSION_CONFIRMED);
    assert_state(p.callee, SOTTO_SESSION_CONFIRMING);
    assert_int_equal(pass(p.caller, p.callee), 1);
    assert_confirmed(&p);
    assert_true(sotto_session_expiry(p.caller) == SOTTO_NEVER);
    assert_int_equal(sotto_session_error(p.caller), 0);
    assert_same_secrets(&p);
    assert_info(p.caller, group);
    assert_info(p.callee, group);
    pair_free(&p);
}

static void test_diagram_hybrid(void **state)
{
    (void)state;
    follow_diagram(SOTTO_SUITE_HYBRID, "SecP384r1MLKEM1024");
}

static void test_diagram_cnsa2(void **state)
{
    (void)state;
    follow_diagram(SOTTO_SUITE_CNSA2, "MLKEM1024");
}

// ---- gates ------------------------------------------------------------------------------------

static void assert_gated(struct sotto_session *s)
{
    struct sotto_words words = {{7, 7, 7, 7}};
    uint8_t binding[SOTTO_SESSION_BINDING_BYTES], msg[SOTTO_SESSION_MESSAGE_MAX_BYTES] = {1};
    struct sotto_secret key;
    memset(binding, 0x5a, sizeof binding);
    memset(&key, 0x5a, sizeof key);
    assert_int_equal(sotto_session_words(s, &words), SOTTO_ESTATE);
    assert_int_equal(words.index[0], 7);
    assert_int_equal(sotto_session_binding(s, binding), SOTTO_ESTATE);
    assert_int_equal(sotto_session_media_key(s, SOTTO_CALLER, &key), SOTTO_ESTATE);
    assert_int_equal(sotto_session_media_key(s, SOTTO_CALLEE, &key), SOTTO_ESTATE);
    for (size_t i = 0; i < sizeof binding; i++) {
        assert_int_equal(binding[i], 0x5a);
        assert_int_equal(key.bytes[i], 0x5a);
    }
    assert_int_equal(sotto_session_send(s, msg, 1), SOTTO_ESTATE);
    assert_int_equal(sotto_session_receive(s, msg, sizeof msg), SOTTO_ESTATE);
    if (sotto_session_state(s) != SOTTO_SESSION_CHECKING) {
        assert_int_equal(sotto_session_confirm(s, 0), SOTTO_ESTATE);
    }
}

static void test_nothing_comes_out_before_confirmed(void **state)
{
    (void)state;
    struct pair p = pair_new();
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        assert_gated(p.callee);
        assert_gated(p.caller);
        pair_prepare(&p, i);
        assert_gated(p.callee); // CONFIRMING too
        assert_int_equal(pass(sender_of(&p, i), receiver_of(&p, i)), 1);
    }
    assert_confirmed(&p);
    assert_int_equal(sotto_session_confirm(p.caller, 0), SOTTO_ESTATE);
    assert_int_equal(sotto_session_confirm(p.callee, 0), SOTTO_ESTATE);
    pair_free(&p);
}

static void test_nothing_comes_out_after_failure(void **state)
{
    (void)state;
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        struct pair p = pair_at(i);
        sotto_session_refuse(p.caller);
        sotto_session_refuse(p.callee);
        assert_failed(p.caller, SOTTO_EREFUSED);
        assert_failed(p.callee, SOTTO_EREFUSED);
        assert_gated(p.caller);
        assert_gated(p.callee);
        assert_int_equal(give_bytes(p.caller, (const uint8_t *)"x", 1), SOTTO_ESTATE);
        pair_free(&p);
    }
}

// ---- identities -------------------------------------------------------------------------------

static void test_bound_both_ways(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct sotto_fingerprint alice = fingerprint_of(ALICE), bob = fingerprint_of(BOB);
    a.expected = &bob;
    b.expected = &alice;
    struct pair p = pair_of(&a, &b);
    pair_run(&p, 0, PAIR_FLIGHTS);
    assert_confirmed(&p);
    assert_same_secrets(&p);
    pair_free(&p);
}

static void test_bound_number_in_other_hands(void **state)
{
    (void)state;
    struct sotto_session_config m = config_of(MALLORY, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct sotto_fingerprint alice = fingerprint_of(ALICE);
    b.expected = &alice;
    struct pair p = pair_of(&m, &b);
    pair_run(&p, 0, 2);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EPEER);
    assert_failed(p.callee, SOTTO_EPEER);
    assert_peer(p.callee, MALLORY); // so that the owner can be told who it was
    assert_int_equal(sotto_session_confirm(p.callee, 0), SOTTO_ESTATE);
    // The holder of the leaked number learns nothing but the refusal.
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EREFUSED);
    assert_failed(p.caller, SOTTO_EREFUSED);
    assert_no_peer(p.caller);
    pair_free(&p);
}

static void test_caller_meets_a_stranger(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config m = config_of(MALLORY, SOTTO_CALLEE);
    struct sotto_fingerprint bob = fingerprint_of(BOB);
    struct sotto_session_info info;
    a.expected = &bob;
    struct pair p = pair_of(&a, &m);
    pair_run(&p, 0, 1);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EPEER);
    assert_failed(p.caller, SOTTO_EPEER);
    assert_no_peer(p.caller);
    // An alert leaves, and not the caller's certificate, which has more than 2500 bytes.
    uint32_t before;
    sotto_session_info(p.caller, &info);
    before = info.bytes_sent;
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EREFUSED);
    sotto_session_info(p.caller, &info);
    assert_true(info.bytes_sent - before < 600);
    assert_failed(p.callee, SOTTO_EREFUSED);
    assert_no_peer(p.callee);
    pair_free(&p);
}

static void test_nobody_calls_himself(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(ALICE, SOTTO_CALLEE);
    struct pair p = pair_of(&a, &b);
    pair_run(&p, 0, 1);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EPEER);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EREFUSED);
    pair_free(&p);
}

// ---- suites -----------------------------------------------------------------------------------

static void test_callee_takes_a_stricter_caller(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    a.suite = SOTTO_SUITE_CNSA2;
    struct pair p = pair_of(&a, &b);
    pair_run(&p, 0, PAIR_FLIGHTS);
    assert_info(p.caller, "MLKEM1024");
    assert_info(p.callee, "MLKEM1024"); // what was negotiated, not what was configured
    pair_free(&p);
}

static void test_no_common_suite(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct sotto_session_info info;
    b.suite = SOTTO_SUITE_CNSA2;
    struct pair p = pair_of(&a, &b);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_ESUITE);
    assert_failed(p.callee, SOTTO_ESUITE);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_ESUITE);
    assert_failed(p.caller, SOTTO_ESUITE);
    sotto_session_info(p.caller, &info);
    assert_string_equal(info.group, "");
    assert_string_equal(info.protocol, "");
    pair_free(&p);
}

// ---- purpose and previous binding ---------------------------------------------------------------

static void test_rekey_is_bound_to_the_session_before(void **state)
{
    (void)state;
    uint8_t before[SOTTO_SESSION_BINDING_BYTES], after[SOTTO_SESSION_BINDING_BYTES];
    struct pair old = pair_at(PAIR_FLIGHTS);
    assert_int_equal(sotto_session_binding(old.caller, before), 0);

    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    a.purpose = b.purpose = "rekey";
    a.previous_binding = b.previous_binding = before;
    struct pair p = pair_of(&a, &b);
    pair_run(&p, 0, PAIR_FLIGHTS);
    assert_same_secrets(&p);
    assert_int_equal(sotto_session_binding(p.caller, after), 0);
    assert_memory_not_equal(before, after, sizeof after);
    pair_free(&p);
    pair_free(&old);
}

static void test_another_previous_binding_is_no_proof(void **state)
{
    (void)state;
    static const uint8_t one[SOTTO_SESSION_BINDING_BYTES] = {1};
    static const uint8_t zeros[SOTTO_SESSION_BINDING_BYTES];
    const uint8_t *const cases[][2] = {{one, NULL}, {NULL, one}, {one, zeros}, {zeros, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
        struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
        a.previous_binding = cases[i][0];
        b.previous_binding = cases[i][1];
        struct pair p = pair_of(&a, &b);
        pair_run(&p, 0, 2);
        assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EPROOF);
        assert_failed(p.callee, SOTTO_EPROOF);
        assert_no_peer(p.callee);
        assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EREFUSED);
        pair_free(&p);
    }
}

static void test_another_purpose_does_not_open(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    b.purpose = "calls";
    struct pair p = pair_of(&a, &b);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EAUTH);
    assert_state(p.callee, SOTTO_SESSION_HANDSHAKE);
    pair_free(&p);
}

// ---- endings ----------------------------------------------------------------------------------

static void test_expiry(void **state)
{
    (void)state;
    struct flight *f = flight_new();
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        struct pair p = pair_at(i);
        struct sotto_session *s = p.callee;
        sotto_session_handle_expiry(s, SOTTO_SESSION_TIMEOUT_NS - 1);
        assert_int_not_equal(sotto_session_state(s), SOTTO_SESSION_FAILED);
        sotto_session_handle_expiry(s, SOTTO_SESSION_TIMEOUT_NS);
        assert_failed(s, SOTTO_ETIMEOUT);
        assert_gated(s);
        pair_free(&p);
    }
    // Without a call of _handle_expiry too.
    struct pair p = pair_at(3);
    assert_int_equal(sotto_session_confirm(p.callee, SOTTO_SESSION_TIMEOUT_NS), SOTTO_ETIMEOUT);
    assert_failed(p.callee, SOTTO_ETIMEOUT);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EREFUSED); // it is told
    pair_free(&p);

    p = pair_at(1);
    assert_true(take(p.callee, f) > 0);
    assert_int_equal(sotto_session_read(p.caller, f->bytes, f->len, SOTTO_SESSION_TIMEOUT_NS),
                     SOTTO_ETIMEOUT);
    assert_failed(p.caller, SOTTO_ETIMEOUT);
    assert_int_equal(take(p.caller, f), 0);
    pair_free(&p);

    p = pair_at(PAIR_FLIGHTS);
    sotto_session_handle_expiry(p.caller, SOTTO_NEVER - 1);
    assert_state(p.caller, SOTTO_SESSION_CONFIRMED);
    pair_free(&p);
    free(f);
}

static void test_callee_refuses(void **state)
{
    (void)state;
    struct pair p = pair_at(3);
    sotto_session_refuse(p.callee);
    assert_failed(p.callee, SOTTO_EREFUSED);
    assert_peer(p.callee, ALICE);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EREFUSED);
    assert_failed(p.caller, SOTTO_EREFUSED);
    assert_no_peer(p.caller);
    assert_int_equal(pass(p.callee, p.caller), 0); // one last flight, and no more
    sotto_session_refuse(p.callee);                // again: nothing
    assert_int_equal(pass(p.callee, p.caller), 0);
    pair_free(&p);
}

static void test_callee_refuses_what_it_had_confirmed(void **state)
{
    (void)state;
    struct pair p = pair_at(3);
    assert_int_equal(sotto_session_confirm(p.callee, 0), 0);
    sotto_session_refuse(p.callee);
    assert_int_equal(pass_last(p.callee, p.caller), SOTTO_EREFUSED);
    assert_failed(p.caller, SOTTO_EREFUSED);
    pair_free(&p);
}

static void test_caller_refuses(void **state)
{
    (void)state;
    struct pair p = pair_at(4);
    sotto_session_refuse(p.caller);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_EREFUSED);
    assert_failed(p.callee, SOTTO_EREFUSED);
    pair_free(&p);
}

static void test_caller_gives_up_before_an_answer(void **state)
{
    (void)state;
    struct pair p = pair_at(1);
    sotto_session_refuse(p.caller);
    assert_int_equal(pass(p.caller, p.callee), 0);
    pair_free(&p);
    // Before its first flight left, too; and when its certificate waits to be sent.
    p = pair_at(0);
    sotto_session_refuse(p.caller);
    assert_int_equal(pass(p.caller, p.callee), 0);
    pair_free(&p);
    p = pair_at(2);
    sotto_session_refuse(p.caller);
    assert_int_equal(pass(p.caller, p.callee), 0);
    pair_free(&p);
}

static void test_close_after_confirmed(void **state)
{
    (void)state;
    uint8_t got[8];
    struct pair p = pair_at(PAIR_FLIGHTS);
    assert_int_equal(sotto_session_send(p.caller, (const uint8_t *)"last", 4), 0);
    sotto_session_refuse(p.caller);
    assert_failed(p.caller, SOTTO_ECLOSED);
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_ECLOSED);
    assert_failed(p.callee, SOTTO_ECLOSED);
    assert_int_equal(sotto_session_receive(p.callee, got, sizeof got), 4);
    assert_memory_equal(got, "last", 4);
    assert_int_equal(sotto_session_receive(p.callee, got, sizeof got), 0);
    struct sotto_words words;
    assert_int_equal(sotto_session_words(p.callee, &words), SOTTO_ESTATE);
    pair_free(&p);
}

// ---- messages ---------------------------------------------------------------------------------

static void fill(uint8_t *msg, size_t len, size_t seed)
{
    for (size_t i = 0; i < len; i++) {
        msg[i] = (uint8_t)(i * 7 + seed);
    }
}

static void test_messages_both_ways(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 511, 512, SOTTO_SESSION_MESSAGE_MAX_BYTES};
    uint8_t msg[SOTTO_SESSION_MESSAGE_MAX_BYTES], got[SOTTO_SESSION_MESSAGE_MAX_BYTES];
    struct pair p = pair_at(PAIR_FLIGHTS);
    assert_int_equal(sotto_session_receive(p.caller, got, sizeof got), 0);
    for (int dir = 0; dir < 2; dir++) {
        struct sotto_session *from = sender_of(&p, dir), *to = receiver_of(&p, dir);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            fill(msg, sizes[i], i);
            assert_int_equal(sotto_session_send(from, msg, sizes[i]), 0);
        }
        assert_int_equal(pass(from, to), 1);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            fill(msg, sizes[i], i);
            assert_int_equal(sotto_session_receive(to, got, sizes[i] - 1), SOTTO_ESPACE);
            assert_int_equal(sotto_session_receive(to, got, sizeof got), (int)sizes[i]);
            assert_memory_equal(got, msg, sizes[i]);
        }
        assert_int_equal(sotto_session_receive(to, got, sizeof got), 0);
    }
    assert_int_equal(sotto_session_send(p.caller, msg, 0), SOTTO_EINVAL);
    assert_int_equal(sotto_session_send(p.caller, msg, sizeof msg + 1), SOTTO_EINVAL);
    pair_free(&p);
}

// The caller's first message may travel with its REVEAL.
static void test_message_right_behind_reveal(void **state)
{
    (void)state;
    uint8_t got[8];
    struct pair p = pair_at(4);
    assert_int_equal(sotto_session_confirm(p.caller, 0), 0);
    assert_int_equal(sotto_session_send(p.caller, (const uint8_t *)"hello", 5), 0);
    assert_int_equal(pass(p.caller, p.callee), 1);
    assert_confirmed(&p);
    assert_int_equal(sotto_session_receive(p.callee, got, sizeof got), 5);
    pair_free(&p);
}

static void test_send_queue_is_bounded(void **state)
{
    (void)state;
    uint8_t msg[SOTTO_SESSION_MESSAGE_MAX_BYTES] = {0}, got[sizeof msg];
    struct flight *f = flight_new();
    struct pair p = pair_at(PAIR_FLIGHTS);
    int queued = 0, received = 0, flights = 0, err;
    while ((err = sotto_session_send(p.caller, msg, sizeof msg)) == 0) {
        queued++;
    }
    assert_int_equal(err, SOTTO_ELIMIT);
    assert_in_range(queued, 14, 16);
    while (take(p.caller, f) > 0) {
        flights++;
        assert_int_equal(give(p.callee, f), 0);
        while (sotto_session_receive(p.callee, got, sizeof got) > 0) {
            received++;
        }
    }
    assert_int_equal(received, queued);
    assert_true(flights >= 4); // each holds what fits SOTTO_FLIGHT_MAX_BYTES
    assert_int_equal(sotto_session_send(p.caller, msg, sizeof msg), 0);
    assert_confirmed(&p);
    free(f);
    pair_free(&p);
}

static void test_receive_buffer_is_bounded(void **state)
{
    (void)state;
    uint8_t msg[SOTTO_SESSION_MESSAGE_MAX_BYTES] = {0};
    struct pair p = pair_at(PAIR_FLIGHTS);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(sotto_session_send(p.caller, msg, sizeof msg), 0);
    }
    assert_int_equal(pass_last(p.caller, p.callee), SOTTO_ELIMIT);
    assert_failed(p.callee, SOTTO_ELIMIT);
    assert_gated(p.callee);
    pair_free(&p);
}

// ---- edges of the interface ---------------------------------------------------------------------

static void test_write_needs_space(void **state)
{
    (void)state;
    struct flight *f = flight_new();
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        struct pair p = pair_at(i);
        pair_prepare(&p, i);
        struct sotto_session *s = sender_of(&p, i);
        assert_int_equal(sotto_session_write(s, f->bytes, 0, 0), SOTTO_ESPACE);
        assert_int_equal(sotto_session_write(s, f->bytes, 300, 0), SOTTO_ESPACE);
        assert_true(take(s, f) > 0); // nothing was lost
        assert_int_equal(give(receiver_of(&p, i), f), 0);
        pair_free(&p);
    }
    free(f);
}

static void test_new_checks_its_arguments(void **state)
{
    (void)state;
    const struct sotto_session_config good = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config bad[9];
    struct sotto_session *s = NULL;
    for (size_t i = 0; i < 9; i++) {
        bad[i] = good;
    }
    bad[0].role = (enum sotto_role)2;
    bad[1].suite = (enum sotto_suite)2;
    bad[2].identity = NULL;
    bad[3].secret = NULL;
    bad[4].purpose = NULL;
    bad[5].purpose = "";
    bad[6].purpose = "123456789012345678901234567890123"; // one too long
    bad[7].role = (enum sotto_role) - 1;
    bad[8].timeout_ns = SOTTO_SESSION_TIMEOUT_MAX_NS + 1;
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(sotto_session_new(&s, &bad[i], sotto_env_default(), 0), SOTTO_EINVAL);
        assert_null(s);
    }
    bad[6].purpose++;
    assert_int_equal(sotto_session_new(&s, &bad[6], sotto_env_default(), 0), 0);
    sotto_session_free(s);
    sotto_session_free(NULL);
}

static void *no_memory(void *ptr, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        free(ptr);
    }
    return NULL;
}

static void test_new_without_memory(void **state)
{
    (void)state;
    struct sotto_env env = *sotto_env_default();
    struct sotto_session_config cfg = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session *s = NULL;
    env.realloc = no_memory;
    assert_int_equal(sotto_session_new(&s, &cfg, &env, 0), SOTTO_ENOMEM);
    assert_null(s);
}

static void test_own_timeout(void **state)
{
    (void)state;
    struct sotto_session_config cfg = config_of(ALICE, SOTTO_CALLER);
    cfg.timeout_ns = SOTTO_SESSION_TIMEOUT_MAX_NS;
    struct sotto_session *s = session_of(&cfg);
    assert_true(sotto_session_expiry(s) == SOTTO_SESSION_TIMEOUT_MAX_NS);
    sotto_session_handle_expiry(s, SOTTO_SESSION_TIMEOUT_MAX_NS - 1);
    assert_state(s, SOTTO_SESSION_HANDSHAKE);
    sotto_session_handle_expiry(s, SOTTO_SESSION_TIMEOUT_MAX_NS);
    assert_failed(s, SOTTO_ETIMEOUT);
    sotto_session_free(s);
}

// A clock near its end must not make a session expire at once.
static void test_late_clock(void **state)
{
    (void)state;
    struct sotto_session_config cfg = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session *s = NULL;
    assert_int_equal(sotto_session_new(&s, &cfg, sotto_env_default(), SOTTO_NEVER - 1), 0);
    assert_true(sotto_session_expiry(s) == SOTTO_NEVER);
    sotto_session_handle_expiry(s, SOTTO_NEVER - 1);
    assert_state(s, SOTTO_SESSION_HANDSHAKE);
    sotto_session_free(s);
}

// ---- many -------------------------------------------------------------------------------------

#define MANY 32

// 32 sessions of the same people and number, and nothing in common.
static void test_sessions_share_nothing(void **state)
{
    (void)state;
    static uint8_t secrets[MANY * 3][32];
    static struct sotto_words words[MANY];
    for (size_t i = 0; i < MANY; i++) {
        struct pair p = pair_at(PAIR_FLIGHTS);
        struct sotto_secret key[2];
        assert_int_equal(sotto_session_binding(p.caller, secrets[3 * i]), 0);
        assert_int_equal(sotto_session_media_key(p.caller, SOTTO_CALLER, &key[0]), 0);
        assert_int_equal(sotto_session_media_key(p.caller, SOTTO_CALLEE, &key[1]), 0);
        memcpy(secrets[3 * i + 1], key[0].bytes, 32);
        memcpy(secrets[3 * i + 2], key[1].bytes, 32);
        assert_int_equal(sotto_session_words(p.caller, &words[i]), 0);
        pair_free(&p);
    }
    for (size_t i = 0; i < MANY * 3; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(secrets[i], secrets[j], 32);
        }
    }
    for (size_t i = 0; i < MANY; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(sotto_words_equal(&words[i], &words[j]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagram_hybrid),
        cmocka_unit_test(test_diagram_cnsa2),
        cmocka_unit_test(test_nothing_comes_out_before_confirmed),
        cmocka_unit_test(test_nothing_comes_out_after_failure),
        cmocka_unit_test(test_bound_both_ways),
        cmocka_unit_test(test_bound_number_in_other_hands),
        cmocka_unit_test(test_caller_meets_a_stranger),
        cmocka_unit_test(test_nobody_calls_himself),
        cmocka_unit_test(test_callee_takes_a_stricter_caller),
        cmocka_unit_test(test_no_common_suite),
        cmocka_unit_test(test_rekey_is_bound_to_the_session_before),
        cmocka_unit_test(test_another_previous_binding_is_no_proof),
        cmocka_unit_test(test_another_purpose_does_not_open),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_callee_refuses),
        cmocka_unit_test(test_callee_refuses_what_it_had_confirmed),
        cmocka_unit_test(test_caller_refuses),
        cmocka_unit_test(test_caller_gives_up_before_an_answer),
        cmocka_unit_test(test_close_after_confirmed),
        cmocka_unit_test(test_messages_both_ways),
        cmocka_unit_test(test_message_right_behind_reveal),
        cmocka_unit_test(test_send_queue_is_bounded),
        cmocka_unit_test(test_receive_buffer_is_bounded),
        cmocka_unit_test(test_write_needs_space),
        cmocka_unit_test(test_new_checks_its_arguments),
        cmocka_unit_test(test_new_without_memory),
        cmocka_unit_test(test_own_timeout),
        cmocka_unit_test(test_late_clock),
        cmocka_unit_test(test_sessions_share_nothing),
    };
    return cmocka_run_group_tests_name("session", tests, people_setup, people_teardown);
}
