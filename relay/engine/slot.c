// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "engine/internal.h"

struct circuit_side *slot_find(const struct relay_conn *c, uint32_t id)
{
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++)
        if (c->circuit_ids[i] == id && c->sides[i] != NULL)
            return c->sides[i];
    return NULL;
}

bool slot_free(const struct relay_conn *c)
{
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++)
        if (c->sides[i] == NULL)
            return true;
    return false;
}

bool slot_device_id_ok(const struct relay_conn *c, uint32_t id)
{
    return id % 2 == 0 && slot_find(c, id) == NULL;
}

// Ends: at most RELAY_CIRCUITS_PER_CONN_MAX identifiers are in use.
uint32_t slot_relay_id(struct relay_conn *c)
{
    uint32_t id;
    do {
        id = c->next_circuit;
        c->next_circuit = (c->next_circuit + 2) % (LINK_CIRCUIT_MAX + 1); // odd stays odd
    } while (slot_find(c, id) != NULL);
    return id;
}

void slot_put(struct relay_conn *c, struct circuit_side *side, uint32_t id)
{
    size_t i = 0;
    while (i < RELAY_CIRCUITS_PER_CONN_MAX && c->sides[i] != NULL)
        i++;
    assert(i < RELAY_CIRCUITS_PER_CONN_MAX);
    c->circuit_ids[i] = id;
    c->sides[i] = side;
}

void slot_clear(struct relay_conn *c, const struct circuit_side *side)
{
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++)
        if (c->sides[i] == side)
            c->sides[i] = NULL;
}
