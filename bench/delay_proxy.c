// SPDX-License-Identifier: Apache-2.0
// A UDP proxy that delays, loses and jitters, for measurements where the kernel has no netem:
//   delay_proxy LISTEN_PORT TARGET_PORT DELAY_MS [LOSS_PERCENT [JITTER_MS [SEED]]]
// Loopback only. Each client gets a socket of its own towards the target. DELAY_MS is one way,
// added in both directions; jitter is uniform on top and may reorder. The same seed draws the same
// chances for the same sequence of packets. Ends on SIGTERM or when standard input closes.
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX      64
#define PACKET_MAX_BYTES 2048
#define QUEUE_MAX        16384

struct packet {
    uint64_t due_ns;
    uint64_t order;
    int client;   // index
    bool upwards; // to the target
    size_t len;
    uint8_t data[PACKET_MAX_BYTES];
};

struct proxy {
    int listen_fd;
    struct sockaddr_in target;
    struct {
        struct sockaddr_in address;
        int fd;
    } clients[CLIENTS_MAX];
    int client_count;
    struct packet *heap[QUEUE_MAX]; // earliest first
    size_t heap_len;
    uint64_t order, random, delay_ns, jitter_ns, dropped;
    double loss;
};

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double chance(struct proxy *p) // xorshift64*, 0 <= x < 1
{
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return (double)((p->random * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static bool before(const struct packet *a, const struct packet *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

static void heap_push(struct proxy *p, struct packet *packet)
{
    size_t at = p->heap_len++;
    while (at > 0 && before(packet, p->heap[(at - 1) / 2])) {
        p->heap[at] = p->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    p->heap[at] = packet;
}

static struct packet *heap_pop(struct proxy *p)
{
    struct packet *first = p->heap[0], *last = p->heap[--p->heap_len];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < p->heap_len) {
        if (child + 1 < p->heap_len && before(p->heap[child + 1], p->heap[child]))
            child++;
        if (!before(p->heap[child], last))
            break;
        p->heap[at] = p->heap[child];
        at = child;
    }
    p->heap[at] = last;
    return first;
}

static int client_of(struct proxy *p, const struct sockaddr_in *from)
{
    for (int i = 0; i < p->client_count; i++)
        if (p->clients[i].address.sin_port == from->sin_port &&
            p->clients[i].address.sin_addr.s_addr == from->sin_addr.s_addr)
            return i;
    if (p->client_count == CLIENTS_MAX)
        return -1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&p->target, sizeof p->target) < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    p->clients[p->client_count].address = *from;
    p->clients[p->client_count].fd = fd;
    return p->client_count++;
}

static void enqueue(struct proxy *p, int client, bool upwards, const uint8_t *data, size_t len)
{
    if (client < 0 || p->heap_len == QUEUE_MAX || chance(p) < p->loss) {
        p->dropped++;
        return;
    }
    struct packet *packet = malloc(sizeof *packet);
    if (!packet)
        return;
    packet->due_ns = now_ns() + p->delay_ns + (uint64_t)(chance(p) * (double)p->jitter_ns);
    packet->order = p->order++;
    packet->client = client;
    packet->upwards = upwards;
    packet->len = len;
    memcpy(packet->data, data, len);
    heap_push(p, packet);
}

static void receive(struct proxy *p)
{
    uint8_t data[PACKET_MAX_BYTES];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t n;
    while ((n = recvfrom(p->listen_fd, data, sizeof data, 0, (struct sockaddr *)&from,
                         &from_len)) >= 0)
        enqueue(p, client_of(p, &from), true, data, (size_t)n);
    for (int i = 0; i < p->client_count; i++)
        while ((n = recv(p->clients[i].fd, data, sizeof data, 0)) >= 0)
            enqueue(p, i, false, data, (size_t)n);
}

static void release(struct proxy *p)
{
    while (p->heap_len > 0 && p->heap[0]->due_ns <= now_ns()) {
        struct packet *packet = heap_pop(p);
        ssize_t n = packet->upwards
                        ? send(p->clients[packet->client].fd, packet->data, packet->len, 0)
                        : sendto(p->listen_fd, packet->data, packet->len, 0,
                                 (struct sockaddr *)&p->clients[packet->client].address,
                                 sizeof p->clients[packet->client].address);
        if (n < 0)
            p->dropped++;
        free(packet);
    }
}

static void wait_for_work(struct proxy *p, struct pollfd *fds, bool *stop)
{
    fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = p->listen_fd, .events = POLLIN};
    for (int i = 0; i < p->client_count; i++)
        fds[2 + i] = (struct pollfd){.fd = p->clients[i].fd, .events = POLLIN};
    struct timespec wait = {.tv_sec = 1};
    if (p->heap_len > 0) {
        uint64_t now = now_ns(), due = p->heap[0]->due_ns;
        wait.tv_sec = 0;
        wait.tv_nsec = due > now ? (long)((due - now) % 1000000000u) : 0;
    }
    if (ppoll(fds, (nfds_t)(2 + p->client_count), &wait, NULL) < 0 && errno != EINTR)
        *stop = true;
    char byte;
    if ((fds[0].revents & (POLLIN | POLLHUP)) && read(STDIN_FILENO, &byte, 1) <= 0)
        *stop = true;
}

int main(int argc, char **argv)
{
    static struct proxy p;
    static struct pollfd fds[2 + CLIENTS_MAX];
    if (argc < 4) {
        fprintf(stderr, "usage: delay_proxy LISTEN_PORT TARGET_PORT DELAY_MS "
                        "[LOSS_PERCENT [JITTER_MS [SEED]]]\n");
        return 2;
    }
    p.delay_ns = (uint64_t)(atof(argv[3]) * 1e6);
    p.loss = argc > 4 ? atof(argv[4]) / 100 : 0;
    p.jitter_ns = argc > 5 ? (uint64_t)(atof(argv[5]) * 1e6) : 0;
    p.random = (argc > 6 ? strtoull(argv[6], NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p.target = own;
    p.target.sin_port = htons((uint16_t)atoi(argv[2]));
    p.listen_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (p.listen_fd < 0 || bind(p.listen_fd, (struct sockaddr *)&own, sizeof own) < 0) {
        perror("delay_proxy");
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (bool stop = false; !stop;) {
        wait_for_work(&p, fds, &stop);
        receive(&p);
        release(&p);
    }
    while (p.heap_len > 0)
        free(heap_pop(&p));
    fprintf(stderr, "dropped %" PRIu64 "\n", p.dropped);
    return 0;
}
