// SPDX-License-Identifier: Apache-2.0
#include "ws_internal.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <sotto/base.h>
#include <wslay/wslay.h>

// Taken from the kernel at a time.
#define READ_BYTES        65536
// Answers to pings that a peer does not read.
#define CONTROL_QUEUE_MAX 64
#define HANDLES           2
// Times WS_CLOSE_MS that a peer gets to take the rest.
#define CLOSE_EXTENSIONS  10

static void settle(struct ws_conn *c);
static void on_timer(uv_timer_t *timer);
static void flush(struct ws_conn *c);

// ---- going down ---------------------------------------------------------------------------

void ws_go_down(struct ws_conn *c, enum net_reason reason, const char *detail)
{
    if (!c->down) {
        c->down = true;
        c->reason = reason;
        c->detail = detail;
    }
}

static void memory_free(struct ws_conn *c)
{
    while (c->messages != NULL) {
        struct ws_message *m = c->messages;
        c->messages = m->next;
        free(m);
    }
    c->messages_tail = NULL;
    datagram_queue_clear(&c->datagrams, c->cfg.pool);
    if (c->ws != NULL) {
        wslay_event_context_free(c->ws);
        c->ws = NULL;
    }
    ws_http_release(c);
    if (c->ssl == NULL) {
        BIO_free(c->in);
        BIO_free(c->out);
    }
    SSL_free(c->ssl);
    c->ssl = NULL;
    c->in = c->out = NULL;
    free(c->head);
    c->head = NULL;
}

static void on_handle_gone(uv_handle_t *handle)
{
    struct ws_conn *c = handle->data;
    if (--c->handles_open == 0) {
        free(c);
    }
}

static void close_handles(struct ws_conn *c)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    memory_free(c);
    uv_close((uv_handle_t *)&c->tcp, on_handle_gone);
    uv_close((uv_handle_t *)&c->timer, on_handle_gone);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct ws_conn *c = request->data;
    if (status != 0 && status != UV_ECANCELED && !c->closing) {
        close_handles(c);
    }
    // Otherwise the peer's end of stream, or the timer, closes.
}

// No more of ours goes out after what is queued; waits for the peer's end, not long.
static void hang_up(struct ws_conn *c)
{
    bool connected = c->state > WS_CONNECTING;
    c->state = WS_CLOSING;
    c->shutdown.data = c;
    if (!connected || uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0) {
        close_handles(c);
        return;
    }
    uv_timer_start(&c->timer, on_timer, WS_CLOSE_MS, 0);
}

static void say_goodbye(struct ws_conn *c, enum net_reason reason)
{
    if (c->state == WS_OPEN && c->ws != NULL) {
        uint16_t status = (uint16_t)(WS_STATUS_BASE + link_reason_code(reason));
        (void)wslay_event_queue_close(c->ws, status, NULL, 0);
        flush(c);
    }
    if (c->state >= WS_HTTP && c->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
    }
}

static void release(struct ws_conn *c)
{
    if (c->state == WS_CLOSING) {
        return;
    }
    say_goodbye(c, c->reason);
    ws_push_out(c);
    // The owner's pool and answers are not ours any more.
    datagram_queue_clear(&c->datagrams, c->cfg.pool);
    ws_http_release(c);
    hang_up(c);
}

void ws_free(struct ws_conn *c, enum net_reason reason)
{
    if (c->freeing) {
        return;
    }
    c->freeing = true;
    c->told = true;
    if (!c->down) {
        c->reason = reason;
    }
    datagram_queue_clear(&c->datagrams, c->cfg.pool);
    if (!c->inside) {
        release(c);
    }
}

// At the end of each callback from the loop.
static void settle(struct ws_conn *c)
{
    if (c->silent != c->silent_told && !c->down && !c->freeing) {
        c->silent_told = c->silent;
        c->inside = true;
        c->cfg.events->on_silent(c->cfg.owner, c->silent);
        c->inside = false;
    }
    if (c->down && !c->told) {
        c->told = true;
        c->inside = true;
        c->cfg.events->on_down(c->cfg.owner, c->reason, c->detail);
        c->inside = false;
    }
    if (c->freeing) {
        release(c);
    }
}

// After a call from the owner, which must not be called back from inside it.
static void settle_later(struct ws_conn *c)
{
    if (c->down && !c->told && !c->inside) {
        uv_timer_start(&c->timer, on_timer, 0, 0);
    }
}

// ---- bytes out ----------------------------------------------------------------------------

struct write_request {
    uv_write_t request;
    struct ws_conn *conn;
    size_t len;
    uint8_t data[];
};

static void on_written(uv_write_t *request, int status)
{
    struct write_request *w = (struct write_request *)(void *)request;
    struct ws_conn *c = w->conn;
    c->out_pending -= w->len;
    free(w);
    if (status != 0 || c->closing) {
        return; // reading finds out
    }
    if (c->state == WS_ANSWERING) {
        c->deadline_ms = uv_now(c->cfg.loop) + c->cfg.handshake_timeout_ms; // it makes progress
    }
    c->inside = true;
    flush(c);
    c->inside = false;
    settle(c);
}

// Everything that TLS has produced goes to the kernel, or into one write request.
void ws_push_out(struct ws_conn *c)
{
    char *data = NULL;
    if (c->out == NULL || c->closing) {
        return;
    }
    long all = BIO_get_mem_data(c->out, &data);
    if (all <= 0) {
        return;
    }
    size_t len = (size_t)all, sent = 0;
    c->stats.bytes_sent += len;
    c->stats.packets_sent++;
    if (c->out_pending == 0) {
        uv_buf_t buf = uv_buf_init(data, (unsigned)len);
        int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
        if (n < 0 && n != UV_EAGAIN) {
            ws_go_down(c, NET_TIMEOUT, "the connection was lost");
            sent = len;
        } else if (n > 0) {
            sent = (size_t)n;
        }
    }
    if (sent < len) {
        size_t rest = len - sent;
        struct write_request *w = malloc(sizeof *w + rest);
        if (w == NULL) {
            ws_go_down(c, NET_SYSTEM, "out of memory");
        } else {
            memcpy(w->data, data + sent, rest);
            w->conn = c;
            w->len = rest;
            uv_buf_t buf = uv_buf_init((char *)w->data, (unsigned)rest);
            if (uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0) {
                free(w);
                ws_go_down(c, NET_TIMEOUT, "the connection was lost");
            } else {
                c->out_pending += rest;
            }
        }
    }
    (void)BIO_reset(c->out);
}

bool ws_write_plain(struct ws_conn *c, const void *data, size_t len)
{
    if (len == 0) {
        return true;
    }
    ERR_clear_error();
    // A memory BIO takes everything.
    int n = c->ssl != NULL ? SSL_write(c->ssl, data, (int)len) : BIO_write(c->out, data, (int)len);
    if (n != (int)len) {
        ws_go_down(c, NET_PROTOCOL, "TLS failed");
        return false;
    }
    return true;
}

int ws_read_plain(struct ws_conn *c, uint8_t *out, size_t cap)
{
    if (c->ssl == NULL) {
        int n = BIO_read(c->in, out, (int)cap);
        return n > 0 ? n : 0; // on_read finds the end
    }
    ERR_clear_error();
    int n = SSL_read(c->ssl, out, (int)cap);
    if (n > 0) {
        return n;
    }
    int error = SSL_get_error(c->ssl, n);
    return error == SSL_ERROR_WANT_READ     ? 0
           : error == SSL_ERROR_ZERO_RETURN ? SOTTO_ESTATE
                                            : SOTTO_EPARSE;
}

static ssize_t on_ws_send(wslay_event_context_ptr ws, const uint8_t *data, size_t len, int flags,
                          void *user)
{
    (void)flags;
    struct ws_conn *c = user;
    size_t room = c->plain != NULL ? WS_PLAIN_BYTES - c->plain_len : 0;
    if (room == 0) {
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = len < room ? len : room;
    memcpy(c->plain + c->plain_len, data, n);
    c->plain_len += n;
    return (ssize_t)n;
}

static int on_ws_mask(wslay_event_context_ptr ws, uint8_t *buf, size_t len, void *user)
{
    (void)ws;
    (void)user;
    return RAND_bytes(buf, (int)len) == 1 ? 0 : -1;
}

// The next of what waits: datagrams first. False: nothing.
static bool queue_next(struct ws_conn *c)
{
    struct wslay_event_msg m = {.opcode = WSLAY_BINARY_FRAME};
    struct datagram *d = datagram_queue_head(&c->datagrams, c->cfg.pool, uv_hrtime());
    if (d != NULL) {
        uint8_t bytes[1 + NET_DATAGRAM_MAX_BYTES];
        bytes[0] = WS_TYPE_DATAGRAM;
        memcpy(bytes + 1, d->data, d->len);
        m.msg = bytes;
        m.msg_length = 1u + d->len;
        datagram_queue_pop(&c->datagrams, c->cfg.pool);
        c->stats.datagrams_sent++;
        if (wslay_event_queue_msg(c->ws, &m) != 0) {
            ws_go_down(c, NET_SYSTEM, "out of memory");
        }
        return true;
    }
    struct ws_message *first = c->messages;
    if (first == NULL) {
        return false;
    }
    m.msg = first->data;
    m.msg_length = first->len;
    if (wslay_event_queue_msg(c->ws, &m) != 0) {
        ws_go_down(c, NET_SYSTEM, "out of memory");
    }
    c->messages = first->next;
    if (c->messages == NULL) {
        c->messages_tail = NULL;
    }
    c->message_bytes -= first->len;
    free(first);
    return true;
}

static void flush_frames(struct ws_conn *c)
{
    uint8_t plain[WS_PLAIN_BYTES];
    c->plain = plain;
    // A connection that goes down still says its last words: the close frame, or the answer to one.
    while ((!c->down || c->freeing) && c->out_pending < WS_OUT_HIGH_BYTES) {
        c->plain_len = 0;
        while (wslay_event_want_write(c->ws) || (!c->down && queue_next(c))) {
            if (wslay_event_send(c->ws) != 0) {
                ws_go_down(c, NET_PROTOCOL, "WebSocket failed");
                break;
            }
            if (c->plain_len > WS_PLAIN_BYTES / 2) {
                break;
            }
        }
        if (c->plain_len == 0 || !ws_write_plain(c, plain, c->plain_len)) {
            break;
        }
        ws_push_out(c);
    }
    c->plain = NULL;
}

static void flush(struct ws_conn *c)
{
    if (c->state == WS_OPEN && c->ws != NULL) {
        flush_frames(c);
    } else if (c->state == WS_ANSWERING && !c->down) {
        ws_http_flush(c);
        if (c->state == WS_HTTP && !c->down) {
            ws_http_recv(c); // the next one may be here already
        }
    }
    ws_push_out(c);
}

bool ws_has_answered(const struct ws_conn *c)
{
    return c->answered;
}

bool ws_wants_flush(const struct ws_conn *c)
{
    return c->datagrams.head != NULL || c->messages != NULL;
}

void ws_flush(struct ws_conn *c)
{
    if (!c->inside && !c->down && !c->freeing && ws_wants_flush(c)) {
        flush(c);
        settle_later(c);
    }
}

// ---- frames in ----------------------------------------------------------------------------

static ssize_t on_ws_recv(wslay_event_context_ptr ws, uint8_t *buf, size_t len, int flags,
                          void *user)
{
    (void)flags;
    struct ws_conn *c = user;
    if (c->head_at < c->head_len) { // what came right behind the head
        size_t n = c->head_len - c->head_at;
        n = n < len ? n : len;
        memcpy(buf, c->head + c->head_at, n);
        c->head_at += n;
        if (c->head_at == c->head_len) {
            free(c->head);
            c->head = NULL;
            c->head_at = c->head_len = 0;
        }
        return (ssize_t)n;
    }
    int n = c->down ? 0 : ws_read_plain(c, buf, len);
    if (n > 0) {
        return n;
    }
    if (n == SOTTO_ESTATE) {
        ws_go_down(c, NET_CLOSED, "the other side closed the connection");
    } else if (n < 0) {
        ws_go_down(c, NET_PROTOCOL, "TLS failed");
    }
    wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static void on_binary(struct ws_conn *c, const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] == WS_TYPE_MESSAGE && len - 1 <= NET_MESSAGE_MAX_BYTES) {
        c->cfg.events->on_message(c->cfg.owner, data + 1, len - 1);
    } else if (len > 0 && data[0] == WS_TYPE_DATAGRAM && len - 1 <= NET_DATAGRAM_MAX_BYTES) {
        c->stats.datagrams_received++;
        c->cfg.events->on_datagram(c->cfg.owner, data + 1, len - 1);
    } else {
        ws_go_down(c, NET_PROTOCOL, "a WebSocket message of unknown type");
    }
}

static void on_ws_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg,
                          void *user)
{
    (void)ws;
    struct ws_conn *c = user;
    if (c->down || c->freeing) {
        return;
    }
    c->stats.packets_received++;
    switch (arg->opcode) {
    case WSLAY_BINARY_FRAME:
        on_binary(c, arg->msg, arg->msg_length);
        break;
    case WSLAY_CONNECTION_CLOSE:
        ws_go_down(c,
                   arg->status_code >= WS_STATUS_BASE
                       ? link_reason_from_code(arg->status_code - (uint32_t)WS_STATUS_BASE)
                       : NET_CLOSED,
                   "the other side closed the connection");
        break;
    case WSLAY_PING:
    case WSLAY_PONG:
        break;
    default:
        ws_go_down(c, NET_PROTOCOL, "a WebSocket message that is not binary");
        break;
    }
}

static void recv_frames(struct ws_conn *c)
{
    if (wslay_event_recv(c->ws) != 0 || (!c->down && !wslay_event_want_read(c->ws))) {
        ws_go_down(c, NET_PROTOCOL, "the other side broke the WebSocket protocol");
    } else if (wslay_event_get_queued_msg_count(c->ws) > CONTROL_QUEUE_MAX) {
        ws_go_down(c, NET_LIMIT, "too many pings that it does not read the answers of");
    }
}

// ---- open ---------------------------------------------------------------------------------

static bool ws_begin(struct ws_conn *c)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_ws_recv,
        .send_callback = on_ws_send,
        .genmask_callback = on_ws_mask,
        .on_msg_recv_callback = on_ws_message,
    };
    int rv = c->server ? wslay_event_context_server_init(&c->ws, &callbacks, c)
                       : wslay_event_context_client_init(&c->ws, &callbacks, c);
    if (rv != 0) {
        c->ws = NULL;
        ws_go_down(c, NET_SYSTEM, "out of memory");
        return false;
    }
    wslay_event_config_set_max_recv_msg_length(c->ws, NET_MESSAGE_MAX_BYTES + 1);
    c->state = WS_OPEN;
    uint64_t check_ms = c->cfg.keep_alive_ms / 2;
    uv_timer_start(&c->timer, on_timer, check_ms, check_ms);
    return true;
}

void ws_open_link(struct ws_conn *c)
{
    if (ws_begin(c)) {
        c->cfg.events->on_open(c->cfg.owner);
    }
}

// ---- TLS ----------------------------------------------------------------------------------

static void fail_tls(struct ws_conn *c)
{
    const char *detail = "the TLS handshake failed";
    enum net_reason reason = NET_PROTOCOL;
    if (!c->server) {
        reason = tls_client_failure(c->ssl, c->check, &detail);
    }
    ws_go_down(c, reason, detail);
}

static void handshake(struct ws_conn *c)
{
    ERR_clear_error();
    int rv = SSL_do_handshake(c->ssl);
    if (rv == 1) {
        c->state = WS_HTTP;
        c->stats.tls_group = tls_group_name(c->ssl);
        if (!c->server) {
            ws_http_request(c);
        }
        return;
    }
    int error = SSL_get_error(c->ssl, rv);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail_tls(c);
    }
}

static void drive(struct ws_conn *c)
{
    if (!c->down && c->state == WS_TLS) {
        handshake(c);
    }
    if (!c->down && c->state == WS_HTTP) {
        ws_http_recv(c);
    }
    if (!c->down && c->state == WS_OPEN) {
        recv_frames(c);
    }
    flush(c);
}

// ---- the loop's callbacks -----------------------------------------------------------------

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    // Used up before the next one is asked for.
    static _Thread_local char shared[READ_BYTES];
    *buf = uv_buf_init(shared, sizeof shared);
}

static void on_read_error(struct ws_conn *c, ssize_t error)
{
    if (c->state == WS_OPEN) {
        ws_go_down(c, error == UV_EOF ? NET_CLOSED : NET_TIMEOUT, "the connection was lost");
    } else {
        ws_go_down(c, NET_PROTOCOL, "the other side hung up");
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ws_conn *c = stream->data;
    if (c->state == WS_CLOSING) {
        if (n < 0) {
            close_handles(c);
        }
        return; // whatever it still says
    }
    if (n == 0) {
        return;
    }
    c->inside = true;
    if (n < 0) {
        uv_read_stop(stream);
        on_read_error(c, n);
    } else {
        c->last_received_ms = uv_now(c->cfg.loop);
        c->silent = false;
        c->stats.bytes_received += (uint64_t)n;
        if (BIO_write(c->in, buf->base, (int)n) != (int)n) {
            ws_go_down(c, NET_SYSTEM, "out of memory");
        } else if (c->state == WS_ANSWERING && BIO_ctrl_pending(c->in) > READ_BYTES) {
            ws_go_down(c, NET_LIMIT, "asks for more than it takes");
        } else if (!c->down) {
            drive(c);
        }
    }
    c->inside = false;
    settle(c);
}

static void ping(struct ws_conn *c)
{
    struct wslay_event_msg m = {.opcode = WSLAY_PING};
    (void)wslay_event_queue_msg(c->ws, &m);
    flush(c);
}

// While cells go out, or a ping is unanswered, the link is looked after more closely.
static void watch(struct ws_conn *c, uint64_t now)
{
    bool talks = c->sent_datagram_ms != 0 && now - c->sent_datagram_ms < LINK_SILENT_MS;
    if (c->asked_ms != 0 && c->last_received_ms >= c->asked_ms) {
        c->asked_ms = 0;
    }
    if (c->asked_ms == 0 && talks && now - c->last_received_ms >= LINK_SILENT_MS / 2) {
        c->asked_ms = now;
        ping(c);
    }
    c->silent = c->asked_ms != 0 && now - c->asked_ms >= LINK_SILENT_MS / 2;
    uint64_t next_ms = talks || c->asked_ms != 0 ? WS_WATCH_MS : c->cfg.keep_alive_ms / 2;
    uv_timer_start(&c->timer, on_timer, next_ms, 0);
}

static void on_open_timer(struct ws_conn *c, uint64_t now)
{
    uint64_t silent_ms = now - c->last_received_ms;
    if (silent_ms >= c->cfg.idle_timeout_ms) {
        ws_go_down(c, NET_TIMEOUT, "nothing was heard for too long");
        return;
    }
    if (silent_ms >= c->cfg.keep_alive_ms && now - c->pinged_ms >= c->cfg.keep_alive_ms / 2) {
        c->pinged_ms = now;
        ping(c);
    }
    if (!c->down && c->cfg.events->on_silent != NULL) {
        watch(c, now);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct ws_conn *c = timer->data;
    if (c->state == WS_CLOSING) {
        if (c->out_pending > 0 && c->close_extensions++ < CLOSE_EXTENSIONS) {
            uv_timer_start(timer, on_timer, WS_CLOSE_MS, 0);
        } else {
            close_handles(c);
        }
        return;
    }
    c->inside = true;
    uint64_t now = uv_now(c->cfg.loop);
    if (!c->down && c->state == WS_OPEN) {
        on_open_timer(c, now);
    } else if (!c->down && now >= c->deadline_ms) {
        ws_go_down(c, c->stats.bytes_received > 0 ? NET_TIMEOUT : NET_UNREACHABLE,
                   "no answer in time");
    } else if (!c->down) {
        ws_rearm(c);
    }
    c->inside = false;
    settle(c);
}

void ws_rearm(struct ws_conn *c)
{
    uint64_t now = uv_now(c->cfg.loop);
    uv_timer_start(&c->timer, on_timer, c->deadline_ms > now ? c->deadline_ms - now : 0, 0);
}

static void begin_tls(struct ws_conn *c)
{
    c->state = c->ssl != NULL ? WS_TLS : WS_HTTP;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    int rv = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    if (rv != 0) {
        ws_go_down(c, NET_SYSTEM, "out of memory");
        return;
    }
    if (!c->server) {
        drive(c);
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    struct ws_conn *c = request->data;
    if (status == UV_ECANCELED || c->closing || c->state == WS_CLOSING) {
        return;
    }
    c->inside = true;
    if (status != 0) {
        ws_go_down(c, NET_UNREACHABLE,
                   status == UV_ECONNREFUSED ? "nobody listens there" : "no route to it");
    } else {
        uv_os_fd_t fd;
        int user_timeout_ms = WS_TCP_USER_TIMEOUT_MS;
        if (uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
                             sizeof user_timeout_ms);
        }
        begin_tls(c);
    }
    c->inside = false;
    settle(c);
}

// ---- making -------------------------------------------------------------------------------

static struct ws_conn *conn_new(const struct ws_config *cfg, SSL *ssl, bool server)
{
    struct ws_conn *c = calloc(1, sizeof *c);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (c == NULL || in == NULL || out == NULL || (ssl == NULL && cfg->tls != NULL)) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        free(c);
        return NULL;
    }
    c->cfg = *cfg;
    c->ssl = ssl;
    c->in = in;
    c->out = out;
    c->server = server;
    // No bytes at present is not the end.
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    if (ssl != NULL) {
        SSL_set_bio(ssl, in, out);
        if (server) {
            SSL_set_accept_state(ssl);
        } else {
            SSL_set_connect_state(ssl);
        }
    }
    uv_tcp_init(cfg->loop, &c->tcp);
    uv_timer_init(cfg->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    c->handles_open = HANDLES;
    c->last_received_ms = uv_now(cfg->loop);
    c->deadline_ms = c->last_received_ms + cfg->handshake_timeout_ms;
    uv_timer_start(&c->timer, on_timer, cfg->handshake_timeout_ms, 0);
    return c;
}

int ws_connect(struct ws_conn **out, const struct ws_config *cfg,
               const struct tls_client_check *check, const char *authority,
               const union udp_address *remote)
{
    struct ws_conn *c = conn_new(cfg, tls_client_session(cfg->tls, check), false);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    c->check = check;
    c->authority = authority;
    c->connect.data = c;
    if (uv_tcp_connect(&c->connect, &c->tcp, &remote->any, on_connected) != 0) {
        c->freeing = c->told = true;
        close_handles(c);
        return SOTTO_EIO;
    }
    *out = c;
    return 0;
}

int ws_accept(struct ws_conn **out, const struct ws_config *cfg, uv_stream_t *listener,
              union udp_address *remote)
{
    struct ws_conn *c = conn_new(cfg, cfg->tls != NULL ? SSL_new(cfg->tls) : NULL, true);
    if (c == NULL) {
        return SOTTO_ENOMEM;
    }
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) == 0) {
        ws_remote(c, remote);
        begin_tls(c);
        if (!c->down && remote->any.sa_family != AF_UNSPEC) {
            *out = c;
            return 0;
        }
    }
    c->freeing = c->told = true;
    close_handles(c);
    return SOTTO_EIO;
}

void ws_refuse(struct ws_conn *c)
{
    c->refused = true;
}

// ---- sending ------------------------------------------------------------------------------

int ws_send_message(struct ws_conn *c, const uint8_t *msg, size_t len)
{
    if (c->state != WS_OPEN || c->down || c->freeing) {
        return SOTTO_ESTATE;
    }
    if (len > NET_MESSAGE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    if (c->message_bytes + c->out_pending + len > LINK_QUEUE_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    struct ws_message *m = malloc(sizeof *m + 1 + len);
    if (m == NULL) {
        return SOTTO_ENOMEM;
    }
    m->next = NULL;
    m->len = 1 + len;
    m->data[0] = WS_TYPE_MESSAGE;
    if (len > 0) {
        memcpy(m->data + 1, msg, len);
    }
    if (c->messages_tail != NULL) {
        c->messages_tail->next = m;
    } else {
        c->messages = m;
    }
    c->messages_tail = m;
    c->message_bytes += m->len;
    return 0;
}

int ws_send_datagram(struct ws_conn *c, const uint8_t *data, size_t len)
{
    if (c->state != WS_OPEN || c->down || c->freeing) {
        return SOTTO_ESTATE;
    }
    if (len > NET_DATAGRAM_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    if (c->cfg.events->on_silent != NULL) {
        uint64_t now = uv_now(c->cfg.loop);
        bool began = now - c->sent_datagram_ms >= LINK_SILENT_MS;
        c->sent_datagram_ms = now;
        if (began) {
            uv_timer_start(&c->timer, on_timer, WS_WATCH_MS, 0);
        }
    }
    return datagram_queue_push(&c->datagrams, c->cfg.pool, data, len, uv_hrtime());
}

void ws_stats(const struct ws_conn *c, struct net_stats *out)
{
    *out = c->stats;
    out->datagrams_dropped = c->datagrams.dropped;
}

void ws_local(const struct ws_conn *c, union udp_address *out)
{
    int len = sizeof *out;
    memset(out, 0, sizeof *out);
    if (uv_tcp_getsockname(&c->tcp, &out->any, &len) != 0) {
        out->any.sa_family = AF_UNSPEC;
    }
}

void ws_remote(const struct ws_conn *c, union udp_address *out)
{
    int len = sizeof *out;
    memset(out, 0, sizeof *out);
    if (uv_tcp_getpeername(&c->tcp, &out->any, &len) != 0) {
        out->any.sa_family = AF_UNSPEC;
    }
}
