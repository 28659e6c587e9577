// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "likeness.h"

#include <math.h>
#include <sotto/media.h>
#include <stdlib.h>
#include <string.h>

#define PI      3.14159265358979
#define SECONDS 8
#define RATE    48000
#define SAMPLES (SECONDS * RATE)

static int16_t *make_speech(uint32_t seed)
{
    int16_t *pcm = calloc(SAMPLES, sizeof(*pcm));
    assert_non_null(pcm);
    speech_make(pcm, SAMPLES, seed);
    return pcm;
}

static uint32_t random_state;

static double chance(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) / 16777216.0;
}

static struct likeness measure_parts(const int16_t *spoken, size_t spoken_samples,
                                     const int16_t *heard, size_t heard_samples,
                                     unsigned stretch_ms)
{
    struct sound x = {0}, y = {0};
    struct likeness l = {0};
    assert_int_equal(sound_from_48k(&x, spoken, spoken_samples), 0);
    assert_int_equal(sound_from_48k(&y, heard, heard_samples), 0);
    assert_int_equal(x.samples, spoken_samples * LIKENESS_RATE / RATE);
    assert_true(likeness_measure(&l, &x, &y, stretch_ms));
    free(x.pcm);
    free(y.pcm);
    return l;
}

static struct likeness measure(const int16_t *spoken, const int16_t *heard, size_t heard_samples)
{
    return measure_parts(spoken, SAMPLES, heard, heard_samples, LIKENESS_STRETCH_MS);
}

// ---- the parts ----------------------------------------------------------------------------------

static void fft_finds_a_tone_and_an_impulse(void **state)
{
    (void)state;
    float re[64] = {0}, im[64] = {0};
    for (int i = 0; i < 64; i++) {
        re[i] = (float)cos(2 * PI * 5 * i / 64);
    }
    fft(re, im, 64);
    for (int k = 0; k < 64; k++) {
        double want = k == 5 || k == 59 ? 32 : 0;
        assert_true(fabs(hypot(re[k], im[k]) - want) < 1e-3);
    }
    float one[8] = {0, 1}, none[8] = {0};
    fft(one, none, 8);
    for (int k = 0; k < 8; k++) {
        assert_true(fabs(one[k] - cos(-2 * PI * k / 8)) < 1e-6);
        assert_true(fabs(none[k] - sin(-2 * PI * k / 8)) < 1e-6);
    }
}

// ---- the whole ----------------------------------------------------------------------------------

static void the_same_sound_is_alike(void **state)
{
    (void)state;
    int16_t *a = make_speech(1);
    struct likeness l = measure(a, a, SAMPLES);
    assert_true(l.likeness > 0.999 && l.likeness < 1.001);
    assert_true(l.estoi > 0.999);
    assert_true(fabs(l.delay_ms) < 0.01);
    assert_true(l.lost < 1e-9);
    assert_true(fabs(l.gain_db) < 0.01);
    assert_false(l.silent);
    free(a);
}

static void delay_and_gain_are_found(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES, sizeof(*b));
    size_t delay = 6590; // 137.3 ms
    for (size_t i = delay; i < SAMPLES; i++) {
        b[i] = a[i - delay] / 2;
    }
    struct likeness l = measure(a, b, SAMPLES);
    assert_true(fabs(l.delay_ms - 137.3) < 0.2);
    assert_true(fabs(l.gain_db + 6.02) < 0.3);
    assert_true(l.likeness > 0.95);
    // Half of it missing is half of it lost, whatever the gain.
    memset(b + SAMPLES / 4, 0, SAMPLES * 6 / 10 * sizeof(*b));
    l = measure(a, b, SAMPLES);
    assert_true(l.lost > 0.5 && l.lost < 0.75);
    assert_true(fabs(l.gain_db + 6.02) < 0.3);
    memset(b, 0, SAMPLES * sizeof(*b));
    memcpy(b + delay, a, (SAMPLES - delay) * sizeof(*b));
    // And the other way round.
    l = measure(b, a, SAMPLES);
    assert_true(fabs(l.delay_ms + 137.3) < 0.2);
    free(a);
    free(b);
}

static void through_the_codec(int16_t *to, const int16_t *from)
{
    struct sotto_voice_encoder *e = NULL;
    struct sotto_voice_decoder *d = NULL;
    uint8_t packet[SOTTO_VOICE_PACKET_BYTES];
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    for (size_t at = 0; at + SOTTO_FRAME_SAMPLES <= SAMPLES; at += SOTTO_FRAME_SAMPLES) {
        assert_int_equal(sotto_voice_encode(e, from + at, packet), 0);
        sotto_voice_decode(d, packet, sizeof(packet), to + at);
    }
    sotto_voice_encoder_free(e);
    sotto_voice_decoder_free(d);
}

static void the_codec_leaves_speech_alike(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES, sizeof(*b));
    through_the_codec(b, a);
    struct likeness l = measure(a, b, SAMPLES);
    assert_true(l.likeness > LIKENESS_SAME + 0.1);
    assert_true(l.lost < 0.02);
    assert_true(l.delay_ms > 0 && l.delay_ms < 15); // the codec's own, 6.5 ms
    free(a);
    free(b);
}

static void other_speech_is_not_alike(void **state)
{
    (void)state;
    int16_t *a = make_speech(1);
    for (uint32_t seed = 2; seed < 6; seed++) {
        int16_t *b = make_speech(seed);
        struct likeness l = measure(a, b, SAMPLES);
        assert_true(l.likeness < LIKENESS_SAME - 0.2);
        assert_false(l.silent);
        l = measure_parts(a, SAMPLES / 4, b, SAMPLES / 4, LIKENESS_STRETCH_MIN_MS);
        assert_true(l.likeness < LIKENESS_SAME - 0.2);
        free(b);
    }
    free(a);
}

static void silence_is_told_from_speech(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES, sizeof(*b));
    for (size_t i = 0; i < SAMPLES; i++) {
        b[i] = (int16_t)(i % 3) - 1; // an idle converter
    }
    struct likeness l = measure(a, b, SAMPLES);
    assert_true(l.silent);
    assert_true(l.likeness <= 0 && l.lost >= 1);
    // Silence cannot be compared with anything.
    struct sound x = {0}, y = {0};
    assert_int_equal(sound_from_48k(&x, b, SAMPLES), 0);
    assert_int_equal(sound_from_48k(&y, a, SAMPLES), 0);
    assert_false(likeness_measure(&l, &x, &y, LIKENESS_STRETCH_MS));
    free(x.pcm);
    free(y.pcm);
    free(a);
    free(b);
}

static void lost_frames_are_counted(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES, sizeof(*b));
    memcpy(b, a, SAMPLES * sizeof(*b));
    for (size_t at = 0; at + 960 <= SAMPLES; at += 9600) { // every tenth
        memset(b + at, 0, 960 * sizeof(*b));
    }
    struct likeness l = measure(a, b, SAMPLES);
    assert_true(l.lost > 0.07 && l.lost < 0.13);
    assert_true(l.likeness < 0.99);
    free(a);
    free(b);
}

static void a_delay_that_changes_is_followed(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES + 960, sizeof(*b));
    size_t half = SAMPLES / 2;
    memcpy(b, a, half * sizeof(*b));
    memcpy(b + half + 960, a + half, (SAMPLES - half) * sizeof(*b)); // 20 ms put in
    struct likeness l = measure(a, b, SAMPLES + 960);
    assert_true(fabs(l.delay_max_ms - l.delay_min_ms - 20) < 0.5);
    assert_true(l.likeness > l.estoi);
    assert_true(l.likeness > 0.95);
    free(a);
    free(b);
}

static void so_is_one_that_changes_before_the_last_stretch(void **state)
{
    (void)state;
    int16_t *a = make_speech(3), *b = calloc(SAMPLES, sizeof(*b));
    size_t four = RATE * 4, at = RATE * 2;
    memcpy(b, a, at * sizeof(*b));
    memcpy(b + at, a + at + 960, (four - at) * sizeof(*b)); // 20 ms left out
    for (size_t end = four; end >= four - RATE; end -= RATE / 2) {
        struct likeness l = measure_parts(a, end, b, end, LIKENESS_STRETCH_MS);
        assert_true(l.estoi < 0.9);
        assert_true(l.likeness > 0.95);
    }
    free(a);
    free(b);
}

// As by two jitter buffers on a busy machine.
static void a_delay_that_changes_all_the_time_takes_short_stretches(void **state)
{
    (void)state;
    int16_t *a = make_speech(3), *b = calloc(SAMPLES, sizeof(*b));
    size_t part = RATE * 2 / 5;
    for (size_t at = 0; at + part <= SAMPLES; at += part) {
        size_t delay = at / part % 3 * 2880; // 0, 60, 120 ms
        memcpy(b + at + delay, a + at, (part - delay) * sizeof(*b));
    }
    struct likeness l = measure(a, b, SAMPLES);
    assert_true(l.likeness < LIKENESS_SAME);
    l = measure_parts(a, SAMPLES, b, SAMPLES, LIKENESS_STRETCH_MIN_MS);
    assert_true(l.likeness > LIKENESS_SAME + 0.1);
    free(a);
    free(b);
}

static void noise_makes_it_less(void **state)
{
    (void)state;
    int16_t *a = make_speech(1), *b = calloc(SAMPLES, sizeof(*b));
    double last = 1;
    for (int level = 200; level <= 20000; level *= 10) {
        random_state = 99;
        for (size_t i = 0; i < SAMPLES; i++) {
            b[i] = (int16_t)fmax(fmin(a[i] + level * (chance() - 0.5), 32767), -32768);
        }
        struct likeness l = measure(a, b, SAMPLES);
        assert_true(l.likeness < last);
        last = l.likeness;
    }
    assert_true(last < 0.5);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fft_finds_a_tone_and_an_impulse),
        cmocka_unit_test(the_same_sound_is_alike),
        cmocka_unit_test(delay_and_gain_are_found),
        cmocka_unit_test(the_codec_leaves_speech_alike),
        cmocka_unit_test(other_speech_is_not_alike),
        cmocka_unit_test(silence_is_told_from_speech),
        cmocka_unit_test(lost_frames_are_counted),
        cmocka_unit_test(a_delay_that_changes_is_followed),
        cmocka_unit_test(so_is_one_that_changes_before_the_last_stretch),
        cmocka_unit_test(a_delay_that_changes_all_the_time_takes_short_stretches),
        cmocka_unit_test(noise_makes_it_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
