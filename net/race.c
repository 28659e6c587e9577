// SPDX-License-Identifier: Apache-2.0
#include "race.h"

#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

enum attempt_state {
    ATTEMPT_WAITING,
    ATTEMPT_TRYING,
    ATTEMPT_READY,
    ATTEMPT_FAILED
};

struct attempt {
    enum net_transport transport;
    enum attempt_state state;
    unsigned index;          // of the address, within its transport
    struct carrier *carrier; // while it lives
};

struct race {
    uv_timer_t timer;
    struct carrier_shared *shared;
    struct race_addresses to;
    struct race_config cfg;
    struct race_ops ops;
    void *user;
    struct attempt attempts[RACE_ATTEMPTS_MAX]; // QUIC first
    unsigned count;
    uint64_t start_ns, end_ns;
    bool any_failed, over;
    enum net_reason worst; // of the failed attempts: the one that tells most
    const char *worst_detail;
};

static void step(struct race *r);

void race_addresses_set(struct race_addresses *a, const struct addrinfo *list, uint16_t port)
{
    a->count = 0;
    for (const struct addrinfo *i = list; i != NULL && a->count < RACE_ADDRESSES_MAX;
         i = i->ai_next) {
        union udp_address *to = &a->list[a->count];
        if (i->ai_addrlen > sizeof *to) {
            continue;
        }
        memcpy(to, i->ai_addr, i->ai_addrlen);
        // The port is at the same place in both families.
        to->v4.sin_port = htons(port);
        a->count++;
    }
}

bool race_somebody_else(enum net_reason r)
{
    return r == NET_PIN || r == NET_CERTIFICATE;
}

// ---- the end ------------------------------------------------------------------------------

static void attempt_drop(struct attempt *a)
{
    carrier_free(a->carrier);
    a->carrier = NULL;
}

static void timer_gone(uv_handle_t *handle)
{
    free(handle->data);
}

static void end(struct race *r)
{
    r->over = true;
    for (unsigned i = 0; i < r->count; i++) {
        attempt_drop(&r->attempts[i]);
    }
    uv_close((uv_handle_t *)&r->timer, timer_gone);
}

void race_free(struct race *r)
{
    if (r != NULL && !r->over) {
        end(r);
    }
}

static void lose(struct race *r, enum net_reason reason, const char *detail)
{
    end(r);
    r->ops.on_lost(reason, detail, r->user);
}

static bool udp_heard(const struct race *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        const struct attempt *a = &r->attempts[i];
        if (a->transport == NET_QUIC && a->carrier != NULL && carrier_heard(a->carrier)) {
            return true;
        }
    }
    return false;
}

static void win(struct race *r, struct attempt *a)
{
    bool heard = udp_heard(r);
    struct carrier *winner = a->carrier;
    a->carrier = NULL;
    end(r);
    r->ops.on_won(winner, heard, r->user);
}

// ---- attempts -----------------------------------------------------------------------------

// A higher rank says more to the user.
static int rank(enum net_reason r)
{
    switch (r) {
    case NET_PIN:
        return 8;
    case NET_CERTIFICATE:
        return 7;
    case NET_LIMIT:
        return 6;
    case NET_PROTOCOL:
        return 5;
    case NET_TIMEOUT:
        return 4;
    case NET_UNREACHABLE:
        return 3;
    case NET_SYSTEM:
        return 2;
    default:
        return 1;
    }
}

static void note_failure(struct race *r, enum net_reason reason, const char *detail)
{
    if (!r->any_failed || rank(reason) > rank(r->worst)) {
        r->worst = reason;
        r->worst_detail = detail;
    }
    r->any_failed = true;
}

static struct attempt *attempt_of(struct race *r, const struct carrier *c)
{
    struct attempt *a = r->attempts;
    while (a->carrier != c) {
        a++;
    }
    return a;
}

static void on_open(struct carrier *c, void *user)
{
    struct race *r = user;
    attempt_of(r, c)->state = ATTEMPT_READY;
    step(r);
}

static void on_down(struct carrier *c, enum net_reason reason, const char *detail, void *user)
{
    struct race *r = user;
    struct attempt *a = attempt_of(r, c);
    a->state = ATTEMPT_FAILED;
    attempt_drop(a);
    note_failure(r, reason, detail);
    if (a->transport == NET_QUIC && race_somebody_else(reason)) {
        lose(r, reason, detail); // the next one on that address need not be asked
        return;
    }
    uint64_t refused_ns = r->start_ns + RACE_REFUSED_MS * SOTTO_NS_PER_MS;
    if (a->transport == NET_WEBSOCKET && refused_ns < r->end_ns) {
        r->end_ns = refused_ns;
    }
    step(r);
}

static void attempt_start(struct race *r, struct attempt *a)
{
    // Nothing is said before HELLO.
    static const struct carrier_ops ops = {.on_open = on_open, .on_down = on_down};
    a->state = ATTEMPT_TRYING;
    int rv = carrier_new(&a->carrier, a->transport, r->shared, &r->to.list[a->index], &ops, r);
    if (rv != 0) {
        a->state = ATTEMPT_FAILED;
        note_failure(r, rv == SOTTO_EIO ? NET_UNREACHABLE : NET_SYSTEM,
                     rv == SOTTO_EIO ? "no route to it" : "out of memory");
    }
}

// ---- its course ---------------------------------------------------------------------------

// An attempt begins at its time, or at once when all that come before it have failed.
static uint64_t attempt_due(const struct race *r, const struct attempt *a)
{
    bool before_failed = true;
    for (const struct attempt *b = r->attempts; b < a; b++) {
        before_failed = before_failed && b->state == ATTEMPT_FAILED;
    }
    if (before_failed) {
        return r->start_ns;
    }
    uint64_t ms = a->index * RACE_STAGGER_MS;
    if (a->transport == NET_WEBSOCKET && r->cfg.quic) {
        ms += r->cfg.head_start_ms;
    }
    return r->start_ns + ms * SOTTO_NS_PER_MS;
}

static void on_timer(uv_timer_t *timer)
{
    step(timer->data);
}

static void arm(struct race *r)
{
    uint64_t now = uv_hrtime(), due = r->end_ns;
    for (unsigned i = 0; i < r->count; i++) {
        const struct attempt *a = &r->attempts[i];
        uint64_t at = a->state == ATTEMPT_WAITING ? attempt_due(r, a)
                      : a->state == ATTEMPT_READY
                          ? r->start_ns + RACE_PREFER_QUIC_MS * SOTTO_NS_PER_MS
                          : due;
        due = at < due ? at : due;
    }
    uint64_t wait_ms = due > now ? (due - now + SOTTO_NS_PER_MS - 1) / SOTTO_NS_PER_MS : 0;
    uv_timer_start(&r->timer, on_timer, wait_ms, 0);
}

// Starts what is due, takes what is ready, gives up when all is lost.
static void step(struct race *r)
{
    uint64_t now = uv_hrtime();
    bool all_failed = true;
    struct attempt *ready = NULL;
    for (unsigned i = 0; i < r->count; i++) {
        struct attempt *a = &r->attempts[i];
        if (a->state == ATTEMPT_WAITING && attempt_due(r, a) <= now) {
            attempt_start(r, a);
        }
        if (a->state == ATTEMPT_READY && ready == NULL) {
            ready = a;
        }
        all_failed = all_failed && a->state == ATTEMPT_FAILED;
    }
    bool may_wait = now < r->start_ns + RACE_PREFER_QUIC_MS * SOTTO_NS_PER_MS && udp_heard(r);
    if (ready != NULL && (ready->transport == NET_QUIC || !may_wait)) {
        win(r, ready);
    } else if (all_failed) {
        lose(r, r->worst, r->worst_detail);
    } else if (now >= r->end_ns) {
        if (!r->any_failed || rank(r->worst) < rank(NET_UNREACHABLE)) {
            lose(r, NET_UNREACHABLE, "no answer in time");
        } else {
            lose(r, r->worst, r->worst_detail);
        }
    } else {
        arm(r);
    }
}

static void add_attempts(struct race *r, enum net_transport transport)
{
    for (unsigned i = 0; i < r->to.count; i++) {
        r->attempts[r->count++] = (struct attempt){.transport = transport, .index = i};
    }
}

int race_new(struct race **out, struct carrier_shared *shared, const struct race_addresses *to,
             const struct race_config *cfg, const struct race_ops *ops, void *user)
{
    struct race *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return SOTTO_ENOMEM;
    }
    r->shared = shared;
    r->to = *to;
    r->cfg = *cfg;
    r->ops = *ops;
    r->user = user;
    r->worst = NET_UNREACHABLE;
    r->timer.data = r;
    uv_timer_init(shared->loop, &r->timer);
    if (cfg->quic) {
        add_attempts(r, NET_QUIC);
    }
    if (cfg->websocket) {
        add_attempts(r, NET_WEBSOCKET);
    }
    *out = r;
    return 0;
}

void race_begin(struct race *r)
{
    uint64_t length_ms = r->cfg.length_ms != 0 ? r->cfg.length_ms : RACE_MS;
    r->start_ns = uv_hrtime();
    r->end_ns = r->start_ns + length_ms * SOTTO_NS_PER_MS;
    step(r);
}
