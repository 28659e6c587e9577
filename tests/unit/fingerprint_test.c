// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <sotto/identity.h>
#include <string.h>

// Of the identity in identity_test.c, computed with Python's hashlib and base64 modules.
static const struct sotto_fingerprint known = {
    "\x8b\xca\x58\x75\x7e\x6c\xf7\x0c\xa2\x62\x3b\x35\x18\x5b\xe2\x5b"
    "\x86\x74\x8b\xef\x09\xb7\xf1\x61\xb3\xfc\xca\xfa\x10\xd7\x6b\xbc"};
static const char known_text[] = "RPFF Q5L6 NT3Q ZITC HM2R QW7C LODH JC7P BG37 CYNT 7TFP UEGX NO6A";

static void text_and_back(void **state)
{
    (void)state;
    char text[SOTTO_FINGERPRINT_TEXT_BYTES + 1];
    struct sotto_fingerprint back;
    text[SOTTO_FINGERPRINT_TEXT_BYTES] = 'x';
    sotto_fingerprint_text(&known, text);
    assert_string_equal(text, known_text);
    assert_int_equal(strlen(text) + 1, SOTTO_FINGERPRINT_TEXT_BYTES);
    assert_int_equal(text[SOTTO_FINGERPRINT_TEXT_BYTES], 'x');
    assert_int_equal(sotto_fingerprint_parse(&back, text), 0);
    assert_true(sotto_fingerprint_equal(&back, &known));
}

static void as_people_type_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXNO6A",
        "rpff q5l6 nt3q zitc hm2r qw7c lodh jc7p bg37 cynt 7tfp uegx no6a",
        "rpff-q5l6-NT3Q-zitc-hm2r-qw7c-lodh-jc7p-bg37-cynt-7tfp-uegx-no6a",
        "  RPFF Q5L6 NT3Q ZITC HM2R QW7C LODH\r\n\tJC7P BG37 CYNT 7TFP UEGX NO6A\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sotto_fingerprint fp;
        assert_int_equal(sotto_fingerprint_parse(&fp, texts[i]), 0);
        assert_true(sotto_fingerprint_equal(&fp, &known));
    }
}

static void what_is_no_fingerprint(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-",
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXNO6",   // one less
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXNO6AA", // one more
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXNO6B",  // bits behind the last
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXNO61",
        "RPFFQ5L6NT3QZITCHM2RQW7CLODHJC7PBG37CYNT7TFPUEGXN06A", // zero for O
        "RPFF.Q5L6.NT3Q.ZITC.HM2R.QW7C.LODH.JC7P.BG37.CYNT.7TFP.UEGX.NO6A",
    };
    struct sotto_fingerprint fp = known;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(sotto_fingerprint_parse(&fp, texts[i]), SOTTO_EPARSE);
    }
    assert_memory_equal(&fp, &known, sizeof fp);
}

static void equality(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 256; bit++) {
        struct sotto_fingerprint other = known;
        other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sotto_fingerprint_equal(&other, &known));
    }
}

static void of_keys(void **state)
{
    (void)state;
    static const uint8_t zeros[4097];
    struct sotto_fingerprint a, b;
    assert_int_equal(sotto_fingerprint_from_keys(&a, zeros, 2614, zeros, 44), 0);
    // A length is part of it: the same bytes, cut elsewhere, are another identity.
    assert_int_equal(sotto_fingerprint_from_keys(&b, zeros, 2613, zeros, 44), 0);
    assert_false(sotto_fingerprint_equal(&a, &b));
    b = a;
    assert_int_equal(sotto_fingerprint_from_keys(&b, zeros, 0, zeros, 44), SOTTO_EPARSE);
    assert_int_equal(sotto_fingerprint_from_keys(&b, zeros, 4097, zeros, 44), SOTTO_EPARSE);
    assert_int_equal(sotto_fingerprint_from_keys(&b, zeros, 2614, zeros, 43), SOTTO_EPARSE);
    assert_int_equal(sotto_fingerprint_from_keys(&b, zeros, 2614, zeros, 45), SOTTO_EPARSE);
    assert_true(sotto_fingerprint_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(as_people_type_it),
        cmocka_unit_test(what_is_no_fingerprint),
        cmocka_unit_test(equality),
        cmocka_unit_test(of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
