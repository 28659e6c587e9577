// SPDX-License-Identifier: Apache-2.0
// What a QUIC connection and a WebSocket tell their owner. All are called from the loop, on_down
// last and at most once, and not at all after the owner itself closed the link. Inside them the
// owner may send on any link, and close any.
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net.h"

struct link_events {
    void (*on_open)(void *owner);
    void (*on_message)(void *owner, const uint8_t *msg, size_t len);
    void (*on_datagram)(void *owner, const uint8_t *data, size_t len);
    void (*on_path)(void *owner); // NULL: does not want to know
    // What was sent is unanswered for LINK_SILENT_MS, or there is no route to the relay: something
    // else should be tried. false: it is heard again. A client's only; NULL: does not want to know.
    void (*on_silent)(void *owner, bool silent);
    void (*on_down)(void *owner, enum net_reason reason, const char *detail);
};

// Messages that wait for a slow peer, above which a further one is refused.
#define LINK_QUEUE_MAX_BYTES (256u * 1024u)

// A link is kept alive by a packet after this long without one. Chromium's own timer is the
// negotiated idle timeout minus 1 s; NATs forget a UDP mapping after 30 s.
#define LINK_KEEP_ALIVE_MS   10000
#define LINK_IDLE_TIMEOUT_MS 30000

// The reason as it travels: the code of the close capsule and of the WebSocket's close.
uint32_t link_reason_code(enum net_reason reason);
enum net_reason link_reason_from_code(uint32_t code);

// What was sent is unanswered for so long: the path is in doubt. Three round trips if that is more.
#define LINK_SILENT_MS 800

// What OpenSSL, ngtcp2 and libuv need once in a process; more often does no harm.
// Errors: SOTTO_ECRYPTO.
int link_global_init(void);

#endif
