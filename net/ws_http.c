// SPDX-License-Identifier: Apache-2.0
#include "ws_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <sotto/base.h>

void ws_http_flush(struct ws_conn *c)
{
    while (!c->down && c->answer_at < c->answer->len && c->out_pending < WS_OUT_HIGH_BYTES) {
        size_t n = c->answer->len - c->answer_at;
        n = n < WS_PLAIN_BYTES ? n : WS_PLAIN_BYTES;
        if (!ws_write_plain(c, c->answer->body + c->answer_at, n)) {
            return;
        }
        c->answer_at += n;
        ws_push_out(c);
    }
    if (c->answer_at == c->answer->len) {
        ws_go_down(c, NET_CLOSED, "answered");
    }
}

static void answer_error(struct ws_conn *c, const char *status)
{
    char text[128];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    (void)ws_write_plain(c, text, (size_t)n);
    ws_push_out(c);
    ws_go_down(c, NET_PROTOCOL, "not a WebSocket request");
}

static void answer_get(struct ws_conn *c, const struct http1_request *r)
{
    const struct net_http_answer *a =
        c->cfg.on_get != NULL ? c->cfg.on_get(c->cfg.on_get_user, r->path) : NULL;
    if (a == NULL) {
        answer_error(c, "404 Not Found");
        return;
    }
    char text[128];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n", a->len);
    c->answer = a;
    c->answer_at = 0;
    c->state = WS_ANSWERING;
    if (ws_write_plain(c, text, (size_t)n) && ws_write_plain(c, a->headers, strlen(a->headers)) &&
        ws_write_plain(c, "\r\n", 2)) {
        ws_http_flush(c);
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
        return;
    }
    if (c->refused) {
        answer_error(c, "503 Service Unavailable");
        return;
    }
    if (!r.get || (r.websocket && strcmp(r.path, NET_PATH) != 0)) {
        answer_error(c, "404 Not Found");
        return;
    }
    if (!r.websocket) {
        answer_get(c, &r);
        return;
    }
    c->head_at = (size_t)n;
    char accept[HTTP1_ACCEPT_BYTES + 1], text[256];
    if (http1_accept_of(r.key, accept) != 0) {
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
        size_t room = HTTP1_HEAD_MAX_BYTES - c->head_len;
        ERR_clear_error();
        int n = SSL_read(c->ssl, c->head + c->head_len, (int)room);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
                ws_go_down(c, NET_CLOSED, "the other side closed the connection");
            }
            return;
        }
        c->head_len += (size_t)n;
        if (c->server) {
            on_request(c);
        } else {
            on_response(c);
        }
    }
}
