// SPDX-License-Identifier: Apache-2.0
// The calls: their table, their states, and what the user does with them.
#include <string.h>

#include "impl.h"

struct call *call_find(struct sotto_device *d, uint32_t id)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (d->calls[i].used && d->calls[i].id == id)
            return &d->calls[i];
    return NULL;
}

struct call *call_by_former_circuit(struct sotto_device *d, unsigned port, uint32_t circuit)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c->used && c->circuit.open && c->circuit.port == port && c->circuit.resumed &&
            c->circuit.former_id == circuit)
            return c;
    }
    return NULL;
}

struct call *call_by_circuit(struct sotto_device *d, unsigned port, uint32_t circuit)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c->used && c->circuit.open && c->circuit.port == port && c->circuit.id == circuit)
            return c;
    }
    return NULL;
}

// A place in the table: a free one, else that of a call whose end the driver has heard of.
struct call *call_new(struct sotto_device *d, bool incoming)
{
    struct call *place = NULL;
    for (size_t i = 0; i < SOTTO_CALLS_MAX && !(place && !place->used); i++) {
        struct call *c = &d->calls[i];
        if (!c->used || (c->state == SOTTO_CALL_ENDED && c->ended_told &&
                         (!place || c->ended_ns < place->ended_ns)))
            place = c;
    }
    if (!place)
        return NULL;
    *place = (struct call){.used = true,
                           .id = ++d->last_call_id,
                           .incoming = incoming,
                           .circuit.port = NO_PORT,
                           .rekey_at = SOTTO_NEVER,
                           .rekey_deadline = SOTTO_NEVER,
                           .deadline = SOTTO_NEVER,
                           .started_ns = d->now.mono_ns};
    return place;
}

bool call_live(const struct call *c)
{
    return c->used && c->state != SOTTO_CALL_ENDING && c->state != SOTTO_CALL_ENDED;
}

bool call_shown(const struct call *c)
{
    // A call lost to our own full disk is shown although it never rang: only its user can help.
    return c->used &&
           (!c->incoming || c->ringing_ns != 0 || c->accepted || c->end == SOTTO_END_STORAGE);
}

void call_state(struct sotto_device *d, struct call *c, enum sotto_call_state state)
{
    c->state = state;
    if (!call_shown(c))
        return; // refused before it rang: not the user's business as a call
    struct sotto_event *e = event_add(d, SOTTO_EVENT_CALL_STATE);
    e->call = c->id;
    e->state = state;
    e->end = c->end;
    e->other = c->other;
    memcpy(e->label, c->label, sizeof e->label);
}

struct call *call_talking(struct sotto_device *d)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c->used && c->state == SOTTO_CALL_ACTIVE && !c->held)
            return c;
    }
    return NULL;
}

static void hold(struct sotto_device *d, struct call *c, bool on)
{
    if (c->held == on)
        return;
    c->held = on;
    call_control_send(d, c, &(struct control_message){.type = CONTROL_HOLD, .flag = on});
    sotto_playout_reset(c->playout);
}

// One voice at a time: whoever starts or resumes a call puts the others on hold.
static void hold_others(struct sotto_device *d, const struct call *except)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c != except && c->used && c->state == SOTTO_CALL_ACTIVE)
            hold(d, c, true);
    }
}

// ---- the course of a call ----------------------------------------------------------------------

void call_secure(struct sotto_device *d, struct call *c)
{
    event_add(d, SOTTO_EVENT_CALL_SECURE)->call = c->id;
    if (c->incoming && c->state == SOTTO_CALL_RINGING)
        call_control_send(d, c, &(struct control_message){.type = CONTROL_RINGING});
}

void call_ring(struct sotto_device *d, struct call *c)
{
    if (c->ringing_ns == 0)
        c->ringing_ns = d->now.mono_ns;
    if (c->incoming)
        c->deadline = d->now.mono_ns + SOTTO_RING_TIMEOUT_NS + CALL_RING_GRACE_NS;
    else
        c->deadline = d->now.mono_ns + SOTTO_RING_TIMEOUT_NS;
    call_state(d, c, SOTTO_CALL_RINGING);
    if (!c->incoming)
        return;
    if (c->media) // it was kept from the user until now; otherwise both follow
        call_secure(d, c);
    struct sotto_event *e = event_add(d, SOTTO_EVENT_CALL_INCOMING);
    e->call = c->id;
    e->waiting = call_talking(d) != NULL;
    memcpy(e->label, c->label, sizeof e->label);
    memcpy(e->token_hash, c->token_hash, sizeof e->token_hash);
    sotto_session_peer(c->session, &e->fingerprint);
}

struct spending {
    int64_t unix_s;
    struct sotto_fingerprint peer;
    bool limited;
};

static int count_call(struct sotto_number *n, void *arg)
{
    struct spending *spent = arg;
    int error = sotto_number_check(n, spent->unix_s);
    if (error != SOTTO_OK)
        return error;
    // Its owner may have given it to somebody else while it rang.
    if (n->state != SOTTO_NUMBER_BOUND || !sotto_fingerprint_equal(&n->bound, &spent->peer))
        return SOTTO_EREVOKED;
    n->last_used_unix_s = spent->unix_s;
    if (n->calls_used < UINT32_MAX)
        n->calls_used++;
    spent->limited = n->calls_max != SOTTO_CALLS_UNLIMITED;
    return SOTTO_OK;
}

// The terms count answered calls; written down before a word is spoken.
static int spend_number(struct sotto_device *d, struct call *c)
{
    struct spending spent = {.unix_s = d->now.unix_s, .peer = c->peer};
    int error = d->cfg.book.number_update(d->cfg.book.user, c->token_hash, count_call, &spent);
    if (error != SOTTO_OK)
        return error;
    if (spent.limited) {
        c->spent = true;
        struct sotto_event *e = event_add(d, SOTTO_EVENT_NUMBER_CHANGED);
        memcpy(e->token_hash, c->token_hash, sizeof e->token_hash);
        memcpy(e->label, c->label, sizeof e->label);
    }
    return SOTTO_OK;
}

// Only a number that is used up is the relay's business, and not before the call is over: it would
// see whether and when a call is answered. The device itself keeps the terms meanwhile.
static void publish_spent(struct sotto_device *d, struct call *c)
{
    struct sotto_number n;
    if (!c->spent || d->cfg.book.number_get(d->cfg.book.user, c->token_hash, &n) != SOTTO_OK)
        return;
    if (sotto_number_check(&n, d->now.unix_s) == SOTTO_EUSEDUP)
        request_number(d, &n, true, NULL);
    sotto_wipe(&n, sizeof n);
}

// Both ends have confirmed each other and the user has consented.
void call_activate(struct sotto_device *d, struct call *c)
{
    if (c->incoming) {
        int error = spend_number(d, c);
        if (error != SOTTO_OK) {
            bool terms =
                error == SOTTO_EREVOKED || error == SOTTO_EEXPIRED || error == SOTTO_EUSEDUP;
            call_end(d, c, terms ? SOTTO_END_REFUSED : SOTTO_END_STORAGE, true,
                     terms ? CONTROL_END_DECLINED : CONTROL_END_ERROR);
            return;
        }
    }
    hold_others(d, c);
    if (c->accepted_ns == 0)
        c->accepted_ns = d->now.mono_ns;
    c->deadline = SOTTO_NEVER;
    sotto_playout_reset(c->playout);
    call_control_send(d, c,
                      &(struct control_message){.type =
                                                    c->incoming ? CONTROL_ACCEPT : CONTROL_ACTIVE});
    call_state(d, c, SOTTO_CALL_ACTIVE);
    mic_update(d);
}

void call_finish(struct sotto_device *d, struct call *c)
{
    port_circuit_close(d, &c->circuit);
    sotto_session_free(c->session);
    sotto_session_free(c->rekey);
    c->session = c->rekey = NULL;
    call_media_free(d, c);
    publish_spent(d, c);
    sotto_wipe(&c->link, sizeof c->link);
    sotto_wipe(&c->secret, sizeof c->secret);
    c->deadline = SOTTO_NEVER;
    c->ended_ns = d->now.mono_ns;
    call_state(d, c, SOTTO_CALL_ENDED);
    if (!call_shown(c))
        c->used = false;
    mic_update(d);
}

void call_end(struct sotto_device *d, struct call *c, enum sotto_end end, bool tell,
              enum control_end reason)
{
    if (!call_live(c))
        return;
    c->end = end;
    c->accepted = false;
    c->want_accept = c->glare_wait = false;
    c->rekey_at = c->rekey_deadline = SOTTO_NEVER;
    c->telling = tell = tell && c->media && c->circuit.attached;
    if (tell)
        call_control_send(d, c,
                          &(struct control_message){.type = CONTROL_END,
                                                    .reason = (uint8_t)reason});
    bool lingers = tell || (c->media && c->circuit.attached && end != SOTTO_END_LOST);
    if (!lingers) {
        call_finish(d, c);
    } else {
        c->deadline = d->now.mono_ns + (tell ? CALL_LINGER_NS : CALL_ACK_LINGER_NS);
        call_state(d, c, SOTTO_CALL_ENDING);
        mic_update(d);
    }
    if (!c->incoming)
        call_glare_settle(d, c, false);
}

// ---- circuits -----------------------------------------------------------------------------------

static void dial(struct sotto_device *d, struct call *c)
{
    unsigned port = c->circuit.port;
    port_circuit_open(d, &c->circuit, port);
    c->deadline = c->waking ? c->waking_until : SOTTO_NEVER; // from here on the session has its own
    int error = call_session_start(d, c);
    if (error != SOTTO_OK) {
        call_end(d, c, SOTTO_END_INTERNAL, false, 0);
        return;
    }
    int len = sotto_session_write(c->session, d->flight, sizeof d->flight, d->now.mono_ns);
    if (len <= 0) {
        call_end(d, c, SOTTO_END_INTERNAL, false, 0);
        return;
    }
    port_send(d, port,
              &(struct link_message){.type = LINK_DIAL,
                                     .circuit = c->circuit.id,
                                     .token = c->link.token,
                                     .flight = d->flight,
                                     .flight_len = (size_t)len});
}

// ---- waking their device -----------------------------------------------------------------------

// Nobody answers there, and their relay is waking a device. What we said so far is lost: a fresh
// session begins when it is awake. The relay's word moves nothing once the callee has answered.
void call_waking(struct sotto_device *d, struct call *c)
{
    if (c->incoming || c->state != SOTTO_CALL_DIALLING || c->answered || !c->session)
        return;
    if (c->waking_until == 0)
        c->waking_until = d->now.mono_ns + SOTTO_WAKE_TIMEOUT_NS;
    sotto_session_free(c->session);
    c->session = NULL;
    c->deadline = c->waking_until;
    if (c->waking)
        return;
    c->waking = true;
    call_state(d, c, SOTTO_CALL_DIALLING);
}

// What there was is over; true: it may be dialled once more.
static bool may_redial(struct sotto_device *d, struct call *c)
{
    sotto_session_free(c->session);
    c->session = NULL;
    c->circuit.open = c->circuit.attached = false;
    c->deadline = c->waking_until;
    if (++c->redials <= CALL_REDIALS_MAX)
        return true;
    call_end(d, c, SOTTO_END_OFFLINE, false, 0);
    return false;
}

void call_awake(struct sotto_device *d, struct call *c)
{
    if (c->waking && !c->session && call_live(c) && may_redial(d, c))
        dial(d, c);
}

void call_answered(struct sotto_device *d, struct call *c)
{
    c->answered = true;
    if (!c->waking)
        return;
    c->waking = false;
    c->deadline = SOTTO_NEVER;
    call_state(d, c, SOTTO_CALL_DIALLING);
}

static void resume(struct sotto_device *d, struct call *c)
{
    if (!c->circuit.has_ticket) {
        call_end(d, c, SOTTO_END_DROPPED, false, 0);
        return;
    }
    struct request *r = request_add(d, REQUEST_RESUME, c->circuit.port);
    if (!r)
        return;
    r->call = c->id;
    port_circuit_resume(d, &c->circuit);
}

void call_port_up(struct sotto_device *d, unsigned port)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (!c->used || c->circuit.port != port || c->state == SOTTO_CALL_ENDED)
            continue;
        if (!c->incoming && c->state == SOTTO_CALL_DIALLING && !c->circuit.open)
            dial(d, c);
        else if (c->circuit.open && !c->circuit.attached)
            resume(d, c);
    }
}

void call_port_down(struct sotto_device *d, unsigned port, bool again)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (!c->used || c->circuit.port != port || c->state == SOTTO_CALL_ENDED)
            continue;
        c->circuit.attached = false;
        if (c->state == SOTTO_CALL_ENDING)
            call_finish(d, c);
        else if (!again)
            call_end(d, c, c->media ? SOTTO_END_DROPPED : SOTTO_END_LINK, false, 0);
        else if (c->waking && c->circuit.open) // dialled anew when the link is back
            may_redial(d, c);
        else if (!c->media && c->circuit.open) // a flight may be lost: the handshake cannot go on
            call_end(d, c, SOTTO_END_LINK, false, 0);
    }
}

void call_resumed(struct sotto_device *d, uint32_t id, int code)
{
    struct call *c = call_find(d, id);
    if (!c)
        return;
    if (!call_live(c)) { // hung up meanwhile: the other side need not wait for us
        if (code == LINK_CODE_NONE && !c->circuit.open)
            port_send(d, c->circuit.port,
                      &(struct link_message){.type = LINK_CLOSE, .circuit = c->circuit.id});
        return;
    }
    if (code == LINK_CODE_NONE) {
        c->circuit.attached = true;
    } else if (code == LINK_CODE_LIMIT) {
        c->circuit.attached = false;
    } else {
        c->circuit.open = false; // the relay has forgotten it
        call_end(d, c, SOTTO_END_DROPPED, false, 0);
    }
}

static enum sotto_end end_of_close(const struct call *c, uint8_t code)
{
    bool early = !c->media;
    switch (code) {
    case LINK_CODE_UNAVAILABLE:
        return SOTTO_END_UNAVAILABLE;
    case LINK_CODE_OFFLINE:
        return SOTTO_END_OFFLINE;
    case LINK_CODE_LIMIT:
        return SOTTO_END_LIMIT;
    case LINK_CODE_LOST:
        return SOTTO_END_LOST;
    case LINK_CODE_SHUTDOWN:
        return SOTTO_END_DROPPED;
    default:
        break;
    }
    if (c->incoming)
        return c->state == SOTTO_CALL_ACTIVE ? SOTTO_END_PEER_HANGUP : SOTTO_END_CANCELLED;
    return early                           ? SOTTO_END_REFUSED
           : c->state == SOTTO_CALL_ACTIVE ? SOTTO_END_PEER_HANGUP
                                           : SOTTO_END_DECLINED;
}

void call_circuit_closed(struct sotto_device *d, struct call *c, uint8_t code)
{
    c->circuit.open = c->circuit.attached = false;
    if (c->state == SOTTO_CALL_ENDING)
        call_finish(d, c);
    else
        call_end(d, c, end_of_close(c, code), false, 0);
}

// ---- time ---------------------------------------------------------------------------------------

sotto_ns call_expiry(const struct call *c)
{
    if (!c->used || c->state == SOTTO_CALL_ENDED)
        return SOTTO_NEVER;
    sotto_ns t = earlier(c->deadline, call_media_expiry(c));
    t = earlier(t, earlier(c->rekey_at, c->rekey_deadline));
    if (c->session && !c->media)
        t = earlier(t, sotto_session_expiry(c->session));
    return t;
}

static void call_deadline(struct sotto_device *d, struct call *c)
{
    c->deadline = SOTTO_NEVER;
    switch (c->state) {
    case SOTTO_CALL_DIALLING:
        call_end(d, c,
                 c->waking         ? SOTTO_END_OFFLINE
                 : c->circuit.open ? SOTTO_END_TIMEOUT
                                   : SOTTO_END_LINK,
                 false, 0);
        break;
    case SOTTO_CALL_RINGING:
        call_end(d, c, SOTTO_END_NO_ANSWER, true, CONTROL_END_NO_ANSWER);
        break;
    case SOTTO_CALL_ENDING:
        call_finish(d, c);
        break;
    default:
        break;
    }
}

void call_handle_expiry(struct sotto_device *d, struct call *c)
{
    sotto_ns now = d->now.mono_ns;
    if (!c->used || c->state == SOTTO_CALL_ENDED || now < call_expiry(c))
        return;
    if (c->media)
        call_media_tick(d, c);
    if (c->session && !c->media && now >= sotto_session_expiry(c->session))
        call_session_timeout(d, c);
    if (c->used && now >= c->deadline)
        call_deadline(d, c);
    if (!c->used || !call_live(c))
        return;
    if (now >= c->rekey_deadline) {
        call_end(d, c, SOTTO_END_REKEY, true, CONTROL_END_ERROR);
    } else if (now >= c->rekey_at) {
        c->rekey_at = SOTTO_NEVER;
        if (call_rekey_start(d, c) != SOTTO_OK)
            call_end(d, c, SOTTO_END_REKEY, true, CONTROL_END_ERROR);
    }
}

// ---- what the user does -------------------------------------------------------------------------

// Somebody who is let in only if he proves to be the right one does not keep our user from calling.
static struct call *place_for_dial(struct sotto_device *d)
{
    struct call *c = call_new(d, false);
    for (size_t i = 0; i < SOTTO_CALLS_MAX && !c; i++) {
        if (call_shown(&d->calls[i]))
            continue;
        d->calls[i].end = SOTTO_END_BUSY;
        call_finish(d, &d->calls[i]);
        c = call_new(d, false);
    }
    return c;
}

// That person is ringing us at this moment.
static struct call *ringing_from(struct sotto_device *d, const struct sotto_fingerprint *peer)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        if (c->used && c->incoming && c->state == SOTTO_CALL_RINGING && c->has_peer &&
            sotto_fingerprint_equal(&c->peer, peer))
            return c;
    }
    return NULL;
}

int sotto_device_dial(struct sotto_device *d, const struct sotto_number_link *link,
                      const char *label, struct sotto_now now, uint32_t *call)
{
    struct sotto_fingerprint own;
    d->now = now;
    if (sotto_name_check(label) != SOTTO_OK)
        return SOTTO_EINVAL;
    sotto_identity_fingerprint(d->cfg.identity, &own);
    if (sotto_fingerprint_equal(&own, &link->callee))
        return SOTTO_EPEER;
    if (link->expires_unix_s != 0 && now.unix_s >= link->expires_unix_s)
        return SOTTO_EEXPIRED;
    struct call *c = ringing_from(d, &link->callee);
    if (c) {
        *call = c->id;
        return c->want_accept ? SOTTO_OK : sotto_device_accept(d, c->id, now);
    }
    unsigned port = port_want(d, &link->relay);
    c = port == NO_PORT ? NULL : place_for_dial(d);
    if (!c)
        return SOTTO_ELIMIT;
    c->link = *link;
    c->secret = link->secret;
    c->accepted = true; // who dials wants to be heard, as soon as the other one answers
    c->circuit.port = port;
    c->expected = link->callee;
    c->has_expected = true;
    strncpy(c->label, label, sizeof c->label - 1);
    sotto_token_hash(link->token, c->token_hash);
    c->deadline = now.mono_ns + PORT_UP_NS;
    *call = c->id;
    call_state(d, c, SOTTO_CALL_DIALLING);
    if (d->ports[port].state >= PORT_HELLO)
        dial(d, c);
    return SOTTO_OK;
}

// The user's own calls by identifier; those that never rang do not exist for him.
static struct call *user_call(struct sotto_device *d, uint32_t id, struct sotto_now now)
{
    d->now = now;
    struct call *c = call_find(d, id);
    return c && call_shown(c) ? c : NULL;
}

int sotto_device_accept(struct sotto_device *d, uint32_t id, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!c->incoming || c->state != SOTTO_CALL_RINGING || c->want_accept)
        return SOTTO_ESTATE;
    c->accepted = true;
    c->accepted_ns = now.mono_ns;
    if (c->media)
        call_activate(d, c);
    else
        c->want_accept = true; // the last confirmation is still on its way
    return SOTTO_OK;
}

int sotto_device_decline(struct sotto_device *d, uint32_t id, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!c->incoming || c->state != SOTTO_CALL_RINGING)
        return SOTTO_ESTATE;
    call_end(d, c, SOTTO_END_WE_DECLINED, true, CONTROL_END_DECLINED);
    return SOTTO_OK;
}

int sotto_device_hangup(struct sotto_device *d, uint32_t id, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!call_live(c))
        return SOTTO_ESTATE;
    if (c->incoming && c->state == SOTTO_CALL_RINGING)
        return sotto_device_decline(d, id, now);
    bool active = c->state == SOTTO_CALL_ACTIVE;
    call_end(d, c, active ? SOTTO_END_HANGUP : SOTTO_END_CANCELLED, true,
             active ? CONTROL_END_HANGUP : CONTROL_END_CANCELLED);
    return SOTTO_OK;
}

int sotto_device_hold(struct sotto_device *d, uint32_t id, bool on, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (c->state != SOTTO_CALL_ACTIVE)
        return SOTTO_ESTATE;
    if (!on)
        hold_others(d, c);
    hold(d, c, on);
    mic_update(d);
    return SOTTO_OK;
}

int sotto_device_mute(struct sotto_device *d, uint32_t id, bool on, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!call_live(c))
        return SOTTO_ESTATE;
    c->muted = on;
    mic_update(d);
    return SOTTO_OK;
}

int sotto_device_words_compared(struct sotto_device *d, uint32_t id, bool match,
                                struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    struct sotto_fingerprint peer;
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!call_live(c) || !c->session ||
        sotto_session_state(c->session) != SOTTO_SESSION_CONFIRMED ||
        !sotto_session_peer(c->session, &peer))
        return SOTTO_ESTATE;
    int error = d->cfg.book.set_verified(d->cfg.book.user, &peer, match, now.unix_s);
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) // in a second call with the same person too
        if (d->calls[i].used && d->calls[i].has_peer &&
            sotto_fingerprint_equal(&d->calls[i].peer, &peer))
            d->calls[i].peer_verified = match && error == SOTTO_OK;
    struct sotto_event *e = event_add(d, SOTTO_EVENT_CALL_VERIFIED);
    e->call = c->id;
    e->flag = c->peer_verified;
    e->fingerprint = peer;
    memcpy(e->label, c->label, sizeof e->label);
    if (!match)
        call_end(d, c, SOTTO_END_WORDS, true, CONTROL_END_WORDS);
    return error;
}

int sotto_device_rekey(struct sotto_device *d, uint32_t id, struct sotto_now now)
{
    struct call *c = user_call(d, id, now);
    if (!c)
        return SOTTO_ENOTFOUND;
    if (!c->media || !call_live(c) || c->rekey || c->rekey_asked)
        return SOTTO_ESTATE;
    if (c->incoming)
        return call_rekey_start(d, c);
    call_rekey_asked(d, c);
    return SOTTO_OK;
}

// ---- what the user sees ------------------------------------------------------------------------

static struct sotto_call_loss loss_of(struct loss_view v)
{
    return (struct sotto_call_loss){
        .lost_permille = (v.loss * 1000u + 127) / 255,
        .burst_us = (uint32_t)(v.burst * (SOTTO_TICK_NS / 1000) / LOSS_METER_BURST_UNITS),
    };
}

static uint32_t mouth_to_ear_us(const struct sotto_call_stats *s)
{
    uint64_t us = s->rtt_ns / 2000 + SOTTO_CALL_CODING_US + s->playout.lag_us;
    bool known = s->rtt_ns > 0 && s->playout.played > 0;
    return !known ? 0 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void call_stats(const struct sotto_device *d, const struct call *c,
                       struct sotto_call_stats *out)
{
    out->cells_sent = c->cells_sent;
    out->cells_received = c->cells_received;
    out->cells_lost = c->cells_lost;
    out->cells_dropped = c->cells_dropped;
    out->rtt_ns = c->rtt_ns;
    out->epoch = c->epoch;
    out->tick_ms = (c->pace.span > 0 ? c->pace.span : 1) * SOTTO_TICK_MS;
    out->peer_tick_ms = c->peer_span * SOTTO_TICK_MS;
    out->neural = call_neural(d, c);
    out->seen = loss_of(loss_meter_view(&c->meter));
    out->reported = loss_of(c->reported);
    if (c->playout)
        sotto_playout_stats(c->playout, &out->playout);
    else
        out->playout = c->playout_last;
    out->mouth_to_ear_us = mouth_to_ear_us(out);
    out->session = c->session_info;
}

int sotto_device_call_info(const struct sotto_device *d, uint32_t id, struct sotto_call_info *out)
{
    const struct call *c = NULL;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (d->calls[i].id == id && call_shown(&d->calls[i]))
            c = &d->calls[i];
    if (!c)
        return SOTTO_ENOTFOUND;
    memset(out, 0, sizeof *out);
    out->call = c->id;
    out->incoming = c->incoming;
    out->state = c->state;
    out->end = c->end;
    memcpy(out->label, c->label, sizeof out->label);
    memcpy(out->token_hash, c->token_hash, sizeof out->token_hash);
    out->has_peer = c->has_peer;
    out->peer = c->peer;
    // Derived each time, never remembered: nothing can leave it lit.
    out->secure = call_live(c) && c->media && c->session &&
                  sotto_session_state(c->session) == SOTTO_SESSION_CONFIRMED;
    out->verified = out->secure && c->peer_verified;
    out->words = c->words;
    out->held = c->held;
    out->peer_held = c->peer_held;
    out->muted = c->muted;
    out->reconnecting = c->reconnecting;
    out->kept_until_ns = c->reconnecting && call_live(c) ? c->peer_last + SOTTO_PEER_LOST_NS : 0;
    out->waking = c->waking && c->state == SOTTO_CALL_DIALLING;
    out->started_ns = c->started_ns;
    out->ringing_ns = c->ringing_ns;
    out->accepted_ns = c->accepted_ns;
    out->first_voice_ns = c->first_voice_ns;
    out->ended_ns = c->ended_ns;
    call_stats(d, c, &out->stats);
    return SOTTO_OK;
}

size_t sotto_device_calls(const struct sotto_device *d, uint32_t out[SOTTO_CALLS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        const struct call *c = &d->calls[i];
        if (!call_shown(c) || c->state == SOTTO_CALL_ENDED)
            continue;
        size_t at = count++;
        while (at > 0 && out[at - 1] < c->id) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = c->id;
    }
    return count;
}

bool sotto_device_idle(const struct sotto_device *d)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (d->calls[i].used && d->calls[i].state != SOTTO_CALL_ENDED)
            return false;
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind != REQUEST_FREE && d->requests[i].kind != REQUEST_LOGIN)
            return false;
    return d->exchange.state == EXCHANGE_NONE;
}
