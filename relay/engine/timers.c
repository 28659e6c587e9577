// SPDX-License-Identifier: Apache-2.0
#include "engine/timers.h"

#include <assert.h>

#define CAPACITY_MIN 64

void timers_init(struct timers *t, const struct sotto_env *env)
{
    *t = (struct timers){.env = env};
}

void timers_deinit(struct timers *t)
{
    if (t->heap != NULL)
        t->env->realloc(t->heap, 0, t->env->user);
    *t = (struct timers){.env = t->env};
}

int timers_reserve(struct timers *t)
{
    if (t->reserved == t->capacity) {
        uint32_t capacity = t->capacity == 0 ? CAPACITY_MIN : t->capacity * 2;
        struct timer **heap = t->env->realloc(t->heap, capacity * sizeof *heap, t->env->user);
        if (heap == NULL)
            return SOTTO_ENOMEM;
        t->heap = heap;
        t->capacity = capacity;
    }
    t->reserved++;
    return 0;
}

void timers_release(struct timers *t)
{
    assert(t->reserved > t->count);
    t->reserved--;
}

static void put(struct timers *t, uint32_t at, struct timer *timer)
{
    t->heap[at] = timer;
    timer->at = at + 1;
}

static void sift_up(struct timers *t, uint32_t at)
{
    struct timer *timer = t->heap[at];
    while (at > 0 && t->heap[(at - 1) / 2]->due_ns > timer->due_ns) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, timer);
}

static void sift_down(struct timers *t, uint32_t at)
{
    struct timer *timer = t->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < t->count && t->heap[child + 1]->due_ns < t->heap[child]->due_ns)
            child++;
        if (child >= t->count || t->heap[child]->due_ns >= timer->due_ns)
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, timer);
}

void timers_set(struct timers *t, struct timer *timer, sotto_ns due_ns)
{
    if (timer->at == 0) {
        assert(t->count < t->reserved);
        put(t, t->count++, timer);
    }
    timer->due_ns = due_ns;
    sift_up(t, timer->at - 1);
    sift_down(t, timer->at - 1);
}

void timers_cancel(struct timers *t, struct timer *timer)
{
    if (timer->at == 0)
        return;
    uint32_t at = timer->at - 1;
    struct timer *last = t->heap[--t->count];
    timer->at = 0;
    if (last == timer)
        return;
    put(t, at, last);
    sift_up(t, at);
    sift_down(t, last->at - 1);
}

struct timer *timers_first(const struct timers *t)
{
    return t->count == 0 ? NULL : t->heap[0];
}
