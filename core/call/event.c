// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "impl.h"

// Everything a driver must hear is bounded by the tables of calls, links and requests; only a
// driver that never drains can fill the queue. The oldest event that merely paints the screen
// gives way first, then the oldest.
static size_t event_victim(const struct sotto_device *d)
{
    for (size_t i = 0; i < d->event_count; i++) {
        const struct sotto_event *e = &d->events[(d->event_first + i) % SOTTO_EVENTS_MAX];
        if (e->type == SOTTO_EVENT_CALL_PATH || e->type == SOTTO_EVENT_CALL_HOLD ||
            e->type == SOTTO_EVENT_NUMBER_LEAKED)
            return i;
    }
    return 0;
}

static void event_remove(struct sotto_device *d, size_t at)
{
    for (size_t i = at; i + 1 < d->event_count; i++)
        d->events[(d->event_first + i) % SOTTO_EVENTS_MAX] =
            d->events[(d->event_first + i + 1) % SOTTO_EVENTS_MAX];
    d->event_count--;
}

struct sotto_event *event_add(struct sotto_device *d, enum sotto_event_type type)
{
    if (d->event_count == SOTTO_EVENTS_MAX)
        event_remove(d, event_victim(d));
    struct sotto_event *e = &d->events[(d->event_first + d->event_count) % SOTTO_EVENTS_MAX];
    d->event_count++;
    memset(e, 0, sizeof *e);
    e->type = type;
    return e;
}

bool sotto_device_next_event(struct sotto_device *d, struct sotto_event *out)
{
    if (d->event_count == 0)
        return false;
    struct sotto_event *e = &d->events[d->event_first];
    *out = *e;
    sotto_wipe(e, sizeof *e); // an exchange's link was in it
    d->event_first = (d->event_first + 1) % SOTTO_EVENTS_MAX;
    d->event_count--;
    if (out->type == SOTTO_EVENT_CALL_STATE && out->state == SOTTO_CALL_ENDED) {
        struct call *c = call_find(d, out->call);
        if (c)
            c->ended_told = true;
    }
    return true;
}
