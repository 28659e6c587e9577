// SPDX-License-Identifier: Apache-2.0
// Meeting places of an exchange: the first waits, the second joins, nobody else ever comes in.
#include <assert.h>
#include <string.h>

#include "engine/internal.h"

static struct place *place_find(struct relay_engine *e, const uint8_t name[LINK_PLACE_BYTES])
{
    struct map_entry *entry = map_find(&e->by_place, name);
    return entry == NULL ? NULL : LIST_OF(entry, struct place, by_name);
}

// Few places, seldom asked: a walk will do.
static size_t places_of(const struct relay_engine *e, const uint8_t address[16])
{
    size_t n = 0;
    for (const struct list *at = e->places.next; at != &e->places; at = at->next)
        n += memcmp(LIST_OF(at, struct place, all)->address, address, 16) == 0;
    return n;
}

static struct place *place_new(struct relay_engine *e, const struct relay_conn *c,
                               const uint8_t name[LINK_PLACE_BYTES], struct sotto_now now)
{
    if (e->by_place.count >= RELAY_PLACES_MAX ||
        places_of(e, c->address) >= RELAY_PLACES_PER_ADDRESS_MAX)
        return NULL;
    struct place *place = engine_alloc(e, sizeof *place);
    if (place == NULL)
        return NULL;
    if (timers_reserve(&e->timers) != 0) {
        engine_free(e, place);
        return NULL;
    }
    memcpy(place->name, name, LINK_PLACE_BYTES);
    memcpy(place->address, c->address, sizeof place->address);
    place->timer.kind = TIMER_PLACE;
    timers_set(&e->timers, &place->timer, now.mono_ns + RELAY_PLACE_NS);
    map_insert(&e->by_place, &place->by_name, place->name);
    list_append(&e->places, &place->all);
    return place;
}

void place_free(struct relay_engine *e, struct place *place)
{
    assert(place->circuit == NULL);
    timers_cancel(&e->timers, &place->timer);
    timers_release(&e->timers);
    map_remove(&e->by_place, &place->by_name);
    list_remove(&place->all);
    engine_free(e, place);
}

void place_timer(struct relay_engine *e, struct place *place)
{
    if (place->circuit != NULL)
        circuit_end(e, place->circuit, LINK_CODE_OFFLINE); // frees the place too
    else
        place_free(e, place);
}

// Who waited is the TLS server, who came the client.
void place_send_met(struct relay_engine *e, struct circuit_side *side)
{
    side->owes_met = false;
    conn_send(e, side->conn,
              &(struct link_message){.type = LINK_MET,
                                     .circuit = side->id,
                                     .role = side == &side->circuit->sides[0] ? 1 : 0});
}

static enum link_code wait_there(struct relay_engine *e, struct relay_conn *c,
                                 const struct link_message *m, struct sotto_now now)
{
    struct place *place = place_new(e, c, m->place, now);
    if (place == NULL)
        return LINK_CODE_LIMIT;
    struct circuit *circuit = circuit_new(e, c, m->circuit, now);
    if (circuit == NULL) {
        place_free(e, place);
        return LINK_CODE_LIMIT;
    }
    circuit->place = place;
    place->circuit = circuit;
    timers_cancel(&e->timers, &circuit->timer); // the place's timer decides
    circuit_send_ticket(e, &circuit->sides[0]);
    return LINK_CODE_NONE;
}

static enum link_code join_there(struct relay_engine *e, struct relay_conn *c, struct place *place,
                                 const struct link_message *m, struct sotto_now now)
{
    struct circuit *circuit = place->circuit;
    if (circuit == NULL)
        return LINK_CODE_BUSY_PLACE;
    circuit->place = NULL;
    place->circuit = NULL;
    circuit->active_ns = now.mono_ns;
    circuit_join(e, circuit, c, m->circuit);
    circuit_send_ticket(e, &circuit->sides[1]);
    place_send_met(e, &circuit->sides[1]);
    if (circuit->sides[0].state == SIDE_ATTACHED)
        place_send_met(e, &circuit->sides[0]);
    else
        circuit->sides[0].owes_met = true;
    e->stats.meets++;
    return LINK_CODE_NONE;
}

static enum link_code meet(struct relay_engine *e, struct relay_conn *c,
                           const struct link_message *m, struct sotto_now now)
{
    if (e->stopping)
        return LINK_CODE_SHUTDOWN;
    if (!slot_free(c) || !limiter_take(&e->addresses, c->address, sizeof c->address, ADDRESS_MEETS,
                                       e->config.limits.meets_per_address_per_minute, now.mono_ns))
        return LINK_CODE_LIMIT;
    struct place *place = place_find(e, m->place);
    return place == NULL ? wait_there(e, c, m, now) : join_there(e, c, place, m, now);
}

void place_meet(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now)
{
    if (!slot_device_id_ok(c, m->circuit)) {
        conn_protocol_error(e, c, 0);
        return;
    }
    enum link_code code = meet(e, c, m, now);
    if (code != LINK_CODE_NONE)
        conn_send_close(e, c, m->circuit, code);
}
