// SPDX-License-Identifier: Apache-2.0
// voice_proxy --trace NAME [--seed N] [--base MS] [--left PORT] --to PORT
// voice_proxy --trace NAME [--seed N] [--base MS] [--left PORT] [--right PORT]
//
// A bad network between UDP programs on loopback, by the definitions of trace.h. With --to it
// stands before a server: clients come to the left port, each gets a socket of its own towards the
// server. Without, it stands between two peers: what comes to one port leaves from the other, for
// the one that last sent to that. Port 0, the default, is any free one.
//
// Standard output: "ready LEFT RIGHT". Standard input: "start" begins the trace, from its beginning
// in both directions (before, packets are only delayed by the base); "stop" ends it and prints what
// happened as a line of JSON; "spare" lets whoever has come so far through untouched from now on;
// the end of the input ends the program.
#include "trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX      64    // a further one is not answered
#define PACKET_MAX_BYTES 2048  // of a datagram; longer ones are cut
#define QUEUE_MAX        16384 // packets under way; a further one is lost
#define IP_UDP_BYTES     28    // headers, counted with each packet
#define MS               SOTTO_NS_PER_MS

enum direction {
    TO_RIGHT,
    TO_LEFT,
};

struct packet {
    sotto_ns due, came;
    uint64_t order;
    size_t client, len;
    enum direction direction;
    uint8_t data[PACKET_MAX_BYTES];
};

struct count {
    uint64_t packets, bytes, lost, arrived;
    double delay_sum_ms;
};

struct client {
    struct sockaddr_in left, right;
    int fd; // towards the right
    bool spared;
};

struct proxy {
    const struct trace_profile *profile;
    uint64_t seed, order;
    sotto_ns base, began; // began: SOTTO_NEVER while there is no trace
    double late_max_ms;   // of this program itself, in letting packets go
    int left_fd;
    uint16_t left_port, right_port, to_port;
    struct client clients[CLIENTS_MAX];
    size_t client_count, queued;
    struct packet *heap[QUEUE_MAX]; // earliest first
    struct trace traces[2];
    struct count counts[2];
};

static sotto_ns now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (sotto_ns)t.tv_sec * SOTTO_NS_PER_S + (sotto_ns)t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

// ---- packets under way
// ----------------------------------------------------------------------------

static bool before(const struct packet *a, const struct packet *b)
{
    return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void push(struct proxy *p, struct packet *packet)
{
    size_t at = p->queued++;
    while (at > 0 && before(packet, p->heap[(at - 1) / 2])) {
        p->heap[at] = p->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    p->heap[at] = packet;
}

static struct packet *pop(struct proxy *p)
{
    struct packet *first = p->heap[0], *last = p->heap[--p->queued];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < p->queued) {
        if (child + 1 < p->queued && before(p->heap[child + 1], p->heap[child])) {
            child++;
        }
        if (!before(p->heap[child], last)) {
            break;
        }
        p->heap[at] = p->heap[child];
        at = child;
    }
    p->heap[at] = last;
    return first;
}

static void take(struct proxy *p, size_t client, enum direction d, const uint8_t *data, size_t len)
{
    sotto_ns now = now_ns(), due = now + p->base;
    struct count *count = &p->counts[d];
    if (p->clients[client].spared) {
        due = now;
    } else if (p->began != SOTTO_NEVER) {
        sotto_ns arrival = trace_packet(&p->traces[d], now - p->began, len + IP_UDP_BYTES);
        count->packets++;
        count->bytes += len + IP_UDP_BYTES;
        if (arrival == TRACE_LOST) {
            count->lost++;
            return;
        }
        due += arrival - (now - p->began);
    }
    struct packet *packet = p->queued < QUEUE_MAX ? malloc(sizeof *packet) : NULL;
    if (packet == NULL) {
        fputs("voice_proxy: too much is under way\n", stderr);
        exit(1);
    }
    *packet = (struct packet){
        .due = due, .came = now, .order = p->order++, .client = client, .len = len, .direction = d};
    memcpy(packet->data, data, len);
    push(p, packet);
}

static void release(struct proxy *p)
{
    for (sotto_ns now = now_ns(); p->queued > 0 && p->heap[0]->due <= now; now = now_ns()) {
        struct packet *packet = pop(p);
        const struct client *c = &p->clients[packet->client];
        bool right = packet->direction == TO_RIGHT;
        const struct sockaddr_in *to = right ? &c->right : &c->left;
        if (to->sin_port != 0) {
            (void)sendto(right ? c->fd : p->left_fd, packet->data, packet->len, 0,
                         (const struct sockaddr *)to, sizeof *to);
        }
        if (p->began != SOTTO_NEVER && packet->came >= p->began && !c->spared) {
            struct count *count = &p->counts[packet->direction];
            double late_ms = (double)(now - packet->due) / 1e6;
            count->arrived++;
            count->delay_sum_ms += (double)(now - packet->came) / 1e6;
            p->late_max_ms = late_ms > p->late_max_ms ? late_ms : p->late_max_ms;
        }
        free(packet);
    }
}

// ---- sockets
// --------------------------------------------------------------------------------------

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

// *port: wanted (0: any), and then the one that it is.
static int open_socket(uint16_t *port)
{
    struct sockaddr_in a = loopback(*port);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        die("voice_proxy");
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static size_t client_of(struct proxy *p, const struct sockaddr_in *from)
{
    if (p->to_port == 0) { // between peers: the one
        p->clients[0].left = *from;
        return 0;
    }
    for (size_t i = 0; i < p->client_count; i++) {
        if (p->clients[i].left.sin_port == from->sin_port) {
            return i;
        }
    }
    if (p->client_count == CLIENTS_MAX) {
        return CLIENTS_MAX;
    }
    uint16_t any = 0;
    p->clients[p->client_count] =
        (struct client){.left = *from, .right = loopback(p->to_port), .fd = open_socket(&any)};
    return p->client_count++;
}

static void receive(struct proxy *p)
{
    uint8_t data[PACKET_MAX_BYTES];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n;
    while ((n = recvfrom(p->left_fd, data, sizeof data, 0, (struct sockaddr *)&from, &from_len)) >=
           0) {
        size_t client = client_of(p, &from);
        if (client < CLIENTS_MAX) {
            take(p, client, TO_RIGHT, data, (size_t)n);
        }
    }
    for (size_t i = 0; i < p->client_count; i++) {
        while ((n = recvfrom(p->clients[i].fd, data, sizeof data, 0, (struct sockaddr *)&from,
                             &from_len)) >= 0) {
            if (p->to_port == 0) {
                p->clients[i].right = from;
            }
            take(p, i, TO_LEFT, data, (size_t)n);
        }
    }
}

// ---- what the caller of this program says
// ---------------------------------------------------------

static void start(struct proxy *p)
{
    memset(p->counts, 0, sizeof p->counts);
    p->late_max_ms = 0;
    for (size_t d = 0; d < 2; d++) {
        trace_init(&p->traces[d], p->profile, p->seed * 2 + d);
    }
    p->began = now_ns();
}

static void print_count(const char *name, const struct count *c, double seconds)
{
    printf("\"%s\": {\"packets\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"bps\": %.0f, \"delay_ms\": %.2f}",
           name, c->packets, c->lost, c->bytes, (double)c->bytes * 8 / seconds,
           c->arrived > 0 ? c->delay_sum_ms / (double)c->arrived : 0.0);
}

static void stop(struct proxy *p)
{
    double seconds = (double)(now_ns() - p->began) / 1e9;
    printf("{\"trace\": \"%s\", \"seed\": %" PRIu64 ", \"seconds\": %.3f, \"late_max_ms\": %.2f, ",
           p->profile->name, p->seed, seconds, p->late_max_ms);
    print_count("to_right", &p->counts[TO_RIGHT], seconds);
    fputs(", ", stdout);
    print_count("to_left", &p->counts[TO_LEFT], seconds);
    puts("}");
    fflush(stdout);
    p->began = SOTTO_NEVER;
}

// False: the input has ended.
static bool obey(struct proxy *p)
{
    char text[64];
    ssize_t n = read(STDIN_FILENO, text, sizeof text - 1);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    if (strcmp(text, "start\n") == 0) {
        start(p);
    } else if (strcmp(text, "stop\n") == 0 && p->began != SOTTO_NEVER) {
        stop(p);
    } else if (strcmp(text, "spare\n") == 0) {
        for (size_t i = 0; i < p->client_count; i++) {
            p->clients[i].spared = true;
        }
    }
    return true;
}

static bool turn(struct proxy *p)
{
    struct pollfd fds[2 + CLIENTS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                          {.fd = p->left_fd, .events = POLLIN}};
    for (size_t i = 0; i < p->client_count; i++) {
        fds[2 + i] = (struct pollfd){.fd = p->clients[i].fd, .events = POLLIN};
    }
    struct timespec wait = {.tv_sec = 1};
    if (p->queued > 0) {
        sotto_ns now = now_ns(), due = p->heap[0]->due;
        sotto_ns left = due > now ? due - now : 0;
        wait.tv_sec = (time_t)(left / SOTTO_NS_PER_S);
        wait.tv_nsec = (long)(left % SOTTO_NS_PER_S);
    }
    if (ppoll(fds, (nfds_t)(2 + p->client_count), &wait, NULL) < 0 && errno != EINTR) {
        die("voice_proxy");
    }
    receive(p);
    release(p);
    return (fds[0].revents & (POLLIN | POLLHUP)) == 0 || obey(p);
}

static bool parse(struct proxy *p, int argc, char **argv)
{
    static const struct option known[] = {
        {"trace", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},
        {"base", required_argument, NULL, 'b'},
        {"left", required_argument, NULL, 'l'},
        {"right", required_argument, NULL, 'r'},
        {"to", required_argument, NULL, 'o'},
        {0},
    };
    int c;
    *p = (struct proxy){.seed = 1, .base = TRACE_BASE_NS, .began = SOTTO_NEVER};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t value = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        switch (c) {
        case 't':
            p->profile = trace_find(optarg);
            break;
        case 's':
            p->seed = value;
            break;
        case 'b':
            p->base = (sotto_ns)(fmax(0, strtod(optarg, NULL)) * MS);
            break;
        case 'l':
            p->left_port = (uint16_t)value;
            break;
        case 'r':
            p->right_port = (uint16_t)value;
            break;
        case 'o':
            p->to_port = (uint16_t)value;
            break;
        default:
            return false;
        }
    }
    return optind == argc && p->profile != NULL;
}

int main(int argc, char **argv)
{
    static struct proxy p;
    if (!parse(&p, argc, argv)) {
        fputs("usage: voice_proxy --trace NAME [--seed N] [--base MS] [--left PORT]\n"
              "                   [--to PORT | --right PORT]\n",
              stderr);
        return 2;
    }
    // Where it may, before everybody else: the network does not wait for a processor.
    prctl(PR_SET_TIMERSLACK, 1);
    (void)sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 1});
    p.left_fd = open_socket(&p.left_port);
    if (p.to_port == 0) {
        p.clients[0].fd = open_socket(&p.right_port);
        p.client_count = 1;
    }
    printf("ready %u %u\n", p.left_port, p.right_port);
    fflush(stdout);
    while (turn(&p)) {
    }
    while (p.queued > 0) {
        free(pop(&p));
    }
    return 0;
}
