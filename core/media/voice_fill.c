// SPDX-License-Identifier: Apache-2.0
#include "media/voice_fill.h"

#include <assert.h>
#include <string.h>

#define EARLIER_OVERHEAD (CELL_ITEM_OVERHEAD + 1)
// What a mode begins and ends at, in the report's units.
#define LOSS_BEGIN       5  // of 255: 2 %
#define LOSS_END         2  // 0.8 %
#define BURST_BEGIN      12 // quarters of a cell: 60 ms
#define BURST_END        8  // 40 ms; lone losses at 50 % are as long
// Parts of a cell's usual room: of two, and of three equal frames.
#define ROOM_USUAL       (CELL_PLAINTEXT_MAX_BYTES - 3) // the counter takes up to three bytes more
#define HALF_BYTES       ((ROOM_USUAL - CELL_ITEM_OVERHEAD - EARLIER_OVERHEAD) / 2)
#define THIRD_BYTES      ((ROOM_USUAL - CELL_ITEM_OVERHEAD - 2 * EARLIER_OVERHEAD) / 3)
// What voice keeps when a control message is to be sent: a good frame. Redundancy gives way, so
// that a re-key's flights are through in seconds under loss too.
#define RESERVE          (CELL_ITEM_OVERHEAD + SOTTO_VOICE_PACKET_BYTES)
#define FRAME_LEAST      40 // bytes for this frame before a copy has its place

static_assert(RESERVE + CELL_STREAM_OVERHEAD + CELL_ITEM_OVERHEAD + 4 < ROOM_USUAL,
              "a piece of the control stream and an acknowledgement find room beside it");
static_assert(VOICE_FILL_COPIES <= CELL_EARLIER_MAX, "as many as a cell may hold");

// Opus's share for history; docs/VOICE.md has what was measured.
static const unsigned history_share[] = {
    [VOICE_CALM] = 3,
    [VOICE_LOSS] = 20,
    [VOICE_BURSTS] = 25,
    [VOICE_PLAIN] = 0,
};

void voice_fill_init(struct voice_fill *f)
{
    *f = (struct voice_fill){.mode = VOICE_CALM};
}

void voice_fill_wipe(struct voice_fill *f)
{
    sotto_wipe(f, sizeof *f);
}

void voice_fill_report(struct voice_fill *f, struct loss_view seen)
{
    if (f->fixed) {
        return;
    }
    bool calm = seen.loss < (f->mode == VOICE_CALM ? LOSS_BEGIN : LOSS_END + 1);
    bool long_runs = seen.burst >= (f->mode == VOICE_BURSTS ? BURST_END : BURST_BEGIN);
    f->mode = calm ? VOICE_CALM : long_runs ? VOICE_BURSTS : VOICE_LOSS;
    f->burst_cells = (uint8_t)(seen.burst / LOSS_METER_BURST_UNITS);
    f->history = seen.history;
}

size_t voice_fill_reserve(void)
{
    return RESERVE;
}

// The packet of the last cell can be copied from now on: without its padding and history.
static void keep_last(struct voice_fill *f)
{
    size_t at = f->kept_count++ % VOICE_FILL_KEPT;
    size_t len = 0;
    if (f->packet_len > 0) {
        memcpy(f->kept[at].packet, f->packet, f->packet_len);
        len = voice_strip(f->kept[at].packet, f->packet_len);
    }
    f->kept[at].len = (uint8_t)len;
    f->packet_len = 0;
}

// The distances of the copies that belong into a cell; the first matters most.
static size_t choose_copies(const struct voice_fill *f, bool history,
                            uint8_t out[VOICE_FILL_COPIES])
{
    size_t n = 0;
    if (f->mode == VOICE_PLAIN || (history && f->mode != VOICE_LOSS)) {
        return 0;
    }
    if (f->mode == VOICE_BURSTS) {
        unsigned far = 2u * f->burst_cells;
        out[n++] = (uint8_t)(far < 2 ? 2 : far > VOICE_FILL_KEPT ? VOICE_FILL_KEPT : far);
        return n;
    }
    out[n++] = 1;
    if (!history && f->mode == VOICE_LOSS) {
        out[n++] = 2;
    }
    return n;
}

static size_t add_copies(struct voice_fill *f, bool history, size_t room,
                         struct cell_content *content)
{
    uint8_t distances[VOICE_FILL_COPIES];
    size_t count = choose_copies(f, history, distances);
    for (size_t i = 0; i < count; i++) {
        if (distances[i] > f->kept_count) {
            continue;
        }
        size_t at = (f->kept_count - distances[i]) % VOICE_FILL_KEPT;
        size_t len = f->kept[at].len, need = EARLIER_OVERHEAD + len;
        if (len == 0 || room < need + CELL_ITEM_OVERHEAD + FRAME_LEAST) {
            continue;
        }
        size_t n = content->earlier_count++;
        content->earlier[n].distance = distances[i];
        content->earlier[n].packet = f->kept[at].packet;
        content->earlier[n].len = len;
        room -= need;
    }
    return room;
}

// With history the packet takes all there is. Without, it is as long as its copies may be.
static struct voice_shape shape_for(const struct voice_fill *f, bool history, size_t bytes)
{
    size_t limit = SOTTO_VOICE_PACKET_MAX_BYTES;
    if (f->mode == VOICE_PLAIN) {
        limit = SOTTO_VOICE_PACKET_BYTES;
    } else if (!history) {
        limit = f->mode == VOICE_LOSS ? THIRD_BYTES : HALF_BYTES;
    }
    return (struct voice_shape){
        .bytes = bytes < limit ? bytes : limit,
        .history = history ? history_share[f->mode] : 0,
    };
}

int voice_fill_cell(struct voice_fill *f, struct sotto_voice_encoder *e,
                    const int16_t pcm[SOTTO_FRAME_SAMPLES], size_t room,
                    struct cell_content *content)
{
    bool history = f->history && voice_encoder_has_history(e);
    content->earlier_count = 0;
    content->voice = NULL;
    keep_last(f);
    room = add_copies(f, history, room, content);
    assert(room >= CELL_ITEM_OVERHEAD + VOICE_PACKET_MIN_BYTES);
    struct voice_shape shape = shape_for(f, history, room - CELL_ITEM_OVERHEAD);
    int err = voice_encode(e, &shape, pcm, f->packet);
    if (err != 0) {
        content->earlier_count = 0;
        return err;
    }
    content->voice = f->packet;
    content->voice_len = f->packet_len = shape.bytes;
    return 0;
}
