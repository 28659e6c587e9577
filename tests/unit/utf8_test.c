// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/utf8.h"

#include <sotto/base.h>
#include <string.h>

static void edges_of_every_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t c;
    } good[] = {
        {"A", 'A'},
        {"\x7f", 0x7f},
        {"\xc2\x80", 0x80},
        {"\xdf\xbf", 0x7ff},
        {"\xe0\xa0\x80", 0x800},
        {"\xed\x9f\xbf", 0xd7ff},
        {"\xee\x80\x80", 0xe000},
        {"\xef\xbf\xbf", 0xffff},
        {"\xf0\x90\x80\x80", 0x10000},
        {"\xf4\x8f\xbf\xbf", 0x10ffff},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t size = 0;
        size_t len = strlen(good[i].text);
        assert_int_equal(utf8_decode(good[i].text, len, &size), good[i].c);
        assert_int_equal(size, len);
        // Cut short.
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(utf8_decode(good[i].text, cut, &size), SOTTO_EPARSE);
        }
    }
    size_t size;
    assert_int_equal(utf8_decode("\0x", 2, &size), 0);
    assert_int_equal(size, 1);
}

static void what_rfc3629_forbids(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80", // continuation alone
        "\xbf",
        "\xc0\x80",         // overlong NUL
        "\xc1\xbf",         // overlong
        "\xe0\x9f\xbf",     // overlong
        "\xf0\x8f\xbf\xbf", // overlong
        "\xed\xa0\x80",     // surrogate
        "\xed\xbf\xbf",     // surrogate
        "\xf4\x90\x80\x80", // above U+10FFFF
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80", // five bytes
        "\xfe",
        "\xff",
        "\xc3\x28", // no continuation
        "\xe2\x82\x28",
        "\xe2\x28\xa1",
        "\xf0\x28\x8c\xbc",
        "\xc3\xc3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t size = 77;
        assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &size), SOTTO_EPARSE);
        assert_int_equal(size, 77);
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    }
}

static void texts(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid(NULL, 0));
    assert_true(utf8_valid("Angela \xc3\x84 \xe2\x82\xac \xf0\x9f\x93\x9e", 18));
    assert_false(utf8_valid("good \xff", 6));
    assert_false(utf8_valid("\xe2\x82\xac\xe2\x82", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_of_every_length),
        cmocka_unit_test(what_rfc3629_forbids),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
