// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/loss_meter.h"
#include "prng.h"

#include <string.h>

static struct loss_view after(uint32_t percent, uint32_t burst, uint64_t cells)
{
    struct loss_meter m = {0};
    uint64_t rng = 7;
    for (uint64_t ctr = 0; ctr < cells;) {
        if (percent > 0 && prng_below(&rng, 100 * burst) < percent) {
            ctr += burst;
        } else {
            loss_meter_note(&m, ctr++, 1);
        }
    }
    return loss_meter_view(&m);
}

static void nothing_lost(void **state)
{
    (void)state;
    struct loss_view v = after(0, 1, 10000);
    assert_int_equal(v.loss, 0);
    assert_int_equal(v.burst, 0);
}

static void lone_losses(void **state)
{
    (void)state;
    struct loss_view v = after(20, 1, 5000);
    assert_in_range(v.loss, 40, 75); // of 255; about 50
    assert_in_range(v.burst, 4, 7);  // quarters
}

static void bursts(void **state)
{
    (void)state;
    struct loss_view v = after(10, 6, 20000);
    assert_in_range(v.loss, 12, 60);
    assert_in_range(v.burst, 22, 30);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    struct loss_meter m = {0};
    for (uint64_t ctr = 0; ctr < 4000; ctr += 4) {
        static const uint64_t order[] = {2, 0, 3, 1};
        for (int i = 0; i < 4; i++) {
            loss_meter_note(&m, ctr + order[i], 1);
            loss_meter_note(&m, ctr + order[i], 1); // and duplicates do not count
        }
    }
    assert_int_equal(loss_meter_view(&m).loss, 0);
}

static void rises_at_once_and_fades(void **state)
{
    (void)state;
    struct loss_meter m = {0};
    uint64_t ctr = 0;
    for (; ctr < 1000; ctr++) {
        loss_meter_note(&m, ctr, 1);
    }
    for (; ctr < 1050; ctr += 2) { // half, for a second
        loss_meter_note(&m, ctr, 1);
    }
    assert_true(loss_meter_view(&m).loss >= 25);
    for (; ctr < 1300; ctr++) { // five seconds later it is still known
        loss_meter_note(&m, ctr, 1);
    }
    assert_true(loss_meter_view(&m).loss >= 4);
    for (; ctr < 5000; ctr++) {
        loss_meter_note(&m, ctr, 1);
    }
    assert_int_equal(loss_meter_view(&m).loss, 0);
}

// An outage, or a counter that jumps, is no loss that redundancy could mend; nor do wild counters
// harm.
static void outages_do_not_count(void **state)
{
    (void)state;
    struct loss_meter m = {0};
    uint64_t ctr = 0;
    for (; ctr < 100; ctr++) {
        loss_meter_note(&m, ctr, 1);
    }
    for (ctr = 300; ctr < 400; ctr++) {
        loss_meter_note(&m, ctr, 1);
    }
    assert_int_equal(loss_meter_view(&m).loss, 0);
    loss_meter_note(&m, UINT64_MAX / 2, 1);
    loss_meter_note(&m, 0, 1);
    loss_meter_note(&m, UINT64_MAX / 2 + 1, 1);
    assert_int_equal(loss_meter_view(&m).loss, 0);
}

// Cells of three ticks: the share is the same, a run is as long as in time.
static void cells_of_several_ticks(void **state)
{
    (void)state;
    struct loss_meter m = {0};
    for (uint64_t k = 0; k < 1000; k++) {
        if (k % 10 != 0) {
            loss_meter_note(&m, 3 * k + 2, 3);
        }
    }
    struct loss_view v = loss_meter_view(&m);
    assert_in_range(v.loss, 22, 34);
    assert_int_equal(v.burst, 3 * LOSS_METER_BURST_UNITS);
    m = (struct loss_meter){0};
    loss_meter_note(&m, 0, 3); // nothing before the first
    assert_int_equal(loss_meter_view(&m).loss, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_lost),
        cmocka_unit_test(lone_losses),
        cmocka_unit_test(bursts),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(rises_at_once_and_fades),
        cmocka_unit_test(outages_do_not_count),
        cmocka_unit_test(cells_of_several_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
