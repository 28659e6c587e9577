// SPDX-License-Identifier: Apache-2.0
// What is between a device and a relay: one reliable, ordered stream of messages and unreliable
// datagrams, as QUIC gives them; latency, jitter, loss, outages, and the two ends of a connection
// that notice its death at different times.
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SURVIVES_NS      (8 * SECOND)  // an outage that a connection outlives
#define RETRY_NS         (400 * MS)    // the driver tries again
#define RELAY_NOTICES_NS (25 * SECOND) // at most
#define QUEUE_NS         (1 * SECOND)  // of a thin link
#define OVERHEAD_BYTES   100           // around each datagram

static sotto_ns travel(struct sim *s, const struct path *p)
{
    return p->latency_ns + (p->jitter_ns ? rng_below(&s->rng, p->jitter_ns) : 0);
}

static void put(struct conn *c, enum thing_kind kind, sotto_ns at, const uint8_t *data, size_t len)
{
    struct sim *s = c->person->sim;
    uint8_t *copy = malloc(len ? len : 1);
    assert(copy);
    memcpy(copy, data, len);
    struct thing *t = sim_later(s, at, kind);
    t->conn = c;
    t->data = copy;
    t->len = len;
}

// When a thin link has sent it; false: it has no room for it.
static bool through_link(struct sim *s, struct path *p, size_t len, sotto_ns *at)
{
    if (p->kbps == 0)
        return true;
    sotto_ns begins = p->idle > s->now_ns ? p->idle : s->now_ns;
    sotto_ns done = begins + (len + OVERHEAD_BYTES) * 8 * MS / p->kbps;
    if (done - s->now_ns > QUEUE_NS)
        return false;
    p->idle = done;
    *at += done - s->now_ns;
    return true;
}

static void send_datagram(struct conn *c, enum thing_kind kind, const uint8_t *data, size_t len)
{
    struct sim *s = c->person->sim;
    struct path *p = &c->person->path;
    if (s->now_ns < p->down_until || rng_chance(&s->rng, p->loss))
        return;
    sotto_ns at = s->now_ns + travel(s, p);
    if (kind == THING_TO_RELAY_DATAGRAM && !through_link(s, p, len, &at))
        return;
    if (rng_chance(&s->rng, p->reorder))
        at += rng_below(&s->rng, 120 * MS);
    put(c, kind, at, data, len);
    if (rng_chance(&s->rng, p->duplicate))
        put(c, kind, at + rng_below(&s->rng, 60 * MS), data, len);
}

// Lost packets of the stream are sent again: that costs time, not data.
static void send_message(struct conn *c, enum thing_kind kind, sotto_ns *last, const uint8_t *data,
                         size_t len)
{
    struct sim *s = c->person->sim;
    const struct path *p = &c->person->path;
    sotto_ns from = s->now_ns < p->down_until ? p->down_until : s->now_ns;
    sotto_ns at = from + travel(s, p);
    for (unsigned i = 0; i < 4 && rng_chance(&s->rng, p->loss); i++)
        at += 2 * p->latency_ns + 50 * MS;
    if (at < *last)
        at = *last;
    *last = at;
    put(c, kind, at, data, len);
}

void path_from_device(struct conn *c, const uint8_t *data, size_t len, bool datagram)
{
    struct sim *s = c->person->sim;
    s->trace = fnv64(s->trace, data, len);
    check_wire(s, data, len);
    if (datagram)
        send_datagram(c, THING_TO_RELAY_DATAGRAM, data, len);
    else
        send_message(c, THING_TO_RELAY_MSG, &c->last_up, data, len);
}

void path_from_relay(struct conn *c, const uint8_t *data, size_t len, bool datagram)
{
    struct sim *s = c->person->sim;
    s->trace = fnv64(s->trace, data, len);
    if (datagram)
        send_datagram(c, THING_TO_DEVICE_DATAGRAM, data, len);
    else
        send_message(c, THING_TO_DEVICE_MSG, &c->last_down, data, len);
}

// ---- connections -------------------------------------------------------------------------------

void path_connect(struct person *p, unsigned link)
{
    struct sim *s = p->sim;
    if (p->links[link].connecting)
        return;
    p->links[link].connecting = true;
    sotto_ns from = s->now_ns < p->path.down_until ? p->path.down_until : s->now_ns;
    struct thing *t = sim_later(s, from + 3 * p->path.latency_ns + 5 * MS, THING_CONNECT);
    t->person = p;
    t->link = link;
    t->life = p->lives;
}

static void retry(struct person *p, unsigned link)
{
    struct sim *s = p->sim;
    p->links[link].connecting = true;
    struct thing *t = sim_later(s, s->now_ns + RETRY_NS, THING_CONNECT);
    t->person = p;
    t->link = link;
    t->life = p->lives;
}

static void address_of(const struct person *p, uint8_t out[16])
{
    memset(out, 0, 16);
    out[0] = (uint8_t)p->index;
}

static void connect_now(struct sim *s, struct thing *t)
{
    struct person *p = t->person;
    if (!p->device || t->life != p->lives)
        return;
    p->links[t->link].connecting = false;
    if (!p->links[t->link].wanted || p->links[t->link].conn)
        return;
    struct sim_relay *r = p->links[t->link].relay;
    if (!r->engine || s->now_ns < p->path.down_until) {
        retry(p, t->link);
        return;
    }
    assert(s->conn_count < CONNS_MAX);
    struct conn *c = calloc(1, sizeof *c);
    assert(c);
    uint8_t address[16];
    address_of(p, address);
    *c = (struct conn){.person = p, .link = t->link, .relay = r};
    if (relay_conn_open(r->engine, &c->rc, c, address, relay_now(r)) != 0) {
        free(c);
        retry(p, t->link);
        return;
    }
    s->conns[s->conn_count++] = c;
    c->relay_side = c->device_side = true;
    p->links[t->link].conn = c;
    sim_trace(s, "%s connects to relay %u", p->name, r->index);
    s->running = p;
    sotto_device_link_up(p->device, t->link, person_now(p));
    s->running = NULL;
    person_pump(p);
}

void conn_gone_at_device(struct conn *c)
{
    struct person *p = c->person;
    struct sim *s = p->sim;
    if (!c->device_side)
        return;
    c->device_side = false;
    if (!p->device || p->links[c->link].conn != c)
        return;
    p->links[c->link].conn = NULL;
    p->line_ready = p->line_ready && p->links[c->link].relay != p->home;
    sim_trace(s, "%s has lost relay %u", p->name, c->relay->index);
    s->running = p;
    sotto_device_link_down(p->device, c->link, true, person_now(p));
    s->running = NULL;
    person_pump(p);
    if (p->device && p->links[c->link].wanted && !p->links[c->link].conn)
        path_connect(p, c->link);
}

void conn_gone_at_relay(struct conn *c)
{
    if (!c->relay_side)
        return;
    c->relay_side = false;
    struct relay_conn *rc = c->rc;
    c->rc = NULL;
    if (c->relay->engine)
        relay_conn_closed(c->relay->engine, rc, relay_now(c->relay));
}

static void drop_later(struct conn *c, sotto_ns device_in, sotto_ns relay_in)
{
    struct sim *s = c->person->sim;
    sim_later(s, s->now_ns + device_in, THING_DEVICE_DROP)->conn = c;
    sim_later(s, s->now_ns + relay_in, THING_RELAY_DROP)->conn = c;
}

void path_cut(struct person *p, unsigned link)
{
    struct conn *c = p->links[link].conn;
    if (c)
        drop_later(c, 0, rng_below(&p->sim->rng, RELAY_NOTICES_NS));
}

void path_outage(struct person *p, sotto_ns for_ns)
{
    struct sim *s = p->sim;
    sim_trace(s, "%s is cut off for %.3f s", p->name, (double)for_ns / (double)SECOND);
    p->path.down_until = s->now_ns + for_ns;
    for (unsigned i = 0; i < SOTTO_LINKS_MAX && for_ns > SURVIVES_NS; i++)
        if (p->links[i].conn)
            drop_later(p->links[i].conn, SURVIVES_NS,
                       SURVIVES_NS + rng_below(&s->rng, RELAY_NOTICES_NS));
}

// ---- arriving ----------------------------------------------------------------------------------

static void arrive_at_relay(struct sim *s, struct thing *t)
{
    struct conn *c = t->conn;
    if (!c->relay_side)
        return;
    bool datagram = t->kind == THING_TO_RELAY_DATAGRAM;
    if (s->hostile)
        hostile_to_relay(s, c, t->data, t->len, datagram);
    if (datagram)
        relay_conn_datagram(c->relay->engine, c->rc, t->data, t->len, relay_now(c->relay));
    else
        relay_conn_message(c->relay->engine, c->rc, t->data, t->len, relay_now(c->relay));
}

static void arrive_at_device(struct sim *s, struct thing *t)
{
    struct conn *c = t->conn;
    struct person *p = c->person;
    bool datagram = t->kind == THING_TO_DEVICE_DATAGRAM;
    if (!c->device_side || !p->device || p->links[c->link].conn != c)
        return;
    if (s->hostile && !t->injected && hostile_to_device(s, c, t->data, t->len, datagram, s->now_ns))
        return;
    s->running = p;
    if (datagram)
        sotto_device_read_datagram(p->device, c->link, t->data, t->len, person_now(p));
    else
        sotto_device_read_message(p->device, c->link, t->data, t->len, person_now(p));
    s->running = NULL;
    person_pump(p);
}

void path_deliver(struct sim *s, struct thing *t)
{
    switch (t->kind) {
    case THING_TO_RELAY_MSG:
    case THING_TO_RELAY_DATAGRAM:
        arrive_at_relay(s, t);
        break;
    case THING_TO_DEVICE_MSG:
    case THING_TO_DEVICE_DATAGRAM:
        arrive_at_device(s, t);
        break;
    case THING_CONNECT:
        connect_now(s, t);
        break;
    case THING_DEVICE_DROP:
        conn_gone_at_device(t->conn);
        break;
    case THING_RELAY_DROP:
        conn_gone_at_relay(t->conn);
        break;
    default:
        break;
    }
}
