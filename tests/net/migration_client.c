// SPDX-License-Identifier: Apache-2.0
// migration_client CERTIFICATE HOST PORT SECONDS LOST: streams 50 datagrams a second to an echo
// server while its network changes under it, then says what came of it. Ends with 0 if the
// connection stayed one and no more than LOST datagrams did not come back: what was on its way when
// the path changed.
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS    20
#define CELL_BYTES 136
#define LINGER_MS  1200 // for the last ones to come back
#define GAP_MS     100  // longer ones are told

struct state {
    struct net_client *client;
    uv_timer_t timer;
    unsigned opens, downs, paths;
    uint64_t sent, received, last_ms, gap_ms, start_ms, end_ms;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void on_tick(uv_timer_t *timer)
{
    struct state *s = timer->data;
    uint8_t cell[CELL_BYTES] = {0};
    if (now_ms() + LINGER_MS < s->end_ms) {
        (void)net_client_send_datagram(s->client, cell, sizeof cell);
        s->sent++;
    }
    if (now_ms() >= s->end_ms) {
        struct net_stats stats;
        net_client_stats(s->client, &stats);
        printf("opens %u, downs %u, %llu of %llu datagrams back, longest gap %llu ms, "
               "%u path changes, told of %u\n",
               s->opens, s->downs, (unsigned long long)s->received, (unsigned long long)s->sent,
               (unsigned long long)s->gap_ms, stats.path_changes, s->paths);
        net_client_free(s->client);
        uv_close((uv_handle_t *)&s->timer, NULL);
    }
}

static void on_open(struct net_client *c, enum net_transport transport, void *user)
{
    (void)c;
    struct state *s = user;
    s->opens++;
    s->last_ms = now_ms();
    printf("open %s\n", net_transport_name(transport));
    fflush(stdout);
    if (s->opens == 1) {
        uv_timer_start(&s->timer, on_tick, TICK_MS, TICK_MS);
    }
}

static void on_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    (void)msg;
    (void)len;
    (void)user;
}

static void on_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    (void)data;
    (void)len;
    struct state *s = user;
    uint64_t now = now_ms();
    s->gap_ms = now - s->last_ms > s->gap_ms ? now - s->last_ms : s->gap_ms;
    if (now - s->last_ms > GAP_MS) {
        printf("  at %llu ms: gap %llu ms\n", (unsigned long long)(now - s->start_ms),
               (unsigned long long)(now - s->last_ms));
        fflush(stdout);
    }
    s->last_ms = now;
    s->received++;
}

static void on_path(struct net_client *c, void *user)
{
    (void)c;
    struct state *s = user;
    s->paths++;
    printf("  at %llu ms: path\n", (unsigned long long)(now_ms() - s->start_ms));
    fflush(stdout);
}

static void on_down(struct net_client *c, enum net_reason reason, const char *detail, bool again,
                    void *user)
{
    (void)c;
    (void)again;
    struct state *s = user;
    s->downs++;
    printf("down: %s (%s)\n", net_reason_text(reason), detail);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: migration_client CERTIFICATE HOST PORT SECONDS LOST\n");
        return 2;
    }
    struct state s = {0};
    struct net_client_config cfg = {.host = argv[2],
                                    .port = (uint16_t)strtoul(argv[3], NULL, 10),
                                    .pinned = true,
                                    .reconnect = true};
    struct net_client_ops ops = {.on_open = on_open,
                                 .on_message = on_message,
                                 .on_datagram = on_datagram,
                                 .on_path = on_path,
                                 .on_down = on_down};
    uint8_t hash[32];
    int64_t end;
    if (net_certificate_pin(argv[1], cfg.pin, hash, &end) != 0) {
        fprintf(stderr, "no certificate\n");
        return 2;
    }
    uv_loop_t *loop = uv_default_loop();
    s.start_ms = now_ms();
    s.end_ms = s.start_ms + LINGER_MS + strtoul(argv[4], NULL, 10) * 1000;
    uv_timer_init(loop, &s.timer);
    s.timer.data = &s;
    if (net_client_new(&s.client, loop, &cfg, &ops, &s) != 0) {
        return 2;
    }
    uv_run(loop, UV_RUN_DEFAULT);
    uint64_t lost = s.sent - s.received;
    printf("lost %llu, at most %s\n", (unsigned long long)lost, argv[5]);
    bool good = s.opens == 1 && s.downs == 0 && lost <= strtoul(argv[5], NULL, 10) && s.paths > 0;
    return good ? 0 : 1;
}
