// SPDX-License-Identifier: Apache-2.0
// A caller dials a number; the line's device gets INCOMING.
#include <assert.h>
#include <string.h>

#include <sotto/identity.h>

#include "engine/internal.h"

static bool usable(const struct relay_store_number *n, struct sotto_now now)
{
    return n->calls_left > 0 && (n->expires_unix_s == 0 || n->expires_unix_s > now.unix_s);
}

// An unknown, removed, expired or used-up number takes the same path to the same answer, so that
// nobody can find out by dialling which numbers there are or were.
static enum link_code look_up(struct relay_engine *e, const struct relay_conn *c,
                              const uint8_t token_hash[LINK_TOKEN_HASH_BYTES], struct sotto_now now,
                              struct relay_store_number *number)
{
    const struct relay_limits *limits = &e->config.limits;
    struct relay_store_number found = {.calls_left = 0};
    int rc = e->config.store->number_get(e->config.store, token_hash, &found);
    if (rc != 0 && rc != SOTTO_ENOTFOUND)
        return LINK_CODE_STORAGE;
    if (!usable(&found, now)) {
        limiter_charge(&e->addresses, c->address, sizeof c->address, ADDRESS_DIALS,
                       RELAY_UNKNOWN_TOKEN_COST - 1, limits->dials_per_address_per_minute,
                       now.mono_ns);
        return LINK_CODE_UNAVAILABLE;
    }
    if (!limiter_take(&e->numbers, token_hash, LINK_TOKEN_HASH_BYTES, NUMBER_DIALS,
                      limits->dials_per_number_per_minute, now.mono_ns))
        return LINK_CODE_LIMIT;
    *number = found;
    return LINK_CODE_NONE;
}

static enum link_code find_number(struct relay_engine *e, const struct relay_conn *c,
                                  const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                                  struct sotto_now now, struct relay_store_number *number)
{
    if (e->stopping)
        return LINK_CODE_SHUTDOWN;
    if (!slot_free(c) || !limiter_take(&e->addresses, c->address, sizeof c->address, ADDRESS_DIALS,
                                       e->config.limits.dials_per_address_per_minute, now.mono_ns))
        return LINK_CODE_LIMIT;
    return look_up(e, c, token_hash, now, number);
}

static struct relay_conn *find_callee(struct relay_engine *e,
                                      const struct relay_store_number *number)
{
    const struct online_line *line = line_find(e, number->line_id);
    return line == NULL ? NULL : line_ringing(line);
}

static void refuse(struct relay_engine *e, struct relay_conn *c, uint32_t id, enum link_code code)
{
    e->stats.dials_unavailable += code == LINK_CODE_UNAVAILABLE;
    e->stats.dials_offline += code == LINK_CODE_OFFLINE;
    e->stats.dials_limited += code == LINK_CODE_LIMIT;
    conn_send_close(e, c, id, code);
}

static void put_through(struct relay_engine *e, struct relay_conn *callee, struct circuit *circuit,
                        const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                        const struct link_message *m)
{
    struct circuit_side *caller_side = &circuit->sides[0];
    struct circuit_side *callee_side = &circuit->sides[1];
    circuit_join(e, circuit, callee, slot_relay_id(callee));
    circuit_count_flight(circuit, m->flight_len);
    conn_send(e, callee,
              &(struct link_message){.type = LINK_INCOMING,
                                     .circuit = callee_side->id,
                                     .token_hash = token_hash,
                                     .flight = m->flight,
                                     .flight_len = m->flight_len});
    circuit_send_ticket(e, callee_side);
    circuit_send_ticket(e, caller_side);
}

void dial(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
          struct sotto_now now)
{
    if (!slot_device_id_ok(c, m->circuit)) {
        conn_protocol_error(e, c, 0);
        return;
    }
    e->stats.dials++;
    uint8_t token_hash[LINK_TOKEN_HASH_BYTES];
    static_assert(LINK_TOKEN_BYTES == SOTTO_TOKEN_BYTES, "one token");
    sotto_token_hash(m->token, token_hash);
    struct relay_store_number number;
    struct relay_conn *callee = NULL;
    enum link_code code = find_number(e, c, token_hash, now, &number);
    if (code == LINK_CODE_NONE) {
        callee = find_callee(e, &number);
        if (callee == NULL)
            code = wake_dial(e, c, m->circuit, &number, now);
    }
    if (code != LINK_CODE_NONE) {
        refuse(e, c, m->circuit, code);
        return;
    }
    if (callee == NULL)
        return;
    struct circuit *circuit = circuit_new(e, c, m->circuit, now);
    if (circuit == NULL) {
        refuse(e, c, m->circuit, LINK_CODE_LIMIT);
        return;
    }
    if (!slot_free(callee)) { // asked only now: a device that calls itself needs two
        circuit_end(e, circuit, LINK_CODE_LIMIT);
        return;
    }
    put_through(e, callee, circuit, token_hash, m);
    wake_watch(e, circuit, &number, now);
}
