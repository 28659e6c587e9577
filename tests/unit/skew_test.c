// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "skew.h"

#include <math.h>
#include <stdlib.h>

#define CHUNK   960
#define MINUTES 10
#define CHUNKS  (MINUTES * 60 * 50)

struct outcome {
    int64_t passed, due;
    int largest_jump;
};

// A card whose clock is off by `ppm` plays a 200 Hz sine for ten minutes.
static struct outcome run(struct skew *s, double ppm)
{
    struct outcome o = {0};
    int16_t pcm[CHUNK + SKEW_STEP_SAMPLES];
    double phase = 0, elapsed_ns = 0, step = 2 * 3.14159265358979 * 200 / SKEW_RATE;
    int last = 0;
    skew_init(s);
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        for (int i = 0; i < CHUNK; i++) {
            pcm[i] = (int16_t)lrint(10000 * sin(phase));
            phase += step;
        }
        elapsed_ns += CHUNK * 1e9 / SKEW_RATE / (1 + ppm / 1e6);
        size_t n = skew_adjust(s, pcm, CHUNK, 1000 + (sotto_ns)elapsed_ns);
        for (size_t i = 0; i < n; i++) {
            int jump = abs(pcm[i] - last);
            o.largest_jump = jump > o.largest_jump ? jump : o.largest_jump;
            last = pcm[i];
        }
        o.passed += (int64_t)n;
    }
    o.due = (int64_t)(elapsed_ns * SKEW_RATE / 1e9);
    return o;
}

static void an_exact_clock_changes_nothing(void **state)
{
    (void)state;
    struct skew s;
    struct outcome o = run(&s, 0);
    assert_int_equal(o.passed, (int64_t)CHUNKS * CHUNK);
    assert_int_equal(s.inserted + s.removed, 0);
}

static void assert_held(double ppm)
{
    struct skew s;
    struct outcome o = run(&s, ppm);
    int64_t off = o.passed - o.due;
    // Without the guard it would be this many samples in ten minutes.
    assert_true(fabs(ppm) * 1e-6 * MINUTES * 60 * SKEW_RATE > 5000);
    assert_in_range(llabs(off), 0, SKEW_TOLERANCE_SAMPLES + CHUNK + SKEW_STEP_SAMPLES);
    assert_true(s.inserted == 0 || s.removed == 0);
    // The steepest step of the sine itself is 262: no click is much steeper.
    assert_in_range(o.largest_jump, 200, 600);
}

static void a_fast_card_is_held_back(void **state)
{
    (void)state;
    assert_held(200);
    struct skew s;
    run(&s, 200);
    assert_in_range(s.removed, 90, 125); // 5760 samples
}

static void a_slow_card_is_helped(void **state)
{
    (void)state;
    assert_held(-200);
    struct skew s;
    run(&s, -200);
    assert_in_range(s.inserted, 90, 125);
}

static void uneven_bursts_are_not_drift(void **state)
{
    (void)state;
    struct skew s;
    int16_t pcm[CHUNK * 2 + SKEW_STEP_SAMPLES] = {0};
    skew_init(&s);
    for (sotto_ns i = 0; i < 3000; i++) {
        size_t n = i % 2 != 0 ? 480 : 1440; // 10 ms and 30 ms, each after 20 ms
        assert_int_equal(skew_adjust(&s, pcm, n, i * 20 * SOTTO_NS_PER_MS), n);
    }
}

static void an_outage_is_not_made_good(void **state)
{
    (void)state;
    struct skew s;
    int16_t pcm[CHUNK + SKEW_STEP_SAMPLES] = {0};
    skew_init(&s);
    sotto_ns now = 0;
    for (int i = 0; i < 100; i++, now += 20 * SOTTO_NS_PER_MS) {
        assert_int_equal(skew_adjust(&s, pcm, CHUNK, now), CHUNK);
    }
    now += 5 * SOTTO_NS_PER_S;
    for (int i = 0; i < 100; i++, now += 20 * SOTTO_NS_PER_MS) {
        assert_int_equal(skew_adjust(&s, pcm, CHUNK, now), CHUNK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_clock_changes_nothing),
        cmocka_unit_test(a_fast_card_is_held_back),
        cmocka_unit_test(a_slow_card_is_helped),
        cmocka_unit_test(uneven_bursts_are_not_drift),
        cmocka_unit_test(an_outage_is_not_made_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
