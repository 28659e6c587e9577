// SPDX-License-Identifier: Apache-2.0
#include "http1.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sotto/base.h>

#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 §1.3
#define SHA1_BYTES     20
#define KEY_RAW_BYTES  16

struct span {
    const char *at;
    size_t len;
};

static bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

// The first item of the list, taken off it.
static struct span next_item(struct span *list)
{
    const char *comma = memchr(list->at, ',', list->len);
    struct span item = {list->at, comma != NULL ? (size_t)(comma - list->at) : list->len};
    size_t n = item.len + (comma != NULL ? 1 : 0);
    list->at += n;
    list->len -= n;
    return trimmed(item);
}

// A comma-separated list has this token.
static bool has_token(struct span list, const char *token)
{
    while (list.len > 0) {
        if (span_is(next_item(&list), token)) {
            return true;
        }
    }
    return false;
}

// The length of the head, or SOTTO_EAGAIN, SOTTO_ELIMIT.
static int head_length(const uint8_t *data, size_t len)
{
    size_t max = len < HTTP1_HEAD_MAX_BYTES ? len : HTTP1_HEAD_MAX_BYTES;
    for (size_t i = 0; i + 4 <= max; i++) {
        if (memcmp(data + i, "\r\n\r\n", 4) == 0) {
            return (int)(i + 4);
        }
    }
    return len >= HTTP1_HEAD_MAX_BYTES ? SOTTO_ELIMIT : SOTTO_EAGAIN;
}

// Takes one line off the head, which ends with an empty one. False: that was the empty one.
static bool next_line(struct span *head, struct span *line)
{
    const char *end = memmem(head->at, head->len, "\r\n", 2);
    if (end == NULL || end == head->at) {
        return false;
    }
    *line = (struct span){head->at, (size_t)(end - head->at)};
    head->len -= line->len + 2;
    head->at += line->len + 2;
    return true;
}

// No control characters: neither a lone CR or LF nor a NUL hides something from the next reader.
static bool is_clean(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char ch = (unsigned char)line.at[i];
        if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool split_field(struct span line, struct span *name, struct span *value)
{
    const char *colon = memchr(line.at, ':', line.len);
    if (colon == NULL || colon == line.at) {
        return false;
    }
    *name = (struct span){line.at, (size_t)(colon - line.at)};
    *value = trimmed((struct span){colon + 1, line.len - name->len - 1});
    // RFC 9112 §5.1: no space before the colon, and no folded lines.
    return memchr(name->at, ' ', name->len) == NULL && memchr(name->at, '\t', name->len) == NULL;
}

// "q=0", "q=0.0": not wanted at all.
static bool is_refused(struct span parameters)
{
    struct span p = trimmed(parameters);
    if (p.len < 3 || strncasecmp(p.at, "q=0", 3) != 0) {
        return false;
    }
    for (size_t i = 3; i < p.len; i++) {
        if (p.at[i] != '.' && p.at[i] != '0') {
            return false;
        }
    }
    return true;
}

bool http1_list_has(const char *list, const char *token)
{
    struct span rest = {list, strlen(list)};
    while (rest.len > 0) {
        struct span item = next_item(&rest), parameters = {"", 0};
        const char *semicolon = memchr(item.at, ';', item.len);
        if (semicolon != NULL) {
            size_t n = (size_t)(semicolon - item.at);
            parameters = (struct span){semicolon + 1, item.len - n - 1};
            item = trimmed((struct span){item.at, n});
        }
        if (span_is(item, token)) {
            return !is_refused(parameters);
        }
    }
    return false;
}

static bool copy_exact(char *out, struct span value, size_t len)
{
    if (value.len != len) {
        return false;
    }
    memcpy(out, value.at, len);
    out[len] = '\0';
    return true;
}

// False: it was there before.
static bool copy_once(char out[HTTP1_FIELD_MAX_BYTES + 1], struct span value, bool *seen)
{
    bool first = !*seen;
    *seen = true;
    if (first && value.len <= HTTP1_FIELD_MAX_BYTES) {
        memcpy(out, value.at, value.len);
        out[value.len] = '\0';
    }
    return first;
}

static int parse_request_line(struct span line, struct http1_request *out)
{
    const char *end = line.at + line.len;
    const char *a = memchr(line.at, ' ', line.len);
    const char *b = a != NULL ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
    if (b == NULL || a == line.at ||
        !span_is((struct span){b + 1, (size_t)(end - b - 1)}, "HTTP/1.1")) {
        return SOTTO_EPARSE;
    }
    struct span path = {a + 1, (size_t)(b - a - 1)};
    const char *query = memchr(path.at, '?', path.len);
    if (query != NULL) {
        path.len = (size_t)(query - path.at);
    }
    if (path.len == 0 || path.at[0] != '/') {
        return SOTTO_EPARSE;
    }
    if (path.len > HTTP1_PATH_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    out->get = (size_t)(a - line.at) == 3 && memcmp(line.at, "GET", 3) == 0;
    out->head = (size_t)(a - line.at) == 4 && memcmp(line.at, "HEAD", 4) == 0;
    memcpy(out->path, path.at, path.len);
    out->path[path.len] = '\0';
    return 0;
}

int http1_parse_request(const uint8_t *data, size_t len, struct http1_request *out)
{
    int head_len = head_length(data, len);
    if (head_len < 0) {
        return head_len;
    }
    struct http1_request r = {0};
    struct span head = {(const char *)data, (size_t)head_len}, line;
    if (!next_line(&head, &line) || !is_clean(line)) {
        return SOTTO_EPARSE;
    }
    int rv = parse_request_line(line, &r);
    if (rv != 0) {
        return rv;
    }
    bool upgrade = false, connection = false, version = false, key = false, host = false;
    bool origin = false, encoding = false, match = false;
    while (next_line(&head, &line)) {
        struct span name, value;
        if (!is_clean(line) || !split_field(line, &name, &value)) {
            return SOTTO_EPARSE;
        }
        if (span_is(name, "Upgrade")) {
            upgrade = upgrade || has_token(value, "websocket");
        } else if (span_is(name, "Connection")) {
            connection = connection || has_token(value, "upgrade");
            r.close = r.close || has_token(value, "close");
        } else if (span_is(name, "Sec-WebSocket-Version")) {
            version = span_is(value, "13");
        } else if (span_is(name, "Sec-WebSocket-Key")) {
            if (key || !copy_exact(r.key, value, HTTP1_KEY_BYTES)) {
                return SOTTO_EPARSE;
            }
            key = true;
        } else if (span_is(name, "Host")) {
            if (!copy_once(r.host, value, &host)) {
                return SOTTO_EPARSE;
            }
        } else if (span_is(name, "Origin")) {
            if (!copy_once(r.origin, value, &origin)) {
                return SOTTO_EPARSE;
            }
        } else if (span_is(name, "Accept-Encoding")) {
            (void)copy_once(r.accept_encoding, value, &encoding);
        } else if (span_is(name, "If-None-Match")) {
            (void)copy_once(r.if_none_match, value, &match);
        } else if (span_is(name, "Content-Length") || span_is(name, "Transfer-Encoding")) {
            return SOTTO_EPARSE; // a request with a body: nothing here takes one
        }
    }
    r.websocket = r.get && upgrade && connection && version && key && host;
    *out = r;
    return head_len;
}

int http1_parse_response(const uint8_t *data, size_t len, struct http1_response *out)
{
    int head_len = head_length(data, len);
    if (head_len < 0) {
        return head_len;
    }
    struct http1_response r = {0};
    struct span head = {(const char *)data, (size_t)head_len}, line;
    if (!next_line(&head, &line) || !is_clean(line) || line.len < 12 ||
        strncasecmp(line.at, "HTTP/1.1 ", 9) != 0) {
        return SOTTO_EPARSE;
    }
    for (size_t i = 9; i < 12; i++) {
        if (line.at[i] < '0' || line.at[i] > '9') {
            return SOTTO_EPARSE;
        }
        r.status = 10 * r.status + (line.at[i] - '0');
    }
    bool upgrade = false, connection = false, accept = false;
    while (next_line(&head, &line)) {
        struct span name, value;
        if (!is_clean(line) || !split_field(line, &name, &value)) {
            return SOTTO_EPARSE;
        }
        if (span_is(name, "Upgrade")) {
            upgrade = span_is(value, "websocket");
        } else if (span_is(name, "Connection")) {
            connection = connection || has_token(value, "upgrade");
        } else if (span_is(name, "Sec-WebSocket-Accept")) {
            if (accept || !copy_exact(r.accept, value, HTTP1_ACCEPT_BYTES)) {
                return SOTTO_EPARSE;
            }
            accept = true;
        } else if (span_is(name, "Sec-WebSocket-Extensions") ||
                   span_is(name, "Sec-WebSocket-Protocol")) {
            return SOTTO_EPARSE; // we offered none
        }
    }
    r.websocket = r.status == 101 && upgrade && connection && accept;
    *out = r;
    return head_len;
}

int http1_accept_of(const char key[HTTP1_KEY_BYTES + 1], char out[HTTP1_ACCEPT_BYTES + 1])
{
    char text[HTTP1_KEY_BYTES + sizeof WEBSOCKET_GUID];
    memcpy(text, key, HTTP1_KEY_BYTES);
    memcpy(text + HTTP1_KEY_BYTES, WEBSOCKET_GUID, sizeof WEBSOCKET_GUID);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    if (EVP_Digest(text, strlen(text), hash, &hash_len, EVP_sha1(), NULL) != 1 ||
        hash_len != SHA1_BYTES) {
        return SOTTO_ECRYPTO;
    }
    EVP_EncodeBlock((unsigned char *)out, hash, SHA1_BYTES);
    return 0;
}

int http1_new_key(char out[HTTP1_KEY_BYTES + 1])
{
    unsigned char raw[KEY_RAW_BYTES];
    if (RAND_bytes(raw, sizeof raw) != 1) {
        return SOTTO_ECRYPTO;
    }
    EVP_EncodeBlock((unsigned char *)out, raw, sizeof raw);
    return 0;
}
