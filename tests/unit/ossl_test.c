// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "identity/ossl.h"

#include <openssl/err.h>

static void success_needs_an_empty_record(void **state)
{
    (void)state;
    ossl_begin();
    assert_true(ossl_end(true));
    ossl_begin();
    assert_false(ossl_end(false));
    ossl_begin();
    ERR_raise(ERR_LIB_USER, 1);
    assert_false(ossl_end(true));
    assert_int_equal(ERR_peek_error(), 0);
}

static void older_errors_stay_and_do_not_count(void **state)
{
    (void)state;
    ERR_raise(ERR_LIB_USER, 7);
    ossl_begin();
    assert_true(ossl_end(true));
    ossl_begin();
    ERR_raise(ERR_LIB_USER, 8);
    assert_false(ossl_end(true));
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
    assert_int_equal(ERR_get_error(), 0);
}

static void keys(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    ossl_begin();
    assert_ptr_equal(ossl_end_key(key), key);
    ossl_begin();
    assert_null(ossl_end_key(NULL));
    ossl_begin();
    ERR_raise(ERR_LIB_USER, 1);
    assert_null(ossl_end_key(key)); // and it is freed: the leak checker looks
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_needs_an_empty_record),
        cmocka_unit_test(older_errors_stay_and_do_not_count),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
