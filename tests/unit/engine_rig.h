// SPDX-License-Identifier: Apache-2.0
// A relay engine on a memory store, with devices on strings: for the engine's unit tests and for
// fuzz/engine_fuzz.c. What must hold for the rig itself is checked with RIG_CHECK (abort).
#ifndef SOTTO_TESTS_ENGINE_RIG_H
#define SOTTO_TESTS_ENGINE_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include <sotto/identity.h>

#include "engine/engine.h"
#include "store/memory.h"

#define RIG_CHECK(x) ((x) ? (void)0 : rig_broken(#x, __FILE__, __LINE__))
_Noreturn void rig_broken(const char *what, const char *file, int line);

#define RIG_DEVICES_MAX 96
#define RIG_QUEUE_MAX   64
#define RIG_LINES       3
#define RIG_ORIGIN      "relay.example:443"
#define RIG_ORIGIN_2    "localhost:443"
#define RIG_ORIGIN_3    "127.0.0.1:443"

// An environment that counts, can fail, draws from a seed, and watches for a canary.
struct rig_memory {
    struct sotto_env env;
    struct rig_block *blocks; // all that is allocated
    size_t live, allocations;
    size_t fail_at; // this allocation (from 1) and all after it fail; 0: none
    size_t live_bytes;
    uint64_t random;
    const void *canary; // must not be in any block, not even when it is freed
    size_t canary_len;
    bool canary_seen;
};
void rig_memory_init(struct rig_memory *m, uint64_t seed);
// Looks through all that is allocated; or a freed block had it.
bool rig_memory_has_canary(struct rig_memory *m);

struct rig_device {
    struct rig *rig;
    struct relay_conn *conn; // NULL: the engine, or rig_drop, has ended it
    bool closed;             // by the engine
    enum link_code why;
    bool full; // takes no more messages
    uint8_t challenge[LINK_CHALLENGE_BYTES];
    struct {
        uint8_t *bytes;
        size_t len;
    } queue[RIG_QUEUE_MAX]; // what came, from `next` on not yet looked at
    size_t queued, next;
    size_t datagrams;                      // how many came
    uint8_t datagram[LINK_DATAGRAM_BYTES]; // the last
};

struct rig {
    struct rig_memory memory;
    struct relay_memory *store;
    struct relay_engine *engine;
    struct sotto_now now;
    struct rig_device *devices[RIG_DEVICES_MAX];
    size_t device_count;
    uint32_t request;
    size_t wakes;  // pushes asked for
    size_t pushed; // subscriptions of the last
    struct relay_store_push push[RELAY_PUSH_PER_LINE_MAX];
};

// limits NULL: the defaults.
void rig_init(struct rig *r, const struct relay_limits *limits);
// Fills in the outputs of another engine for the same devices.
void rig_config_outputs(struct rig *r, struct relay_config *cfg);
// Ends everything; whatever is then still allocated breaks the test.
void rig_deinit(struct rig *r);
// Tells the engine the oldest result of a deferred write; false if there is none.
bool rig_stored(struct rig *r);
void rig_pass(struct rig *r, sotto_ns ns); // time goes by, timers run

struct relay_stats rig_stats(const struct rig *r);

// The engine's tables agree with each other. Done after all that goes through the rig.
void rig_check(struct rig *r);

// A connection from address number `address`, greeted unless `silent`.
struct rig_device *rig_open_silent(struct rig *r, unsigned address);
struct rig_device *rig_open(struct rig *r, unsigned address);
void rig_drop(struct rig_device *d); // its network is gone
int rig_send(struct rig_device *d, const struct link_message *m);
int rig_send_bytes(struct rig_device *d, const void *data, size_t len);
void rig_send_cell(struct rig_device *d, uint32_t circuit, uint8_t fill);

// The next message; it must be there and of that type. Valid until rig_deinit.
struct link_message rig_expect(struct rig_device *d, enum link_type type);
void rig_expect_code(struct rig_device *d, enum link_type type, enum link_code code);
void rig_drain(struct rig_device *d);       // forgets all that came
bool rig_quiet(const struct rig_device *d); // nothing (more) came

// ---- lines: their keys are made once a process

const struct sotto_line_key *rig_line_key(unsigned line);
const uint8_t *rig_line_id(unsigned line);
// Signs with that line's key for any origin; what was signed before is remembered.
struct link_message rig_register_message(const struct rig_device *d, unsigned line,
                                         const char *origin, const uint8_t *invite);
struct link_message rig_login_message(const struct rig_device *d, unsigned line, const char *origin,
                                      uint8_t flags);
// Puts the line into the store with a made-up invitation.
void rig_line(struct rig *r, unsigned line);
// A greeted connection of that line (which must be in the store), logged in with OK.
struct rig_device *rig_login(struct rig *r, unsigned address, unsigned line, uint8_t flags);
// Token number `n`, and the number in the store.
const uint8_t *rig_token(unsigned n);
void rig_number(struct rig *r, unsigned n, unsigned line, int64_t expires, uint32_t calls_left);

// Dials token n on circuit `id` and passes the flight "hello" on: what both ends then know.
struct rig_call {
    struct rig_device *caller, *callee;
    uint32_t caller_id, callee_id;
    uint8_t caller_ticket[LINK_TICKET_BYTES], callee_ticket[LINK_TICKET_BYTES];
};
int rig_dial(struct rig_device *caller, uint32_t id, unsigned n);
struct rig_call rig_call(struct rig_device *caller, uint32_t id, struct rig_device *callee,
                         unsigned n);

// ---- for a program that needs only one

// The rig; setup (with the default limits) and teardown of a test with it, for cmocka.
extern struct rig rig;
int rig_setup(void **state);
int rig_teardown(void **state);

#endif
