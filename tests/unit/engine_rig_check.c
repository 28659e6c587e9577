// SPDX-License-Identifier: Apache-2.0
// The engine's tables agree with each other; asked after everything that a device does.
#include <string.h>

#include "engine/internal.h"
#include "engine_rig.h"

static void check_side(struct relay_engine *e, struct circuit_side *side)
{
    if (side->state == SIDE_ABSENT) {
        RIG_CHECK(side->conn == NULL);
        return;
    }
    struct map_entry *entry = map_find(&e->tickets, side->ticket);
    RIG_CHECK(entry == &side->by_ticket);
    RIG_CHECK((side->state == SIDE_ATTACHED) == (side->conn != NULL));
    if (side->conn != NULL)
        RIG_CHECK(slot_find(side->conn, side->id) == side && !side->owes_met);
}

static size_t check_circuits(struct relay_engine *e)
{
    size_t count = 0, sides = 0, waking = 0;
    for (struct list *at = e->circuits.next; at != &e->circuits; at = at->next) {
        struct circuit *circuit = LIST_OF(at, struct circuit, all);
        for (size_t i = 0; i < 2; i++) {
            RIG_CHECK(circuit->sides[i].circuit == circuit);
            check_side(e, &circuit->sides[i]);
            sides += circuit->sides[i].state != SIDE_ABSENT;
        }
        RIG_CHECK(circuit->sides[0].state != SIDE_ABSENT);
        bool woken = circuit->wake == WAKE_PENDING;
        RIG_CHECK((circuit->sides[1].state == SIDE_ABSENT) == (circuit->place != NULL || woken));
        RIG_CHECK(!woken || circuit->sides[0].state == SIDE_ATTACHED);
        waking += woken;
        RIG_CHECK(circuit->place == NULL || circuit->place->circuit == circuit);
        bool waits_only = circuit->place != NULL && circuit->sides[0].state == SIDE_ATTACHED;
        RIG_CHECK(waits_only == (circuit->timer.at == 0));
        RIG_CHECK(circuit->signals <= RELAY_SIGNALS_PER_CIRCUIT_MAX);
        RIG_CHECK(circuit->signal_bytes <= RELAY_SIGNAL_BYTES_MAX);
        count++;
    }
    RIG_CHECK(count == e->stats.circuits && count <= RELAY_CIRCUITS_MAX);
    RIG_CHECK(sides == e->tickets.count);
    RIG_CHECK(waking == e->wake_count && waking <= RELAY_WAKES_MAX);
    return count;
}

static void check_line(const struct relay_conn *c)
{
    size_t found = 0;
    for (size_t i = 0; i < c->line->conn_count; i++)
        found += c->line->conns[i] == c;
    RIG_CHECK(found == 1 && c->line->conn_count <= RELAY_DEVICES_PER_LINE_MAX);
}

static size_t writes_of(const struct relay_engine *e, const struct relay_conn *c)
{
    size_t count = 0;
    for (size_t i = 0; i < RELAY_WRITES_PENDING_MAX; i++)
        count += e->writes[i].kind != WRITE_FREE && e->writes[i].conn == c;
    return count;
}

static size_t check_conns(struct relay_engine *e)
{
    size_t count = 0;
    for (struct list *at = e->conns.next; at != &e->conns; at = at->next) {
        struct relay_conn *c = LIST_OF(at, struct relay_conn, all);
        RIG_CHECK(!c->doomed && c->greeted == (c->timer.at == 0));
        RIG_CHECK(c->line != NULL || !c->rings);
        if (c->line != NULL)
            check_line(c);
        RIG_CHECK(c->writes <= RELAY_WRITES_PER_CONN_MAX);
        RIG_CHECK(c->writes == writes_of(e, c));
        for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++) {
            const struct circuit_side *side = c->sides[i];
            RIG_CHECK(side == NULL || (side->conn == c && side->id == c->circuit_ids[i]));
        }
        count++;
    }
    RIG_CHECK(count == e->stats.conns && e->doomed == NULL);
    return count;
}

static size_t check_places(struct relay_engine *e)
{
    size_t count = 0;
    for (struct list *at = e->places.next; at != &e->places; at = at->next) {
        struct place *place = LIST_OF(at, struct place, all);
        RIG_CHECK(map_find(&e->by_place, place->name) == &place->by_name);
        RIG_CHECK(place->circuit == NULL || place->circuit->place == place);
        RIG_CHECK(place->timer.at != 0);
        count++;
    }
    RIG_CHECK(count == e->by_place.count && count <= RELAY_PLACES_MAX);
    return count;
}

void rig_check(struct rig *r)
{
    struct relay_engine *e = r->engine;
    size_t objects = check_circuits(e) + check_conns(e) + check_places(e);
    RIG_CHECK(e->timers.reserved == objects && e->timers.count <= objects);
    for (uint32_t i = 0; i < e->timers.count; i++) {
        RIG_CHECK(e->timers.heap[i]->at == i + 1);
        RIG_CHECK(i == 0 || e->timers.heap[(i - 1) / 2]->due_ns <= e->timers.heap[i]->due_ns);
    }
}
