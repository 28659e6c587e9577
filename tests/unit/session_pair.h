// SPDX-License-Identifier: Apache-2.0
// People, sessions and flights for the session's tests.
#ifndef SOTTO_TESTS_SESSION_PAIR_H
#define SOTTO_TESTS_SESSION_PAIR_H

#include "unit.h"

#include <sotto/session.h>
#include <stdlib.h>
#include <string.h>

enum person {
    ALICE,
    BOB,
    MALLORY,
    PEOPLE
};

static struct sotto_identity *people[PEOPLE];
static const struct sotto_secret number = {{1, 2, 3, 4}};

static inline int people_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEOPLE; i++) {
        assert_int_equal(sotto_identity_generate(&people[i], sotto_env_default()), 0);
    }
    return 0;
}

static inline int people_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEOPLE; i++) {
        sotto_identity_free(people[i]);
    }
    return 0;
}

static inline struct sotto_fingerprint fingerprint_of(enum person p)
{
    struct sotto_fingerprint fp;
    sotto_identity_fingerprint(people[p], &fp);
    return fp;
}

// Unbound sessions of one number, with these defaults, unless a test changes them.
static inline struct sotto_session_config config_of(enum person p, enum sotto_role role)
{
    return (struct sotto_session_config){
        .role = role,
        .suite = SOTTO_SUITE_HYBRID,
        .identity = people[p],
        .secret = &number,
        .purpose = "call",
    };
}

static inline struct sotto_session *session_of(const struct sotto_session_config *cfg)
{
    struct sotto_session *s = NULL;
    assert_int_equal(sotto_session_new(&s, cfg, sotto_env_default(), 0), 0);
    assert_non_null(s);
    return s;
}

struct flight {
    size_t len; // 0: there was none
    uint8_t bytes[SOTTO_FLIGHT_MAX_BYTES];
};

// Not for the stack of a function that has several.
static inline struct flight *flight_new(void)
{
    struct flight *f = calloc(1, sizeof *f);
    assert_non_null(f);
    return f;
}

static inline size_t take(struct sotto_session *s, struct flight *f)
{
    int n = sotto_session_write(s, f->bytes, sizeof f->bytes, 0);
    assert_true(n >= 0);
    f->len = (size_t)n;
    return f->len;
}

// From an allocation of exactly its size, so that a read past its end is seen.
static inline int give_bytes(struct sotto_session *s, const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    int err = sotto_session_read(s, exact, len, 0);
    free(exact);
    return err;
}

static inline int give(struct sotto_session *s, const struct flight *f)
{
    return give_bytes(s, f->bytes, f->len);
}

// All that `from` has to say. The number of flights; each must be taken well.
static inline int pass(struct sotto_session *from, struct sotto_session *to)
{
    struct flight *f = flight_new();
    int count = 0;
    while (take(from, f) > 0) {
        assert_int_equal(give(to, f), 0);
        count++;
    }
    free(f);
    return count;
}

// The same, and says how the last flight was taken; SOTTO_EAGAIN if there was none.
static inline int pass_last(struct sotto_session *from, struct sotto_session *to)
{
    struct flight *f = flight_new();
    int err = SOTTO_EAGAIN;
    while (take(from, f) > 0) {
        err = give(to, f);
    }
    free(f);
    return err;
}

#define assert_state(s, expected) assert_int_equal(sotto_session_state(s), expected)

static inline void assert_failed(const struct sotto_session *s, int error)
{
    assert_state(s, SOTTO_SESSION_FAILED);
    assert_int_equal(sotto_session_error(s), error);
    assert_true(sotto_session_expiry(s) == SOTTO_NEVER);
}

struct pair {
    struct sotto_session *caller, *callee;
};

static inline struct pair pair_of(const struct sotto_session_config *caller,
                                  const struct sotto_session_config *callee)
{
    return (struct pair){session_of(caller), session_of(callee)};
}

static inline struct pair pair_new(void)
{
    struct sotto_session_config caller = config_of(ALICE, SOTTO_CALLER);
    struct sotto_session_config callee = config_of(BOB, SOTTO_CALLEE);
    return pair_of(&caller, &callee);
}

static inline void pair_free(struct pair *p)
{
    sotto_session_free(p->caller);
    sotto_session_free(p->callee);
}

// How far a pair has come: after so many of the five flights are delivered.
#define PAIR_FLIGHTS 5
static inline struct sotto_session *sender_of(const struct pair *p, int flight)
{
    return flight % 2 == 0 ? p->caller : p->callee;
}

static inline struct sotto_session *receiver_of(const struct pair *p, int flight)
{
    return flight % 2 == 0 ? p->callee : p->caller;
}

// What the sender's owner has to do before that flight.
static inline void pair_prepare(const struct pair *p, int flight)
{
    if (flight >= 3) {
        assert_int_equal(sotto_session_confirm(sender_of(p, flight), 0), 0);
    }
}

static inline void pair_run(const struct pair *p, int first, int end)
{
    for (int i = first; i < end; i++) {
        pair_prepare(p, i);
        assert_int_equal(pass(sender_of(p, i), receiver_of(p, i)), 1);
    }
}

static inline struct pair pair_at(int flights)
{
    struct pair p = pair_new();
    pair_run(&p, 0, flights);
    return p;
}

static inline void assert_confirmed(const struct pair *p)
{
    assert_state(p->caller, SOTTO_SESSION_CONFIRMED);
    assert_state(p->callee, SOTTO_SESSION_CONFIRMED);
}

#endif
