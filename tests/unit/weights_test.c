// SPDX-License-Identifier: Apache-2.0
// The weights of Opus's neural networks: known or refused. As WebAssembly also what they do.
#include "unit.h"

#include "media/voice.h"
#include "media/weights.h"
#include "sound.h"

#include <sotto/media.h>
#include <stdlib.h>

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void only_the_named_data(void **state)
{
    (void)state;
    const uint8_t abc[] = "abcd";
    struct weights_check c = {0};
    assert_int_equal(weights_check(&c, abc, 3, ABC_SHA256), WEIGHTS_GOOD);
    assert_int_equal(weights_check(&c, abc, 2, ABC_SHA256), WEIGHTS_BAD);
    assert_int_equal(weights_check(&c, abc, 4, ABC_SHA256), WEIGHTS_BAD);
    assert_int_equal(weights_check(&c, abc + 1, 3, ABC_SHA256), WEIGHTS_BAD);
    assert_int_equal(weights_check(&c, NULL, 0, ABC_SHA256), WEIGHTS_BAD);
    assert_int_equal(weights_check(&c, abc, 3, ""), WEIGHTS_BAD);
}

static void in_steps(void **state)
{
    (void)state;
    static const char zeros[] = // SHA-256 of two steps and a byte of zeros
        "b27a032984ea8a6bec700c3d6f63f8fcfbf8ff8ef87e972891feda4eea4aad0c";
    static uint8_t data[2 * WEIGHTS_STEP_BYTES + 1];
    struct weights_check c = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_MORE);
        assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_MORE);
        assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_GOOD);
    }
    // Something else in between: from the beginning.
    assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_MORE);
    assert_int_equal(weights_check(&c, data, 1, zeros), WEIGHTS_BAD);
    assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_MORE);
    assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_MORE);
    data[sizeof data - 1] = 1;
    assert_int_equal(weights_check(&c, data, sizeof data, zeros), WEIGHTS_BAD);
}

#ifndef __wasm__

static void compiled_in(void **state)
{
    (void)state;
    assert_int_equal(sotto_voice_weights((const uint8_t *)"abc", 3), SOTTO_ESTATE);
    assert_int_equal(sotto_voice_weights(NULL, 0), SOTTO_ESTATE);
}

#else

#define FRAMES      100
#define LOST_FROM   50
#define LOST_FRAMES 5 // 100 ms
#define SAMPLES     (FRAMES * SOTTO_FRAME_SAMPLES)

static uint8_t *file;
static size_t file_len;

static int read_weights(void **state)
{
    (void)state;
    FILE *f = fopen(getenv("SOTTO_WEIGHTS"), "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        return 1;
    }
    file_len = (size_t)ftell(f);
    file = malloc(file_len);
    rewind(f);
    bool all = file != NULL && fread(file, 1, file_len, f) == file_len;
    fclose(f);
    return all ? 0 : 1;
}

static struct sotto_voice_decoder *decoder(void)
{
    struct sotto_voice_decoder *d;
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    return d;
}

// Speech with a gap; d's output from there on.
static void through_a_gap(struct sotto_voice_decoder *d, int16_t *out)
{
    static int16_t in[SAMPLES];
    struct sotto_voice_encoder *e;
    (void)sound_speech(in, SAMPLES);
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    for (size_t i = 0; i < FRAMES; i++) {
        uint8_t packet[SOTTO_VOICE_PACKET_BYTES];
        bool lost = i >= LOST_FROM && i < LOST_FROM + LOST_FRAMES;
        assert_int_equal(sotto_voice_encode(e, in + i * SOTTO_FRAME_SAMPLES, packet), 0);
        assert_int_equal(sotto_voice_decode(d, lost ? NULL : packet, lost ? 0 : sizeof packet,
                                            out + i * SOTTO_FRAME_SAMPLES),
                         0);
    }
    sotto_voice_encoder_free(e);
}

static int give(const uint8_t *data, size_t len)
{
    int n = 1;
    for (size_t i = 0; n == 1 && i <= file_len / WEIGHTS_STEP_BYTES; i++) {
        n = sotto_voice_weights(data, len);
    }
    return n;
}

// How far back the last of some packets tells.
static unsigned reach_of(struct sotto_voice_encoder *e, struct voice_history *h)
{
    static int16_t in[SAMPLES];
    const struct voice_shape shape = {.bytes = 115, .history = 25};
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    (void)sound_speech(in, SAMPLES);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(voice_encode(e, &shape, in + i * SOTTO_FRAME_SAMPLES, packet), 0);
    }
    return voice_history_load(h, packet, shape.bytes, VOICE_REACH_MAX_TICKS);
}

static int16_t plain[SAMPLES], neural[SAMPLES], again[SAMPLES];

// Before any is accepted, and so that the rest can tell the difference.
static void damaged_ones_are_refused(void **state)
{
    (void)state;
    assert_int_equal(give(NULL, 0), SOTTO_EPARSE);
    assert_int_equal(give(file, 0), SOTTO_EPARSE);
    assert_int_equal(give(file, file_len - 1), SOTTO_EPARSE);
    assert_int_equal(give(file, 64), SOTTO_EPARSE);
    for (size_t at = 0; at < file_len; at += file_len / 16) {
        file[at] ^= 1;
        assert_int_equal(give(file, file_len), SOTTO_EPARSE);
        file[at] ^= 1;
    }
    struct sotto_voice_decoder *d = decoder();
    through_a_gap(d, plain);
    sotto_voice_decoder_free(d);
}

static void a_decoder_takes_them_when_they_come(void **state)
{
    (void)state;
    struct sotto_voice_decoder *d = decoder();
    struct sotto_voice_encoder *e;
    struct voice_history *h;
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    assert_int_equal(voice_history_new(&h, sotto_env_default()), 0);
    assert_false(voice_encoder_has_history(e) || voice_history_works(h));
    assert_int_equal(reach_of(e, h), 0);
    assert_int_equal(give(file, file_len), 0);
    // DRED too, where there was none.
    unsigned reach = reach_of(e, h);
    print_message("a packet tells of %u frames before it\n", reach);
    assert_true(reach >= 10);
    assert_true(voice_encoder_has_history(e) && voice_history_works(h));
    voice_history_free(h);
    sotto_voice_encoder_free(e);
    through_a_gap(d, neural);
    const size_t gap = LOST_FROM * SOTTO_FRAME_SAMPLES, n = LOST_FRAMES * SOTTO_FRAME_SAMPLES;
    assert_true(memcmp(plain, neural, gap * sizeof *plain) == 0); // the same, while all arrives
    assert_true(memcmp(plain + gap, neural + gap, n * sizeof *plain) != 0);
    double before = sound_energy(neural + gap - n, n);
    double bridged = sound_energy(neural + gap, n);
    print_message("energy before the gap %.0f, concealed plainly %.0f, with the network %.0f\n",
                  before, sound_energy(plain + gap, n), bridged);
    assert_true(bridged > before / 20 && bridged < before * 20);
    // After a reset it still has all of them: the gap sounds as it did.
    voice_decoder_reset(d);
    through_a_gap(d, again);
    print_message("after a reset: likeness %.3f\n",
                  sound_likeness(neural + gap, again + gap, n, 0));
    assert_true(sound_likeness(neural + gap, again + gap, n, 0) > 0.9);
    sotto_voice_decoder_free(d);
    // And a new one has them from the start.
    d = decoder();
    through_a_gap(d, again);
    assert_true(memcmp(neural, again, sizeof neural) == 0);
    sotto_voice_decoder_free(d);
}

static int free_weights(void **state)
{
    (void)state;
    free(file);
    return 0;
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_named_data),
        cmocka_unit_test(in_steps),
#ifndef __wasm__
        cmocka_unit_test(compiled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
        cmocka_unit_test(damaged_ones_are_refused),
        cmocka_unit_test(a_decoder_takes_them_when_they_come),
    };
    return cmocka_run_group_tests(tests, read_weights, free_weights);
#endif
}
