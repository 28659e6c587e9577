// SPDX-License-Identifier: Apache-2.0
// The frames that wait to be played, by tick. Storage only: when a frame is played is decided in
// media/playout_policy.h.
#ifndef SOTTO_MEDIA_FRAME_STORE_H
#define SOTTO_MEDIA_FRAME_STORE_H

#include <sotto/media.h>

#define FRAME_STORE_SLOTS SOTTO_PLAYOUT_CAPACITY_FRAMES // a power of two

struct stored_frame {
    uint64_t tick;
    bool known;    // a frame of `tick` came
    bool waiting;  // and is still here
    bool copy;     // from a later cell
    uint8_t reach; // ticks before it of which its packet tells (voice_history_reach)
    uint8_t len;
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    sotto_ns arrived;
};

struct frame_store {
    bool any; // false: nothing came since the last clear
    uint64_t newest;
    uint32_t waiting;
    struct stored_frame slots[FRAME_STORE_SLOTS];
};

void frame_store_clear(struct frame_store *s); // wipes
// Copies. The caller has refused ticks that lie FRAME_STORE_SLOTS or more below the newest, and
// cleared the store before a jump. A frame FRAME_STORE_SLOTS older is replaced.
void frame_store_put(struct frame_store *s, uint64_t tick, const uint8_t *packet, uint8_t len,
                     sotto_ns now);
// For the frame just put.
void frame_store_mark(struct frame_store *s, uint64_t tick, bool copy, uint8_t reach);
// The frame nearest after `tick` whose history tells of it, or NULL.
const struct stored_frame *frame_store_teller(const struct frame_store *s, uint64_t tick);
// A frame of this tick came, whether or not it is still here.
bool frame_store_knows(const struct frame_store *s, uint64_t tick);
// The waiting frame of this tick, or NULL.
const struct stored_frame *frame_store_find(const struct frame_store *s, uint64_t tick);
// Forgets the packet, not that it came. No frame: nothing.
void frame_store_drop(struct frame_store *s, uint64_t tick);

#endif
