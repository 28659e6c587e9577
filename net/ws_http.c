// SPDX-License-Identifier: Apache-2.0
#include "ws_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <sotto/base.h>

// An answer's head goes out in one piece.
#define ANSWER_HEAD_MAX_BYTES 4096

void ws_http_release(struct ws_conn *c)
{
    struct net_http_answer a = c->answer;
    c->answer = (struct net_http_answer){.release = NULL};
    c->answer_at = c->answer_len = 0;
    if (a.release != NULL) {
        a.release(a.owner);
    }
}

// The next request, if the browser has one.
static void wait_for_request(struct ws_conn *c)
{
    c->state = WS_HTTP;
    c->deadline_ms = uv_now(c->cfg.loop) + WS_BETWEEN_REQUESTS_MS;
    ws_rearm(c);
}

void ws_http_flush(struct ws_conn *c)
{
    while (!c->down && c->answer_at < c->answer_len && c->out_pending < WS_OUT_HIGH_BYTES) {
        size_t n = c->answer_len - c->answer_at;
        n = n < WS_PLAIN_BYTES ? n : WS_PLAIN_BYTES;
        if (!ws_write_plain(c, c->answer.body + c->answer_at, n)) {
            return;
        }
        c->answer_at += n;
        ws_push_out(c);
    }
    ws_push_out(c);
    // Whoever asks and asks and takes no answer waits here.
    if (c->down || c->answer_at < c->answer_len || c->out_pending >= WS_OUT_HIGH_BYTES) {
        return;
    }
    ws_http_release(c);
    if (c->answer_last) {
        ws_go_down(c, NET_CLOSED, "answered");
    } else {
        wait_for_request(c);
    }
}

// The last thing said on this connection.
static void answer_error(struct ws_conn *c, const char *status)
{
    char text[128];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    (void)ws_write_plain(c, text, (size_t)n);
    ws_push_out(c);
    ws_go_down(c, NET_PROTOCOL, "not a WebSocket request");
}

// The status line and the fields that this file decides on.
static int answer_head(const struct ws_conn *c, const struct net_http_answer *a, char *out,
                       size_t cap)
{
    char length[48] = "";
    if (a->status != 304) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", a->len);
    }
    return snprintf(out, cap, "HTTP/1.1 %s\r\n%s%s%s\r\n",
                    a->status == 200   ? "200 OK"
                    : a->status == 304 ? "304 Not Modified"
                                       : "404 Not Found",
                    length, c->answer_last ? "Connection: close\r\n" : "", a->headers);
}

static void answer_get(struct ws_conn *c, const struct http1_request *r)
{
    struct net_http_request request = {.path = r->path,
                                       .accept_encoding = r->accept_encoding,
                                       .if_none_match = r->if_none_match,
                                       .plain = c->ssl == NULL};
    struct net_http_answer found;
    char text[ANSWER_HEAD_MAX_BYTES];
    c->answer = (struct net_http_answer){.status = 404, .headers = ""};
    if (c->cfg.on_get != NULL && c->cfg.on_get(c->cfg.on_get_user, &request, &found)) {
        c->answer = found;
    }
    c->answered = true;
    c->answer_last = r->close;
    c->answer_at = 0;
    c->answer_len = r->head || c->answer.status == 304 ? 0 : c->answer.len;
    c->state = WS_ANSWERING;
    c->deadline_ms = uv_now(c->cfg.loop) + c->cfg.handshake_timeout_ms;
    int n = answer_head(c, &c->answer, text, sizeof text);
    if (n >= (int)sizeof text) {
        ws_go_down(c, NET_SYSTEM, "an answer's head is too long");
    } else if (ws_write_plain(c, text, (size_t)n)) {
        ws_http_flush(c);
    }
}

// "localhost:8080" and its like, which a name from elsewhere that resolves to 127.0.0.1 is not.
static bool is_this_machine(const struct ws_conn *c, const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    char want[32];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(want, sizeof want, "%s:%u", names[i], c->cfg.plain_port);
        if (strcasecmp(host, want) == 0 ||
            (c->cfg.plain_port == 80 && strcasecmp(host, names[i]) == 0)) {
            return true;
        }
    }
    return false;
}

// Whose script asks; programs say nothing.
static bool is_own_origin(const struct ws_conn *c, const char *origin)
{
    return origin[0] == '\0' ||
           (strncasecmp(origin, "http://", 7) == 0 && is_this_machine(c, origin + 7));
}

// What has been dealt with leaves the buffer.
static void drop_head(struct ws_conn *c, size_t len)
{
    c->head_len -= len;
    memmove(c->head, c->head + len, c->head_len);
}

static void open_websocket(struct ws_conn *c, const struct http1_request *r)
{
    char accept[HTTP1_ACCEPT_BYTES + 1], text[256];
    if (http1_accept_of(r->key, accept) != 0) {
        ws_go_down(c, NET_SYSTEM, "out of memory");
        return;
    }
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                       accept);
    if (ws_write_plain(c, text, (size_t)len)) {
        ws_open_link(c);
    }
}

static void on_request(struct ws_conn *c)
{
    struct http1_request r;
    int n = http1_parse_request(c->head, c->head_len, &r);
    if (n == SOTTO_EAGAIN) {
        return;
    }
    if (n < 0) {
        answer_error(c, "400 Bad Request");
    } else if (c->refused) {
        answer_error(c, "503 Service Unavailable");
    } else if (c->ssl == NULL && !is_this_machine(c, r.host)) {
        answer_error(c, "421 Misdirected Request");
    } else if (c->ssl == NULL && r.websocket && !is_own_origin(c, r.origin)) {
        answer_error(c, "403 Forbidden");
    } else if ((!r.get && !r.head) || (r.websocket && strcmp(r.path, NET_PATH) != 0)) {
        answer_error(c, "404 Not Found");
    } else if (r.websocket) {
        c->head_at = (size_t)n;
        open_websocket(c, &r);
    } else {
        drop_head(c, (size_t)n);
        answer_get(c, &r);
    }
}

void ws_http_request(struct ws_conn *c)
{
    char text[HTTP1_HEAD_MAX_BYTES];
    if (http1_new_key(c->key) != 0) {
        ws_go_down(c, NET_SYSTEM, "out of memory");
        return;
    }
    int len = snprintf(text, sizeof text,
                       "GET " NET_PATH " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       c->authority, c->key);
    (void)ws_write_plain(c, text, (size_t)len);
}

static void on_response(struct ws_conn *c)
{
    struct http1_response r;
    int n = http1_parse_response(c->head, c->head_len, &r);
    if (n == SOTTO_EAGAIN) {
        return;
    }
    char accept[HTTP1_ACCEPT_BYTES + 1];
    if (n < 0) {
        ws_go_down(c, NET_PROTOCOL, "no answer in HTTP");
    } else if (r.status == 503) {
        ws_go_down(c, NET_LIMIT, "the relay takes no more connections");
    } else if (!r.websocket || http1_accept_of(c->key, accept) != 0 ||
               strcmp(accept, r.accept) != 0) {
        ws_go_down(c, NET_PROTOCOL, "the other side refused the WebSocket");
    } else {
        c->head_at = (size_t)n;
        ws_open_link(c);
    }
}

// What came before may hold the whole of a request already. False: more is to be read.
static bool take_head(struct ws_conn *c)
{
    size_t before = c->head_len;
    if (before == 0) {
        return false;
    }
    if (c->server) {
        on_request(c);
    } else {
        on_response(c);
    }
    return c->down || c->state != WS_HTTP || c->head_len != before;
}

void ws_http_recv(struct ws_conn *c)
{
    if (c->head == NULL) {
        c->head = malloc(HTTP1_HEAD_MAX_BYTES);
        if (c->head == NULL) {
            ws_go_down(c, NET_SYSTEM, "out of memory");
            return;
        }
    }
    while (!c->down && c->state == WS_HTTP) {
        if (take_head(c)) {
            continue;
        }
        int n = ws_read_plain(c, c->head + c->head_len, HTTP1_HEAD_MAX_BYTES - c->head_len);
        if (n < 0) {
            ws_go_down(c, NET_CLOSED, "the other side closed the connection");
        }
        if (n <= 0) {
            return;
        }
        c->head_len += (size_t)n;
    }
}
