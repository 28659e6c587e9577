// SPDX-License-Identifier: Apache-2.0
// Client and server against each other on loopback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    harness_certificate("relay", "127.0.0.1", 0);
    return 0;
}

// ---- messages and datagrams ---------------------------------------------------------------

static const size_t sizes[] = {1, 2, 100, 1150, 1151, 5000, 16384, 20479, NET_MESSAGE_MAX_BYTES};
#define SIZES (sizeof sizes / sizeof *sizes)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_quic),
        cmocka_unit_test(test_messages_websocket),
        cmocka_unit_test(test_datagrams_quic),
        cmocka_unit_test(test_datagrams_websocket),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
