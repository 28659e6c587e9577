#include "unit.h"

#include "http1.h"

#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static int parse(const char *text, struct http1_request *r)
{
    // Without the NUL, so that a sanitizer sees a read beyond the end.
    size_t len = strlen(text);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, text, len);
    int rv = http1_parse_request(copy, len, r);
    free(copy);
    return rv;
}

static const char good[] = "GET /sotto?x=1 HTTP/1.1\r\n"
                           "Host: relay.example\r\n"
                           "upgrade: WebSocket\r\n"
                           "Connection: keep-alive, Upgrade\r\n"
                           "Sec-WebSocket-Key: " KEY "\r\n"
                           "Sec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                           "\r\n";

static void test_good(void **state)
{
    (void)state;
    struct http1_request r;
    assert_int_equal(parse(good, &r), strlen(good));
    assert_true(r.get);
    assert_true(r.websocket);
    assert_string_equal(r.path, "/sotto");
    assert_string_equal(r.key, KEY);
    // RFC 6455 §1.3.
    char accept[HTTP1_ACCEPT_BYTES + 1];
    assert_int_equal(http1_accept_of(r.key, accept), 0);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    // Every shorter piece is not complete.
    for (size_t len = 0; len < strlen(good); len++) {
        char part[512];
        memcpy(part, good, len);
        part[len] = '\0';
        assert_int_equal(parse(part, &r), SOTTO_EAGAIN);
    }
    // What comes behind is not part of it.
    char more[600];
    strcpy(more, good);
    strcat(more, "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(parse(more, &r), strlen(good));
}

static void test_not_websocket(void **state)
{
    (void)state;
    static const char *const without[] = {"Host: relay.example\r\n", "upgrade: WebSocket\r\n",
                                          "Connection: keep-alive, Upgrade\r\n",
                                          "Sec-WebSocket-Key: " KEY "\r\n",
                                          "Sec-WebSocket-Version: 13\r\n"};
    for (size_t i = 0; i < 5; i++) {
        char text[512];
        const char *at = strstr(good, without[i]);
        size_t before = (size_t)(at - good);
        memcpy(text, good, before);
        strcpy(text + before, at + strlen(without[i]));
        struct http1_request r;
        assert_true(parse(text, &r) > 0);
        assert_true(r.get);
        assert_false(r.websocket);
    }
    struct http1_request r;
    assert_true(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &r) > 0);
    assert_string_equal(r.path, "/");
    assert_true(parse("POST / HTTP/1.1\r\nHost: a\r\n\r\n", &r) > 0);
    assert_false(r.get);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/2\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET x HTTP/1.1\r\n\r\n",
        "GET ?x HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\ny\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\001\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nSec-WebSocket-Key: short\r\n\r\n",
        "GET / HTTP/1.1\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http1_request r = {.path = "untouched"};
        if (parse(cases[i], &r) != SOTTO_EPARSE) {
            print_error("case %zu\n", i);
        }
        assert_int_equal(parse(cases[i], &r), SOTTO_EPARSE);
        assert_string_equal(r.path, "untouched");
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[HTTP1_HEAD_MAX_BYTES + 100];
    struct http1_request r;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET / HTTP/1.1\r\nx: ", 19);
    text[HTTP1_HEAD_MAX_BYTES - 1] = '\0';
    assert_int_equal(parse(text, &r), SOTTO_EAGAIN);
    text[HTTP1_HEAD_MAX_BYTES - 1] = 'a';
    text[HTTP1_HEAD_MAX_BYTES] = '\0';
    assert_int_equal(parse(text, &r), SOTTO_ELIMIT);
    // Exactly at the limit it is good.
    memcpy(text + HTTP1_HEAD_MAX_BYTES - 4, "\r\n\r\n", 4);
    assert_int_equal(parse(text, &r), HTTP1_HEAD_MAX_BYTES);
    // The path.
    char path[HTTP1_PATH_MAX_BYTES + 64];
    memcpy(path, "GET /", 5);
    memset(path + 5, 'p', HTTP1_PATH_MAX_BYTES - 1);
    strcpy(path + 4 + HTTP1_PATH_MAX_BYTES, " HTTP/1.1\r\n\r\n");
    assert_true(parse(path, &r) > 0);
    assert_int_equal(strlen(r.path), HTTP1_PATH_MAX_BYTES);
    memset(path + 5, 'p', HTTP1_PATH_MAX_BYTES);
    strcpy(path + 5 + HTTP1_PATH_MAX_BYTES, " HTTP/1.1\r\n\r\n");
    assert_int_equal(parse(path, &r), SOTTO_ELIMIT);
}

static int parse_answer(const char *text, struct http1_response *r)
{
    return http1_parse_response((const uint8_t *)text, strlen(text), r);
}

static void test_response(void **state)
{
    (void)state;
    struct http1_response r;
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_int_equal(parse_answer(answer, &r), strlen(answer));
    assert_true(r.websocket);
    assert_string_equal(r.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(parse_answer("HTTP/1.1 503 Service Unavailable\r\n\r\n", &r) > 0);
    assert_int_equal(r.status, 503);
    assert_false(r.websocket);
    assert_true(parse_answer("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", &r) > 0);
    assert_false(r.websocket);
    static const char *const bad[] = {"HTTP/1.1 1x1 \r\n\r\n", "HTTP/1.1 10\r\n\r\n",
                                      "SSH-2.0-x\r\n\r\n",
                                      "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: x\r\n\r\n",
                                      "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: short\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_answer(bad[i], &r), SOTTO_EPARSE);
    }
}

static void test_new_key(void **state)
{
    (void)state;
    char a[HTTP1_KEY_BYTES + 1], b[HTTP1_KEY_BYTES + 1];
    assert_int_equal(http1_new_key(a), 0);
    assert_int_equal(http1_new_key(b), 0);
    assert_int_equal(strlen(a), HTTP1_KEY_BYTES);
    assert_string_not_equal(a, b);
}

static void test_fields(void **state)
{
    (void)state;
    struct http1_request r;
    assert_true(parse("HEAD /a HTTP/1.1\r\nhost: localhost:80\r\nOrigin: http://localhost:80\r\n"
                      "Accept-Encoding: gzip, br;q=0.5\r\nIf-None-Match: \"x\"\r\n"
                      "Connection: Close\r\n\r\n",
                      &r) > 0);
    assert_true(r.head);
    assert_false(r.get);
    assert_true(r.close);
    assert_string_equal(r.host, "localhost:80");
    assert_string_equal(r.origin, "http://localhost:80");
    assert_string_equal(r.accept_encoding, "gzip, br;q=0.5");
    assert_string_equal(r.if_none_match, "\"x\"");
    assert_true(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &r) > 0);
    assert_false(r.head);
    assert_false(r.close);
    assert_string_equal(r.origin, "");
    // Who sends two of them has somebody in mind who reads the other one.
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &r), SOTTO_EPARSE);
    assert_int_equal(parse("GET / HTTP/1.1\r\nOrigin: a\r\nOrigin: a\r\n\r\n", &r), SOTTO_EPARSE);
    // Longer than anything honest: as if it were not there.
    char text[HTTP1_FIELD_MAX_BYTES + 64] = "GET / HTTP/1.1\r\nHost: ";
    size_t len = strlen(text);
    memset(text + len, 'h', HTTP1_FIELD_MAX_BYTES);
    strcpy(text + len + HTTP1_FIELD_MAX_BYTES, "\r\n\r\n");
    assert_true(parse(text, &r) > 0);
    assert_int_equal(strlen(r.host), HTTP1_FIELD_MAX_BYTES);
    strcpy(text + len + HTTP1_FIELD_MAX_BYTES, "h\r\n\r\n");
    assert_true(parse(text, &r) > 0);
    assert_string_equal(r.host, "");
}

static void test_list(void **state)
{
    (void)state;
    assert_true(http1_list_has("gzip, deflate, br", "br"));
    assert_true(http1_list_has("BR ; q=0.001", "br"));
    assert_true(http1_list_has("br", "br"));
    assert_false(http1_list_has("", "br"));
    assert_false(http1_list_has("gzip, brotli", "br"));
    assert_false(http1_list_has("br;q=0, gzip", "br"));
    assert_false(http1_list_has("br; q=0.000", "br"));
    assert_true(http1_list_has("br;q=0, gzip", "gzip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),    cmocka_unit_test(test_list),
        cmocka_unit_test(test_good),      cmocka_unit_test(test_not_websocket),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_response),  cmocka_unit_test(test_new_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
