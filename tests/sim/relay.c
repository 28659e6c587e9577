// SPDX-License-Identifier: Apache-2.0
// The real relay engine. All its memory lies in one arena, freed blocks included, so that it can be
// searched for what a relay must never have. Its store survives a crash.
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// ---- its memory --------------------------------------------------------------------------------

struct block {
    size_t size;
    size_t pad;
};

static void *arena_realloc(void *ptr, size_t size, void *user)
{
    struct sim_relay *r = user;
    struct arena *a = &r->arena;
    struct block *old = ptr ? (struct block *)ptr - 1 : NULL;
    if (old) {
        a->live_blocks--;
        a->live_bytes -= old->size;
    }
    if (size == 0)
        return NULL;
    // Never reused within a life: what was not wiped stays where the search finds it.
    size_t need = sizeof(struct block) + ((size + 15) & ~(size_t)15);
    if (a->used + need > ARENA_BYTES) {
        sim_fail(r->sim, "the relay's arena is full");
        abort();
    }
    struct block *b = (struct block *)(void *)(a->base + a->used);
    a->used += need;
    if (a->used > a->high)
        a->high = a->used;
    b->size = size;
    a->live_blocks++;
    a->live_bytes += size;
    if (old)
        memcpy(b + 1, ptr, old->size < size ? old->size : size);
    return b + 1;
}

static void arena_random(void *buf, size_t len, void *user)
{
    rng_fill(&((struct sim_relay *)user)->rng, buf, len);
}

// ---- what it says ------------------------------------------------------------------------------

static bool out_message(void *conn_user, const uint8_t *msg, size_t len, void *user)
{
    (void)user;
    path_from_relay(conn_user, msg, len, false);
    return true;
}

static void out_datagram(void *conn_user, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    path_from_relay(conn_user, data, len, true);
}

static void out_close(void *conn_user, enum link_code why, void *user)
{
    struct sim_relay *r = user;
    struct conn *c = conn_user;
    sim_note(r->sim, "relay closes %s's connection: %d", c->person->name, (int)why);
    c->relay_side = false;
    c->rc = NULL;
    struct thing *t = sim_later(r->sim, c->last_down + 10 * MS, THING_DEVICE_DROP);
    t->conn = c;
}

// The push service of every line: tells the person's phone, which may be told to wake up.
static void out_wake(const struct relay_store_push *pushes, size_t count, void *user)
{
    const struct sim_relay *r = user;
    for (size_t i = 0; i < count; i++)
        person_pushed(r->sim, pushes[i].endpoint);
}

// ---- its life ----------------------------------------------------------------------------------

struct sim_relay *sim_relay_add(struct sim *s, const char *host)
{
    assert(s->relay_count < RELAYS_MAX);
    struct sim_relay *r = &s->relays[s->relay_count];
    r->sim = s;
    r->index = (unsigned)s->relay_count++;
    snprintf(r->address.host, sizeof r->address.host, "%s", host);
    r->address.port = 443;
    r->arena.base = malloc(ARENA_BYTES);
    assert(r->arena.base);
    r->env = (struct sotto_env){.realloc = arena_realloc, .random = arena_random, .user = r};
    rng_seed(&r->rng, rng_next(&s->rng));
    int rc = relay_memory_new(&r->memory, sotto_env_default());
    assert(rc == 0);
    (void)rc;
    relay_start(r);
    return r;
}

void relay_start(struct sim_relay *r)
{
    if (r->engine)
        return;
    struct relay_config cfg = {
        .limits = {.dials_per_number_per_minute = 600,
                   .dials_per_address_per_minute = 600,
                   .meets_per_address_per_minute = 600,
                   .registers_per_address_per_minute = 600},
        .store = relay_memory_store(r->memory),
        .output = {.message = out_message,
                   .datagram = out_datagram,
                   .close = out_close,
                   .wake = out_wake,
                   .user = r},
    };
    snprintf(cfg.origin, sizeof cfg.origin, "%.240s:%u", r->address.host,
             (unsigned)r->address.port);
    r->arena.used = r->arena.high = 0;
    int rc = relay_engine_new(&r->engine, &cfg, &r->env);
    assert(rc == 0);
    (void)rc;
    sim_trace(r->sim, "relay %u starts", r->index);
}

void relay_crash(struct sim_relay *r)
{
    if (!r->engine)
        return;
    sim_trace(r->sim, "relay %u crashes", r->index);
    relay_engine_free(r->engine);
    r->engine = NULL;
    if (r->arena.live_blocks)
        sim_fail(r->sim, "relay %u: %zu blocks (%zu bytes) left when its engine was freed",
                 r->index, r->arena.live_blocks, r->arena.live_bytes);
    for (size_t i = 0; i < r->sim->conn_count; i++) {
        struct conn *c = r->sim->conns[i];
        if (c->relay != r || !c->relay_side)
            continue;
        c->relay_side = false;
        c->rc = NULL;
        struct thing *t =
            sim_later(r->sim, r->sim->now_ns + 50 * MS + rng_below(&r->sim->rng, 3 * SECOND),
                      THING_DEVICE_DROP);
        t->conn = c;
    }
}

struct sotto_now relay_now(const struct sim_relay *r)
{
    const struct sim *s = r->sim;
    return (struct sotto_now){.mono_ns = s->now_ns,
                              .unix_s = s->unix_base_s + (int64_t)(s->now_ns / SECOND) +
                                        r->clock_offset_s};
}

sotto_ns relay_expiry(const struct sim_relay *r)
{
    return r->engine ? relay_engine_expiry(r->engine) : SOTTO_NEVER;
}

void relay_handle_expiry(struct sim_relay *r)
{
    relay_engine_handle_expiry(r->engine, relay_now(r));
}

void relay_free(struct sim_relay *r)
{
    if (r->engine)
        relay_engine_free(r->engine);
    relay_memory_free(r->memory);
    free(r->arena.base);
}
