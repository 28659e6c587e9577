// SPDX-License-Identifier: Apache-2.0
#include "media/frame_store.h"

#include <assert.h>
#include <string.h>

static_assert((FRAME_STORE_SLOTS & (FRAME_STORE_SLOTS - 1)) == 0, "indices are masked");
static_assert(SOTTO_VOICE_PACKET_MAX_BYTES <= UINT8_MAX, "a length is one byte");

static size_t slot_of(uint64_t tick)
{
    return (size_t)(tick & (FRAME_STORE_SLOTS - 1));
}

void frame_store_clear(struct frame_store *s)
{
    sotto_wipe(s, sizeof *s);
}

void frame_store_put(struct frame_store *s, uint64_t tick, const uint8_t *packet, uint8_t len,
                     sotto_ns now)
{
    assert(len <= SOTTO_VOICE_PACKET_MAX_BYTES);
    assert(!s->any || tick + FRAME_STORE_SLOTS > s->newest);
    struct stored_frame *f = &s->slots[slot_of(tick)];
    s->waiting += f->waiting ? 0 : 1;
    f->tick = tick;
    f->known = true;
    f->waiting = true;
    f->copy = false;
    f->reach = 0;
    f->len = len;
    f->arrived = now;
    memcpy(f->packet, packet, len);
    if (!s->any || tick > s->newest) {
        s->newest = tick;
    }
    s->any = true;
}

void frame_store_mark(struct frame_store *s, uint64_t tick, bool copy, uint8_t reach)
{
    struct stored_frame *f = &s->slots[slot_of(tick)];
    assert(f->waiting && f->tick == tick);
    f->copy = copy;
    f->reach = reach;
}

const struct stored_frame *frame_store_teller(const struct frame_store *s, uint64_t tick)
{
    if (!s->any) {
        return NULL;
    }
    for (uint64_t t = tick + 1; t <= s->newest && t - tick < FRAME_STORE_SLOTS; t++) {
        const struct stored_frame *f = frame_store_find(s, t);
        if (f != NULL && f->reach >= t - tick) {
            return f;
        }
    }
    return NULL;
}

bool frame_store_knows(const struct frame_store *s, uint64_t tick)
{
    const struct stored_frame *f = &s->slots[slot_of(tick)];
    return f->known && f->tick == tick;
}

const struct stored_frame *frame_store_find(const struct frame_store *s, uint64_t tick)
{
    const struct stored_frame *f = &s->slots[slot_of(tick)];
    return f->waiting && f->tick == tick ? f : NULL;
}

void frame_store_drop(struct frame_store *s, uint64_t tick)
{
    struct stored_frame *f = &s->slots[slot_of(tick)];
    if (f->waiting && f->tick == tick) {
        f->waiting = false;
        s->waiting--;
        sotto_wipe(f->packet, sizeof f->packet);
    }
}
