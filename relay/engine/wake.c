// SPDX-License-Identifier: Apache-2.0
// Waking a line's device when somebody dials: there is none, or the one there is says nothing (a
// page that its browser has put to sleep). The dial waits, without its flight, which is not kept:
// the caller makes a fresh one when a device is awake.
#include <assert.h>
#include <string.h>

#include "engine/internal.h"

static bool of_line(const struct circuit *circuit, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    return memcmp(circuit->wake_line, line_id, LINK_LINE_ID_BYTES) == 0;
}

static void concern(struct circuit *circuit, enum wake_state state,
                    const struct relay_store_number *number, sotto_ns due_ns)
{
    circuit->wake = state;
    circuit->wake_due_ns = due_ns;
    memcpy(circuit->wake_line, number->line_id, sizeof circuit->wake_line);
    memcpy(circuit->wake_number, number->token_hash, sizeof circuit->wake_number);
}

void wake_forget(struct relay_engine *e, struct circuit *circuit)
{
    if (circuit->wake == WAKE_PENDING) {
        list_remove(&circuit->waking);
        e->wake_count--;
    }
    circuit->wake = WAKE_NONE;
}

// Whoever dials again with the same number has given up the dial before.
static void end_earlier(struct relay_engine *e, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES])
{
    struct list *next;
    for (struct list *at = e->wakes.next; at != &e->wakes; at = next) {
        struct circuit *circuit = LIST_OF(at, struct circuit, waking);
        next = at->next;
        if (memcmp(circuit->wake_number, token_hash, LINK_TOKEN_HASH_BYTES) == 0)
            circuit_end(e, circuit, LINK_CODE_OFFLINE);
    }
}

static bool has_room(const struct relay_engine *e, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    size_t count = 0;
    for (struct list *at = e->wakes.next; at != &e->wakes; at = at->next)
        count += of_line(LIST_OF(at, struct circuit, waking), line_id);
    return count < RELAY_WAKES_PER_LINE_MAX && e->wake_count < RELAY_WAKES_MAX;
}

// Pushes, if the line has subscriptions and the limits permit. True: the dial may wait.
static bool push(struct relay_engine *e, const struct relay_store_number *number,
                 struct sotto_now now)
{
    struct relay_store_push pushes[RELAY_PUSH_PER_LINE_MAX];
    struct relay_store *store = e->config.store;
    const struct relay_output *out = &e->config.output;
    size_t count = 0;
    if (out->wake == NULL || store->push_list(store, number->line_id, pushes, &count) != 0 ||
        count == 0)
        return false;
    // Each number has a budget of its own: one that has leaked uses up nobody else's.
    bool waits =
        has_room(e, number->line_id) &&
        limiter_take_every(&e->numbers, number->token_hash, LINK_TOKEN_HASH_BYTES, NUMBER_WAKES,
                           RELAY_WAKES_PER_NUMBER, RELAY_WAKES_PER_NUMBER_NS, now.mono_ns);
    if (waits && limiter_take_every(&e->numbers, number->line_id, LINK_LINE_ID_BYTES, LINE_WAKES, 1,
                                    RELAY_WAKE_APART_NS, now.mono_ns)) {
        e->stats.wakes++;
        out->wake(pushes, count, out->user);
    }
    sotto_wipe(pushes, sizeof pushes);
    return waits;
}

static void wait_for_device(struct relay_engine *e, struct circuit *circuit,
                            const struct relay_store_number *number, struct sotto_now now)
{
    concern(circuit, WAKE_PENDING, number, now.mono_ns + RELAY_WAKE_NS);
    list_append(&e->wakes, &circuit->waking);
    e->wake_count++;
    circuit_rearm(e, circuit);
    const struct circuit_side *caller = &circuit->sides[0];
    conn_send(e, caller->conn, &(struct link_message){.type = LINK_WAKING, .circuit = caller->id});
}

enum link_code wake_dial(struct relay_engine *e, struct relay_conn *c, uint32_t id,
                         const struct relay_store_number *number, struct sotto_now now)
{
    end_earlier(e, number->token_hash);
    if (!push(e, number, now))
        return LINK_CODE_OFFLINE;
    struct circuit *circuit = circuit_new(e, c, id, now);
    if (circuit == NULL)
        return LINK_CODE_LIMIT;
    wait_for_device(e, circuit, number, now);
    return LINK_CODE_NONE;
}

void wake_watch(struct relay_engine *e, struct circuit *circuit,
                const struct relay_store_number *number, struct sotto_now now)
{
    if (e->config.output.wake == NULL)
        return;
    concern(circuit, WAKE_WATCHED, number, now.mono_ns + RELAY_ASLEEP_NS);
    circuit_rearm(e, circuit);
}

static void tell_awake(struct relay_engine *e, struct circuit *circuit)
{
    struct circuit_side *caller = &circuit->sides[0];
    e->stats.wakes_answered++;
    conn_send(e, caller->conn, &(struct link_message){.type = LINK_AWAKE, .circuit = caller->id});
    circuit_leave(e, caller);
    circuit_end(e, circuit, LINK_CODE_NONE);
}

void wake_heard(struct relay_engine *e, struct relay_conn *c)
{
    if (!c->rings || c->doomed)
        return;
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++) {
        struct circuit_side *side = c->sides[i];
        if (side != NULL && side == &side->circuit->sides[1] && side->circuit->wake == WAKE_WATCHED)
            wake_forget(e, side->circuit);
    }
    if (line_ringing(c->line) != c)
        return; // another one would be rung
    struct list *next;
    for (struct list *at = e->wakes.next; at != &e->wakes; at = next) {
        struct circuit *circuit = LIST_OF(at, struct circuit, waking);
        next = at->next;
        if (of_line(circuit, c->line->line_id))
            tell_awake(e, circuit);
    }
}

bool wake_detach(struct relay_engine *e, struct circuit_side *side, struct sotto_now now)
{
    struct circuit *circuit = side->circuit;
    if (circuit->wake == WAKE_PENDING) { // there is nothing yet that could be resumed
        circuit_end(e, circuit, LINK_CODE_LOST);
        return true;
    }
    if (circuit->wake == WAKE_WATCHED && side == &circuit->sides[1])
        circuit->wake_due_ns = now.mono_ns;
    return false;
}

// The device has said nothing to INCOMING. The dial waits, as if the device were not there; PING
// shows when it is awake.
static void fall_asleep(struct relay_engine *e, struct circuit *circuit, struct sotto_now now)
{
    struct relay_store_number number = {.calls_left = 1};
    struct circuit_side *callee = &circuit->sides[1];
    memcpy(number.line_id, circuit->wake_line, sizeof number.line_id);
    memcpy(number.token_hash, circuit->wake_number, sizeof number.token_hash);
    wake_forget(e, circuit);
    circuit_rearm(e, circuit);
    if (circuit->sides[0].state != SIDE_ATTACHED)
        return;
    end_earlier(e, number.token_hash);
    const struct online_line *line = line_find(e, number.line_id);
    struct relay_conn *c = callee->conn;
    bool another = c == NULL && line != NULL && line_ringing(line) != NULL;
    if (!another && !push(e, &number, now))
        return;
    if (callee->state == SIDE_ATTACHED)
        conn_send_close(e, c, callee->id, LINK_CODE_NONE);
    circuit_leave(e, callee);
    if (c != NULL)
        conn_send(e, c, &(struct link_message){.type = LINK_PING, .ping = 0});
    wait_for_device(e, circuit, &number, now);
    if (another)
        tell_awake(e, circuit);
}

void wake_timer(struct relay_engine *e, struct circuit *circuit, struct sotto_now now)
{
    if (circuit->wake == WAKE_WATCHED) {
        fall_asleep(e, circuit, now);
        return;
    }
    e->stats.wakes_missed++;
    circuit_end(e, circuit, LINK_CODE_OFFLINE);
}
