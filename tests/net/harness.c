// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x)                                                           \
    do {                                                                   \
        if (!(x)) {                                                        \
            fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #x); \
            abort();                                                       \
        }                                                                  \
    } while (0)

#define FAIL(text)                                                \
    do {                                                          \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, text); \
        abort();                                                  \
    } while (0)

// ---- files, time --------------------------------------------------------------------------

static char dir[64];

static void remove_dir(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0) {
        fprintf(stderr, "could not remove %s\n", dir);
    }
}

const char *harness_dir(void)
{
    if (dir[0] == '\0') {
        snprintf(dir, sizeof dir, "/tmp/sotto-net-test.XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
        atexit(remove_dir);
    }
    return dir;
}

const char *harness_file(const char *name)
{
    static char names[8][128];
    static unsigned next;
    char *out = names[next++ % 8];
    snprintf(out, sizeof names[0], "%s/%s", harness_dir(), name);
    return out;
}

static const char *pem(const char *name, const char *ending)
{
    char file[64];
    snprintf(file, sizeof file, "%s.%s", name, ending);
    return harness_file(file);
}

void harness_certificate(const char *name, const char *host, int offset_days)
{
    CHECK(net_certificate_make(pem(name, "pem"), pem(name, "key"), host, 13,
                               (int64_t)time(NULL) + offset_days * 86400) == 0);
}

void harness_pin(const char *name, uint8_t pin[NET_PIN_BYTES])
{
    uint8_t hash[32];
    int64_t end;
    CHECK(net_certificate_pin(pem(name, "pem"), pin, hash, &end) == 0);
}

uint64_t harness_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void on_time(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_nothing(uv_timer_t *timer)
{
    (void)timer;
}

static void on_gone(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

bool harness_run(uv_loop_t *loop, const bool *flag, unsigned ms)
{
    static const bool never;
    uv_timer_t timer, wake;
    bool over = false;
    if (flag == NULL) {
        flag = &never;
    }
    uv_timer_init(loop, &timer);
    uv_timer_init(loop, &wake);
    timer.data = &over;
    uv_timer_start(&timer, on_time, ms, 0);
    uv_timer_start(&wake, on_nothing, 5, 5); // the flag may change in any callback
    while (!*flag && !over) {
        uv_run(loop, UV_RUN_ONCE);
    }
    // Both are on this stack: wait until the loop has forgotten them.
    bool gone[2] = {false, false};
    timer.data = &gone[0];
    wake.data = &gone[1];
    uv_close((uv_handle_t *)&timer, on_gone);
    uv_close((uv_handle_t *)&wake, on_gone);
    while (!gone[0] || !gone[1]) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
    return *flag;
}

void harness_wait(uv_loop_t *loop, unsigned ms)
{
    (void)harness_run(loop, NULL, ms);
}

static void print_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    fprintf(stderr, "left: %s active %d closing %d\n", uv_handle_type_name(handle->type),
            uv_is_active(handle), uv_is_closing(handle));
}

void harness_close(uv_loop_t *loop)
{
    uint64_t end = harness_ms() + 5000;
    while (uv_run(loop, UV_RUN_NOWAIT) != 0 && harness_ms() < end) {
        usleep(1000);
    }
    if (uv_loop_close(loop) != 0) {
        uv_walk(loop, print_handle, NULL);
        FAIL("the loop is not empty");
    }
}

// ---- the server ---------------------------------------------------------------------------

static void *echo_on_open(struct net_conn *c, enum net_transport transport,
                          const uint8_t address_key[16], void *user)
{
    (void)address_key;
    struct echo *e = user;
    e->last_transport = transport;
    e->open++;
    CHECK(e->now < HARNESS_CONNS_MAX);
    e->conns[e->now++] = c;
    // The connection tells the other callbacks the server through a small struct of its own.
    return e;
}

static void echo_on_message(struct net_conn *c, const uint8_t *msg, size_t len, void *conn_user)
{
    struct echo *e = conn_user;
    e->messages++;
    (void)net_conn_send_message(c, msg, len);
}

static void echo_on_datagram(struct net_conn *c, const uint8_t *data, size_t len, void *conn_user)
{
    struct echo *e = conn_user;
    e->datagrams++;
    (void)net_conn_send_datagram(c, data, len);
}

static void echo_on_close(struct net_conn *c, enum net_reason reason, void *conn_user)
{
    struct echo *e = conn_user;
    e->closed++;
    e->last_reason = reason;
    for (unsigned i = 0; i < e->now; i++) {
        if (e->conns[i] == c) {
            e->conns[i] = e->conns[--e->now];
            return;
        }
    }
    FAIL("an unknown connection was closed");
}

static bool echo_on_get(const struct net_http_request *r, struct net_http_answer *out, void *user)
{
    (void)user;
    static uint8_t body[300000];
    *out = (struct net_http_answer){.status = 200,
                                    .headers = "Content-Type: text/plain\r\n",
                                    .body = body,
                                    .len = sizeof body};
    memset(body, 'x', sizeof body);
    return strcmp(r->path, "/page") == 0;
}

static const struct net_server_ops echo_ops = {
    .on_open = echo_on_open,
    .on_message = echo_on_message,
    .on_datagram = echo_on_datagram,
    .on_close = echo_on_close,
    .on_get = echo_on_get,
};

void echo_start(struct echo *e, uv_loop_t *loop, const char *name,
                const struct net_server_config *cfg)
{
    struct net_server_config mine = cfg != NULL ? *cfg : (struct net_server_config){0};
    char text[200];
    mine.bind_host = "127.0.0.1";
    mine.certificate_file = pem(name, "pem");
    mine.key_file = pem(name, "key");
    memset(e, 0, sizeof *e);
    int rv = net_server_new(&e->server, loop, &mine, &echo_ops, e, text, sizeof text);
    if (rv != 0) {
        fprintf(stderr, "server: %d %s\n", rv, text);
        abort();
    }
}

uint16_t child_start(struct child *c, const char *program, uint16_t port)
{
    int out[2];
    CHECK(pipe(out) == 0);
    c->pid = fork();
    CHECK(c->pid >= 0);
    if (c->pid == 0) {
        char text[8];
        snprintf(text, sizeof text, "%u", port);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        execl(program, program, pem("relay", "pem"), pem("relay", "key"), text, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    char line[200];
    unsigned got = 0;
    while (got == 0 && fgets(line, sizeof line, f) != NULL) {
        (void)sscanf(line, "PORT %u", &got);
    }
    fclose(f);
    CHECK(got != 0);
    return (uint16_t)got;
}

void child_kill(struct child *c)
{
    kill(c->pid, SIGKILL);
    (void)waitpid(c->pid, NULL, 0);
}

// ---- clients ------------------------------------------------------------------------------

static void note_enough(struct peer *p)
{
    if ((p->want_messages > 0 || p->want_datagrams > 0) && p->messages >= p->want_messages &&
        p->datagrams >= p->want_datagrams) {
        p->enough = true;
    }
}

static void peer_on_open(struct net_client *c, enum net_transport transport, void *user)
{
    (void)c;
    struct peer *p = user;
    p->opens++;
    p->open = true;
    p->down = false;
    p->transport = transport;
    p->opened_ms = harness_ms();
    if (p->free_on_open) {
        peer_free(p);
    }
}

static void peer_on_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    (void)c;
    struct peer *p = user;
    p->messages++;
    if (p->check_messages) {
        static uint8_t want[NET_MESSAGE_MAX_BYTES];
        peer_fill(want, len, p->check_next++);
        if (memcmp(want, msg, len) != 0) {
            p->mismatch = true;
        }
    }
    note_enough(p);
    if (p->free_on_message) {
        peer_free(p);
    }
}

static void peer_on_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    (void)c;
    (void)data;
    (void)len;
    struct peer *p = user;
    uint64_t now = harness_ms();
    if (p->last_datagram_ms != 0 && now - p->last_datagram_ms > p->longest_gap_ms) {
        p->longest_gap_ms = now - p->last_datagram_ms;
    }
    p->last_datagram_ms = now;
    p->datagrams++;
    note_enough(p);
}

static void peer_on_path(struct net_client *c, void *user)
{
    (void)c;
    ((struct peer *)user)->paths++;
}

static void peer_on_down(struct net_client *c, enum net_reason reason, const char *detail,
                         bool again, void *user)
{
    (void)c;
    struct peer *p = user;
    p->downs++;
    p->down = true;
    p->open = false;
    p->reason = reason;
    p->again = again;
    p->down_ms = harness_ms();
    snprintf(p->detail, sizeof p->detail, "%s", detail);
    if (p->free_on_down) {
        peer_free(p);
    }
}

static bool peer_may_move(struct net_client *c, void *user)
{
    (void)c;
    return !((struct peer *)user)->busy;
}

static const struct net_client_ops peer_ops = {
    .may_move = peer_may_move,
    .on_open = peer_on_open,
    .on_message = peer_on_message,
    .on_datagram = peer_on_datagram,
    .on_path = peer_on_path,
    .on_down = peer_on_down,
};

struct net_client_config peer_config(const char *name, uint16_t port)
{
    struct net_client_config cfg = {.host = "127.0.0.1", .port = port, .pinned = true};
    harness_pin(name, cfg.pin);
    return cfg;
}

void peer_start(struct peer *p, uv_loop_t *loop, const struct net_client_config *cfg)
{
    p->started_ms = harness_ms();
    CHECK(net_client_new(&p->client, loop, cfg, &peer_ops, p) == 0);
}

void peer_free(struct peer *p)
{
    net_client_free(p->client);
    p->client = NULL;
}

void peer_fill(uint8_t *out, size_t len, uint32_t number)
{
    uint32_t x = number * 2654435761u + 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
}

struct stream {
    struct peer *peer;
    unsigned left;
    size_t len;
    bool over;
};

static void on_stream_tick(uv_timer_t *timer)
{
    struct stream *s = timer->data;
    uint8_t data[NET_DATAGRAM_MAX_BYTES];
    peer_fill(data, s->len, s->left);
    (void)net_client_send_datagram(s->peer->client, data, s->len);
    if (--s->left == 0) {
        s->over = true;
        uv_timer_stop(timer);
    }
}

void peer_stream(struct peer *p, uv_loop_t *loop, unsigned count, size_t len, unsigned every_ms,
                 unsigned linger_ms)
{
    uv_timer_t timer;
    struct stream s = {.peer = p, .left = count, .len = len};
    uv_timer_init(loop, &timer);
    timer.data = &s;
    uv_timer_start(&timer, on_stream_tick, every_ms, every_ms);
    CHECK(harness_run(loop, &s.over, count * every_ms * 2 + 1000));
    uv_close((uv_handle_t *)&timer, NULL);
    harness_wait(loop, linger_ms); // and the loop forgets the timer
}

// ---- the proxy ----------------------------------------------------------------------------

// One client, or one address of it after the other, is all the tests need.
struct pipe;

struct proxy {
    uv_loop_t *loop;
    uv_poll_t front, back;
    uv_tcp_t listener;
    int front_fd, back_fd;
    struct sockaddr_in client, killed, server;
    uint16_t port;
    bool blocked, tcp_blocked, has_killed;
    uint64_t packets;
    struct pipe *pipes;
    unsigned handles;
    unsigned delay_ms, one_in;
    uint32_t random;
    struct late *late, *late_tail; // in the order of their times: the delay is one for all
    uv_timer_t late_timer;
};

// A packet that is on its way for a while.
struct late {
    struct late *next;
    uint64_t due_ms;
    bool to_server;
    size_t len;
    uint8_t data[];
};

struct pipe {
    struct pipe *next, *other;
    uv_tcp_t tcp;
    struct proxy *proxy;
    bool connected;
};

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int udp_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = loopback(port);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool same(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

static void deliver(struct proxy *p, bool to_server, const uint8_t *data, size_t len)
{
    if (to_server) {
        (void)sendto(p->back_fd, data, len, 0, (struct sockaddr *)&p->server, sizeof p->server);
    } else {
        (void)sendto(p->front_fd, data, len, 0, (struct sockaddr *)&p->client, sizeof p->client);
    }
}

static void on_late(uv_timer_t *timer)
{
    struct proxy *p = timer->data;
    uint64_t now = harness_ms();
    while (p->late != NULL && p->late->due_ms <= now) {
        struct late *l = p->late;
        p->late = l->next;
        if (p->late == NULL) {
            p->late_tail = NULL;
        }
        deliver(p, l->to_server, l->data, l->len);
        free(l);
    }
    if (p->late != NULL) {
        uv_timer_start(timer, on_late, p->late->due_ms - now, 0);
    }
}

static void forward(struct proxy *p, bool to_server, const uint8_t *data, size_t len)
{
    p->random = p->random * 1664525u + 1013904223u;
    if (p->one_in != 0 && (p->random >> 8) % p->one_in == 0) {
        return;
    }
    if (p->delay_ms == 0) {
        deliver(p, to_server, data, len);
        return;
    }
    struct late *l = malloc(sizeof *l + len);
    *l = (struct late){.due_ms = harness_ms() + p->delay_ms, .to_server = to_server, .len = len};
    memcpy(l->data, data, len);
    if (p->late_tail != NULL) {
        p->late_tail->next = l;
    } else {
        p->late = l;
        uv_timer_start(&p->late_timer, on_late, p->delay_ms, 0);
    }
    p->late_tail = l;
}

void proxy_impair(struct proxy *p, unsigned delay_ms, unsigned one_in, uint32_t seed)
{
    p->delay_ms = delay_ms;
    p->one_in = one_in;
    p->random = seed;
}

static void on_front(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct proxy *p = poll->data;
    uint8_t data[2048];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n;
    while ((n = recvfrom(p->front_fd, data, sizeof data, 0, (struct sockaddr *)&from, &from_len)) >=
           0) {
        p->packets++;
        if (p->blocked || (p->has_killed && same(&from, &p->killed))) {
            continue;
        }
        p->client = from;
        forward(p, true, data, (size_t)n);
    }
}

static void on_back(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct proxy *p = poll->data;
    uint8_t data[2048];
    ssize_t n;
    while ((n = recv(p->back_fd, data, sizeof data, 0)) >= 0) {
        p->packets++;
        if (p->blocked || (p->has_killed && same(&p->client, &p->killed))) {
            continue;
        }
        forward(p, false, data, (size_t)n);
    }
}

static void pipe_gone(uv_handle_t *handle)
{
    struct pipe *pipe = handle->data;
    free(pipe);
}

static void pipe_close(struct pipe *pipe)
{
    struct pipe **at = &pipe->proxy->pipes;
    while (*at != pipe) {
        at = &(*at)->next;
    }
    *at = pipe->next;
    if (pipe->other != NULL) {
        pipe->other->other = NULL;
    }
    uv_close((uv_handle_t *)&pipe->tcp, pipe_gone);
}

static void pipe_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

struct pipe_write {
    uv_write_t request;
    char *data;
};

static void pipe_written(uv_write_t *request, int status)
{
    (void)status;
    struct pipe_write *w = (struct pipe_write *)(void *)request;
    free(w->data);
    free(w);
}

static void pipe_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pipe *pipe = stream->data;
    struct pipe *other = pipe->other;
    if (n > 0 && other != NULL) {
        struct pipe_write *w = malloc(sizeof *w);
        w->data = buf->base;
        uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
        uv_write(&w->request, (uv_stream_t *)&other->tcp, &out, 1, pipe_written);
        return;
    }
    free(buf->base);
    if (n < 0) {
        if (other != NULL) {
            pipe_close(other);
        }
        pipe_close(pipe);
    }
}

static void pipe_start(struct pipe *pipe)
{
    pipe->connected = true;
    if (!pipe->proxy->tcp_blocked) {
        uv_read_start((uv_stream_t *)&pipe->tcp, pipe_alloc, pipe_read);
    }
}

static void pipe_connected(uv_connect_t *request, int status)
{
    struct pipe *pipe = request->data;
    free(request);
    if (status == 0 && pipe->other != NULL) {
        pipe_start(pipe);
        pipe_start(pipe->other);
    }
}

static struct pipe *pipe_new(struct proxy *p)
{
    struct pipe *pipe = calloc(1, sizeof *pipe);
    uv_tcp_init(p->loop, &pipe->tcp);
    pipe->tcp.data = pipe;
    pipe->proxy = p;
    pipe->next = p->pipes;
    p->pipes = pipe;
    return pipe;
}

static void on_tcp(uv_stream_t *listener, int status)
{
    struct proxy *p = listener->data;
    if (status != 0) {
        return;
    }
    struct pipe *a = pipe_new(p), *b = pipe_new(p);
    a->other = b;
    b->other = a;
    uv_accept(listener, (uv_stream_t *)&a->tcp);
    uv_connect_t *connect = malloc(sizeof *connect);
    connect->data = b;
    uv_tcp_connect(connect, &b->tcp, (struct sockaddr *)&p->server, pipe_connected);
}

static void poll_on(struct proxy *p, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
    uv_poll_init(p->loop, poll, fd);
    poll->data = p;
    uv_poll_start(poll, UV_READABLE, callback);
}

struct proxy *proxy_new(uv_loop_t *loop, uint16_t server_port)
{
    struct proxy *p = calloc(1, sizeof *p);
    p->loop = loop;
    p->server = loopback(server_port);
    for (int try = 0; try < 50; try++) {
        p->front_fd = udp_on(0);
        struct sockaddr_in a;
        socklen_t len = sizeof a;
        getsockname(p->front_fd, (struct sockaddr *)&a, &len);
        p->port = ntohs(a.sin_port);
        uv_tcp_init(loop, &p->listener);
        p->listener.data = p;
        // libuv says "in use" only when listening.
        if (uv_tcp_bind(&p->listener, (struct sockaddr *)&a, 0) == 0 &&
            uv_listen((uv_stream_t *)&p->listener, 16, on_tcp) == 0) {
            break;
        }
        FAIL("no port is free for both");
    }
    p->back_fd = udp_on(0);
    CHECK(connect(p->back_fd, (struct sockaddr *)&p->server, sizeof p->server) == 0);
    poll_on(p, &p->front, p->front_fd, on_front);
    poll_on(p, &p->back, p->back_fd, on_back);
    uv_timer_init(loop, &p->late_timer);
    p->late_timer.data = p;
    return p;
}

static void back_gone(uv_handle_t *handle)
{
    struct proxy *p = handle->data;
    close(p->back_fd);
    p->back_fd = udp_on(0);
    CHECK(connect(p->back_fd, (struct sockaddr *)&p->server, sizeof p->server) == 0);
    poll_on(p, &p->back, p->back_fd, on_back);
}

void proxy_rebind(struct proxy *p)
{
    uv_close((uv_handle_t *)&p->back, back_gone);
}

static void proxy_handle_gone(uv_handle_t *handle)
{
    struct proxy *p = handle->data;
    if (--p->handles == 0) {
        close(p->front_fd);
        close(p->back_fd);
        while (p->late != NULL) {
            struct late *l = p->late;
            p->late = l->next;
            free(l);
        }
        free(p);
    }
}

void proxy_free(struct proxy *p)
{
    while (p->pipes != NULL) {
        pipe_close(p->pipes);
    }
    p->handles = 4;
    uv_close((uv_handle_t *)&p->late_timer, proxy_handle_gone);
    uv_close((uv_handle_t *)&p->front, proxy_handle_gone);
    uv_close((uv_handle_t *)&p->back, proxy_handle_gone);
    uv_close((uv_handle_t *)&p->listener, proxy_handle_gone);
}

uint16_t proxy_port(const struct proxy *p)
{
    return p->port;
}

void proxy_block_udp(struct proxy *p, bool block)
{
    p->blocked = block;
}

void proxy_block_tcp(struct proxy *p, bool block)
{
    p->tcp_blocked = block;
    for (struct pipe *pipe = p->pipes; pipe != NULL; pipe = pipe->next) {
        if (!pipe->connected) {
            continue;
        }
        if (block) {
            uv_read_stop((uv_stream_t *)&pipe->tcp);
        } else {
            uv_read_start((uv_stream_t *)&pipe->tcp, pipe_alloc, pipe_read);
        }
    }
}

void proxy_kill_path(struct proxy *p)
{
    p->killed = p->client;
    p->has_killed = true;
}

uint64_t proxy_packets(const struct proxy *p)
{
    return p->packets;
}
