// SPDX-License-Identifier: Apache-2.0
// One link to a relay, seen from the device: greeting, the queue of messages, circuits.
#include <string.h>

#include "impl.h"

static bool same_relay(const struct sotto_relay_address *a, const struct sotto_relay_address *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port && a->pinned == b->pinned &&
           (!a->pinned || memcmp(a->pin, b->pin, sizeof a->pin) == 0);
}

bool port_is_home(const struct sotto_device *d, const struct sotto_relay_address *relay)
{
    return d->cfg.home.host[0] && same_relay(&d->cfg.home, relay);
}

void port_origin(const struct port *p, char out[LINK_ORIGIN_MAX_BYTES + 1])
{
    if (sotto_relay_origin(&p->relay, out) < 0)
        out[0] = '\0'; // nothing that a relay would accept
}

unsigned port_want(struct sotto_device *d, const struct sotto_relay_address *relay)
{
    unsigned vacant = NO_PORT;
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        struct port *p = &d->ports[i];
        if (p->state != PORT_FREE && same_relay(&p->relay, relay)) {
            p->since = d->now.mono_ns;
            return i;
        }
        if (p->state == PORT_FREE && vacant == NO_PORT)
            vacant = i;
    }
    if (vacant == NO_PORT)
        return NO_PORT;
    struct port *p = &d->ports[vacant];
    *p = (struct port){.state = PORT_DOWN,
                       .home = port_is_home(d, relay),
                       .relay = *relay,
                       .next_circuit = 2,
                       .login_again = SOTTO_NEVER,
                       .since = d->now.mono_ns};
    queue_init(&p->out, PORT_OUT_MAX_BYTES, d->cfg.env);
    struct sotto_event *e = event_add(d, SOTTO_EVENT_LINK_WANTED);
    e->link = vacant;
    e->relay = *relay;
    return vacant;
}

static void port_free(struct sotto_device *d, unsigned port)
{
    queue_clear(&d->ports[port].out);
    memset(&d->ports[port], 0, sizeof d->ports[port]);
    event_add(d, SOTTO_EVENT_LINK_UNWANTED)->link = port;
}

int port_send(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    struct port *p = &d->ports[port];
    if (p->state < PORT_HELLO)
        return SOTTO_ESTATE;
    int len = link_encode(m, d->scratch, sizeof d->scratch);
    if (len < 0)
        return len;
    p->since = d->now.mono_ns;
    return queue_push(&p->out, d->scratch, (size_t)len);
}

void port_up(struct sotto_device *d, unsigned port)
{
    struct port *p = &d->ports[port];
    if (p->state == PORT_FREE)
        return;
    if (p->state != PORT_DOWN) // a driver that did not say that the old connection is gone
        port_down(d, port, true);
    queue_clear(&p->out);
    p->state = PORT_HELLO;
    p->dead = false;
    p->login_denied = false;
    p->login_again = SOTTO_NEVER;
    p->logged_in = false;
    p->since = d->now.mono_ns;
    port_send(d, port, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION});
    // What needs no greeting back rides along: a call does not wait a round trip for it.
    call_port_up(d, port);
    exchange_port_up(d, port);
    request_flush(d, port);
}

void port_down(struct sotto_device *d, unsigned port, bool again)
{
    struct port *p = &d->ports[port];
    if (p->state == PORT_FREE)
        return;
    queue_clear(&p->out);
    p->state = PORT_DOWN;
    p->since = d->now.mono_ns;
    p->dead = !again;
    request_port_lost(d, port);
    call_port_down(d, port, again);
    if (d->exchange.state != EXCHANGE_NONE && d->exchange.circuit.port == port) {
        if (d->exchange.state == EXCHANGE_LINK && again)
            return;
        exchange_fail(d, SOTTO_ECLOSED);
    }
    if (!again) {
        request_fail_port(d, port, SOTTO_ECLOSED);
        if (!port_in_use(d, port))
            port_free(d, port);
    }
}

static bool wants_login(const struct sotto_device *d, unsigned port)
{
    if (!d->ports[port].home || !d->cfg.line_key || d->ports[port].login_denied)
        return false;
    if (d->cfg.ring)
        return true;
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        const struct request *r = &d->requests[i];
        if (r->port == port && request_needs_login(r))
            return true;
    }
    return false;
}

bool port_in_use(const struct sotto_device *d, unsigned port)
{
    const struct port *p = &d->ports[port];
    if (p->home && d->cfg.ring && !p->dead)
        return true;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        const struct call *c = &d->calls[i];
        if (c->used && c->state != SOTTO_CALL_ENDED && c->circuit.port == port)
            return true;
    }
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind != REQUEST_FREE && d->requests[i].port == port)
            return true;
    return d->exchange.state != EXCHANGE_NONE && d->exchange.circuit.port == port;
}

static void check_clock(struct sotto_device *d, uint64_t relay_unix_s)
{
    if (relay_unix_s > INT64_MAX / 2)
        return;
    int64_t offset = d->now.unix_s - (int64_t)relay_unix_s;
    if (offset > CLOCK_OFFSET_MAX_S || offset < -CLOCK_OFFSET_MAX_S)
        event_add(d, SOTTO_EVENT_CLOCK)->clock_offset_s = offset;
}

static void read_welcome(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    struct port *p = &d->ports[port];
    if (p->state != PORT_HELLO)
        return;
    memcpy(p->challenge, m->challenge, sizeof p->challenge);
    check_clock(d, m->time_unix_s);
    p->state = PORT_WELCOME;
    request_flush(d, port);
    if (wants_login(d, port))
        request_add(d, REQUEST_LOGIN, port);
    else
        p->state = PORT_READY;
    request_flush(d, port);
}

static void read_signal(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    if (exchange_owns(d, port, m->circuit)) {
        exchange_signal(d, m->flight, m->flight_len);
        return;
    }
    struct call *c = call_by_circuit(d, port, m->circuit);
    if (c)
        call_session_read(d, c, m->flight, m->flight_len);
}

static void read_close(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    if (exchange_owns(d, port, m->circuit)) {
        exchange_closed(d, m->code);
        return;
    }
    struct call *c = call_by_circuit(d, port, m->circuit);
    if (c)
        call_circuit_closed(d, c, m->code);
}

static void read_waking(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    struct call *c = call_by_circuit(d, port, m->circuit);
    if (c && m->type == LINK_WAKING)
        call_waking(d, c);
    else if (c)
        call_awake(d, c);
}

static void read_ticket(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    struct call *c = call_by_circuit(d, port, m->circuit);
    if (!c)
        return;
    memcpy(c->circuit.ticket, m->ticket, sizeof c->circuit.ticket);
    c->circuit.has_ticket = true;
}

void port_read(struct sotto_device *d, unsigned port, const struct link_message *m)
{
    switch (m->type) {
    case LINK_WELCOME:
        read_welcome(d, port, m);
        break;
    case LINK_OK:
        request_answer(d, port, m->request, LINK_CODE_NONE);
        break;
    case LINK_FAILED:
        // A relay that says "failed" without saying why has failed all the same.
        request_answer(d, port, m->request,
                       m->code == LINK_CODE_NONE ? LINK_CODE_PROTOCOL : m->code);
        break;
    case LINK_INCOMING:
        call_incoming(d, port, m);
        break;
    case LINK_MET:
        if (exchange_owns(d, port, m->circuit))
            exchange_met(d, m->role);
        break;
    case LINK_SIGNAL:
        read_signal(d, port, m);
        break;
    case LINK_CLOSE:
        read_close(d, port, m);
        break;
    case LINK_TICKET:
        read_ticket(d, port, m);
        break;
    case LINK_WAKING:
    case LINK_AWAKE:
        read_waking(d, port, m);
        break;
    case LINK_REPLACED:
        event_add(d, SOTTO_EVENT_LINE_REPLACED);
        break;
    case LINK_PING:
        port_send(d, port, &(struct link_message){.type = LINK_PONG, .ping = m->ping});
        break;
    default:
        break; // a relay has no business sending it
    }
}

sotto_ns port_expiry(const struct sotto_device *d, unsigned port)
{
    const struct port *p = &d->ports[port];
    if (p->state == PORT_FREE)
        return SOTTO_NEVER;
    if (!port_in_use(d, port) || p->dead)
        return p->since + PORT_IDLE_NS;
    return p->state == PORT_READY ? p->login_again : SOTTO_NEVER;
}

void port_handle_expiry(struct sotto_device *d, unsigned port)
{
    struct port *p = &d->ports[port];
    if (p->state == PORT_FREE || d->now.mono_ns < port_expiry(d, port))
        return;
    if (!port_in_use(d, port))
        port_free(d, port);
    else if (p->state == PORT_READY && p->login_denied)
        request_login(d, port);
    else
        p->since = d->now.mono_ns; // calls and requests have their own deadlines
}

// Ends: a device has fewer circuits than a connection has identifiers.
static uint32_t free_circuit_id(struct sotto_device *d, unsigned port)
{
    struct port *p = &d->ports[port];
    uint32_t id;
    do {
        id = p->next_circuit;
        p->next_circuit = (id + 2) % (LINK_CIRCUIT_MAX + 1); // even stays even
    } while (call_by_circuit(d, port, id) != NULL || exchange_owns(d, port, id));
    return id;
}

void port_circuit_open(struct sotto_device *d, struct circuit *c, unsigned port)
{
    uint32_t id = free_circuit_id(d, port);
    *c = (struct circuit){.open = true, .attached = true, .port = port, .id = id};
}

void port_circuit_resume(struct sotto_device *d, struct circuit *c)
{
    c->former_id = c->id;
    c->resumed = c->attached = true;
    c->id = free_circuit_id(d, c->port);
}

int port_circuit_signal(struct sotto_device *d, const struct circuit *c, const uint8_t *flight,
                        size_t len)
{
    if (!c->open || !c->attached)
        return SOTTO_ESTATE;
    return port_send(d, c->port,
                     &(struct link_message){.type = LINK_SIGNAL,
                                            .circuit = c->id,
                                            .flight = flight,
                                            .flight_len = len});
}

void port_circuit_close(struct sotto_device *d, struct circuit *c)
{
    if (c->open && c->attached)
        port_send(d, c->port, &(struct link_message){.type = LINK_CLOSE, .circuit = c->id});
    c->open = c->attached = false;
    sotto_wipe(c->ticket, sizeof c->ticket);
}
