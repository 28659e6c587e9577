// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/way_out.h"

#define MS SOTTO_NS_PER_MS

static void a_long_way_is_no_queue(void **state)
{
    (void)state;
    struct way_out w = {0};
    assert_false(way_out_waits(&w));
    for (unsigned i = 0; i < 100; i++) {
        way_out_note(&w, (600 + i % 7) * MS, 0);
        assert_false(way_out_waits(&w));
    }
}

static void a_queue_on_the_way_in_is_not_ours(void **state)
{
    (void)state;
    struct way_out w = {0};
    for (unsigned i = 0; i < 10; i++) {
        way_out_note(&w, (80 + 100 * i) * MS, 100000 * (int64_t)i);
        assert_false(way_out_waits(&w));
    }
}

static void ours_is_what_is_left(void **state)
{
    (void)state;
    struct way_out w = {0};
    way_out_note(&w, 80 * MS, 0);
    way_out_note(&w, 400 * MS, 260000);
    assert_false(way_out_waits(&w));
    way_out_note(&w, 400 * MS, 200000);
    assert_true(way_out_waits(&w));
    way_out_note(&w, 900 * MS, -1); // nothing is known of the way in, and nothing learnt
    way_out_note(&w, 900 * MS, 820000);
    assert_false(way_out_waits(&w));
}

static void another_path_is_soon_the_usual(void **state)
{
    (void)state;
    struct way_out w = {0};
    way_out_note(&w, 80 * MS, 0);
    unsigned reports = 0;
    do {
        way_out_note(&w, 280 * MS, 0);
        reports++;
    } while (way_out_waits(&w) && reports < 1000);
    assert_int_equal(reports, (200000 - WAY_OUT_QUEUE_US) / WAY_OUT_FORGET_US + 1);
}

static void absurd_values(void **state)
{
    (void)state;
    struct way_out w = {0};
    way_out_note(&w, SOTTO_NEVER, 0);
    way_out_note(&w, 0, INT64_MAX / 4);
    way_out_note(&w, SOTTO_NEVER, 0);
    assert_true(way_out_waits(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_way_is_no_queue),
        cmocka_unit_test(a_queue_on_the_way_in_is_not_ours),
        cmocka_unit_test(ours_is_what_is_left),
        cmocka_unit_test(another_path_is_soon_the_usual),
        cmocka_unit_test(absurd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
