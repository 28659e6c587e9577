// SPDX-License-Identifier: Apache-2.0
#include "page_fetch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sotto/base.h>

#include "base/encoding.h"
#include "page_curl.h"

#define PIN_BYTES      32
#define PIN_TEXT_BYTES 64

struct page_fetcher {
    const struct page_curl *api;
    CURL *curl;
    const char *origin;
    struct curl_slist *headers;
};

// What it says it is is no proof for the other side, and none for us: a relay that wants to tell a
// person from a check finds other ways. It shall not be this easy.
static const char *const agents[PAGE_BROWSERS] = {
    [PAGE_DESKTOP] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                     "Chrome/156.0.0.0 Safari/537.36",
    [PAGE_PHONE] = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
                   "(KHTML, like Gecko) Version/26.4 Mobile/15E148 Safari/604.1",
};

// curl wants "sha256//" and base64.
static void set_pin(const struct page_fetcher *f, const uint8_t pin[PIN_BYTES])
{
    char text[PIN_TEXT_BYTES] = "sha256//";
    size_t at = strlen(text);
    int n = base64url_encode(pin, PIN_BYTES, text + at, sizeof text - at);
    for (char *c = text + at; *c != '\0'; c++) {
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    }
    snprintf(text + at + n, sizeof text - at - (size_t)n, "=");
    f->api->easy_setopt(f->curl, CURLOPT_PINNEDPUBLICKEY, text);
    f->api->easy_setopt(f->curl, CURLOPT_SSL_VERIFYPEER, 0L);
    f->api->easy_setopt(f->curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

struct page_fetcher *page_fetcher_new(const char *origin, const char *ca_file, const uint8_t *pin)
{
    struct page_fetcher *f = calloc(1, sizeof *f);
    const struct page_curl *api = f != NULL ? page_curl() : NULL;
    CURL *curl = api != NULL ? api->easy_init() : NULL;
    if (curl == NULL) {
        free(f);
        return NULL;
    }
    f->api = api;
    f->curl = curl;
    f->origin = origin;
    f->headers = api->slist_append(NULL, "Accept: */*");
    f->headers = api->slist_append(f->headers, "Accept-Language: en-US,en;q=0.9");
    api->easy_setopt(curl, CURLOPT_HTTPHEADER, f->headers);
    api->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    api->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    api->easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    api->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)PAGE_CONNECT_S);
    api->easy_setopt(curl, CURLOPT_TIMEOUT, (long)PAGE_TIMEOUT_S);
    api->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    api->easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    if (ca_file != NULL) {
        api->easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    }
    if (pin != NULL) {
        set_pin(f, pin);
    }
    return f;
}

void page_fetcher_free(struct page_fetcher *f)
{
    if (f != NULL) {
        f->api->slist_free_all(f->headers);
        f->api->easy_cleanup(f->curl);
        free(f);
    }
}

struct receiving {
    struct page_reply *reply;
    size_t cap, max;
};

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct receiving *r = user;
    struct page_reply *reply = r->reply;
    size_t n = size * count;
    if (n > r->max - reply->len) {
        reply->too_long = true;
        return 0;
    }
    if (reply->len + n + 1 > r->cap) {
        size_t cap = 2 * (reply->len + n + 1);
        uint8_t *grown = realloc(reply->body, cap);
        if (grown == NULL) {
            return 0;
        }
        reply->body = grown;
        r->cap = cap;
    }
    memcpy(reply->body + reply->len, data, n);
    reply->len += n;
    reply->body[reply->len] = '\0';
    return n;
}

// One header line at a time; the status line has no colon before a space.
static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    struct receiving *r = user;
    struct page_reply *reply = r->reply;
    size_t n = size * count, len = n;
    while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n')) {
        len--;
    }
    size_t name = strcspn(data, ": ");
    if (len == 0 || name >= len || data[name] != ':') {
        return n;
    }
    if (len + 2 > sizeof reply->headers - reply->headers_len) {
        reply->headers_too_long = true;
        return 0;
    }
    char *out = reply->headers + reply->headers_len;
    for (size_t i = 0; i < len; i++) {
        out[i] = i < name ? (char)tolower((unsigned char)data[i]) : data[i];
    }
    out[len] = '\n';
    out[len + 1] = '\0';
    reply->headers_len += len + 1;
    return n;
}

static enum page_failure failure_of(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return PAGE_UNTRUSTED;
    default:
        return PAGE_UNREACHABLE;
    }
}

enum page_failure page_fetch(struct page_fetcher *f, const struct page_request *r,
                             struct page_reply *out, char error[PAGE_ERROR_BYTES])
{
    char url[PAGE_URL_MAX_BYTES + PAGE_PATH_MAX_BYTES], text[CURL_ERROR_SIZE] = "";
    *out = (struct page_reply){.status = 0};
    struct receiving receiving = {.reply = out, .max = r->max};
    snprintf(url, sizeof url, "%s%s", f->origin, r->path);
    f->api->easy_setopt(f->curl, CURLOPT_URL, url);
    f->api->easy_setopt(f->curl, CURLOPT_PATH_AS_IS, 1L);
    f->api->easy_setopt(f->curl, CURLOPT_ACCEPT_ENCODING, r->encoding);
    f->api->easy_setopt(f->curl, CURLOPT_USERAGENT, agents[r->browser]);
    f->api->easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_body);
    f->api->easy_setopt(f->curl, CURLOPT_WRITEDATA, &receiving);
    f->api->easy_setopt(f->curl, CURLOPT_HEADERFUNCTION, on_header);
    f->api->easy_setopt(f->curl, CURLOPT_HEADERDATA, &receiving);
    f->api->easy_setopt(f->curl, CURLOPT_ERRORBUFFER, text);
    out->body = calloc(1, 1);
    receiving.cap = 1;
    CURLcode code = out->body != NULL ? f->api->easy_perform(f->curl) : CURLE_OUT_OF_MEMORY;
    f->api->easy_setopt(f->curl, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK && !out->too_long && !out->headers_too_long) {
        snprintf(error, PAGE_ERROR_BYTES, "%.240s",
                 text[0] != '\0' ? text : f->api->easy_strerror(code));
        page_reply_free(out);
        return failure_of(code);
    }
    f->api->easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &out->status);
    return PAGE_FETCHED;
}

void page_reply_free(struct page_reply *r)
{
    free(r->body);
    r->body = NULL;
}

// The next line with that name at or behind `at`, or NULL; its value in *value.
static const char *find_header(const char *at, const char *name, const char **value)
{
    size_t len = strlen(name);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, len) == 0 && at[len] == ':') {
            *value = at + len + 1 + strspn(at + len + 1, " \t");
            return at;
        }
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return NULL;
}

bool page_reply_header(const struct page_reply *r, const char *name, char *out, size_t cap)
{
    const char *value = NULL;
    if (find_header(r->headers, name, &value) == NULL) {
        return false;
    }
    size_t len = strcspn(value, "\n");
    if (len >= cap) {
        return false;
    }
    memcpy(out, value, len);
    out[len] = '\0';
    return true;
}

unsigned page_reply_count(const struct page_reply *r, const char *name)
{
    unsigned n = 0;
    const char *value, *at = r->headers;
    while ((at = find_header(at, name, &value)) != NULL) {
        n++;
        at = value + strcspn(value, "\n");
        at += *at == '\n' ? 1 : 0;
    }
    return n;
}
