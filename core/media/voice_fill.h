// SPDX-License-Identifier: Apache-2.0
// Fills a cell with voice to its last byte: this tick's frame, and what helps most against the loss
// that the far end reports. The size of a cell and when it leaves never depend on it.
//
//             with history (DRED) at both ends         without
//   calm      the frame at a high rate, history        the frame, a copy of the one before
//   loss      the frame, a copy of the one before,     the frame, copies of the two before
//             history over some 400 ms
//   bursts    the frame, history over some 500 ms      the frame, a copy of the one as many cells
//                                                      before as two bursts have
//
// A report only chooses among these: one that lies spoils nothing but what its own sender hears.
#ifndef SOTTO_MEDIA_VOICE_FILL_H
#define SOTTO_MEDIA_VOICE_FILL_H

#include "media/loss_meter.h"
#include "media/voice.h"
#include "wire/cell.h"

#define VOICE_FILL_COPIES 2
#define VOICE_FILL_KEPT   16 // frames, for copies

enum voice_mode {
    VOICE_CALM,
    VOICE_LOSS,
    VOICE_BURSTS,
    VOICE_PLAIN, // as version 0.1 sent: 60 bytes, nothing else; for measurements
};

struct voice_fill {
    enum voice_mode mode;
    bool fixed;   // the mode stays as it is
    bool history; // both ends can do with it
    uint8_t burst_cells;
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES]; // of the last cell
    size_t packet_len;
    uint64_t kept_count;
    struct {
        uint8_t len; // without padding and history; 0: none
        uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    } kept[VOICE_FILL_KEPT];
};

void voice_fill_init(struct voice_fill *f); // calm, without history
void voice_fill_wipe(struct voice_fill *f);
// What the far end receives.
void voice_fill_report(struct voice_fill *f, struct loss_view seen);
// Plaintext bytes that voice wants in this cell; a piece of the control stream takes the rest.
size_t voice_fill_reserve(void);
// Encodes the frame and adds `voice` and `earlier` to content, in `room` bytes at most (item
// overheads included; at least voice_fill_reserve). The frame comes first: when there is less room,
// redundancy gives way. content borrows from f until the next call. 0 or SOTTO_ECRYPTO.
int voice_fill_cell(struct voice_fill *f, struct sotto_voice_encoder *e,
                    const int16_t pcm[SOTTO_FRAME_SAMPLES], size_t room,
                    struct cell_content *content);

#endif
