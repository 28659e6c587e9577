// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/pace.h"

// Ticks until the cells that begin from `tick` on have this span, the peer asking on; limit: never.
static uint64_t ticks_until(struct pace *p, unsigned span, unsigned wish, uint64_t tick,
                            uint64_t limit)
{
    for (uint64_t n = 0; n < limit; n++) {
        pace_asked(p, wish, tick + n);
        if (pace_begin(p, tick + n) == span) {
            return n;
        }
    }
    return limit;
}

static void nobody_asks(void **state)
{
    (void)state;
    for (unsigned fixed = 0; fixed <= CELL_SPAN_MAX; fixed++) {
        struct pace p;
        pace_init(&p, fixed);
        for (uint64_t tick = 0; tick < 1000; tick++) {
            if (tick % 10 == 5) {
                pace_asked(&p, 0, tick); // a version without spans
            }
            assert_int_equal(pace_begin(&p, tick), 1);
            assert_int_equal(pace_announced(&p), 1);
        }
    }
}

static void it_is_announced_before(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0);
    pace_asked(&p, 3, 1000);
    assert_int_equal(pace_announced(&p), 3);
    for (uint64_t tick = 1000; tick < 1000 + PACE_NOTICE_TICKS; tick++) {
        assert_int_equal(pace_begin(&p, tick), 1);
    }
    assert_int_equal(pace_begin(&p, 1000 + PACE_NOTICE_TICKS), 3);
    assert_int_equal(pace_begin(&p, 1000 + PACE_NOTICE_TICKS + 3), 3);
}

static void a_smaller_one_waits(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0);
    assert_int_equal(ticks_until(&p, 2, 2, 1000, 9999), PACE_NOTICE_TICKS);
    uint64_t changed = 1000 + PACE_NOTICE_TICKS;
    assert_int_equal(ticks_until(&p, 1, 1, changed + 1, 9999), PACE_DWELL_TICKS - 1);
    changed += PACE_DWELL_TICKS; // and a larger one for a shorter time
    assert_int_equal(ticks_until(&p, 2, 2, changed + 1, 9999), PACE_REST_TICKS - 1);
}

static void a_wish_that_is_taken_back(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0);
    pace_asked(&p, 3, 100);
    pace_asked(&p, 1, 110);
    assert_int_equal(pace_announced(&p), 1);
    assert_int_equal(ticks_until(&p, 3, 1, 110, 1000), 1000);
}

static void a_peer_that_cannot_decide(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0);
    unsigned changes = 0, before = 1;
    for (uint64_t tick = 0; tick < 50 * 60; tick++) {
        // It knows what we do, and asks for the contrary each time.
        pace_asked(&p, before == 1 ? 3 : 1, tick);
        unsigned span = pace_begin(&p, tick);
        assert_true(span >= 1 && span <= CELL_SPAN_MAX);
        changes += span != before ? 1 : 0;
        before = span;
    }
    assert_in_range(changes, 15, 2 * 60 / 7 + 2);
}

static void what_the_user_wants(void **state)
{
    (void)state;
    for (unsigned fixed = 1; fixed <= CELL_SPAN_MAX; fixed++) {
        for (unsigned wish = 1; wish <= CELL_SPAN_MAX; wish++) {
            struct pace p;
            pace_init(&p, fixed);
            ticks_until(&p, 9, wish, 0, 100);
            assert_int_equal(pace_begin(&p, 100), fixed);
        }
    }
}

// At once, and over what is asked for, until the far end has had time to ask.
static void what_we_know_ourselves(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0);
    pace_asked(&p, 1, 100);
    pace_urged(&p, 100);
    assert_int_equal(pace_announced(&p), CELL_SPAN_MAX);
    assert_int_equal(pace_begin(&p, 100), CELL_SPAN_MAX);
    assert_int_equal(ticks_until(&p, 1, 1, 101, 9999), PACE_DWELL_TICKS - 1);
    pace_urged(&p, 1000);
    assert_int_equal(pace_begin(&p, 1000), CELL_SPAN_MAX);
    assert_int_equal(ticks_until(&p, 2, 2, 1001, 9999), PACE_DWELL_TICKS - 1);
}

static void who_may_not_be_urged(void **state)
{
    (void)state;
    struct pace former, fixed;
    pace_init(&former, 0); // its peer knows of no spans
    pace_urged(&former, 100);
    assert_int_equal(pace_begin(&former, 100), 1);
    pace_init(&fixed, 1);
    pace_asked(&fixed, 1, 100);
    pace_urged(&fixed, 100);
    assert_int_equal(pace_begin(&fixed, 100), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(it_is_announced_before),
        cmocka_unit_test(a_smaller_one_waits),
        cmocka_unit_test(a_wish_that_is_taken_back),
        cmocka_unit_test(a_peer_that_cannot_decide),
        cmocka_unit_test(what_the_user_wants),
        cmocka_unit_test(what_we_know_ourselves),
        cmocka_unit_test(who_may_not_be_urged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
