// SPDX-License-Identifier: Apache-2.0
// What a push carries and who it is from, against the examples of the standards; where it may go.
#include "unit.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <sotto/base.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "push/ece.h"
#include "push/vapid.h"

// ---- the standards' examples --------------------------------------------------------------------

static json_t *vectors;

static int load_vectors(void **state)
{
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s/push/webpush.json", getenv("SOTTO_VECTORS"));
    vectors = json_load_file(path, 0, NULL);
    return vectors == NULL ? -1 : 0;
}

static int free_vectors(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static size_t get(const char *rfc, const char *name, uint8_t *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(json_object_get(vectors, rfc), name));
    assert_non_null(text);
    int len = base64url_decode(text, strlen(text), out, cap);
    assert_true(len > 0);
    return (size_t)len;
}

static void test_rfc8188(void **state)
{
    (void)state;
    uint8_t plain[64], key[16], salt[16], want[256], got[256];
    size_t plain_len = get("rfc8188", "plaintext", plain, sizeof plain);
    assert_int_equal(get("rfc8188", "key", key, sizeof key), 16);
    assert_int_equal(get("rfc8188", "salt", salt, sizeof salt), 16);
    size_t want_len = get("rfc8188", "result", want, sizeof want);
    assert_int_equal(push_seal_record(got, sizeof got, key, 16, salt, NULL, 0, plain, plain_len),
                     want_len);
    assert_memory_equal(got, want, want_len);
    assert_int_equal(push_seal_record(got, want_len - 1, key, 16, salt, NULL, 0, plain, plain_len),
                     SOTTO_ESPACE);
}

static EVP_PKEY *key_of(const char *rfc, const char *private, const char *public)
{
    uint8_t scalar[32], point[PUSH_POINT_BYTES];
    EVP_PKEY *key = NULL;
    assert_int_equal(get(rfc, private, scalar, sizeof scalar), sizeof scalar);
    assert_int_equal(get(rfc, public, point, sizeof point), sizeof point);
    BIGNUM *d = BN_bin2bn(scalar, sizeof scalar, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(d);
    return key;
}

static void test_rfc8291(void **state)
{
    (void)state;
    uint8_t plain[64], auth[16], salt[16], p256dh[PUSH_POINT_BYTES], want[256], got[256];
    size_t plain_len = get("rfc8291", "plaintext", plain, sizeof plain);
    get("rfc8291", "auth", auth, sizeof auth);
    get("rfc8291", "salt", salt, sizeof salt);
    get("rfc8291", "ua_public", p256dh, sizeof p256dh);
    size_t want_len = get("rfc8291", "result", want, sizeof want);
    EVP_PKEY *ours = key_of("rfc8291", "as_private", "as_public");
    assert_int_equal(push_encrypt(got, sizeof got, p256dh, auth, ours, salt, plain, plain_len),
                     want_len);
    assert_memory_equal(got, want, want_len);
    assert_int_equal(want_len, PUSH_SEALED_BYTES(plain_len));
    EVP_PKEY_free(ours);
}

static void test_points_that_are_none(void **state)
{
    (void)state;
    uint8_t p256dh[PUSH_POINT_BYTES], auth[16] = {0}, salt[16] = {0}, out[256];
    get("rfc8291", "ua_public", p256dh, sizeof p256dh);
    EVP_PKEY *ours = push_key_new();
    assert_non_null(ours);
    assert_true(push_encrypt(out, sizeof out, p256dh, auth, ours, salt, auth, 1) > 0);
    p256dh[64] ^= 1; // off the curve
    assert_int_equal(push_encrypt(out, sizeof out, p256dh, auth, ours, salt, auth, 1),
                     SOTTO_EPARSE);
    memset(p256dh, 0, sizeof p256dh);
    p256dh[0] = 4;
    assert_int_equal(push_encrypt(out, sizeof out, p256dh, auth, ours, salt, auth, 1),
                     SOTTO_EPARSE);
    EVP_PKEY_free(ours);
}

// ---- who it is from -----------------------------------------------------------------------------

static char *decoded(const char *text, size_t len)
{
    static char out[1024];
    int n = base64url_decode(text, len, (uint8_t *)out, sizeof out - 1);
    assert_true(n > 0);
    out[n] = '\0';
    return out;
}

static bool signature_holds(EVP_PKEY *key, const char *text, size_t len, const char *signature)
{
    uint8_t raw[64], der[96], *at = der;
    assert_int_equal(base64url_decode(signature, 86, raw, sizeof raw), 64);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    int der_len = i2d_ECDSA_SIG(sig, &at);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool holds = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(ctx, der, (size_t)der_len, (const uint8_t *)text, len) == 1;
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    return holds;
}

static void test_token(void **state)
{
    (void)state;
    char pem[VAPID_PEM_MAX_BYTES], public[VAPID_PUBLIC_TEXT_BYTES], text[VAPID_HEADER_MAX_BYTES];
    uint8_t point[PUSH_POINT_BYTES];
    assert_int_equal(vapid_make(pem), 0);
    EVP_PKEY *key = vapid_read(pem);
    assert_non_null(key);
    assert_int_equal(vapid_public(pem, public), 0);
    assert_int_equal(base64url_decode(public, strlen(public), point, sizeof point), 65);
    assert_int_equal(vapid_header(key, "https://push.example", "mailto:a@b.example", 1000, text),
                     0);
    assert_int_equal(strncmp(text, "vapid t=", 8), 0);
    const char *token = text + 8, *k = strstr(text, ", k=");
    assert_non_null(k);
    assert_string_equal(k + 4, public);
    const char *dot = strchr(token, '.'), *dot2 = strchr(dot + 1, '.');
    assert_string_equal(decoded(token, (size_t)(dot - token)),
                        "{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
    assert_string_equal(
        decoded(dot + 1, (size_t)(dot2 - dot - 1)),
        "{\"aud\":\"https://push.example\",\"exp\":44200,\"sub\":\"mailto:a@b.example\"}");
    assert_int_equal(k - dot2 - 1, 86);
    assert_true(signature_holds(key, token, (size_t)(dot2 - token), dot2 + 1));
    assert_false(signature_holds(key, token + 1, (size_t)(dot2 - token) - 1, dot2 + 1));
    assert_int_equal(vapid_header(key, "https://push.example", "", 1000, text), 0);
    EVP_PKEY_free(key);
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    char pem[VAPID_PEM_MAX_BYTES], again[VAPID_PEM_MAX_BYTES], public[VAPID_PUBLIC_TEXT_BYTES];
    assert_int_equal(vapid_make(pem), 0);
    assert_int_equal(vapid_make(again), 0);
    assert_string_not_equal(pem, again);
    assert_int_equal(vapid_public("", public), SOTTO_EINVAL);
    pem[40] ^= 1;
    assert_int_equal(vapid_public(pem, public), SOTTO_EINVAL);
}

// ---- where it may go ----------------------------------------------------------------------------

static struct push_services services(void)
{
    struct push_services s = {.count = 0};
    assert_true(push_services_add(&s, "push.example"));
    assert_true(push_services_add(&s, "*.Apple.example"));
    assert_true(push_services_add(&s, "localhost:8443"));
    return s;
}

static void test_endpoints_that_are_allowed(void **state)
{
    (void)state;
    char origin[PUSH_ORIGIN_MAX_BYTES + 1];
    struct push_services s = services();
    assert_true(push_endpoint_parse(&s, "https://push.example/send/a?b=c:d@e", origin));
    assert_string_equal(origin, "https://push.example");
    assert_true(push_endpoint_parse(&s, "https://push.example:443/", origin));
    assert_string_equal(origin, "https://push.example");
    assert_true(push_endpoint_parse(&s, "https://web.push.apple.example/x", origin));
    assert_string_equal(origin, "https://web.push.apple.example");
    assert_true(push_endpoint_parse(&s, "https://localhost:8443/x", origin));
    assert_string_equal(origin, "https://localhost:8443");
}

static void test_endpoints_that_are_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "https://",
        "https://push.example",
        "http://push.example/",
        "HTTPS://push.example/",
        "https:/push.example/",
        "https://push.example:444/",
        "https://push.example:/",
        "https://push.example:0443/",
        "https://push.example:443x/",
        "https://push.example:99999999999999999999/",
        "https://user@push.example/",
        "https://push.example@evil.example/",
        "https://push.example.evil.example/",
        "https://evilpush.example/",
        "https://apple.example/", // only below it
        "https://evilapple.example/",
        "https://.apple.example/",
        "https://a..apple.example/",
        "https://Push.example/",
        "https://push.example./",
        "https://push.example\\@evil.example/",
        "https://push.example#@evil.example/",
        "https://push.example?/",
        "https://push.example/ x",
        "https://push.example/\r\nHost: evil",
        "https://localhost/",
        "https://localhost:8444/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::1]:8443/",
        "file:///etc/passwd",
    };
    struct push_services s = services(), none = {.count = 0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (push_endpoint_parse(&s, bad[i], NULL))
            fail_msg("allowed: %s", bad[i]);
    assert_false(push_endpoint_parse(&none, "https://push.example/", NULL));
}

static void test_services(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "*",          "*.com",   "*.",
                                      ".a.example", "a b",        "a/b",     "https://a",
                                      "a.*.b",      "a.example:", "a:70000", "a_b.example"};
    struct push_services s = {.count = 0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (push_services_add(&s, bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(s.count, 0);
    for (size_t i = 0; i < PUSH_SERVICES_MAX; i++)
        assert_true(push_services_add(&s, "a.example"));
    assert_false(push_services_add(&s, "a.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8188),
        cmocka_unit_test(test_rfc8291),
        cmocka_unit_test(test_points_that_are_none),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_endpoints_that_are_allowed),
        cmocka_unit_test(test_endpoints_that_are_not),
        cmocka_unit_test(test_services),
    };
    return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
