// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

static void names_of_people(void **state)
{
    (void)state;
    static const char *const good[] = {
        "A",
        "Angela Merkel",
        "Emmanuel (\xc3\x89lys\xc3\xa9\x65)",
        "\xe6\xb1\x9f\xe6\xb3\xbd\xe6\xb0\x91",         // Han
        "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf",             // Arabic, no directional marks
        "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae",         // with a zero-width non-joiner
        "\xf0\x9f\x93\x9e",                             // a telephone
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", // joined
        " x ",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(sotto_name_check(good[i]), 0);
    }
}

static void what_no_name_is(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        " \xc2\xa0\xe3\x80\x80 ", // spaces of three kinds
        "\xe2\x80\x8b",           // zero-width space alone
        "\xe2\x80\x8d",           // joiner alone
        "\xef\xb8\x8f",           // variation selector alone
        "a\nb",
        "a\tb",
        "\x1b[31mred",
        "a\x7f",
        "a\xc2\x85", // C1 control
        "a\xe2\x80\xae"
        "b", // right-to-left override
        "a\xe2\x81\xa6"
        "b",             // isolate
        "a\xe2\x80\x8f", // right-to-left mark
        "a\xd8\x9c",     // Arabic letter mark
        "a\xe2\x80\xa8"
        "b", // line separator
        "a\xe2\x80\xa9"
        "b",                 // paragraph separator
        "a\xef\xbb\xbf",     // byte order mark
        "a\xf3\xa0\x81\x81", // tag letter
        "a\xef\xbf\xbf",     // noncharacter
        "a\xf4\x80\x80\x80", // private plane
        "\xff",
        "a\xc0\x80",
        "a\xed\xa0\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sotto_name_check(bad[i]), SOTTO_EINVAL);
    }
}

static void at_most_64_bytes(void **state)
{
    (void)state;
    char name[SOTTO_NAME_MAX_BYTES + 2];
    memset(name, 'n', sizeof name);
    name[SOTTO_NAME_MAX_BYTES] = '\0';
    assert_int_equal(sotto_name_check(name), 0);
    name[SOTTO_NAME_MAX_BYTES] = 'n';
    name[SOTTO_NAME_MAX_BYTES + 1] = '\0';
    assert_int_equal(sotto_name_check(name), SOTTO_EINVAL);
    // A character across the limit.
    name[SOTTO_NAME_MAX_BYTES - 1] = (char)0xc3;
    name[SOTTO_NAME_MAX_BYTES] = '\0';
    assert_int_equal(sotto_name_check(name), SOTTO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_people),
        cmocka_unit_test(what_no_name_is),
        cmocka_unit_test(at_most_64_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
