// SPDX-License-Identifier: Apache-2.0
// Virtual time: a heap of things to come, and the loop that lets them happen one by one.
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPIN_MAX 64 // steps of one device at one instant: more is a timer that does not move

struct sim *sim_new(uint64_t seed, bool verbose)
{
    struct sim *s = calloc(1, sizeof *s);
    assert(s);
    s->seed = seed;
    s->verbose = verbose;
    s->trace = s->events_trace = FNV_START;
    s->now_ns = 1000 * SECOND;
    s->unix_base_s = 1800000000;
    rng_seed(&s->rng, seed);
    rng_reseed_openssl(seed ^ UINT64_C(0x5eed));
    watch_reset(s);
    return s;
}

void sim_free(struct sim *s)
{
    hostile_stop(s);
    for (size_t i = 0; i < s->people_count; i++)
        person_free(s->people[i]);
    for (size_t i = 0; i < s->relay_count; i++)
        relay_free(&s->relays[i]);
    for (size_t i = 0; i < s->heap_len; i++)
        free(s->heap[i].data);
    for (size_t i = 0; i < s->conn_count; i++)
        free(s->conns[i]);
    watch_reset(NULL);
    free(s->heap);
    free(s);
}

// ---- the heap ----------------------------------------------------------------------------------

static bool before(const struct thing *a, const struct thing *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void exchange_things(struct thing *a, struct thing *b)
{
    struct thing t = *a;
    *a = *b;
    *b = t;
}

struct thing *sim_later(struct sim *s, sotto_ns at, enum thing_kind kind)
{
    if (s->heap_len == s->heap_cap) {
        s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 256;
        s->heap = realloc(s->heap, s->heap_cap * sizeof *s->heap);
        assert(s->heap);
    }
    size_t i = s->heap_len++;
    s->heap[i] =
        (struct thing){.at = at < s->now_ns ? s->now_ns : at, .order = s->order++, .kind = kind};
    while (i > 0 && before(&s->heap[i], &s->heap[(i - 1) / 2])) {
        exchange_things(&s->heap[i], &s->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    return &s->heap[i]; // until the next thing is added
}

static struct thing heap_pop(struct sim *s)
{
    struct thing top = s->heap[0];
    s->heap[0] = s->heap[--s->heap_len];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->heap_len; child++)
            if (before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == i)
            return top;
        exchange_things(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

void sim_call_later(struct sim *s, sotto_ns after, void (*callback)(struct sim *, void *),
                    void *arg)
{
    struct thing *t = sim_later(s, s->now_ns + after, THING_CALLBACK);
    t->callback = callback;
    t->arg = arg;
}

// ---- the loop ----------------------------------------------------------------------------------

static void audio(struct sim *s, struct thing *t)
{
    struct person *p = t->person;
    if (!p->device || t->life != p->lives)
        return;
    person_capture(p);
    person_pump(p);
    person_playout(p);
    struct thing *next = sim_later(s, s->now_ns + SOTTO_TICK_NS, THING_AUDIO);
    next->person = p;
    next->life = p->lives;
}

static void happen(struct sim *s, struct thing *t)
{
    switch (t->kind) {
    case THING_AUDIO:
        audio(s, t);
        break;
    case THING_USER:
        if (s->chaos)
            chaos_user(t->person);
        break;
    case THING_CALLBACK:
        t->callback(s, t->arg);
        break;
    default:
        path_deliver(s, t);
        break;
    }
    free(t->data);
}

// Who is next: a thing, a device's timer or a relay's.
static sotto_ns next_time(struct sim *s)
{
    sotto_ns t = s->heap_len ? s->heap[0].at : SOTTO_NEVER;
    for (size_t i = 0; i < s->people_count; i++)
        t = earlier(t, person_expiry(s->people[i]));
    for (size_t i = 0; i < s->relay_count; i++)
        t = earlier(t, relay_expiry(&s->relays[i]));
    return t;
}

static void timers_run(struct sim *s)
{
    for (size_t i = 0; i < s->people_count; i++)
        for (unsigned spins = 0; person_expiry(s->people[i]) <= s->now_ns && !s->failed; spins++) {
            if (spins > SPIN_MAX)
                sim_fail(s, "%s: the timer does not move on", s->people[i]->name);
            person_pump(s->people[i]);
        }
    for (size_t i = 0; i < s->relay_count; i++)
        for (unsigned spins = 0; relay_expiry(&s->relays[i]) <= s->now_ns && !s->failed; spins++) {
            if (spins > SPIN_MAX)
                sim_fail(s, "relay %zu: the timer does not move on", i);
            relay_handle_expiry(&s->relays[i]);
        }
}

static void step(struct sim *s)
{
    sotto_ns t = next_time(s);
    if (t > s->now_ns)
        s->now_ns = t;
    s->steps++;
    if (s->heap_len && s->heap[0].at <= s->now_ns) {
        struct thing top = heap_pop(s);
        happen(s, &top);
    }
    timers_run(s);
}

bool sim_until(struct sim *s, sotto_ns limit_ns, bool (*condition)(struct sim *, void *), void *arg)
{
    sotto_ns end = s->now_ns + limit_ns;
    for (;;) {
        if (s->failed)
            return false;
        if (condition && condition(s, arg))
            return true;
        sotto_ns t = next_time(s);
        if (t > end) {
            s->now_ns = end;
            return !condition;
        }
        step(s);
    }
}

bool sim_run(struct sim *s, sotto_ns for_ns)
{
    return sim_until(s, for_ns, NULL, NULL);
}

// ---- telling -----------------------------------------------------------------------------------

static void print_line(const struct sim *s, const char *line)
{
    printf("%10.3f  %s\n", (double)(s->now_ns - 1000 * SECOND) / (double)SECOND, line);
}

void sim_trace(struct sim *s, const char *form, ...)
{
    char line[512];
    va_list args;
    va_start(args, form);
    vsnprintf(line, sizeof line, form, args);
    va_end(args);
    s->trace = fnv64(s->trace, &s->now_ns, sizeof s->now_ns);
    s->trace = fnv64(s->trace, line, strlen(line));
    s->events_trace = fnv64(s->events_trace, &s->now_ns, sizeof s->now_ns);
    s->events_trace = fnv64(s->events_trace, line, strlen(line));
    if (s->verbose)
        print_line(s, line);
}

void sim_note(struct sim *s, const char *form, ...)
{
    char line[512];
    va_list args;
    va_start(args, form);
    vsnprintf(line, sizeof line, form, args);
    va_end(args);
    s->trace = fnv64(s->trace, line, strlen(line));
    if (s->verbose)
        print_line(s, line);
}

void sim_fail(struct sim *s, const char *form, ...)
{
    if (s->failed)
        return;
    va_list args;
    va_start(args, form);
    vsnprintf(s->failure, sizeof s->failure, form, args);
    va_end(args);
    s->failed = true;
    if (s->verbose)
        print_line(s, s->failure);
}

static void canary_set(struct canary *c, const char *what, bool passes, const void *bytes,
                       size_t len)
{
    assert(len >= CANARY_MIN_BYTES);
    *c = (struct canary){.what = what, .passes = passes};
    c->len = len < sizeof c->bytes ? len : sizeof c->bytes;
    memcpy(c->bytes, bytes, c->len);
}

void sim_canary(struct sim *s, const char *what, const void *bytes, size_t len)
{
    canary_set(&s->canaries[s->canary_next++ % CANARIES_MAX], what, false, bytes, len);
    if (s->canary_count < CANARIES_MAX)
        s->canary_count++;
}

void sim_canary_lasting(struct sim *s, const char *what, bool passes, const void *bytes, size_t len)
{
    if (s->lasting_count < CANARIES_MAX)
        canary_set(&s->lasting[s->lasting_count++], what, passes, bytes, len);
}
