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
#define ACK_BYTES       (CELL_ITEM_OVERHEAD + 4)
#define TICK_NS         (20 * SOTTO_NS_PER_MS)
#define WORD_BITS       64

static_assert((CTL_BUFFER_BYTES & (CTL_BUFFER_BYTES - 1)) == 0, "indices are masked");
static_assert(PIECE_MAX_BYTES <= ITEM_MAX_BYTES, "a piece is one item");
static_assert(CTL_WINDOW_BYTES % WORD_BITS == 0, "whole words");
static_assert(CTL_MESSAGE_MAX_BYTES <= UINT16_MAX, "the length prefix holds it");
static_assert(LENGTH_BYTES + CTL_MESSAGE_MAX_BYTES + CTL_WINDOW_BYTES <= CTL_BUFFER_BYTES,
              "a message of any length becomes whole before the buffer is full");

// Byte `offset` of a stream lives at offset mod CTL_BUFFER_BYTES.
struct ring {
    uint8_t bytes[CTL_BUFFER_BYTES];
};

// acked <= next <= sent <= end. Between next and sent lies what a timeout made us send again.
struct sender {
    uint64_t acked; // the peer has everything before it
    uint64_t next;  // goes out next
    uint64_t sent;  // everything before it went out at least once
    uint64_t end;   // everything before it was queued
    uint64_t last;  // where the last new piece began
    bool copied;    // that piece went out a second time
    sotto_ns since; // the timer: last progress, or last going back
    struct ring ring;
};

// taken <= framed; taken <= whole. Beyond `whole` there are bytes with gaps before them: their
// bits are set in `early`.
struct receiver {
    uint64_t taken;  // everything before it was handed out
    uint64_t whole;  // everything before it has come
    uint64_t framed; // start of the first message whose length is not known yet
    bool heard;
    sotto_ns heard_at;
    uint64_t early[CTL_WINDOW_BYTES / WORD_BITS]; // byte offset mod CTL_WINDOW_BYTES
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
    tx->acked = tx->next = tx->sent = tx->end = tx->last = offset;
    rx->taken = rx->whole = rx->framed = offset;
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

static sotto_ns retransmit_after(sotto_ns rtt_ns)
{
    if (rtt_ns >= CTL_RETRANSMIT_MAX_NS) {
        return CTL_RETRANSMIT_MAX_NS;
    }
    sotto_ns after = rtt_ns + rtt_ns / 2 + TICK_NS;
    after = after < CTL_RETRANSMIT_MIN_NS ? CTL_RETRANSMIT_MIN_NS : after;
    return after > CTL_RETRANSMIT_MAX_NS ? CTL_RETRANSMIT_MAX_NS : after;
}

static void go_back_if_late(struct sender *tx, sotto_ns rtt_ns, sotto_ns now)
{
    if (tx->acked == tx->sent || now < tx->since || now - tx->since < retransmit_after(rtt_ns)) {
        return;
    }
    tx->next = tx->acked;
    tx->copied = false;
    tx->since = now;
}

// The piece to put into this cell: its offset, and its length or 0.
static size_t choose_piece(struct sender *tx, size_t room, sotto_ns now, uint64_t *offset)
{
    uint64_t window_end = tx->acked + CTL_WINDOW_BYTES;
    uint64_t limit = tx->end < window_end ? tx->end : window_end;
    if (tx->next < limit) {
        if (tx->acked == tx->sent) {
            tx->since = now; // nothing was on its way: the timer starts
        }
        size_t len = min_size(room, (size_t)(limit - tx->next));
        *offset = tx->next;
        tx->last = tx->next;
        tx->copied = false;
        tx->next += len;
        tx->sent = tx->sent > tx->next ? tx->sent : tx->next;
        return len;
    }
    // Nothing new: the last piece once more, in place of padding, so that one lost cell does not
    // cost a timeout.
    uint64_t from = tx->last > tx->acked ? tx->last : tx->acked;
    if (tx->copied || from >= tx->next) {
        return 0;
    }
    tx->copied = true;
    *offset = from;
    return min_size(room, (size_t)(tx->next - from));
}

static bool ack_due(const struct receiver *rx, sotto_ns now)
{
    return rx->heard && (now < rx->heard_at || now - rx->heard_at <= ACK_REPEAT_NS);
}

static size_t fill_ack(const struct receiver *rx, struct cell_content *c, size_t room, sotto_ns now)
{
    if (!ack_due(rx, now) || room < ACK_BYTES) {
        return room;
    }
    c->has_ack = true;
    c->ack = (uint32_t)rx->whole;
    return room - ACK_BYTES;
}

size_t ctl_stream_wants(const struct ctl_stream *s, sotto_ns now)
{
    size_t pending = ctl_stream_pending(s);
    return (ack_due(&s->rx, now) ? ACK_BYTES : 0) +
           (pending > 0 ? CELL_STREAM_OVERHEAD + pending : 0);
}

void ctl_stream_fill(struct ctl_stream *s, struct cell_content *c, size_t room, sotto_ns rtt_ns,
                     sotto_ns now)
{
    c->has_ack = false;
    c->stream = NULL;
    c->stream_len = 0;
    room = fill_ack(&s->rx, c, room, now);
    go_back_if_late(&s->tx, rtt_ns, now);
    if (room <= CELL_STREAM_OVERHEAD) {
        return;
    }
    uint64_t offset;
    size_t len =
        choose_piece(&s->tx, min_size(room - CELL_STREAM_OVERHEAD, PIECE_MAX_BYTES), now, &offset);
    if (len == 0) {
        return;
    }
    ring_read(&s->tx.ring, offset, s->piece, len);
    c->stream = s->piece;
    c->stream_len = len;
    c->stream_offset = (uint32_t)offset;
}

// ---- receiving --------------------------------------------------------------------------------

static int take_ack(struct sender *tx, uint32_t ack, sotto_ns now)
{
    if (ack > tx->sent) {
        return SOTTO_EPROTO;
    }
    if (ack <= tx->acked) {
        return 0; // from a cell that was overtaken, or nothing new
    }
    tx->acked = ack;
    tx->next = tx->next > ack ? tx->next : ack;
    tx->since = now;
    return 0;
}

static uint64_t *early_word(struct receiver *rx, uint64_t offset)
{
    return &rx->early[offset % CTL_WINDOW_BYTES / WORD_BITS];
}

static uint64_t early_bit(uint64_t offset)
{
    return UINT64_C(1) << (offset % WORD_BITS);
}

// Moves `whole` over the bytes that wait behind it.
static void close_gap(struct receiver *rx)
{
    while ((*early_word(rx, rx->whole) & early_bit(rx->whole)) != 0) {
        *early_word(rx, rx->whole) &= ~early_bit(rx->whole);
        rx->whole++;
    }
}

static void store(struct receiver *rx, uint64_t offset, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *early_word(rx, offset + i) |= early_bit(offset + i);
    }
    ring_write(&rx->ring, offset, data, len);
    close_gap(rx);
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
    if (err == 0 && c->has_ack) {
        err = take_ack(&s->tx, c->ack, now);
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
