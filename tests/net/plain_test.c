// SPDX-License-Identifier: Apache-2.0
// The listener without TLS: for this machine only, whatever a page elsewhere makes its name point
// to; and how GETs follow one another on a connection.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define PATIENCE_MS 5000
#define ANSWER_MAX  2000000
#define PAGE_BYTES  300000 // harness.c
#define WS_FIELDS                                   \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static uv_loop_t loop;
static struct echo echo;
static unsigned port;
static char answer[ANSWER_MAX];

static int setup(void **state)
{
    (void)state;
    struct net_server_config cfg = {.plain = true};
    harness_certificate("relay", "localhost", 0);
    uv_loop_init(&loop);
    echo_start(&echo, &loop, "relay", &cfg);
    port = net_server_plain_port(echo.server);
    return port == 0;
}

static int teardown(void **state)
{
    (void)state;
    net_server_free(echo.server);
    harness_close(&loop);
    return 0;
}

static int connect_to(int family)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rv = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                               : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (rv != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// Reads until there are `want` bytes, or the other side hangs up. Returns how many.
static size_t hear(int fd, size_t want)
{
    size_t len = 0;
    uint64_t until = harness_ms() + PATIENCE_MS;
    while (len < want && harness_ms() < until) {
        harness_wait(&loop, 2);
        ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            break;
        }
        len += n > 0 ? (size_t)n : 0;
    }
    answer[len] = '\0';
    return len;
}

// The status of the answer to one request with these fields; the connection ends with it.
static int ask(int family, const char *fields)
{
    char text[1024];
    int status = 0, fd = connect_to(family);
    assert_true(fd >= 0);
    snprintf(text, sizeof text, "GET /page HTTP/1.1\r\nConnection: close\r\n%s\r\n", fields);
    say(fd, text);
    hear(fd, sizeof answer - 1);
    close(fd);
    assert_int_equal(sscanf(answer, "HTTP/1.1 %d ", &status), 1);
    return status;
}

// The text with the port in place of '#'.
static void with_port(char *out, size_t cap, const char *text)
{
    int before = (int)strcspn(text, "#");
    if (text[before] == '#') {
        snprintf(out, cap, "%.*s%u%s", before, text, port, text + before + 1);
    } else {
        snprintf(out, cap, "%s", text);
    }
}

static int ask_host(int family, const char *format)
{
    char text[256], host[128];
    with_port(host, sizeof host, format);
    snprintf(text, sizeof text, "Host: %s\r\n", host);
    return ask(family, text);
}

static void test_host(void **state)
{
    (void)state;
    assert_int_equal(ask_host(AF_INET, "localhost:#"), 200);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), PAGE_BYTES);
    assert_int_equal(ask_host(AF_INET, "LOCALHOST:#"), 200);
    assert_int_equal(ask_host(AF_INET, "127.0.0.1:#"), 200);
    assert_int_equal(ask_host(AF_INET, "[::1]:#"), 200);
    static const char *const strangers[] = {
        "attacker.example:#",           "attacker.example", "localhost",     "localhost:1#",
        "localhost.attacker.example:#", "127.0.0.2:#",      "localhost:#@x", "",
    };
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        assert_int_equal(ask_host(AF_INET, strangers[i]), 421);
        assert_null(strstr(answer, "xxx"));
    }
    assert_int_equal(ask(AF_INET, ""), 421);
}

static void test_ipv6(void **state)
{
    (void)state;
    int fd = connect_to(AF_INET6);
    if (fd < 0) {
        assert_true(errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
        skip(); // this machine has none
    }
    close(fd);
    assert_int_equal(ask_host(AF_INET6, "[::1]:#"), 200);
}

// The status of the answer to a WebSocket's request.
static int ask_websocket(const char *origin_format)
{
    char text[1024], origin[128];
    int status = 0, fd = connect_to(AF_INET);
    with_port(origin, sizeof origin, origin_format);
    snprintf(text, sizeof text,
             "GET " NET_PATH " HTTP/1.1\r\nHost: localhost:%u\r\n%s" WS_FIELDS "\r\n", port,
             origin);
    say(fd, text);
    hear(fd, 20);
    close(fd);
    assert_int_equal(sscanf(answer, "HTTP/1.1 %d ", &status), 1);
    return status;
}

static void test_websocket(void **state)
{
    (void)state;
    unsigned open = echo.open;
    assert_int_equal(ask_websocket("Origin: http://localhost:#\r\n"), 101);
    assert_int_equal(ask_websocket("Origin: http://127.0.0.1:#\r\n"), 101);
    assert_int_equal(ask_websocket(""), 101);
    assert_int_equal(echo.open, open + 3);
    assert_int_equal(ask_websocket("Origin: https://attacker.example\r\n"), 403);
    assert_int_equal(ask_websocket("Origin: http://attacker.example:#\r\n"), 403);
    assert_int_equal(ask_websocket("Origin: http://localhost:1#\r\n"), 403);
    assert_int_equal(ask_websocket("Origin: null\r\n"), 403);
    assert_int_equal(echo.open, open + 3);
}

static size_t count(const char *needle)
{
    size_t n = 0;
    for (const char *at = answer; (at = strstr(at, needle)) != NULL; at++) {
        n++;
    }
    return n;
}

static void test_one_after_another(void **state)
{
    (void)state;
    char text[1024];
    int fd = connect_to(AF_INET);
    // Two whole ones and the beginning of a third, at once.
    snprintf(text, sizeof text,
             "GET /page HTTP/1.1\r\nHost: localhost:%u\r\n\r\n"
             "HEAD /page HTTP/1.1\r\nHost: localhost:%u\r\n\r\nGET /nothing HT",
             port, port);
    say(fd, text);
    hear(fd, PAGE_BYTES + 130);
    assert_int_equal(count("HTTP/1.1 200 OK\r\n"), 2);
    assert_int_equal(count("Content-Length: 300000\r\n"), 2);
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n"); // HEAD has no body
    snprintf(text, sizeof text, "TP/1.1\r\nHost: localhost:%u\r\n\r\n", port);
    say(fd, text);
    hear(fd, 40);
    assert_int_equal(count("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"), 1);
    assert_int_equal(count("Connection: close"), 0);
    // And then a WebSocket, still on the same one.
    unsigned open = echo.open;
    snprintf(text, sizeof text,
             "GET " NET_PATH " HTTP/1.1\r\nHost: localhost:%u\r\n" WS_FIELDS "\r\n", port);
    say(fd, text);
    hear(fd, 20);
    assert_int_equal(count("HTTP/1.1 101 "), 1);
    assert_int_equal(echo.open, open + 1);
    close(fd);
    struct net_server_stats stats;
    net_server_stats(echo.server, &stats);
    harness_wait(&loop, 50);
    uint64_t failed = stats.handshakes_failed;
    assert_int_equal(ask_host(AF_INET, "localhost:#"), 200);
    harness_wait(&loop, 50);
    net_server_stats(echo.server, &stats);
    assert_int_equal(stats.handshakes_failed, failed); // a page is no failed session
}

// Asks and asks and takes nothing: cut off.
static void test_greedy(void **state)
{
    (void)state;
    char text[128];
    int fd = connect_to(AF_INET), room = 65536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    snprintf(text, sizeof text, "GET /page HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", port);
    struct net_server_stats stats;
    harness_wait(&loop, 20);
    net_server_stats(echo.server, &stats);
    uint64_t connections = stats.connections_now;
    uint64_t until = harness_ms() + PATIENCE_MS;
    while (stats.connections_now == connections && harness_ms() < until) {
        for (int i = 0; i < 500; i++) {
            (void)send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        harness_wait(&loop, 5);
        net_server_stats(echo.server, &stats);
    }
    assert_int_equal(stats.connections_now, connections - 1);
    close(fd);
    assert_int_equal(ask_host(AF_INET, "localhost:#"), 200);
}

// The kernel's word: nothing listens on that port but loopback addresses.
static void test_bound(void **state)
{
    (void)state;
    FILE *f = fopen("/proc/net/tcp", "re");
    char line[256], loopback[32];
    unsigned found = 0;
    assert_non_null(f);
    snprintf(loopback, sizeof loopback, "%08X:%04X", htonl(INADDR_LOOPBACK), port);
    while (fgets(line, sizeof line, f) != NULL) {
        char local[32], remote[32];
        unsigned slot, tcp_state;
        if (sscanf(line, " %u: %31s %31s %x", &slot, local, remote, &tcp_state) == 4 &&
            tcp_state == 0x0a && strtoul(strchr(local, ':') + 1, NULL, 16) == port) {
            assert_string_equal(local, loopback);
            found++;
        }
    }
    fclose(f);
    assert_int_equal(found, 1);
}

// A second one on the same port says so.
static void test_taken(void **state)
{
    (void)state;
    static const struct net_server_ops ops = {.on_get = NULL};
    struct net_server *second = NULL;
    struct net_server_config cfg = {.bind_host = "127.0.0.1",
                                    .certificate_file = harness_file("relay.pem"),
                                    .key_file = harness_file("relay.key"),
                                    .plain = true,
                                    .plain_port = (uint16_t)port};
    char text[200];
    assert_true(net_server_new(&second, &loop, &cfg, &ops, NULL, text, sizeof text) < 0);
    assert_non_null(strstr(text, NET_WITHOUT_TLS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host),      cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_websocket), cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_greedy),    cmocka_unit_test(test_bound),
        cmocka_unit_test(test_taken),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
