// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/neural_budget.h"

#define MS    SOTTO_NS_PER_MS
#define FRAME (20 * MS)

struct rig {
    struct neural_budget b;
    sotto_ns now;
    unsigned changes;
};

// Seconds of frames that cost so much each.
static void spend(struct rig *r, unsigned seconds, sotto_ns cost, sotto_ns late)
{
    for (unsigned i = 0; i < 50 * seconds; i++) {
        r->now += FRAME;
        r->changes += neural_budget_note(&r->b, cost, late, r->now);
    }
}

static void what_is_usual_changes_nothing(void **state)
{
    (void)state;
    struct rig r = {.now = 1};
    spend(&r, 3600, 4 * MS, 1 * MS);
    spend(&r, 600, 7 * MS, 0);
    spend(&r, 600, 3 * MS, 30 * MS); // late for other reasons
    assert_int_equal(r.changes, 0);
    assert_false(r.b.off);
}

static void too_slow_for_seconds(void **state)
{
    (void)state;
    struct rig r = {.now = 1};
    spend(&r, 2, 12 * MS, 0);
    assert_false(r.b.off);
    spend(&r, 3, 12 * MS, 0);
    assert_true(r.b.off);
    assert_int_equal(r.changes, 1);
    struct rig late = {.now = 1};
    spend(&late, 5, 5 * MS, 15 * MS);
    assert_true(late.b.off);
}

static void a_short_fit_is_forgiven(void **state)
{
    (void)state;
    struct rig r = {.now = 1};
    for (int i = 0; i < 100; i++) {
        spend(&r, 2, 15 * MS, 0);
        spend(&r, 3, 4 * MS, 0);
    }
    assert_false(r.b.off);
    (void)neural_budget_note(&r.b, 30 * SOTTO_NS_PER_S, 0, r.now += 30 * SOTTO_NS_PER_S); // slept
    spend(&r, 10, 4 * MS, 0);
    assert_false(r.b.off);
}

static void on_again_after_a_long_calm(void **state)
{
    (void)state;
    struct rig r = {.now = 1};
    spend(&r, 5, 12 * MS, 0);
    spend(&r, NEURAL_BUDGET_CALM_FIRST - 5, 1 * MS, 0);
    assert_true(r.b.off);
    spend(&r, 2, 3 * MS, 0); // not calm: counted anew
    spend(&r, NEURAL_BUDGET_CALM_FIRST - 5, 1 * MS, 0);
    assert_true(r.b.off);
    spend(&r, 10, 1 * MS, 0);
    assert_false(r.b.off);
    assert_int_equal(r.changes, 2);
}

// Slow whenever they are on, calm whenever they are off: an hour sees few changes.
static void never_to_and_fro(void **state)
{
    (void)state;
    struct rig r = {.now = 1};
    for (unsigned i = 0; i < 3600; i++) {
        spend(&r, 1, r.b.off ? 1 * MS : 12 * MS, 0);
    }
    assert_in_range(r.changes, 5, 15);
    unsigned before = r.changes;
    for (unsigned i = 0; i < 3600; i++) {
        spend(&r, 1, r.b.off ? 1 * MS : 12 * MS, 0);
    }
    assert_in_range(r.changes - before, 5, 9); // every 16 minutes
    struct rig slower = {.now = 1};
    for (unsigned i = 0; i < 3600; i++) {
        spend(&slower, 1, slower.b.off ? 3 * MS : 12 * MS, 0);
    }
    assert_int_equal(slower.changes, 1);
}

static void pauses_and_clocks_that_go_back(void **state)
{
    (void)state;
    struct rig r = {.now = 100 * SOTTO_NS_PER_S};
    for (unsigned i = 0; i < 1000; i++) {
        r.now += i % 3 == 2 ? SOTTO_NS_PER_S / 2 : 5 * SOTTO_NS_PER_S;
        assert_false(neural_budget_note(&r.b, 10 * SOTTO_NS_PER_S, 0, r.now));
    }
    r.now = 1;
    assert_false(neural_budget_note(&r.b, 0, 0, r.now));
    spend(&r, 5, 12 * MS, 0);
    assert_true(r.b.off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_usual_changes_nothing),
        cmocka_unit_test(too_slow_for_seconds),
        cmocka_unit_test(a_short_fit_is_forgiven),
        cmocka_unit_test(on_again_after_a_long_calm),
        cmocka_unit_test(never_to_and_fro),
        cmocka_unit_test(pauses_and_clocks_that_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
