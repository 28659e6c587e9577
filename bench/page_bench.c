// SPDX-License-Identifier: Apache-2.0
// What a page has to compute, measured in the same way as WebAssembly and natively: bench/page.sh
// runs both and compares. One line a measurement: name, mean in milliseconds.
#include "media/stretch.h"
#include "media/voice_fill.h"
#include "sound.h"

#include <sotto/identity.h>
#include <sotto/media.h>
#include <sotto/session.h>
#include <stdlib.h>
#include <time.h>

#define HANDSHAKES 20
#define FRAMES     500 // ten seconds
#define LOSS_EVERY 10
#define ROUNDS     3 // of a call's voice: the machine does other things too

#define WEIGHTS_MAX_BYTES (8 << 20)

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "page_bench: %s failed\n", what);
        exit(1);
    }
}

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void say(const char *name, double total_ms, size_t times)
{
    printf("%s %.3f\n", name, total_ms / (double)times);
    fflush(stdout);
}

// ---- a handshake: both ends, from the first flight to CONFIRMED
// -----------------------------------

static void pass(struct sotto_session *from, struct sotto_session *to)
{
    static uint8_t flight[SOTTO_FLIGHT_MAX_BYTES];
    int n;
    while ((n = sotto_session_write(from, flight, sizeof flight, 0)) > 0) {
        check(sotto_session_read(to, flight, (size_t)n, 0) == 0, "read");
    }
}

static void handshake(struct sotto_identity *const id[2], enum sotto_suite suite)
{
    struct sotto_session *side[2];
    struct sotto_secret secret = {.bytes = {1}}, key;
    for (size_t i = 0; i < 2; i++) {
        const struct sotto_session_config cfg = {
            .role = i == 0 ? SOTTO_CALLER : SOTTO_CALLEE,
            .suite = suite,
            .identity = id[i],
            .secret = &secret,
            .purpose = "call",
        };
        check(sotto_session_new(&side[i], &cfg, sotto_env_default(), 0) == 0, "new");
    }
    pass(side[0], side[1]);
    pass(side[1], side[0]);
    pass(side[0], side[1]);
    check(sotto_session_confirm(side[1], 0) == 0, "callee's confirm");
    pass(side[1], side[0]);
    check(sotto_session_confirm(side[0], 0) == 0, "caller's confirm");
    pass(side[0], side[1]);
    check(sotto_session_media_key(side[1], SOTTO_CALLER, &key) == 0, "media key");
    sotto_session_free(side[0]);
    sotto_session_free(side[1]);
}

static void handshakes(void)
{
    struct sotto_identity *id[2];
    for (size_t i = 0; i < 2; i++) {
        check(sotto_identity_generate(&id[i], sotto_env_default()) == 0, "identity");
    }
    static const struct {
        const char *name;
        enum sotto_suite suite;
    } suites[] = {{"handshake", SOTTO_SUITE_HYBRID}, {"handshake-cnsa2", SOTTO_SUITE_CNSA2}};
    for (size_t s = 0; s < sizeof suites / sizeof suites[0]; s++) {
        handshake(id, suites[s].suite);
        double start = now_ms();
        for (size_t i = 0; i < HANDSHAKES; i++) {
            handshake(id, suites[s].suite);
        }
        say(suites[s].name, now_ms() - start, HANDSHAKES);
    }
    sotto_identity_free(id[0]);
    sotto_identity_free(id[1]);
}

// ---- voice: frames of 20 ms
// ------------------------------------------------------------------------

static int16_t pcm[FRAMES * SOTTO_FRAME_SAMPLES];
static uint8_t packets[FRAMES][SOTTO_VOICE_PACKET_BYTES];

static void encode(void)
{
    struct sotto_voice_encoder *e;
    check(sotto_voice_encoder_new(&e, sotto_env_default()) == 0, "encoder");
    double start = now_ms();
    for (size_t i = 0; i < FRAMES; i++) {
        check(sotto_voice_encode(e, pcm + i * SOTTO_FRAME_SAMPLES, packets[i]) == 0, "encode");
    }
    say("encode", now_ms() - start, FRAMES);
    sotto_voice_encoder_free(e);
}

static void decode(void)
{
    struct sotto_voice_decoder *d;
    int16_t out[SOTTO_FRAME_SAMPLES];
    double decoded_ms = 0, concealed_ms = 0;
    size_t concealed = 0;
    check(sotto_voice_decoder_new(&d, sotto_env_default()) == 0, "decoder");
    for (size_t i = 0; i < FRAMES; i++) {
        bool lost = i % LOSS_EVERY == LOSS_EVERY - 1;
        double start = now_ms();
        check(sotto_voice_decode(d, lost ? NULL : packets[i], lost ? 0 : SOTTO_VOICE_PACKET_BYTES,
                                 out) == 0,
              "decode");
        *(lost ? &concealed_ms : &decoded_ms) += now_ms() - start;
        concealed += lost;
    }
    say("decode", decoded_ms, FRAMES - concealed);
    say("conceal", concealed_ms, concealed);
    sotto_voice_decoder_free(d);
}

// DRED of half a second: taken in whole, and a frame spoken from it.
static void history(void)
{
    const struct voice_shape shape = {.bytes = 111, .history = 25};
    struct sotto_voice_encoder *e;
    struct sotto_voice_decoder *d = NULL;
    struct voice_history *h = NULL;
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    int16_t out[SOTTO_FRAME_SAMPLES];
    double load_ms = 0, decode_ms = 0;
    check(sotto_voice_encoder_new(&e, sotto_env_default()) == 0 &&
              sotto_voice_decoder_new(&d, sotto_env_default()) == 0 &&
              voice_history_new(&h, sotto_env_default()) == 0,
          "history");
    size_t told = 0;
    for (size_t i = 0; i < FRAMES; i++) {
        check(voice_encode(e, &shape, pcm + i * SOTTO_FRAME_SAMPLES, packet) == 0, "encode");
        double start = now_ms();
        unsigned reach = voice_history_load(h, packet, shape.bytes, VOICE_REACH_MAX_TICKS);
        load_ms += now_ms() - start;
        start = now_ms();
        if (reach > 0 && i % LOSS_EVERY == 0) {
            check(voice_decode_history(d, h, 1, out) == 0, "decode of history");
            told++;
            decode_ms += now_ms() - start;
        }
        check(sotto_voice_decode(d, packet, shape.bytes, out) == 0, "decode");
    }
    check(told > FRAMES / LOSS_EVERY / 2, "history");
    say("dred-load", load_ms, FRAMES);
    say("dred-decode", decode_ms, told);
    voice_history_free(h);
    sotto_voice_decoder_free(d);
    sotto_voice_encoder_free(e);
}

static void stretch(void)
{
    static int16_t sound[STRETCH_LAG_MAX + 3 * SOTTO_FRAME_SAMPLES + STRETCH_LAG_MAX];
    size_t by = 0;
    double start = now_ms();
    for (size_t i = 0; i + 3 < FRAMES; i++) {
        int16_t *next = sound + STRETCH_LAG_MAX;
        memcpy(next, pcm + i * SOTTO_FRAME_SAMPLES, 3 * SOTTO_FRAME_SAMPLES * sizeof *next);
        by += i % 2 == 0 ? stretch_shorten(next, 3 * SOTTO_FRAME_SAMPLES, STRETCH_LAG_MAX, true)
                         : stretch_lengthen(next, 3 * SOTTO_FRAME_SAMPLES, STRETCH_LAG_MAX, true);
    }
    say("stretch", now_ms() - start, FRAMES - 3);
    check(by > 0, "stretch");
}

// ---- all that a call's voice takes in 20 ms: a cell is filled, what has come is taken in and
// played

struct network {
    const char *name;
    bool neural;
    unsigned per_mille, burst; // cells lost: how many, and in a row
    struct loss_view report;
};

static void one_tick(const struct network *n, struct voice_fill *fill,
                     struct sotto_voice_encoder *e, struct sotto_playout *p, size_t i, bool lost)
{
    int16_t out[SOTTO_FRAME_SAMPLES];
    struct cell_content c = {0};
    sotto_ns now = i * SOTTO_TICK_NS;
    (void)n;
    check(voice_fill_cell(fill, e, pcm + i * SOTTO_FRAME_SAMPLES, CELL_ROOM_USUAL_BYTES, &c) == 0,
          "fill");
    for (size_t k = 0; !lost && k < c.earlier_count; k++) {
        (void)sotto_playout_put_copy(p, i - c.earlier[k].distance, c.earlier[k].packet,
                                     c.earlier[k].len, now);
    }
    if (!lost) {
        (void)sotto_playout_put(p, i, c.voice, c.voice_len, now);
    }
    (void)sotto_playout_get(p, out, SOTTO_FRAME_SAMPLES, now + 1);
}

// Each round does the very same: the least of each tick's times is what it takes.
static void call_once(const struct network *n, double least_ms[FRAMES], bool first)
{
    struct sotto_voice_encoder *e;
    struct sotto_playout *p = NULL;
    struct voice_fill fill;
    uint64_t rng = 7;
    unsigned left = 0;
    check(sotto_voice_encoder_new(&e, sotto_env_default()) == 0 &&
              sotto_playout_new(&p, sotto_env_default()) == 0,
          "voice");
    voice_encoder_set_neural(e, n->neural);
    sotto_playout_set_neural(p, n->neural);
    voice_fill_init(&fill);
    voice_fill_report(&fill, n->report);
    for (size_t i = 0; i < FRAMES; i++) {
        if (left == 0 && i > 10 && prng_below(&rng, 1000 * n->burst) < n->per_mille) {
            left = n->burst;
        }
        double start = now_ms();
        one_tick(n, &fill, e, p, i, left > 0);
        double took = now_ms() - start;
        least_ms[i] = first || took < least_ms[i] ? took : least_ms[i];
        left -= left > 0;
    }
    if (getenv("PAGE_BENCH_VERBOSE") != NULL) {
        struct sotto_playout_stats s;
        sotto_playout_stats(p, &s);
        fprintf(stderr, "%s: played %u, copies %u, retold %u, concealed %u\n", n->name,
                (unsigned)s.played, (unsigned)s.copies, (unsigned)s.retold, (unsigned)s.concealed);
    }
    sotto_voice_encoder_free(e);
    sotto_playout_free(p);
}

static void calls(void)
{
    static const struct network networks[] = {
        {"frame-clean", true, 0, 1, {0, 0, true}},
        {"frame-lost-20", true, 200, 1, {51, 5, true}},
        {"frame-bursts-120", true, 100, 6, {26, 24, true}},
        {"frame-bursts-250", true, 100, 12, {26, 48, true}},
        {"frame-plain-20", false, 200, 1, {51, 5, false}},
    };
    for (size_t k = 0; k < sizeof networks / sizeof networks[0]; k++) {
        static double ms[FRAMES];
        char worst[64];
        double sum = 0, most = 0;
        for (int round = 0; round < ROUNDS; round++) {
            call_once(&networks[k], ms, round == 0);
        }
        for (size_t i = 0; i < FRAMES; i++) {
            sum += ms[i];
            most = ms[i] > most ? ms[i] : most;
        }
        say(networks[k].name, sum, FRAMES);
        snprintf(worst, sizeof worst, "%s-worst", networks[k].name);
        say(worst, most, 1);
    }
}

// Natively they are compiled in; a page hands over the same file.
static void weights(void)
{
    const char *path = getenv("SOTTO_WEIGHTS");
    static uint8_t data[WEIGHTS_MAX_BYTES];
    if (path == NULL || sotto_voice_weights(data, 0) == SOTTO_ESTATE) {
        return;
    }
    FILE *f = fopen(path, "rb");
    check(f != NULL, path);
    size_t len = fread(data, 1, sizeof data, f);
    fclose(f);
    int n;
    double start = now_ms(), most = 0;
    do {
        double step = now_ms();
        n = sotto_voice_weights(data, len);
        step = now_ms() - step;
        most = step > most ? step : most;
    } while (n == 1);
    if (getenv("PAGE_BENCH_VERBOSE") != NULL) {
        fprintf(stderr, "weights: %.1f ms, a step %.2f ms\n", now_ms() - start, most);
    }
    check(n == 0, "weights");
}

int main(void)
{
    handshakes();
    weights();
    (void)sound_speech(pcm, FRAMES * SOTTO_FRAME_SAMPLES);
    encode();
    decode();
    history();
    stretch();
    calls();
    return 0;
}
