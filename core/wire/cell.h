// SPDX-License-Identifier: Apache-2.0
// The plaintext inside a cell: a sequence of items, then zero padding to the fixed size
// (docs/PROTOCOL.md, "Cells"). An item is: u8 type, u8 length, value; type 0 starts the padding,
// which must be all zero.
#ifndef SOTTO_WIRE_CELL_H
#define SOTTO_WIRE_CELL_H

#include "wire/cursor.h"

#define CELL_BYTES               136               // on the circuit
#define CELL_PLAINTEXT_MAX_BYTES (CELL_BYTES - 17) // SFrame's smallest header (1), tag (16)
#define CELL_ROOM_USUAL_BYTES    (CELL_PLAINTEXT_MAX_BYTES - 3) // up to cell 2^24, 93 hours
#define CELL_EARLIER_MAX         4                              // earlier frames in one cell
#define CELL_DISTANCE_MAX        127                            // of an earlier frame, in ticks
#define CELL_SPAN_MAX            3 // ticks of speech that one cell carries
#define CELL_BLOCKS_MAX          2 // of an acknowledgement

enum cell_item {
    CELL_PADDING = 0,
    CELL_VOICE = 1,   // Opus packet of this cell's tick
    CELL_EARLIER = 2, // u8: own (highest bit) and distance in ticks; Opus packet of an earlier tick
    CELL_STREAM = 3,  // u32 offset, bytes of the control stream
    CELL_ACK = 4,     // u32: control stream bytes received without a gap; blocks beyond it
    CELL_REPORT = 5,  // what this side receives; see struct cell_report
};

// Bytes received behind a gap (RFC 2018 §3, its edges relative): u16 bytes between the gap's start
// and them (not 0), u16 how many (not 0).
struct cell_block {
    uint16_t after;
    uint16_t len;
};

#define CELL_REPORT_BYTES   18
#define CELL_PLAYOUT_MAX_MS 0x7ff
// Item CELL_REPORT.
struct cell_report {
    uint64_t highest_ctr; // newest cell counter received
    uint16_t held_ms;     // how long ago that was, at sending: the peer gets the round trip
    uint32_t received;    // cells received so far
    uint8_t loss;         // share of the cells lost lately, of 255
    uint8_t burst;        // mean cells lost in a row, in quarters
    bool history;         // understands DRED in voice packets
    uint8_t wish;         // span that it asks the peer's cells to have; 0: knows of no spans
    uint8_t span;         // that its own cells have, or will soon have; 0 likewise
    uint16_t playout_ms;  // present playout delay, up to CELL_PLAYOUT_MAX_MS
};

// A cell of span k stands for k ticks, its own and the k - 1 before, which have no cells: their
// frames are those marked `own`, at all distances from 1 to k - 1. Other earlier frames are copies.
struct cell_content {
    const uint8_t *voice; // NULL: none
    size_t voice_len;
    struct {
        bool own;
        uint8_t distance; // ticks before this cell's
        const uint8_t *packet;
        size_t len;
    } earlier[CELL_EARLIER_MAX];
    size_t earlier_count;
    const uint8_t *stream; // NULL: none
    size_t stream_len;
    uint32_t stream_offset;
    bool has_ack;
    uint32_t ack;
    struct cell_block blocks[CELL_BLOCKS_MAX]; // of the acknowledgement, in any order
    size_t block_count;
    bool has_report;
    struct cell_report report;
};

#define CELL_ITEM_OVERHEAD   2
#define CELL_STREAM_OVERHEAD (CELL_ITEM_OVERHEAD + 4)
#define CELL_ACK_BYTES       (CELL_ITEM_OVERHEAD + 4) // without blocks
#define CELL_BLOCK_BYTES     4
// Writes exactly `size` bytes (items and padding) and returns size. SOTTO_ESPACE if the items do
// not fit; SOTTO_EINVAL for content that cell_decode would refuse: an empty packet or stream piece,
// distance 0, above CELL_DISTANCE_MAX or given twice, own ones that leave out a distance or reach
// CELL_SPAN_MAX, more than CELL_EARLIER_MAX, a stream that passes 2^32 bytes, more blocks than
// CELL_BLOCKS_MAX, an empty one or without a gap, or without an acknowledgement, a playout delay
// above CELL_PLAYOUT_MAX_MS, a span above CELL_SPAN_MAX.
int cell_encode(const struct cell_content *c, uint8_t *out, size_t size);
// Ticks that it stands for: 1 .. CELL_SPAN_MAX.
unsigned cell_span(const struct cell_content *c);
// Plaintext bytes that `stream` and `ack` take.
size_t cell_control_bytes(const struct cell_content *c);
// Borrows from data. SOTTO_EPARSE (c unchanged) for anything not exactly as above, unknown or
// repeated items included.
int cell_decode(struct cell_content *c, const uint8_t *data, size_t len);

#endif
