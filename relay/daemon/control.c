// SPDX-License-Identifier: Apache-2.0
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/hex.h"
#include "engine/list.h"

struct control {
    uv_pipe_t socket;
    struct control_ops ops;
    void *user;
    struct list peers;
    size_t peer_count;
    bool closed;
};

struct control_peer {
    uv_pipe_t pipe;
    uv_write_t write;
    struct control *control;
    struct list all;
    char line[CONTROL_LINE_MAX];
    size_t len;
    char answer[METRICS_TEXT_MAX];
};

static void free_when_empty(struct control *c)
{
    if (c->closed && c->peer_count == 0)
        free(c);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct control *c = handle->data;
    c->closed = true;
    free_when_empty(c);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct control_peer *p = handle->data;
    struct control *c = p->control;
    list_remove(&p->all);
    free(p);
    c->peer_count--;
    free_when_empty(c);
}

static void close_peer(struct control_peer *p)
{
    if (!uv_is_closing((uv_handle_t *)&p->pipe))
        uv_close((uv_handle_t *)&p->pipe, on_peer_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    close_peer(write->data);
}

static void answer(struct control_peer *p, size_t len)
{
    uv_buf_t buf = uv_buf_init(p->answer, (unsigned)len);
    uv_read_stop((uv_stream_t *)&p->pipe);
    p->write.data = p;
    if (uv_write(&p->write, (uv_stream_t *)&p->pipe, &buf, 1, on_written) != 0)
        close_peer(p);
}

static void say(struct control_peer *p, const char *text)
{
    answer(p, (size_t)snprintf(p->answer, sizeof p->answer, "%s\n", text));
}

static bool parse_form(const char *word, enum metrics_form *out)
{
    static const char *const forms[] = {"human", "json", "prometheus"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, forms[i]) == 0) {
            *out = (enum metrics_form)i;
            return true;
        }
    }
    return false;
}

static void handle(struct control_peer *p)
{
    struct control *c = p->control;
    enum metrics_form form;
    uint8_t line_id[LINK_LINE_ID_BYTES];
    if (strncmp(p->line, "stats ", 6) == 0 && parse_form(p->line + 6, &form)) {
        struct metrics m = {.uptime_s = 0};
        c->ops.metrics(&m, c->user);
        answer(p, metrics_format(&m, form, p->answer, sizeof p->answer));
    } else if (strncmp(p->line, "drop ", 5) == 0 &&
               hex_decode(p->line + 5, line_id, sizeof line_id)) {
        c->ops.drop(line_id, c->user);
        say(p, "ok");
    } else {
        say(p, "unknown command");
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct control_peer *p = handle->data;
    (void)size;
    *buf = uv_buf_init(p->line + p->len, (unsigned)(sizeof p->line - p->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct control_peer *p = stream->data;
    (void)buf;
    if (n < 0) {
        close_peer(p);
        return;
    }
    p->len += (size_t)n;
    char *end = memchr(p->line, '\n', p->len);
    if (end != NULL) {
        *end = '\0';
        handle(p);
    } else if (p->len == sizeof p->line) {
        close_peer(p);
    }
}

static bool is_allowed(const uv_pipe_t *pipe)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    int fd;
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct control *c = stream->data;
    struct control_peer *p = status == 0 ? calloc(1, sizeof *p) : NULL;
    if (p == NULL)
        return;
    p->control = c;
    p->pipe.data = p;
    list_append(&c->peers, &p->all);
    c->peer_count++;
    uv_pipe_init(stream->loop, &p->pipe, 0);
    if (uv_accept(stream, (uv_stream_t *)&p->pipe) != 0 || c->peer_count > CONTROL_PEERS_MAX ||
        !is_allowed(&p->pipe) || uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read) != 0)
        close_peer(p);
}

int control_new(struct control **out, uv_loop_t *loop, const char *path,
                const struct control_ops *ops, void *user, char *error, size_t error_cap)
{
    struct control *c = calloc(1, sizeof *c);
    struct sockaddr_un address;
    if (c == NULL)
        return SOTTO_ENOMEM;
    c->ops = *ops;
    c->user = user;
    c->socket.data = c;
    list_init(&c->peers);
    unlink(path); // a dead relay's: the living one holds the lock
    uv_pipe_init(loop, &c->socket, 0);
    int rc =
        strlen(path) < sizeof address.sun_path ? uv_pipe_bind(&c->socket, path) : UV_ENAMETOOLONG;
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->socket, CONTROL_PEERS_MAX, on_connection);
    if (rc != 0) {
        snprintf(error, error_cap, "the control socket %s: %s", path, uv_strerror(rc));
        uv_close((uv_handle_t *)&c->socket, on_socket_closed);
        return SOTTO_EIO;
    }
    uv_unref((uv_handle_t *)&c->socket);
    *out = c;
    return 0;
}

void control_free(struct control *c)
{
    if (c == NULL)
        return;
    for (struct list *at = c->peers.next; at != &c->peers; at = at->next)
        close_peer(LIST_OF(at, struct control_peer, all));
    uv_close((uv_handle_t *)&c->socket, on_socket_closed);
}

// ---- the asking side ----------------------------------------------------------------------------

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = CONTROL_TIMEOUT_MS / 1000};
    if (strlen(path) >= sizeof address.sun_path)
        return SOTTO_ENOTFOUND;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SOTTO_EIO;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int rc = errno == EACCES || errno == EPERM ? SOTTO_EREFUSED : SOTTO_ENOTFOUND;
    close(fd);
    return rc;
}

int control_ask(const char *path, const char *line, char *out, size_t cap)
{
    char question[CONTROL_LINE_MAX];
    size_t len = 0;
    int fd = connect_to(path);
    if (fd < 0)
        return fd;
    int question_len = snprintf(question, sizeof question, "%s\n", line);
    ssize_t n = send(fd, question, (size_t)question_len, MSG_NOSIGNAL) == question_len ? 1 : -1;
    while (n > 0 && len < cap - 1) {
        n = recv(fd, out + len, cap - 1 - len, 0);
        if (n > 0)
            len += (size_t)n;
    }
    int reason = errno;
    close(fd);
    out[len] = '\0';
    if (n < 0)
        return reason == EAGAIN ? SOTTO_ETIMEOUT : SOTTO_EIO;
    return len > 0 ? (int)len : SOTTO_EREFUSED;
}
