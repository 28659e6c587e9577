// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/stretch.h"
#include "sound.h"

#include <stdlib.h>

#define BEFORE STRETCH_LAG_MAX
#define AFTER  2400
#define GUARD  16

static int16_t pcm[BEFORE + AFTER + STRETCH_LAG_MAX + GUARD];

static int greatest_step(const int16_t *at, size_t n)
{
    int step = 0;
    for (size_t i = 1; i < n; i++) {
        step = abs(at[i] - at[i - 1]) > step ? abs(at[i] - at[i - 1]) : step;
    }
    return step;
}

static void tone(double hertz)
{
    memset(pcm, 0, sizeof pcm);
    sound_tone(pcm, BEFORE + AFTER, hertz, 8000);
}

// By whole periods, without a click, and what follows is what followed.
static void a_tone_by_its_period(void **state)
{
    (void)state;
    for (double hertz = 80; hertz < 1000; hertz *= 1.37) {
        const double period = SOTTO_SAMPLE_RATE / hertz;
        const int step = (int)(8000 * 2 * SOUND_PI * hertz / SOTTO_SAMPLE_RATE * 1.15) + 2;
        tone(hertz);
        int16_t last = pcm[BEFORE + AFTER - 1];
        size_t by = stretch_shorten(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, false);
        assert_in_range(by, STRETCH_LAG_MIN, STRETCH_LAG_MAX);
        double periods = (double)by / period;
        assert_true(fabs(periods - round(periods)) * period < 3);
        assert_true(greatest_step(pcm, BEFORE + AFTER - by) <= step);
        assert_int_equal(pcm[BEFORE + AFTER - 1 - by], last);

        tone(hertz);
        by = stretch_lengthen(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, false);
        assert_in_range(by, STRETCH_LAG_MIN, STRETCH_LAG_MAX);
        assert_true(greatest_step(pcm, BEFORE + AFTER + by) <= step);
        assert_int_equal(pcm[BEFORE + AFTER - 1 + by], last);
    }
}

static void noise_only_by_force(void **state)
{
    (void)state;
    sound_noise(pcm, BEFORE + AFTER, 8000, 3);
    assert_int_equal(stretch_shorten(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, false), 0);
    assert_int_equal(stretch_lengthen(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, false), 0);
    assert_true(stretch_shorten(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, true) >= STRETCH_LAG_MIN);
}

static void silence_by_the_most(void **state)
{
    (void)state;
    sound_noise(pcm, BEFORE + AFTER, 20, 3);
    assert_int_equal(stretch_shorten(pcm + BEFORE, AFTER, 300, false), 300);
    assert_int_equal(stretch_lengthen(pcm + BEFORE, AFTER, STRETCH_LAG_MAX, false),
                     STRETCH_LAG_MAX);
}

// Nothing beyond what they were given.
static void bounds(void **state)
{
    (void)state;
    for (size_t lag = STRETCH_LAG_MIN; lag <= STRETCH_LAG_MAX; lag += 60) {
        size_t n = lag + STRETCH_FADE;
        tone(210);
        memset(pcm + BEFORE + n, 0x5a, sizeof pcm - (BEFORE + n) * sizeof *pcm);
        size_t by = stretch_shorten(pcm + BEFORE, n, lag, true);
        assert_true(by <= lag);
        assert_int_equal(pcm[BEFORE + n], 0x5a5a);
        tone(210);
        memset(pcm + BEFORE + n + lag, 0x5a, GUARD * sizeof *pcm);
        by = stretch_lengthen(pcm + BEFORE, n, lag, true);
        assert_true(by <= lag);
        assert_int_equal(pcm[BEFORE + n + lag], 0x5a5a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_by_its_period),
        cmocka_unit_test(noise_only_by_force),
        cmocka_unit_test(silence_by_the_most),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
