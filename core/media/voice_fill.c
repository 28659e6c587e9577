// SPDX-License-Identifier: Apache-2.0
#include "media/voice_fill.h"

#include <assert.h>
#include <string.h>

#define EARLIER_OVERHEAD (CELL_ITEM_OVERHEAD + 1)
// What a mode begins and ends at, in the report's units.
#define LOSS_BEGIN       5  // of 255: 2 %
#define LOSS_END         2  // 0.8 %
#define HEAVY_BEGIN      77 // 30 %
#define HEAVY_END        51 // 20 %
#define BURST_BEGIN      10 // quarters of a cell: 50 ms
#define BURST_END        7  // 35 ms
// What each of `frames` has of a cell's usual room, beside `copies`.
#define FRAME_BYTES(frames, copies)                                                  \
    ((CELL_ROOM_USUAL_BYTES - CELL_ITEM_OVERHEAD - ((frames)-1) * EARLIER_OVERHEAD - \
      (copies) * (EARLIER_OVERHEAD + COPY_BYTES)) /                                  \
     (frames))
#define COPY_BYTES        32 // less is heard (docs/DECISIONS.md)
#define QUARTER_BYTES     ((CELL_ROOM_USUAL_BYTES - CELL_ITEM_OVERHEAD - 3 * EARLIER_OVERHEAD) / 4)
#define FRAME_LEAST       35 // bytes for this frame before a copy has its place
#define WIDEBAND_BYTES    55 // a frame of less has nothing above 8 kHz
// Of a packet with history against bursts. One byte more and libopus 1.5 spends its bits on detail
// instead of reach (compute_dred_bitrate: q0 falls where the bitrate less 12 kbit/s has 16 bits).
#define HISTORY_FAR_BYTES 111

// What voice keeps when a control message is to be sent: a good frame; two and three that can be
// understood. Redundancy gives way, so that a re-key's flights are through in seconds under loss
// too, and in half a minute through a thin link.
static const size_t reserve[] = {
    [1] = CELL_ITEM_OVERHEAD + 50,
    [2] = CELL_ITEM_OVERHEAD + EARLIER_OVERHEAD + 2 * 32,
    [3] = CELL_ITEM_OVERHEAD + 2 * EARLIER_OVERHEAD + 3 * 21,
};

static_assert(CELL_ITEM_OVERHEAD + 2 * EARLIER_OVERHEAD + 3 * 21 + CELL_STREAM_OVERHEAD +
                      CELL_ITEM_OVERHEAD + 4 + CELL_ITEM_OVERHEAD + CELL_REPORT_BYTES <
                  CELL_ROOM_USUAL_BYTES,
              "a report, a piece of the control stream and an acknowledgement find room beside it");
static_assert(VOICE_FILL_COPIES <= CELL_EARLIER_MAX, "as many as a cell may hold");
static_assert(CELL_SPAN_MAX == 3, "the tables know three spans");

// With history: what one frame has at least, and Opus's share for history in the packet that has
// it; nothing: done without. Lone losses of cells of one frame are better concealed, where copies
// do not reach, than told of late. docs/VOICE.md has what was measured.
struct plan {
    uint8_t frame, share;
};

static const struct plan plans[][CELL_SPAN_MAX + 1] = {
    [VOICE_CALM] = {[1] = {73, 4}, [2] = {40, 9}},
    [VOICE_LOSS] = {[2] = {36, 20}, [3] = {25, 25}},
    [VOICE_HEAVY] = {[2] = {36, 20}, [3] = {25, 25}},
    [VOICE_BURSTS] = {[1] = {50, 25}, [2] = {36, 20}, [3] = {25, 25}},
    [VOICE_PLAIN] = {{0}},
};
// Without: what a frame has, and what is kept of it for copies.
struct share {
    uint8_t frame, copy;
};

static const struct share shares[][CELL_SPAN_MAX + 1] = {
    [VOICE_CALM] = {[1] = {FRAME_BYTES(1, 1), COPY_BYTES},
                    [2] = {FRAME_BYTES(2, 0), 0},
                    [3] = {FRAME_BYTES(3, 0), 0}},
    [VOICE_LOSS] = {[1] = {FRAME_BYTES(1, 1), COPY_BYTES},
                    [2] = {FRAME_BYTES(2, 1), COPY_BYTES},
                    [3] = {QUARTER_BYTES, QUARTER_BYTES}},
    [VOICE_HEAVY] = {[1] = {FRAME_BYTES(1, 2), COPY_BYTES},
                     [2] = {FRAME_BYTES(2, 1), COPY_BYTES},
                     [3] = {QUARTER_BYTES, QUARTER_BYTES}},
    [VOICE_BURSTS] = {[1] = {FRAME_BYTES(1, 1), COPY_BYTES},
                      [2] = {FRAME_BYTES(2, 1), COPY_BYTES},
                      [3] = {QUARTER_BYTES, QUARTER_BYTES}},
    [VOICE_PLAIN] = {[1] = {SOTTO_VOICE_PACKET_BYTES, 0},
                     [2] = {FRAME_BYTES(2, 0), 0},
                     [3] = {FRAME_BYTES(3, 0), 0}},
};

void voice_fill_init(struct voice_fill *f)
{
    *f = (struct voice_fill){.mode = VOICE_CALM, .span = 1};
}

void voice_fill_wipe(struct voice_fill *f)
{
    sotto_wipe(f, sizeof *f);
}

static enum voice_mode choose_mode(const struct voice_fill *f, struct loss_view seen)
{
    if (seen.loss < (f->mode == VOICE_CALM ? LOSS_BEGIN : LOSS_END + 1)) {
        return VOICE_CALM;
    }
    if (seen.burst >= (f->mode == VOICE_BURSTS ? BURST_END : BURST_BEGIN) * f->span) {
        return VOICE_BURSTS;
    }
    return seen.loss < (f->mode == VOICE_HEAVY ? HEAVY_END : HEAVY_BEGIN) ? VOICE_LOSS
                                                                          : VOICE_HEAVY;
}

void voice_fill_report(struct voice_fill *f, struct loss_view seen)
{
    if (f->fixed) {
        return;
    }
    f->mode = choose_mode(f, seen);
    f->burst_ticks = (uint8_t)(seen.burst / LOSS_METER_BURST_UNITS);
    f->history = seen.history;
}

size_t voice_fill_reserve(unsigned span)
{
    assert(span > 0 && span <= CELL_SPAN_MAX);
    return reserve[span];
}

// ---- frames -----------------------------------------------------------------------------------

static bool uses_history(const struct voice_fill *f, const struct sotto_voice_encoder *e)
{
    return f->history && voice_encoder_has_history(e) && plans[f->mode][f->span].share > 0;
}

static size_t frame_bytes(const struct voice_fill *f, bool history)
{
    return history ? plans[f->mode][f->span].frame : shares[f->mode][f->span].frame;
}

// Keeps a copy of this tick for later cells, if they are to have any.
static void keep(struct voice_fill *f, struct sotto_voice_encoder *e, bool history,
                 const int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    struct voice_packet *p = &f->kept[f->kept_count++ % VOICE_FILL_SLOTS];
    size_t bytes = history ? 0 : shares[f->mode][f->span].copy;
    bool kept = bytes > 0 && voice_encode_copy(e, bytes, pcm, p->packet) == 0;
    p->len = kept ? (uint8_t)bytes : 0;
}

// History is in the first frame, so that it reaches farthest back; it has what the others leave.
// The others remember for it.
static struct voice_shape early_shape(const struct voice_fill *f, bool history)
{
    size_t usual = frame_bytes(f, history);
    size_t equal = f->early_room / f->span, bytes = usual < equal ? usual : equal;
    bool first = f->early == 0 && history;
    if (first) {
        size_t rest = f->early_room - (f->span - 1) * bytes;
        bytes = rest < SOTTO_VOICE_PACKET_MAX_BYTES ? rest : SOTTO_VOICE_PACKET_MAX_BYTES;
    }
    return (struct voice_shape){
        .bytes = bytes,
        .history = first ? plans[f->mode][f->span].share : 0,
        .remembers = history,
        .wideband = usual < WIDEBAND_BYTES,
    };
}

void voice_fill_begin(struct voice_fill *f, unsigned span, size_t room)
{
    assert(room >= voice_fill_reserve(span));
    assert(!f->open);
    f->span = span;
    f->early = 0;
    f->open = true;
    f->early_room = room - CELL_ITEM_OVERHEAD - (span - 1) * EARLIER_OVERHEAD;
}

void voice_fill_drop(struct voice_fill *f)
{
    if (f->open) { // distances would no longer be right
        sotto_wipe(f->kept, sizeof f->kept);
        f->open = false;
    }
}

unsigned voice_fill_left(const struct voice_fill *f)
{
    return f->open ? f->span - f->early : 0;
}

int voice_fill_frame(struct voice_fill *f, struct sotto_voice_encoder *e,
                     const int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    assert(voice_fill_left(f) > 1);
    bool history = uses_history(f, e);
    struct voice_shape shape = early_shape(f, history);
    struct voice_packet *own = &f->own[f->early++];
    keep(f, e, history, pcm);
    int err = voice_encode(e, &shape, pcm, own->packet);
    own->len = err == 0 ? (uint8_t)shape.bytes : 0;
    if (err == 0 && shape.history == 0) {
        own->len = (uint8_t)voice_strip(own->packet, own->len);
    }
    return err;
}

// ---- the cell ---------------------------------------------------------------------------------

// The distances of the copies that belong into a cell; the first matters most.
static size_t choose_copies(const struct voice_fill *f, bool history,
                            uint8_t out[VOICE_FILL_COPIES])
{
    size_t n = 0;
    if (f->mode == VOICE_PLAIN || history || (f->mode == VOICE_CALM && f->span > 1)) {
        return 0;
    }
    if (f->mode == VOICE_BURSTS) {
        unsigned far = 2u * f->burst_ticks, least = 2 * f->span;
        out[n++] = (uint8_t)(far < least ? least : far > VOICE_FILL_KEPT ? VOICE_FILL_KEPT : far);
        return n;
    }
    if (f->span > 1) { // one frame of the cell before, so that holes are short
        static const uint8_t inner[] = {[2] = 2, [3] = 4};
        out[n++] = inner[f->span];
        return n;
    }
    out[n++] = 1;
    if (f->mode == VOICE_HEAVY) {
        out[n++] = 2;
    }
    return n;
}

// What is left of room.
static size_t add_earlier(const struct voice_packet *p, size_t distance, bool own, size_t least,
                          size_t room, struct cell_content *content)
{
    size_t need = EARLIER_OVERHEAD + p->len;
    if (p->len == 0 || room < need + CELL_ITEM_OVERHEAD + least) {
        return room;
    }
    size_t n = content->earlier_count++;
    content->earlier[n].own = own;
    content->earlier[n].distance = (uint8_t)distance;
    content->earlier[n].packet = p->packet;
    content->earlier[n].len = p->len;
    return room - need;
}

static size_t add_own(struct voice_fill *f, size_t room, struct cell_content *content)
{
    // None beyond one that is missing: they tell how many ticks the cell stands for.
    for (size_t d = 1; d < f->span && content->earlier_count == d - 1; d++) {
        room =
            add_earlier(&f->own[f->span - 1 - d], d, true, VOICE_PACKET_MIN_BYTES, room, content);
    }
    return room;
}

static size_t add_copies(struct voice_fill *f, bool history, size_t room,
                         struct cell_content *content)
{
    uint8_t distances[VOICE_FILL_COPIES];
    size_t count = choose_copies(f, history, distances);
    size_t least = f->span == 1 ? FRAME_LEAST : frame_bytes(f, history);
    for (size_t i = 0; i < count; i++) {
        size_t at = (f->kept_count - distances[i]) % VOICE_FILL_SLOTS;
        if (distances[i] <= f->kept_count) {
            room = add_earlier(&f->kept[at], distances[i], false, least, room, content);
        }
    }
    return room;
}

// It takes all there is.
static struct voice_shape shape_for(const struct voice_fill *f, bool history, size_t bytes)
{
    size_t usual = frame_bytes(f, history), limit = SOTTO_VOICE_PACKET_MAX_BYTES;
    if (f->mode == VOICE_PLAIN) {
        limit = usual;
    } else if (history && f->mode == VOICE_BURSTS) {
        limit = HISTORY_FAR_BYTES;
    }
    return (struct voice_shape){
        .bytes = bytes < limit ? bytes : limit,
        .history = history && f->span == 1 ? plans[f->mode][1].share : 0,
        .remembers = history,
        .wideband = usual < WIDEBAND_BYTES,
    };
}

int voice_fill_cell(struct voice_fill *f, struct sotto_voice_encoder *e,
                    const int16_t pcm[SOTTO_FRAME_SAMPLES], size_t room,
                    struct cell_content *content)
{
    if (!f->open) {
        voice_fill_begin(f, 1, room);
    }
    assert(voice_fill_left(f) == 1);
    bool history = uses_history(f, e);
    content->earlier_count = 0;
    content->voice = NULL;
    f->open = false;
    room = add_own(f, room, content);
    room = add_copies(f, history, room, content);
    assert(room >= CELL_ITEM_OVERHEAD + VOICE_PACKET_MIN_BYTES);
    struct voice_shape shape = shape_for(f, history, room - CELL_ITEM_OVERHEAD);
    keep(f, e, history, pcm);
    int err = voice_encode(e, &shape, pcm, f->packet);
    if (err != 0) {
        content->earlier_count = 0;
        return err;
    }
    content->voice = f->packet;
    content->voice_len = shape.bytes;
    return 0;
}
