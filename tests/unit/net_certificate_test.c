#include "unit.h"

#include "net.h"
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sotto/base.h>

#define NOW INT64_C(1800000000)

static char dir[] = "/tmp/sotto-certificate-test.XXXXXX";
static char certificate[64], key[64];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(certificate, sizeof certificate, "%s/c.pem", dir);
    snprintf(key, sizeof key, "%s/c.key", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(certificate);
    unlink(key);
    return rmdir(dir);
}

static X509 *read_certificate(void)
{
    FILE *f = fopen(certificate, "r");
    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(x);
    return x;
}

static void test_make(void **state)
{
    (void)state;
    assert_int_equal(net_certificate_make(certificate, key, "relay.example", 14, NOW), 0);
    struct stat s;
    assert_int_equal(stat(key, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    X509 *x = read_certificate();
    assert_int_equal(X509_check_host(x, "relay.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "other.example", 0, 0, NULL), 0);
    // What browsers demand of a certificate that they accept by its hash.
    assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_EC);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(x)), 256);
    int days, seconds;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)),
                     1);
    assert_int_equal(days, 14);
    assert_int_equal(seconds, 0);
    X509_free(x);
    uint8_t pin[NET_PIN_BYTES], hash[32];
    int64_t end;
    assert_int_equal(net_certificate_pin(certificate, pin, hash, &end), 0);
    assert_true(end > NOW + 13 * 86400 && end <= NOW + 14 * 86400);
}

static void test_key_is_kept(void **state)
{
    (void)state;
    uint8_t pin[2][NET_PIN_BYTES], hash[2][32];
    int64_t end[2];
    assert_int_equal(net_certificate_make(certificate, key, "relay.example", 10, NOW), 0);
    assert_int_equal(net_certificate_pin(certificate, pin[0], hash[0], &end[0]), 0);
    assert_int_equal(net_certificate_make(certificate, key, "192.0.2.7", 10, NOW + 86400), 0);
    assert_int_equal(net_certificate_pin(certificate, pin[1], hash[1], &end[1]), 0);
    assert_memory_equal(pin[0], pin[1], NET_PIN_BYTES);
    assert_memory_not_equal(hash[0], hash[1], 32);
    assert_int_equal(end[1], end[0] + 86400);
    X509 *x = read_certificate();
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
    X509_free(x);
    assert_int_equal(net_certificate_make(certificate, key, "2001:db8::1", 10, NOW), 0);
    x = read_certificate();
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
    X509_free(x);
    // A name never gets to be syntax.
    assert_int_equal(net_certificate_make(certificate, key, "a,DNS:b.example", 10, NOW), 0);
    x = read_certificate();
    assert_int_equal(X509_check_host(x, "b.example", 0, 0, NULL), 0);
    X509_free(x);
}

static void test_failures(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(net_certificate_make(certificate, key, "", 10, NOW), SOTTO_EINVAL);
    assert_int_equal(net_certificate_make(certificate, key, name, 10, NOW), SOTTO_EINVAL);
    assert_int_equal(net_certificate_make(certificate, key, "a", 0, NOW), SOTTO_EINVAL);
    assert_int_equal(net_certificate_make("/nonexistent/c.pem", key, "a", 1, NOW), SOTTO_EIO);
    uint8_t pin[NET_PIN_BYTES], hash[32];
    int64_t end;
    assert_int_equal(net_certificate_pin("/nonexistent/c.pem", pin, hash, &end), SOTTO_EIO);
    assert_int_equal(net_certificate_pin(key, pin, hash, &end), SOTTO_EPARSE);
    // A damaged key is said, not replaced: the pin would change.
    FILE *f = fopen(key, "w");
    assert_non_null(f);
    fputs("damaged", f);
    fclose(f);
    assert_int_equal(net_certificate_make(certificate, key, "a", 1, NOW), SOTTO_EPARSE);
    unlink(key);
}

static void test_contexts(void **state)
{
    (void)state;
    assert_int_equal(net_certificate_make(certificate, key, "relay.example", 10, NOW), 0);
    char text[200] = "";
    SSL_CTX *a = tls_server_context(certificate, key, TLS_ALPN_H3, text, sizeof text);
    assert_non_null(a);
    uint8_t x[32], y[32], z[32];
    assert_int_equal(tls_key_derived_secret(a, "one", x), 0);
    assert_int_equal(tls_key_derived_secret(a, "one", y), 0);
    assert_int_equal(tls_key_derived_secret(a, "two", z), 0);
    assert_memory_equal(x, y, 32);
    assert_memory_not_equal(x, z, 32);
    SSL_CTX_free(a);
    assert_null(tls_server_context("/nonexistent", key, TLS_ALPN_H3, text, sizeof text));
    assert_non_null(strstr(text, "/nonexistent"));
    assert_null(tls_server_context(certificate, certificate, TLS_ALPN_H3, text, sizeof text));
    assert_non_null(strstr(text, "private key"));
    // The key of another certificate.
    unlink(key);
    char other[64];
    snprintf(other, sizeof other, "%s/o.pem", dir);
    assert_int_equal(net_certificate_make(other, key, "relay.example", 10, NOW), 0);
    assert_null(tls_server_context(certificate, key, TLS_ALPN_H3, text, sizeof text));
    assert_true(strlen(text) > 10);
    unlink(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_key_is_kept),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_contexts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
