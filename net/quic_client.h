// SPDX-License-Identifier: Apache-2.0
// The UDP side of a client: one QUIC connection, and the sockets it moves across.
#ifndef NET_QUIC_CLIENT_H
#define NET_QUIC_CLIENT_H

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

// Between two attempts at another path.
#define QUIC_PATH_RETRY_MS   1000
// After so long without an answer, although there is a route, the connection is given up;
#define QUIC_DEAD_MS         6000
// and after so long without a route.
#define QUIC_NO_ROUTE_MS     10000
// The relay's host says that nobody listens: it may be restarting.
#define QUIC_REFUSED_MS      1000
// The link's keys are renewed this often; QUIC itself only asks for it after 2^23 packets.
#define QUIC_KEY_LIFETIME_MS (60u * 60u * 1000u)
// How often a path with unanswered packets is looked at.
#define QUIC_SUPERVISE_MS    100
// What still arrives on the socket that was left is taken for so long.
#define QUIC_OLD_SOCKET_MS   1000

struct quic_client;

// Sends the first packet. Makes no callback before it returns. `check` and `authority` must
// outlive it. Errors: SOTTO_EIO no route to the address; SOTTO_ENOMEM; SOTTO_ECRYPTO.
int quic_client_new(struct quic_client **out, uv_loop_t *loop, SSL_CTX *tls,
                    const struct tls_client_check *check, const char *authority,
                    const union udp_address *remote, struct datagram_pool *pool,
                    const struct link_events *events, void *owner);
// Closes in good order, makes no callback any more. The memory goes when the handles have.
void quic_client_free(struct quic_client *c, enum net_reason reason);

int quic_client_send_message(struct quic_client *c, const uint8_t *msg, size_t len);
int quic_client_send_datagram(struct quic_client *c, const uint8_t *data, size_t len);
// Writes what is queued; makes no callback before it returns.
void quic_client_flush_queued(struct quic_client *c);
void quic_client_stats(const struct quic_client *c, struct net_stats *out);

// An address or route of this machine has changed: move if packets would now leave from another.
void quic_client_network_changed(struct quic_client *c);
// Renews the keys now. Errors: SOTTO_ESTATE too early, or a renewal is under way.
int quic_client_renew_keys(struct quic_client *c);
// The other side has answered at all: UDP is not blocked.
bool quic_client_heard(const struct quic_client *c);

#endif
