// SPDX-License-Identifier: Apache-2.0
// QUIC's keys are renewed in mid-connection, although the server has freed its TLS session by then.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

#include "quic_client.h"

#include <arpa/inet.h>
#include <string.h>

struct state {
    bool open, down;
    unsigned datagrams, messages;
};

static void on_open(void *owner)
{
    ((struct state *)owner)->open = true;
}

static void on_message(void *owner, const uint8_t *msg, size_t len)
{
    (void)msg;
    (void)len;
    ((struct state *)owner)->messages++;
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    ((struct state *)owner)->datagrams++;
}

static void on_down(void *owner, enum net_reason reason, const char *detail)
{
    print_error("%s: %s\n", net_reason_text(reason), detail);
    ((struct state *)owner)->down = true;
}

static const struct link_events events = {.on_open = on_open,
                                          .on_message = on_message,
                                          .on_datagram = on_datagram,
                                          .on_down = on_down};

static void test_renewal(void **test_state)
{
    (void)test_state;
    harness_certificate("relay", "127.0.0.1", 0);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct echo e;
    echo_start(&e, &loop, "relay", NULL);
    struct tls_client_check check = {.pinned = true, .host = "127.0.0.1"};
    harness_pin("relay", check.pin);
    SSL_CTX *tls = tls_client_context(&check, TLS_ALPN_H3);
    assert_non_null(tls);
    union udp_address remote;
    memset(&remote, 0, sizeof remote);
    remote.v4.sin_family = AF_INET;
    remote.v4.sin_port = htons(net_server_port(e.server));
    remote.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct datagram_pool pool = {0};
    struct state s = {0};
    struct quic_client *c;
    assert_int_equal(quic_client_new(&c, &loop, tls, &check, "127.0.0.1:1", &remote, &pool, &events,
                                     &s),
                     0);
    assert_int_not_equal(quic_client_renew_keys(c), 0); // too early
    assert_true(harness_run(&loop, &s.open, 3000));
    for (unsigned round = 1; round <= 5; round++) {
        harness_wait(&loop, 100);
        assert_int_equal(quic_client_renew_keys(c), 0);
        assert_int_not_equal(quic_client_renew_keys(c), 0); // one at a time
        for (int i = 0; i < 10; i++) {
            assert_int_equal(quic_client_send_datagram(c, (const uint8_t *)"cell", 4), 0);
            assert_int_equal(quic_client_send_message(c, (const uint8_t *)"text", 4), 0);
            quic_client_flush_queued(c);
            harness_wait(&loop, 20);
        }
        assert_int_equal(s.datagrams, 10 * round);
        assert_int_equal(s.messages, 10 * round);
        assert_false(s.down);
    }
    quic_client_free(c, NET_CLOSED);
    net_server_free(e.server);
    harness_close(&loop);
    datagram_pool_deinit(&pool);
    SSL_CTX_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_renewal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
