// SPDX-License-Identifier: Apache-2.0
// The TCP side of a server: one listener, all its WebSockets, and plain GETs.
#ifndef NET_WS_SERVER_H
#define NET_WS_SERVER_H

#include <openssl/ssl.h>
#include <uv.h>

#include "server.h"

#define WS_BACKLOG      256
// Connections that were refused for a limit and are being told so, at a time.
#define WS_REFUSING_MAX 64

struct ws_server;

// A listening, non-blocking TCP socket; -1 with errno on failure.
int ws_server_listen(const union udp_address *local);
// Takes a reference to tls (NULL: without, for the server's plain port); `fd` is closed in the end
// in any case. Errors: SOTTO_ENOMEM, SOTTO_EIO.
int ws_server_new(struct ws_server **out, uv_loop_t *loop, int fd, SSL_CTX *tls,
                  struct net_server *owner);
void ws_server_free(struct ws_server *s, void (*gone)(struct net_server *owner));
void ws_server_set_tls(struct ws_server *s, SSL_CTX *tls);
void ws_server_flush(struct ws_server *s);

int ws_peer_send_message(struct net_conn *c, const uint8_t *msg, size_t len);
int ws_peer_send_datagram(struct net_conn *c, const uint8_t *data, size_t len);
void ws_peer_close(struct net_conn *c, enum net_reason reason);
void ws_peer_address(const struct net_conn *c, union udp_address *out);
void ws_peer_stats(const struct net_conn *c, struct net_stats *out);

#endif
