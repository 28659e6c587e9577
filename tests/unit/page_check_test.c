// SPDX-License-Identifier: Apache-2.0
// What a served page may look like, and what is found out.
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "page_check.h"

#define DIGEST  "tpMK2kZ3ctfb1KAzrPZ2500CfnTyPUjZ2nX4uAEKBkAu0aOJ6KQS3xRSwbt6HYdR"
#define DIGEST2 "PYnrs2lMOVt+WMwxCL43kS6FIY+hY9zLcjazNnLRuyft5k9fpDfkk0NwPgQw0Fmi"
#define POLICY                                                                                    \
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "               \
    "connect-src 'self' https: wss: 'unsafe-webtransport-hashes'; style-src 'self'; img-src "     \
    "'self' data: blob:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri " \
    "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "    \
    "trusted-types sotto"

static char error[PAGE_ERROR_BYTES];

static void expect(bool good, bool result, const char *about)
{
    if (good != result) {
        fail_msg("%s: %s", about, result ? "taken for good" : error);
    }
}

// The policy with one piece of it changed.
static bool policy_with(const char *piece, const char *instead)
{
    char text[2048];
    const char *at = strstr(POLICY, piece);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - POLICY), POLICY, instead,
             at + strlen(piece));
    return page_check_policy(text, error);
}

static void test_policy(void **state)
{
    (void)state;
    expect(true, page_check_policy(POLICY, error), "the policy as it is");
    expect(true, policy_with("; font-src 'self'", " ;  ; FONT-SRC\t'self' "), "spaces");
    expect(true, policy_with(" wss:", " wss: ws://localhost:8080"), "connections");
    static const char *const bad[][2] = {
        {"'wasm-unsafe-eval'", "'wasm-unsafe-eval' 'unsafe-eval'"},
        {"'wasm-unsafe-eval'", "'unsafe-inline'"},
        {"script-src 'self'", "script-src https:"},
        {"default-src 'none'; ", ""},
        {"default-src 'none'", "default-src *"},
        {"worker-src 'self'", "worker-src 'self' blob:"},
        {"style-src 'self'", "style-src 'self' 'unsafe-inline'"},
        {"frame-ancestors 'none'; ", ""},
        {"base-uri 'none'; ", ""},
        {"require-trusted-types-for 'script'; ", ""},
        {"trusted-types sotto", "trusted-types *"},
        {"font-src 'self'", "script-src-elem *"},
        {"font-src 'self'", "report-uri https://collector.example"},
        {"font-src 'self'", "script-src *"},
        {"font-src 'self'", "frame-src https:"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect(false, policy_with(bad[i][0], bad[i][1]), bad[i][1]);
    }
    expect(false, page_check_policy("", error), "nothing");
}

#define HEADERS                                                                     \
    "content-type: text/html; charset=utf-8\ncontent-security-policy: " POLICY "\n" \
    "cross-origin-opener-policy: same-origin\n"                                     \
    "cross-origin-embedder-policy: require-corp\n"                                  \
    "cross-origin-resource-policy: same-origin\nreferrer-policy: no-referrer\n"     \
    "x-content-type-options: nosniff\n"

static bool headers_with(const char *piece, const char *instead, const char *path)
{
    static struct page_reply r;
    const char *at = strstr(HEADERS, piece);
    assert_non_null(at);
    int n = snprintf(r.headers, sizeof r.headers, "%.*s%s%s", (int)(at - HEADERS), HEADERS, instead,
                     at + strlen(piece));
    r.headers_len = (size_t)n;
    return page_check_headers(&r, path, error);
}

static void test_headers(void **state)
{
    (void)state;
    expect(true, headers_with("\n", "\n", "/"), "the headers as they are");
    expect(true, headers_with("\n", "\ndate: today\netag: \"x\"\n", "/index.html"), "more of them");
    expect(true, headers_with("text/html", "text/javascript", "/a.js"), "a script");
    static const char *const bad[][2] = {
        {"cross-origin-opener-policy: same-origin\n", ""},
        {"require-corp", "unsafe-none"},
        {"nosniff", "sniff"},
        {"no-referrer", "unsafe-url"},
        {"content-security-policy: " POLICY "\n", ""},
        {"\n", "\ncontent-security-policy: default-src *\n"},
        {"\n", "\nlink: <https://attacker.example/x.js>; rel=preload\n"},
        {"\n", "\nset-cookie: id=1\n"},
        {"\n", "\nservice-worker-allowed: /\n"},
        {"\n", "\naccess-control-allow-origin: *\n"},
        {"text/html", "text/plain"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect(false, headers_with(bad[i][0], bad[i][1], "/"), bad[i][1]);
    }
    expect(false, headers_with("\n", "\n", "/a.js"), "a script that is HTML");
}

#define HTML                                                                  \
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" \
    "<title>sotto</title>\n<link rel=\"icon\" href=\"/icon.svg\">\n"          \
    "<link rel=\"stylesheet\" href=\"/a.css\" integrity=\"sha384-" DIGEST2    \
    "\" crossorigin=\"anonymous\">\n"                                         \
    "<script type=\"module\" src=\"/a.js\" integrity=\"sha384-" DIGEST        \
    "\" crossorigin=\"anonymous\"></script>\n"                                \
    "</head>\n<body>\n<div id=\"app\"></div>\n<noscript><p>no</p></noscript>\n</body>\n</html>\n"

static struct page_file files[] = {{"/a.js", 1, DIGEST},
                                   {"/a.css", 1, DIGEST2},
                                   {"/icon.svg", 1, DIGEST2}};
static const struct page_release release = {.files = files, .count = 3};

static bool html_with(const char *piece, const char *instead)
{
    char text[4096];
    const char *at = strstr(HTML, piece);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - HTML), HTML, instead, at + strlen(piece));
    return page_check_html(&release, text, error);
}

static void test_html(void **state)
{
    (void)state;
    expect(true, html_with("\n", "\n"), "index.html as it is");
    static const char *const bad[][2] = {
        {"</script>", "alert(1)</script>"},
        {" integrity=\"sha384-" DIGEST "\"", ""},
        {"sha384-" DIGEST "\"", "sha384-" DIGEST2 "\""},
        {" integrity=\"sha384-" DIGEST2 "\"", ""},
        {"src=\"/a.js\"", "src=\"/b.js\""},
        {"src=\"/a.js\"", "src=\"https://attacker.example/a.js\""},
        {"src=\"/a.js\"", ""},
        {"src=\"/a.js\"", "src=/a.js"},
        {"href=\"/icon.svg\"", "href=\"https://attacker.example/\""},
        {"rel=\"icon\"", "rel=\"preload\""},
        {"<div id", "<div onclick=\"alert(1)\" id"},
        {"<div id", "<div style=\"color:red\" id"},
        {"<p>", "<iframe src=\"/\"></iframe><p>"},
        {"<p>", "<img src=\"/icon.svg\"><p>"},
        {"<p>", "<style>p{}</style><p>"},
        {"<p>", "<base href=\"https://attacker.example/\"><p>"},
        {"<p>", "<!-- a comment --><p>"},
        {"charset=\"utf-8\"", "http-equiv=\"refresh\" content=\"0\""},
        {"<script type=\"module\" src=\"/a.js\" integrity=\"sha384-" DIGEST
         "\" crossorigin=\"anonymous\"></script>",
         ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect(false, html_with(bad[i][0], bad[i][1]), bad[i][1]);
    }
    // However it ends, nothing beyond it is read.
    for (size_t len = 0; len < strlen(HTML); len++) {
        char part[sizeof HTML];
        memcpy(part, HTML, len);
        part[len] = '\0';
        (void)page_check_html(&release, part, error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
