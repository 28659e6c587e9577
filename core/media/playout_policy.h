// SPDX-License-Identifier: Apache-2.0
// What to play next, and whether playing is too early or too late. It sees which frames wait, which
// of the missing ones others tell of (media/frame_store.h), how late frames become known
// (media/delay_model.h), and the time; it knows nothing of packets and sound.
//
// Playing has a lag: how far it is behind the fastest cell. The lag that suffices is the delay
// model's target; what is above it is the excess, which the player stretches away.
//
//  - start: when the first frame has waited for the target;
//  - the frame is missing and a later one tells of it: play it from there;
//  - it is missing, nothing tells of it and a newer one is here: conceal it and go on;
//  - nothing newer is here: conceal as much as is needed now, and stay. Were the frames late, or
//  does what comes next tell of
//    them, they are played late: the lag has grown by what it lacked, and shrinks again. Were they
//    lost for good, as much as was concealed is passed over, and the lag is what it was;
//  - the lag is above DELAY_MAX_US: pass over what is too old, but for the frames of one cell.
//  Where
//    a queue before a thin link makes all come later than that, they are all that there is.
#ifndef SOTTO_MEDIA_PLAYOUT_POLICY_H
#define SOTTO_MEDIA_PLAYOUT_POLICY_H

#include "media/delay_model.h"
#include "media/frame_store.h"

#define PLAYOUT_STRAYS_MAX 10 // late frames in a row, nothing to play: the peer began anew
#define PLAYOUT_TICK_MAX   (UINT64_MAX / 4) // so that sums of ticks never wrap
// Ticks over which the excess is watched: if there is little of it, for longer.
#define PLAYOUT_PATIENCE   12
#define PLAYOUT_HASTE      5
#define PLAYOUT_MUCH_US    35000
#define PLAYOUT_WAIT_SAMPLES \
    (SOTTO_FRAME_SAMPLES / 2) // concealed at least: what Opus conceals well

struct playout_policy {
    bool heard;   // a first frame came
    bool started; // and playing began: `next` means something
    sotto_ns heard_at;
    uint64_t next;   // the tick to be played
    size_t owed;     // samples concealed while staying
    uint32_t strays; // late frames in a row
    struct delay_model delay;
    int64_t excess_us[PLAYOUT_PATIENCE]; // lately
    uint32_t watched;                    // ticks
};

enum playout_verdict {
    PLAYOUT_TAKE,    // store it
    PLAYOUT_LATE,    // its time is over
    PLAYOUT_RESTART, // store it alone: the stream goes on somewhere else
};

enum playout_action {
    PLAYOUT_IDLE,    // nothing has begun: silence
    PLAYOUT_PLAY,    // the frame of `tick`
    PLAYOUT_RECOVER, // the frame of `tick` is missing, but a later one tells of it
    PLAYOUT_CONCEAL, // the frame of `tick` is missing
    PLAYOUT_WAIT,    // nothing has come; `tick` is tried again
};

struct playout_choice {
    enum playout_action action;
    uint64_t tick;  // frames before it are of no use any more
    size_t samples; // how many: SOTTO_FRAME_SAMPLES, or, if concealed, PLAYOUT_WAIT_SAMPLES
};

void playout_policy_reset(struct playout_policy *p);
// What to do with a frame that came; ticks up to PLAYOUT_TICK_MAX. own: in its own cell, not as a
// copy in a later one.
enum playout_verdict playout_policy_admit(struct playout_policy *p, const struct frame_store *s,
                                          uint64_t tick, bool own, sotto_ns now);
// So far ahead of all that waits that admitting it would begin anew.
bool playout_policy_lies_ahead(const struct playout_policy *p, const struct frame_store *s,
                               uint64_t tick);
// Is the frame of `tick`, before the newest, still of use, missing, and told of by nobody?
bool playout_policy_lacks(const struct playout_policy *p, const struct frame_store *s,
                          uint64_t tick);
// Whether playing goes on (or begins now).
bool playout_policy_begin(struct playout_policy *p, const struct frame_store *s, sotto_ns now);
// What to decode now, behind `left` samples that are decoded and not yet played, for at least
// `need` more (1 .. SOTTO_FRAME_SAMPLES); IDLE before it has begun, also when the stream has just
// begun anew.
struct playout_choice playout_policy_next(struct playout_policy *p, const struct frame_store *s,
                                          size_t left, size_t need, sotto_ns now);
// The frame that playout_policy_next would play waits already.
bool playout_policy_ready(const struct playout_policy *p, const struct frame_store *s);
// How far playing is behind the fastest cell, of what is played now; left: samples that are decoded
// and not yet played. Never negative.
int64_t playout_policy_lag_us(const struct playout_policy *p, size_t left, sotto_ns now);
// Once a tick, as the consumer asks for `step` samples (1 .. SOTTO_FRAME_SAMPLES): how much too
// late (positive) or too early (negative) playing has been in all of the last PLAYOUT_PATIENCE
// ticks, or by PLAYOUT_MUCH_US in the last PLAYOUT_HASTE; 0: neither, or too soon to tell.
int64_t playout_policy_watch(struct playout_policy *p, size_t left, size_t step, sotto_ns now);
// What is to be played was made shorter (or, negative, longer) by so much.
void playout_policy_stretched(struct playout_policy *p, int64_t by_us);

#endif
