// SPDX-License-Identifier: Apache-2.0
// Deadlines in a binary heap. A timer lives inside the struct it belongs to; room for it is
// reserved when that struct is made, so that setting it cannot fail.
#ifndef SOTTO_RELAY_TIMERS_H
#define SOTTO_RELAY_TIMERS_H

#include <sotto/base.h>

enum timer_kind {
    TIMER_HELLO,
    TIMER_CIRCUIT,
    TIMER_PLACE
};

struct timer {
    sotto_ns due_ns;
    uint32_t at; // place in the heap plus one; 0: not set
    enum timer_kind kind;
};

struct timers {
    const struct sotto_env *env;
    struct timer **heap;
    uint32_t count;
    uint32_t reserved;
    uint32_t capacity;
};

void timers_init(struct timers *t, const struct sotto_env *env);
void timers_deinit(struct timers *t);
// Room for one more timer, until timers_release. 0 or SOTTO_ENOMEM.
int timers_reserve(struct timers *t);
void timers_release(struct timers *t);

// Sets, or moves, a timer. There must be room reserved for it.
void timers_set(struct timers *t, struct timer *timer, sotto_ns due_ns);
// No effect if it is not set.
void timers_cancel(struct timers *t, struct timer *timer);
// The earliest timer; NULL if none is set.
struct timer *timers_first(const struct timers *t);

#endif
