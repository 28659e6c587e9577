// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/frame_store.h"

#include <string.h>

static struct frame_store store;

static void fresh(void)
{
    frame_store_clear(&store);
}

static void put(uint64_t tick)
{
    uint8_t packet[4] = {(uint8_t)tick, 2, 3, 4};
    frame_store_put(&store, tick, packet, 4, tick * 10);
}

static void keeps_what_it_was_given(void **state)
{
    (void)state;
    fresh();
    assert_null(frame_store_find(&store, 0));
    assert_false(frame_store_knows(&store, 0));
    put(5);
    const struct stored_frame *f = frame_store_find(&store, 5);
    assert_non_null(f);
    assert_int_equal(f->len, 4);
    assert_memory_equal(f->packet, "\5\2\3\4", 4);
    assert_int_equal(f->arrived, 50);
    assert_int_equal(store.waiting, 1);
    assert_int_equal(store.newest, 5);
    assert_null(frame_store_find(&store, 5 + FRAME_STORE_SLOTS));
    assert_false(frame_store_knows(&store, 5 + FRAME_STORE_SLOTS));
}

static void dropping_is_not_forgetting(void **state)
{
    (void)state;
    fresh();
    put(5);
    frame_store_drop(&store, 6);
    frame_store_drop(&store, 5 + FRAME_STORE_SLOTS);
    assert_int_equal(store.waiting, 1);
    frame_store_drop(&store, 5);
    frame_store_drop(&store, 5);
    assert_int_equal(store.waiting, 0);
    assert_null(frame_store_find(&store, 5));
    assert_true(frame_store_knows(&store, 5));
    static const uint8_t zeros[SOTTO_VOICE_PACKET_MAX_BYTES];
    assert_memory_equal(store.slots[5].packet, zeros, sizeof zeros);
}

static void replaces_the_oldest(void **state)
{
    (void)state;
    fresh();
    for (uint64_t t = 0; t < 10 * FRAME_STORE_SLOTS; t++) {
        put(t);
        uint64_t want = t + 1 < FRAME_STORE_SLOTS ? t + 1 : FRAME_STORE_SLOTS;
        assert_int_equal(store.waiting, want);
        assert_int_equal(store.newest, t);
        for (uint64_t k = t + 1 - want; k <= t; k++) {
            assert_non_null(frame_store_find(&store, k));
        }
        if (t >= FRAME_STORE_SLOTS) {
            assert_false(frame_store_knows(&store, t - FRAME_STORE_SLOTS));
        }
    }
}

static void any_order(void **state)
{
    (void)state;
    fresh();
    put(100);
    put(100 - FRAME_STORE_SLOTS + 1);
    put(70);
    assert_int_equal(store.newest, 100);
    assert_int_equal(store.waiting, 3);
    assert_non_null(frame_store_find(&store, 100 - FRAME_STORE_SLOTS + 1));
}

static void cleared(void **state)
{
    (void)state;
    fresh();
    put(9);
    frame_store_clear(&store);
    static const struct frame_store empty;
    assert_memory_equal(&store, &empty, sizeof store);
    put(3); // lower than before
    assert_int_equal(store.newest, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_was_given),
        cmocka_unit_test(dropping_is_not_forgetting),
        cmocka_unit_test(replaces_the_oldest),
        cmocka_unit_test(any_order),
        cmocka_unit_test(cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
