// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/base.h>
#include <string.h>

static void wipe_clears_exactly_what_it_is_told(void **state)
{
    (void)state;
    uint8_t buf[16];
    memset(buf, 0x55, sizeof buf);
    sotto_wipe(buf + 3, 9);
    for (size_t i = 0; i < sizeof buf; i++) {
        assert_int_equal(buf[i], i >= 3 && i < 12 ? 0 : 0x55);
    }
    sotto_wipe(NULL, 0);
}

static void equality_sees_every_bit(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    memset(a, 0x3c, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(sotto_equal_ct(a, b, sizeof a));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sotto_equal_ct(a, b, sizeof a));
        b[bit / 8] = a[bit / 8];
    }
    assert_true(sotto_equal_ct(a, b, 0));
    // Differences that cancel each other out must not be missed.
    b[0] ^= 1;
    b[1] ^= 1;
    assert_false(sotto_equal_ct(a, b, sizeof a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipe_clears_exactly_what_it_is_told),
        cmocka_unit_test(equality_sees_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
