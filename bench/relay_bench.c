// SPDX-License-Identifier: Apache-2.0
// What the relay's own work costs, without the network under it: a cell, a dial, a login, a number
// written to the disk. The machine is shared; take the least of several runs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine_rig.h"
#include "store/sqlite.h"

#define CALLS   900 // at the same time, each on two connections of its own
#define ROUNDS  100
#define NUMBERS 500

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void report(const char *what, uint64_t ns, uint64_t count)
{
    printf("%-46s %10.0f ns each\n", what, (double)ns / (double)count);
}

// An engine of its own, whose outputs do nothing but count.
static uint64_t sent;

static bool on_message(void *conn_user, const uint8_t *msg, size_t len, void *user)
{
    (void)conn_user;
    (void)msg;
    (void)user;
    sent += len;
    return true;
}

static void on_datagram(void *conn_user, const uint8_t *data, size_t len, void *user)
{
    (void)conn_user;
    (void)data;
    (void)user;
    sent += len;
}

static void on_close(void *conn_user, enum link_code why, void *user)
{
    (void)conn_user;
    (void)user;
    fprintf(stderr, "a connection was closed, code %d\n", (int)why);
    exit(1);
}

static void send_message(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                         struct sotto_now now)
{
    static uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    if (len <= 0 || relay_conn_message(e, c, buf, (size_t)len, now) != 0)
        exit(1);
}

// Calls by meeting: the cells' way is the same, and no line is needed.
static void bench_cells(void)
{
    static struct relay_conn *conns[2 * CALLS];
    struct relay_memory *store;
    struct relay_engine *e;
    struct sotto_now now = {.mono_ns = 1000 * SOTTO_NS_PER_S};
    struct relay_config cfg = {.origin = "bench:1",
                               .limits = {.meets_per_address_per_minute = 6000},
                               .output = {.message = on_message,
                                          .datagram = on_datagram,
                                          .close = on_close}};
    if (relay_memory_new(&store, sotto_env_default()) != 0)
        exit(1);
    cfg.store = relay_memory_store(store);
    if (relay_engine_new(&e, &cfg, sotto_env_default()) != 0)
        exit(1);
    for (uint32_t i = 0; i < 2 * CALLS; i++) {
        uint8_t address[16] = {0}, place[LINK_PLACE_BYTES] = {0};
        uint32_t pair = i / 2;
        memcpy(address, &pair, sizeof pair);
        memcpy(place, &pair, sizeof pair);
        if (relay_conn_open(e, &conns[i], NULL, address, now) != 0)
            exit(1);
        send_message(e, conns[i], &(struct link_message){.type = LINK_HELLO, .version = 1}, now);
        send_message(e, conns[i],
                     &(struct link_message){.type = LINK_MEET, .circuit = 2, .place = place}, now);
    }
    uint8_t cell[LINK_CELL_BYTES] = {1}, datagram[LINK_DATAGRAM_BYTES];
    link_datagram_encode(datagram, 2, cell);
    struct relay_stats stats;
    uint64_t begin = now_ns();
    for (int round = 0; round < ROUNDS; round++) {
        now.mono_ns += 20 * SOTTO_NS_PER_MS;
        for (uint32_t i = 0; i < 2 * CALLS; i++)
            relay_conn_datagram(e, conns[i], datagram, sizeof datagram, now);
    }
    uint64_t took = now_ns() - begin;
    relay_engine_stats(e, &stats);
    if (stats.cells_forwarded != 2u * CALLS * ROUNDS)
        exit(1);
    report("a cell forwarded, 900 calls at once", took, stats.cells_forwarded);
    relay_engine_free(e);
    relay_memory_free(store);
}

static void bench_requests(void)
{
    rig_init(&rig, &(struct relay_limits){.dials_per_number_per_minute = 6000,
                                          .dials_per_address_per_minute = 60000,
                                          .logins_per_address_per_minute = 60000});
    rig_line(&rig, 0);
    rig_number(&rig, 1, 0, 0, LINK_CALLS_UNLIMITED);
    struct rig_device *d = rig_open(&rig, 1), *caller = rig_open(&rig, 2);
    struct link_message login = rig_login_message(d, 0, RIG_ORIGIN, LINK_LOGIN_RING);
    uint64_t begin = now_ns();
    for (int i = 0; i < 200; i++) {
        rig_send(d, &login);
        rig_drain(d);
    }
    report("a LOGIN (ML-DSA-87 verified)", now_ns() - begin, 200);
    begin = now_ns();
    for (int i = 0; i < 1000; i++) {
        rig_dial(caller, 2, 1);
        rig_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = 2});
        rig_drain(caller);
        rig_drain(d);
    }
    report("a DIAL put through and closed", now_ns() - begin, 1000);
    rig_deinit(&rig);
}

static void bench_store(void)
{
    char directory[] = "/tmp/sotto-bench-XXXXXX", path[64], error[256], remove[64];
    struct relay_sqlite *db;
    if (mkdtemp(directory) == NULL)
        exit(1);
    snprintf(path, sizeof path, "%s/db", directory);
    if (relay_sqlite_open(&db, path, error, sizeof error) != 0)
        exit(1);
    struct relay_store *s = relay_sqlite_store(db);
    const uint8_t invite[LINK_INVITE_BYTES] = {1};
    struct relay_store_line line = {.key_len = 2614};
    struct relay_store_number n = {.calls_left = 1};
    if (relay_sqlite_invite_create(db, invite, 1, 0) != 0 ||
        s->line_register(s, invite, &line, 1) != 0)
        exit(1);
    uint64_t begin = now_ns();
    for (uint32_t i = 0; i < NUMBERS; i++) {
        memcpy(n.token_hash, &i, sizeof i);
        if (s->number_put(s, &n, 100000) != 0)
            exit(1);
    }
    report("a number written to the disk", now_ns() - begin, NUMBERS);
    begin = now_ns();
    for (uint32_t i = 0; i < NUMBERS; i++) {
        memcpy(n.token_hash, &i, sizeof i);
        if (s->number_put(s, &n, 100000) != 0)
            exit(1);
    }
    report("a number put again, unchanged", now_ns() - begin, NUMBERS);
    begin = now_ns();
    for (uint32_t i = 0; i < 20 * NUMBERS; i++) {
        memcpy(n.token_hash, &i, sizeof i); // most are unknown
        s->number_get(s, n.token_hash, &n);
    }
    report("a number looked up", now_ns() - begin, 20 * NUMBERS);
    relay_sqlite_close(db);
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    if (system(remove) != 0)
        exit(1);
}

int main(void)
{
    bench_cells();
    bench_requests();
    bench_store();
    return sent > 0 ? 0 : 1;
}
