// SPDX-License-Identifier: Apache-2.0
// Two people swap numbers by a short spoken code. The code only names a meeting place; what proves
// that the right two met is that each hears from the other the half of the words which the own
// device did not show, and picks it out of several.
#include <stdio.h>
#include <string.h>

#include "impl.h"

// Messages inside the session, once it is confirmed.
enum {
    EXCHANGE_MSG_READY = 1,
    EXCHANGE_MSG_LINK = 2,
    EXCHANGE_MSG_ABORT = 3
};
#define EXCHANGE_HALF       (SOTTO_WORDS_COUNT / 2)
#define EXCHANGE_PARTING_NS (2 * SOTTO_NS_PER_S)

void exchange_free(struct sotto_device *d)
{
    sotto_session_free(d->exchange.session);
    sotto_wipe(&d->exchange, sizeof d->exchange);
}

static void exchange_stop(struct sotto_device *d)
{
    port_circuit_close(d, &d->exchange.circuit);
    exchange_free(d);
}

void exchange_fail(struct sotto_device *d, int error)
{
    bool told = d->exchange.state == EXCHANGE_PARTING; // it was done: nothing failed
    exchange_stop(d);
    if (!told)
        event_add(d, SOTTO_EVENT_EXCHANGE_FAILED)->error = error;
}

bool exchange_owns(const struct sotto_device *d, unsigned port, uint32_t circuit)
{
    const struct exchange *x = &d->exchange;
    return x->state >= EXCHANGE_MEETING && x->circuit.open && x->circuit.port == port &&
           x->circuit.id == circuit;
}

static void meet(struct sotto_device *d)
{
    struct exchange *x = &d->exchange;
    unsigned port = x->circuit.port;
    port_circuit_open(d, &x->circuit, port);
    x->state = EXCHANGE_MEETING;
    x->deadline = d->now.mono_ns + EXCHANGE_WAIT_NS;
    port_send(d, port,
              &(struct link_message){.type = LINK_MEET,
                                     .circuit = x->circuit.id,
                                     .place = x->place});
}

void exchange_port_up(struct sotto_device *d, unsigned port)
{
    if (d->exchange.state == EXCHANGE_LINK && d->exchange.circuit.port == port)
        meet(d);
}

int sotto_device_exchange(struct sotto_device *d, const struct sotto_relay_address *relay,
                          const char *code, const struct sotto_number_link *our_link,
                          struct sotto_now now)
{
    struct exchange *x = &d->exchange;
    d->now = now;
    if (x->state != EXCHANGE_NONE)
        return SOTTO_ESTATE;
    struct exchange fresh = {.state = EXCHANGE_LINK,
                             .ours = *our_link,
                             .deadline = now.mono_ns + PORT_UP_NS};
    int error = sotto_code_derive(code, fresh.place, &fresh.seal);
    if (error == SOTTO_OK) {
        fresh.circuit.port = port_want(d, relay);
        if (fresh.circuit.port == NO_PORT)
            error = SOTTO_ELIMIT;
    }
    if (error == SOTTO_OK) {
        *x = fresh;
        if (d->ports[x->circuit.port].state >= PORT_HELLO)
            meet(d);
    }
    sotto_wipe(&fresh, sizeof fresh);
    return error;
}

static void exchange_write(struct sotto_device *d)
{
    struct exchange *x = &d->exchange;
    for (;;) {
        int len = sotto_session_write(x->session, d->flight, sizeof d->flight, d->now.mono_ns);
        if (len <= 0)
            return;
        port_circuit_signal(d, &x->circuit, d->flight, (size_t)len);
    }
}

void exchange_met(struct sotto_device *d, uint8_t role)
{
    struct exchange *x = &d->exchange;
    if (x->state != EXCHANGE_MEETING)
        return;
    x->role = role == 0 ? SOTTO_CALLER : SOTTO_CALLEE;
    x->state = EXCHANGE_SESSION;
    x->deadline = d->now.mono_ns + SOTTO_SESSION_TIMEOUT_NS;
    event_add(d, SOTTO_EVENT_EXCHANGE_MET);
    int error = sotto_session_new(&x->session,
                                  &(struct sotto_session_config){.role = x->role,
                                                                 .suite = d->cfg.suite,
                                                                 .identity = d->cfg.identity,
                                                                 .secret = &x->seal,
                                                                 .purpose = "exchange"},
                                  d->cfg.env, d->now.mono_ns);
    if (error != SOTTO_OK)
        exchange_fail(d, error);
    else
        exchange_write(d);
}

// Half of the words: the caller's device shows the first two, the callee's the last two.
static void half_text(const struct sotto_words *w, bool first, char out[SOTTO_WORDS_TEXT_BYTES])
{
    char text[SOTTO_WORDS_TEXT_BYTES];
    sotto_words_text(w, text);
    char *middle = text;
    for (int spaces = 0; *middle && spaces < EXCHANGE_HALF; middle++)
        spaces += *middle == ' ';
    if (middle > text && first)
        middle[-1] = '\0';
    snprintf(out, SOTTO_WORDS_TEXT_BYTES, "%s", first ? text : middle);
}

static bool halves_differ(char texts[SOTTO_EXCHANGE_CHOICES][SOTTO_WORDS_TEXT_BYTES])
{
    for (size_t i = 0; i < SOTTO_EXCHANGE_CHOICES; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(texts[i], texts[j]) == 0)
                return false;
    return true;
}

static void show_words(struct sotto_device *d)
{
    struct exchange *x = &d->exchange;
    struct sotto_words words, choices[SOTTO_EXCHANGE_CHOICES];
    bool we_read_first = x->role == SOTTO_CALLER;
    if (sotto_session_words(x->session, &words) != SOTTO_OK) {
        exchange_fail(d, SOTTO_EPROTO);
        return;
    }
    x->state = EXCHANGE_WORDS;
    x->deadline = d->now.mono_ns + EXCHANGE_PICK_NS;
    struct sotto_event *e = event_add(d, SOTTO_EVENT_EXCHANGE_WORDS);
    half_text(&words, we_read_first, e->read_aloud);
    do { // two halves alike by chance: once in 700,000 times
        int right = sotto_words_choices(&words, choices, SOTTO_EXCHANGE_CHOICES, d->cfg.env);
        x->right = (unsigned)right;
        for (size_t i = 0; i < SOTTO_EXCHANGE_CHOICES; i++)
            half_text(&choices[i], !we_read_first, e->choices[i]);
    } while (!halves_differ(e->choices));
    sotto_wipe(&words, sizeof words);
    sotto_wipe(choices, sizeof choices);
}

static int exchange_send(struct sotto_device *d, const uint8_t *msg, size_t len)
{
    int error = sotto_session_send(d->exchange.session, msg, len);
    if (error == SOTTO_OK)
        exchange_write(d);
    return error;
}

// Both have picked right: each hands over a number.
static void swap(struct sotto_device *d)
{
    struct exchange *x = &d->exchange;
    char msg[1 + SOTTO_LINK_MAX_BYTES];
    msg[0] = EXCHANGE_MSG_LINK;
    int len = sotto_number_link_format(&x->ours, msg + 1, sizeof msg - 1);
    x->state = EXCHANGE_SWAP;
    int error = len < 0 ? len : exchange_send(d, (const uint8_t *)msg, 1 + (size_t)len);
    sotto_wipe(msg, sizeof msg);
    if (error != SOTTO_OK)
        exchange_fail(d, error);
}

static void take_link(struct sotto_device *d, const uint8_t *text, size_t len)
{
    struct exchange *x = &d->exchange;
    char link[SOTTO_LINK_MAX_BYTES];
    struct sotto_number_link theirs;
    struct sotto_fingerprint peer;
    if (len >= sizeof link || !sotto_session_peer(x->session, &peer)) {
        exchange_fail(d, SOTTO_EPROTO);
        return;
    }
    memcpy(link, text, len);
    link[len] = '\0';
    // Their number must lead to the very identity whose words were compared.
    bool good = sotto_number_link_parse(&theirs, link) == SOTTO_OK &&
                sotto_fingerprint_equal(&theirs.callee, &peer);
    if (good) {
        struct sotto_event *e = event_add(d, SOTTO_EVENT_EXCHANGE_DONE);
        e->peer_link = theirs;
        e->fingerprint = peer;
        x->state = EXCHANGE_PARTING;
        x->deadline = d->now.mono_ns + EXCHANGE_PARTING_NS;
    } else {
        exchange_fail(d, SOTTO_EPROTO);
    }
    sotto_wipe(link, sizeof link);
    sotto_wipe(&theirs, sizeof theirs);
}

static void take_message(struct sotto_device *d, const uint8_t *msg, size_t len)
{
    struct exchange *x = &d->exchange;
    if (msg[0] == EXCHANGE_MSG_ABORT && len == 1) {
        exchange_fail(d, SOTTO_EAUTH);
    } else if (msg[0] == EXCHANGE_MSG_READY && len == 1 && !x->peer_ready) {
        x->peer_ready = true;
        if (x->state == EXCHANGE_PICKED)
            swap(d);
    } else if (msg[0] == EXCHANGE_MSG_LINK && x->peer_ready &&
               (x->state == EXCHANGE_SWAP || x->state == EXCHANGE_PICKED)) {
        take_link(d, msg + 1, len - 1);
    } else {
        exchange_fail(d, SOTTO_EPROTO);
    }
}

static void take_messages(struct sotto_device *d)
{
    struct exchange *x = &d->exchange;
    while (x->session && x->state != EXCHANGE_PARTING) {
        int len = sotto_session_receive(x->session, d->control, sizeof d->control);
        if (len == 0)
            return;
        if (len < 0)
            exchange_fail(d, SOTTO_EPROTO);
        else
            take_message(d, d->control, (size_t)len);
    }
    sotto_wipe(d->control, sizeof d->control);
}

void exchange_signal(struct sotto_device *d, const uint8_t *flight, size_t len)
{
    struct exchange *x = &d->exchange;
    if (!x->session || x->state == EXCHANGE_PARTING)
        return;
    int error = sotto_session_read(x->session, flight, len, d->now.mono_ns);
    if (error == SOTTO_EAUTH)
        return;
    exchange_write(d);
    if (sotto_session_state(x->session) == SOTTO_SESSION_CHECKING) {
        sotto_session_confirm(x->session, d->now.mono_ns); // the words will tell
        exchange_write(d);
    }
    if (sotto_session_state(x->session) == SOTTO_SESSION_FAILED) {
        exchange_fail(d, sotto_session_error(x->session));
        return;
    }
    if (sotto_session_state(x->session) != SOTTO_SESSION_CONFIRMED)
        return;
    if (x->state == EXCHANGE_SESSION)
        show_words(d);
    take_messages(d);
}

void exchange_closed(struct sotto_device *d, uint8_t code)
{
    d->exchange.circuit.open = d->exchange.circuit.attached = false;
    exchange_fail(d, code == LINK_CODE_BUSY_PLACE    ? SOTTO_EEXIST
                     : code == LINK_CODE_LIMIT       ? SOTTO_ELIMIT
                     : code == LINK_CODE_UNAVAILABLE ? SOTTO_ETIMEOUT
                                                     : SOTTO_ECLOSED);
}

int sotto_device_exchange_pick(struct sotto_device *d, unsigned choice, struct sotto_now now)
{
    struct exchange *x = &d->exchange;
    d->now = now;
    if (x->state != EXCHANGE_WORDS)
        return SOTTO_ESTATE;
    if (choice >= SOTTO_EXCHANGE_CHOICES)
        return SOTTO_EINVAL;
    if (choice != x->right) {
        uint8_t abort = EXCHANGE_MSG_ABORT;
        exchange_send(d, &abort, 1);
        exchange_fail(d, SOTTO_EAUTH);
        return SOTTO_OK;
    }
    uint8_t ready = EXCHANGE_MSG_READY;
    x->state = EXCHANGE_PICKED;
    x->deadline = now.mono_ns + EXCHANGE_PICK_NS;
    int error = exchange_send(d, &ready, 1);
    if (error != SOTTO_OK)
        exchange_fail(d, error);
    else if (x->peer_ready)
        swap(d);
    return SOTTO_OK;
}

void sotto_device_exchange_cancel(struct sotto_device *d, struct sotto_now now)
{
    d->now = now;
    if (d->exchange.state == EXCHANGE_NONE)
        return;
    uint8_t abort = EXCHANGE_MSG_ABORT;
    if (d->exchange.state >= EXCHANGE_WORDS && d->exchange.state < EXCHANGE_PARTING)
        exchange_send(d, &abort, 1);
    exchange_stop(d);
}

sotto_ns exchange_expiry(const struct sotto_device *d)
{
    return d->exchange.state == EXCHANGE_NONE ? SOTTO_NEVER : d->exchange.deadline;
}

void exchange_handle_expiry(struct sotto_device *d)
{
    if (d->exchange.state != EXCHANGE_NONE && d->now.mono_ns >= exchange_expiry(d))
        exchange_fail(d, d->exchange.state == EXCHANGE_LINK ? SOTTO_ECLOSED : SOTTO_ETIMEOUT);
}
