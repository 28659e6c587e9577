// SPDX-License-Identifier: Apache-2.0
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

socklen_t udp_address_len(const union udp_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

bool udp_host_equal(const union udp_address *a, const union udp_address *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    if (a->any.sa_family == AF_INET6) {
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    }
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool udp_address_equal(const union udp_address *a, const union udp_address *b)
{
    // The port is at the same place in both families.
    return udp_host_equal(a, b) && a->v4.sin_port == b->v4.sin_port;
}

const char *udp_address_text(const union udp_address *a, char *buf, size_t cap)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
        snprintf(buf, cap, "[%s]:%u", host, ntohs(a->v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
        snprintf(buf, cap, "%s:%u", host, ntohs(a->v4.sin_port));
    }
    return buf;
}

// ---- out ----------------------------------------------------------------------------------

struct udp_slot {
    union udp_address remote;
    struct iovec iov;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
    uint8_t data[UDP_OUT_MAX_BYTES];
};

struct udp_out {
    int fd, error;
    bool connected, any_local;
    unsigned batch, count;
    struct mmsghdr *messages;
    struct udp_slot *slots;
};

struct udp_out *udp_out_new(unsigned batch, bool connected, bool any_local)
{
    struct udp_out *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    o->fd = -1;
    o->connected = connected;
    o->any_local = any_local;
    o->batch = batch;
    o->messages = calloc(batch, sizeof *o->messages);
    o->slots = calloc(batch, sizeof *o->slots);
    if (o->messages == NULL || o->slots == NULL) {
        udp_out_free(o);
        return NULL;
    }
    return o;
}

void udp_out_free(struct udp_out *o)
{
    if (o != NULL) {
        free(o->messages);
        free(o->slots);
        free(o);
    }
}

void udp_out_set_fd(struct udp_out *o, int fd)
{
    o->fd = fd;
}

uint8_t *udp_out_next(struct udp_out *o)
{
    if (o->count == o->batch) {
        udp_out_flush(o);
    }
    return o->slots[o->count].data;
}

static void set_source(struct msghdr *m, struct udp_slot *slot, const struct sockaddr *local)
{
    m->msg_control = slot->control;
    struct cmsghdr *c = (struct cmsghdr *)slot->control;
    if (local->sa_family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_addr = ((const struct sockaddr_in6 *)local)->sin6_addr};
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in_pktinfo info = {.ipi_spec_dst = ((const struct sockaddr_in *)local)->sin_addr};
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

void udp_out_commit(struct udp_out *o, const struct sockaddr *local, const struct sockaddr *remote,
                    size_t len)
{
    struct udp_slot *slot = &o->slots[o->count];
    struct msghdr *m = &o->messages[o->count].msg_hdr;
    slot->iov = (struct iovec){.iov_base = slot->data, .iov_len = len};
    *m = (struct msghdr){.msg_iov = &slot->iov, .msg_iovlen = 1};
    if (!o->connected) {
        socklen_t remote_len =
            remote->sa_family == AF_INET6 ? sizeof slot->remote.v6 : sizeof slot->remote.v4;
        memcpy(&slot->remote, remote, remote_len);
        m->msg_name = &slot->remote;
        m->msg_namelen = remote_len;
    }
    if (o->any_local) {
        set_source(m, slot, local);
    }
    o->count++;
}

void udp_out_flush(struct udp_out *o)
{
    unsigned at = 0;
    while (at < o->count) {
        int n = sendmmsg(o->fd, o->messages + at, o->count - at, MSG_DONTWAIT);
        if (n > 0) {
            at += (unsigned)n;
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno == EAGAIN || errno == ENOBUFS) {
            break; // the buffer is full: all the rest is lost
        }
        o->error = errno;
        at++; // only this one is refused
    }
    o->count = 0;
}

int udp_out_error(struct udp_out *o)
{
    int e = o->error;
    o->error = 0;
    return e;
}

// ---- in -----------------------------------------------------------------------------------

struct udp_in_slot {
    union udp_address remote;
    struct iovec iov;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
    uint8_t data[UDP_IN_MAX_BYTES];
};

struct udp_in {
    union udp_address local;
    unsigned batch;
    struct mmsghdr *messages;
    struct udp_in_slot *slots;
};

struct udp_in *udp_in_new(const union udp_address *local, unsigned batch)
{
    struct udp_in *in = calloc(1, sizeof *in);
    if (in == NULL) {
        return NULL;
    }
    in->local = *local;
    in->batch = batch;
    in->messages = calloc(batch, sizeof *in->messages);
    in->slots = calloc(batch, sizeof *in->slots);
    if (in->messages == NULL || in->slots == NULL) {
        udp_in_free(in);
        return NULL;
    }
    for (unsigned i = 0; i < batch; i++) {
        struct udp_in_slot *slot = &in->slots[i];
        slot->iov = (struct iovec){.iov_base = slot->data, .iov_len = UDP_IN_MAX_BYTES};
        in->messages[i].msg_hdr = (struct msghdr){.msg_iov = &slot->iov,
                                                  .msg_iovlen = 1,
                                                  .msg_name = &slot->remote,
                                                  .msg_control = slot->control};
    }
    return in;
}

void udp_in_free(struct udp_in *in)
{
    if (in != NULL) {
        free(in->messages);
        free(in->slots);
        free(in);
    }
}

int udp_in_recv(struct udp_in *in, int fd)
{
    for (unsigned i = 0; i < in->batch; i++) {
        struct msghdr *m = &in->messages[i].msg_hdr;
        m->msg_namelen = sizeof in->slots[i].remote;
        m->msg_controllen = CONTROL_BYTES;
    }
    int n;
    do {
        n = recvmmsg(fd, in->messages, in->batch, MSG_DONTWAIT, NULL);
    } while (n < 0 && errno == EINTR);
    return n;
}

void udp_in_packet(struct udp_in *in, int i, struct udp_packet *out)
{
    struct msghdr *m = &in->messages[i].msg_hdr;
    out->data = in->slots[i].data;
    out->len = (m->msg_flags & MSG_TRUNC) != 0 ? 0 : in->messages[i].msg_len;
    out->remote = in->slots[i].remote;
    out->local = in->local;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            out->local.v6.sin6_addr = info.ipi6_addr;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
                   out->local.any.sa_family == AF_INET) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            out->local.v4.sin_addr = info.ipi_addr;
        }
    }
}

// ---- sockets ------------------------------------------------------------------------------

static int socket_new(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    // As large as the system allows; a smaller buffer is no reason to fail.
    int bytes = UDP_SOCKET_BUFFER_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    // RFC 9000 §14: a QUIC packet is never fragmented.
    int discover = IP_PMTUDISC_DO;
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    return fd;
}

static int close_keep_errno(int fd)
{
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

int udp_socket_bound(const union udp_address *local)
{
    int fd = socket_new(local->any.sa_family);
    if (fd < 0) {
        return -1;
    }
    int on = 1, off = 0;
    if (local->any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    }
    if (bind(fd, &local->any, udp_address_len(local)) != 0) {
        return close_keep_errno(fd);
    }
    return fd;
}

int udp_socket_connected(const union udp_address *remote, union udp_address *local)
{
    int fd = socket_new(remote->any.sa_family);
    if (fd < 0) {
        return -1;
    }
    socklen_t len = sizeof *local;
    if (connect(fd, &remote->any, udp_address_len(remote)) != 0 ||
        getsockname(fd, &local->any, &len) != 0) {
        return close_keep_errno(fd);
    }
    return fd;
}
