// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/replay.h"
#include "prng.h"

#include <string.h>

static bool take(struct replay_window *w, uint64_t ctr)
{
    int err = replay_check(w, ctr);
    if (err == 0) {
        replay_mark(w, ctr);
        assert_int_equal(replay_check(w, ctr), SOTTO_EREPLAY);
        return true;
    }
    assert_int_equal(err, SOTTO_EREPLAY);
    return false;
}

static void once_each(void **state)
{
    (void)state;
    struct replay_window w;
    replay_init(&w);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_true(take(&w, i));
        assert_false(take(&w, i));
    }
}

static void window_edges(void **state)
{
    (void)state;
    const uint64_t starts[] = {0, 63, 64, 1023, 2047, 2048, UINT64_C(1) << 32, UINT64_MAX - 5000};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct replay_window w;
        replay_init(&w);
        uint64_t top = starts[i] + REPLAY_WINDOW;
        assert_true(take(&w, top));
        assert_false(take(&w, top - REPLAY_WINDOW));
        assert_true(take(&w, top - REPLAY_WINDOW + 1));
        assert_true(take(&w, top + 1));
        assert_false(take(&w, top - REPLAY_WINDOW + 1));
        assert_true(take(&w, top - REPLAY_WINDOW + 2));
    }
}

static void start_anywhere(void **state)
{
    (void)state;
    struct replay_window w;
    replay_init(&w);
    assert_true(take(&w, UINT64_MAX));
    assert_false(take(&w, UINT64_MAX));
    assert_false(take(&w, 0));
    assert_true(take(&w, UINT64_MAX - 1));
    replay_init(&w);
    assert_true(take(&w, 0));
    assert_true(take(&w, UINT64_MAX));
    assert_false(take(&w, 0));
}

// Checking changes nothing.
static void check_only_looks(void **state)
{
    (void)state;
    struct replay_window w, before;
    replay_init(&w);
    assert_true(take(&w, 5000));
    before = w;
    assert_int_equal(replay_check(&w, 9000000), 0);
    assert_int_equal(replay_check(&w, 4990), 0);
    assert_memory_equal(&w, &before, sizeof w);
}

// Against a plain list of what was seen, through jumps of every size.
static void against_a_model(void **state)
{
    (void)state;
    enum {
        SPAN = 40000
    };
    static bool seen[SPAN];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t rng = seed;
        struct replay_window w;
        replay_init(&w);
        memset(seen, 0, sizeof seen);
        uint64_t top = prng_below(&rng, 3000);
        bool any = false;
        for (int i = 0; i < 20000; i++) {
            uint64_t step = prng_percent(&rng, 1) ? prng_below(&rng, 2500) : prng_below(&rng, 4);
            uint64_t back = prng_percent(&rng, 90) ? prng_below(&rng, 1100) : 0;
            uint64_t base = top + step;
            uint64_t ctr = base > back ? base - back : 0;
            if (ctr >= SPAN) {
                break;
            }
            bool too_old = any && ctr < top && top - ctr >= REPLAY_WINDOW;
            assert_int_equal(take(&w, ctr), !too_old && !seen[ctr]);
            seen[ctr] = seen[ctr] || !too_old;
            top = !any || ctr > top ? ctr : top;
            any = true;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_each),       cmocka_unit_test(window_edges),
        cmocka_unit_test(start_anywhere),  cmocka_unit_test(check_only_looks),
        cmocka_unit_test(against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
