// SPDX-License-Identifier: Apache-2.0
// Whoever carries the flights may change, cut, repeat, reorder, reflect and swap them, and may even
// hold the number's secret; without a key of the two people nothing may come of it.
#include "session_pair.h"

#include "session/proof.h"
#include "session/seal.h"

// ---- without the secret -------------------------------------------------------------------------

// Dropped with SOTTO_EAUTH, and the receiver is where it was.
static void assert_dropped(struct sotto_session *s, const uint8_t *bytes, size_t len)
{
    enum sotto_session_state state = sotto_session_state(s);
    struct sotto_session_info before, after;
    sotto_session_info(s, &before);
    assert_int_equal(give_bytes(s, bytes, len), SOTTO_EAUTH);
    sotto_session_info(s, &after);
    assert_state(s, state);
    assert_int_equal(sotto_session_error(s), 0);
    assert_int_equal(before.bytes_received, after.bytes_received);
}

// Runs a pair to CONFIRMED; before each flight is delivered `meddle` may do its worst with it.
static void run_with(void (*meddle)(const struct pair *p, int i, struct flight *f))
{
    struct flight *f = flight_new();
    struct pair p = pair_new();
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        pair_prepare(&p, i);
        assert_true(take(sender_of(&p, i), f) > 0);
        meddle(&p, i, f);
        assert_int_equal(give(receiver_of(&p, i), f), 0);
    }
    assert_confirmed(&p);
    pair_free(&p);
    free(f);
}

static void flip_every_byte(const struct pair *p, int i, struct flight *f)
{
    for (size_t at = 0; at < f->len; at++) {
        uint8_t mask = (uint8_t)(1u << (at % 8));
        f->bytes[at] ^= mask;
        assert_dropped(receiver_of(p, i), f->bytes, f->len);
        f->bytes[at] ^= mask;
    }
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    run_with(flip_every_byte);
}

static void cut_and_grow(const struct pair *p, int i, struct flight *f)
{
    static uint8_t longer[SOTTO_FLIGHT_MAX_BYTES + 512];
    struct sotto_session *to = receiver_of(p, i);
    for (size_t len = 0; len < f->len; len += len < 700 ? 1 : 97) {
        assert_dropped(to, f->bytes, len);
    }
    memset(longer, 0, sizeof longer);
    memcpy(longer, f->bytes, f->len);
    assert_dropped(to, longer, f->len + 1);
    assert_dropped(to, longer, f->len + 512);
    assert_dropped(to, longer, SOTTO_FLIGHT_MAX_BYTES);
    assert_dropped(to, longer, SOTTO_FLIGHT_MAX_BYTES + 1);
    assert_dropped(to, longer, sizeof longer);
    memmove(longer + 1, longer, f->len);
    assert_dropped(to, longer, f->len + 1);
}

static void test_truncated_and_oversize(void **state)
{
    (void)state;
    run_with(cut_and_grow);
}

static void reflect(const struct pair *p, int i, struct flight *f)
{
    assert_dropped(sender_of(p, i), f->bytes, f->len);
}

static void test_reflected(void **state)
{
    (void)state;
    run_with(reflect);
}

// Every flight of the session so far, to both ends, before each new one.
static struct flight *history[PAIR_FLIGHTS];

static void replay_all(const struct pair *p, int i, struct flight *f)
{
    for (int old = 0; old < i; old++) {
        assert_dropped(p->caller, history[old]->bytes, history[old]->len);
        assert_dropped(p->callee, history[old]->bytes, history[old]->len);
    }
    memcpy(history[i], f, sizeof *f);
}

static void test_replayed_and_duplicated(void **state)
{
    (void)state;
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        history[i] = flight_new();
    }
    run_with(replay_all);
    // And after the end, on a confirmed pair of another session.
    struct pair p = pair_at(PAIR_FLIGHTS);
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        assert_dropped(p.caller, history[i]->bytes, history[i]->len);
        assert_dropped(p.callee, history[i]->bytes, history[i]->len);
    }
    assert_confirmed(&p);
    pair_free(&p);
}

// The flights of one whole session, again, to a callee that has never seen them.
static void test_old_session_replayed(void **state)
{
    (void)state;
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct sotto_session *callee = session_of(&b);
    struct flight *f = flight_new();
    assert_int_equal(give(callee, history[0]), 0); // a call; nobody can tell yet
    assert_true(take(callee, f) > 0);
    assert_memory_not_equal(f->bytes + SEAL_HEADER_BYTES, history[1]->bytes + SEAL_HEADER_BYTES,
                            SEAL_SALT_BYTES);
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        assert_dropped(callee, history[i]->bytes, history[i]->len);
    }
    assert_state(callee, SOTTO_SESSION_HANDSHAKE);
    sotto_session_handle_expiry(callee, SOTTO_SESSION_TIMEOUT_NS);
    assert_failed(callee, SOTTO_ETIMEOUT);
    sotto_session_free(callee);
    free(f);
}

// Answers of one callee to a replayed first flight must not share a key: same key and counter with
// different plaintexts would give both away.
static void test_answers_to_one_hello_share_no_key(void **state)
{
    (void)state;
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct pair p = pair_new();
    struct flight *hello = flight_new(), *answer[2] = {flight_new(), flight_new()};
    assert_true(take(p.caller, hello) > 0);
    for (int i = 0; i < 2; i++) {
        struct sotto_session *callee = session_of(&b);
        assert_int_equal(give(callee, hello), 0);
        assert_true(take(callee, answer[i]) > 0);
        sotto_session_free(callee);
    }
    // Hint and record header are the same plaintext in both: equal ciphertext would mean one key.
    const size_t at = SEAL_HEADER_BYTES + SEAL_SALT_BYTES;
    assert_memory_not_equal(answer[0]->bytes + at, answer[1]->bytes + at, 40);
    // Only one of the two can be taken.
    assert_int_equal(give(p.caller, answer[1]), 0);
    assert_dropped(p.caller, answer[0]->bytes, answer[0]->len);
    for (int i = 0; i < 2; i++) {
        free(answer[i]);
    }
    free(hello);
    pair_free(&p);
}

static void test_every_caller_has_its_own_salt(void **state)
{
    (void)state;
    struct flight *hello[2] = {flight_new(), flight_new()};
    for (int i = 0; i < 2; i++) {
        struct pair p = pair_new();
        assert_true(take(p.caller, hello[i]) > 0);
        pair_free(&p);
    }
    assert_memory_not_equal(hello[0]->bytes + SEAL_HEADER_BYTES,
                            hello[1]->bytes + SEAL_HEADER_BYTES, SEAL_SALT_BYTES);
    free(hello[0]);
    free(hello[1]);
}

static void test_reordered(void **state)
{
    (void)state;
    struct flight *first = flight_new(), *second = flight_new();
    for (int dir = 0; dir < 2; dir++) {
        struct pair p = pair_at(PAIR_FLIGHTS);
        struct sotto_session *from = sender_of(&p, dir), *to = receiver_of(&p, dir);
        uint8_t got[4];
        assert_int_equal(sotto_session_send(from, (const uint8_t *)"1", 1), 0);
        assert_true(take(from, first) > 0);
        assert_int_equal(sotto_session_send(from, (const uint8_t *)"2", 1), 0);
        assert_true(take(from, second) > 0);
        assert_dropped(to, second->bytes, second->len);
        assert_int_equal(sotto_session_receive(to, got, sizeof got), 0);
        assert_int_equal(give(to, first), 0);
        assert_dropped(to, first->bytes, first->len);
        assert_int_equal(give(to, second), 0);
        assert_int_equal(sotto_session_receive(to, got, sizeof got), 1);
        assert_int_equal(got[0], '1');
        assert_int_equal(sotto_session_receive(to, got, sizeof got), 1);
        assert_int_equal(got[0], '2');
        pair_free(&p);
    }
    free(first);
    free(second);
}

static void test_wrong_role(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLER);
    struct pair p = pair_of(&a, &b); // two callers
    struct flight *f = flight_new();
    assert_true(take(p.caller, f) > 0);
    assert_dropped(p.callee, f->bytes, f->len);
    assert_true(take(p.callee, f) > 0);
    assert_dropped(p.caller, f->bytes, f->len);
    pair_free(&p);
    // A callee's answer at another callee that waits, and at a caller that has said nothing yet.
    p = pair_at(1);
    assert_true(take(p.callee, f) > 0);
    struct pair fresh = pair_new();
    assert_dropped(fresh.callee, f->bytes, f->len);
    assert_dropped(fresh.caller, f->bytes, f->len);
    pair_free(&fresh);
    pair_free(&p);
    free(f);
}

static void test_wrong_secret(void **state)
{
    (void)state;
    struct sotto_secret other = number;
    other.bytes[31] ^= 1;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    a.secret = &other;
    struct pair wrong = pair_of(&a, &b);
    struct flight *f = flight_new();
    assert_true(take(wrong.caller, f) > 0);
    assert_dropped(wrong.callee, f->bytes, f->len);
    assert_int_equal(take(wrong.callee, f), 0); // a probe gets no answer at all
    // The right caller still gets through to the same callee.
    a.secret = &number;
    struct sotto_session *right = session_of(&a);
    struct pair p = {right, wrong.callee};
    pair_run(&p, 0, PAIR_FLIGHTS);
    assert_confirmed(&p);
    sotto_session_free(wrong.caller);
    pair_free(&p);
    free(f);
}

// ---- with the secret, without keys: opens every flight, changes what is inside, seals it again
// -----

struct man {
    struct session_seal to_caller, to_callee; // where he plays callee and caller
    uint8_t plain[SEAL_PLAIN_MAX_BYTES];
};

static struct man *man_new(void)
{
    static const uint8_t salts[2][SEAL_SALT_BYTES] = {{0x11}, {0x22}};
    struct man *m = calloc(1, sizeof *m);
    assert_non_null(m);
    assert_int_equal(session_seal_init(&m->to_caller, SOTTO_CALLEE, &number, "call", salts[0]), 0);
    assert_int_equal(session_seal_init(&m->to_callee, SOTTO_CALLER, &number, "call", salts[1]), 0);
    return m;
}

// Flight i as sent -> what is inside.
static void man_open(struct man *m, int i, const struct flight *f, struct session_flight *inside)
{
    struct session_seal *s = i % 2 == 0 ? &m->to_caller : &m->to_callee;
    assert_int_equal(session_seal_read(s, f->bytes, f->len, m->plain, inside), 0);
}

static void man_seal(struct man *m, int i, const struct session_flight *inside, struct flight *f)
{
    struct session_seal *s = i % 2 == 0 ? &m->to_callee : &m->to_caller;
    int n = session_seal_write(s, inside, f->bytes, sizeof f->bytes);
    assert_true(n > 0);
    f->len = (size_t)n;
}

// Carries flights [0, end) of a fresh pair, faithfully.
static struct man *man_between(const struct pair *p, int end)
{
    struct man *m = man_new();
    struct flight *f = flight_new();
    struct session_flight inside;
    for (int i = 0; i < end; i++) {
        pair_prepare(p, i);
        assert_true(take(sender_of(p, i), f) > 0);
        man_open(m, i, f, &inside);
        man_seal(m, i, &inside, f);
        assert_int_equal(give(receiver_of(p, i), f), 0);
    }
    free(f);
    return m;
}

// The seal says nothing about who carries the flights: what is below must do all the work here.
static void test_resealed_session_works(void **state)
{
    (void)state;
    struct pair p = pair_new();
    struct man *m = man_between(&p, PAIR_FLIGHTS);
    assert_confirmed(&p);
    free(m);
    pair_free(&p);
}

// The receiver of flight i must not come out of it where an honest flight would have brought it.
static void change_one_byte(int i, size_t at, uint8_t mask)
{
    struct pair p = pair_new();
    struct man *m = man_between(&p, i);
    struct flight *f = flight_new();
    struct session_flight inside;
    struct sotto_session *to = receiver_of(&p, i);
    pair_prepare(&p, i);
    assert_true(take(sender_of(&p, i), f) > 0);
    man_open(m, i, f, &inside);
    assert_true(at < inside.tls_len);
    m->plain[(size_t)(inside.tls - m->plain) + at] ^= mask;
    man_seal(m, i, &inside, f);
    enum sotto_session_state before = sotto_session_state(to);
    int err = give(to, f);
    if (err == 0) {
        // A length made longer: it waits for bytes that never come. Or, in the hello only,
        // something that the transcript covers: the next flight finds it.
        assert_state(to, before);
        if (i < 2) {
            struct sotto_session *from = sender_of(&p, i);
            struct flight *answer = flight_new();
            if (take(to, answer) > 0) {
                man_open(m, i + 1, answer, &inside);
                man_seal(m, i + 1, &inside, answer);
                assert_int_not_equal(give(from, answer), 0);
                assert_state(from, SOTTO_SESSION_FAILED);
            }
            free(answer);
        }
    } else {
        assert_failed(to, err);
        assert_int_not_equal(err, SOTTO_EAUTH);
    }
    free(m);
    free(f);
    pair_free(&p);
}

static size_t inside_bytes(int i)
{
    struct pair p = pair_new();
    struct man *m = man_between(&p, i);
    struct flight *f = flight_new();
    struct session_flight inside;
    pair_prepare(&p, i);
    assert_true(take(sender_of(&p, i), f) > 0);
    man_open(m, i, f, &inside);
    free(m);
    free(f);
    pair_free(&p);
    return inside.tls_len;
}

static void test_changed_below_the_seal(void **state)
{
    (void)state;
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        size_t len = inside_bytes(i);
        // Densely where the structure is, sparsely in keys, signatures and ciphertext.
        for (size_t at = 0; at < len; at += at < 96 || i >= 3 ? 5 : 331) {
            change_one_byte(i, at, (uint8_t)(1u << (at % 8)));
        }
        change_one_byte(i, len - 1, 0x80);
    }
}

// Another second key announced for the callee.
static void give_changed_hint(struct pair *p, size_t hint_len, int expected_caller_error)
{
    struct man *m = man_between(p, 1);
    struct flight *f = flight_new();
    struct session_flight inside;
    assert_true(take(p->callee, f) > 0);
    man_open(m, 1, f, &inside);
    uint8_t hint[SEAL_HINT_MAX_BYTES] = {0};
    memcpy(hint, inside.hint, inside.hint_len);
    hint[20] ^= 1;
    inside.hint = hint;
    inside.hint_len = hint_len;
    man_seal(m, 1, &inside, f);
    assert_int_equal(give(p->caller, f), expected_caller_error);
    if (expected_caller_error == 0) {
        assert_true(take(p->caller, f) > 0);
        man_open(m, 2, f, &inside);
        man_seal(m, 2, &inside, f);
        assert_int_equal(give(p->callee, f), SOTTO_EPROOF); // they disagree on who is called
    }
    free(m);
    free(f);
}

static void test_changed_hint(void **state)
{
    (void)state;
    struct pair p = pair_new();
    give_changed_hint(&p, 44, 0);
    assert_failed(p.callee, SOTTO_EPROOF);
    pair_free(&p);

    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct sotto_fingerprint bob = fingerprint_of(BOB);
    a.expected = &bob;
    p = pair_of(&a, &b);
    give_changed_hint(&p, 44, SOTTO_EPEER);
    pair_free(&p);

    static const size_t lengths[] = {0, 43, 45, 64};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        p = pair_new();
        give_changed_hint(&p, lengths[i], SOTTO_EPROTO);
        assert_failed(p.caller, SOTTO_EPROTO);
        pair_free(&p);
    }
}

static void test_hint_where_none_belongs(void **state)
{
    (void)state;
    static const uint8_t hint[44] = {0};
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        if (i == 1) {
            continue;
        }
        struct pair p = pair_new();
        struct man *m = man_between(&p, i);
        struct flight *f = flight_new();
        struct session_flight inside;
        pair_prepare(&p, i);
        assert_true(take(sender_of(&p, i), f) > 0);
        man_open(m, i, f, &inside);
        inside.hint = hint;
        inside.hint_len = sizeof hint;
        man_seal(m, i, &inside, f);
        assert_int_equal(give(receiver_of(&p, i), f), SOTTO_EPROTO);
        assert_failed(receiver_of(&p, i), SOTTO_EPROTO);
        free(m);
        free(f);
        pair_free(&p);
    }
}

// ---- limits -----------------------------------------------------------------------------------

// A handshake in drops: the TLS bytes of flight 2, one a flight, never end.
static void test_flights_are_limited(void **state)
{
    (void)state;
    struct pair p = pair_new();
    struct man *m = man_between(&p, 2);
    struct flight *f = flight_new();
    struct session_flight inside;
    assert_true(take(p.caller, f) > 0);
    man_open(m, 2, f, &inside);
    int sent = 1, err = 0;
    for (size_t at = 0; err == 0 && at < inside.tls_len; at++) {
        struct session_flight drop = {.tls = inside.tls + at, .tls_len = 1};
        man_seal(m, 2, &drop, f);
        err = give(p.callee, f);
        sent++;
    }
    assert_int_equal(err, SOTTO_ELIMIT);
    assert_int_equal(sent, SOTTO_SESSION_FLIGHTS_MAX + 1);
    assert_failed(p.callee, SOTTO_ELIMIT);
    free(m);
    free(f);
    pair_free(&p);
}

// In few flights it works: TLS does not care where its bytes are cut.
static void test_flights_may_be_cut_anew(void **state)
{
    (void)state;
    struct pair p = pair_new();
    struct man *m = man_between(&p, 2);
    struct flight *f = flight_new();
    struct session_flight inside;
    assert_true(take(p.caller, f) > 0);
    man_open(m, 2, f, &inside);
    for (size_t at = 0; at < inside.tls_len; at += 700) {
        size_t left = inside.tls_len - at;
        struct session_flight piece = {.tls = inside.tls + at, .tls_len = left < 700 ? left : 700};
        assert_state(p.callee, SOTTO_SESSION_HANDSHAKE);
        man_seal(m, 2, &piece, f);
        assert_int_equal(give(p.callee, f), 0);
    }
    assert_state(p.callee, SOTTO_SESSION_CHECKING);
    free(m);
    free(f);
    pair_free(&p);
}

static void test_flights_without_content_are_limited(void **state)
{
    (void)state;
    struct pair p = pair_new();
    struct man *m = man_between(&p, 2);
    struct flight *f = flight_new();
    struct session_flight nothing = {0};
    int err = 0, sent = 1;
    while (err == 0 && sent < 2 * SOTTO_SESSION_FLIGHTS_MAX) {
        man_seal(m, 2, &nothing, f);
        err = give(p.callee, f);
        sent++;
    }
    assert_int_equal(err, SOTTO_ELIMIT);
    assert_int_equal(sent, SOTTO_SESSION_FLIGHTS_MAX + 1);
    free(m);
    free(f);
    pair_free(&p);
}

// ---- with the secret and own keys: two sessions, and everything passed on ----------------------

static void test_man_in_the_middle_of_an_exchange(void **state)
{
    (void)state;
    struct sotto_session_config a = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config ma = config_of(MALLORY, SOTTO_CALLEE);
    struct sotto_session_config mb = config_of(MALLORY, SOTTO_CALLER);
    struct sotto_session_config b = config_of(BOB, SOTTO_CALLEE);
    struct pair left = pair_of(&a, &ma), right = pair_of(&mb, &b);
    pair_run(&left, 0, PAIR_FLIGHTS);
    pair_run(&right, 0, PAIR_FLIGHTS);
    assert_confirmed(&left);
    assert_confirmed(&right);
    // Alice and Bob see each other's words and keys as different.
    struct sotto_words alices, bobs;
    struct sotto_fingerprint seen, bob = fingerprint_of(BOB);
    assert_int_equal(sotto_session_words(left.caller, &alices), 0);
    assert_int_equal(sotto_session_words(right.callee, &bobs), 0);
    assert_false(sotto_words_equal(&alices, &bobs));
    assert_true(sotto_session_peer(left.caller, &seen));
    assert_false(sotto_fingerprint_equal(&seen, &bob));
    pair_free(&left);
    pair_free(&right);
}

static void free_history(void)
{
    for (int i = 0; i < PAIR_FLIGHTS; i++) {
        free(history[i]);
    }
}

static int teardown(void **state)
{
    free_history();
    return people_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_truncated_and_oversize),
        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_replayed_and_duplicated),
        cmocka_unit_test(test_old_session_replayed),
        cmocka_unit_test(test_answers_to_one_hello_share_no_key),
        cmocka_unit_test(test_every_caller_has_its_own_salt),
        cmocka_unit_test(test_reordered),
        cmocka_unit_test(test_wrong_role),
        cmocka_unit_test(test_wrong_secret),
        cmocka_unit_test(test_resealed_session_works),
        cmocka_unit_test(test_changed_below_the_seal),
        cmocka_unit_test(test_changed_hint),
        cmocka_unit_test(test_hint_where_none_belongs),
        cmocka_unit_test(test_flights_are_limited),
        cmocka_unit_test(test_flights_may_be_cut_anew),
        cmocka_unit_test(test_flights_without_content_are_limited),
        cmocka_unit_test(test_man_in_the_middle_of_an_exchange),
    };
    return cmocka_run_group_tests_name("session_attack", tests, people_setup, teardown);
}
