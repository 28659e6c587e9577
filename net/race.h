// SPDX-License-Identifier: Apache-2.0
// A race for a connection to a relay: QUIC and WebSocket, to each of its addresses, begun one after
// another and not waited for (RFC 8305); the first that is open wins, QUIC before WebSocket where
// UDP is answered at all.
#ifndef NET_RACE_H
#define NET_RACE_H

#include <netdb.h>

#include "carrier.h"

#define RACE_ADDRESSES_MAX  4 // of a name that has more, the first ones
#define RACE_ATTEMPTS_MAX   (2 * RACE_ADDRESSES_MAX)
// Between attempts at one address and the next.
#define RACE_STAGGER_MS     250
// A WebSocket that is ready waits so long for QUIC, counted from the start, if UDP is answered.
#define RACE_PREFER_QUIC_MS 1600
// The whole race; and once WebSocket has been answered with a refusal.
#define RACE_MS             7000
#define RACE_REFUSED_MS     2500

// The addresses of a relay, with its port.
struct race_addresses {
    union udp_address list[RACE_ADDRESSES_MAX];
    unsigned count;
};
// Takes the first ones of the list.
void race_addresses_set(struct race_addresses *a, const struct addrinfo *list, uint16_t port);

struct race;

struct race_config {
    bool quic, websocket;   // at least one
    uint64_t head_start_ms; // of QUIC
    uint64_t length_ms;     // 0: RACE_MS
};

// Either is called once, last of all, from the loop or from race_begin; the race frees itself
// after it. `udp_heard`: something came back over UDP.
struct race_ops {
    // The carrier is the owner's, open, and to be given its ops (carrier_give).
    void (*on_won)(struct carrier *winner, bool udp_heard, void *user);
    // Of all failures the one that says most.
    void (*on_lost)(enum net_reason reason, const char *detail, void *user);
};

// Errors: SOTTO_ENOMEM.
int race_new(struct race **out, struct carrier_shared *shared, const struct race_addresses *to,
             const struct race_config *cfg, const struct race_ops *ops, void *user);
// Starts. It may be over, and `r` invalid, when this returns.
void race_begin(struct race *r);
// Gives up; no callback follows. NULL is allowed.
void race_free(struct race *r);

// Whoever answered is not whom the user wants.
bool race_somebody_else(enum net_reason r);

#endif
