// SPDX-License-Identifier: Apache-2.0
// One connection of a client to a relay, over QUIC or WebSocket, to one of its addresses.
#ifndef NET_CARRIER_H
#define NET_CARRIER_H

#include <openssl/ssl.h>
#include <uv.h>

#include "datagram_queue.h"
#include "link.h"
#include "net.h"
#include "tls.h"
#include "udp.h"

struct carrier;

// What the carriers of one client share; must outlive them.
struct carrier_shared {
    uv_loop_t *loop;
    SSL_CTX *tls[2]; // by net_transport
    struct tls_client_check check;
    const char *authority;
    struct datagram_pool pool;
    struct net_stats gone; // sums of those that are gone
};

// Called from the loop. Inside them any carrier may be freed; on_down comes last. All but that one
// may be NULL: of no interest.
struct carrier_ops {
    void (*on_open)(struct carrier *c, void *user);
    void (*on_message)(struct carrier *c, const uint8_t *msg, size_t len, void *user);
    void (*on_datagram)(struct carrier *c, const uint8_t *data, size_t len, void *user);
    void (*on_path)(struct carrier *c, void *user);
    // What was sent is unanswered (link.h, LINK_SILENT_MS), or there is no way to the relay; false:
    // it is heard again.
    void (*on_silent)(struct carrier *c, bool silent, void *user);
    void (*on_down)(struct carrier *c, enum net_reason reason, const char *detail, void *user);
};

// Makes no callback before it returns. Errors: SOTTO_EIO no route; SOTTO_ENOMEM; SOTTO_ECRYPTO.
int carrier_new(struct carrier **out, enum net_transport transport, struct carrier_shared *shared,
                const union udp_address *remote, const struct carrier_ops *ops, void *user);
// Closes in good order; its figures stay in shared->gone. No callback follows. NULL is allowed.
void carrier_free(struct carrier *c);
// Somebody else owns it from now on.
void carrier_give(struct carrier *c, const struct carrier_ops *ops, void *user);

enum net_transport carrier_transport(const struct carrier *c);
// QUIC: the other side has answered at all.
bool carrier_heard(const struct carrier *c);
bool carrier_silent(const struct carrier *c);
// An address or route of this machine has changed. QUIC moves if packets would now leave from
// another address. False: it cannot move, and would have to.
bool carrier_network_changed(struct carrier *c);

// As net_client_send_message and net_client_send_datagram.
int carrier_send_message(struct carrier *c, const uint8_t *msg, size_t len);
int carrier_send_datagram(struct carrier *c, const uint8_t *data, size_t len);
void carrier_flush(struct carrier *c);
void carrier_stats(const struct carrier *c, struct net_stats *out);

#endif
