// SPDX-License-Identifier: Apache-2.0
// The relay's engine: lines, numbers (by the hash of their dial token only), circuits, meeting
// places, limits. No sockets, no clock, no threads: the daemon and the simulator drive it.
// It sees opaque flights and cells and keeps none of them.
#ifndef SOTTO_RELAY_ENGINE_H
#define SOTTO_RELAY_ENGINE_H

#include <sotto/base.h>

#include "engine/store.h"
#include "wire/link.h"

struct relay_engine;
struct relay_conn; // one device's connection

#define RELAY_CONNS_MAX               20000
#define RELAY_CIRCUITS_MAX            20000
#define RELAY_CIRCUITS_PER_CONN_MAX   16
#define RELAY_DEVICES_PER_LINE_MAX    8
#define RELAY_PLACES_MAX              1000
#define RELAY_PLACE_NS                (600 * SOTTO_NS_PER_S) // a meeting place waits ten minutes
#define RELAY_RING_NS                 (90 * SOTTO_NS_PER_S) // a circuit without a cell ends after this
#define RELAY_PLACES_PER_ADDRESS_MAX  32                    // further MEETs get CLOSE(LIMIT)
#define RELAY_CIRCUIT_GRACE_NS        (60 * SOTTO_NS_PER_S) // to RESUME a circuit on a new connection
#define RELAY_SIGNALS_PER_CIRCUIT_MAX 64     // flights, both ways; one more ends it: LIMIT
#define RELAY_SIGNAL_BYTES_MAX        262144 // their bytes; the same
#define RELAY_LOGIN_NS                (10 * SOTTO_NS_PER_S) // HELLO must come within this
#define RELAY_LOGIN_FAILURES_MAX      3    // refused LOGINs, then the connection ends
#define RELAY_MESSAGES_BURST          2048 // one connection's; beyond: it ends, LIMIT
#define RELAY_MESSAGES_PER_S          64
#define RELAY_WRITES_PER_LINE_PER_S   16   // changes of numbers; burst: numbers_per_line
#define RELAY_WRITES_PENDING_MAX      1024 // under way in the store; further ones: LIMIT
#define RELAY_WRITES_PER_CONN_MAX     128  // of them one connection's
#define RELAY_UNKNOWN_TOKEN_COST      4    // dials that one at an unusable number counts
#define RELAY_ORIGINS_MAX             8
#define RELAY_WAKE_NS                 (45 * SOTTO_NS_PER_S) // a dial waits for a device to wake; then OFFLINE
#define RELAY_ASLEEP_NS               (2500 * SOTTO_NS_PER_MS) // a device that says nothing to INCOMING
#define RELAY_WAKES_MAX               512 // dials that wait; one more is OFFLINE
#define RELAY_WAKES_PER_LINE_MAX      8   // the same; one a number: a newer one ends it
#define RELAY_WAKE_APART_NS           (5 * SOTTO_NS_PER_S)   // between two pushes to one line
#define RELAY_WAKES_PER_NUMBER        6                      // pushes for one number at once, then
#define RELAY_WAKES_PER_NUMBER_NS     (120 * SOTTO_NS_PER_S) // one each; beyond: OFFLINE

struct relay_limits {                          // token buckets; 0 means the default
    uint32_t dials_per_number_per_minute;      // 20
    uint32_t dials_per_address_per_minute;     // 60: unknown tokens count four times
    uint32_t meets_per_address_per_minute;     // 20
    uint32_t registers_per_address_per_minute; // 10
    uint32_t logins_per_address_per_minute;    // 240: checking a signature costs 0.3 ms
    uint32_t cells_per_circuit_per_second;     // 120 each way (burst 240)
    uint32_t numbers_per_line;                 // 1000
};

// Called from inside the engine's functions; they must not call back into the engine.
struct relay_output {
    // Data is borrowed for the call. Return false if the connection cannot take it (queue full):
    // the engine then closes that connection.
    bool (*message)(void *conn_user, const uint8_t *msg, size_t len, void *user);
    void (*datagram)(void *conn_user, const uint8_t *data, size_t len, void *user);
    // The engine ends this connection; it has forgotten it. No relay_conn_closed follows.
    void (*close)(void *conn_user, enum link_code why, void *user);
    // Somebody dials a line of which no device answers: wake it by these subscriptions, at least
    // one. NULL: this relay wakes nobody, and takes no subscriptions.
    void (*wake)(const struct relay_store_push *pushes, size_t count, void *user);
    // Whether subscriptions at that endpoint are taken. NULL: all are.
    bool (*push_allowed)(const char *endpoint, void *user);
    void *user;
};

struct relay_config {
    char origin[LINK_ORIGIN_MAX_BYTES + 1]; // "host:port" that devices sign to
    // Further names under which devices reach this relay.
    char more_origins[RELAY_ORIGINS_MAX - 1][LINK_ORIGIN_MAX_BYTES + 1];
    size_t more_origin_count;
    struct relay_limits limits;
    struct relay_store *store; // borrowed
    struct relay_output output;
};

// 0, SOTTO_ENOMEM, or SOTTO_EINVAL (no store, an output missing, no origin, too many origins).
int relay_engine_new(struct relay_engine **out, const struct relay_config *cfg,
                     const struct sotto_env *env);
void relay_engine_free(struct relay_engine *e); // tells nobody; call relay_engine_stop before
// Sends CLOSE(SHUTDOWN) on every circuit; new requests are refused from here on.
void relay_engine_stop(struct relay_engine *e, struct sotto_now now);
// Takes effect from the next request on; what was used up stays used up.
void relay_engine_set_limits(struct relay_engine *e, const struct relay_limits *limits);

// The engine says nothing until the device's HELLO. address_key stands for the peer's address in
// the rate limits. 0, SOTTO_ELIMIT (RELAY_CONNS_MAX, or stopping), SOTTO_ENOMEM: nothing was made.
int relay_conn_open(struct relay_engine *e, struct relay_conn **out, void *conn_user,
                    const uint8_t address_key[16], struct sotto_now now);
// Bytes from the device. SOTTO_OK, or an error after which the engine has already closed the
// connection through output.close (do not use `c` again).
int relay_conn_message(struct relay_engine *e, struct relay_conn *c, const uint8_t *msg, size_t len,
                       struct sotto_now now);
// A datagram: forwarded or dropped, never an error for the connection. The hot path: no
// allocation, no lookup beyond the connection's own circuit table.
void relay_conn_datagram(struct relay_engine *e, struct relay_conn *c, const uint8_t *data,
                         size_t len, struct sotto_now now);
// The connection is gone; `c` is freed. Its circuits wait RELAY_CIRCUIT_GRACE_NS for a RESUME.
void relay_conn_closed(struct relay_engine *e, struct relay_conn *c, struct sotto_now now);

// The result of a write that the store answered with SOTTO_EAGAIN; each job once. Not to be called
// from inside the store's functions.
void relay_engine_stored(struct relay_engine *e, uint64_t job, int result, struct sotto_now now);

// When handle_expiry wants to be called next; SOTTO_NEVER.
sotto_ns relay_engine_expiry(const struct relay_engine *e);
void relay_engine_handle_expiry(struct relay_engine *e, struct sotto_now now);

// The operator withdrew a line: closes its connections and circuits.
void relay_engine_drop_line(struct relay_engine *e, const uint8_t line_id[LINK_LINE_ID_BYTES],
                            struct sotto_now now);

struct relay_stats {
    uint64_t conns, lines_online, circuits, places, dials, dials_unavailable, dials_offline,
        dials_limited, cells_forwarded, cells_dropped, signals_forwarded, registers, logins,
        logins_denied, protocol_errors, resumes, meets, wakes, wakes_answered, wakes_missed;
};
void relay_engine_stats(const struct relay_engine *e, struct relay_stats *out);

#endif
