// SPDX-License-Identifier: Apache-2.0
// What the two transports of a server share.
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "address_count.h"
#include "datagram_queue.h"
#include "link.h"
#include "net.h"
#include "udp.h"

// The beginning of each transport's own struct.
struct net_conn {
    struct net_server *server;
    enum net_transport transport;
    bool open, closed; // on_open was called; net_conn_close was
    void *user;
    uint8_t address_key[ADDRESS_KEY_BYTES];
};

// Owner: a net_conn.
extern const struct link_events server_link_events;

// Whether a connection from this address may begin; fills and counts `key` if so.
// Errors: SOTTO_ELIMIT, SOTTO_ENOMEM, SOTTO_ECRYPTO.
int server_admit(struct net_server *s, const union udp_address *remote,
                 uint8_t key[ADDRESS_KEY_BYTES]);
// The address has so many connections that the next one has to prove it (by a Retry).
bool server_address_is_busy(struct net_server *s, const union udp_address *remote);
// The connection is gone; c itself is freed by the transport.
void server_forget(struct net_server *s, const struct net_conn *c);

// Of the configuration, with the defaults filled in.
uint32_t server_handshake_timeout_ms(const struct net_server *s);
uint32_t server_idle_timeout_ms(const struct net_server *s);
struct datagram_pool *server_pool(struct net_server *s);
struct net_server_stats *server_stats(struct net_server *s);
// The application's answer to a GET; false: 404.
bool server_get(struct net_server *s, const struct net_http_request *r,
                struct net_http_answer *out);

#endif
