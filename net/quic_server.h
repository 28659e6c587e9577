// SPDX-License-Identifier: Apache-2.0
// The UDP side of a server: one socket, all its QUIC connections.
#ifndef NET_QUIC_SERVER_H
#define NET_QUIC_SERVER_H

#include <openssl/ssl.h>
#include <uv.h>

#include "server.h"

// More unfinished handshakes than this, and a new client first has to show that it receives at
// its address (Retry).
#define QUIC_RETRY_ABOVE_HALF_OPEN   128
#define QUIC_RETRY_TOKEN_LIFETIME_MS 10000
// Answers that keep no state (version negotiation, Retry, refusal, stateless reset), together.
#define QUIC_STATELESS_ANSWERS_PER_S 2000
// Batches taken from the socket before anything is sent.
#define QUIC_RECEIVE_ROUNDS          8
// Above this many packets a second the server does not wake for each, but once a tick: it halves
// the CPU time a packet costs, for half a tick of delay. Below half of it, it goes back.
#define QUIC_BUSY_PACKETS_PER_S      1500
#define QUIC_BUSY_TICK_MS            1
#define QUIC_BUSY_WINDOW_MS          20
// Deadlines of connections are rounded up to a multiple of this, so that one wake serves many.
#define QUIC_TIMER_GRAIN_MS          2

struct quic_server;

// Takes a reference to tls. `fd` is a bound UDP socket, and is closed in the end in any case.
// Errors: SOTTO_ENOMEM, SOTTO_ECRYPTO, SOTTO_EIO.
int quic_server_new(struct quic_server **out, uv_loop_t *loop, int fd,
                    const union udp_address *local, SSL_CTX *tls, struct net_server *owner);
// Refuses new connections and closes all in good order, which takes QUIC_LINGER_MS; no callback
// follows but *gone, when the handles are.
void quic_server_free(struct quic_server *s, void (*gone)(struct net_server *owner));
// For connections that begin from now on.
void quic_server_set_tls(struct quic_server *s, SSL_CTX *tls);
// Writes what the connections have queued, and ends those that are down.
void quic_server_flush(struct quic_server *s);

int quic_peer_send_message(struct net_conn *c, const uint8_t *msg, size_t len);
int quic_peer_send_datagram(struct net_conn *c, const uint8_t *data, size_t len);
void quic_peer_close(struct net_conn *c, enum net_reason reason);
void quic_peer_address(const struct net_conn *c, union udp_address *out);
void quic_peer_stats(const struct net_conn *c, struct net_stats *out);

#endif
