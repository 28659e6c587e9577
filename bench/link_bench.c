// SPDX-License-Identifier: Apache-2.0
// What a forwarded cell costs the relay's network layer, against a bare forwarder of UDP packets
// under the same load in the same run; and what an idle connection takes of memory.
//
//   link_bench [CONNECTIONS [SECONDS]]      400 and 10: 200 calls, a cell each 20 ms and direction
//
// Three processes: this one measures, one forwards, one is all the clients.
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CELL_BYTES      136
#define WIRE_BYTES      192 // such a cell as a QUIC packet
#define TICK_MS         20
#define CONNECTIONS_MAX 4000
#define BATCH           64
#define SETTLE_S        2

static char directory[] = "/tmp/sotto-link-bench.XXXXXX";
static char certificate[64], key[64];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

// ---- the relay ----------------------------------------------------------------------------

// Connections are paired in the order in which they come.
struct leg {
    struct net_conn *conn;
    struct leg *other;
};

static struct leg legs[CONNECTIONS_MAX];
static unsigned leg_count;

static void *relay_open(struct net_conn *c, enum net_transport transport,
                        const uint8_t address_key[16], void *user)
{
    (void)transport;
    (void)address_key;
    (void)user;
    if (leg_count == CONNECTIONS_MAX) {
        net_conn_close(c, NET_LIMIT);
        return NULL;
    }
    struct leg *leg = &legs[leg_count++];
    leg->conn = c;
    leg->other = &legs[(leg_count - 1) ^ 1];
    return leg;
}

static void relay_message(struct net_conn *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    (void)msg;
    (void)len;
    (void)user;
}

static void relay_datagram(struct net_conn *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    struct leg *leg = user;
    if (leg != NULL && leg->other->conn != NULL) {
        (void)net_conn_send_datagram(leg->other->conn, data, len);
    }
}

static void relay_close(struct net_conn *c, enum net_reason reason, void *user)
{
    (void)c;
    (void)reason;
    struct leg *leg = user;
    if (leg != NULL) {
        leg->conn = NULL;
    }
}

static void relay_main(int port_pipe)
{
    uv_loop_t *loop = uv_default_loop();
    struct net_server *server;
    struct net_server_config cfg = {.bind_host = "127.0.0.1",
                                    .certificate_file = certificate,
                                    .key_file = key,
                                    .max_connections_per_address = CONNECTIONS_MAX};
    struct net_server_ops ops = {.on_open = relay_open,
                                 .on_message = relay_message,
                                 .on_datagram = relay_datagram,
                                 .on_close = relay_close};
    char text[200];
    if (net_server_new(&server, loop, &cfg, &ops, NULL, text, sizeof text) != 0) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    uint16_t port = net_server_port(server);
    if (write(port_pipe, &port, sizeof port) != sizeof port) {
        exit(1);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    exit(0);
}

// ---- the bare forwarder -------------------------------------------------------------------

static uint16_t other_port[65536]; // from a client's port to that of its call's other end

// `sleep_us` 0: wakes for each packet; otherwise sleeps so long between rounds.
static void bare_main(int port_pipe, unsigned sleep_us)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in local = {.sin_family = AF_INET};
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof local;
    int buffer = 4 << 20;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (bind(fd, (struct sockaddr *)&local, sizeof local) != 0 ||
        getsockname(fd, (struct sockaddr *)&local, &len) != 0) {
        fail("bind");
    }
    uint16_t port = ntohs(local.sin_port);
    if (write(port_pipe, &port, sizeof port) != sizeof port) {
        exit(1);
    }
    static uint8_t data[BATCH][2048];
    static struct sockaddr_in from[BATCH];
    static struct iovec iov[BATCH];
    static struct mmsghdr in[BATCH], out[BATCH];
    uint16_t last = 0;
    for (;;) {
        if (sleep_us > 0) {
            usleep(sleep_us);
        } else {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            (void)poll(&p, 1, -1);
        }
        for (int n = BATCH; n == BATCH;) {
            for (int i = 0; i < BATCH; i++) {
                iov[i] = (struct iovec){data[i], sizeof data[i]};
                in[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                .msg_namelen = sizeof from[i],
                                                .msg_iov = &iov[i],
                                                .msg_iovlen = 1};
            }
            n = recvmmsg(fd, in, BATCH, 0, NULL);
            unsigned count = 0;
            for (int i = 0; i < n; i++) {
                uint16_t source = ntohs(from[i].sin_port);
                if (in[i].msg_len == 1) { // a client says hello: every two are a call
                    if (last != 0) {
                        other_port[source] = last;
                        other_port[last] = source;
                        last = 0;
                    } else {
                        last = source;
                    }
                } else if (other_port[source] != 0) {
                    from[i].sin_port = htons(other_port[source]);
                    iov[i].iov_len = in[i].msg_len;
                    out[count++].msg_hdr = in[i].msg_hdr;
                }
            }
            for (unsigned at = 0; at < count;) {
                int sent = sendmmsg(fd, out + at, count - at, 0);
                at += sent > 0 ? (unsigned)sent : 1;
            }
        }
    }
}

// ---- the clients --------------------------------------------------------------------------

struct load {
    struct net_client *clients[CONNECTIONS_MAX];
    int fds[CONNECTIONS_MAX];
    unsigned count, open, down, slot;
    uint64_t sent, received, delay_us, delayed;
    uint64_t next_ns;
    bool stream, bare;
    uv_timer_t timer;
    uv_poll_t control;
    uv_poll_t polls[CONNECTIONS_MAX];
    int control_in, control_out;
};

static struct load load;

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

static void note(const uint8_t *data, size_t len)
{
    uint64_t sent_us;
    load.received++;
    if (len >= sizeof sent_us) {
        memcpy(&sent_us, data, sizeof sent_us);
        load.delay_us += now_us() - sent_us;
        load.delayed++;
    }
}

static void client_open(struct net_client *c, enum net_transport transport, void *user)
{
    (void)c;
    (void)transport;
    (void)user;
    load.open++;
}

static void client_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    (void)msg;
    (void)len;
    (void)user;
}

static void client_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    (void)user;
    note(data, len);
}

static void client_down(struct net_client *c, enum net_reason reason, const char *detail,
                        bool again, void *user)
{
    (void)c;
    (void)again;
    (void)user;
    load.down++;
    fprintf(stderr, "client: %s (%s)\n", net_reason_text(reason), detail);
}

static void send_one(unsigned i)
{
    uint8_t cell[WIRE_BYTES] = {0};
    uint64_t now = now_us();
    memcpy(cell, &now, sizeof now);
    if (load.bare) {
        (void)send(load.fds[i], cell, WIRE_BYTES, 0);
    } else {
        (void)net_client_send_datagram(load.clients[i], cell, CELL_BYTES);
        net_client_flush(load.clients[i]);
    }
    load.sent++;
}

// Each client has its own place in the 20 ms, as devices do: the clients' cells are spread evenly.
static void on_load_timer(uv_timer_t *timer)
{
    (void)timer;
    if (!load.stream) {
        return;
    }
    uint64_t step = TICK_MS * UINT64_C(1000000) / load.count, now = uv_hrtime();
    while (load.next_ns <= now) {
        send_one(load.slot);
        load.slot = (load.slot + 1) % load.count;
        load.next_ns += step;
    }
}

static void on_bare(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uint8_t data[2048];
    ssize_t n;
    while ((n = recv(*(int *)poll->data, data, sizeof data, MSG_DONTWAIT)) > 0) {
        note(data, (size_t)n);
    }
}

struct report {
    uint64_t sent, received, delay_us, delayed;
    unsigned open, down;
};

static void on_control(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
    char command;
    if (read(load.control_in, &command, 1) != 1) {
        exit(0);
    }
    if (command == 's') {
        load.stream = true;
        load.next_ns = uv_hrtime();
    } else if (command == 'q') {
        load.stream = false;
    }
    struct report r = {load.sent, load.received, load.delay_us, load.delayed, load.open, load.down};
    if (write(load.control_out, &r, sizeof r) != sizeof r) {
        exit(1);
    }
}

static void load_main(int control_in, int control_out, uint16_t port, unsigned count, bool bare,
                      bool websocket)
{
    uv_loop_t *loop = uv_default_loop();
    load.count = count;
    load.bare = bare;
    load.control_in = control_in;
    load.control_out = control_out;
    uv_timer_init(loop, &load.timer);
    uv_timer_start(&load.timer, on_load_timer, 1, 1);
    uv_poll_init(loop, &load.control, control_in);
    uv_poll_start(&load.control, UV_READABLE, on_control);
    struct net_client_config cfg = {.host = "127.0.0.1",
                                    .port = port,
                                    .pinned = true,
                                    .force_websocket = websocket};
    struct net_client_ops ops = {.on_open = client_open,
                                 .on_message = client_message,
                                 .on_datagram = client_datagram,
                                 .on_down = client_down};
    uint8_t hash[32];
    int64_t end;
    if (net_certificate_pin(certificate, cfg.pin, hash, &end) != 0) {
        fail("pin");
    }
    for (unsigned i = 0; i < count; i++) {
        if (!bare) {
            if (net_client_new(&load.clients[i], loop, &cfg, &ops, NULL) != 0) {
                fail("client");
            }
            // A few at a time: this is not a benchmark of handshakes.
            while (load.open + 8 < i && load.down == 0) {
                uv_run(loop, UV_RUN_ONCE);
            }
            continue;
        }
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        load.fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (connect(load.fds[i], (struct sockaddr *)&to, sizeof to) != 0 ||
            send(load.fds[i], "h", 1, 0) != 1) {
            fail("connect");
        }
        uv_poll_init(loop, &load.polls[i], load.fds[i]);
        load.polls[i].data = &load.fds[i];
        uv_poll_start(&load.polls[i], UV_READABLE, on_bare);
        load.open++;
    }
    uv_run(loop, UV_RUN_DEFAULT);
    exit(0);
}

// ---- measuring ----------------------------------------------------------------------------

static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint64_t rss_bytes(pid_t pid)
{
    char name[64];
    unsigned long size = 0, resident = 0;
    snprintf(name, sizeof name, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(name, "r");
    if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2) {
        resident = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct result {
    double us_per_cell, delay_ms, delivered, rss_per_connection;
};

static struct report ask(int out, int in, char command)
{
    struct report r = {0};
    if (write(out, &command, 1) != 1 || read(in, &r, sizeof r) != sizeof r) {
        fprintf(stderr, "the clients are gone\n");
        exit(1);
    }
    return r;
}

enum kind {
    KIND_RELAY,
    KIND_RELAY_WEBSOCKET,
    KIND_BARE,
    KIND_BARE_SLEEPING
};

static struct result measure(enum kind kind, unsigned count, unsigned seconds)
{
    int port_pipe[2], to[2], from[2];
    if (pipe(port_pipe) != 0 || pipe(to) != 0 || pipe(from) != 0) {
        fail("pipe");
    }
    pid_t forwarder = fork();
    if (forwarder == 0) {
        if (kind <= KIND_RELAY_WEBSOCKET) {
            relay_main(port_pipe[1]);
        }
        bare_main(port_pipe[1], kind == KIND_BARE_SLEEPING ? 1000 : 0);
    }
    uint16_t port;
    if (read(port_pipe[0], &port, sizeof port) != sizeof port) {
        fail("the forwarder");
    }
    uint64_t rss_before = rss_bytes(forwarder);
    pid_t clients = fork();
    if (clients == 0) {
        close(to[1]);
        load_main(to[0], from[1], port, count, kind >= KIND_BARE, kind == KIND_RELAY_WEBSOCKET);
    }
    for (int i = 0; i < 600 && ask(to[1], from[0], '?').open < count; i++) {
        usleep(100000);
    }
    struct report r = ask(to[1], from[0], '?');
    if (r.open < count) {
        fprintf(stderr, "only %u of %u connections came to be\n", r.open, count);
        exit(1);
    }
    sleep(SETTLE_S);
    struct result result = {.rss_per_connection =
                                (double)(rss_bytes(forwarder) - rss_before) / count};
    (void)ask(to[1], from[0], 's');
    sleep(SETTLE_S);
    struct report a = ask(to[1], from[0], '?');
    uint64_t cpu = cpu_ns(forwarder);
    sleep(seconds);
    struct report b = ask(to[1], from[0], '?');
    cpu = cpu_ns(forwarder) - cpu;
    uint64_t cells = b.received - a.received;
    result.us_per_cell = (double)cpu / 1e3 / (double)(cells > 0 ? cells : 1);
    result.delivered = (double)cells / (double)(b.sent - a.sent);
    result.delay_ms = (double)(b.delay_us - a.delay_us) / 1e3 /
                      (double)(b.delayed > a.delayed ? b.delayed - a.delayed : 1);
    kill(clients, SIGKILL);
    kill(forwarder, SIGKILL);
    (void)waitpid(clients, NULL, 0);
    (void)waitpid(forwarder, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(port_pipe[i]);
        close(to[i]);
        close(from[i]);
    }
    return result;
}

static void print(const char *name, struct result r)
{
    printf("%-34s %6.2f us of CPU a cell, %6.2f %% delivered, %5.2f ms delay\n", name,
           r.us_per_cell, 100 * r.delivered, r.delay_ms);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 400;
    unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10;
    if (count < 2 || count > CONNECTIONS_MAX || count % 2 != 0 || seconds == 0) {
        fprintf(stderr, "usage: link_bench [even number of connections [seconds]]\n");
        return 2;
    }
    if (mkdtemp(directory) == NULL) {
        fail("mkdtemp");
    }
    snprintf(certificate, sizeof certificate, "%s/c.pem", directory);
    snprintf(key, sizeof key, "%s/c.key", directory);
    if (net_certificate_make(certificate, key, "127.0.0.1", 13, (int64_t)time(NULL)) != 0) {
        fail("certificate");
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    printf("%u connections, each one cell of %d bytes every %d ms, for %u s\n", count, CELL_BYTES,
           TICK_MS, seconds);
    struct result bare = measure(KIND_BARE, count, seconds);
    print("bare forwarder, wakes each packet", bare);
    struct result sleeping = measure(KIND_BARE_SLEEPING, count, seconds);
    print("bare forwarder, 1 ms rounds", sleeping);
    struct result relay = measure(KIND_RELAY, count, seconds);
    print("relay", relay);
    printf("ratio to a bare forwarder          %6.2f (wakes each packet), %.2f (1 ms rounds)\n",
           relay.us_per_cell / bare.us_per_cell, relay.us_per_cell / sleeping.us_per_cell);
    struct result websocket = measure(KIND_RELAY_WEBSOCKET, count, seconds);
    print("relay, WebSocket", websocket);
    printf("memory of an idle connection       %6.1f KiB (QUIC), %.1f KiB (WebSocket)\n",
           relay.rss_per_connection / 1024, websocket.rss_per_connection / 1024);
    unlink(certificate);
    unlink(key);
    rmdir(directory);
    return 0;
}
