// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "processing.h"
#include "sound.h"

#include <stdlib.h>

#define RATE    48000
#define SECONDS 12
#define SAMPLES (SECONDS * RATE)
#define BLOCK   960
#define DELAY   (RATE * 70 / 1000) // from the call that plays a sound to its echo

static int16_t far[SAMPLES], near[SAMPLES];

static double rms(const int16_t *pcm, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sqrt(sum / (double)n);
}

// What happens to the streams at a given 20 ms block.
enum trouble {
    NONE,
    LATE_LOOP,  // the program is held up for 60 ms every second: the loudspeaker runs dry
    DRY_SYSTEM, // the sound system itself plays 40 ms of silence, once, and tells nobody
    STOPPED,    // the loudspeaker is gone for half a second
    DEAF,       // the microphone is, and what it would have heard is lost
};

// Plays and hears; returns the loudness of what is left of the echo in the last two seconds,
// against that of the echo.
static double echo_left(enum trouble trouble)
{
    static int16_t out[SAMPLES + PROCESSING_FRAME_SAMPLES];
    struct processing *p = NULL;
    assert_int_equal(processing_new(&p), 0);
    sound_synth_speech(far, SAMPLES);
    size_t heard = 0, played = 0;
    memset(near, 0, sizeof(near));
    size_t held = 0, gap = 0; // blocks that wait
    for (size_t block = 0; block < SAMPLES / BLOCK; block++) {
        bool late = trouble == LATE_LOOP && block % 50 >= 30 && block % 50 < 33;
        bool dry = trouble == DRY_SYSTEM && block >= 200 && block < 202;
        bool stopped = trouble == STOPPED && block >= 200 && block < 225;
        // The echo of what is written now; a loudspeaker that is not written to plays silence.
        size_t at = block * BLOCK;
        for (size_t i = 0; i < BLOCK && at + i + DELAY < SAMPLES; i++) {
            bool silent = late || stopped || dry;
            near[at + i + DELAY] = (int16_t)(silent ? 0 : far[played + i] / 2);
        }
        held++;
        if (trouble == DEAF && block >= 100 && block < 125) {
            processing_far(p, far + played, BLOCK);
            played += BLOCK;
            held = 0;
            continue;
        }
        if (late) {
            gap++;
            continue;
        }
        int16_t work[8 * BLOCK];
        size_t n = held * BLOCK;
        memcpy(work, near + (block + 1 - held) * BLOCK, n * sizeof(*work));
        n = processing_near(p, work, n);
        assert_true(heard + n <= SAMPLES);
        memcpy(out + heard, work, n * sizeof(*work));
        heard += n;
        held = 0;
        if (stopped || dry) {
            continue; // nothing is asked for
        }
        processing_far(p, NULL, gap * BLOCK);
        gap = 0;
        processing_far(p, far + played, BLOCK);
        played += BLOCK;
    }
    processing_free(p);
    size_t from = SAMPLES - 2 * RATE;
    return rms(out + from, heard - from) / rms(near + from, SAMPLES - from);
}

static void test_echo_is_taken_out(void **state)
{
    (void)state;
    assert_true(echo_left(NONE) < 0.05); // 26 dB
}

static void test_late_program_keeps_the_count(void **state)
{
    (void)state;
    assert_true(echo_left(LATE_LOOP) < 0.1);
}

static void test_follows_a_sound_system_that_ran_dry(void **state)
{
    (void)state;
    assert_true(echo_left(DRY_SYSTEM) < 0.05);
}

static void test_loudspeaker_comes_back(void **state)
{
    (void)state;
    assert_true(echo_left(STOPPED) < 0.05);
}

static void test_microphone_comes_back(void **state)
{
    (void)state;
    assert_true(echo_left(DEAF) < 0.05);
}

static void test_whole_frames(void **state)
{
    (void)state;
    struct processing *p = NULL;
    int16_t pcm[4000 + PROCESSING_FRAME_SAMPLES] = {0};
    size_t in = 0, out = 0;
    uint64_t seed = 7;
    assert_int_equal(processing_new(&p), 0);
    for (int i = 0; i < 500; i++) {
        size_t n = prng_below(&seed, 4000);
        in += n;
        size_t got = processing_near(p, pcm, n);
        out += got;
        assert_int_equal(got % PROCESSING_FRAME_SAMPLES, 0);
        assert_true(in - out < PROCESSING_FRAME_SAMPLES);
        // However much is played, and in whatever pieces.
        processing_far(p, i % 3 == 0 ? NULL : pcm, prng_below(&seed, 4000));
        if (i == 250) {
            assert_int_equal(processing_reset(p), 0);
            out = in;
        }
    }
    // What one may say at once is not bounded by the ring.
    processing_far(p, NULL, 10 * PROCESSING_FAR_SAMPLES);
    processing_free(p);
    processing_free(NULL);
}

// Nobody at the other end: the voice passes, louder or quieter but not gone.
static void test_voice_passes(void **state)
{
    (void)state;
    struct processing *p = NULL;
    int16_t work[BLOCK + PROCESSING_FRAME_SAMPLES];
    static int16_t out[SAMPLES];
    assert_int_equal(processing_new(&p), 0);
    sound_synth_speech(near, SAMPLES);
    memset(far, 0, sizeof(far));
    for (size_t at = 0; at + BLOCK <= SAMPLES; at += BLOCK) {
        memcpy(work, near + at, BLOCK * sizeof(*work));
        assert_int_equal(processing_near(p, work, BLOCK), BLOCK);
        memcpy(out + at, work, BLOCK * sizeof(*work));
        processing_far(p, far, BLOCK);
    }
    processing_free(p);
    double gain = rms(out + RATE, SAMPLES - RATE) / rms(near + RATE, SAMPLES - RATE);
    assert_true(gain > 0.4 && gain < 4);
}

// With nobody speaking nothing is to be heard, however long it takes.
static void test_silence_stays_silent(void **state)
{
    (void)state;
    struct processing *p = NULL;
    int16_t work[BLOCK + PROCESSING_FRAME_SAMPLES];
    assert_int_equal(processing_new(&p), 0);
    for (size_t at = 0; at + BLOCK <= SAMPLES; at += BLOCK) {
        memset(work, 0, sizeof(work));
        assert_int_equal(processing_near(p, work, BLOCK), BLOCK);
        assert_true(rms(work, BLOCK) < 2);
        processing_far(p, NULL, BLOCK);
    }
    processing_free(p);
}

// Sounds that no voice makes. The library checks itself and would end the program.
static int16_t harsh(unsigned kind, size_t i, uint64_t *seed)
{
    switch (kind % 6) {
    case 0:
        return 0;
    case 1:
        return (int16_t)((int)prng_below(seed, 65536) - 32768); // white noise
    case 2:
        return i / 50 % 2 == 0 ? INT16_MAX : INT16_MIN; // a square wave
    case 3:
        return INT16_MIN; // a constant
    case 4:
        return i % 4800 == 0 ? INT16_MAX : 0; // clicks
    default:
        return i % 2 == 0 ? 1 : -1;
    }
}

static void test_harsh_sounds(void **state)
{
    (void)state;
    struct processing *p = NULL;
    int16_t work[BLOCK + PROCESSING_FRAME_SAMPLES], loud[BLOCK];
    uint64_t seed = 11;
    assert_int_equal(processing_new(&p), 0);
    // Each at the near end against each at the far one, half a second.
    for (unsigned pair = 0; pair < 36; pair++) {
        for (size_t at = 0; at < RATE / 2; at += BLOCK) {
            for (size_t i = 0; i < BLOCK; i++) {
                work[i] = harsh(pair, at + i, &seed);
                loud[i] = harsh(pair / 6, at + i, &seed);
            }
            assert_int_equal(processing_near(p, work, BLOCK), BLOCK);
            processing_far(p, loud, BLOCK);
        }
    }
    // And it still cancels nothing that is the near voice.
    sound_synth_speech(near, SAMPLES);
    double out = 0, in = 0;
    for (size_t at = 0; at + BLOCK <= SAMPLES; at += BLOCK) {
        memcpy(work, near + at, BLOCK * sizeof(*work));
        assert_int_equal(processing_near(p, work, BLOCK), BLOCK);
        processing_far(p, NULL, BLOCK);
        if (at >= SAMPLES / 2) {
            out += rms(work, BLOCK);
            in += rms(near + at, BLOCK);
        }
    }
    assert_true(out / in > 0.4 && out / in < 4);
    processing_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_is_taken_out),
        cmocka_unit_test(test_late_program_keeps_the_count),
        cmocka_unit_test(test_follows_a_sound_system_that_ran_dry),
        cmocka_unit_test(test_loudspeaker_comes_back),
        cmocka_unit_test(test_microphone_comes_back),
        cmocka_unit_test(test_whole_frames),
        cmocka_unit_test(test_voice_passes),
        cmocka_unit_test(test_silence_stays_silent),
        cmocka_unit_test(test_harsh_sounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
