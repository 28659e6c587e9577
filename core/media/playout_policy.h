// SPDX-License-Identifier: Apache-2.0
// When to play, conceal, wait or skip. It sees which frames wait (media/frame_store.h) and the
// time; it knows nothing of packets and sound, so that another policy can take its place.
//
// Depth is counted when a frame is asked for: newest tick - tick to be played + 1. A depth of
// SOTTO_PLAYOUT_TARGET_FRAMES (2) therefore means that the frame played came 20 to 40 ms ago,
// depending on how the consumer's clock lies to the arrivals: a delay of at most 40 ms without
// jitter, and room for 20 ms of jitter at the least.
//
//  - start: one tick after the first frame came, SOTTO_PLAYOUT_TARGET_FRAMES deep;
//  - a frame is missing and a newer one is here: conceal it and go on;
//  - nothing newer is here: conceal, and stay. Were the frames only late, the buffer is now deeper
//    by what it lacked. Were they lost, their time is over already: as many missing ticks as were
//    concealed are passed over, and the depth is what it was;
//  - deeper than the target for PLAYOUT_SHRINK_TICKS (sooner, the deeper): skip a frame, a quiet or
//    missing one if there is one within PLAYOUT_QUIET_WAIT_TICKS more;
//  - deeper than PLAYOUT_DEPTH_MAX_FRAMES: drop down to it at once.
#ifndef SOTTO_MEDIA_PLAYOUT_POLICY_H
#define SOTTO_MEDIA_PLAYOUT_POLICY_H

#include "media/frame_store.h"

#define PLAYOUT_DEPTH_MAX_FRAMES 12  // 240 ms
#define PLAYOUT_SHRINK_TICKS     100 // 2 s, divided by the frames above the target
#define PLAYOUT_QUIET_WAIT_TICKS 50  // 1 s, divided likewise
#define PLAYOUT_STRAYS_MAX       10  // late frames in a row, nothing to play: the peer began anew
#define PLAYOUT_TICK_MAX         (UINT64_MAX / 4) // so that sums of ticks never wrap

struct playout_policy {
    bool heard;   // a first frame came
    bool started; // and playing began: `next` means something
    sotto_ns heard_at;
    uint64_t next;   // the tick to be played
    uint32_t owed;   // ticks concealed while staying
    uint32_t strays; // late frames in a row
    uint32_t above;  // ticks in a row deeper than the target
    uint32_t excess; // by how many frames at least
};

enum playout_verdict {
    PLAYOUT_TAKE,    // store it
    PLAYOUT_LATE,    // its time is over
    PLAYOUT_RESTART, // store it alone: the stream goes on somewhere else
};

enum playout_action {
    PLAYOUT_IDLE,    // nothing has begun: silence
    PLAYOUT_PLAY,    // the frame of `tick`
    PLAYOUT_CONCEAL, // the frame of `tick` is missing
    PLAYOUT_WAIT,    // nothing has come; `tick` is tried again
};

enum playout_skip {
    PLAYOUT_SKIP_NO,
    PLAYOUT_SKIP_IF_QUIET, // play tick + 1 instead, if the frame of `tick` is quiet
    PLAYOUT_SKIP_NOW,
};

struct playout_choice {
    enum playout_action action;
    enum playout_skip skip; // other than NO only if the frame of tick + 1 waits
    uint64_t tick;          // frames before it are of no use any more
};

void playout_policy_reset(struct playout_policy *p);
// What to do with a frame that came; ticks up to PLAYOUT_TICK_MAX.
enum playout_verdict playout_policy_admit(struct playout_policy *p, const struct frame_store *s,
                                          uint64_t tick, sotto_ns now);
// What to play now; once a tick of the consumer.
struct playout_choice playout_policy_next(struct playout_policy *p, const struct frame_store *s,
                                          sotto_ns now);
// The last choice's skip was used: its tick + 1 has been played.
void playout_policy_skipped(struct playout_policy *p);

#endif
