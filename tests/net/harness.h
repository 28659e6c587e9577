// SPDX-License-Identifier: Apache-2.0
// A server that echoes, clients that record, and a UDP proxy that misbehaves on demand, all on one
// loop in this process.
#ifndef SOTTO_TESTS_NET_HARNESS_H
#define SOTTO_TESTS_NET_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "net.h"

#define HARNESS_CONNS_MAX 512

// ---- files, time --------------------------------------------------------------------------

// A directory of its own for this process, removed at exit.
const char *harness_dir(void);
// "<dir>/<name>", in one of a few rotating buffers.
const char *harness_file(const char *name);
// Makes NAME.pem and NAME.key for `host`, valid from `offset_days` from now on. Aborts on failure.
void harness_certificate(const char *name, const char *host, int offset_days);
void harness_pin(const char *name, uint8_t pin[NET_PIN_BYTES]);

// Runs the loop until *flag or `ms` are over; returns *flag.
bool harness_run(uv_loop_t *loop, const bool *flag, unsigned ms);
// Runs the loop for `ms`.
void harness_wait(uv_loop_t *loop, unsigned ms);
// Runs the loop until it is empty, at most 5 s, and closes it; aborts if something stays.
void harness_close(uv_loop_t *loop);
uint64_t harness_ms(void);

// ---- the server ---------------------------------------------------------------------------

struct echo {
    struct net_server *server;
    struct net_conn *conns[HARNESS_CONNS_MAX];
    unsigned open, closed, now;
    enum net_transport last_transport;
    enum net_reason last_reason;
    uint64_t messages, datagrams;
};

// On 127.0.0.1, with certificate NAME; `cfg` may be NULL, its names and port are ignored but
// for `port`.
void echo_start(struct echo *e, uv_loop_t *loop, const char *name,
                const struct net_server_config *cfg);

// The same in a process of its own, with the certificate "relay".
struct child {
    int pid;
};
uint16_t child_start(struct child *c, const char *program, uint16_t port);
// Without a chance to say anything.
void child_kill(struct child *c);

// ---- clients ------------------------------------------------------------------------------

struct peer {
    struct net_client *client;
    unsigned opens, downs, paths;
    bool open, down, again;
    bool busy; // must not be moved
    enum net_transport transport;
    enum net_reason reason;
    char detail[128];
    uint64_t opened_ms, down_ms, started_ms;
    uint64_t messages, datagrams;
    uint64_t last_datagram_ms, longest_gap_ms;
    // Each message is compared with what peer_fill(number) makes.
    bool check_messages, mismatch;
    uint32_t check_next;
    bool enough; // messages or datagrams have reached these
    uint64_t want_messages, want_datagrams;
    bool free_on_open, free_on_message, free_on_down;
};

// The configuration for a pinned client of 127.0.0.1:port.
struct net_client_config peer_config(const char *name, uint16_t port);
void peer_start(struct peer *p, uv_loop_t *loop, const struct net_client_config *cfg);
void peer_free(struct peer *p);
// A message or datagram of a length, told apart by its number.
void peer_fill(uint8_t *out, size_t len, uint32_t number);
// Sends `count` datagrams of `len` bytes, one each `every_ms`, and waits `linger_ms` at the end.
void peer_stream(struct peer *p, uv_loop_t *loop, unsigned count, size_t len, unsigned every_ms,
                 unsigned linger_ms);

// ---- the proxy ----------------------------------------------------------------------------

struct proxy;

// Forwards UDP and TCP between a port of its own and `server_port`, both on 127.0.0.1.
struct proxy *proxy_new(uv_loop_t *loop, uint16_t server_port);
void proxy_free(struct proxy *p);
uint16_t proxy_port(const struct proxy *p);
// Nothing passes over UDP, in either direction, and nobody is told.
void proxy_block_udp(struct proxy *p, bool block);
// The same for TCP: what was said before arrives when it is over.
void proxy_block_tcp(struct proxy *p, bool block);
// As a NAT that forgot: towards the server packets come from another port from now on.
void proxy_rebind(struct proxy *p);
// Swallows everything from and to the client's present address; another one of it works.
void proxy_kill_path(struct proxy *p);
// From now on each UDP packet is late by `delay_ms`, and one in `one_in` is lost (0: none), in
// both directions; which ones, a seed decides.
void proxy_impair(struct proxy *p, unsigned delay_ms, unsigned one_in, uint32_t seed);
uint64_t proxy_packets(const struct proxy *p);

#endif
