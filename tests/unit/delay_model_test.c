// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/delay_model.h"
#include "prng.h"

#include <string.h>

#define MS   SOTTO_NS_PER_MS
#define TICK SOTTO_TICK_NS
#define PATH (30 * MS)

static struct delay_model *fresh(void)
{
    static struct delay_model m;
    delay_model_reset(&m);
    return &m;
}

static int64_t target_ms(const struct delay_model *m)
{
    return delay_model_target_us(m) / 1000;
}

static void steady(struct delay_model *m, uint64_t from, uint64_t until)
{
    for (uint64_t t = from; t < until; t++) {
        delay_model_came(m, t, t * TICK + PATH);
    }
}

static void nothing_known(void **state)
{
    (void)state;
    struct delay_model *m = fresh();
    assert_int_equal(delay_model_target_us(m), DELAY_START_US);
    assert_int_equal(delay_model_lateness_us(m, 5, 1000 * MS), 0);
    delay_model_recovered(m, 3, 50 * MS); // before anything came: nothing
    assert_int_equal(delay_model_target_us(m), DELAY_START_US);
}

static void no_jitter(void **state)
{
    (void)state;
    struct delay_model *m = fresh();
    steady(m, 0, 1000);
    assert_int_equal(delay_model_target_us(m), DELAY_MARGIN_US);
    assert_int_equal(delay_model_lateness_us(m, 1000, 1000 * TICK + PATH + 7 * MS), 7000);
}

static void follows_jitter_and_forgets(void **state)
{
    (void)state;
    struct delay_model *m = fresh();
    uint64_t rng = 1;
    for (uint64_t t = 0; t < 1000; t++) {
        delay_model_came(m, t, t * TICK + PATH + prng_below(&rng, 50) * MS);
    }
    assert_in_range(target_ms(m), 40, 53);
    steady(m, 1000, 1000 + (DELAY_BLOCKS + 1) * DELAY_BLOCK_TICKS);
    assert_int_equal(delay_model_target_us(m), DELAY_MARGIN_US);
}

// One spike of 300 ms leaves the target alone, one after another raise it.
static void spikes(void **state)
{
    (void)state;
    for (uint64_t every = 50; every <= 400; every += 350) {
        struct delay_model *m = fresh();
        int64_t greatest = 0;
        for (uint64_t t = 0; t < 2000; t++) {
            uint64_t phase = t % every + 1;
            uint64_t late_ms = t > 100 && phase <= 15 ? 300 - 20 * (phase - 1) : 0;
            delay_model_came(m, t, t * TICK + PATH + late_ms * MS);
            greatest = target_ms(m) > greatest && t > 300 ? target_ms(m) : greatest;
        }
        assert_true(every > 300 ? greatest <= 5 : greatest >= 200);
    }
}

// Bursts raise it as far as redundancy reaches, and no farther than the limit.
static void bursts(void **state)
{
    (void)state;
    for (uint64_t reach = 0; reach <= 30; reach += 10) {
        struct delay_model *m = fresh();
        for (uint64_t t = 1; t < 2000; t++) {
            if (t % 60 < 8) {
                continue;
            }
            delay_model_came(m, t, t * TICK + PATH);
            for (uint64_t back = 1; t % 60 == 8 && back <= reach && back <= 8; back++) {
                delay_model_recovered(m, t - back, t * TICK + PATH);
            }
        }
        int64_t wanted = reach < 8 ? (int64_t)reach * 20 : 160;
        assert_in_range(target_ms(m), wanted, wanted + 5);
    }
    struct delay_model *m = fresh();
    for (uint64_t t = 1; t < 5000; t++) {
        if (t % 100 >= 25) {
            delay_model_came(m, t, t * TICK + PATH);
        }
        for (uint64_t back = 1; t % 100 == 25 && back <= 20; back++) {
            delay_model_recovered(m, t - back, t * TICK + PATH);
        }
    }
    assert_in_range(delay_model_target_us(m), 300000, DELAY_TARGET_US);
}

// The path is longer from one moment on: for a while that is jitter, then it is the path.
static void another_path(void **state)
{
    (void)state;
    struct delay_model *m = fresh();
    steady(m, 0, 500);
    for (uint64_t t = 500; t < 600; t++) {
        delay_model_came(m, t, t * TICK + PATH + 80 * MS);
    }
    assert_in_range(target_ms(m), 80, 84);
    for (uint64_t t = 600; t < 1000; t++) {
        delay_model_came(m, t, t * TICK + PATH + 80 * MS);
    }
    assert_int_equal(delay_model_target_us(m), DELAY_MARGIN_US);
}

static void clocks_that_jump(void **state)
{
    (void)state;
    struct delay_model *m = fresh();
    steady(m, 0, 100);
    delay_model_came(m, 100, 1000000 * TICK);
    assert_int_equal(delay_model_target_us(m), DELAY_MARGIN_US);
    delay_model_came(m, 101, 0);
    delay_model_came(m, UINT64_MAX / 4, SOTTO_NEVER);
    delay_model_came(m, 3, 5);
    int64_t target = delay_model_target_us(m);
    assert_in_range(target, 0, DELAY_TARGET_US);
}

// The first frame of a cell of three ticks is as late as it will be, before one came.
static void what_is_expected(void **state)
{
    (void)state;
    struct delay_model m;
    delay_model_reset(&m);
    delay_model_expect(&m, 3);
    for (uint64_t t = 0; t < 400; t++) {
        delay_model_came(&m, t, t * TICK);
        assert_in_range(delay_model_target_us(&m), 40000, 40000 + DELAY_SLACK_US + DELAY_MARGIN_US);
    }
    delay_model_expect(&m, 1);
    assert_in_range(delay_model_target_us(&m), 0, DELAY_MARGIN_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known),
        cmocka_unit_test(no_jitter),
        cmocka_unit_test(follows_jitter_and_forgets),
        cmocka_unit_test(spikes),
        cmocka_unit_test(bursts),
        cmocka_unit_test(another_path),
        cmocka_unit_test(clocks_that_jump),
        cmocka_unit_test(what_is_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
