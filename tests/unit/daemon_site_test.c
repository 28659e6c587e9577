// SPDX-License-Identifier: Apache-2.0
// The web page: what is read, what a browser is answered, what it is told about the relay.
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/process.h"
#include "daemon/relay_json.h"

#define HASHED_LONG  "/sotto-0123456789abcdef.wasm"
#define HASHED_SHORT "/main-ABCD2345.js"

static char directory[] = "/tmp/sottod-site-XXXXXX";
static char error[CONFIG_ERROR_MAX];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%.64s", directory, name);
    assert_int_equal(process_write_file(path, text), 0);
}

static int setup(void **state)
{
    (void)state;
    char path[256];
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/js", directory);
    if (mkdir(path, 0700) != 0)
        return 1;
    put("index.html", "<p>page</p>");
    put("index.html.br", "(br)");
    put("index.html.gz", "(gzip)");
    put("js/a.js", "1");
    put("alone.gz", "an archive");
    put(".secret", "no");
    put(&HASHED_LONG[1], "w");
    put(&HASHED_SHORT[1], "m");
    put("release.json", "abc");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char remove[64];
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    return system(remove);
}

static void done(struct net_http_answer *a)
{
    a->release(a->owner);
}

static bool ask(const struct site *s, const char *path, const char *accept, const char *match,
                struct net_http_answer *out)
{
    const struct net_http_request r = {.path = path,
                                       .accept_encoding = accept,
                                       .if_none_match = match};
    return site_answer(s, &r, out);
}

static void load(struct site *s)
{
    *s = (struct site){.count = 0};
    if (site_load(s, directory, error, sizeof error) != 0)
        fail_msg("%s", error);
}

static void expect_body(const struct net_http_answer *a, const char *text)
{
    assert_int_equal(a->status, 200);
    assert_int_equal(a->len, strlen(text));
    assert_memory_equal(a->body, text, a->len);
}

static void test_found(void **state)
{
    (void)state;
    struct site s;
    struct net_http_answer a;
    load(&s);
    assert_int_equal(s.count, 6);
    static const char *const paths[] = {"/", "/index.html"};
    for (size_t i = 0; i < 2; i++) {
        assert_true(ask(&s, paths[i], "", "", &a));
        expect_body(&a, "<p>page</p>");
        assert_non_null(strstr(a.headers, "Content-Type: text/html"));
        assert_null(strstr(a.headers, "Content-Encoding"));
        assert_string_equal(a.headers + strlen(a.headers) - 2, "\r\n");
        done(&a);
    }
    assert_true(ask(&s, "/js/a.js", "", "", &a));
    assert_non_null(strstr(a.headers, "Content-Type: text/javascript"));
    done(&a);
    assert_true(ask(&s, "/alone.gz", "", "", &a)); // a copy of nothing
    done(&a);
    static const char *const not_there[] = {"/.secret",       "/js",
                                            "/js/",           "/js/../index.html",
                                            "/index.html.br", "/index.html.gz",
                                            "/nothing"};
    for (size_t i = 0; i < sizeof not_there / sizeof not_there[0]; i++)
        assert_false(ask(&s, not_there[i], "gzip, br", "", &a));
    site_free(&s);
}

static void test_codings(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *body, *header;
    } cases[] = {
        {"gzip, deflate, br, zstd", "(br)", "Content-Encoding: br\r\n"},
        {"gzip, br;q=0", "(gzip)", "Content-Encoding: gzip\r\n"},
        {"zstd", "<p>page</p>", "Vary: Accept-Encoding\r\n"},
    };
    struct site s;
    struct net_http_answer a;
    load(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(ask(&s, "/", cases[i].accept, "", &a));
        expect_body(&a, cases[i].body);
        assert_non_null(strstr(a.headers, cases[i].header));
        done(&a);
    }
    assert_true(ask(&s, "/js/a.js", "br", "", &a)); // has no such copy
    expect_body(&a, "1");
    assert_null(strstr(a.headers, "Content-Encoding"));
    done(&a);
    site_free(&s);
}

static void test_caching(void **state)
{
    (void)state;
    struct site s;
    struct net_http_answer a;
    char etag[80];
    load(&s);
    assert_true(ask(&s, HASHED_LONG, "", "", &a));
    assert_non_null(strstr(a.headers, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    done(&a);
    assert_true(ask(&s, HASHED_SHORT, "", "", &a));
    assert_non_null(strstr(a.headers, "immutable"));
    done(&a);
    assert_true(ask(&s, "/", "br", "", &a));
    assert_non_null(strstr(a.headers, "Cache-Control: no-cache\r\n"));
    assert_int_equal(sscanf(strstr(a.headers, "ETag: ") + 6, "%79s", etag), 1);
    done(&a);
    char several[120];
    snprintf(several, sizeof several, "\"other\", W/%s", etag);
    assert_true(ask(&s, "/", "br", several, &a));
    assert_int_equal(a.status, 304);
    assert_non_null(strstr(a.headers, etag));
    done(&a);
    // Compressed otherwise, it is another thing.
    assert_true(ask(&s, "/", "gzip", several, &a));
    assert_int_equal(a.status, 200);
    done(&a);
    site_free(&s);
}

static void test_guard(void **state)
{
    (void)state;
    static const char *const want[] = {
        "Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; ",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy: same-origin\r\n",
        "Cross-Origin-Embedder-Policy: require-corp\r\n",
        "Cross-Origin-Resource-Policy: same-origin\r\n",
        "Permissions-Policy: microphone=(self), camera=()",
        "Referrer-Policy: no-referrer\r\n",
        "X-Content-Type-Options: nosniff\r\n",
    };
    struct site s;
    struct net_http_answer a;
    struct net_http_request r = {.path = "/", .accept_encoding = "", .if_none_match = ""};
    load(&s);
    s.manner.plain_port = 8080;
    // The worker's policy comes from its own script: every file has it.
    static const char *const paths[] = {"/", "/js/a.js", HASHED_LONG};
    for (size_t p = 0; p < 3; p++) {
        assert_true(ask(&s, paths[p], "", "", &a));
        for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
            assert_non_null(strstr(a.headers, want[i]));
        assert_null(strstr(a.headers, "unsafe-inline"));
        assert_null(strstr(a.headers, "ws:"));
        assert_null(strstr(a.headers, "unsafe-webtransport-hashes"));
        assert_null(strstr(a.headers, "Strict-Transport"));
        done(&a);
    }
    s.manner.strict_transport = true;
    assert_true(site_answer(&s, &r, &a));
    assert_non_null(strstr(a.headers, "Strict-Transport-Security: max-age=31536000\r\n"));
    done(&a);
    r.plain = true;
    s.manner.self_made = true;
    assert_true(site_answer(&s, &r, &a));
    assert_non_null(strstr(a.headers, " 'unsafe-webtransport-hashes'; "));
    assert_non_null(strstr(a.headers, " ws://localhost:8080 ws://127.0.0.1:8080 "));
    assert_null(strstr(a.headers, "Strict-Transport"));
    done(&a);
    site_free(&s);
}

// An answer under way outlives what replaces it.
static void test_reload(void **state)
{
    (void)state;
    struct site s;
    struct net_http_answer before, after;
    load(&s);
    assert_true(ask(&s, "/", "", "", &before));
    put("index.html", "<p>new</p>");
    assert_int_equal(site_load(&s, directory, error, sizeof error), 0);
    assert_true(ask(&s, "/", "", "", &after));
    expect_body(&before, "<p>page</p>");
    expect_body(&after, "<p>new</p>");
    assert_int_equal(site_load(&s, "/nonexistent", error, sizeof error), SOTTO_EIO);
    assert_non_null(strstr(error, "/nonexistent"));
    assert_int_equal(s.count, 6);
    site_free(&s);
    expect_body(&after, "<p>new</p>");
    done(&before);
    done(&after);
}

static void test_limits(void **state)
{
    (void)state;
    char path[256];
    struct site s;
    load(&s);
    snprintf(path, sizeof path, "%s/js/a.js", directory);
    assert_int_equal(truncate(path, SITE_BYTES_MAX), 0);
    assert_int_equal(site_load(&s, directory, error, sizeof error), SOTTO_ELIMIT);
    assert_int_equal(truncate(path, 1), 0);
    assert_int_equal(s.count, 6);
    for (int i = 0; i < SITE_FILES_MAX; i++) {
        snprintf(path, sizeof path, "js/%d", i);
        put(path, "");
    }
    assert_int_equal(site_load(&s, directory, error, sizeof error), SOTTO_ELIMIT);
    site_free(&s);
}

static void test_relay_json(void **state)
{
    (void)state;
    struct certificate certificate = {.self_made = true};
    struct relay_config origins = {.origin = "relay.example:443",
                                   .more_origins = {"a:1", "b:2"},
                                   .more_origin_count = 2};
    struct site s = {.count = 0};
    struct relay_json j = {.origins = &origins,
                           .host = "relay.example",
                           .port = 443,
                           .certificate = &certificate,
                           .site = &s,
                           .plain = true};
    char text[RELAY_JSON_MAX_BYTES];
    memset(certificate.sha256, 0xff, 32); // base64 of it has '/' where base64url has '_'
    assert_int_equal(relay_json_write(&j, text), 0);
    assert_string_equal(text, "{\"origin\":\"relay.example:443\",\"host\":\"relay.example\","
                              "\"port\":443,\"certificate_hashes\":["
                              "\"//////////////////////////////////////////8=\"],"
                              "\"aliases\":[\"a:1\",\"b:2\"],\"plain_websocket\":true}\n");
    certificate.self_made = false;
    origins.more_origin_count = 0;
    s.released = true;
    j.plain = false;
    j.vapid = "BKey";
    assert_int_equal(relay_json_write(&j, text), 0);
    assert_string_equal(text, "{\"origin\":\"relay.example:443\",\"host\":\"relay.example\","
                              "\"port\":443,\"aliases\":[],\"plain_websocket\":false,"
                              "\"vapid\":\"BKey\",\"release\":{\"sha256\":\""
                              "00000000000000000000000000000000"
                              "00000000000000000000000000000000\"}}\n");
}

// The hash of the page is that of its list of files.
static void test_release(void **state)
{
    (void)state;
    static const uint8_t sha256_of_abc[4] = {0xba, 0x78, 0x16, 0xbf}; // FIPS 180-2, B.1
    struct site s;
    // After the limits' test a directory is full: only what counts here.
    char remove[96];
    snprintf(remove, sizeof remove, "rm -rf %s/js", directory);
    assert_int_equal(system(remove), 0);
    load(&s);
    assert_true(s.released);
    assert_memory_equal(s.release, sha256_of_abc, sizeof sha256_of_abc);
    site_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),      cmocka_unit_test(test_codings),
        cmocka_unit_test(test_caching),    cmocka_unit_test(test_guard),
        cmocka_unit_test(test_reload),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_relay_json), cmocka_unit_test(test_release),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
