// SPDX-License-Identifier: Apache-2.0
// Client and server against each other on loopback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int setup(void **state)
{
    (void)state;
    harness_certificate("relay", "127.0.0.1", 0);
    return 0;
}

// ---- messages and datagrams ---------------------------------------------------------------

static const size_t sizes[] = {1, 2, 100, 1150, 1151, 5000, 16384, 20479, NET_MESSAGE_MAX_BYTES};
#define SIZES  (sizeof sizes / sizeof *sizes)
#define ROUNDS 12

static void messages(bool websocket)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    struct peer p = {.check_messages = true, .want_messages = SIZES * ROUNDS};
    echo_start(&e, &loop, "relay", NULL);
    struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
    cfg.force_websocket = websocket;
    peer_start(&p, &loop, &cfg);
    assert_true(harness_run(&loop, &p.open, 3000));
    assert_int_equal(p.transport, websocket ? NET_WEBSOCKET : NET_QUIC);
    uint32_t number = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            static uint8_t msg[NET_MESSAGE_MAX_BYTES];
            peer_fill(msg, sizes[i], number++);
            while (net_client_send_message(p.client, msg, sizes[i]) != 0) {
                harness_wait(&loop, 5); // the queue is full: the limit works
            }
        }
    }
    assert_true(harness_run(&loop, &p.enough, 10000));
    assert_false(p.mismatch);
    assert_int_equal(e.messages, SIZES * ROUNDS);
    static uint8_t big[NET_MESSAGE_MAX_BYTES + 1];
    assert_true(net_client_send_message(p.client, big, sizeof big) < 0);
    assert_true(net_client_send_datagram(p.client, big, NET_DATAGRAM_MAX_BYTES + 1) < 0);
    struct net_stats stats;
    net_client_stats(p.client, &stats);
    assert_string_equal(stats.tls_group, "X25519MLKEM768");
    peer_free(&p);
    bool never = false;
    for (int i = 0; i < 100 && e.closed == 0; i++) {
        (void)harness_run(&loop, &never, 10);
    }
    assert_int_equal(e.closed, 1);
    assert_int_equal(e.last_reason, NET_CLOSED);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_messages_quic(void **state)
{
    (void)state;
    messages(false);
}

static void test_messages_websocket(void **state)
{
    (void)state;
    messages(true);
}

static void datagrams(bool websocket)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    struct peer p = {0};
    echo_start(&e, &loop, "relay", NULL);
    struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
    cfg.force_websocket = websocket;
    peer_start(&p, &loop, &cfg);
    assert_true(harness_run(&loop, &p.open, 3000));
    peer_stream(&p, &loop, 500, 160, 20, 200);
    struct net_stats stats;
    net_client_stats(p.client, &stats);
    print_message("%s: %u of 500 datagrams back, %u packets sent, %u received, rtt %.2f ms\n",
                  net_transport_name(p.transport), (unsigned)p.datagrams,
                  (unsigned)stats.packets_sent, (unsigned)stats.packets_received,
                  (double)stats.rtt_ns / 1e6);
    assert_true(p.datagrams >= 498);
    peer_free(&p);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_datagrams_quic(void **state)
{
    (void)state;
    datagrams(false);
}

static void test_datagrams_websocket(void **state)
{
    (void)state;
    datagrams(true);
}

// ---- who is at the other end --------------------------------------------------------------

// Starts a client and waits until it is open or down.
static void settle(struct peer *p, uv_loop_t *loop, const struct net_client_config *cfg)
{
    peer_start(p, loop, cfg);
    for (int i = 0; i < 1000 && !p->open && !p->down; i++) {
        harness_wait(loop, 10);
    }
    assert_true(p->open || p->down);
}

static void expect_down(uv_loop_t *loop, const struct net_client_config *cfg,
                        enum net_reason reason, const char *detail)
{
    struct net_client_config again = *cfg;
    again.reconnect = true;
    struct peer p = {0};
    settle(&p, loop, &again);
    assert_true(p.down);
    if (p.reason != reason) {
        print_message("%s: %s\n", net_reason_text(p.reason), p.detail);
    }
    assert_int_equal(p.reason, reason);
    // Only what may change by itself is tried again.
    assert_int_equal(p.again, reason != NET_PIN && reason != NET_CERTIFICATE);
    if (detail != NULL) {
        assert_non_null(strstr(p.detail, detail));
    }
    peer_free(&p);
}

static void test_pin(void **state)
{
    (void)state;
    harness_certificate("other", "127.0.0.1", 0);
    harness_certificate("old", "127.0.0.1", -40);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct net_client_config cfg = peer_config("other", net_server_port(e.server));
        cfg.force_websocket = websocket;
        expect_down(&loop, &cfg, NET_PIN, NULL);
    }
    net_server_free(e.server);
    // The pin is all that counts: an expired certificate with the right key is good.
    echo_start(&e, &loop, "old", NULL);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct net_client_config cfg = peer_config("old", net_server_port(e.server));
        cfg.force_websocket = websocket;
        struct peer p = {0};
        settle(&p, &loop, &cfg);
        assert_true(p.open);
        peer_free(&p);
    }
    net_server_free(e.server);
    harness_close(&loop);
}

static void certificate_case(const char *name, const char *host, const char *ca, const char *detail)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, name, NULL);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct net_client_config cfg = {.host = host,
                                        .port = net_server_port(e.server),
                                        .ca_file = ca,
                                        .force_websocket = websocket};
        if (detail != NULL) {
            expect_down(&loop, &cfg, NET_CERTIFICATE, detail);
            continue;
        }
        struct peer p = {0};
        settle(&p, &loop, &cfg);
        assert_true(p.open);
        peer_free(&p);
    }
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_certificates(void **state)
{
    (void)state;
    char relay[128], old[128], future[128], elsewhere[128];
    harness_certificate("old", "127.0.0.1", -40);
    harness_certificate("future", "127.0.0.1", 2);
    harness_certificate("elsewhere", "elsewhere.example", 0);
    snprintf(relay, sizeof relay, "%s", harness_file("relay.pem"));
    snprintf(old, sizeof old, "%s", harness_file("old.pem"));
    snprintf(future, sizeof future, "%s", harness_file("future.pem"));
    snprintf(elsewhere, sizeof elsewhere, "%s", harness_file("elsewhere.pem"));
    certificate_case("relay", "127.0.0.1", relay, NULL);
    certificate_case("relay", "127.0.0.1", NULL, "self-signed");
    certificate_case("relay", "127.0.0.1", old, "self-signed");
    certificate_case("relay", "localhost", relay, "another name");
    certificate_case("elsewhere", "127.0.0.1", elsewhere, "another name");
    // A clock that is off by some days looks like this from the other side.
    certificate_case("old", "127.0.0.1", old, "clock");
    certificate_case("future", "127.0.0.1", future, "clock");
}

static void test_unreachable(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    uint16_t port = net_server_port(e.server);
    net_server_free(e.server);
    harness_wait(&loop, 50);
    struct net_client_config cfg = peer_config("relay", port);
    uint64_t start = harness_ms();
    expect_down(&loop, &cfg, NET_UNREACHABLE, NULL);
    assert_true(harness_ms() - start < 1000);
    cfg.host = "no-such-name.invalid";
    expect_down(&loop, &cfg, NET_NAME, NULL);
    struct net_client *c = NULL;
    struct net_client_ops ops = {0};
    cfg.host = "";
    assert_true(net_client_new(&c, &loop, &cfg, &ops, NULL) < 0);
    cfg.host = "127.0.0.1";
    cfg.port = 0;
    assert_true(net_client_new(&c, &loop, &cfg, &ops, NULL) < 0);
    assert_null(c);
    harness_close(&loop);
}

// ---- UDP blocked --------------------------------------------------------------------------

static void test_udp_blocked(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct proxy *proxy = proxy_new(&loop, net_server_port(e.server));
    proxy_block_udp(proxy, true);
    struct net_client_config cfg = peer_config("relay", proxy_port(proxy));
    struct peer p = {.want_messages = 1};
    settle(&p, &loop, &cfg);
    assert_true(p.open);
    assert_int_equal(p.transport, NET_WEBSOCKET);
    print_message("UDP blocked: %s after %u ms\n", net_transport_name(p.transport),
                  (unsigned)(p.opened_ms - p.started_ms));
    assert_true(p.opened_ms - p.started_ms < 2000);
    assert_int_equal(net_client_send_message(p.client, (const uint8_t *)"hello", 5), 0);
    assert_true(harness_run(&loop, &p.enough, 1000));
    peer_free(&p);

    // A wrong key is found out that way as well, and within the same time.
    harness_certificate("other", "127.0.0.1", 0);
    harness_pin("other", cfg.pin);
    uint64_t start = harness_ms();
    expect_down(&loop, &cfg, NET_PIN, NULL);
    assert_true(harness_ms() - start < 3000);
    proxy_free(proxy);
    net_server_free(e.server);
    harness_close(&loop);
}

// A path of 700 ms or so: QUIC is late, but it is there, and preferred.
static void test_quic_is_preferred(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
    cfg.quic_head_start_ms = 1; // both race from the start
    for (int i = 0; i < 10; i++) {
        struct peer p = {0};
        settle(&p, &loop, &cfg);
        assert_true(p.open);
        assert_int_equal(p.transport, NET_QUIC);
        peer_free(&p);
    }
    net_server_free(e.server);
    harness_close(&loop);
}

// ---- moving -------------------------------------------------------------------------------

struct event {
    struct proxy *proxy;
    void (*act)(struct proxy *proxy);
};

static void on_event(uv_timer_t *timer)
{
    struct event *event = timer->data;
    event->act(event->proxy);
}

// Streams 200 datagrams, 50 a second; something happens to the path after 2 s.
static void moving(void (*act)(struct proxy *proxy), struct peer *p, struct net_stats *stats,
                   uint64_t *echoed)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct proxy *proxy = proxy_new(&loop, net_server_port(e.server));
    struct net_client_config cfg = peer_config("relay", proxy_port(proxy));
    settle(p, &loop, &cfg);
    assert_true(p->open);
    struct event event = {.proxy = proxy, .act = act};
    uv_timer_t timer;
    uv_timer_init(&loop, &timer);
    timer.data = &event;
    uv_timer_start(&timer, on_event, 2000, 0);
    peer_stream(p, &loop, 300, 160, 20, 300);
    uv_close((uv_handle_t *)&timer, NULL);
    net_client_stats(p->client, stats);
    *echoed = e.datagrams;
    assert_int_equal(p->opens, 1);
    assert_int_equal(p->downs, 0);
    assert_int_equal(e.open, 1);
    // Messages still come through, in order.
    p->want_messages = 1;
    assert_int_equal(net_client_send_message(p->client, (const uint8_t *)"hello", 5), 0);
    assert_true(harness_run(&loop, &p->enough, 2000));
    peer_free(p);
    proxy_free(proxy);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_nat_rebinding(void **state)
{
    (void)state;
    struct peer p = {0};
    struct net_stats stats;
    uint64_t echoed;
    moving(proxy_rebind, &p, &stats, &echoed);
    print_message("rebinding: %u of 300 datagrams back, longest gap %u ms\n", (unsigned)p.datagrams,
                  (unsigned)p.longest_gap_ms);
    assert_true(p.datagrams >= 297);
}

static void test_dead_path(void **state)
{
    (void)state;
    struct peer p = {0};
    struct net_stats stats;
    uint64_t echoed;
    moving(proxy_kill_path, &p, &stats, &echoed);
    print_message("dead path: %u of 300 datagrams back, longest gap %u ms\n", (unsigned)p.datagrams,
                  (unsigned)p.longest_gap_ms);
    assert_true(p.longest_gap_ms > 500 && p.longest_gap_ms <= 1500);
    assert_true(p.datagrams >= 300 - 80);
    assert_true(stats.path_changes >= 1);
    assert_true(p.paths >= 1);
}

// The largest messages get through as well.
static void bulk(struct peer *p, uv_loop_t *loop)
{
    static uint8_t msg[NET_MESSAGE_MAX_BYTES];
    uint64_t start = harness_ms();
    p->want_messages = 10;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(net_client_send_message(p->client, msg, sizeof msg), 0);
    }
    assert_true(harness_run(loop, &p->enough, 30000));
    print_message("  200 KiB there and back in %u ms\n", (unsigned)(harness_ms() - start));
}

// A long and lossy path. Voice goes on: congestion control must not hold a steady trickle back.
static void test_lossy_path(void **state)
{
    (void)state;
    static const struct {
        unsigned delay_ms, one_in, at_least;
    } paths[] = {{20, 20, 430}, {100, 10, 380}, {150, 10, 380}, {300, 20, 425}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        uv_loop_t loop;
        uv_loop_init(&loop);
        struct echo e;
        echo_start(&e, &loop, "relay", NULL);
        struct proxy *proxy = proxy_new(&loop, net_server_port(e.server));
        proxy_impair(proxy, paths[i].delay_ms, 0, 1);
        struct net_client_config cfg = peer_config("relay", proxy_port(proxy));
        struct peer p = {0};
        settle(&p, &loop, &cfg);
        assert_true(p.open);
        proxy_impair(proxy, paths[i].delay_ms, paths[i].one_in, 1);
        peer_stream(&p, &loop, 500, 160, 20, 2 * paths[i].delay_ms + 500);
        struct net_stats stats;
        net_client_stats(p.client, &stats);
        print_message(
            "%u ms, 1 in %u lost: %u of 500 back, %u dropped before sending, rtt %.0f ms, "
            "%u moves\n",
            2 * paths[i].delay_ms, paths[i].one_in, (unsigned)p.datagrams,
            (unsigned)stats.datagrams_dropped, (double)stats.rtt_ns / 1e6, stats.path_changes);
        assert_true(p.datagrams >= paths[i].at_least);
        assert_int_equal(p.transport, NET_QUIC);
        assert_int_equal(p.downs, 0);
        assert_int_equal(stats.path_changes, 0);
        if (paths[i].delay_ms <= 100) {
            bulk(&p, &loop);
        }
        peer_free(&p);
        proxy_free(proxy);
        net_server_free(e.server);
        harness_close(&loop);
    }
}

// ---- silence ------------------------------------------------------------------------------

// One client, which reconnects, at a relay behind a proxy.
struct way {
    uv_loop_t loop;
    struct echo e;
    struct proxy *proxy;
    struct peer p;
};

static void way_open(struct way *w, bool websocket)
{
    memset(w, 0, sizeof *w);
    uv_loop_init(&w->loop);
    echo_start(&w->e, &w->loop, "relay", NULL);
    w->proxy = proxy_new(&w->loop, net_server_port(w->e.server));
    struct net_client_config cfg = peer_config("relay", proxy_port(w->proxy));
    cfg.reconnect = true;
    cfg.force_websocket = websocket;
    settle(&w->p, &w->loop, &cfg);
    assert_true(w->p.open);
    peer_stream(&w->p, &w->loop, 50, 160, 20, 100);
}

static void way_close(struct way *w)
{
    peer_free(&w->p);
    proxy_free(w->proxy);
    net_server_free(w->e.server);
    harness_close(&w->loop);
}

// UDP does not get through any more: cells go on over TCP. When it does again, they go back, and
// not one is lost.
static void test_udp_dies_and_returns(void **state)
{
    (void)state;
    struct way w;
    way_open(&w, false);
    assert_int_equal(w.p.transport, NET_QUIC);
    proxy_block_udp(w.proxy, true);
    peer_stream(&w.p, &w.loop, 150, 160, 20, 100);
    print_message("UDP dies: over TCP after %u ms\n", (unsigned)w.p.longest_gap_ms);
    assert_int_equal(w.p.transport, NET_WEBSOCKET);
    assert_int_equal(w.p.opens, 2);
    assert_true(w.p.longest_gap_ms >= 800 && w.p.longest_gap_ms <= 1500);

    proxy_block_udp(w.proxy, false);
    uint64_t before = w.p.datagrams;
    w.p.longest_gap_ms = 0;
    peer_stream(&w.p, &w.loop, 500, 160, 20, 200); // the next attempt comes within 10 s
    print_message("UDP returns: longest gap %u ms\n", (unsigned)w.p.longest_gap_ms);
    assert_int_equal(w.p.transport, NET_QUIC);
    assert_int_equal(w.p.opens, 3);
    assert_int_equal(w.p.downs, 0);
    assert_int_equal(w.p.datagrams - before, 500);
    way_close(&w);
}

// Whoever is in the middle of something is not moved.
static void test_does_not_move(void **state)
{
    (void)state;
    struct way w;
    way_open(&w, false);
    proxy_block_udp(w.proxy, true);
    peer_stream(&w.p, &w.loop, 100, 160, 20, 100);
    assert_int_equal(w.p.transport, NET_WEBSOCKET);
    proxy_block_udp(w.proxy, false);
    w.p.busy = true;
    harness_wait(&w.loop, 12000);
    assert_int_equal(w.p.transport, NET_WEBSOCKET);
    w.p.busy = false;
    harness_wait(&w.loop, 12000);
    assert_int_equal(w.p.transport, NET_QUIC);
    way_close(&w);
}

// A path that is silent for a moment and then goes on: the connection stays.
static void test_short_silence(void **state)
{
    (void)state;
    struct way w;
    way_open(&w, false);
    proxy_block_udp(w.proxy, true);
    proxy_block_tcp(w.proxy, true);
    peer_stream(&w.p, &w.loop, 100, 160, 20, 0);
    proxy_block_udp(w.proxy, false);
    w.p.datagrams = 0;
    peer_stream(&w.p, &w.loop, 100, 160, 20, 200);
    print_message("2 s of silence: %u of 100 datagrams back after it\n", (unsigned)w.p.datagrams);
    assert_int_equal(w.p.transport, NET_QUIC);
    assert_int_equal(w.p.downs, 0);
    assert_true(w.p.datagrams >= 80);
    way_close(&w);
}

// A WebSocket through which nothing comes any more, with nobody to say so.
static void test_websocket_dies(void **state)
{
    (void)state;
    struct way w;
    way_open(&w, true);
    proxy_block_tcp(w.proxy, true);
    peer_stream(&w.p, &w.loop, 75, 160, 20, 0);
    assert_int_equal(w.p.opens, 1);
    proxy_block_tcp(w.proxy, false);
    w.p.datagrams = 0;
    peer_stream(&w.p, &w.loop, 100, 160, 20, 200);
    assert_int_equal(w.p.downs, 0);
    assert_true(w.p.datagrams >= 80);
    way_close(&w);
}

// Everything is silent for so long that the connection is given up; then it comes back.
static void test_silence(void **state)
{
    (void)state;
    struct way w;
    way_open(&w, false);
    proxy_block_udp(w.proxy, true);
    proxy_block_tcp(w.proxy, true);
    assert_int_equal(net_client_send_message(w.p.client, (const uint8_t *)"hello", 5), 0);
    uint64_t start = harness_ms();
    assert_true(harness_run(&w.loop, &w.p.down, 12000));
    assert_int_equal(w.p.reason, NET_TIMEOUT);
    assert_true(w.p.again);
    print_message("silence: given up after %u ms\n", (unsigned)(w.p.down_ms - start));
    harness_wait(&w.loop, 3000);
    proxy_block_udp(w.proxy, false);
    start = harness_ms();
    assert_true(harness_run(&w.loop, &w.p.open, 4000));
    print_message("there again after %u ms\n", (unsigned)(w.p.opened_ms - start));
    assert_int_equal(w.p.transport, NET_QUIC);
    way_close(&w);
}

// ---- the server's life --------------------------------------------------------------------

static void restart(bool websocket)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct net_server_config server_cfg = {.port = net_server_port(e.server)};
    struct net_client_config cfg = peer_config("relay", server_cfg.port);
    cfg.reconnect = true;
    cfg.force_websocket = websocket;
    struct peer p = {0};
    settle(&p, &loop, &cfg);
    assert_true(p.open);
    net_server_free(e.server);
    assert_true(harness_run(&loop, &p.down, 2000));
    assert_int_equal(p.reason, NET_CLOSED);
    assert_true(p.again);
    harness_wait(&loop, 1200);
    echo_start(&e, &loop, "relay", &server_cfg);
    assert_true(harness_run(&loop, &p.open, 7000));
    assert_int_equal(p.opens, 2);
    p.want_messages = 1;
    assert_int_equal(net_client_send_message(p.client, (const uint8_t *)"hello", 5), 0);
    assert_true(harness_run(&loop, &p.enough, 1000));
    peer_free(&p);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_restart(void **state)
{
    (void)state;
    restart(false);
    restart(true);
}

// A server that dies without a word, and is started again with the same key: it says that it knows
// nothing of the connection (stateless reset), and the client comes back at once.
static void test_crash(void **state)
{
    (void)state;
    const char *program = getenv("SOTTO_ECHO_SERVER");
    if (program == NULL) {
        skip();
    }
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct child child;
    uint16_t port = child_start(&child, program, 0);
    struct net_client_config cfg = peer_config("relay", port);
    cfg.reconnect = true;
    struct peer p = {0};
    settle(&p, &loop, &cfg);
    assert_int_equal(p.transport, NET_QUIC);
    child_kill(&child);
    assert_int_equal(child_start(&child, program, port), port);
    uint64_t start = harness_ms();
    peer_stream(&p, &loop, 100, 160, 20, 200);
    print_message("crash: down after %u ms (%s), back %u ms later\n", (unsigned)(p.down_ms - start),
                  p.detail, (unsigned)(p.opened_ms - p.down_ms));
    assert_int_equal(p.downs, 1);
    assert_int_equal(p.opens, 2);
    assert_true(p.open);
    assert_non_null(strstr(p.detail, "restarted"));
    assert_true(p.down_ms - start < 300);
    peer_free(&p);
    child_kill(&child);
    harness_close(&loop);
}

// Whoever shows a wrong key for a while (a captive portal) does not end it.
static void test_wrong_key_in_between(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    harness_certificate("portal", "127.0.0.1", 0);
    echo_start(&e, &loop, "relay", NULL);
    struct net_server_config same_port = {.port = net_server_port(e.server)};
    struct net_client_config cfg = peer_config("relay", same_port.port);
    cfg.reconnect = true;
    struct peer p = {0};
    settle(&p, &loop, &cfg);
    assert_true(p.open);
    net_server_free(e.server);
    harness_wait(&loop, 100);
    echo_start(&e, &loop, "portal", &same_port);
    for (int i = 0; i < 500 && !(p.down && p.reason == NET_PIN); i++) {
        harness_wait(&loop, 10);
    }
    assert_int_equal(p.reason, NET_PIN);
    assert_true(p.again);
    net_server_free(e.server);
    harness_wait(&loop, 100);
    echo_start(&e, &loop, "relay", &same_port);
    for (int i = 0; i < 1000 && !p.open; i++) {
        harness_wait(&loop, 10);
    }
    assert_true(p.open);
    assert_int_equal(p.opens, 2);
    peer_free(&p);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_reload(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    harness_certificate("moving", "elsewhere.example", 0);
    echo_start(&e, &loop, "moving", NULL);
    uint16_t port = net_server_port(e.server);
    struct net_client_config pinned = peer_config("moving", port);
    struct peer p = {.want_messages = 1};
    settle(&p, &loop, &pinned);
    assert_true(p.open);
    char ca[128], text[200];
    snprintf(ca, sizeof ca, "%s", harness_file("moving.pem"));
    // The same key, another name: the pin stays.
    harness_certificate("moving", "127.0.0.1", 0);
    struct net_client_config checked = {.host = "127.0.0.1", .port = port, .ca_file = ca};
    expect_down(&loop, &checked, NET_CERTIFICATE, NULL); // the server has not read it yet
    assert_int_equal(net_server_reload(e.server, text, sizeof text), 0);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct peer q = {0};
        checked.force_websocket = websocket;
        settle(&q, &loop, &checked);
        assert_true(q.open);
        peer_free(&q);
    }
    // Whoever was there before stays.
    assert_int_equal(net_client_send_message(p.client, (const uint8_t *)"hello", 5), 0);
    assert_true(harness_run(&loop, &p.enough, 1000));
    // A broken file is refused, and the old one goes on.
    FILE *f = fopen(ca, "w");
    assert_non_null(f);
    fputs("not a certificate", f);
    fclose(f);
    assert_true(net_server_reload(e.server, text, sizeof text) < 0);
    assert_true(strlen(text) > 10);
    struct peer q = {0};
    settle(&q, &loop, &pinned);
    assert_true(q.open);
    peer_free(&q);
    peer_free(&p);
    net_server_free(e.server);
    harness_close(&loop);
}

static void limit_per_address(bool websocket)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    struct net_server_config server_cfg = {.max_connections_per_address = 3};
    echo_start(&e, &loop, "relay", &server_cfg);
    struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
    cfg.force_websocket = websocket;
    struct peer p[3] = {0}, q = {0};
    for (int i = 0; i < 3; i++) { // from the second on, QUIC has to prove its address (Retry)
        settle(&p[i], &loop, &cfg);
        assert_true(p[i].open);
        assert_int_equal(p[i].transport, websocket ? NET_WEBSOCKET : NET_QUIC);
    }
    expect_down(&loop, &cfg, NET_LIMIT, NULL);
    peer_free(&p[0]);
    harness_wait(&loop, 100);
    settle(&q, &loop, &cfg);
    assert_true(q.open);
    struct net_server_stats stats;
    net_server_stats(e.server, &stats);
    assert_int_equal(stats.connections_now, 3);
    // The server's own word reaches the client.
    net_conn_close(e.conns[0], NET_LIMIT);
    harness_wait(&loop, 200);
    assert_int_equal(p[1].down + p[2].down + q.down, 1);
    enum net_reason reason = p[1].down ? p[1].reason : p[2].down ? p[2].reason : q.reason;
    assert_int_equal(reason, NET_LIMIT);
    peer_free(&p[1]);
    peer_free(&p[2]);
    peer_free(&q);
    net_server_free(e.server);
    harness_close(&loop);
}

static void test_limits(void **state)
{
    (void)state;
    limit_per_address(false);
    limit_per_address(true);
}

static void test_free_in_callbacks(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        uv_loop_t loop;
        uv_loop_init(&loop);
        struct echo e;
        echo_start(&e, &loop, "relay", NULL);
        struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
        cfg.force_websocket = i % 2 == 1;
        cfg.reconnect = true;
        struct peer p = {.free_on_open = i / 2 == 0,
                         .free_on_message = i / 2 == 1,
                         .free_on_down = i / 2 == 2};
        peer_start(&p, &loop, &cfg);
        assert_true(harness_run(&loop, &p.open, 3000));
        if (p.client != NULL) {
            assert_int_equal(net_client_send_message(p.client, (const uint8_t *)"hello", 5), 0);
        }
        harness_wait(&loop, 100);
        net_server_free(e.server);
        harness_wait(&loop, 300);
        assert_null(p.client);
        harness_close(&loop);
    }
}

// All at once: most of them have to prove their address first (Retry), and all get in.
static void test_many(void **state)
{
    (void)state;
    enum {
        MANY = 200
    };
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    struct net_server_config server_cfg = {.max_connections_per_address = 2 * MANY + 2};
    echo_start(&e, &loop, "relay", &server_cfg);
    struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
    cfg.quic_head_start_ms = 6000;
    static struct peer peers[MANY];
    memset(peers, 0, sizeof peers);
    for (int i = 0; i < MANY; i++) {
        peers[i].want_messages = 1;
        peer_start(&peers[i], &loop, &cfg);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(harness_run(&loop, &peers[i].open, 20000));
        assert_int_equal(peers[i].transport, NET_QUIC);
        assert_int_equal(net_client_send_message(peers[i].client, (const uint8_t *)"hello", 5), 0);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(harness_run(&loop, &peers[i].enough, 5000));
        peer_free(&peers[i]);
    }
    harness_wait(&loop, 100);
    struct net_server_stats stats;
    net_server_stats(e.server, &stats);
    assert_int_equal(stats.connections_now, 0);
    assert_int_equal(e.closed, MANY);
    net_server_free(e.server);
    harness_close(&loop);
}

// Nothing is said for longer than the idle timeout. Runs by itself (suite soak).
static void test_idle(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct peer p[2] = {{.want_messages = 1}, {.want_messages = 1}};
    for (int websocket = 0; websocket < 2; websocket++) {
        struct net_client_config cfg = peer_config("relay", net_server_port(e.server));
        cfg.force_websocket = websocket;
        settle(&p[websocket], &loop, &cfg);
    }
    harness_wait(&loop, 75000);
    for (int i = 0; i < 2; i++) {
        struct net_stats stats;
        net_client_stats(p[i].client, &stats);
        print_message("%s: %u packets sent, %u received while idle\n",
                      net_transport_name(p[i].transport), (unsigned)stats.packets_sent,
                      (unsigned)stats.packets_received);
        assert_int_equal(p[i].opens, 1);
        assert_int_equal(p[i].downs, 0);
        assert_int_equal(net_client_send_message(p[i].client, (const uint8_t *)"hello", 5), 0);
        assert_true(harness_run(&loop, &p[i].enough, 1000));
        peer_free(&p[i]);
    }
    net_server_free(e.server);
    harness_close(&loop);
}

// ---- hostile bytes ------------------------------------------------------------------------

static void throw_udp(uint16_t port, uint32_t seed)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (uint32_t i = 0; i < 500; i++) {
        uint8_t data[1500];
        size_t len = (seed * 31 + i * 97) % sizeof data;
        peer_fill(data, len, seed * 1000 + i);
        if (len > 6 && i % 2 == 0) { // looks like a long header of version 1, or of a strange one
            static const uint8_t version[2][4] = {{0, 0, 0, 1}, {0x1a, 0x2a, 0x3a, 0x4a}};
            data[0] |= 0xc0;
            memcpy(data + 1, version[i / 2 % 2], 4);
            data[5] = (uint8_t)(i % 23);
        }
        (void)sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof to);
    }
    close(fd);
}

static int tcp_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    struct net_server_config server_cfg = {.handshake_timeout_ms = 700};
    echo_start(&e, &loop, "relay", &server_cfg);
    uint16_t port = net_server_port(e.server);
    int fds[20];
    for (uint32_t i = 0; i < 20; i++) {
        throw_udp(port, i);
        fds[i] = tcp_to(port);
        uint8_t data[600];
        peer_fill(data, sizeof data, i);
        if (i % 2 == 0) {
            assert_true(send(fds[i], data, sizeof data, MSG_NOSIGNAL) > 0);
        }
        harness_wait(&loop, 20);
    }
    // Those that said nothing are sent away after the time limit.
    harness_wait(&loop, 1200);
    struct net_server_stats stats;
    net_server_stats(e.server, &stats);
    assert_int_equal(stats.connections_now, 0);
    for (int i = 0; i < 20; i++) {
        close(fds[i]);
    }
    struct net_client_config cfg = peer_config("relay", port);
    for (int websocket = 0; websocket < 2; websocket++) {
        struct peer p = {.want_messages = 1};
        cfg.force_websocket = websocket;
        settle(&p, &loop, &cfg);
        assert_true(p.open);
        assert_int_equal(net_client_send_message(p.client, (const uint8_t *)"hello", 5), 0);
        assert_true(harness_run(&loop, &p.enough, 1000));
        peer_free(&p);
    }
    net_server_free(e.server);
    harness_close(&loop);
}

// link_test [PATTERN]: only the tests whose name matches.
int main(int argc, char **argv)
{
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    } else {
        cmocka_set_skip_filter("test_idle");
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_quic),
        cmocka_unit_test(test_messages_websocket),
        cmocka_unit_test(test_datagrams_quic),
        cmocka_unit_test(test_datagrams_websocket),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_udp_blocked),
        cmocka_unit_test(test_quic_is_preferred),
        cmocka_unit_test(test_nat_rebinding),
        cmocka_unit_test(test_dead_path),
        cmocka_unit_test(test_lossy_path),
        cmocka_unit_test(test_udp_dies_and_returns),
        cmocka_unit_test(test_does_not_move),
        cmocka_unit_test(test_short_silence),
        cmocka_unit_test(test_websocket_dies),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_wrong_key_in_between),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_free_in_callbacks),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_hostile_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
