// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <limits.h>
#include <sotto/base.h>
#include <string.h>

static const int errors[] = {
    SOTTO_EAGAIN,          SOTTO_EPARSE,        SOTTO_EREPLAY,       SOTTO_EAUTH,    SOTTO_ESTATE,
    SOTTO_ELIMIT,          SOTTO_ENOTFOUND,     SOTTO_EEXIST,        SOTTO_EINVAL,   SOTTO_ESPACE,
    SOTTO_ELINK_MALFORMED, SOTTO_ELINK_DAMAGED, SOTTO_ELINK_VERSION, SOTTO_EEXPIRED, SOTTO_EUSEDUP,
    SOTTO_EREVOKED,        SOTTO_EPASSPHRASE,   SOTTO_EPROTO,        SOTTO_EPEER,    SOTTO_EPROOF,
    SOTTO_ESUITE,          SOTTO_ETIMEOUT,      SOTTO_EREFUSED,      SOTTO_ECLOSED,  SOTTO_ENOMEM,
    SOTTO_ECRYPTO,         SOTTO_EIO,           SOTTO_EFULL,
};
#define COUNT (sizeof errors / sizeof errors[0])

static void each_error_has_its_own_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        const char *text = sotto_strerror(errors[i]);
        assert_true(strlen(text) > 0);
        assert_string_not_equal(text, sotto_strerror(-9999));
        assert_int_not_equal(text[strlen(text) - 1], '.');
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(text, sotto_strerror(errors[k]));
        }
    }
}

static void any_int_has_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(sotto_strerror(0), sotto_strerror(160));
    assert_non_null(sotto_strerror(INT_MIN));
    assert_non_null(sotto_strerror(INT_MAX));
    assert_string_equal(sotto_strerror(-2), sotto_strerror(-305));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_has_its_own_sentence),
        cmocka_unit_test(any_int_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
