// SPDX-License-Identifier: Apache-2.0
// A session against a peer that holds the number's secret and does what the input says. The first
// byte chooses the session's role and how deep the peer stands:
//   0  bytes straight at the seal
//   1  between two honest ends: opens each flight, edits the TLS bytes, seals it again
//   2  with keys of its own: an honest TLS handshake, then messages and actions in any order
// OpenSSL's randomness is replaced by its test generator, so that an input replays exactly.
#include "fuzz.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/frames.h"
#include "session/proof.h"
#include "session/seal.h"
#include "session/tls.h"
#include "wire/cursor.h"

#define STEPS_MAX 64
#define FLIGHTS   5

#define check(ok)                                                      \
    do {                                                               \
        if (!(ok)) {                                                   \
            fprintf(stderr, "session_fuzz.c:%d: %s\n", __LINE__, #ok); \
            abort();                                                   \
        }                                                              \
    } while (0)

static const struct sotto_secret secret = {{1}};
static struct sotto_identity *people[2]; // by role
static EVP_RAND_CTX *generators[2];
static uint8_t env_counter;

// ---- the world ----------------------------------------------------------------------------------

static void env_random(void *buf, size_t len, void *user)
{
    (void)user;
    memset(buf, ++env_counter, len);
}

static struct sotto_env env;

static void seed_openssl(void)
{
    unsigned generate = 1, strength = 256;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_GENERATE, &generate),
        OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
        OSSL_PARAM_construct_end(),
    };
    for (int i = 0; i < 2; i++) {
        (void)EVP_RAND_uninstantiate(generators[i]);
        check(EVP_RAND_instantiate(generators[i], strength, 0, NULL, 0, params) == 1);
    }
}

static void set_up_once(void)
{
    if (generators[0] != NULL) {
        return;
    }
    env = *sotto_env_default();
    env.random = env_random;
    EVP_RAND *test_rand = EVP_RAND_fetch(NULL, "TEST-RAND", NULL);
    check(test_rand != NULL);
    for (int i = 0; i < 2; i++) {
        generators[i] = EVP_RAND_CTX_new(test_rand, NULL);
        check(generators[i] != NULL);
    }
    EVP_RAND_free(test_rand);
    seed_openssl();
    check(RAND_set0_public(NULL, generators[0]) == 1);
    check(RAND_set0_private(NULL, generators[1]) == 1);
    for (int i = 0; i < 2; i++) {
        check(sotto_identity_generate(&people[i], &env) == 0);
    }
}

static enum sotto_role other(enum sotto_role role)
{
    return role == SOTTO_CALLER ? SOTTO_CALLEE : SOTTO_CALLER;
}

static struct sotto_session *session_new(enum sotto_role role)
{
    const struct sotto_session_config cfg = {
        .role = role,
        .suite = SOTTO_SUITE_CNSA2, // the faster one
        .identity = people[role],
        .secret = &secret,
        .purpose = "fuzz",
    };
    struct sotto_session *s = NULL;
    check(sotto_session_new(&s, &cfg, &env, 0) == 0);
    return s;
}

static void seal_init(struct session_seal *s, enum sotto_role role)
{
    static const uint8_t salts[2][SEAL_SALT_BYTES] = {{0xc0}, {0xc1}};
    check(session_seal_init(s, role, &secret, "fuzz", salts[role]) == 0);
}

// ---- what must always hold ---------------------------------------------------------------------

static void check_gates(const struct sotto_session *s)
{
    enum sotto_session_state state = sotto_session_state(s);
    struct sotto_words words;
    struct sotto_secret key;
    struct sotto_fingerprint fp;
    uint8_t binding[SOTTO_SESSION_BINDING_BYTES];
    int open = state == SOTTO_SESSION_CONFIRMED ? 0 : SOTTO_ESTATE;
    check(sotto_session_words(s, &words) == open);
    check(sotto_session_binding(s, binding) == open);
    check(sotto_session_media_key(s, SOTTO_CALLER, &key) == open);
    check((sotto_session_error(s) != 0) == (state == SOTTO_SESSION_FAILED));
    if (state == SOTTO_SESSION_HANDSHAKE) {
        check(!sotto_session_peer(s, &fp));
    } else if (state != SOTTO_SESSION_FAILED) {
        check(sotto_session_peer(s, &fp));
    }
    check((sotto_session_expiry(s) == SOTTO_NEVER) ==
          (state == SOTTO_SESSION_FAILED || state == SOTTO_SESSION_CONFIRMED));
}

static int deliver(struct sotto_session *s, const uint8_t *flight, size_t len)
{
    enum sotto_session_state before = sotto_session_state(s), after;
    int err = sotto_session_read(s, flight, len, 1);
    after = sotto_session_state(s);
    check(err <= 0 && err != SOTTO_EAGAIN);
    if (err == SOTTO_EAUTH) {
        check(before == after);
    } else if (err == SOTTO_ESTATE) {
        check(before == SOTTO_SESSION_FAILED);
    } else {
        check((err != 0) == (after == SOTTO_SESSION_FAILED));
    }
    // What only the owner's confirm can bring about.
    check(after != SOTTO_SESSION_CONFIRMING || before == SOTTO_SESSION_CONFIRMING);
    check(after != SOTTO_SESSION_CONFIRMED || before == SOTTO_SESSION_CONFIRMED ||
          before == SOTTO_SESSION_CONFIRMING);
    check_gates(s);
    return err;
}

static int flight_of(struct sotto_session *s, uint8_t out[SOTTO_FLIGHT_MAX_BYTES])
{
    int n = sotto_session_write(s, out, SOTTO_FLIGHT_MAX_BYTES, 1);
    check(n >= 0 && n <= SOTTO_FLIGHT_MAX_BYTES);
    return n;
}

static void receive_all(struct sotto_session *s)
{
    static uint8_t msg[SOTTO_SESSION_MESSAGE_MAX_BYTES];
    int n;
    while ((n = sotto_session_receive(s, msg, sizeof msg)) > 0) {
        check((size_t)n <= sizeof msg);
    }
    check(n == 0 || n == SOTTO_ESTATE);
}

// ---- 0: the seal -------------------------------------------------------------------------------

static void throw_bytes(enum sotto_role role, struct wire_reader *in)
{
    struct sotto_session *s = session_new(role);
    static uint8_t out[SOTTO_FLIGHT_MAX_BYTES];
    (void)flight_of(s, out);
    for (int i = 0; i < STEPS_MAX && in->left > 0; i++) {
        size_t len;
        const uint8_t *bytes = wire_read_vec16(in, SIZE_MAX, &len);
        if (in->failed) {
            break;
        }
        check(deliver(s, bytes, len) == SOTTO_EAUTH);
    }
    sotto_session_free(s);
}

// ---- 1: between two honest ends ----------------------------------------------------------------

struct content {
    uint8_t bytes[SEAL_TLS_MAX_BYTES];
    size_t len;
    uint8_t hint[SEAL_HINT_MAX_BYTES];
    size_t hint_len;
};

// One edit of the input's. False when the input says "enough".
static bool edit(struct content *c, struct wire_reader *in)
{
    uint8_t kind = wire_read_u8(in);
    size_t at = wire_read_u16(in), len;
    const uint8_t *bytes;
    if (in->failed || kind == 0) {
        return false;
    }
    at = c->len > 0 ? at % c->len : 0;
    switch (kind % 6) {
    case 1: // flip
        if (c->len > 0) {
            c->bytes[at] ^= wire_read_u8(in);
        }
        return true;
    case 2: // cut the end
        c->len = at;
        return true;
    case 3: // overwrite
        bytes = wire_read_vec8(in, 255, &len);
        if (bytes != NULL && len <= c->len - at) {
            memcpy(c->bytes + at, bytes, len);
        }
        return true;
    case 4: // insert
        bytes = wire_read_vec8(in, 255, &len);
        if (bytes != NULL && len <= sizeof c->bytes - c->len) {
            memmove(c->bytes + at + len, c->bytes + at, c->len - at);
            memcpy(c->bytes + at, bytes, len);
            c->len += len;
        }
        return true;
    case 5: // the hint
        c->hint[at % sizeof c->hint] ^= wire_read_u8(in);
        c->hint_len = wire_read_u8(in) % (sizeof c->hint + 1);
        return true;
    default:
        return true;
    }
}

static void tamper(struct wire_reader *in)
{
    static uint8_t flight[SOTTO_FLIGHT_MAX_BYTES], plain[SEAL_PLAIN_MAX_BYTES];
    static struct content c;
    struct sotto_session *ends[2] = {session_new(SOTTO_CALLER), session_new(SOTTO_CALLEE)};
    struct session_seal seals[2]; // [r] plays role r
    seal_init(&seals[0], SOTTO_CALLER);
    seal_init(&seals[1], SOTTO_CALLEE);
    for (int i = 0; i < FLIGHTS; i++) {
        struct sotto_session *from = ends[i % 2], *to = ends[1 - i % 2];
        struct session_flight f;
        if (i >= 3 && sotto_session_confirm(from, 1) != 0) {
            break;
        }
        int n = flight_of(from, flight);
        if (n == 0) {
            break;
        }
        check(session_seal_read(&seals[1 - i % 2], flight, (size_t)n, plain, &f) == 0);
        memcpy(c.bytes, f.tls, f.tls_len);
        c.len = f.tls_len;
        memset(c.hint, 0, sizeof c.hint);
        memcpy(c.hint, f.hint, f.hint_len);
        c.hint_len = f.hint_len;
        for (int edits = 0; edits < STEPS_MAX && edit(&c, in); edits++) {
        }
        f = (struct session_flight){c.hint, c.hint_len, c.bytes, c.len};
        n = session_seal_write(&seals[i % 2], &f, flight, sizeof flight);
        check(n > 0);
        if (deliver(to, flight, (size_t)n) != 0) {
            break;
        }
    }
    sotto_session_free(ends[0]);
    sotto_session_free(ends[1]);
}

// ---- 2: a peer with keys -----------------------------------------------------------------------

struct rogue {
    enum sotto_role role;
    struct sotto_session *target;
    struct session_seal seal;
    struct session_tls tls;
    struct session_facts facts;
    uint8_t target_hint[IDENTITY_ED25519_SPKI_BYTES];
    bool alive;
};

static int accept_key(void *arg, const uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES])
{
    (void)arg;
    (void)spki;
    return 0;
}

static void rogue_to_target(struct rogue *r)
{
    static uint8_t tls[SEAL_TLS_MAX_BYTES], flight[SOTTO_FLIGHT_MAX_BYTES];
    uint8_t hint[IDENTITY_ED25519_SPKI_BYTES];
    check(identity_ed25519_spki(identity_ed25519(people[r->role]), hint) == 0);
    size_t len;
    while ((len = session_tls_take(&r->tls, tls, sizeof tls)) > 0) {
        bool with_hint = r->role == SOTTO_CALLEE && r->seal.sent == 0;
        const struct session_flight f = {hint, with_hint ? sizeof hint : 0, tls, len};
        int n = session_seal_write(&r->seal, &f, flight, sizeof flight);
        check(n > 0);
        (void)deliver(r->target, flight, (size_t)n);
    }
}

static void rogue_learn(struct rogue *r)
{
    r->facts.purpose_len = 4;
    memcpy(r->facts.purpose, "fuzz", 4);
    check(session_tls_export(&r->tls, "EXPORTER-sotto-proof", NULL, 0, r->facts.exporter,
                             sizeof r->facts.exporter) == 0);
    sotto_identity_fingerprint(people[r->role], &r->facts.fingerprint[r->role]);
    if (r->role == SOTTO_CALLER) {
        check(sotto_fingerprint_from_keys(&r->facts.fingerprint[SOTTO_CALLEE], r->tls.peer_spki,
                                          sizeof r->tls.peer_spki, r->target_hint,
                                          sizeof r->target_hint) == 0);
        memset(r->facts.nonce[SOTTO_CALLER], 1, SESSION_NONCE_BYTES);
        check(session_commitment(&r->facts, r->facts.commitment) == 0);
    } else {
        memset(r->facts.nonce[SOTTO_CALLEE], 2, SESSION_NONCE_BYTES);
    }
}

// Takes what the target says; its proof, if there is one, into the facts.
static void rogue_listen(struct rogue *r)
{
    static uint8_t plain[SEAL_PLAIN_MAX_BYTES], flight[SOTTO_FLIGHT_MAX_BYTES], msg[1024];
    int n;
    while ((n = flight_of(r->target, flight)) > 0) {
        struct session_flight f;
        check(session_seal_read(&r->seal, flight, (size_t)n, plain, &f) == 0);
        if (f.hint_len == sizeof r->target_hint) {
            memcpy(r->target_hint, f.hint, f.hint_len);
        }
        check(session_tls_feed(&r->tls, f.tls, f.tls_len) == 0);
    }
    if (!r->tls.finished) {
        int err = session_tls_handshake(&r->tls);
        r->alive = r->alive && (err == 0 || err == SOTTO_EAGAIN);
        if (err == 0) {
            rogue_learn(r);
        }
    }
    if (!r->tls.finished || !r->alive) {
        return;
    }
    n = session_tls_recv(&r->tls, msg, sizeof msg);
    struct session_proof proof;
    if (n > SESSION_FRAME_HEADER_BYTES && msg[0] == SESSION_FRAME_PROOF &&
        session_proof_parse(&proof, other(r->role), msg + 3, (size_t)n - 3) == 0) {
        struct sotto_fingerprint *fp = &r->facts.fingerprint[other(r->role)];
        check(sotto_fingerprint_from_keys(fp, r->tls.peer_spki, sizeof r->tls.peer_spki, proof.spki,
                                          sizeof proof.spki) == 0);
        check(session_proof_check(&r->facts, other(r->role), &proof, &secret) == 0);
    }
}

static void rogue_shake(struct rogue *r)
{
    for (int i = 0; i < FLIGHTS && r->alive && !r->tls.finished; i++) {
        rogue_listen(r);
        rogue_to_target(r);
    }
}

static void rogue_say(struct rogue *r, const uint8_t *bytes, size_t len)
{
    if (len > 0 && session_tls_send(&r->tls, bytes, len) == 0) {
        rogue_to_target(r);
    }
}

// A right message of its type, with one byte of it changed as the input says (by 0: right).
static void rogue_message(struct rogue *r, enum session_frame_type type, const uint8_t *body,
                          size_t len, struct wire_reader *in)
{
    uint8_t frame[SESSION_FRAME_MAX_BYTES];
    int n = session_frame_write(frame, sizeof frame, type, body, len);
    check(n > 0);
    size_t at = wire_read_u16(in) % (size_t)n;
    frame[at] ^= wire_read_u8(in);
    rogue_say(r, frame, (size_t)n);
}

static void rogue_step(struct rogue *r, struct wire_reader *in)
{
    uint8_t body[SESSION_PROOF_MAX_BYTES];
    size_t len;
    const uint8_t *bytes;
    int n;
    switch (wire_read_u8(in) % 10) {
    case 0:
        bytes = wire_read_vec16(in, SEAL_TLS_MAX_BYTES, &len);
        rogue_say(r, bytes, len);
        break;
    case 1:
        n = session_proof_make(&r->facts, r->role, identity_ed25519(people[r->role]), &secret,
                               body);
        check(n > 0);
        rogue_message(r, SESSION_FRAME_PROOF, body, (size_t)n, in);
        break;
    case 2:
        rogue_message(r, SESSION_FRAME_REVEAL, r->facts.nonce[SOTTO_CALLER], SESSION_NONCE_BYTES,
                      in);
        break;
    case 3:
        bytes = wire_read_vec8(in, 255, &len);
        if (len > 0) {
            rogue_message(r, SESSION_FRAME_DATA, bytes, len, in);
        }
        break;
    case 4:
        (void)sotto_session_confirm(r->target, 1);
        break;
    case 5:
        sotto_session_refuse(r->target);
        break;
    case 6:
        (void)sotto_session_send(r->target, (const uint8_t *)"hi", 2);
        break;
    case 7:
        receive_all(r->target);
        break;
    case 8:
        session_tls_close(&r->tls);
        rogue_to_target(r);
        break;
    default:
        sotto_session_handle_expiry(r->target, (sotto_ns)wire_read_u8(in) * SOTTO_NS_PER_S);
        break;
    }
    check_gates(r->target);
    rogue_listen(r);
}

static void misbehave(enum sotto_role target_role, struct wire_reader *in)
{
    static struct rogue r;
    memset(&r, 0, sizeof r);
    r.role = other(target_role);
    r.alive = true;
    r.target = session_new(target_role);
    seal_init(&r.seal, r.role);
    check(session_tls_init(&r.tls, r.role, SOTTO_SUITE_CNSA2, identity_mldsa(people[r.role]),
                           accept_key, NULL) == 0);
    rogue_shake(&r);
    check(r.tls.finished);
    for (int i = 0; i < STEPS_MAX && in->left > 0; i++) {
        rogue_step(&r, in);
    }
    sotto_session_free(r.target);
    session_tls_deinit(&r.tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_reader in = wire_reader(data, size);
    uint8_t first = wire_read_u8(&in);
    enum sotto_role role = first % 2 == 0 ? SOTTO_CALLER : SOTTO_CALLEE;
    set_up_once();
    seed_openssl();
    env_counter = 0;
    switch (first / 2 % 3) {
    case 0:
        throw_bytes(role, &in);
        break;
    case 1:
        tamper(&in);
        break;
    default:
        misbehave(role, &in);
        break;
    }
    return 0;
}
