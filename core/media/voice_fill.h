// SPDX-License-Identifier: Apache-2.0
// Fills a cell with voice to its last byte: this tick's frame, and what helps most against the loss
// that the far end reports. The size of a cell and when it leaves never depend on it.
//
// A cell may stand for several ticks (its span, wire/cell.h): then it has the frames of all of
// them. A frame is one of 20 ms in any case: one of 60 ms in the same bytes sounds no better, and
// is lost as a whole (docs/VOICE.md).
//
// Of span 1:
//
//             with history (DRED) at both ends         without
//   calm      the frame at a high rate, history        the frame, a copy of the one before
//   loss      the frame, a copy of the one before      the same
//   heavy     the frame, copies of the two before      the same
//   bursts    the frame, history over some 500 ms      the frame, a copy of the one as many cells
//                                                      before as two bursts have
//
// A copy is the same 20 ms encoded once more, in fewer bytes (voice_encode_copy).
//
// Of span 2 history in the first frame, or under loss a copy of one frame of the cell before. Of
// span 3 three frames, and the same under loss at the cost of their quality. Heavy loss is as loss.
//
// A report only chooses among these: one that lies spoils nothing but what its own sender hears.
#ifndef SOTTO_MEDIA_VOICE_FILL_H
#define SOTTO_MEDIA_VOICE_FILL_H

#include "media/loss_meter.h"
#include "media/voice.h"
#include "wire/cell.h"

#define VOICE_FILL_COPIES 2
#define VOICE_FILL_KEPT   16                    // frames back, for copies
#define VOICE_FILL_SLOTS  (VOICE_FILL_KEPT + 1) // and the present one

enum voice_mode {
    VOICE_CALM,
    VOICE_LOSS,
    VOICE_HEAVY,
    VOICE_BURSTS,
    VOICE_PLAIN, // as version 0.1 sent: 60 bytes, nothing else; for measurements
};

struct voice_packet {
    uint8_t len; // 0: none
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
};

struct voice_fill {
    enum voice_mode mode;
    bool fixed;   // the mode stays as it is
    bool history; // both ends can do with it
    uint8_t burst_ticks;
    unsigned span;     // of the cell that is being made
    bool open;         // it was begun
    unsigned early;    // frames of it that are encoded: the last span - 1 at most
    size_t early_room; // for all frames, without item overheads
    struct voice_packet own[CELL_SPAN_MAX - 1];   // these frames
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES]; // of the last cell
    uint64_t kept_count;
    struct voice_packet kept[VOICE_FILL_SLOTS]; // for copies
};

void voice_fill_init(struct voice_fill *f); // calm, without history
void voice_fill_wipe(struct voice_fill *f);
// What the far end receives.
void voice_fill_report(struct voice_fill *f, struct loss_view seen);
// Plaintext bytes that voice wants in a cell of this span; a piece of the control stream takes the
// rest.
size_t voice_fill_reserve(unsigned span);
// A cell of that span begins, in which voice will have `room` bytes (item overheads included; at
// least voice_fill_reserve), or more in the end.
void voice_fill_begin(struct voice_fill *f, unsigned span, size_t room);
// Ticks of the cell that are still to come, the present one included; 0: begin one.
unsigned voice_fill_left(const struct voice_fill *f);
// Gives up a cell that was begun; nothing: none was. What was said before is not copied any more.
void voice_fill_drop(struct voice_fill *f);
// The frame of a tick that is not the cell's last. 0 or SOTTO_ECRYPTO: the cell goes without it.
int voice_fill_frame(struct voice_fill *f, struct sotto_voice_encoder *e,
                     const int16_t pcm[SOTTO_FRAME_SAMPLES]);
// The last one, in the room that there is now: adds the cell's frames to content as `voice` and
// `earlier`, in `room` bytes at most. They come first: when there is less room, redundancy gives
// way. Not begun: a cell of span 1. content borrows from f until the next call. 0 or SOTTO_ECRYPTO
// (nothing is added).
int voice_fill_cell(struct voice_fill *f, struct sotto_voice_encoder *e,
                    const int16_t pcm[SOTTO_FRAME_SAMPLES], size_t room,
                    struct cell_content *content);

#endif
