// SPDX-License-Identifier: Apache-2.0
// A re-key's flights over the control stream inside cells, on bad networks, in simulated time: how
// long both ways take, and how many cells carry pieces of them, in which voice has less room. Held:
// what comes is what was sent, and the limits of the table.
//
//   control_luck [CALLS]      (of each row: 200)
#include "media/ctl_stream.h"
#include "prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS          SOTTO_NS_PER_MS
#define TICK        (20 * MS)
#define IN_FLIGHT   256
#define CALLS_MAX   1000
#define LIMIT_NS    (120 * SOTTO_NS_PER_S)
#define ROOM        72 // beside a frame of voice
#define REPORT_ROOM 52 // and beside a report,
#define REPORT_EACH 11 // once in so many cells

// The messages of a re-key with their flights, one after another; even ones are the caller's.
static const size_t flights[] = {2102, 9782, 7702, 534, 534};
#define FLIGHTS (sizeof flights / sizeof flights[0])

struct row {
    const char *name;
    uint32_t loss_percent, burst_ms; // burst_ms 0: random
    uint32_t rtt_ms, jitter_ms;
    double most_s, most_cells; // means must not exceed these
};

struct flying {
    bool used;
    sotto_ns lands;
    struct cell_content c;
    uint8_t bytes[CELL_PLAINTEXT_MAX_BYTES];
};

struct path {
    bool bad; // within a burst
    struct flying cells[IN_FLIGHT];
};

struct side {
    struct ctl_stream *s;
    struct path out;
    uint32_t ticks;
};

struct call {
    const struct row *row;
    uint64_t rng;
    sotto_ns now;
    struct side side[2]; // caller, callee
    size_t sent, got;    // flights
    uint32_t pieces;     // cells with a piece
    uint64_t came;       // bytes of pieces, what had come before included
};

static void check(bool good, const char *what)
{
    if (!good) {
        printf("not %s\n", what);
        exit(1);
    }
}

// Bursts are exponential in the network's time, as are the gaps between them.
static bool lost(struct call *c, struct path *p)
{
    const struct row *r = c->row;
    if (r->burst_ms == 0) {
        return prng_percent(&c->rng, r->loss_percent);
    }
    uint32_t good_ms = r->burst_ms * (100 - r->loss_percent) / r->loss_percent;
    uint32_t stay_ms = p->bad ? r->burst_ms : good_ms;
    if (prng_below(&c->rng, stay_ms) < TICK / MS) {
        p->bad = !p->bad;
    }
    return p->bad;
}

static void launch(struct call *c, struct path *p, const struct cell_content *content)
{
    if (lost(c, p)) {
        return;
    }
    size_t i = 0;
    while (p->cells[i].used) {
        i++;
        check(i < IN_FLIGHT, "room for cells in flight");
    }
    struct flying *f = &p->cells[i];
    uint32_t ms = c->row->rtt_ms / 2 + prng_below(&c->rng, c->row->jitter_ms + 1);
    *f = (struct flying){.used = true, .lands = c->now + ms * MS, .c = *content};
    if (content->stream != NULL) {
        memcpy(f->bytes, content->stream, content->stream_len);
        f->c.stream = f->bytes;
    }
}

static void land(struct call *c, struct path *p, struct ctl_stream *to)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        struct flying *f = &p->cells[i];
        if (f->used && f->lands <= c->now) {
            f->used = false;
            check(ctl_stream_take(to, &f->c, c->now) == 0, "taken");
            c->came += f->c.stream_len;
        }
    }
}

static void make_flight(size_t n, uint8_t *out)
{
    uint64_t rng = n;
    for (size_t i = 0; i < flights[n]; i++) {
        out[i] = (uint8_t)prng_next(&rng);
    }
}

static void send_flight(struct call *c)
{
    static uint8_t bytes[CTL_MESSAGE_MAX_BYTES];
    make_flight(c->sent, bytes);
    check(ctl_stream_send(c->side[c->sent % 2].s, bytes, flights[c->sent]) == 0, "sent");
    c->sent++;
}

// Whoever has the whole flight answers with the next.
static void answer(struct call *c)
{
    static uint8_t bytes[CTL_MESSAGE_MAX_BYTES], want[CTL_MESSAGE_MAX_BYTES];
    int n =
        c->got < c->sent ? ctl_stream_receive(c->side[1 - c->got % 2].s, bytes, sizeof bytes) : 0;
    if (n == 0) {
        return;
    }
    make_flight(c->got, want);
    check((size_t)n == flights[c->got] && memcmp(bytes, want, (size_t)n) == 0, "what was sent");
    c->got++;
    if (c->sent < FLIGHTS) {
        send_flight(c);
    }
}

static void tick(struct call *c, struct side *me)
{
    struct cell_content content = {0};
    size_t room = me->ticks++ % REPORT_EACH == 0 ? REPORT_ROOM : ROOM;
    ctl_stream_fill(me->s, &content, room, (c->row->rtt_ms + c->row->jitter_ms) * MS, c->now);
    c->pieces += content.stream != NULL ? 1 : 0;
    launch(c, &me->out, &content);
}

static bool done(const struct call *c)
{
    return c->got == FLIGHTS && ctl_stream_pending(c->side[0].s) == 0;
}

// A re-key, from the caller's first flight to the acknowledgement of its last. Both ticks have
// a phase of their own.
static void run(const struct row *row, uint64_t seed, struct call *c)
{
    *c = (struct call){.row = row, .rng = seed, .now = SOTTO_NS_PER_S};
    for (int i = 0; i < 2; i++) {
        check(ctl_stream_new(&c->side[i].s, sotto_env_default()) == 0, "memory");
    }
    sotto_ns start = c->now, phase = (1 + prng_below(&c->rng, 19)) * MS;
    send_flight(c);
    for (; !done(c) && c->now < start + LIMIT_NS; c->now += MS) {
        for (int i = 0; i < 2; i++) {
            land(c, &c->side[1 - i].out, c->side[i].s);
        }
        answer(c);
        for (int i = 0; i < 2; i++) {
            if ((c->now + (i == 0 ? 0 : phase)) % TICK == 0) {
                tick(c, &c->side[i]);
            }
        }
    }
    check(done(c), "done");
    c->now -= start;
    for (int i = 0; i < 2; i++) {
        ctl_stream_free(c->side[i].s);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double total_bytes(void)
{
    double sum = 0;
    for (size_t i = 0; i < FLIGHTS; i++) {
        sum += 2 + (double)flights[i];
    }
    return sum;
}

static bool run_row(const struct row *row, int calls)
{
    static struct call c;
    static double took[CALLS_MAX];
    double sum = 0, pieces = 0, twice = 0;
    for (int i = 0; i < calls; i++) {
        run(row, (uint64_t)i + 1, &c);
        took[i] = (double)c.now / 1e9;
        sum += took[i];
        pieces += c.pieces;
        twice += (double)c.came / total_bytes() - 1;
    }
    qsort(took, (size_t)calls, sizeof took[0], by_value);
    bool good = sum / calls <= row->most_s && pieces / calls <= row->most_cells;
    printf("%-18s %5u ms %8.1f s %8.1f s %8.0f cells %7.1f %%%s\n", row->name, row->rtt_ms,
           sum / calls, took[calls * 19 / 20], pieces / calls, 100 * twice / calls,
           good ? "" : "   TOO MUCH");
    return good;
}

int main(int argc, char **argv)
{
    static const struct row rows[] = {
        {"no loss", 0, 0, 80, 0, 7.4, 370},
        {"5 %", 5, 0, 80, 0, 8.1, 395},
        {"20 %", 20, 0, 80, 0, 9.9, 480},
        {"30 %", 30, 0, 80, 0, 11.6, 560},
        {"20 %, 120 ms", 20, 120, 80, 0, 10.2, 500},
        {"5 %, 30 ms jitter", 5, 0, 80, 30, 8.3, 395},
        {"5 %, 60 ms jitter", 5, 0, 80, 60, 8.5, 400},
        {"no loss", 0, 0, 400, 0, 8.3, 370},
        {"5 %", 5, 0, 400, 0, 10.0, 405},
        {"20 %", 20, 0, 400, 0, 12.9, 500},
        {"30 %", 30, 0, 400, 0, 15.2, 590},
        {"20 %, 120 ms", 20, 120, 400, 0, 12.4, 510},
        {"5 %, 60 ms jitter", 5, 0, 400, 60, 10.5, 405},
    };
    int calls = argc > 1 ? atoi(argv[1]) : 200;
    if (calls < 1 || calls > CALLS_MAX) {
        return 2;
    }
    bool good = true;
    printf("%-18s %8s %10s %10s %14s %9s\n", "lost", "rtt", "mean", "95 %", "with pieces",
           "needless");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        good = run_row(&rows[i], calls) && good;
    }
    return good ? 0 : 1;
}
