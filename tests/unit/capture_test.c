// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "capture.h"

#include <stdlib.h>
#include <string.h>

#define FRAME SOTTO_FRAME_SAMPLES

static struct capture c;
static int16_t said, out[FRAME];

static int setup(void **state)
{
    (void)state;
    capture_reset(&c);
    said = 0;
    return 0;
}

// A slow ramp: a cut shows as a step.
static void say(size_t samples)
{
    int16_t pcm[4 * FRAME];
    for (size_t i = 0; i < samples; i++)
        pcm[i] = said++ / 4;
    capture_put(&c, pcm, samples);
}

static void frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    assert_false(capture_take(&c, out));
    say(FRAME + 10);
    assert_true(capture_take(&c, out));
    assert_int_equal(out[FRAME - 1], (FRAME - 1) / 4);
    assert_int_equal(c.samples, 10);
    assert_false(capture_take(&c, out));
}

static void too_much_loses_the_oldest(void **state)
{
    (void)state;
    say(2 * FRAME);
    say(2 * FRAME);
    assert_int_equal(c.samples, CAPTURE_FRAMES_MAX * FRAME);
    assert_true(capture_take(&c, out));
    assert_int_equal(out[0], FRAME / 4);
}

static void a_phase_is_cut_to_the_margin(void **state)
{
    (void)state;
    say(FRAME * 3 / 4);
    for (int i = 0; i < 2 * CAPTURE_SHRINK_TICKS; i++) {
        say(FRAME);
        assert_true(capture_take(&c, out));
    }
    assert_int_equal(c.samples, CAPTURE_MARGIN_SAMPLES);
}

static void a_cut_is_faded(void **state)
{
    int16_t last = 0;
    (void)state;
    say(FRAME * 3 / 4);
    for (int i = 0; i < 30; i++) { // within the ramp's range
        c.ticks = i == 20 ? CAPTURE_SHRINK_TICKS - 1 : c.ticks;
        say(FRAME);
        assert_true(capture_take(&c, out));
        for (size_t k = 0; k < FRAME; k++) {
            assert_true(abs(out[k] - last) <= 3);
            last = out[k];
        }
    }
    assert_int_equal(c.samples, CAPTURE_MARGIN_SAMPLES);
}

static void uneven_bursts_are_not_cut_into(void **state)
{
    (void)state;
    for (int i = 0; i < 4 * CAPTURE_SHRINK_TICKS; i++) { // 15 ms and 25 ms in turn
        say(i % 2 == 0 ? FRAME * 5 / 4 : FRAME * 3 / 4);
        assert_true(capture_take(&c, out));
    }
}

static void what_comes_too_late_widens_the_margin_up_to_a_frame(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        say(FRAME);
        assert_true(capture_take(&c, out));
        assert_false(capture_take(&c, out));
        assert_false(capture_take(&c, out)); // the same gap
        size_t want = (size_t)CAPTURE_MARGIN_SAMPLES << (round + 1);
        assert_int_equal(c.margin, want < FRAME ? want : FRAME);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_come_out_as_they_went_in, setup),
        cmocka_unit_test_setup(too_much_loses_the_oldest, setup),
        cmocka_unit_test_setup(a_phase_is_cut_to_the_margin, setup),
        cmocka_unit_test_setup(a_cut_is_faded, setup),
        cmocka_unit_test_setup(uneven_bursts_are_not_cut_into, setup),
        cmocka_unit_test_setup(what_comes_too_late_widens_the_margin_up_to_a_frame, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
