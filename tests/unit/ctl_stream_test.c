// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "failing_env.h"
#include "media/ctl_stream.h"
#include "prng.h"

#include <sotto/media.h>
#include <stdio.h>

#define MS   SOTTO_NS_PER_MS
#define TICK (20 * MS)
#define ROOM 80 // beside voice, in a cell

static struct ctl_stream *make(void)
{
    struct ctl_stream *s;
    assert_int_equal(ctl_stream_new(&s, sotto_env_default()), 0);
    return s;
}

// Message number n: its bytes follow from n, so that a mix-up shows.
static size_t make_message(uint8_t *out, uint32_t n, uint32_t max)
{
    uint64_t rng = n;
    size_t len = 4 + prng_below(&rng, max - 3);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)prng_next(&rng);
    }
    memcpy(out, &n, sizeof n);
    return len;
}

// A cell as it travels: content that owns its bytes.
struct flying {
    bool used;
    sotto_ns lands;
    struct cell_content c;
    uint8_t bytes[CELL_PLAINTEXT_MAX_BYTES];
};

static void board(struct flying *f, const struct cell_content *c, sotto_ns lands)
{
    f->used = true;
    f->lands = lands;
    f->c = *c;
    if (c->stream != NULL) {
        memcpy(f->bytes, c->stream, c->stream_len);
        f->c.stream = f->bytes;
    }
}

// Cell from a to b, at once.
static void pass(struct ctl_stream *a, struct ctl_stream *b, sotto_ns now)
{
    struct cell_content c = {0};
    ctl_stream_fill(a, &c, ROOM, 0, now);
    assert_int_equal(ctl_stream_take(b, &c, now), 0);
}

static void queue_text(struct ctl_stream *s, const char *msg)
{
    assert_int_equal(ctl_stream_send(s, (const uint8_t *)msg, strlen(msg)), 0);
}

static void expect_text(struct ctl_stream *s, const char *msg)
{
    uint8_t out[64];
    assert_int_equal(ctl_stream_receive(s, out, sizeof out), strlen(msg));
    assert_memory_equal(out, msg, strlen(msg));
}

// ---- plain use --------------------------------------------------------------------------------

static void one_message(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    queue_text(a, "hello");
    assert_int_equal(ctl_stream_pending(a), 7);
    uint8_t out[16];
    assert_int_equal(ctl_stream_receive(b, out, sizeof out), 0);
    pass(a, b, 0);
    assert_int_equal(ctl_stream_receive(b, out, 4), SOTTO_ESPACE);
    expect_text(b, "hello");
    assert_int_equal(ctl_stream_receive(b, out, sizeof out), 0);
    pass(b, a, TICK);
    assert_int_equal(ctl_stream_pending(a), 0);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

static void lengths(void **state)
{
    (void)state;
    struct ctl_stream *a = make();
    static uint8_t msg[CTL_MESSAGE_MAX_BYTES + 1];
    assert_int_equal(ctl_stream_send(a, msg, 0), SOTTO_EINVAL);
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), SOTTO_EINVAL);
    size_t queued = 0;
    while (queued + 2 + CTL_MESSAGE_MAX_BYTES <= CTL_BUFFER_BYTES) {
        assert_int_equal(ctl_stream_send(a, msg, CTL_MESSAGE_MAX_BYTES), 0);
        queued += 2 + CTL_MESSAGE_MAX_BYTES;
    }
    assert_int_equal(ctl_stream_send(a, msg, CTL_MESSAGE_MAX_BYTES), SOTTO_ELIMIT);
    size_t left = CTL_BUFFER_BYTES - queued - 2;
    assert_int_equal(ctl_stream_send(a, msg, left + 1), SOTTO_ELIMIT);
    assert_int_equal(ctl_stream_send(a, msg, left), 0);
    assert_int_equal(ctl_stream_pending(a), CTL_BUFFER_BYTES);
    assert_int_equal(ctl_stream_send(a, msg, 1), SOTTO_ELIMIT);
    ctl_stream_free(a);
}

// What fill promises: never more than the room given.
static void fill_keeps_to_its_room(void **state)
{
    (void)state;
    static const uint8_t msg[300];
    for (size_t room = 0; room <= CELL_PLAINTEXT_MAX_BYTES; room++) {
        struct ctl_stream *a = make(), *b = make();
        assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
        queue_text(b, "so that a has something to acknowledge");
        pass(b, a, 0);
        struct cell_content c = {0};
        ctl_stream_fill(a, &c, room, 0, 0);
        uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
        assert_int_equal(cell_encode(&c, plain, room), room);
        assert_int_equal(c.has_ack, room >= 6);
        assert_int_equal(c.stream != NULL, room > 6 + CELL_STREAM_OVERHEAD);
        if (c.stream != NULL) {
            assert_int_equal(c.stream_len, room - 6 - CELL_STREAM_OVERHEAD); // and all of it
        }
        ctl_stream_free(a);
        ctl_stream_free(b);
    }
}

static void acks_ride_for_two_seconds(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    struct cell_content c = {0};
    ctl_stream_fill(b, &c, ROOM, 0, 0);
    assert_false(c.has_ack); // nothing came yet
    queue_text(a, "hello");
    pass(a, b, 100 * MS);
    ctl_stream_fill(b, &c, ROOM, 0, 100 * MS);
    assert_true(c.has_ack && c.ack == 7);
    ctl_stream_fill(b, &c, ROOM, 0, 2100 * MS);
    assert_true(c.has_ack);
    ctl_stream_fill(b, &c, ROOM, 0, 2101 * MS);
    assert_false(c.has_ack);
    // A duplicate says that the ack was lost.
    struct cell_content again = {.stream = (const uint8_t *)"\0\5hello", .stream_len = 7};
    assert_int_equal(ctl_stream_take(b, &again, 3000 * MS), 0);
    ctl_stream_fill(b, &c, ROOM, 0, 3000 * MS);
    assert_true(c.has_ack && c.ack == 7);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

static void small_messages_go_twice(void **state)
{
    (void)state;
    struct ctl_stream *a = make();
    queue_text(a, "hello");
    struct cell_content c = {0};
    for (int i = 0; i < 2; i++) {
        ctl_stream_fill(a, &c, ROOM, 0, (sotto_ns)i * TICK);
        assert_int_equal(c.stream_len, 7);
        assert_int_equal(c.stream_offset, 0);
    }
    ctl_stream_fill(a, &c, ROOM, 0, 2 * TICK);
    assert_null(c.stream);
    ctl_stream_free(a);
}

// Once a cell comes that could acknowledge it, and does not; without any, after twice that time.
static void retransmission_timer(void **state)
{
    (void)state;
    const struct cell_content nothing = {0};
    static const struct {
        sotto_ns rtt, want;
    } table[] = {
        {0, CTL_RETRANSMIT_MIN_NS},
        {50 * MS, CTL_RETRANSMIT_MIN_NS},
        {200 * MS, 285 * MS},
        {1600 * MS, 1860 * MS},
        {1760 * MS, CTL_RETRANSMIT_MAX_NS},
        {SOTTO_NEVER, CTL_RETRANSMIT_MAX_NS},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ctl_stream *a = make();
        struct cell_content c = {0};
        queue_text(a, "hello");
        sotto_ns start = 5000 * MS;
        ctl_stream_fill(a, &c, ROOM, table[i].rtt, start - TICK);
        ctl_stream_fill(a, &c, ROOM, table[i].rtt, start);
        assert_int_equal(ctl_stream_take(a, &nothing, start + table[i].want - 1), 0);
        ctl_stream_fill(a, &c, ROOM, table[i].rtt, start + table[i].want);
        assert_null(c.stream);
        struct ctl_stream *unheard = make();
        queue_text(unheard, "hello");
        ctl_stream_fill(unheard, &c, ROOM, table[i].rtt, start - TICK);
        ctl_stream_fill(unheard, &c, ROOM, table[i].rtt, start);
        ctl_stream_fill(unheard, &c, ROOM, table[i].rtt, start + 2 * table[i].want - MS);
        assert_null(c.stream);
        ctl_stream_fill(unheard, &c, ROOM, table[i].rtt, start + 2 * table[i].want);
        assert_non_null(c.stream);
        ctl_stream_free(unheard);
        assert_int_equal(ctl_stream_take(a, &nothing, start + table[i].want), 0);
        ctl_stream_fill(a, &c, ROOM, table[i].rtt, start + table[i].want);
        assert_non_null(c.stream);
        assert_int_equal(c.stream_offset, 0);
        ctl_stream_free(a);
    }
}

// What came behind a lost piece is kept: only the piece itself is sent again.
static void early_bytes_are_kept(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    static uint8_t msg[1000], out[1000];
    memset(msg, 7, sizeof msg);
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    struct cell_content lost = {0};
    ctl_stream_fill(a, &lost, ROOM, 0, 0);
    sotto_ns now = 0;
    for (int i = 0; i < 20; i++) {
        now += MS;
        pass(a, b, now);
    }
    assert_int_equal(ctl_stream_receive(b, out, sizeof out), 0);
    pass(b, a, now);
    assert_int_equal(ctl_stream_pending(a), 1002); // known to be there, all but the first piece
    now += CTL_RETRANSMIT_MIN_NS;
    struct cell_content again = {0};
    pass(b, a, now);
    ctl_stream_fill(a, &again, ROOM, 0, now);
    assert_int_equal(again.stream_offset, 0);
    assert_int_equal(again.stream_len, lost.stream_len);
    assert_int_equal(ctl_stream_take(b, &again, now), 0);
    assert_int_equal(ctl_stream_receive(b, out, sizeof out), sizeof msg);
    assert_memory_equal(out, msg, sizeof msg);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// ---- limits of the window and buffers ---------------------------------------------------------

static void window_bounds_what_flies(void **state)
{
    (void)state;
    struct ctl_stream *a = make();
    static uint8_t msg[CTL_MESSAGE_MAX_BYTES];
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    uint64_t highest = 0;
    for (int i = 0; i < 1000; i++) {
        struct cell_content c = {0};
        ctl_stream_fill(a, &c, ROOM, SOTTO_NEVER, 0);
        if (c.stream != NULL && c.stream_offset + c.stream_len > highest) {
            highest = c.stream_offset + c.stream_len;
        }
    }
    assert_int_equal(highest, CTL_WINDOW_BYTES);
    ctl_stream_free(a);
}

// Nobody fetches: the sender is held back, nothing is overrun, and all comes later.
static void slow_reader(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    static uint8_t msg[2000], out[2000];
    uint32_t sent = 0, got = 0;
    sotto_ns now = 0;
    for (int i = 0; i < 8000; i++, now += TICK) {
        size_t len = make_message(msg, sent, 2000);
        sent += ctl_stream_send(a, msg, len) == 0 ? 1 : 0;
        pass(a, b, now);
        pass(b, a, now);
    }
    assert_true(ctl_stream_pending(a) > CTL_BUFFER_BYTES / 2);
    for (int i = 0; i < 8000; i++, now += TICK) {
        int n = ctl_stream_receive(b, out, sizeof out);
        if (n > 0) {
            assert_int_equal(n, make_message(msg, got++, 2000));
            assert_memory_equal(out, msg, (size_t)n);
        }
        pass(a, b, now);
        pass(b, a, now);
    }
    assert_int_equal(got, sent);
    assert_int_equal(ctl_stream_pending(a), 0);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// Offsets never wrap: the stream ends at UINT32_MAX, and its last byte still arrives.
static void end_of_the_stream(void **state)
{
    (void)state;
    struct ctl_stream *a, *b;
    const uint32_t start = UINT32_MAX - 20;
    assert_int_equal(ctl_stream_new_at(&a, sotto_env_default(), start), 0);
    assert_int_equal(ctl_stream_new_at(&b, sotto_env_default(), start), 0);
    const uint8_t msg[20] = {0};
    assert_int_equal(ctl_stream_send(a, msg, 19), SOTTO_ELIMIT);
    assert_int_equal(ctl_stream_send(a, msg, 18), 0);
    assert_int_equal(ctl_stream_send(a, msg, 1), SOTTO_ELIMIT);
    sotto_ns now = 0;
    for (int i = 0; i < 4; i++, now += TICK) {
        pass(a, b, now);
        pass(b, a, now);
    }
    uint8_t out[32];
    assert_int_equal(ctl_stream_receive(b, out, sizeof out), 18);
    assert_int_equal(ctl_stream_pending(a), 0);
    assert_int_equal(ctl_stream_send(a, msg, 1), SOTTO_ELIMIT);
    const struct cell_content beyond = {.stream = msg,
                                        .stream_len = 6,
                                        .stream_offset = UINT32_MAX - 5};
    assert_int_equal(ctl_stream_take(b, &beyond, now), SOTTO_EPROTO);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// ---- a hostile peer ---------------------------------------------------------------------------

static void refused(const struct cell_content *c)
{
    struct ctl_stream *s = make();
    queue_text(s, "hello");
    struct cell_content out = {0}, harmless = {.has_ack = true, .ack = 0};
    ctl_stream_fill(s, &out, ROOM, 0, 0); // 7 bytes were sent
    queue_text(s, "queued, but not sent");
    assert_int_equal(ctl_stream_take(s, c, 0), SOTTO_EPROTO);
    assert_int_equal(ctl_stream_take(s, &harmless, 0), SOTTO_EPROTO); // and it stays so
    uint8_t buf[64];
    assert_int_equal(ctl_stream_receive(s, buf, sizeof buf), 0);
    ctl_stream_free(s);
}

static void hostile_cells(void **state)
{
    (void)state;
    static const uint8_t zeros[100];
    const uint32_t acks[] = {8, 65536, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        refused(&(struct cell_content){.has_ack = true, .ack = acks[i]});
    }
    // 7 bytes were sent: blocks that end behind them, alone or behind a good one.
    const struct cell_block blocks[] = {{1, 7}, {7, 1}, {1, 8}, {UINT16_MAX, UINT16_MAX}};
    for (size_t i = 0; i < 4; i++) {
        refused(&(struct cell_content){.has_ack = true, .blocks = {blocks[i]}, .block_count = 1});
        refused(&(
            struct cell_content){.has_ack = true, .blocks = {{1, 2}, blocks[i]}, .block_count = 2});
        refused(&(struct cell_content){
            .has_ack = true, .ack = UINT32_MAX, .blocks = {blocks[i]}, .block_count = 1});
    }
    const uint32_t offsets[] = {CTL_WINDOW_BYTES, CTL_WINDOW_BYTES - 99, UINT32_MAX - 100,
                                UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        refused(&(struct cell_content){.stream = zeros,
                                       .stream_len = sizeof zeros,
                                       .stream_offset = offsets[i]});
    }
    // An empty message, and one that is too long.
    refused(&(struct cell_content){.stream = zeros, .stream_len = 2});
    const uint8_t longest[2] = {(CTL_MESSAGE_MAX_BYTES + 1) >> 8,
                                (CTL_MESSAGE_MAX_BYTES + 1) & 0xff};
    refused(&(struct cell_content){.stream = longest, .stream_len = 2});
}

static void harmless_cells(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    queue_text(a, "hello");
    pass(a, b, 0);
    pass(b, a, 0);
    // An ack of the past (its cell was overtaken), and the edge of the window.
    assert_int_equal(ctl_stream_take(a, &(struct cell_content){.has_ack = true, .ack = 3}, 0), 0);
    assert_int_equal(ctl_stream_pending(a), 0);
    static const uint8_t data[100] = {0, 98};
    struct cell_content edge = {.stream = data,
                                .stream_len = sizeof data,
                                .stream_offset = 7 + CTL_WINDOW_BYTES - sizeof data};
    assert_int_equal(ctl_stream_take(b, &edge, 0), 0);
    struct cell_content nothing = {0};
    assert_int_equal(ctl_stream_take(b, &nothing, 0), 0);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// Nothing is sent again that the peer has already acknowledged, even inside a retransmission.
static void ack_in_the_middle_of_a_piece(void **state)
{
    (void)state;
    struct ctl_stream *a = make();
    static const uint8_t msg[200];
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    struct cell_content c = {0};
    for (int i = 0; i < 5; i++) {
        ctl_stream_fill(a, &c, ROOM, 0, 0);
    }
    const sotto_ns now = CTL_RETRANSMIT_MIN_NS;
    assert_int_equal(ctl_stream_take(a, &(struct cell_content){.has_ack = true, .ack = 33}, now),
                     0);
    ctl_stream_fill(a, &c, ROOM, 0, now);
    assert_int_equal(c.stream_offset, 33);
    assert_int_equal(ctl_stream_pending(a), 202 - 33);
    assert_int_equal(ctl_stream_take(a, &(struct cell_content){.has_ack = true, .ack = 150}, now),
                     0);
    ctl_stream_fill(a, &c, ROOM, 0, now);
    assert_int_equal(c.stream_offset, 150);
    ctl_stream_free(a);
}

// ---- selective acknowledgement ----------------------------------------------------------------

// Cells of 20 bytes of the stream; those whose bit is set in `lost` do not arrive.
static void send_pieces(struct ctl_stream *a, struct ctl_stream *b, uint32_t count, uint32_t lost)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cell_content c = {0};
        ctl_stream_fill(a, &c, CELL_STREAM_OVERHEAD + 20, 0, 0);
        assert_int_equal(c.stream_offset, 20 * i);
        if ((lost >> i & 1) == 0) {
            assert_int_equal(ctl_stream_take(b, &c, 0), 0);
        }
    }
}

static void expect_block(const struct cell_content *c, size_t i, uint16_t after, uint16_t len)
{
    assert_true(i < c->block_count);
    assert_int_equal(c->blocks[i].after, after);
    assert_int_equal(c->blocks[i].len, len);
}

// The newest, and the others in turn.
static void blocks_name_what_came(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    static const uint8_t msg[400] = {1};
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    send_pieces(a, b, 10, 0x156); // 0, 3, 5, 7 and 9 come
    const struct cell_block others[] = {{40, 20}, {80, 20}, {120, 20}, {40, 20}};
    struct cell_content c = {0};
    for (size_t i = 0; i < 4; i++) {
        ctl_stream_fill(b, &c, ROOM, 0, 0);
        assert_int_equal(c.ack, 20);
        assert_int_equal(c.block_count, 2);
        expect_block(&c, 0, 160, 20);
        expect_block(&c, 1, others[i].after, others[i].len);
        assert_int_equal(ctl_stream_take(a, &c, 0), 0);
    }
    // What has come in one piece with the newest, is; room for fewer is kept to.
    struct cell_content eight = {.stream = msg + 158, .stream_len = 20, .stream_offset = 160};
    assert_int_equal(ctl_stream_take(b, &eight, 0), 0);
    ctl_stream_fill(b, &c, CELL_ACK_BYTES + 2 * CELL_BLOCK_BYTES - 1, 0, 0);
    assert_int_equal(c.block_count, 1);
    expect_block(&c, 0, 120, 60);
    ctl_stream_fill(b, &c, CELL_ACK_BYTES + CELL_BLOCK_BYTES - 1, 0, 0);
    assert_true(c.has_ack && c.block_count == 0);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// Only what is missing goes out again: each run of it, the oldest first, then what is new.
static void only_what_is_missing(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    static const uint8_t msg[400] = {1};
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    send_pieces(a, b, 10, 0x156);
    const sotto_ns now = CTL_RETRANSMIT_MIN_NS;
    for (int i = 0; i < 3; i++) {
        pass(b, a, now);
    }
    const struct {
        uint32_t from, len;
    } want[] = {{20, 40}, {80, 20}, {120, 20}, {160, 20}, {200, 74}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct cell_content c = {0};
        ctl_stream_fill(a, &c, ROOM, 0, now);
        assert_int_equal(c.stream_offset, want[i].from);
        assert_int_equal(c.stream_len, want[i].len);
    }
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// Blocks that overlap, of the past, or twice: what is there is there, once.
static void blocks_of_any_shape(void **state)
{
    (void)state;
    struct ctl_stream *a = make(), *b = make();
    static const uint8_t msg[400] = {1};
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    send_pieces(a, b, 10, 0);
    const sotto_ns now = CTL_RETRANSMIT_MIN_NS;
    const struct cell_content cells[] = {
        {.has_ack = true, .ack = 100},
        {.has_ack = true, .ack = 10, .blocks = {{1, 150}, {40, 120}}, .block_count = 2},
        {.has_ack = true, .ack = 10, .blocks = {{1, 20}, {1, 20}}, .block_count = 2},
        {.has_ack = true, .ack = 100, .blocks = {{1, 1}, {90, 10}}, .block_count = 2},
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        assert_int_equal(ctl_stream_take(a, &cells[i], now), 0);
        assert_int_equal(ctl_stream_pending(a), 302);
    }
    struct cell_content c = {0};
    ctl_stream_fill(a, &c, ROOM, 0, now);
    assert_int_equal(c.stream_offset, 170);
    assert_int_equal(c.stream_len, 20);
    ctl_stream_free(a);
    ctl_stream_free(b);
}

// A peer that says it has what it has not hurts only what it is told: nothing else is held up.
static void lies_about_blocks(void **state)
{
    (void)state;
    struct ctl_stream *a = make();
    static const uint8_t msg[100];
    assert_int_equal(ctl_stream_send(a, msg, sizeof msg), 0);
    struct cell_content c = {0};
    for (int i = 0; i < 3; i++) {
        ctl_stream_fill(a, &c, ROOM, 0, 0);
    }
    const struct cell_content all = {.has_ack = true,
                                     .blocks = {{1, 101}, {1, 101}},
                                     .block_count = 2};
    assert_int_equal(ctl_stream_take(a, &all, CTL_RETRANSMIT_MIN_NS), 0);
    for (uint64_t i = 1; i < 10; i++) {
        ctl_stream_fill(a, &c, ROOM, 0, i * CTL_RETRANSMIT_MAX_NS);
        assert_int_equal(c.stream_offset, 0);
        assert_int_equal(c.stream_len, 1);
        ctl_stream_fill(a, &c, ROOM, 0, i * CTL_RETRANSMIT_MAX_NS + TICK);
    }
    assert_int_equal(ctl_stream_pending(a), 102);
    ctl_stream_free(a);
}

// ---- a bad network ----------------------------------------------------------------------------

#define FLIGHTS 512

struct network {
    uint64_t rng;
    uint32_t loss_percent;
    uint32_t duplicate_percent;
    uint32_t delay_ms, jitter_ms;
    struct flying cells[FLIGHTS];
};

static void launch(struct network *n, const struct cell_content *c, sotto_ns now)
{
    if (prng_percent(&n->rng, n->loss_percent)) {
        return;
    }
    uint32_t copies = prng_percent(&n->rng, n->duplicate_percent) ? 2 : 1;
    for (size_t i = 0; copies > 0; i++) {
        assert_true(i < FLIGHTS);
        if (!n->cells[i].used) {
            uint32_t ms = n->delay_ms + prng_below(&n->rng, n->jitter_ms + 1);
            board(&n->cells[i], c, now + ms * MS);
            copies--;
        }
    }
}

static void land(struct network *n, struct ctl_stream *to, sotto_ns now)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (n->cells[i].used && n->cells[i].lands <= now) {
            n->cells[i].used = false;
            assert_int_equal(ctl_stream_take(to, &n->cells[i].c, now), 0);
        }
    }
}

struct side {
    struct ctl_stream *s;
    uint32_t sent, got, total, message_max;
};

static void talk(struct side *me, const struct side *peer)
{
    static uint8_t msg[CTL_MESSAGE_MAX_BYTES], out[CTL_MESSAGE_MAX_BYTES];
    while (me->sent < me->total) {
        size_t len = make_message(msg, me->sent, me->message_max);
        if (ctl_stream_send(me->s, msg, len) != 0) {
            break;
        }
        me->sent++;
    }
    for (int n; (n = ctl_stream_receive(me->s, out, sizeof out)) != 0; me->got++) {
        assert_int_equal(n, make_message(msg, me->got, peer->message_max));
        assert_memory_equal(out, msg, (size_t)n);
    }
}

// Ticks until everything is delivered and acknowledged on both sides.
static int run(uint64_t seed, uint32_t loss, uint32_t message_max, uint32_t total)
{
    static struct network ab, ba;
    ab = (struct network){.rng = seed,
                          .loss_percent = loss,
                          .duplicate_percent = 10,
                          .delay_ms = 40,
                          .jitter_ms = 60};
    ba = ab;
    ba.rng = seed ^ 0xabcdef;
    struct side a = {.s = make(), .total = total, .message_max = message_max};
    struct side b = {.s = make(), .total = total / 2, .message_max = 300};
    uint64_t rng = seed;
    int ticks = 0;
    bool done = false;
    for (sotto_ns now = 0; !done; now += TICK, ticks++) {
        assert_true(ticks < 200000);
        land(&ab, b.s, now);
        land(&ba, a.s, now);
        talk(&a, &b);
        talk(&b, &a);
        struct cell_content c = {0};
        ctl_stream_fill(a.s, &c, prng_below(&rng, 10) == 0 ? 7 : ROOM, 140 * MS, now);
        launch(&ab, &c, now);
        c = (struct cell_content){0};
        ctl_stream_fill(b.s, &c, ROOM, 140 * MS, now);
        launch(&ba, &c, now);
        done = a.got == b.total && b.got == a.total && ctl_stream_pending(a.s) == 0 &&
               ctl_stream_pending(b.s) == 0;
    }
    ctl_stream_free(a.s);
    ctl_stream_free(b.s);
    return ticks;
}

static void any_loss(void **state)
{
    (void)state;
    for (uint32_t loss = 0; loss <= 60; loss += 10) {
        int worst = 0;
        for (uint64_t seed = 1; seed <= 5; seed++) {
            int ticks = run(seed * 1000 + loss, loss, 400, 60);
            worst = ticks > worst ? ticks : worst;
        }
        print_message("%2u %% lost: 12 KB there, 5 KB back, in at most %.1f s\n", loss,
                      worst * 0.02);
    }
}

// The longest messages, as of a re-key.
static void long_messages(void **state)
{
    (void)state;
    for (uint32_t loss = 0; loss <= 40; loss += 20) {
        int ticks = run(77 + loss, loss, CTL_MESSAGE_MAX_BYTES, 6);
        print_message("%2u %% lost: long messages in %.1f s\n", loss, ticks * 0.02);
    }
}

// One small message under loss, the common case: how long until the peer has it.
static void one_small_message(void **state)
{
    (void)state;
    int worst = 0;
    double sum = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        int ticks = run(seed, 20, 40, 1);
        worst = ticks > worst ? ticks : worst;
        sum += ticks;
    }
    print_message("20 %% lost: a small message and its ack in %.0f ms, at worst %d ms\n",
                  sum / 300 * 20, worst * 20);
    assert_true(sum / 300 * 20 < 300);
}

// ---- memory -----------------------------------------------------------------------------------

static void allocation_failures(void **state)
{
    (void)state;
    struct failing_env f;
    struct ctl_stream *s = NULL;
    failing_env_init(&f, 1);
    assert_int_equal(ctl_stream_new(&s, &f.env), SOTTO_ENOMEM);
    assert_null(s);
    failing_env_init(&f, 2); // one block is all it ever takes
    assert_int_equal(ctl_stream_new(&s, &f.env), 0);
    queue_text(s, "hello");
    struct cell_content c = {0};
    ctl_stream_fill(s, &c, ROOM, 0, 0);
    ctl_stream_free(s);
    assert_false(f.failed);
    assert_int_equal(f.live, 0);
    ctl_stream_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message),
        cmocka_unit_test(lengths),
        cmocka_unit_test(fill_keeps_to_its_room),
        cmocka_unit_test(acks_ride_for_two_seconds),
        cmocka_unit_test(small_messages_go_twice),
        cmocka_unit_test(retransmission_timer),
        cmocka_unit_test(early_bytes_are_kept),
        cmocka_unit_test(window_bounds_what_flies),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(end_of_the_stream),
        cmocka_unit_test(hostile_cells),
        cmocka_unit_test(harmless_cells),
        cmocka_unit_test(ack_in_the_middle_of_a_piece),
        cmocka_unit_test(blocks_name_what_came),
        cmocka_unit_test(only_what_is_missing),
        cmocka_unit_test(blocks_of_any_shape),
        cmocka_unit_test(lies_about_blocks),
        cmocka_unit_test(any_loss),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(one_small_message),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
