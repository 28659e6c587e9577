// SPDX-License-Identifier: Apache-2.0
// The end-to-end session of a call: handshake, the policy of numbers, glare, re-keying.
#include <string.h>

#include "impl.h"

static enum sotto_role role_of(const struct call *c)
{
    return c->incoming ? SOTTO_CALLEE : SOTTO_CALLER;
}

int call_session_start(struct sotto_device *d, struct call *c)
{
    return sotto_session_new(&c->session,
                             &(struct sotto_session_config){
                                 .role = role_of(c),
                                 .suite = d->cfg.suite,
                                 .identity = d->cfg.identity,
                                 .secret = &c->secret,
                                 .expected = c->has_expected ? &c->expected : NULL,
                                 .purpose = "call",
                             },
                             d->cfg.env, d->now.mono_ns);
}

// ---- an incoming call --------------------------------------------------------------------------

static void refuse_circuit(struct sotto_device *d, unsigned port, uint32_t circuit)
{
    port_send(d, port, &(struct link_message){.type = LINK_CLOSE, .circuit = circuit});
}

// What the user calls whoever holds this number: never a name that came from outside.
static void label_of(struct sotto_device *d, const struct sotto_number *n,
                     char label[SOTTO_NAME_MAX_BYTES + 1])
{
    struct sotto_contact contact;
    memcpy(label, n->label, sizeof n->label);
    if (n->state == SOTTO_NUMBER_BOUND &&
        d->cfg.book.contact_get(d->cfg.book.user, &n->bound, &contact) == SOTTO_OK) {
        memcpy(label, contact.label, sizeof contact.label);
        sotto_wipe(&contact, sizeof contact);
    }
}

// An incoming call whose caller has proven nothing but a number's secret.
static bool is_unproven(const struct call *c)
{
    return call_live(c) && c->incoming && c->state == SOTTO_CALL_CHECKING && !c->has_peer;
}

static size_t proven_calls(const struct sotto_device *d)
{
    size_t count = 0;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        count += call_live(&d->calls[i]) && !is_unproven(&d->calls[i]);
    return count;
}

// With all places taken the oldest call that has proven nothing gives way, first of those by the
// same number: whoever dials and then falls silent keeps nobody else out.
static struct call *place_for_incoming(struct sotto_device *d,
                                       const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    struct call *place = call_new(d, true), *oldest = NULL, *same = NULL;
    for (size_t i = 0; i < SOTTO_CALLS_MAX && !place; i++) {
        struct call *c = &d->calls[i];
        if (!is_unproven(c))
            continue;
        if (!oldest || c->id < oldest->id)
            oldest = c;
        if (memcmp(c->token_hash, token_hash, sizeof c->token_hash) == 0 &&
            (!same || c->id < same->id))
            same = c;
    }
    if (!oldest)
        return place;
    call_end(d, same ? same : oldest, SOTTO_END_BUSY, false, 0);
    return call_new(d, true);
}

static struct call *incoming_call(struct sotto_device *d, unsigned port,
                                  const struct link_message *m, const struct sotto_number *n)
{
    bool busy = proven_calls(d) >= SOTTO_CALLS_MAX - 1;
    struct call *c = place_for_incoming(d, n->token_hash);
    if (!c)
        return NULL;
    c->state = SOTTO_CALL_CHECKING;
    c->busy = busy;
    c->circuit = (struct circuit){.open = true, .attached = true, .port = port, .id = m->circuit};
    memcpy(c->token_hash, n->token_hash, sizeof c->token_hash);
    c->secret = n->secret;
    c->has_expected = n->state == SOTTO_NUMBER_BOUND;
    c->expected = n->bound;
    label_of(d, n, c->label);
    return c;
}

// Looking up a number and answering a flight costs milliseconds: a relay that floods us with old
// flights gets no more of them than a telephone needs.
static bool incoming_permitted(struct sotto_device *d)
{
    sotto_ns now = d->now.mono_ns;
    sotto_ns busy_until = d->incoming_busy_until > now ? d->incoming_busy_until : now;
    if (busy_until - now > INCOMING_BURST * INCOMING_COST_NS)
        return false;
    d->incoming_busy_until = busy_until + INCOMING_COST_NS;
    return true;
}

void call_incoming(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    struct sotto_number n;
    // Only our home relay rings us, and only for a number in our own book: the relay's word that a
    // number is good means nothing.
    bool known = d->ports[port].home && d->cfg.ring && m->circuit % 2 == 1 &&
                 !call_by_circuit(d, port, m->circuit) && incoming_permitted(d) &&
                 d->cfg.book.number_get(d->cfg.book.user, m->token_hash, &n) == SOTTO_OK;
    if (!known) {
        refuse_circuit(d, port, m->circuit);
        return;
    }
    struct call *c = NULL;
    if (sotto_number_check(&n, d->now.unix_s) == SOTTO_OK)
        c = incoming_call(d, port, m, &n);
    sotto_wipe(&n, sizeof n);
    if (!c)
        refuse_circuit(d, port, m->circuit);
    else if (call_session_start(d, c) != SOTTO_OK)
        call_end(d, c, SOTTO_END_INTERNAL, false, 0);
    else if (call_session_read(d, c, m->flight, m->flight_len) == SOTTO_EAUTH)
        call_end(d, c, SOTTO_END_REFUSED, false, 0); // not sealed under the number's secret
}

struct admission {
    struct sotto_fingerprint peer;
    int64_t unix_s;
    bool bound_now;
    struct sotto_number after;
};

// First use binds; from then on only that key gets in.
static int admit_number(struct sotto_number *n, void *arg)
{
    struct admission *a = arg;
    int error = sotto_number_check(n, a->unix_s);
    if (error != SOTTO_OK)
        return error;
    if (n->state == SOTTO_NUMBER_BOUND && !sotto_fingerprint_equal(&n->bound, &a->peer))
        return SOTTO_EPEER;
    if (n->state == SOTTO_NUMBER_FRESH) {
        n->state = SOTTO_NUMBER_BOUND;
        n->was_bound = true;
        n->bound = a->peer;
        n->verified = false;
        a->bound_now = true;
    }
    n->last_used_unix_s = a->unix_s;
    a->after = *n;
    return SOTTO_OK;
}

static int note_leak(struct sotto_number *n, void *arg)
{
    const struct admission *a = arg;
    if (n->leaks < UINT32_MAX)
        n->leaks++;
    n->leaked_to = a->peer;
    n->leaked_unix_s = a->unix_s;
    return SOTTO_OK;
}

// A stranger proved the number's secret: whoever was given the number has passed it on, or lost it.
static void report_leak(struct sotto_device *d, struct call *c)
{
    struct admission a = {.unix_s = d->now.unix_s};
    if (!sotto_session_peer(c->session, &a.peer))
        return;
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(d->cfg.identity, &own);
    if (sotto_fingerprint_equal(&own, &a.peer))
        return;
    d->cfg.book.number_update(d->cfg.book.user, c->token_hash, note_leak, &a);
    struct sotto_event *e = event_add(d, SOTTO_EVENT_NUMBER_LEAKED);
    memcpy(e->token_hash, c->token_hash, sizeof e->token_hash);
    memcpy(e->label, c->label, sizeof e->label);
    e->fingerprint = a.peer;
}

static bool contact_verified(struct sotto_device *d, const struct sotto_fingerprint *peer)
{
    struct sotto_contact contact;
    bool verified =
        d->cfg.book.contact_get(d->cfg.book.user, peer, &contact) == SOTTO_OK && contact.verified;
    sotto_wipe(&contact, sizeof contact);
    return verified;
}

static void tell_bound(struct sotto_device *d, const struct call *c,
                       const struct sotto_fingerprint *peer)
{
    struct sotto_event *e = event_add(d, SOTTO_EVENT_NUMBER_BOUND);
    memcpy(e->token_hash, c->token_hash, sizeof e->token_hash);
    memcpy(e->label, c->label, sizeof e->label);
    e->fingerprint = *peer;
}

// Our own unanswered call to the same person.
static struct call *own_call_to(struct sotto_device *d, const struct sotto_fingerprint *peer)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c->used && !c->incoming && sotto_fingerprint_equal(&c->expected, peer) &&
            (c->state == SOTTO_CALL_DIALLING || c->state == SOTTO_CALL_RINGING))
            return c;
    }
    return NULL;
}

// Both dialled at once. The call of the lower fingerprint goes on, which both ends can tell. Each
// user has asked for this person, so the surviving call needs no further answer.
static bool glare(struct sotto_device *d, struct call *c, const struct sotto_fingerprint *peer)
{
    struct call *ours = own_call_to(d, peer);
    if (!ours || c->busy)
        return false;
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(d->cfg.identity, &own);
    bool parked = ours->waking && !ours->session; // it does not reach them now
    if (!parked && memcmp(own.bytes, peer->bytes, sizeof own.bytes) < 0) {
        c->glare_wait = true; // the other side drops it when ours has reached it
        return true;
    }
    c->accepted = c->want_accept = true;
    c->muted = ours->muted; // who has muted before the answer stays mute
    c->ringing_ns = c->accepted_ns = d->now.mono_ns;
    ours->other = c->id;
    call_end(d, ours, SOTTO_END_GLARE, true, CONTROL_END_GLARE);
    call_state(d, c, SOTTO_CALL_RINGING);
    return true;
}

void call_glare_settle(struct sotto_device *d, struct call *outgoing, bool won)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (!c->used || !c->glare_wait || !sotto_fingerprint_equal(&c->peer, &outgoing->expected))
            continue;
        if (won) {
            call_end(d, c, SOTTO_END_GLARE, true, CONTROL_END_GLARE);
        } else {
            c->glare_wait = false; // ours came to nothing: theirs rings like any other
            call_ring(d, c);
        }
    }
}

static void admit(struct sotto_device *d, struct call *c)
{
    struct admission a = {.unix_s = d->now.unix_s};
    if (!sotto_session_peer(c->session, &a.peer))
        return;
    int error = d->cfg.book.number_update(d->cfg.book.user, c->token_hash, admit_number, &a);
    if (error == SOTTO_OK) {
        c->expected = c->peer = a.peer;
        c->has_expected = c->has_peer = true;
        label_of(d, &a.after, c->label);
        c->peer_verified = a.after.verified || contact_verified(d, &a.peer);
        if (a.bound_now)
            tell_bound(d, c, &a.peer);
        error = sotto_session_confirm(c->session, d->now.mono_ns);
    } else {
        if (error == SOTTO_EPEER)
            report_leak(d, c);
        sotto_session_refuse(c->session);
    }
    sotto_wipe(&a, sizeof a);
    call_session_write(d, c);
    if (error != SOTTO_OK)
        call_end(d, c,
                 error == SOTTO_EFULL || error == SOTTO_EIO ? SOTTO_END_STORAGE : SOTTO_END_REFUSED,
                 false, 0);
    else if (!c->busy && !glare(d, c, &c->peer))
        call_ring(d, c);
}

// ---- the handshake -----------------------------------------------------------------------------

static enum sotto_end end_of_error(int error)
{
    switch (error) {
    case SOTTO_EPEER:
        return SOTTO_END_WRONG_PEER;
    case SOTTO_EPROOF:
    case SOTTO_EREFUSED:
        return SOTTO_END_REFUSED;
    case SOTTO_ESUITE:
        return SOTTO_END_SUITE;
    case SOTTO_ETIMEOUT:
        return SOTTO_END_TIMEOUT;
    case SOTTO_ENOMEM:
    case SOTTO_ECRYPTO:
        return SOTTO_END_INTERNAL;
    default:
        return SOTTO_END_PROTOCOL;
    }
}

static void session_failed(struct sotto_device *d, struct call *c)
{
    int error = sotto_session_error(c->session);
    if (c->incoming && error == SOTTO_EPEER)
        report_leak(d, c);
    call_end(d, c, end_of_error(error), false, 0);
}

static void confirmed(struct sotto_device *d, struct call *c)
{
    if (sotto_session_words(c->session, &c->words) != SOTTO_OK ||
        call_media_start(d, c) != SOTTO_OK) {
        call_end(d, c, SOTTO_END_INTERNAL, false, 0);
        return;
    }
    sotto_session_info(c->session, &c->session_info);
    c->has_peer = sotto_session_peer(c->session, &c->peer);
    c->rekeyed_ns = d->now.mono_ns;
    if (!c->incoming) {
        c->peer_verified = contact_verified(d, &c->peer);
        c->rekey_at = d->now.mono_ns + d->cfg.rekey_interval_ns;
        c->deadline = d->now.mono_ns + CALL_CONFIRMED_NS;
    }
    if (c->busy) {
        call_end(d, c, SOTTO_END_BUSY, true, CONTROL_END_BUSY);
        return;
    }
    if (call_shown(c))
        call_secure(d, c);
    if (c->want_accept) {
        c->want_accept = false;
        call_activate(d, c);
    }
}

void call_session_write(struct sotto_device *d, struct call *c)
{
    for (;;) {
        int len = sotto_session_write(c->session, d->flight, sizeof d->flight, d->now.mono_ns);
        if (len <= 0)
            return;
        port_circuit_signal(d, &c->circuit, d->flight, (size_t)len);
    }
}

int call_session_read(struct sotto_device *d, struct call *c, const uint8_t *flight, size_t len)
{
    // Once cells flow nothing more is due this way: what comes is a replay.
    if (!c->session || c->media || !call_live(c))
        return SOTTO_OK;
    int error = sotto_session_read(c->session, flight, len, d->now.mono_ns);
    if (error == SOTTO_EAUTH)
        return error;
    if (!c->incoming && !c->answered)
        call_answered(d, c);
    call_session_write(d, c);
    if (sotto_session_state(c->session) == SOTTO_SESSION_CHECKING) {
        if (c->incoming) {
            admit(d, c);
            if (!c->used || !call_live(c))
                return SOTTO_OK;
        } else {
            sotto_session_confirm(c->session, d->now.mono_ns);
            call_session_write(d, c);
        }
    }
    if (sotto_session_state(c->session) == SOTTO_SESSION_FAILED)
        session_failed(d, c);
    else if (sotto_session_state(c->session) == SOTTO_SESSION_CONFIRMED)
        confirmed(d, c);
    return SOTTO_OK;
}

void call_session_timeout(struct sotto_device *d, struct call *c)
{
    sotto_session_handle_expiry(c->session, d->now.mono_ns);
    call_session_write(d, c);
    if (sotto_session_state(c->session) == SOTTO_SESSION_FAILED)
        session_failed(d, c);
}

// ---- re-keying ---------------------------------------------------------------------------------

static int rekey_session(struct sotto_device *d, struct call *c)
{
    uint8_t previous[SOTTO_SESSION_BINDING_BYTES];
    int error = sotto_session_binding(c->session, previous);
    if (error != SOTTO_OK)
        return error;
    error = sotto_session_new(&c->rekey,
                              &(struct sotto_session_config){
                                  .role = role_of(c),
                                  .suite = d->cfg.suite,
                                  .identity = d->cfg.identity,
                                  .secret = &c->secret,
                                  .expected = &c->peer,
                                  .purpose = "rekey",
                                  .previous_binding = previous,
                                  .timeout_ns = SOTTO_REKEY_TIMEOUT_NS,
                              },
                              d->cfg.env, d->now.mono_ns);
    sotto_wipe(previous, sizeof previous);
    c->rekey_deadline = d->now.mono_ns + SOTTO_REKEY_TIMEOUT_NS;
    return error;
}

static void rekey_write(struct sotto_device *d, struct call *c)
{
    for (;;) {
        int len = sotto_session_write(c->rekey, d->flight, sizeof d->flight, d->now.mono_ns);
        if (len <= 0)
            return;
        call_control_send(d, c,
                          &(struct control_message){.type = CONTROL_REKEY_FLIGHT,
                                                    .flight = d->flight,
                                                    .flight_len = (size_t)len});
    }
}

int call_rekey_start(struct sotto_device *d, struct call *c)
{
    if (c->incoming) {
        c->rekey_asked = true;
        c->rekey_deadline = d->now.mono_ns + SOTTO_REKEY_TIMEOUT_NS;
        return call_control_send(d, c, &(struct control_message){.type = CONTROL_REKEY_ASK});
    }
    if (c->rekey)
        return SOTTO_OK;
    int error = rekey_session(d, c);
    if (error == SOTTO_OK)
        rekey_write(d, c);
    return error;
}

// Caller: the other side, or our user, wants new keys. As soon as the peer will permit it; one that
// is being made, and that the peer may already have, does not count.
void call_rekey_asked(struct sotto_device *d, struct call *c)
{
    sotto_ns soonest = c->epoch == 0 ? d->now.mono_ns : c->rekeyed_ns + REKEY_MIN_NS;
    if (c->rekey)
        c->rekey_asked = c->rekey_ready;
    else
        c->rekey_at = earlier(c->rekey_at, soonest);
}

// From here on we send under the new keys; the old session is gone.
static int rekey_switch(struct sotto_device *d, struct call *c)
{
    int error = call_send_key(c, c->rekey, c->epoch + 1);
    if (error != SOTTO_OK)
        return error;
    sotto_session_free(c->session);
    c->session = c->rekey;
    c->rekey = NULL;
    c->rekey_ready = false;
    c->rekey_deadline = SOTTO_NEVER;
    c->rekeyed_ns = d->now.mono_ns;
    c->epoch++;
    if (!c->incoming)
        c->rekey_at = d->now.mono_ns + (c->rekey_asked ? REKEY_MIN_NS : d->cfg.rekey_interval_ns);
    c->rekey_asked = false;
    event_add(d, SOTTO_EVENT_CALL_REKEYED)->call = c->id;
    return SOTTO_OK;
}

static void rekey_failed(struct sotto_device *d, struct call *c)
{
    call_end(d, c, SOTTO_END_REKEY, true, CONTROL_END_ERROR);
}

static void rekey_confirmed(struct sotto_device *d, struct call *c)
{
    int error = call_receive_key(c, c->rekey, c->epoch + 1);
    // The callee is confirmed last, so the caller already opens what comes under the new key. The
    // caller waits until the callee has acknowledged its last flight.
    if (error == SOTTO_OK && c->incoming)
        error = rekey_switch(d, c);
    else
        c->rekey_ready = true;
    if (error != SOTTO_OK)
        rekey_failed(d, c);
}

void call_rekey_read(struct sotto_device *d, struct call *c, const uint8_t *flight, size_t len)
{
    bool starts = c->incoming && !c->rekey;
    // The caller keeps REKEY_MIN_NS by its own clock; the network may have shortened it, and the
    // first time it was confirmed before us.
    if (starts && c->epoch > 0 && d->now.mono_ns - c->rekeyed_ns < REKEY_MIN_NS / 2) {
        call_end(d, c, SOTTO_END_PROTOCOL, true, CONTROL_END_ERROR);
        return;
    }
    if (starts && rekey_session(d, c) != SOTTO_OK) {
        rekey_failed(d, c);
        return;
    }
    if (!c->rekey || c->rekey_ready)
        return;
    int error = sotto_session_read(c->rekey, flight, len, d->now.mono_ns);
    if (error != SOTTO_OK || sotto_session_state(c->rekey) == SOTTO_SESSION_FAILED) {
        rekey_failed(d, c);
        return;
    }
    rekey_write(d, c);
    if (sotto_session_state(c->rekey) == SOTTO_SESSION_CHECKING) {
        sotto_session_confirm(c->rekey, d->now.mono_ns);
        rekey_write(d, c);
    }
    if (sotto_session_state(c->rekey) == SOTTO_SESSION_CONFIRMED)
        rekey_confirmed(d, c);
}

void call_rekey_poll(struct sotto_device *d, struct call *c)
{
    if (c->rekey_ready && ctl_stream_pending(c->ctl) == 0 && rekey_switch(d, c) != SOTTO_OK)
        rekey_failed(d, c);
}
