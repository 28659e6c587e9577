// SPDX-License-Identifier: Apache-2.0
#include <sotto/session.h>

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "identity/keys.h"
#include "session/frames.h"
#include "session/proof.h"
#include "session/seal.h"
#include "session/tls.h"

static const char PROTOCOL[] = "TLSv1.3";
static const char SIGNATURE[] = "ML-DSA-87 + Ed25519";
static const char *const MEDIA_LABEL[] = {
    [SOTTO_CALLER] = "EXPORTER-sotto-media-caller",
    [SOTTO_CALLEE] = "EXPORTER-sotto-media-callee",
};
static const char PROOF_LABEL[] = "EXPORTER-sotto-proof";

_Static_assert(SESSION_EXPORT_BYTES <= SESSION_TLS_EXPORT_MAX_BYTES, "one call to the exporter");
_Static_assert(IDENTITY_ED25519_SPKI_BYTES <= SEAL_HINT_MAX_BYTES, "the hint is an SPKI");

struct sotto_session {
    const struct sotto_env *env;
    enum sotto_role role;
    const struct sotto_identity *identity;
    struct sotto_secret secret;
    bool has_expected;
    struct sotto_fingerprint expected;
    sotto_ns deadline_ns;

    enum sotto_session_state state;
    int error;
    bool peer_proven;
    struct session_seal seal;
    struct session_tls tls;
    struct session_facts facts;
    struct session_outcome outcome; // once CONFIRMED
    // The callee's Ed25519 SPKI, which its first flight carries beside the TLS bytes: with it, a
    // caller that knows whom it calls can tell a stranger before it shows its own certificate.
    uint8_t hint[IDENTITY_ED25519_SPKI_BYTES];
    struct session_frames frames;
    struct sotto_session_info info;
    uint8_t scratch[SEAL_PLAIN_MAX_BYTES];
};

static enum sotto_role peer_of(const struct sotto_session *s)
{
    return s->role == SOTTO_CALLER ? SOTTO_CALLEE : SOTTO_CALLER;
}

static bool is_over(const struct sotto_session *s)
{
    return s->state == SOTTO_SESSION_FAILED;
}

// ---- ending -----------------------------------------------------------------------------------

static int fail(struct sotto_session *s, int error)
{
    assert(error < 0 && error != SOTTO_EAGAIN);
    if (is_over(s)) {
        return error;
    }
    if (!s->tls.broken) {
        if (s->state == SOTTO_SESSION_HANDSHAKE && session_tls_pending(&s->tls) > 0) {
            // Our certificate may be in there, and this peer shall not have it.
            session_tls_drop_pending(&s->tls);
        } else {
            session_tls_close(&s->tls);
        }
    }
    s->state = SOTTO_SESSION_FAILED;
    s->error = error;
    if (error != SOTTO_ECLOSED) {
        sotto_wipe(&s->frames, sizeof s->frames);
    }
    // The peer's fingerprint stays: the owner may have to be told who it was.
    struct sotto_fingerprint peer = s->facts.fingerprint[peer_of(s)];
    sotto_wipe(&s->facts, sizeof s->facts);
    s->facts.fingerprint[peer_of(s)] = peer;
    sotto_wipe(&s->outcome, sizeof s->outcome);
    return error;
}

static bool expire(struct sotto_session *s, sotto_ns now)
{
    if (now < sotto_session_expiry(s)) {
        return false;
    }
    fail(s, SOTTO_ETIMEOUT);
    return true;
}

// ---- identities -------------------------------------------------------------------------------

static bool is_own(const struct sotto_session *s, const struct sotto_fingerprint *peer)
{
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(s->identity, &own);
    return sotto_fingerprint_equal(&own, peer);
}

// Nobody calls himself: whoever shows our own identity has stolen it.
static int check_fingerprint(const struct sotto_session *s, const struct sotto_fingerprint *peer)
{
    if (is_own(s, peer) || (s->has_expected && !sotto_fingerprint_equal(&s->expected, peer))) {
        return SOTTO_EPEER;
    }
    return 0;
}

// The peer's TLS key, before it is proven. The callee cannot judge yet: the caller's second key
// comes with its proof.
static int check_tls_key(void *arg, const uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES])
{
    struct sotto_session *s = arg;
    struct sotto_fingerprint *callee = &s->facts.fingerprint[SOTTO_CALLEE];
    if (s->role == SOTTO_CALLEE) {
        return 0;
    }
    if (sotto_fingerprint_from_keys(callee, spki, IDENTITY_MLDSA_SPKI_BYTES, s->hint,
                                    sizeof s->hint) != 0) {
        return SOTTO_EPROTO;
    }
    return check_fingerprint(s, callee);
}

// ---- steps ------------------------------------------------------------------------------------

static int send_frame(struct sotto_session *s, enum session_frame_type type, const uint8_t *body,
                      size_t len)
{
    uint8_t frame[SESSION_FRAME_MAX_BYTES];
    int n = session_frame_write(frame, sizeof frame, type, body, len);
    if (n < 0) {
        return n;
    }
    int err = session_tls_send(&s->tls, frame, (size_t)n);
    sotto_wipe(frame, sizeof frame);
    return err;
}

static int send_proof(struct sotto_session *s)
{
    uint8_t body[SESSION_PROOF_MAX_BYTES];
    int n = session_proof_make(&s->facts, s->role, identity_ed25519(s->identity), &s->secret, body);
    return n < 0 ? n : send_frame(s, SESSION_FRAME_PROOF, body, (size_t)n);
}

static void draw_nonce(struct sotto_session *s)
{
    s->env->random(s->facts.nonce[s->role], SESSION_NONCE_BYTES, s->env->user);
}

// TLS is through on this side.
static int on_handshake(struct sotto_session *s)
{
    s->info.protocol = PROTOCOL;
    s->info.cipher = session_tls_cipher(&s->tls);
    s->info.group = session_tls_group(&s->tls);
    sotto_identity_fingerprint(s->identity, &s->facts.fingerprint[s->role]);
    int err = session_tls_export(&s->tls, PROOF_LABEL, NULL, 0, s->facts.exporter,
                                 sizeof s->facts.exporter);
    if (err != 0 || s->role == SOTTO_CALLEE) {
        return err;
    }
    draw_nonce(s);
    err = session_commitment(&s->facts, s->facts.commitment);
    return err != 0 ? err : send_proof(s);
}

static int on_proof(struct sotto_session *s, const struct session_frame *f)
{
    const enum sotto_role peer = peer_of(s);
    struct session_proof proof;
    struct sotto_fingerprint *fp = &s->facts.fingerprint[peer];
    int err = session_proof_parse(&proof, peer, f->body, f->len);
    if (err != 0) {
        return err;
    }
    if (s->role == SOTTO_CALLER && memcmp(proof.spki, s->hint, sizeof s->hint) != 0) {
        return SOTTO_EPROTO; // it has announced another key
    }
    err = sotto_fingerprint_from_keys(fp, s->tls.peer_spki, sizeof s->tls.peer_spki, proof.spki,
                                      sizeof proof.spki);
    if (err == 0) {
        err = session_proof_check(&s->facts, peer, &proof, &s->secret);
    }
    if (err != 0) {
        return err;
    }
    s->peer_proven = true;
    s->info.signature = SIGNATURE;
    err = check_fingerprint(s, fp);
    if (err != 0) {
        return err;
    }
    s->state = SOTTO_SESSION_CHECKING;
    return 0;
}

static int become_confirmed(struct sotto_session *s)
{
    int err = session_outcome(&s->outcome, &s->facts, &s->secret);
    if (err != 0) {
        return err;
    }
    s->state = SOTTO_SESSION_CONFIRMED;
    return 0;
}

static int on_reveal(struct sotto_session *s, const struct session_frame *f)
{
    uint8_t commitment[SESSION_COMMITMENT_BYTES];
    if (f->len != SESSION_NONCE_BYTES) {
        return SOTTO_EPROTO;
    }
    memcpy(s->facts.nonce[SOTTO_CALLER], f->body, SESSION_NONCE_BYTES);
    int err = session_commitment(&s->facts, commitment);
    if (err != 0) {
        return err;
    }
    if (!sotto_equal_ct(commitment, s->facts.commitment, sizeof commitment)) {
        return SOTTO_EPROTO;
    }
    return become_confirmed(s);
}

// A message that is not for the application. Each has exactly one state to come in.
static int on_control(struct sotto_session *s, const struct session_frame *f)
{
    if (f->type == SESSION_FRAME_PROOF && s->state == SOTTO_SESSION_HANDSHAKE) {
        return on_proof(s, f);
    }
    if (f->type == SESSION_FRAME_REVEAL && s->role == SOTTO_CALLEE &&
        s->state == SOTTO_SESSION_CONFIRMING) {
        return on_reveal(s, f);
    }
    return SOTTO_EPROTO;
}

static int process_frames(struct sotto_session *s)
{
    struct session_frame f;
    int got;
    while ((got = session_frames_next(&s->frames, &f)) == 1) {
        if (s->state == SOTTO_SESSION_CONFIRMED && f.type == SESSION_FRAME_DATA) {
            session_frames_keep(&s->frames, &f);
            continue;
        }
        int err = on_control(s, &f);
        session_frames_drop(&s->frames, &f);
        if (err != 0) {
            return err;
        }
    }
    return got;
}

static int drain(struct sotto_session *s)
{
    for (;;) {
        size_t cap;
        uint8_t *space = session_frames_space(&s->frames, &cap);
        if (cap == 0) {
            return SOTTO_ELIMIT;
        }
        int n = session_tls_recv(&s->tls, space, cap);
        if (n == SOTTO_EAGAIN) {
            return 0;
        }
        if (n == SOTTO_ECLOSED && s->state != SOTTO_SESSION_CONFIRMED) {
            return SOTTO_EREFUSED;
        }
        if (n < 0) {
            return n;
        }
        session_frames_filled(&s->frames, (size_t)n);
        int err = process_frames(s);
        if (err != 0) {
            return err;
        }
    }
}

static int advance(struct sotto_session *s)
{
    if (!s->tls.finished) {
        int err = session_tls_handshake(&s->tls);
        if (err == SOTTO_EAGAIN) {
            return 0;
        }
        if (err == SOTTO_ECLOSED) {
            return SOTTO_EREFUSED;
        }
        if (err == 0) {
            err = on_handshake(s);
        }
        if (err != 0) {
            return err;
        }
    }
    return drain(s);
}

// ---- flights ----------------------------------------------------------------------------------

static void count(uint32_t *counter, size_t len)
{
    *counter = len > UINT32_MAX - *counter ? UINT32_MAX : *counter + (uint32_t)len;
}

static int check_limits(const struct sotto_session *s)
{
    if (s->state == SOTTO_SESSION_CONFIRMED) {
        return 0;
    }
    return s->seal.received > SOTTO_SESSION_FLIGHTS_MAX ||
                   s->info.bytes_received > SOTTO_SESSION_BYTES_MAX
               ? SOTTO_ELIMIT
               : 0;
}

// The callee's first flight has a hint, no other has.
static int take_hint(struct sotto_session *s, const struct session_flight *f)
{
    bool wanted = s->role == SOTTO_CALLER && s->seal.received == 1;
    if (f->hint_len != (wanted ? sizeof s->hint : 0)) {
        return SOTTO_EPROTO;
    }
    if (wanted) {
        memcpy(s->hint, f->hint, sizeof s->hint);
    }
    return 0;
}

static int open_flight(struct sotto_session *s, const uint8_t *flight, size_t len,
                       struct session_flight *f)
{
    int err = session_seal_read(&s->seal, flight, len, s->scratch, f);
    if (err == SOTTO_EAUTH) {
        return err;
    }
    count(&s->info.bytes_received, len);
    if (err == 0) {
        err = check_limits(s);
    }
    if (err == 0) {
        err = take_hint(s, f);
    }
    return err != 0 ? fail(s, err) : 0;
}

int sotto_session_read(struct sotto_session *s, const uint8_t *flight, size_t len, sotto_ns now)
{
    struct session_flight f;
    if (is_over(s)) {
        return SOTTO_ESTATE;
    }
    if (expire(s, now)) {
        return SOTTO_ETIMEOUT;
    }
    int err = open_flight(s, flight, len, &f);
    if (err == 0) {
        err = session_tls_feed(&s->tls, f.tls, f.tls_len);
        if (err == 0) {
            err = advance(s);
        }
        if (err != 0) {
            fail(s, err);
        }
    }
    sotto_wipe(s->scratch, sizeof s->scratch);
    return err;
}

static size_t own_hint_bytes(const struct sotto_session *s)
{
    return s->role == SOTTO_CALLEE && s->seal.sent == 0 ? IDENTITY_ED25519_SPKI_BYTES : 0;
}

static int seal_flight(struct sotto_session *s, size_t tls_len, uint8_t *out, size_t cap)
{
    uint8_t hint[IDENTITY_ED25519_SPKI_BYTES];
    if (identity_ed25519_spki(identity_ed25519(s->identity), hint) != 0) {
        return SOTTO_ECRYPTO;
    }
    const struct session_flight f = {
        .hint = hint,
        .hint_len = own_hint_bytes(s),
        .tls = s->scratch,
        .tls_len = session_tls_take(&s->tls, s->scratch, tls_len),
    };
    int n = session_seal_write(&s->seal, &f, out, cap);
    sotto_wipe(s->scratch, tls_len);
    return n;
}

int sotto_session_write(struct sotto_session *s, uint8_t *out, size_t cap, sotto_ns now)
{
    (void)expire(s, now);
    size_t tls_len = session_tls_pending(&s->tls);
    if (tls_len > 0 && !session_seal_can_write(&s->seal)) {
        // A caller that gives up before the callee has answered: there is nobody to tell.
        session_tls_drop_pending(&s->tls);
        return 0;
    }
    if (tls_len == 0) {
        return 0;
    }
    if (tls_len > SEAL_TLS_MAX_BYTES) {
        tls_len = SEAL_TLS_MAX_BYTES;
    }
    if (cap < session_seal_size(&s->seal, own_hint_bytes(s), tls_len)) {
        return SOTTO_ESPACE;
    }
    int n = seal_flight(s, tls_len, out, cap);
    if (n < 0) {
        session_tls_drop_pending(&s->tls);
        return fail(s, n);
    }
    count(&s->info.bytes_sent, (size_t)n);
    return n;
}

// ---- life -------------------------------------------------------------------------------------

static bool config_makes_sense(const struct sotto_session_config *cfg)
{
    return (cfg->role == SOTTO_CALLER || cfg->role == SOTTO_CALLEE) &&
           (cfg->suite == SOTTO_SUITE_HYBRID || cfg->suite == SOTTO_SUITE_CNSA2) &&
           cfg->timeout_ns <= SOTTO_SESSION_TIMEOUT_MAX_NS && cfg->identity != NULL &&
           cfg->secret != NULL && cfg->purpose != NULL && cfg->purpose[0] != '\0' &&
           strnlen(cfg->purpose, SOTTO_SESSION_PURPOSE_MAX_BYTES + 1) <=
               SOTTO_SESSION_PURPOSE_MAX_BYTES;
}

static void copy_config(struct sotto_session *s, const struct sotto_session_config *cfg)
{
    s->role = cfg->role;
    s->identity = cfg->identity;
    s->secret = *cfg->secret;
    if (cfg->expected != NULL) {
        s->has_expected = true;
        s->expected = *cfg->expected;
    }
    s->facts.purpose_len = strlen(cfg->purpose);
    memcpy(s->facts.purpose, cfg->purpose, s->facts.purpose_len);
    if (cfg->previous_binding != NULL) {
        s->facts.has_previous = true;
        memcpy(s->facts.previous, cfg->previous_binding, sizeof s->facts.previous);
    }
    s->info.protocol = s->info.cipher = s->info.group = s->info.signature = "";
}

static int start(struct sotto_session *s, const struct sotto_session_config *cfg)
{
    uint8_t salt[SEAL_SALT_BYTES];
    s->env->random(salt, sizeof salt, s->env->user);
    int err = session_seal_init(&s->seal, cfg->role, cfg->secret, cfg->purpose, salt);
    if (err == 0) {
        err = session_tls_init(&s->tls, cfg->role, cfg->suite, identity_mldsa(cfg->identity),
                               check_tls_key, s);
    }
    if (err != 0 || cfg->role == SOTTO_CALLEE) {
        return err;
    }
    err = session_tls_handshake(&s->tls);
    return err == SOTTO_EAGAIN ? 0 : SOTTO_ECRYPTO;
}

int sotto_session_new(struct sotto_session **out, const struct sotto_session_config *cfg,
                      const struct sotto_env *env, sotto_ns now)
{
    if (!config_makes_sense(cfg)) {
        return SOTTO_EINVAL;
    }
    struct sotto_session *s = mem_alloc(env, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->env = env;
    sotto_ns timeout_ns = cfg->timeout_ns != 0 ? cfg->timeout_ns : SOTTO_SESSION_TIMEOUT_NS;
    s->deadline_ns = now > SOTTO_NEVER - timeout_ns ? SOTTO_NEVER : now + timeout_ns;
    copy_config(s, cfg);
    int err = start(s, cfg);
    if (err != 0) {
        sotto_session_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void sotto_session_free(struct sotto_session *s)
{
    if (s == NULL) {
        return;
    }
    session_tls_deinit(&s->tls);
    session_seal_deinit(&s->seal);
    mem_free_secret(s->env, s, sizeof *s);
}

int sotto_session_confirm(struct sotto_session *s, sotto_ns now)
{
    if (s->state != SOTTO_SESSION_CHECKING) {
        return SOTTO_ESTATE;
    }
    if (expire(s, now)) {
        return SOTTO_ETIMEOUT;
    }
    int err;
    if (s->role == SOTTO_CALLER) {
        err =
            send_frame(s, SESSION_FRAME_REVEAL, s->facts.nonce[SOTTO_CALLER], SESSION_NONCE_BYTES);
        if (err == 0) {
            err = become_confirmed(s);
        }
    } else {
        draw_nonce(s);
        err = send_proof(s);
        if (err == 0) {
            s->state = SOTTO_SESSION_CONFIRMING;
        }
    }
    return err != 0 ? fail(s, err) : 0;
}

void sotto_session_refuse(struct sotto_session *s)
{
    fail(s, s->state == SOTTO_SESSION_CONFIRMED ? SOTTO_ECLOSED : SOTTO_EREFUSED);
}

sotto_ns sotto_session_expiry(const struct sotto_session *s)
{
    return s->state == SOTTO_SESSION_CONFIRMED || is_over(s) ? SOTTO_NEVER : s->deadline_ns;
}

void sotto_session_handle_expiry(struct sotto_session *s, sotto_ns now)
{
    (void)expire(s, now);
}

// ---- what comes out ---------------------------------------------------------------------------

enum sotto_session_state sotto_session_state(const struct sotto_session *s)
{
    return s->state;
}

int sotto_session_error(const struct sotto_session *s)
{
    return s->error;
}

bool sotto_session_peer(const struct sotto_session *s, struct sotto_fingerprint *out)
{
    if (s->peer_proven) {
        *out = s->facts.fingerprint[peer_of(s)];
    }
    return s->peer_proven;
}

int sotto_session_words(const struct sotto_session *s, struct sotto_words *out)
{
    if (s->state != SOTTO_SESSION_CONFIRMED) {
        return SOTTO_ESTATE;
    }
    sotto_words_from_bytes(out, s->outcome.words);
    return 0;
}

int sotto_session_binding(const struct sotto_session *s, uint8_t out[SOTTO_SESSION_BINDING_BYTES])
{
    if (s->state != SOTTO_SESSION_CONFIRMED) {
        return SOTTO_ESTATE;
    }
    memcpy(out, s->outcome.binding, SOTTO_SESSION_BINDING_BYTES);
    return 0;
}

int sotto_session_media_key(const struct sotto_session *s, enum sotto_role sender,
                            struct sotto_secret *out)
{
    if (s->state != SOTTO_SESSION_CONFIRMED) {
        return SOTTO_ESTATE;
    }
    if (sender != SOTTO_CALLER && sender != SOTTO_CALLEE) {
        return SOTTO_EINVAL;
    }
    return session_tls_export(&s->tls, MEDIA_LABEL[sender], s->outcome.binding,
                              sizeof s->outcome.binding, out->bytes, SOTTO_MEDIA_KEY_BYTES);
}

int sotto_session_send(struct sotto_session *s, const uint8_t *msg, size_t len)
{
    if (s->state != SOTTO_SESSION_CONFIRMED) {
        return SOTTO_ESTATE;
    }
    if (len == 0 || len > SOTTO_SESSION_MESSAGE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    if (session_tls_pending(&s->tls) + len > SOTTO_SESSION_QUEUE_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    int err = send_frame(s, SESSION_FRAME_DATA, msg, len);
    return err != 0 ? fail(s, err) : 0;
}

int sotto_session_receive(struct sotto_session *s, uint8_t *out, size_t cap)
{
    struct session_frame f;
    if (s->state != SOTTO_SESSION_CONFIRMED && s->error != SOTTO_ECLOSED) {
        return SOTTO_ESTATE;
    }
    if (session_frames_kept(&s->frames, &f) == 0) {
        return 0;
    }
    if (f.len > cap) {
        return SOTTO_ESPACE;
    }
    int len = (int)f.len;
    memcpy(out, f.body, f.len);
    session_frames_pop(&s->frames, &f);
    return len;
}

void sotto_session_info(const struct sotto_session *s, struct sotto_session_info *out)
{
    *out = s->info;
}
