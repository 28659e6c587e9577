// SPDX-License-Identifier: Apache-2.0
// Frames of any tick, length and content at any time, copies, history that lies, and a consumer:
// the counts agree, the buffer and the delay are bounded, and a line that is clean again plays
// again. Each input runs twice, on memory that holds other bytes when it is allocated: what is
// heard and counted is the same, so nothing stale is read.
#include "fuzz.h"

#include "media/voice.h"

#include <assert.h>
#include <sotto/media.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 400 // decoding is slow

struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t take(struct input *in, int bytes)
{
    uint64_t v = 0;
    for (; bytes > 0 && in->left > 0; bytes--, in->left--) {
        v = v << 8 | *in->at++;
    }
    return v;
}

// ---- memory that is not zero ------------------------------------------------------------------

union block {
    size_t size;
    max_align_t align;
};

// user: the byte that new memory is full of.
static void *fill_realloc(void *ptr, size_t size, void *user)
{
    union block *b = ptr != NULL ? (union block *)ptr - 1 : NULL;
    if (size == 0) {
        free(b);
        return NULL;
    }
    size_t was = b != NULL ? b->size : 0;
    union block *n = realloc(b, sizeof *n + size);
    if (n == NULL) {
        return NULL;
    }
    n->size = size;
    if (size > was) {
        memset((uint8_t *)(n + 1) + was, *(const uint8_t *)user, size - was);
    }
    return n + 1;
}

static void no_random(void *buf, size_t len, void *user)
{
    (void)user;
    memset(buf, 0, len);
}

// ---- one run ------------------------------------------------------------------------------------

struct world {
    struct sotto_playout *p;
    uint64_t tick;
    sotto_ns now;
    uint64_t asked; // samples
    uint8_t fill;   // what memory holds before it is written
    uint64_t hash;  // of all that was heard and counted
};

// FNV-1a.
static void note(struct world *w, const void *data, size_t len)
{
    for (const uint8_t *at = data, *end = at + len; at < end; at++) {
        w->hash = (w->hash ^ *at) * UINT64_C(1099511628211);
    }
}

static void note_stats(struct world *w, const struct sotto_playout_stats *s)
{
    const uint64_t all[] = {s->received,  s->played,     s->concealed,    s->late,
                            s->duplicate, s->skipped,    s->copies,       s->retold,
                            s->shortened, s->lengthened, s->depth_frames, s->jitter_us,
                            s->delay_us,  s->lag_us,     s->target_us};
    note(w, all, sizeof all);
}

// A packet that holds history, a few bytes of which the input changes.
static void put_history(struct world *w, struct input *in)
{
    static uint8_t told[SOTTO_VOICE_PACKET_MAX_BYTES];
    if (told[0] == 0) {
        const struct voice_shape shape = {.bytes = sizeof told, .history = 25};
        int16_t pcm[SOTTO_FRAME_SAMPLES];
        struct sotto_voice_encoder *e;
        if (sotto_voice_encoder_new(&e, sotto_env_default()) != 0) {
            abort();
        }
        for (uint32_t k = 0; k < 30 * SOTTO_FRAME_SAMPLES; k++) {
            pcm[k % SOTTO_FRAME_SAMPLES] = (int16_t)((k % 320) * (k % 4800) / 80);
            if (k % SOTTO_FRAME_SAMPLES == SOTTO_FRAME_SAMPLES - 1) {
                assert(voice_encode(e, &shape, pcm, told) == 0);
            }
        }
        sotto_voice_encoder_free(e);
    }
    uint8_t packet[sizeof told];
    memcpy(packet, told, sizeof packet);
    for (uint64_t n = take(in, 1) % 4; n > 0; n--) {
        packet[take(in, 1) % sizeof packet] = (uint8_t)take(in, 1);
    }
    (void)sotto_playout_put(w->p, w->tick, packet, sizeof packet, w->now);
}

static void put(struct world *w, struct input *in, bool own)
{
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES + 1];
    size_t len = (size_t)take(in, 1) % (sizeof packet + 1);
    memset(packet, 0, sizeof packet);
    for (size_t i = 0; i < len && i < 8; i++) {
        packet[i] = (uint8_t)take(in, 1);
    }
    int err = own ? sotto_playout_put(w->p, w->tick, packet, len, w->now)
                  : sotto_playout_put_copy(w->p, w->tick, packet, len, w->now);
    assert(err == 0 || err == SOTTO_EREPLAY || err == SOTTO_EPARSE);
}

static void get(struct world *w, size_t samples)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    struct sotto_playout_stats s;
    memset(pcm, w->fill, sizeof pcm);
    (void)sotto_playout_get(w->p, pcm, samples, w->now);
    w->asked += samples;
    sotto_playout_stats(w->p, &s);
    note(w, pcm, samples * sizeof *pcm);
    note_stats(w, &s);
    // What was decoded was asked for, or waits in a buffer of four frames.
    assert((s.played + s.concealed) * SOTTO_FRAME_SAMPLES + s.lengthened <=
           w->asked + 4 * SOTTO_FRAME_SAMPLES + s.shortened);
    assert(s.copies + s.retold <= s.played);
    assert(s.depth_frames <= SOTTO_PLAYOUT_CAPACITY_FRAMES);
    assert(s.target_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
}

static void step(struct world *w, struct input *in)
{
    uint8_t op = (uint8_t)take(in, 1);
    switch (op & 7) {
    case 0:
    case 1:
        w->tick++;
        if (op & 0x80) {
            put_history(w, in);
        } else {
            put(w, in, true);
        }
        break;
    case 2:
        w->tick += (op >> 3) - 16u; // back and forth
        put(w, in, (op & 8) == 0);
        break;
    case 3:
        w->tick = take(in, (op >> 3) % 9);
        put(w, in, true);
        break;
    case 4:
    case 5: {
        size_t samples = SOTTO_FRAME_SAMPLES / (1 + (size_t)(op >> 3) % 8); // 20 to 2.5 ms
        get(w, samples);
        w->now += samples * SOTTO_NS_PER_S / SOTTO_SAMPLE_RATE;
        break;
    }
    case 6:
        w->now += (op >> 3) * 3 * SOTTO_NS_PER_MS;
        break;
    default:
        if (op == 0xff) {
            sotto_playout_reset(w->p);
        } else {
            w->now = take(in, (op >> 3) % 9);
        }
    }
}

static void recover(struct world *w)
{
    static const uint8_t packet[60] = {0xf8}; // CELT, 20 ms
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    bool good = false;
    w->now &= UINT64_MAX / 2;
    sotto_playout_reset(w->p);
    for (uint64_t t = 0; t < 20; t++, w->now += SOTTO_TICK_NS) {
        assert(sotto_playout_put(w->p, t, packet, sizeof packet, w->now) == 0);
        good = sotto_playout_get(w->p, pcm, SOTTO_FRAME_SAMPLES, w->now + 1);
        struct sotto_playout_stats s;
        sotto_playout_stats(w->p, &s);
        assert(s.lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
        note(w, pcm, sizeof pcm);
    }
    assert(good);
}

static uint64_t run(const uint8_t *data, size_t size, uint8_t fill)
{
    struct world w = {.fill = fill, .hash = UINT64_C(14695981039346656037)};
    const struct sotto_env env = {.realloc = fill_realloc, .random = no_random, .user = &w.fill};
    if (sotto_playout_new(&w.p, &env) != 0) {
        abort();
    }
    struct input in = {data, size};
    for (int i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&w, &in);
    }
    recover(&w);
    sotto_playout_free(w.p);
    return w.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t one = run(data, size, 0xa5), other = run(data, size, 0x5a);
    assert(one == other);
    return 0;
}
