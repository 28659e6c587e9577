// SPDX-License-Identifier: Apache-2.0
// What a page has to compute, measured in the same way as WebAssembly and natively: bench/page.sh
// runs both and compares. One line a measurement: name, mean in milliseconds.
#include "sound.h"

#include <sotto/identity.h>
#include <sotto/media.h>
#include <sotto/session.h>
#include <stdlib.h>
#include <time.h>

#define HANDSHAKES 20
#define FRAMES     500 // ten seconds
#define LOSS_EVERY 10

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

// Natively they are compiled in; a page hands over the same file.
static void weights(void)
{
    const char *dir = getenv("SOTTO_WEIGHTS_DIR");
    static uint8_t data[WEIGHTS_MAX_BYTES];
    char path[512];
    if (dir == NULL || sotto_voice_weights(data, 0) == SOTTO_ESTATE) {
        return;
    }
    snprintf(path, sizeof path, "%s/plc.weights", dir);
    FILE *f = fopen(path, "rb");
    check(f != NULL, path);
    size_t len = fread(data, 1, sizeof data, f);
    fclose(f);
    check(sotto_voice_weights(data, len) == 0, "weights");
}

int main(void)
{
    handshakes();
    weights();
    (void)sound_speech(pcm, FRAMES * SOTTO_FRAME_SAMPLES);
    encode();
    decode();
    return 0;
}
