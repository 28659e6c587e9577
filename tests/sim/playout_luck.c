// SPDX-License-Identifier: Apache-2.0
// Bad luck for one direction of voice, in simulated time: the real encoder, filling, playout and
// delay model, with a network, clocks and a consumer that go wrong in ways of their own. Held at
// every step: the lag is never above SOTTO_PLAYOUT_LAG_MAX_MS while there is sound, the buffer is
// bounded, and sound is back within a second after the trouble.
//
//   playout_luck [SCENARIO [MINUTES]]      (of the clocks: 60)
#include "media/loss_meter.h"
#include "media/voice_fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS             SOTTO_NS_PER_MS
#define SECOND         SOTTO_NS_PER_S
#define PATH_NS        (40 * MS)
#define PACKETS        100 // encoded once, sent again and again
#define BACK_NS        (1 * SECOND)
#define IN_FLIGHT      4096
#define DRIFT_LIMIT_US 60000

#define EXPECT(line, condition) expect((line), (condition), #condition, __LINE__)

struct cell {
    uint64_t tick;
    sotto_ns at;
};

// A sender, a path and a consumer.
struct line {
    const char *name;
    struct sotto_playout *p;
    sotto_ns now;
    uint64_t tick;       // the next to be sent
    sotto_ns send_at;    // when
    sotto_ns send_every; // by the sender's clock
    sotto_ns ask_at;
    struct cell flying[IN_FLIGHT]; // in order
    size_t first, count;
    bool held;             // the path holds everything back
    sotto_ns sound_at;     // last
    uint64_t asks, silent; // silent: in a row
    uint32_t lag_least_us, lag_most_us;
    int failed;
};

static uint8_t packets[PACKETS][SOTTO_VOICE_PACKET_MAX_BYTES];
static size_t lengths[PACKETS];
static size_t step; // samples that the consumer takes at once

static void expect(struct line *l, bool good, const char *what, int where)
{
    if (!good && l->failed++ == 0) {
        struct sotto_playout_stats s;
        sotto_playout_stats(l->p, &s);
        printf("%s: at %.3f s, line %d: not %s (lag %.1f ms, target %.1f ms, depth %u)\n", l->name,
               (double)l->now / 1e9, where, what, s.lag_us / 1e3, s.target_us / 1e3,
               s.depth_frames);
    }
}

// A voice-like buzz, so that stretching finds periods.
static void sound_of(uint64_t tick, int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    for (uint64_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        uint64_t k = tick * SOTTO_FRAME_SAMPLES + i;
        pcm[i] = (int16_t)((k % 400) * (2000 + k % 9600) / 120 - 8000);
    }
}

static void encode_all(void)
{
    struct sotto_voice_encoder *e;
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    if (sotto_voice_encoder_new(&e, sotto_env_default()) != 0) {
        abort();
    }
    voice_encoder_set_neural(e, false);
    for (size_t i = 0; i < PACKETS; i++) {
        const struct voice_shape shape = {.bytes = 66};
        sound_of(i, pcm);
        if (voice_encode(e, &shape, pcm, packets[i]) != 0) {
            abort();
        }
        lengths[i] = shape.bytes;
    }
    sotto_voice_encoder_free(e);
}

static void start(struct line *l, const char *name, int far_ppm)
{
    memset(l, 0, sizeof *l);
    l->name = name;
    if (sotto_playout_new(&l->p, sotto_env_default()) != 0) {
        abort();
    }
    sotto_playout_set_neural(l->p, false);
    l->send_every = (sotto_ns)((int64_t)SOTTO_TICK_NS - (int64_t)SOTTO_TICK_NS * far_ppm / 1000000);
    l->ask_at = PATH_NS + 7 * MS;
    l->lag_least_us = UINT32_MAX;
}

static int finish(struct line *l)
{
    struct sotto_playout_stats s;
    sotto_playout_stats(l->p, &s);
    l->lag_least_us = l->lag_least_us <= l->lag_most_us ? l->lag_least_us : l->lag_most_us;
    printf("%-24s %s; lag %.1f to %.1f ms, played %llu, concealed %llu, skipped %llu, late %llu\n",
           l->name, l->failed == 0 ? "good" : "BAD", l->lag_least_us / 1e3, l->lag_most_us / 1e3,
           (unsigned long long)s.played, (unsigned long long)s.concealed,
           (unsigned long long)s.skipped, (unsigned long long)s.late);
    sotto_playout_free(l->p);
    return l->failed;
}

static void send(struct line *l)
{
    if (l->count < IN_FLIGHT) {
        l->flying[(l->first + l->count++) % IN_FLIGHT] =
            (struct cell){l->tick, l->send_at + PATH_NS};
    }
    l->tick++;
    l->send_at += l->send_every;
}

static void deliver(struct line *l)
{
    while (!l->held && l->count > 0 && l->flying[l->first].at <= l->now) {
        const struct cell *c = &l->flying[l->first];
        size_t i = c->tick % PACKETS;
        (void)sotto_playout_put(l->p, c->tick, packets[i], lengths[i], l->now);
        l->first = (l->first + 1) % IN_FLIGHT;
        l->count--;
    }
}

static void check(struct line *l, bool sound)
{
    struct sotto_playout_stats s;
    sotto_playout_stats(l->p, &s);
    EXPECT(l, s.depth_frames <= SOTTO_PLAYOUT_CAPACITY_FRAMES);
    EXPECT(l, s.target_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
    EXPECT(l, s.delay_us <= 2 * SOTTO_PLAYOUT_LAG_MAX_MS * 1000); // smoothed, and never "negative"
    if (!sound) {
        l->silent++;
        return;
    }
    l->silent = 0;
    l->sound_at = l->now;
    EXPECT(l, s.lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
    l->lag_least_us = s.lag_us < l->lag_least_us ? s.lag_us : l->lag_least_us;
    l->lag_most_us = s.lag_us > l->lag_most_us ? s.lag_us : l->lag_most_us;
}

static void ask(struct line *l)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    l->asks++;
    check(l, sotto_playout_get(l->p, pcm, step, l->now));
}

// The sender sends; the consumer asks whenever it has played a step, for `asks` at a time, or not
// at all (0).
static void run(struct line *l, sotto_ns span, unsigned asks)
{
    sotto_ns until = l->now + span;
    while (l->now < until) {
        sotto_ns next = l->send_at < l->ask_at ? l->send_at : l->ask_at;
        sotto_ns arrival = l->count > 0 && !l->held ? l->flying[l->first].at : UINT64_MAX;
        next = arrival < next ? arrival : next;
        l->now = next > l->now ? next : l->now;
        deliver(l);
        if (l->now >= l->send_at) {
            send(l);
        }
        if (l->now >= l->ask_at) {
            for (unsigned i = 0; i < asks; i++) {
                ask(l);
            }
            l->ask_at += (asks > 1 ? asks : 1) * SOTTO_TICK_NS * step / SOTTO_FRAME_SAMPLES;
        }
    }
}

// ---- clocks -------------------------------------------------------------------------------------

// The lag stays where it was, and nothing is missing.
static int drift(const char *name, int ppm, unsigned minutes)
{
    struct line l;
    struct sotto_playout_stats before, s;
    start(&l, name, ppm);
    run(&l, 20 * SECOND, 1);
    sotto_playout_stats(l.p, &before);
    l.lag_least_us = UINT32_MAX;
    l.lag_most_us = 0;
    run(&l, 60 * minutes * SECOND, 1);
    sotto_playout_stats(l.p, &s);
    EXPECT(&l, l.lag_most_us <= before.lag_us + DRIFT_LIMIT_US);
    EXPECT(&l, before.lag_us <= l.lag_least_us + DRIFT_LIMIT_US);
    EXPECT(&l, s.concealed == before.concealed);
    EXPECT(&l, s.skipped == before.skipped);
    EXPECT(&l, ppm == 0 || s.shortened + s.lengthened > before.shortened + before.lengthened);
    return finish(&l);
}

// ---- consumers ----------------------------------------------------------------------------------

// Sound again, without a hole, and at a normal lag, some seconds later.
static void comes_back(struct line *l, uint32_t normal_us)
{
    struct sotto_playout_stats s, t;
    sotto_ns from = l->now;
    while (l->now < from + BACK_NS) {
        run(l, SOTTO_TICK_NS, 1);
        if (l->sound_at > from) {
            break;
        }
    }
    EXPECT(l, l->sound_at > from);
    run(l, 8 * SECOND, 1);
    sotto_playout_stats(l->p, &s);
    EXPECT(l, s.lag_us <= normal_us + DRIFT_LIMIT_US);
    run(l, 5 * SECOND, 1);
    sotto_playout_stats(l->p, &t);
    EXPECT(l, t.concealed == s.concealed && t.skipped == s.skipped);
}

// Nobody asks for a while (the device sleeps, or is gone), cells go on.
static int sleeps(const char *name, sotto_ns span)
{
    struct line l;
    struct sotto_playout_stats s;
    start(&l, name, 0);
    for (int i = 0; i < 3; i++) {
        run(&l, 10 * SECOND, 1);
        sotto_playout_stats(l.p, &s);
        run(&l, span, 0);
        comes_back(&l, s.lag_us);
    }
    return finish(&l);
}

// The whole machine sleeps: all cells of that time arrive at once, then somebody asks.
static int wakes_to_a_flood(void)
{
    struct line l;
    struct sotto_playout_stats s;
    start(&l, "wakes to a flood", 0);
    for (int i = 0; i < 3; i++) {
        run(&l, 10 * SECOND, 1);
        sotto_playout_stats(l.p, &s);
        l.held = true;
        run(&l, 25 * SECOND, 0);
        l.held = false;
        comes_back(&l, s.lag_us);
    }
    return finish(&l);
}

// A tab in the background: asked for several frames at once, seldom. There is sound all the same.
static int asks_in_bursts(const char *name, unsigned asks)
{
    struct line l;
    struct sotto_playout_stats s;
    start(&l, name, 0);
    run(&l, 10 * SECOND, 1);
    sotto_playout_stats(l.p, &s);
    for (int i = 0; i < 60; i++) {
        run(&l, SECOND, asks);
        EXPECT(&l, l.now - l.sound_at <= BACK_NS + asks * SOTTO_TICK_NS);
    }
    comes_back(&l, s.lag_us);
    return finish(&l);
}

// Sound devices are changed for others, whose clocks run differently, and some asks are missing.
static int devices_change(void)
{
    struct line l;
    struct sotto_playout_stats s;
    start(&l, "devices change", 0);
    run(&l, 10 * SECOND, 1);
    sotto_playout_stats(l.p, &s);
    for (int i = 0; i < 20; i++) {
        l.ask_at += (sotto_ns)(i * 13 % 20) * MS; // another phase
        run(&l, 300 * MS, 0);                     // it opens
        comes_back(&l, s.lag_us);
    }
    return finish(&l);
}

// ---- a far end that lies ------------------------------------------------------------------------

struct liar {
    struct voice_fill fill;
    struct sotto_voice_encoder *e;
    struct sotto_voice_decoder *d;
    uint64_t cells, changes;
    size_t room;
};

static void one_cell(struct line *l, struct liar *v, struct loss_view report)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    struct cell_content content = {0};
    enum voice_mode was = v->fill.mode;
    voice_fill_report(&v->fill, report);
    v->changes += v->fill.mode != was;
    sound_of(v->cells++, pcm);
    EXPECT(l, voice_fill_cell(&v->fill, v->e, pcm, v->room, &content) == 0);
    size_t used = CELL_ITEM_OVERHEAD + content.voice_len;
    for (size_t i = 0; i < content.earlier_count; i++) {
        used += CELL_ITEM_OVERHEAD + 1 + content.earlier[i].len;
        EXPECT(l, content.earlier[i].distance >= 1 && content.earlier[i].len > 0);
    }
    EXPECT(l, used <= v->room); // sealing pads to the same size, always
    EXPECT(l, content.voice_len >= 35);
    EXPECT(l, sotto_voice_decode(v->d, content.voice, content.voice_len, pcm) == 0);
    uint64_t energy = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        energy += (uint64_t)((int64_t)pcm[i] * pcm[i]);
    }
    EXPECT(l, v->cells < 5 || energy / SOTTO_FRAME_SAMPLES > 1000 * 1000); // the buzz, not silence
}

// Every value of a report, and the extremes in turn with each other: what is said is in every cell.
static int far_end_lies(void)
{
    struct line l;
    struct liar v = {.room = CELL_PLAINTEXT_MAX_BYTES - 3};
    start(&l, "far end lies", 0);
    voice_fill_init(&v.fill);
    if (sotto_voice_encoder_new(&v.e, sotto_env_default()) != 0 ||
        sotto_voice_decoder_new(&v.d, sotto_env_default()) != 0) {
        abort();
    }
    voice_encoder_set_neural(v.e, false); // the same choices, and a hundred times faster
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned k = 0; k < 256; k += 5) {
            one_cell(&l, &v, (struct loss_view){(uint8_t)i, (uint8_t)k, (i + k) % 2 != 0});
        }
    }
    v.changes = 0;
    for (unsigned i = 0; i < 1000; i++) {
        one_cell(&l, &v, i % 2 ? (struct loss_view){255, 255, true} : (struct loss_view){0});
    }
    EXPECT(&l, v.changes <= 1000);
    v.room = voice_fill_reserve(1); // and with a piece of the control stream in every cell
    for (unsigned i = 0; i < 1000; i++) {
        one_cell(&l, &v, (struct loss_view){(uint8_t)(i * 97), (uint8_t)(i * 31), i % 3 == 0});
    }
    voice_fill_wipe(&v.fill);
    sotto_voice_encoder_free(v.e);
    sotto_voice_decoder_free(v.d);
    return finish(&l);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    const unsigned minutes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 60;
    int failed = 0;
    encode_all();
#define RUN(name, call) failed += strstr((name), only) != NULL ? (call) : 0
    for (step = SOTTO_FRAME_SAMPLES; step >= SOTTO_FRAME_SAMPLES / 4; step /= 2) {
        printf("%zu samples at a time\n", step);
        RUN("fast", drift("200 ppm fast", 200, minutes));
        RUN("slow", drift("200 ppm slow", -200, minutes));
        RUN("sleep", sleeps("sleeps for 10 s", 10 * SECOND));
        RUN("sleep", sleeps("sleeps for 40 s", 40 * SECOND));
        RUN("flood", wakes_to_a_flood());
        RUN("bursts", asks_in_bursts("asks for 5 at once", 5));
        RUN("bursts", asks_in_bursts("asks for 50 at once", 50));
        RUN("devices", devices_change());
        RUN("lies", far_end_lies());
    }
    return failed == 0 ? 0 : 1;
}
