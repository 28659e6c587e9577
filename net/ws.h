// SPDX-License-Identifier: Apache-2.0
// One WebSocket over TLS over TCP that carries the link where UDP is blocked, the same for client
// and server. Binary messages: the first byte says what the rest is. A server answers GET and HEAD
// as well, one after another on a connection, and can do all of it without TLS (loopback only).
#ifndef NET_WS_H
#define NET_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <uv.h>

#include "datagram_queue.h"
#include "link.h"
#include "net.h"
#include "tls.h"
#include "udp.h"

#define WS_TYPE_MESSAGE  0
#define WS_TYPE_DATAGRAM 1

// Bytes handed to the kernel and not taken by it yet: above this nothing is added, so that
// datagrams wait, and grow old, in their own queue.
#define WS_OUT_HIGH_BYTES      (32u * 1024u)
// A connection that the peer does not take the rest of is cut after this long.
#define WS_CLOSE_MS            1000
// A client gives up, and connects anew, if the kernel gets nothing acknowledged for so long.
#define WS_TCP_USER_TIMEOUT_MS 6000
// How often a client's WebSocket that cells go out on is looked after.
#define WS_WATCH_MS            100
// A close frame's status is this plus the reason (RFC 6455 §7.4.2: private use).
#define WS_STATUS_BASE         4000

struct ws_conn;

// A browser gets so much time between two requests on a connection.
#define WS_BETWEEN_REQUESTS_MS 5000

// A GET or HEAD on the same port. False: 404. Server only.
typedef bool (*ws_on_get)(void *user, const struct net_http_request *r,
                          struct net_http_answer *out);

struct ws_config {
    uv_loop_t *loop;
    SSL_CTX *tls;        // NULL: without; server only
    uint16_t plain_port; // without TLS: what Host and Origin must say
    struct datagram_pool *pool;
    const struct link_events *events;
    void *owner;
    uint64_t handshake_timeout_ms, idle_timeout_ms, keep_alive_ms;
    ws_on_get on_get; // may be NULL
    void *on_get_user;
};

// Both copy the configuration and make no callback before they return.
// Errors: SOTTO_EIO, SOTTO_ENOMEM, SOTTO_ECRYPTO.
int ws_connect(struct ws_conn **out, const struct ws_config *cfg,
               const struct tls_client_check *check, const char *authority,
               const union udp_address *remote);
// Takes one connection off the listener. `remote` gets the peer's address.
int ws_accept(struct ws_conn **out, const struct ws_config *cfg, uv_stream_t *listener,
              union udp_address *remote);
// Refused for a limit: answers 503 in place of a session.
void ws_refuse(struct ws_conn *c);

// Closes in good order as far as possible; no callback follows, `c` belongs to itself now.
void ws_free(struct ws_conn *c, enum net_reason reason);

// As net_client_send_message and net_client_send_datagram.
int ws_send_message(struct ws_conn *c, const uint8_t *msg, size_t len);
int ws_send_datagram(struct ws_conn *c, const uint8_t *data, size_t len);
// It has answered a request: no failed handshake, then.
bool ws_has_answered(const struct ws_conn *c);
bool ws_wants_flush(const struct ws_conn *c);
void ws_flush(struct ws_conn *c);
void ws_stats(const struct ws_conn *c, struct net_stats *out);
// The local address; family AF_UNSPEC if not connected.
void ws_local(const struct ws_conn *c, union udp_address *out);
void ws_remote(const struct ws_conn *c, union udp_address *out);

#endif
