// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "session/proof.h"

static struct sotto_identity *alice;
static const struct sotto_secret secret = {{1}};

static int setup(void **state)
{
    (void)state;
    return sotto_identity_generate(&alice, sotto_env_default());
}

static int teardown(void **state)
{
    (void)state;
    sotto_identity_free(alice);
    return 0;
}

static EVP_PKEY *key(void)
{
    return identity_ed25519(alice);
}

static struct session_facts facts_new(void)
{
    struct session_facts f = {.purpose = "call", .purpose_len = 4};
    memset(f.exporter, 0xe0, sizeof f.exporter);
    memset(&f.fingerprint[0], 0xf0, sizeof f.fingerprint[0]);
    memset(&f.fingerprint[1], 0xf1, sizeof f.fingerprint[1]);
    memset(f.commitment, 0xc0, sizeof f.commitment);
    memset(f.nonce[0], 0xa0, sizeof f.nonce[0]);
    memset(f.nonce[1], 0xa1, sizeof f.nonce[1]);
    return f;
}

// Every single fact, changed.
static void change(struct session_facts *f, int which)
{
    switch (which) {
    case 0:
        f->purpose[0] ^= 1;
        break;
    case 1:
        f->purpose_len--;
        break;
    case 2:
        f->has_previous = !f->has_previous;
        break;
    case 3:
        f->previous[31] ^= 1;
        break;
    case 4:
        f->exporter[63] ^= 1;
        break;
    case 5:
        f->fingerprint[SOTTO_CALLER].bytes[0] ^= 1;
        break;
    case 6:
        f->fingerprint[SOTTO_CALLEE].bytes[31] ^= 1;
        break;
    case 7:
        f->commitment[0] ^= 1;
        break;
    case 8:
        f->nonce[SOTTO_CALLEE][0] ^= 1;
        break;
    case 9:
        f->nonce[SOTTO_CALLER][0] ^= 1;
        break;
    case 10:
        f->proof_hash[SOTTO_CALLER][0] ^= 1;
        break;
    default:
        f->proof_hash[SOTTO_CALLEE][0] ^= 1;
        break;
    }
}
#define FACTS                 12
#define FACTS_IN_CALLER_PROOF 7 // and its own commitment, which the proof brings along
#define FACTS_IN_CALLEE_PROOF 8 // and its own nonce

static int make(struct session_facts *f, enum sotto_role role, struct session_proof *out)
{
    uint8_t body[SESSION_PROOF_MAX_BYTES];
    int n = session_proof_make(f, role, key(), &secret, body);
    assert_int_equal(n, role == SOTTO_CALLER ? 236 : 204);
    assert_int_equal(session_proof_parse(out, role, body, (size_t)n), 0);
    return n;
}

static void test_both_roles(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        struct session_facts mine = facts_new(), theirs = facts_new();
        struct session_proof p;
        make(&mine, (enum sotto_role)role, &p);
        // What the proof brings, the other side does not know before.
        if (role == SOTTO_CALLER) {
            memset(theirs.commitment, 0, sizeof theirs.commitment);
        } else {
            memset(theirs.nonce[SOTTO_CALLEE], 0, SESSION_NONCE_BYTES);
        }
        assert_int_equal(session_proof_check(&theirs, (enum sotto_role)role, &p, &secret), 0);
        assert_memory_equal(&mine, &theirs, sizeof mine);
    }
}

static void test_every_fact_counts(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        int facts = role == SOTTO_CALLER ? FACTS_IN_CALLER_PROOF : FACTS_IN_CALLEE_PROOF;
        for (int i = 0; i < facts; i++) {
            struct session_facts mine = facts_new(), theirs = facts_new(), before;
            struct session_proof p;
            make(&mine, (enum sotto_role)role, &p);
            change(&theirs, i);
            before = theirs;
            assert_int_equal(session_proof_check(&theirs, (enum sotto_role)role, &p, &secret),
                             SOTTO_EPROOF);
            assert_memory_equal(&theirs, &before, sizeof before);
        }
    }
}

// Either half alone is not enough.
static void test_every_byte_of_a_proof_counts(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        struct session_facts mine = facts_new(), theirs = facts_new();
        struct session_proof good, bad;
        make(&mine, (enum sotto_role)role, &good);
        for (size_t i = 0; i < 64; i++) {
            bad = good;
            bad.signature[i] ^= 1;
            assert_int_equal(session_proof_check(&theirs, (enum sotto_role)role, &bad, &secret),
                             SOTTO_EPROOF);
            bad = good;
            bad.mac[i] ^= 1;
            assert_int_equal(session_proof_check(&theirs, (enum sotto_role)role, &bad, &secret),
                             SOTTO_EPROOF);
            bad = good;
            bad.tail[i % bad.tail_len] ^= 1;
            assert_int_equal(session_proof_check(&theirs, (enum sotto_role)role, &bad, &secret),
                             SOTTO_EPROOF);
        }
    }
}

static void test_wrong_secret(void **state)
{
    (void)state;
    struct sotto_secret other = secret;
    struct session_facts mine = facts_new(), theirs = facts_new();
    struct session_proof p;
    other.bytes[31] = 1;
    make(&mine, SOTTO_CALLER, &p);
    assert_int_equal(session_proof_check(&theirs, SOTTO_CALLER, &p, &other), SOTTO_EPROOF);
}

static void test_wrong_key(void **state)
{
    (void)state;
    struct sotto_identity *mallory = NULL;
    struct session_facts mine = facts_new(), theirs = facts_new();
    struct session_proof p;
    assert_int_equal(sotto_identity_generate(&mallory, sotto_env_default()), 0);
    make(&mine, SOTTO_CALLER, &p);
    assert_int_equal(identity_ed25519_spki(identity_ed25519(mallory), p.spki), 0);
    assert_int_equal(session_proof_check(&theirs, SOTTO_CALLER, &p, &secret), SOTTO_EPROOF);
    sotto_identity_free(mallory);
}

// One side's proof, sent back to it as the other side's.
static void test_reflected(void **state)
{
    (void)state;
    struct session_facts mine = facts_new(), theirs = facts_new();
    struct session_proof p;
    make(&mine, SOTTO_CALLER, &p);
    p.tail_len = SESSION_NONCE_BYTES;
    assert_int_equal(session_proof_check(&theirs, SOTTO_CALLEE, &p, &secret), SOTTO_EPROOF);
    make(&mine, SOTTO_CALLEE, &p);
    p.tail_len = SESSION_COMMITMENT_BYTES;
    assert_int_equal(session_proof_check(&theirs, SOTTO_CALLER, &p, &secret), SOTTO_EPROOF);
}

static void test_parse(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        uint8_t body[SESSION_PROOF_MAX_BYTES + 1] = {0};
        struct session_facts f = facts_new();
        struct session_proof p, untouched;
        memset(&untouched, 0x5a, sizeof untouched);
        int n = session_proof_make(&f, (enum sotto_role)role, key(), &secret, body);
        for (size_t len = 0; len <= sizeof body; len++) {
            uint8_t *exact = malloc(len + 1);
            assert_non_null(exact);
            memcpy(exact, body, len);
            p = untouched;
            int err = session_proof_parse(&p, (enum sotto_role)role, exact, len);
            assert_int_equal(err, len == (size_t)n ? 0 : SOTTO_EPROTO);
            if (err != 0) {
                assert_memory_equal(&p, &untouched, sizeof p);
            }
            free(exact);
        }
        // Another encoding, or another kind of key, in place of the Ed25519 SPKI.
        for (size_t i = 0; i < 12; i++) {
            body[i] ^= 1;
            assert_int_equal(session_proof_parse(&p, (enum sotto_role)role, body, (size_t)n),
                             SOTTO_EPROTO);
            body[i] ^= 1;
        }
    }
}

static void test_commitment(void **state)
{
    (void)state;
    uint8_t a[SESSION_COMMITMENT_BYTES], b[SESSION_COMMITMENT_BYTES];
    for (int i = 0; i < FACTS; i++) {
        struct session_facts f = facts_new();
        assert_int_equal(session_commitment(&f, a), 0);
        change(&f, i);
        assert_int_equal(session_commitment(&f, b), 0);
        // The nonce it hides, and the session it belongs to.
        bool matters = i == 4 || i == 9;
        assert_int_equal(memcmp(a, b, sizeof a) != 0, matters);
    }
}

static void test_outcome(void **state)
{
    (void)state;
    for (int i = -1; i < FACTS; i++) {
        struct session_facts f = facts_new();
        struct session_outcome a, b;
        struct sotto_secret other = secret;
        assert_int_equal(session_outcome(&a, &f, &secret), 0);
        if (i < 0) {
            other.bytes[0] ^= 1;
        } else {
            change(&f, i);
        }
        assert_int_equal(session_outcome(&b, &f, &other), 0);
        // The callee's nonce and the commitment are in the binding through the proofs.
        bool in_binding = i != 7 && i != 8;
        bool in_words = i != 2 && i != 3 && i != 7 && i < 10;
        assert_int_equal(memcmp(a.binding, b.binding, sizeof a.binding) != 0, in_binding);
        assert_int_equal(memcmp(a.words, b.words, sizeof a.words) != 0, in_words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_roles),
        cmocka_unit_test(test_every_fact_counts),
        cmocka_unit_test(test_every_byte_of_a_proof_counts),
        cmocka_unit_test(test_wrong_secret),
        cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_commitment),
        cmocka_unit_test(test_outcome),
    };
    return cmocka_run_group_tests_name("session_proof", tests, setup, teardown);
}
