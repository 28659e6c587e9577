// SPDX-License-Identifier: Apache-2.0
// Circuits: two sides, what goes through them, and how they outlive a connection.
#include <assert.h>
#include <string.h>

#include "engine/internal.h"

struct circuit_side *circuit_other(struct circuit_side *side)
{
    struct circuit_side *sides = side->circuit->sides;
    return side == &sides[0] ? &sides[1] : &sides[0];
}

static void attach(struct circuit_side *side, struct relay_conn *c, uint32_t id)
{
    side->state = SIDE_ATTACHED;
    side->conn = c;
    side->id = id;
    if (c->line != NULL) {
        side->has_line = true;
        memcpy(side->line_id, c->line->line_id, LINK_LINE_ID_BYTES);
    }
    slot_put(c, side, id);
}

static void unattach(struct circuit_side *side)
{
    if (side->state != SIDE_ATTACHED)
        return;
    slot_clear(side->conn, side);
    side->conn = NULL;
}

// A fresh side with its ticket, 128 random bits: nobody else's.
static void side_begin(struct relay_engine *e, struct circuit_side *side, struct relay_conn *c,
                       uint32_t id)
{
    e->env->random(side->ticket, sizeof side->ticket, e->env->user);
    map_insert(&e->tickets, &side->by_ticket, side->ticket);
    attach(side, c, id);
}

void circuit_leave(struct relay_engine *e, struct circuit_side *side)
{
    if (side->state == SIDE_ABSENT)
        return;
    unattach(side);
    map_remove(&e->tickets, &side->by_ticket);
    sotto_wipe(side->ticket, sizeof side->ticket);
    side->state = SIDE_ABSENT;
}

static sotto_ns earlier(sotto_ns a, sotto_ns b)
{
    return a < b ? a : b;
}

static sotto_ns deadline(const struct circuit *circuit)
{
    if (circuit->wake == WAKE_PENDING)
        return circuit->wake_due_ns;
    // While it waits at a meeting place, only the place's own time counts.
    sotto_ns due = circuit->place != NULL ? SOTTO_NEVER : circuit->active_ns + RELAY_RING_NS;
    for (size_t i = 0; i < 2; i++)
        if (circuit->sides[i].state == SIDE_DETACHED)
            due = earlier(due, circuit->sides[i].detached_ns + RELAY_CIRCUIT_GRACE_NS);
    return circuit->wake == WAKE_WATCHED ? earlier(due, circuit->wake_due_ns) : due;
}

void circuit_rearm(struct relay_engine *e, struct circuit *circuit)
{
    sotto_ns due = deadline(circuit);
    if (due == SOTTO_NEVER)
        timers_cancel(&e->timers, &circuit->timer);
    else
        timers_set(&e->timers, &circuit->timer, due);
}

struct circuit *circuit_new(struct relay_engine *e, struct relay_conn *c, uint32_t id,
                            struct sotto_now now)
{
    if (e->stats.circuits >= RELAY_CIRCUITS_MAX)
        return NULL;
    struct circuit *circuit = engine_alloc(e, sizeof *circuit);
    if (circuit == NULL)
        return NULL;
    if (timers_reserve(&e->timers) != 0) {
        engine_free(e, circuit);
        return NULL;
    }
    circuit->timer.kind = TIMER_CIRCUIT;
    circuit->active_ns = now.mono_ns;
    circuit->sides[0].circuit = circuit->sides[1].circuit = circuit;
    side_begin(e, &circuit->sides[0], c, id);
    list_append(&e->circuits, &circuit->all);
    e->stats.circuits++;
    circuit_rearm(e, circuit);
    return circuit;
}

void circuit_join(struct relay_engine *e, struct circuit *circuit, struct relay_conn *c,
                  uint32_t id)
{
    assert(circuit->sides[1].state == SIDE_ABSENT);
    side_begin(e, &circuit->sides[1], c, id);
    circuit_rearm(e, circuit);
}

void circuit_end(struct relay_engine *e, struct circuit *circuit, enum link_code code)
{
    for (size_t i = 0; i < 2; i++) {
        struct circuit_side *side = &circuit->sides[i];
        if (side->state == SIDE_ATTACHED)
            conn_send_close(e, side->conn, side->id, code);
        circuit_leave(e, side);
    }
    if (circuit->place != NULL) {
        circuit->place->circuit = NULL;
        place_free(e, circuit->place);
    }
    wake_forget(e, circuit);
    timers_cancel(&e->timers, &circuit->timer);
    timers_release(&e->timers);
    list_remove(&circuit->all);
    e->stats.circuits--;
    engine_free(e, circuit);
}

void circuit_send_ticket(struct relay_engine *e, const struct circuit_side *side)
{
    conn_send(e, side->conn,
              &(struct link_message){.type = LINK_TICKET,
                                     .circuit = side->id,
                                     .ticket = side->ticket});
}

void circuit_detach_all(struct relay_engine *e, struct relay_conn *c, struct sotto_now now)
{
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++) {
        struct circuit_side *side = c->sides[i];
        if (side == NULL)
            continue;
        unattach(side);
        side->state = SIDE_DETACHED;
        side->detached_ns = now.mono_ns;
        if (wake_detach(e, side, now))
            continue;
        circuit_rearm(e, side->circuit);
    }
}

// Cells do not move the timer (that would cost a heap operation each): it looks again here.
void circuit_timer(struct relay_engine *e, struct circuit *circuit, struct sotto_now now)
{
    if (deadline(circuit) > now.mono_ns)
        circuit_rearm(e, circuit);
    else if (circuit->wake != WAKE_NONE && circuit->wake_due_ns <= now.mono_ns)
        wake_timer(e, circuit, now);
    else
        circuit_end(e, circuit, LINK_CODE_LOST);
}

bool circuit_count_flight(struct circuit *circuit, size_t len)
{
    if (circuit->signals >= RELAY_SIGNALS_PER_CIRCUIT_MAX ||
        len > RELAY_SIGNAL_BYTES_MAX - circuit->signal_bytes)
        return false;
    circuit->signals++;
    circuit->signal_bytes += (uint32_t)len;
    return true;
}

void circuit_signal(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                    struct sotto_now now)
{
    struct circuit_side *from = slot_find(c, m->circuit);
    if (from == NULL)
        return; // it crossed our CLOSE
    struct circuit *circuit = from->circuit;
    struct circuit_side *to = circuit_other(from);
    if (circuit->wake == WAKE_PENDING)
        return;                     // it crossed WAKING
    if (to->state == SIDE_ABSENT) { // nobody to signal to before MET
        conn_protocol_error(e, c, 0);
        return;
    }
    if (!circuit_count_flight(circuit, m->flight_len)) {
        circuit_end(e, circuit, LINK_CODE_LIMIT);
        return;
    }
    // Flights are not kept, and a session does not survive one that is lost: better say so.
    if (to->state == SIDE_DETACHED) {
        circuit_end(e, circuit, LINK_CODE_LOST);
        return;
    }
    circuit->active_ns = now.mono_ns;
    e->stats.signals_forwarded++;
    struct link_message out = *m;
    out.circuit = to->id;
    conn_send(e, to->conn, &out);
}

// A device says why in its sealed flights or cells, never to the relay: to the other side it is
// always the same plain end.
void circuit_close(struct relay_engine *e, struct relay_conn *c, const struct link_message *m)
{
    struct circuit_side *side = slot_find(c, m->circuit);
    if (side == NULL)
        return;
    struct circuit *circuit = side->circuit;
    circuit_leave(e, side); // so that it hears no CLOSE itself
    circuit_end(e, circuit, LINK_CODE_NONE);
}

void circuit_resume(struct relay_engine *e, struct relay_conn *c, const struct link_message *m)
{
    if (!slot_device_id_ok(c, m->circuit)) {
        conn_protocol_error(e, c, m->request);
        return;
    }
    struct map_entry *entry = map_find(&e->tickets, m->ticket);
    if (entry == NULL) {
        conn_send_failed(e, c, m->request, LINK_CODE_UNAVAILABLE);
        return;
    }
    struct circuit_side *side = LIST_OF(entry, struct circuit_side, by_ticket);
    if (side->conn != c && !slot_free(c)) {
        conn_send_failed(e, c, m->request, LINK_CODE_LIMIT);
        return;
    }
    unattach(side); // of a connection that the device knows to be dead before we do
    attach(side, c, m->circuit);
    circuit_rearm(e, side->circuit);
    e->stats.resumes++;
    conn_send_ok(e, c, m->request);
    if (side->owes_met)
        place_send_met(e, side);
}

// The hot path: no allocation, nothing searched but the connection's own few slots.
void relay_conn_datagram(struct relay_engine *e, struct relay_conn *c, const uint8_t *data,
                         size_t len, struct sotto_now now)
{
    uint32_t id;
    const uint8_t *cell;
    struct circuit_side *from = NULL;
    if (link_datagram_decode(data, len, &id, &cell) == 0)
        from = slot_find(c, id);
    if (from == NULL) {
        e->stats.cells_dropped++;
        return;
    }
    struct circuit_side *to = circuit_other(from);
    uint32_t rate = e->config.limits.cells_per_circuit_per_second;
    if (!bucket_take(&from->cells, 1, 2 * rate, SOTTO_NS_PER_S / rate, now.mono_ns) ||
        to->state != SIDE_ATTACHED) {
        e->stats.cells_dropped++;
        return;
    }
    from->circuit->active_ns = now.mono_ns;
    e->stats.cells_forwarded++;
    uint8_t out[LINK_DATAGRAM_BYTES];
    link_datagram_encode(out, to->id, cell);
    e->config.output.datagram(to->conn->user, out, sizeof out, e->config.output.user);
}
