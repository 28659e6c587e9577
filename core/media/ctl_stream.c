// SPDX-License-Identifier: Apache-2.0
#include "media/ctl_stream.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define LENGTH_BYTES    2                    // before each message
#define STREAM_END      UINT32_MAX           // offsets are u32 and never wrap: the last byte's end
#define ACK_REPEAT_NS   (2 * SOTTO_NS_PER_S) // acks ride in every cell this long after data came
#define ITEM_MAX_BYTES  (UINT8_MAX - 4)      // stream bytes that one item can hold
#define PIECE_MAX_BYTES CELL_PLAINTEXT_MAX_BYTES
#define REORDER_NS      (60 * SOTTO_NS_PER_MS) // three cells
#define WORD_BITS       64

static_assert((CTL_BUFFER_BYTES & (CTL_BUFFER_BYTES - 1)) == 0, "indices are masked");
static_assert(PIECE_MAX_BYTES <= ITEM_MAX_BYTES, "a piece is one item");
static_assert(CTL_WINDOW_BYTES % WORD_BITS == 0, "whole words");
static_assert(CTL_WINDOW_BYTES <= UINT16_MAX, "blocks hold it");
static_assert(CELL_BLOCKS_MAX == 2, "the newest, and one in turn");
static_assert(CTL_MESSAGE_MAX_BYTES <= UINT16_MAX, "the length prefix holds it");
static_assert(LENGTH_BYTES + CTL_MESSAGE_MAX_BYTES + CTL_WINDOW_BYTES <= CTL_BUFFER_BYTES,
              "a message of any length becomes whole before the buffer is full");

// Byte `offset` of a stream lives at offset mod CTL_BUFFER_BYTES.
struct ring {
    uint8_t bytes[CTL_BUFFER_BYTES];
};

// A bit for each byte of a window, at its offset mod CTL_WINDOW_BYTES.
struct map {
    uint64_t words[CTL_WINDOW_BYTES / WORD_BITS];
};

// acked <= sent <= end; sent <= acked + CTL_WINDOW_BYTES. The maps are of the bytes from acked to
// sent, and clear elsewhere.
struct sender {
    uint64_t acked;                     // the peer has everything before it
    uint64_t sent;                      // everything before it went out at least once
    uint64_t end;                       // everything before it was queued
    struct map has;                     // the peer has it, behind a gap
    struct map spare;                   // goes out once more when there is nothing else
    uint32_t sent_ms[CTL_WINDOW_BYTES]; // when a byte of the window went out last
    bool heard;                         // a cell of the peer has come,
    uint32_t heard_ms;                  // the last one then, whatever was in it
    struct ring ring;
};

// taken <= framed; taken <= whole <= beyond <= whole + CTL_WINDOW_BYTES.
struct receiver {
    uint64_t taken;  // everything before it was handed out
    uint64_t whole;  // everything before it has come
    uint64_t beyond; // nothing from here on has come
    uint64_t framed; // start of the first message whose length is not known yet
    uint64_t newest; // where the piece that came last began
    uint64_t told;   // acknowledgements named what came up to here; the next one goes on
    bool heard;
    sotto_ns heard_at;
    struct map early; // has come, behind a gap
    struct ring ring;
};

struct ctl_stream {
    const struct sotto_env *env;
    bool broken; // the peer broke the protocol: nothing is taken any more
    struct sender tx;
    struct receiver rx;
    uint8_t piece[PIECE_MAX_BYTES];
};

// ---- ring -------------------------------------------------------------------------------------

static size_t ring_index(uint64_t offset)
{
    return (size_t)(offset & (CTL_BUFFER_BYTES - 1));
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void ring_write(struct ring *r, uint64_t offset, const uint8_t *data, size_t len)
{
    size_t at = ring_index(offset);
    size_t first = min_size(len, CTL_BUFFER_BYTES - at);
    memcpy(r->bytes + at, data, first);
    memcpy(r->bytes, data + first, len - first);
}

static void ring_read(const struct ring *r, uint64_t offset, uint8_t *out, size_t len)
{
    size_t at = ring_index(offset);
    size_t first = min_size(len, CTL_BUFFER_BYTES - at);
    memcpy(out, r->bytes + at, first);
    memcpy(out + first, r->bytes, len - first);
}

static size_t read_length(const struct ring *r, uint64_t offset)
{
    uint8_t bytes[LENGTH_BYTES];
    ring_read(r, offset, bytes, sizeof bytes);
    return (size_t)(bytes[0] << 8 | bytes[1]);
}

// ---- map --------------------------------------------------------------------------------------

static bool map_get(const struct map *m, uint64_t offset)
{
    size_t i = (size_t)(offset % CTL_WINDOW_BYTES);
    return (m->words[i / WORD_BITS] >> (i % WORD_BITS) & 1) != 0;
}

static void map_put(struct map *m, uint64_t from, uint64_t end, bool value)
{
    for (uint64_t at = from; at < end; at++) {
        size_t i = (size_t)(at % CTL_WINDOW_BYTES);
        uint64_t bit = UINT64_C(1) << (i % WORD_BITS), *word = &m->words[i / WORD_BITS];
        *word = value ? *word | bit : *word & ~bit;
    }
}

// The first byte from `from` on whose bit is `value`, or `end`.
static uint64_t map_find(const struct map *m, uint64_t from, uint64_t end, bool value)
{
    while (from < end && map_get(m, from) != value) {
        from++;
    }
    return from;
}

// ---- life -------------------------------------------------------------------------------------

int ctl_stream_new(struct ctl_stream **out, const struct sotto_env *env)
{
    return ctl_stream_new_at(out, env, 0);
}

int ctl_stream_new_at(struct ctl_stream **out, const struct sotto_env *env, uint32_t offset)
{
    struct ctl_stream *s = mem_alloc(env, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->env = env;
    struct sender *tx = &s->tx;
    struct receiver *rx = &s->rx;
    tx->acked = tx->sent = tx->end = offset;
    rx->taken = rx->whole = rx->beyond = rx->framed = rx->newest = rx->told = offset;
    *out = s;
    return 0;
}

void ctl_stream_free(struct ctl_stream *s)
{
    if (s != NULL) {
        mem_free_secret(s->env, s, sizeof *s);
    }
}

// ---- sending ----------------------------------------------------------------------------------

int ctl_stream_send(struct ctl_stream *s, const uint8_t *msg, size_t len)
{
    struct sender *tx = &s->tx;
    if (len == 0 || len > CTL_MESSAGE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    size_t need = LENGTH_BYTES + len;
    if (need > CTL_BUFFER_BYTES - (tx->end - tx->acked) || need > STREAM_END - tx->end) {
        return SOTTO_ELIMIT;
    }
    const uint8_t length[LENGTH_BYTES] = {(uint8_t)(len >> 8), (uint8_t)len};
    ring_write(&tx->ring, tx->end, length, sizeof length);
    ring_write(&tx->ring, tx->end + LENGTH_BYTES, msg, len);
    tx->end += need;
    return 0;
}

size_t ctl_stream_pending(const struct ctl_stream *s)
{
    return (size_t)(s->tx.end - s->tx.acked);
}

// RFC 9002 §6.1: 9/8 of a round trip, and three cells, since cells overtake each other.
static sotto_ns retransmit_after(sotto_ns rtt_ns)
{
    if (rtt_ns >= CTL_RETRANSMIT_MAX_NS) {
        return CTL_RETRANSMIT_MAX_NS;
    }
    sotto_ns after = rtt_ns + rtt_ns / 8 + REORDER_NS;
    after = after < CTL_RETRANSMIT_MIN_NS ? CTL_RETRANSMIT_MIN_NS : after;
    return after > CTL_RETRANSMIT_MAX_NS ? CTL_RETRANSMIT_MAX_NS : after;
}

static uint32_t to_ms(sotto_ns t)
{
    return (uint32_t)(t / SOTTO_NS_PER_MS);
}

// The time, and that in which an acknowledgement comes if nothing is lost.
struct timer {
    uint32_t now_ms, after_ms;
};

// The peer does not have it, and its cells say so by now, or have not come for as long again.
static bool late(const struct sender *tx, uint64_t offset, struct timer t)
{
    uint32_t sent_ms = tx->sent_ms[offset % CTL_WINDOW_BYTES];
    int32_t age = (int32_t)(t.now_ms - sent_ms), told = (int32_t)(tx->heard_ms - sent_ms);
    int32_t after = (int32_t)t.after_ms;
    return !map_get(&tx->has, offset) && ((tx->heard && told >= after) || age >= 2 * after);
}

// Bytes of the stream, `end` not included.
struct piece {
    uint64_t from, end;
};

static struct piece late_piece(const struct sender *tx, size_t room, struct timer t)
{
    struct piece p = {tx->acked, tx->acked};
    while (p.from < tx->sent && !late(tx, p.from, t)) {
        p.from++;
    }
    p.end = p.from;
    while (p.end < tx->sent && p.end - p.from < room && late(tx, p.end, t)) {
        p.end++;
    }
    return p;
}

static struct piece new_piece(const struct sender *tx, size_t room)
{
    uint64_t window_end = tx->acked + CTL_WINDOW_BYTES;
    uint64_t limit = tx->end < window_end ? tx->end : window_end;
    return (struct piece){tx->sent, tx->sent + min_size(room, (size_t)(limit - tx->sent))};
}

static struct piece spare_piece(const struct sender *tx, size_t room)
{
    uint64_t from = map_find(&tx->spare, tx->acked, tx->sent, true);
    uint64_t most = from + min_size(room, (size_t)(tx->sent - from));
    return (struct piece){from, map_find(&tx->spare, from, most, false)};
}

// What to put into this cell; empty: nothing. What was late, and what nothing follows, goes out
// once more in place of padding, so that one lost cell does not cost a round trip.
static struct piece choose_piece(const struct sender *tx, size_t room, struct timer t, bool *spare)
{
    struct piece p = late_piece(tx, room, t);
    *spare = true;
    if (p.from < p.end) {
        return p;
    }
    p = new_piece(tx, room);
    *spare = p.end == tx->end;
    if (p.from < p.end) {
        return p;
    }
    *spare = false;
    return spare_piece(tx, room);
}

static void note_sent(struct sender *tx, struct piece p, bool spare, struct timer t)
{
    map_put(&tx->spare, p.from, p.end, spare);
    for (uint64_t at = p.from; at < p.end; at++) {
        tx->sent_ms[at % CTL_WINDOW_BYTES] = t.now_ms;
    }
    tx->sent = tx->sent > p.end ? tx->sent : p.end;
}

static bool ack_due(const struct receiver *rx, sotto_ns now)
{
    return rx->heard && (now < rx->heard_at || now - rx->heard_at <= ACK_REPEAT_NS);
}

// As run_behind, without the way round.
static struct piece next_run(const struct receiver *rx, uint64_t from)
{
    from = map_find(&rx->early, from > rx->whole ? from : rx->whole, rx->beyond, true);
    struct piece run = {from, map_find(&rx->early, from, rx->beyond, false)};
    while (run.from < run.end && map_get(&rx->early, run.from - 1)) {
        run.from--;
    }
    return run;
}

// The first run of early bytes that ends behind `from`, or else the first; empty: there is none.
static struct piece run_behind(const struct receiver *rx, uint64_t from)
{
    struct piece run = next_run(rx, from);
    return run.from < run.end ? run : next_run(rx, rx->whole);
}

static void add_block(struct cell_content *c, struct piece run)
{
    c->blocks[c->block_count++] = (struct cell_block){
        .after = (uint16_t)(run.from - c->ack),
        .len = (uint16_t)(run.end - run.from),
    };
}

// The newest run first, as in RFC 2018 §4; then another one, from cell to cell the next.
static size_t fill_blocks(struct receiver *rx, struct cell_content *c, size_t room)
{
    size_t most = min_size(CELL_BLOCKS_MAX, room / CELL_BLOCK_BYTES);
    struct piece newest = run_behind(rx, rx->newest);
    if (most == 0 || newest.from == newest.end) {
        return room;
    }
    add_block(c, newest);
    struct piece other = run_behind(rx, rx->told);
    if (other.from == newest.from) {
        other = run_behind(rx, other.end);
    }
    rx->told = other.end;
    if (most > 1 && other.from != newest.from) {
        add_block(c, other);
    }
    return room - c->block_count * CELL_BLOCK_BYTES;
}

static size_t fill_ack(struct receiver *rx, struct cell_content *c, size_t room, sotto_ns now)
{
    if (!ack_due(rx, now) || room < CELL_ACK_BYTES) {
        return room;
    }
    c->has_ack = true;
    c->ack = (uint32_t)rx->whole;
    return fill_blocks(rx, c, room - CELL_ACK_BYTES);
}

size_t ctl_stream_wants(const struct ctl_stream *s, sotto_ns now)
{
    const struct receiver *rx = &s->rx;
    size_t pending = ctl_stream_pending(s);
    size_t blocks = rx->beyond > rx->whole ? CELL_BLOCKS_MAX * CELL_BLOCK_BYTES : 0;
    return (ack_due(rx, now) ? CELL_ACK_BYTES + blocks : 0) +
           (pending > 0 ? CELL_STREAM_OVERHEAD + pending : 0);
}

void ctl_stream_fill(struct ctl_stream *s, struct cell_content *c, size_t room, sotto_ns rtt_ns,
                     sotto_ns now)
{
    c->has_ack = false;
    c->block_count = 0;
    c->stream = NULL;
    c->stream_len = 0;
    room = fill_ack(&s->rx, c, room, now);
    if (room <= CELL_STREAM_OVERHEAD) {
        return;
    }
    struct timer timer = {to_ms(now), to_ms(retransmit_after(rtt_ns))};
    bool spare;
    struct piece p =
        choose_piece(&s->tx, min_size(room - CELL_STREAM_OVERHEAD, PIECE_MAX_BYTES), timer, &spare);
    if (p.from == p.end) {
        return;
    }
    note_sent(&s->tx, p, spare, timer);
    size_t len = (size_t)(p.end - p.from);
    ring_read(&s->tx.ring, p.from, s->piece, len);
    c->stream = s->piece;
    c->stream_len = len;
    c->stream_offset = (uint32_t)p.from;
}

// ---- receiving --------------------------------------------------------------------------------

// What was acknowledged beyond what was sent: the peer lies.
static bool ack_valid(const struct sender *tx, const struct cell_content *c)
{
    uint64_t most = c->ack;
    for (size_t i = 0; i < c->block_count; i++) {
        uint64_t end = (uint64_t)c->ack + c->blocks[i].after + c->blocks[i].len;
        most = most > end ? most : end;
    }
    return most <= tx->sent;
}

static void take_block(struct sender *tx, uint64_t from, uint64_t end)
{
    from = from > tx->acked ? from : tx->acked;
    map_put(&tx->has, from, end, true);
    map_put(&tx->spare, from, end, false);
}

// A cell that was overtaken tells of the past; its blocks still hold.
static int take_ack(struct sender *tx, const struct cell_content *c)
{
    if (!ack_valid(tx, c)) {
        return SOTTO_EPROTO;
    }
    if (c->ack > tx->acked) {
        map_put(&tx->has, tx->acked, c->ack, false);
        map_put(&tx->spare, tx->acked, c->ack, false);
        tx->acked = c->ack;
    }
    for (size_t i = 0; i < c->block_count; i++) {
        uint64_t from = (uint64_t)c->ack + c->blocks[i].after;
        take_block(tx, from, from + c->blocks[i].len);
    }
    return 0;
}

static void store(struct receiver *rx, uint64_t offset, const uint8_t *data, size_t len)
{
    map_put(&rx->early, offset, offset + len, true);
    ring_write(&rx->ring, offset, data, len);
    rx->newest = offset;
    rx->beyond = rx->beyond > offset + len ? rx->beyond : offset + len;
    uint64_t whole = map_find(&rx->early, rx->whole, rx->beyond, false);
    map_put(&rx->early, rx->whole, whole, false);
    rx->whole = whole;
}

// Looks at the lengths of the messages that have begun.
static int check_frames(struct receiver *rx)
{
    while (rx->whole >= rx->framed + LENGTH_BYTES) {
        size_t len = read_length(&rx->ring, rx->framed);
        if (len == 0 || len > CTL_MESSAGE_MAX_BYTES) {
            return SOTTO_EPROTO;
        }
        rx->framed += LENGTH_BYTES + len;
    }
    return 0;
}

static int take_piece(struct receiver *rx, uint64_t offset, const uint8_t *data, size_t len,
                      sotto_ns now)
{
    uint64_t end = offset + len;
    if (end > rx->whole + CTL_WINDOW_BYTES || end > STREAM_END) {
        return SOTTO_EPROTO;
    }
    rx->heard = true;
    rx->heard_at = now;
    if (end > rx->taken + CTL_BUFFER_BYTES) {
        return 0; // our side reads too slowly: not acknowledged, so it comes again
    }
    if (end <= rx->whole) {
        return 0;
    }
    size_t known = offset < rx->whole ? (size_t)(rx->whole - offset) : 0;
    store(rx, offset + known, data + known, len - known);
    return check_frames(rx);
}

int ctl_stream_take(struct ctl_stream *s, const struct cell_content *c, sotto_ns now)
{
    int err = s->broken ? SOTTO_EPROTO : 0;
    s->tx.heard = true;
    s->tx.heard_ms = to_ms(now);
    if (err == 0 && c->has_ack) {
        err = take_ack(&s->tx, c);
    }
    if (err == 0 && c->stream != NULL) {
        err = take_piece(&s->rx, c->stream_offset, c->stream, c->stream_len, now);
    }
    s->broken = err != 0;
    return err;
}

int ctl_stream_receive(struct ctl_stream *s, uint8_t *out, size_t cap)
{
    struct receiver *rx = &s->rx;
    if (s->broken || rx->framed == rx->taken) {
        return 0;
    }
    size_t len = read_length(&rx->ring, rx->taken);
    if (rx->whole < rx->taken + LENGTH_BYTES + len) {
        return 0;
    }
    if (len > cap) {
        return SOTTO_ESPACE;
    }
    ring_read(&rx->ring, rx->taken + LENGTH_BYTES, out, len);
    rx->taken += LENGTH_BYTES + len;
    return (int)len;
}
