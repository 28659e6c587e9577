// SPDX-License-Identifier: Apache-2.0
// Two ends of a control stream and a network that the input plays: what is delivered is what was
// sent, in order, once. A third end gets cells of any content: nothing breaks.
#include "fuzz.h"
#include "media/ctl_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HELD 8

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t take(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static uint32_t take32(struct input *in)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        v = v << 8 | take(in);
    }
    return v;
}

struct cell {
    struct cell_content c;
    uint8_t bytes[CELL_PLAINTEXT_MAX_BYTES];
    bool used;
};

struct world {
    struct ctl_stream *a, *b, *victim;
    struct cell held[HELD]; // a's cells on their way: delivered late, twice, or never
    uint32_t sent, got;
    sotto_ns now;
};

static size_t message_length(uint32_t n)
{
    return 4 + n * 37 % 500;
}

static void send_one(struct world *w)
{
    uint8_t msg[504];
    memset(msg, (int)(w->sent & 0xff), sizeof msg);
    memcpy(msg, &w->sent, sizeof w->sent);
    if (ctl_stream_send(w->a, msg, message_length(w->sent)) == 0) {
        w->sent++;
    }
}

static void receive_all(struct world *w)
{
    uint8_t out[504];
    for (int n; (n = ctl_stream_receive(w->b, out, sizeof out)) != 0; w->got++) {
        assert(n > 0 && (size_t)n == message_length(w->got));
        assert(memcmp(out, &w->got, sizeof w->got) == 0);
        assert(out[n - 1] == (n > 4 ? (w->got & 0xff) : out[n - 1]));
        assert(w->got < w->sent);
    }
}

static void fill(struct world *w, struct ctl_stream *s, struct cell *cell, uint8_t how)
{
    size_t room = how % (CELL_PLAINTEXT_MAX_BYTES + 1);
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    cell->c = (struct cell_content){0};
    ctl_stream_fill(s, &cell->c, room, (sotto_ns)how * SOTTO_NS_PER_MS, w->now);
    assert(cell_encode(&cell->c, plain, room) == (int)room);
    if (cell->c.stream != NULL) {
        memcpy(cell->bytes, cell->c.stream, cell->c.stream_len);
        cell->c.stream = cell->bytes;
    }
    cell->used = true;
}

static void back(struct world *w, uint8_t how)
{
    struct cell cell;
    fill(w, w->b, &cell, how);
    assert(ctl_stream_take(w->a, &cell.c, w->now) == 0);
}

static void hostile(struct world *w, struct input *in)
{
    uint8_t bytes[CELL_PLAINTEXT_MAX_BYTES], out[CTL_MESSAGE_MAX_BYTES];
    uint8_t flags = take(in);
    struct cell_content c = {.has_ack = (flags & 1) != 0, .ack = take32(in)};
    c.block_count = c.has_ack ? (size_t)(flags >> 3) % (CELL_BLOCKS_MAX + 1) : 0;
    for (size_t i = 0; i < c.block_count; i++) { // not 0: cell_decode sees to that
        uint32_t block = (flags & 32) != 0 ? take32(in) : (uint32_t)take(in) << 16 | take(in);
        c.blocks[i] = (struct cell_block){(uint16_t)(block >> 16 | 1), (uint16_t)(block | 1)};
    }
    if ((flags & 2) != 0) {
        c.stream_offset = (flags & 4) != 0 ? take32(in) : take(in);
        c.stream_len = (size_t)take(in) % (sizeof bytes - 1) + 1;
        for (size_t i = 0; i < c.stream_len; i++) {
            bytes[i] = take(in);
        }
        c.stream = bytes;
    }
    int err = ctl_stream_take(w->victim, &c, w->now);
    assert(err == 0 || err == SOTTO_EPROTO);
    int n = ctl_stream_receive(w->victim, out, sizeof out);
    assert(n >= 0 && n <= CTL_MESSAGE_MAX_BYTES);
    c = (struct cell_content){0};
    ctl_stream_fill(w->victim, &c, sizeof bytes, 0, w->now);
}

static void step(struct world *w, struct input *in)
{
    uint8_t op = take(in), arg = take(in);
    struct cell *cell = &w->held[arg % HELD];
    switch (op % 7) {
    case 0:
        send_one(w);
        break;
    case 1:
        fill(w, w->a, cell, arg); // what was held there is lost
        break;
    case 2:
        if (cell->used) {
            assert(ctl_stream_take(w->b, &cell->c, w->now) == 0);
        }
        break;
    case 3:
        back(w, arg);
        break;
    case 4:
        w->now += arg * 10 * SOTTO_NS_PER_MS;
        break;
    case 5:
        receive_all(w);
        break;
    default:
        hostile(w, in);
    }
}

// With a network that loses nothing any more, all arrives.
static void finish(struct world *w)
{
    struct cell cell;
    for (int i = 0; ctl_stream_pending(w->a) > 0; i++) {
        assert(i < 20000);
        fill(w, w->a, &cell, CELL_PLAINTEXT_MAX_BYTES);
        assert(ctl_stream_take(w->b, &cell.c, w->now) == 0);
        back(w, CELL_PLAINTEXT_MAX_BYTES);
        receive_all(w);
        w->now += 20 * SOTTO_NS_PER_MS;
    }
    receive_all(w);
    assert(w->got == w->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sotto_env *env = sotto_env_default();
    static struct world w;
    w = (struct world){0};
    if (ctl_stream_new(&w.a, env) != 0 || ctl_stream_new(&w.b, env) != 0 ||
        ctl_stream_new(&w.victim, env) != 0) {
        abort();
    }
    struct input in = {data, size};
    while (in.left > 0) {
        step(&w, &in);
    }
    finish(&w);
    ctl_stream_free(w.a);
    ctl_stream_free(w.b);
    ctl_stream_free(w.victim);
    return 0;
}
