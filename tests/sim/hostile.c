// SPDX-License-Identifier: Apache-2.0
// A relay that lies. Noise is what a device must drop without a trace: copies of what went by, sent
// again, sent back, altered, cut short, under other names. Lies are what a relay can do to a call
// all the same: it can end it, delay it, lose it. It must not be able to do anything else.
//
// Its choices come from a generator of its own, so that a run with noise and one without differ in
// nothing but the noise.
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 64

struct kept {
    uint8_t data[SOTTO_MESSAGE_MAX_BYTES];
    size_t len;
    bool datagram, from_device;
    struct conn *conn;
};

struct hostile {
    enum hostile_kind kind;
    unsigned per_mille;
    struct rng rng;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
};

void hostile_start(struct sim *s, enum hostile_kind kind, unsigned per_mille)
{
    hostile_stop(s);
    s->hostile = calloc(1, sizeof *s->hostile);
    assert(s->hostile);
    s->hostile->kind = kind;
    s->hostile->per_mille = per_mille;
    rng_seed(&s->hostile->rng, s->seed ^ UINT64_C(0xbadc0ffee));
}

void hostile_stop(struct sim *s)
{
    free(s->hostile);
    s->hostile = NULL;
}

static void keep(struct hostile *h, struct conn *c, const uint8_t *data, size_t len, bool datagram,
                 bool from_device)
{
    if (len > sizeof h->kept[0].data)
        return;
    struct kept *k = &h->kept[h->kept_count++ % KEPT_MAX];
    memcpy(k->data, data, len);
    k->len = len;
    k->datagram = datagram;
    k->from_device = from_device;
    k->conn = c;
}

static const struct kept *any_kept(struct hostile *h)
{
    size_t n = h->kept_count < KEPT_MAX ? h->kept_count : KEPT_MAX;
    return n ? &h->kept[rng_below(&h->rng, n)] : NULL;
}

static void inject(struct sim *s, struct conn *c, const uint8_t *data, size_t len, bool datagram,
                   sotto_ns at)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert(copy);
    memcpy(copy, data, len);
    struct thing *t = sim_later(s, at, datagram ? THING_TO_DEVICE_DATAGRAM : THING_TO_DEVICE_MSG);
    t->conn = c;
    t->data = copy;
    t->len = len;
    t->injected = true;
}

// ---- noise -------------------------------------------------------------------------------------

// The same, but what others sent and has perhaps not come yet: it would come early.
static const struct kept *any_past(struct hostile *h, const struct conn *c)
{
    const struct kept *k = any_kept(h);
    return k && k->from_device && k->conn != c ? NULL : k;
}

#define CIRCUIT_AT_MESSAGE 1 // type, circuit
#define CIRCUIT_BYTES      1

// One copy, damaged in one way. `head` bytes at the front stay: they say what it is and for whom.
static size_t damage(struct rng *r, uint8_t *data, size_t len, size_t head)
{
    if (len <= head)
        return len;
    size_t at = head + rng_below(r, len - head);
    if (rng_chance(r, 700)) {
        data[at] ^= (uint8_t)(1u << rng_below(r, 8));
        return len;
    }
    return at;
}

static bool is_signal(const uint8_t *data, size_t len)
{
    return len > 0 && data[0] == LINK_SIGNAL;
}

// A flight that comes next and is altered on its way is not sealed by anybody.
static void noise_signal(struct sim *s, struct hostile *h, struct conn *c, const uint8_t *data,
                         size_t len, sotto_ns at)
{
    uint8_t copy[SOTTO_MESSAGE_MAX_BYTES];
    struct link_message m;
    memcpy(copy, data, len);
    if (link_decode(&m, data, len) != 0)
        return;
    if (rng_chance(&h->rng, 500)) { // altered, before the true one
        memcpy(copy, data, len);
        size_t flight_at = (size_t)(m.flight - data);
        copy[flight_at + rng_below(&h->rng, m.flight_len)] ^=
            (uint8_t)(1u << rng_below(&h->rng, 8));
        struct person *p = c->person;
        s->running = p;
        sotto_device_read_message(p->device, c->link, copy, len, person_now(p));
        s->running = NULL;
    }
    if (rng_chance(&h->rng, 500)) // once more
        inject(s, c, data, len, false, at);
    const struct kept *k = any_past(h, c);
    if (k && !k->datagram && is_signal(k->data, k->len)) { // another flight, perhaps the own one
        memcpy(copy, k->data, k->len);
        memcpy(copy + CIRCUIT_AT_MESSAGE, data + CIRCUIT_AT_MESSAGE, CIRCUIT_BYTES);
        inject(s, c, copy, k->len, false, at);
    }
}

static void noise_cell(struct sim *s, struct hostile *h, struct conn *c, const uint8_t *data,
                       size_t len, sotto_ns at)
{
    uint8_t copy[LINK_DATAGRAM_BYTES];
    if (len != sizeof copy)
        return;
    memcpy(copy, data, len);
    size_t n = damage(&h->rng, copy, len, CIRCUIT_BYTES);
    inject(s, c, copy, n, true, at);
    inject(s, c, data, len, true, at + rng_below(&h->rng, 100 * MS)); // a replay
    const struct kept *k = any_past(h, c);
    if (k && k->datagram) { // another cell, perhaps the own one
        memcpy(copy, k->data, k->len);
        memcpy(copy, data, CIRCUIT_BYTES);
        inject(s, c, copy, k->len, true, at);
    }
    memcpy(copy, data, len);
    copy[0] ^= 0x40; // for a circuit that is not there
    inject(s, c, copy, len, true, at);
}

static void noise_garbage(struct sim *s, struct hostile *h, struct conn *c, sotto_ns at)
{
    uint8_t bytes[200];
    size_t len = rng_below(&h->rng, sizeof bytes);
    rng_fill(&h->rng, bytes, len);
    if (len > 0)
        bytes[0] |= 0x40; // no type has this bit
    inject(s, c, bytes, len, false, at);
}

static void noise(struct sim *s, struct hostile *h, struct conn *c, const uint8_t *data, size_t len,
                  bool datagram, sotto_ns at)
{
    if (datagram)
        noise_cell(s, h, c, data, len, at);
    else if (is_signal(data, len))
        noise_signal(s, h, c, data, len, at);
    if (rng_chance(&h->rng, 100))
        noise_garbage(s, h, c, at);
}

// ---- lies --------------------------------------------------------------------------------------

static uint32_t some_circuit(struct hostile *h, const struct conn *c)
{
    const struct sotto_device *d = c->person->device;
    const struct call *call = &d->calls[rng_below(&h->rng, SOTTO_CALLS_MAX)];
    return call->used && call->circuit.open ? call->circuit.id : (uint32_t)rng_below(&h->rng, 40);
}

static void forge(struct sim *s, struct conn *c, const struct link_message *m, sotto_ns at)
{
    uint8_t buf[SOTTO_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    if (len > 0)
        inject(s, c, buf, (size_t)len, false, at);
}

static void lie_forge(struct sim *s, struct hostile *h, struct conn *c, sotto_ns at)
{
    static const enum link_type types[] = {LINK_CLOSE,   LINK_OK,     LINK_FAILED, LINK_INCOMING,
                                           LINK_MET,     LINK_SIGNAL, LINK_TICKET, LINK_REPLACED,
                                           LINK_WELCOME, LINK_PING,   LINK_DIAL,   LINK_HELLO,
                                           LINK_WAKING,  LINK_AWAKE};
    uint8_t bytes[512];
    rng_fill(&h->rng, bytes, sizeof bytes);
    const struct book *b = &c->person->book;
    const uint8_t *hash = bytes;
    if (b->number_count)
        hash = b->numbers[rng_below(&h->rng, b->number_count)].token_hash;
    forge(s, c,
          &(struct link_message){.type = types[rng_below(&h->rng, sizeof types / sizeof *types)],
                                 .version = LINK_VERSION,
                                 .role = (uint8_t)rng_below(&h->rng, 2),
                                 .code = (uint8_t)rng_below(&h->rng, 14),
                                 .request = (uint32_t)rng_below(&h->rng, 40),
                                 .circuit = some_circuit(h, c),
                                 .time_unix_s = rng_next(&h->rng) >> rng_below(&h->rng, 64),
                                 .challenge = bytes,
                                 .line_id = bytes,
                                 .token = bytes,
                                 .token_hash = hash,
                                 .invite = bytes,
                                 .place = bytes,
                                 .ticket = bytes,
                                 .flight = bytes,
                                 .flight_len = 1 + rng_below(&h->rng, sizeof bytes - 1)},
          at);
}

// Something that went by earlier, to anybody, on any circuit.
static void lie_replay(struct sim *s, struct hostile *h, struct conn *c, sotto_ns at)
{
    uint8_t copy[SOTTO_MESSAGE_MAX_BYTES];
    const struct kept *k = any_kept(h);
    if (!k)
        return;
    memcpy(copy, k->data, k->len);
    size_t circuit_at = k->datagram ? 0 : CIRCUIT_AT_MESSAGE;
    if (k->len >= circuit_at + CIRCUIT_BYTES && rng_chance(&h->rng, 700)) {
        copy[circuit_at] = (uint8_t)some_circuit(h, c);
    }
    // A first flight comes as INCOMING, on a circuit of the relay's.
    if (!k->datagram && is_signal(copy, k->len) && rng_chance(&h->rng, 200))
        copy[0] = (uint8_t)LINK_INCOMING;
    inject(s, c, copy, k->len, k->datagram, at);
}

static bool lie(struct sim *s, struct hostile *h, struct conn *c, const uint8_t *data, size_t len,
                bool datagram, sotto_ns at)
{
    switch (rng_below(&h->rng, datagram ? 4 : 5)) {
    case 0: // lost
        return true;
    case 1: // late, after others
        inject(s, c, data, len, datagram, at + rng_below(&h->rng, 500 * MS));
        return true;
    case 2:
        lie_replay(s, h, c, at);
        return false;
    case 3: { // altered
        uint8_t copy[SOTTO_MESSAGE_MAX_BYTES];
        memcpy(copy, data, len);
        size_t n = damage(&h->rng, copy, len, rng_chance(&h->rng, 800) ? CIRCUIT_BYTES + 1 : 0);
        inject(s, c, copy, n, datagram, at);
        return true;
    }
    default:
        lie_forge(s, h, c, at);
        return false;
    }
}

static bool can_open_cells(const struct conn *c)
{
    const struct sotto_device *d = c->person->device;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (d->calls[i].used && d->calls[i].media)
            return true;
    return false;
}

bool hostile_to_device(struct sim *s, struct conn *c, const uint8_t *data, size_t len,
                       bool datagram, sotto_ns at)
{
    struct hostile *h = s->hostile;
    // A cell that comes before its key is lost; once more, later, it would be no replay.
    if (h->kind == HOSTILE_NOISE && datagram && !can_open_cells(c))
        return false;
    keep(h, c, data, len, datagram, false);
    // Cells are many.
    if (!rng_chance(&h->rng, datagram ? h->per_mille / 10 + 1 : h->per_mille))
        return false;
    if (h->kind == HOSTILE_LIES)
        return lie(s, h, c, data, len, datagram, at);
    noise(s, h, c, data, len, datagram, at);
    return false;
}

void hostile_to_relay(struct sim *s, struct conn *c, const uint8_t *data, size_t len, bool datagram)
{
    keep(s->hostile, c, data, len, datagram, true);
}
