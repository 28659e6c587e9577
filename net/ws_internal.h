// SPDX-License-Identifier: Apache-2.0
// What ws.c (TCP, TLS, frames) and ws_http.c (what comes before the frames) share.
#ifndef NET_WS_INTERNAL_H
#define NET_WS_INTERNAL_H

#include "http1.h"
#include "ws.h"

#include <openssl/bio.h>
#include <wslay/wslay.h>

// Frames, and bodies, are gathered into TLS records of at most this.
#define WS_PLAIN_BYTES 16384

enum ws_state {
    WS_CONNECTING, // TCP
    WS_TLS,
    WS_HTTP,
    WS_OPEN,
    WS_ANSWERING, // a GET or HEAD
    WS_CLOSING,
};

struct ws_message {
    struct ws_message *next;
    size_t len; // with the type byte
    uint8_t data[];
};

struct ws_conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    struct ws_config cfg;
    const struct tls_client_check *check; // client
    const char *authority;
    SSL *ssl;
    BIO *in, *out; // belong to ssl, if there is one; else what they hold is plain
    wslay_event_context_ptr ws;
    struct ws_message *messages, *messages_tail;
    size_t message_bytes;
    struct datagram_queue datagrams;
    uint8_t *head; // of HTTP, then what came right behind it
    size_t head_len, head_at;
    char key[HTTP1_KEY_BYTES + 1];
    struct net_http_answer answer; // while WS_ANSWERING
    size_t answer_at, answer_len;  // the length is 0 where no body is sent
    bool answer_last;              // the connection ends with it
    uint8_t *plain;                // while flushing
    size_t plain_len;
    size_t out_pending; // with the kernel or on the way to it
    enum ws_state state;
    unsigned handles_open, close_extensions;
    uint64_t last_received_ms, deadline_ms, pinged_ms;
    uint64_t sent_datagram_ms, asked_ms; // client: the last one; since when a ping is unanswered
    bool silent, silent_told;            // client: it is, for too long
    enum net_reason reason;
    const char *detail;
    bool server, refused, answered;
    bool inside; // a callback of ours runs: nothing is freed under it
    bool down, told, freeing, closing;
    struct net_stats stats;
};

void ws_go_down(struct ws_conn *c, enum net_reason reason, const char *detail);
// Into TLS, if there is any; false: it failed, and the connection goes down.
bool ws_write_plain(struct ws_conn *c, const void *data, size_t len);
// From TLS, or from what came without. 0: nothing at present; negative: it is over, in good order
// (SOTTO_ESTATE) or not (SOTTO_EPARSE).
int ws_read_plain(struct ws_conn *c, uint8_t *out, size_t cap);
// What TLS has produced goes to the kernel.
void ws_push_out(struct ws_conn *c);
// The timer goes off at deadline_ms.
void ws_rearm(struct ws_conn *c);
// The WebSocket is agreed on.
void ws_open_link(struct ws_conn *c);

// Client: asks for the WebSocket.
void ws_http_request(struct ws_conn *c);
// Takes the head of a request or response from TLS, and acts on it once it is complete.
void ws_http_recv(struct ws_conn *c);
// Goes on with the body of an answer, and then with the next request.
void ws_http_flush(struct ws_conn *c);
// Gives the answer back to whom it belongs.
void ws_http_release(struct ws_conn *c);

#endif
