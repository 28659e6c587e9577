// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "tone.h"

#include <math.h>
#include <stdlib.h>

#define SECONDS 15
#define FRAMES  (SECONDS * 50)

static int16_t sound[SECONDS * AUDIO_RATE];

static void play(enum tone tone)
{
    for (size_t i = 0; i < FRAMES; i++) {
        tone_piece(tone, i * AUDIO_FRAME_SAMPLES, sound + i * AUDIO_FRAME_SAMPLES,
                   AUDIO_FRAME_SAMPLES);
    }
}

static unsigned level_at(double s)
{
    return audio_level(sound + (size_t)(s * AUDIO_RATE), AUDIO_RATE / 10);
}

// The largest difference between neighbours: what clicks.
static int steepest(void)
{
    int most = 0;
    for (size_t i = 1; i < SECONDS * AUDIO_RATE; i++) {
        int step = abs(sound[i] - sound[i - 1]);
        most = step > most ? step : most;
    }
    return most;
}

static size_t crossings(double from_s, double to_s)
{
    size_t count = 0;
    for (size_t i = (size_t)(from_s * AUDIO_RATE); i < (size_t)(to_s * AUDIO_RATE); i++) {
        count += (sound[i] < 0) != (sound[i + 1] < 0);
    }
    return count;
}

static void nothing_is_silent(void **state)
{
    (void)state;
    play(TONE_NONE);
    for (size_t i = 0; i < SECONDS * AUDIO_RATE; i++) {
        assert_int_equal(sound[i], 0);
    }
}

static void ringback_is_one_second_of_five(void **state)
{
    (void)state;
    play(TONE_RINGBACK);
    assert_true(level_at(0.5) > 40);
    assert_int_equal(level_at(1.1), 0);
    assert_int_equal(level_at(4.8), 0);
    assert_true(level_at(5.5) > 40);
    assert_in_range(crossings(0.1, 0.9), 2 * 425 * 8 / 10 - 2, 2 * 425 * 8 / 10 + 2);
}

static void ring_is_two_seconds_of_five_and_grows(void **state)
{
    (void)state;
    play(TONE_RING);
    assert_true(level_at(1.5) > 40);
    assert_int_equal(level_at(2.1), 0);
    assert_true(level_at(11) > level_at(0.5));
    assert_in_range(crossings(0.4, 1.2), 2 * 900 * 8 / 10 - 4, 2 * 900 * 8 / 10 + 4);
}

static void nothing_clicks(void **state)
{
    (void)state;
    play(TONE_RING);
    assert_true(steepest() <= (int)(0.31 * INT16_MAX * 6.2832 * 1000 / AUDIO_RATE));
    play(TONE_RINGBACK);
    assert_true(steepest() <= (int)(0.11 * INT16_MAX * 6.2832 * 425 / AUDIO_RATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_silent),
        cmocka_unit_test(ringback_is_one_second_of_five),
        cmocka_unit_test(ring_is_two_seconds_of_five_and_grows),
        cmocka_unit_test(nothing_clicks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
