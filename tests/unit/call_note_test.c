// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "call_note.h"

#include <string.h>

// A second in which so many frames were played and concealed, at that delay.
static void second(struct call_note *n, struct sotto_call_info *i, unsigned played,
                   unsigned concealed, uint32_t delay_us)
{
    i->stats.playout.played += played;
    i->stats.playout.concealed += concealed;
    i->stats.mouth_to_ear_us = delay_us;
    call_note_look(n, i);
}

static void quality_is_by_what_is_concealed(void **state)
{
    (void)state;
    struct call_note n = {.id = 1};
    struct sotto_call_info i = {.call = 1};
    second(&n, &i, 50, 0, 90000);
    assert_int_equal(call_note_quality(&n, &i), CALL_GOOD);
    for (int k = 0; k < 10; k++) {
        second(&n, &i, 48, 2, 90000); // 4 %
    }
    assert_int_equal(call_note_quality(&n, &i), CALL_FAIR);
    for (int k = 0; k < 10; k++) {
        second(&n, &i, 40, 10, 90000);
    }
    assert_int_equal(call_note_quality(&n, &i), CALL_POOR);
    i.reconnecting = true;
    assert_int_equal(call_note_quality(&n, &i), CALL_RECONNECTING);
    i.reconnecting = false;
    for (int k = 0; k < 30; k++) {
        second(&n, &i, 50, 0, 90000);
    }
    assert_int_equal(call_note_quality(&n, &i), CALL_GOOD);
}

// However clean the sound is, people talk into each other.
static void quality_is_by_delay_too(void **state)
{
    (void)state;
    struct call_note n = {.id = 1};
    struct sotto_call_info i = {.call = 1};
    second(&n, &i, 50, 0, 0); // unknown
    assert_int_equal(call_note_quality(&n, &i), CALL_GOOD);
    for (int k = 0; k < 60; k++) {
        second(&n, &i, 50, 0, 300000);
    }
    assert_int_equal(call_note_quality(&n, &i), CALL_FAIR);
    for (int k = 0; k < 60; k++) {
        second(&n, &i, 50, 0, 600000);
    }
    assert_int_equal(call_note_quality(&n, &i), CALL_POOR);
    second(&n, &i, 50, 0, 100000); // one good second is no good call
    assert_int_equal(call_note_quality(&n, &i), CALL_POOR);
}

static void the_log_keeps_the_figures(void **state)
{
    (void)state;
    struct call_note n = {.id = 1, .active_ns = 1, .started_unix_s = 7};
    struct sotto_call_info i = {.call = 1, .ended_ns = 5 * SOTTO_NS_PER_S};
    struct store_log_entry e;
    second(&n, &i, 50, 0, 0); // no delay is known yet: it does not count
    second(&n, &i, 50, 0, 80000);
    second(&n, &i, 40, 10, 120000);
    second(&n, &i, 45, 5, 100000);
    i.stats.playout.copies = 3;
    i.stats.playout.retold = 4;
    call_note_entry(&e, &n, &i, "quic", (struct sotto_now){0, 0});
    assert_int_equal(e.delay_us, 100000);
    assert_int_equal(e.delay_max_us, 120000);
    assert_int_equal(e.worst_permille, 200);
    assert_int_equal(e.worst_at_s, 2);
    assert_int_equal(e.frames_restored, 7);
    assert_int_equal(e.frames_played, 185);
    assert_int_equal(e.frames_concealed, 15);
    call_note_entry(&e, NULL, &i, "quic", (struct sotto_now){0, 0});
    assert_int_equal(e.delay_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quality_is_by_what_is_concealed),
        cmocka_unit_test(quality_is_by_delay_too),
        cmocka_unit_test(the_log_keeps_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
