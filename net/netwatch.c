// SPDX-License-Identifier: Apache-2.0
#include "netwatch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sotto/base.h>
#include <sys/socket.h>

struct netwatch {
    uv_poll_t poll;
    uv_timer_t settle;
    int fd;    // -1: there is no rtnetlink
    bool more; // something has changed since it was told last
    unsigned handles_open;
    void (*changed)(void *user);
    void *user;
};

static void tell(struct netwatch *w);

static void on_settled(uv_timer_t *settle)
{
    struct netwatch *w = settle->data;
    if (w->more) {
        tell(w);
    }
}

static void tell(struct netwatch *w)
{
    w->more = false;
    uv_timer_start(&w->settle, on_settled, NETWATCH_SETTLE_MS, 0);
    w->changed(w->user);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct netwatch *w = poll->data;
    // What they say does not matter: whoever is told looks for itself. A lost message (ENOBUFS)
    // is a change as well.
    char buf[4096];
    for (int i = 0; i < NETWATCH_READS_MAX; i++) {
        if (recv(w->fd, buf, sizeof buf, MSG_DONTWAIT) <= 0) {
            break;
        }
    }
    w->more = true;
    if (!uv_is_active((uv_handle_t *)&w->settle)) {
        tell(w);
    }
}

static int open_netlink(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                  .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
                                               RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                                               RTMGRP_IPV6_ROUTE};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int netwatch_new(struct netwatch **out, uv_loop_t *loop, void (*changed)(void *user), void *user)
{
    struct netwatch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return SOTTO_ENOMEM;
    }
    w->changed = changed;
    w->user = user;
    w->fd = open_netlink();
    uv_timer_init(loop, &w->settle);
    uv_unref((uv_handle_t *)&w->settle);
    w->settle.data = w;
    w->handles_open = 1;
    if (w->fd >= 0 && uv_poll_init(loop, &w->poll, w->fd) == 0) {
        w->poll.data = w;
        w->handles_open++;
        uv_poll_start(&w->poll, UV_READABLE, on_readable);
        uv_unref((uv_handle_t *)&w->poll);
    } else if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
    *out = w;
    return 0;
}

static void handle_gone(uv_handle_t *handle)
{
    struct netwatch *w = handle->data;
    if (--w->handles_open > 0) {
        return;
    }
    if (w->fd >= 0) {
        close(w->fd);
    }
    free(w);
}

void netwatch_free(struct netwatch *w)
{
    if (w == NULL) {
        return;
    }
    if (w->fd >= 0) {
        uv_close((uv_handle_t *)&w->poll, handle_gone);
    }
    uv_close((uv_handle_t *)&w->settle, handle_gone);
}
