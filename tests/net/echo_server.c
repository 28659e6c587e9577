// SPDX-License-Identifier: Apache-2.0
// echo_server CERTIFICATE KEY [PORT [ADDRESS]]: a server that sends everything back to whom it
// came from, for tests in other processes. Makes the certificate if there is none. Prints "PORT n"
// and "HASH" with the certificate's SHA-256; ends on SIGTERM or SIGINT.
#include "net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct echo_server {
    struct net_server *server;
    uv_signal_t term, interrupt;
};

static void *on_open(struct net_conn *c, enum net_transport transport,
                     const uint8_t address_key[16], void *user)
{
    (void)c;
    (void)address_key;
    printf("open %s\n", net_transport_name(transport));
    fflush(stdout);
    return user;
}

static void on_message(struct net_conn *c, const uint8_t *msg, size_t len, void *conn_user)
{
    (void)conn_user;
    (void)net_conn_send_message(c, msg, len);
}

static void on_datagram(struct net_conn *c, const uint8_t *data, size_t len, void *conn_user)
{
    (void)conn_user;
    (void)net_conn_send_datagram(c, data, len);
}

static void on_close(struct net_conn *c, enum net_reason reason, void *conn_user)
{
    (void)c;
    (void)conn_user;
    printf("close %d\n", (int)reason);
    fflush(stdout);
}

static bool on_get(const struct net_http_request *r, struct net_http_answer *out, void *user)
{
    (void)user;
    static uint8_t body[1000000]; // more than fits into a socket's buffer at once
    *out = (struct net_http_answer){.status = 200,
                                    .headers = "Content-Type: application/octet-stream\r\n",
                                    .body = body,
                                    .len = sizeof body};
    return strcmp(r->path, "/page") == 0;
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    struct echo_server *e = signal->data;
    net_server_free(e->server);
    e->server = NULL;
    uv_close((uv_handle_t *)&e->term, NULL);
    uv_close((uv_handle_t *)&e->interrupt, NULL);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: echo_server CERTIFICATE KEY [PORT [ADDRESS]]\n");
        return 2;
    }
    const char *address = argc > 4 ? argv[4] : "127.0.0.1";
    uint8_t pin[NET_PIN_BYTES], hash[32];
    int64_t end;
    if ((access(argv[1], F_OK) != 0 &&
         net_certificate_make(argv[1], argv[2], address, 13, (int64_t)time(NULL)) != 0) ||
        net_certificate_pin(argv[1], pin, hash, &end) != 0) {
        fprintf(stderr, "echo_server: no certificate\n");
        return 1;
    }
    uv_loop_t *loop = uv_default_loop();
    struct echo_server e = {0};
    struct net_server_config cfg = {
        .bind_host = address,
        .port = argc > 3 ? (uint16_t)strtoul(argv[3], NULL, 10) : 0,
        .certificate_file = argv[1],
        .key_file = argv[2],
        .max_connections_per_address = 1000,
    };
    struct net_server_ops ops = {.on_open = on_open,
                                 .on_message = on_message,
                                 .on_datagram = on_datagram,
                                 .on_close = on_close,
                                 .on_get = on_get};
    char text[200];
    int rv = net_server_new(&e.server, loop, &cfg, &ops, &e, text, sizeof text);
    if (rv != 0) {
        fprintf(stderr, "echo_server: %s\n", text);
        return 1;
    }
    printf("HASH ");
    for (size_t i = 0; i < sizeof hash; i++) {
        printf("%02x", hash[i]);
    }
    printf("\nPORT %u\n", net_server_port(e.server));
    fflush(stdout);
    uv_signal_init(loop, &e.term);
    uv_signal_init(loop, &e.interrupt);
    e.term.data = e.interrupt.data = &e;
    uv_signal_start(&e.term, on_signal, SIGTERM);
    uv_signal_start(&e.interrupt, on_signal, SIGINT);
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
