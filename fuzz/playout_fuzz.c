// SPDX-License-Identifier: Apache-2.0
// Frames of any tick, length and content at any time, and a consumer: the counts agree, the buffer
// is bounded, and a line that is clean again plays again.
#include "fuzz.h"

#include <assert.h>
#include <sotto/media.h>
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

struct world {
    struct sotto_playout *p;
    uint64_t tick;
    sotto_ns now;
    uint64_t asked;
};

static void put(struct world *w, struct input *in)
{
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES + 1];
    size_t len = (size_t)take(in, 1) % (sizeof packet + 1);
    memset(packet, 0, sizeof packet);
    for (size_t i = 0; i < len && i < 8; i++) {
        packet[i] = (uint8_t)take(in, 1);
    }
    int err = sotto_playout_put(w->p, w->tick, packet, len, w->now);
    assert(err == 0 || err == SOTTO_EREPLAY || err == SOTTO_EPARSE);
}

static void get(struct world *w)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    struct sotto_playout_stats s;
    (void)sotto_playout_get(w->p, pcm, w->now);
    w->asked++;
    sotto_playout_stats(w->p, &s);
    assert(s.played + s.concealed <= w->asked);
    assert(s.played + s.skipped + s.depth_frames <= s.received + w->asked);
    assert(s.depth_frames <= SOTTO_PLAYOUT_CAPACITY_FRAMES);
}

static void step(struct world *w, struct input *in)
{
    uint8_t op = (uint8_t)take(in, 1);
    switch (op & 7) {
    case 0:
    case 1:
        w->tick++;
        put(w, in);
        break;
    case 2:
        w->tick += (op >> 3) - 16u; // back and forth
        put(w, in);
        break;
    case 3:
        w->tick = take(in, (op >> 3) % 9);
        put(w, in);
        break;
    case 4:
    case 5:
        get(w);
        w->now += SOTTO_TICK_NS;
        break;
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
        good = sotto_playout_get(w->p, pcm, w->now + 1);
    }
    assert(good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {0};
    if (sotto_playout_new(&w.p, sotto_env_default()) != 0) {
        abort();
    }
    struct input in = {data, size};
    for (int i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&w, &in);
    }
    recover(&w);
    sotto_playout_free(w.p);
    return 0;
}
