// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "loop.h"
#include "sound.h"

#define SAMPLES 96000

// A quiet chirp in noise, upside down, is found to a millisecond.
static void test_chirp_is_found(void **state)
{
    (void)state;
    static int16_t heard[SAMPLES];
    int16_t chirp[LOOP_CHIRP_SAMPLES];
    double like;
    loop_chirp(chirp);
    for (size_t at = 0; at + LOOP_CHIRP_SAMPLES <= SAMPLES; at += 43201) {
        sound_noise(heard, SAMPLES, 200, at + 1);
        for (size_t i = 0; i < LOOP_CHIRP_SAMPLES; i++) {
            heard[at + i] = (int16_t)(heard[at + i] - chirp[i] / 10);
        }
        size_t found = loop_find(heard, SAMPLES, &like);
        assert_true(like > 0.7);
        assert_true(found + 48 >= at && found <= at + 48);
    }
}

static void test_nothing_is_found_in_noise_and_silence(void **state)
{
    (void)state;
    static int16_t heard[SAMPLES];
    double like;
    sound_noise(heard, SAMPLES, 2000, 5);
    (void)loop_find(heard, SAMPLES, &like);
    assert_true(like < 0.3);
    memset(heard, 0, sizeof(heard));
    (void)loop_find(heard, SAMPLES, &like);
    assert_true(like < 0.01);
    (void)loop_find(heard, 0, &like);
    assert_true(like < 0.01);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    struct loop_result r;
    assert_int_equal(loop_test(&r, "nonsense", "none"), SOTTO_EINVAL);
    assert_true(r.error[0] != '\0');
    assert_int_equal(loop_test(&r, "/nowhere/at/all.wav", "none"), SOTTO_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chirp_is_found),
        cmocka_unit_test(test_nothing_is_found_in_noise_and_silence),
        cmocka_unit_test(test_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
