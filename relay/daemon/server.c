// SPDX-License-Identifier: Apache-2.0
#include "daemon/server.h"

#include <errno.h>
#include <net.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/certificate.h"
#include "daemon/control.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/process.h"
#include "daemon/push.h"
#include "daemon/relay_json.h"
#include "daemon/site.h"
#include "daemon/writer.h"
#include "engine/list.h"
#include "store/sqlite.h"

#define MAINTENANCE_MS           (3600 * 1000)
#define LEAVE_MS                 200
#define FILES_BESIDE_CONNECTIONS 64

struct server {
    struct options *options;
    struct sottod_config *config; // options->config
    uv_loop_t loop;
    int lock;
    struct relay_sqlite *store; // to read
    struct writer *writer;
    struct push *push; // NULL: nobody is woken
    struct relay_engine *engine;
    struct net_server *net;
    struct control *control;
    struct certificate certificate;
    struct site site;
    char default_page[SITE_DIRECTORY_MAX]; // "": there is none
    struct list peers;
    struct list leaving; // by the time of their end
    uv_timer_t engine_timer, leave_timer, maintenance, stop_timer;
    uv_prepare_t prepare;
    uv_signal_t terminate, interrupt, hangup;
    sotto_ns armed_ns; // for when engine_timer is set
    uint64_t started_ns;
    bool stopping;
    char error[CONFIG_ERROR_MAX];
};

// One device's connection, to the net and to the engine.
struct peer {
    struct list all;     // of server.peers, or server.leaving
    uint64_t leaving_ms; // on server.leaving: until then
    struct server *server;
    struct net_conn *net;
    enum net_reason reason;   // on server.leaving
    struct relay_conn *relay; // NULL: the engine has done with it
};

static struct sotto_now now(void)
{
    return (struct sotto_now){.mono_ns = uv_hrtime(), .unix_s = (int64_t)time(NULL)};
}

// ---- from the net to the engine -----------------------------------------------------------------

static void peer_free(struct peer *p)
{
    list_remove(&p->all);
    free(p);
}

static void log_peer(const struct server *s, const char *what, const struct net_conn *c)
{
    char address[80];
    if (s->config->debug_addresses)
        log_debug("%s: %s", what, net_conn_address(c, address, sizeof address));
    else
        log_debug("%s", what);
}

static void *on_open(struct net_conn *c, enum net_transport transport,
                     const uint8_t address_key[16], void *user)
{
    struct server *s = user;
    struct peer *p = calloc(1, sizeof *p);
    log_peer(s, transport == NET_QUIC ? "connection over QUIC" : "connection over WebSocket", c);
    if (p == NULL || relay_conn_open(s->engine, &p->relay, p, address_key, now()) != 0) {
        free(p);
        net_conn_close(c, NET_LIMIT);
        return NULL;
    }
    p->server = s;
    p->net = c;
    list_append(&s->peers, &p->all);
    return p;
}

static void on_message(struct net_conn *c, const uint8_t *msg, size_t len, void *conn_user)
{
    struct peer *p = conn_user;
    (void)c;
    if (p->relay == NULL)
        return;
    // On an error the engine has ended it through output.close.
    relay_conn_message(p->server->engine, p->relay, msg, len, now());
}

static void on_datagram(struct net_conn *c, const uint8_t *data, size_t len, void *conn_user)
{
    struct peer *p = conn_user;
    (void)c;
    if (p->relay != NULL)
        relay_conn_datagram(p->server->engine, p->relay, data, len, now());
}

static void on_close(struct net_conn *c, enum net_reason reason, void *conn_user)
{
    struct peer *p = conn_user;
    log_peer(p->server, net_reason_text(reason), c);
    if (p->relay != NULL)
        relay_conn_closed(p->server->engine, p->relay, now());
    peer_free(p);
}

static bool answer_relay_json(struct server *s, const struct net_http_request *r,
                              struct net_http_answer *out)
{
    char text[RELAY_JSON_MAX_BYTES];
    struct relay_config origins = {.origin = ""};
    const struct relay_json j = {.origins = &origins,
                                 .host = s->config->name,
                                 .port = net_server_port(s->net),
                                 .certificate = &s->certificate,
                                 .site = &s->site,
                                 .vapid = s->push != NULL ? push_public(s->push) : NULL,
                                 .plain = r->plain};
    return config_origins(s->config, j.port, &origins) == 0 && relay_json_write(&j, text) == 0 &&
           site_answer_json(&s->site, r, text, out);
}

static bool on_get(const struct net_http_request *r, struct net_http_answer *out, void *user)
{
    struct server *s = user;
    if (strcmp(r->path, "/relay.json") == 0)
        return answer_relay_json(s, r, out);
    return site_answer(&s->site, r, out);
}

// ---- from the engine to the net -----------------------------------------------------------------

static bool send_message(void *conn_user, const uint8_t *msg, size_t len, void *user)
{
    struct peer *p = conn_user;
    (void)user;
    return net_conn_send_message(p->net, msg, len) == 0;
}

static void send_datagram(void *conn_user, const uint8_t *data, size_t len, void *user)
{
    struct peer *p = conn_user;
    (void)user;
    net_conn_send_datagram(p->net, data, len);
}

static enum net_reason reason_of(enum link_code why)
{
    switch (why) {
    case LINK_CODE_PROTOCOL:
    case LINK_CODE_VERSION:
        return NET_PROTOCOL;
    case LINK_CODE_LIMIT:
        return NET_LIMIT;
    default:
        return NET_CLOSED;
    }
}

static void on_leave_timer(uv_timer_t *timer)
{
    struct server *s = timer->data;
    uint64_t at = uv_now(&s->loop);
    while (s->leaving.next != &s->leaving) {
        struct peer *p = LIST_OF(s->leaving.next, struct peer, all);
        if (p->leaving_ms > at) {
            uv_timer_start(timer, on_leave_timer, p->leaving_ms - at, 0);
            return;
        }
        net_conn_close(p->net, p->reason);
        peer_free(p);
    }
}

// The last message says why: it gets a moment to arrive, for closing a QUIC connection drops
// what is still on its way.
static void close_conn(void *conn_user, enum link_code why, void *user)
{
    struct peer *p = conn_user;
    struct server *s = user;
    log_debug("the relay ends a connection, code %d", (int)why);
    p->relay = NULL;
    p->reason = reason_of(why);
    p->leaving_ms = uv_now(&s->loop) + LEAVE_MS;
    list_remove(&p->all);
    list_append(&s->leaving, &p->all);
    if (!uv_is_active((uv_handle_t *)&s->leave_timer) && !s->stopping)
        uv_timer_start(&s->leave_timer, on_leave_timer, LEAVE_MS, 0);
}

// ---- time ---------------------------------------------------------------------------------------

static void on_engine_timer(uv_timer_t *timer)
{
    struct server *s = timer->data;
    s->armed_ns = SOTTO_NEVER;
    relay_engine_handle_expiry(s->engine, now());
}

// Before the loop waits: for as long as the engine has nothing to do.
static void on_prepare(uv_prepare_t *prepare)
{
    struct server *s = prepare->data;
    sotto_ns due = relay_engine_expiry(s->engine);
    if (due == s->armed_ns)
        return;
    s->armed_ns = due;
    if (due == SOTTO_NEVER) {
        uv_timer_stop(&s->engine_timer);
        return;
    }
    sotto_ns at = uv_hrtime();
    uint64_t wait_ms = due > at ? (due - at + SOTTO_NS_PER_MS - 1) / SOTTO_NS_PER_MS : 0;
    uv_update_time(&s->loop);
    uv_timer_start(&s->engine_timer, on_engine_timer, wait_ms, 0);
}

static void renew_certificate(struct server *s)
{
    if (!certificate_ends_soon(&s->certificate, now().unix_s))
        return;
    int rc = certificate_prepare(&s->certificate, s->config, now().unix_s, false, s->error,
                                 sizeof s->error);
    if (rc == 0)
        rc = net_server_reload(s->net, s->error, sizeof s->error);
    if (rc != 0)
        log_error("the certificate cannot be renewed: %s", s->error);
    else
        log_info("the self-made certificate was renewed; its key, and so the pin, stay");
}

static void on_maintenance(uv_timer_t *timer)
{
    struct server *s = timer->data;
    renew_certificate(s);
    writer_prune(s->writer, now().unix_s);
}

// ---- the control socket -------------------------------------------------------------------------

static void collect(struct metrics *m, void *user)
{
    struct server *s = user;
    relay_engine_stats(s->engine, &m->engine);
    net_server_stats(s->net, &m->net);
    relay_sqlite_stats(s->store, now().unix_s, &m->store);
    int64_t left = s->certificate.not_after_unix_s - now().unix_s;
    m->certificate_left_s = left > 0 ? (uint64_t)left : 0;
    m->uptime_s = (uv_hrtime() - s->started_ns) / SOTTO_NS_PER_S;
    push_get_stats(s->push, &m->push);
    metrics_process(m);
}

static void drop_line(const uint8_t line_id[LINK_LINE_ID_BYTES], void *user)
{
    struct server *s = user;
    relay_engine_drop_line(s->engine, line_id, now());
    log_info("a line was withdrawn by the operator");
}

// ---- signals ------------------------------------------------------------------------------------

static bool needs_restart(const struct sottod_config *a, const struct sottod_config *b)
{
    return strcmp(a->name, b->name) != 0 || a->port != b->port || strcmp(a->bind, b->bind) != 0 ||
           strcmp(a->data, b->data) != 0 || strcmp(a->certificate, b->certificate) != 0 ||
           strcmp(a->key, b->key) != 0 || a->plain != b->plain ||
           a->connections != b->connections || a->database_mb != b->database_mb ||
           a->connections_per_address != b->connections_per_address ||
           a->plain_port != b->plain_port || config_pushes(a) != config_pushes(b) ||
           strcmp(a->push_contact, b->push_contact) != 0 || strcmp(a->push_ca, b->push_ca) != 0 ||
           memcmp(&a->push_services, &b->push_services, sizeof a->push_services) != 0;
}

// Nothing is kept of a page that cannot be read as a whole. SOTTO_EIO, SOTTO_ELIMIT, SOTTO_ENOMEM.
static int load_page(struct server *s)
{
    const char *directory = s->config->page[0] != '\0' ? s->config->page : s->default_page;
    if (directory[0] == '\0' || strcmp(directory, CONFIG_NO_PAGE) == 0) {
        site_free(&s->site);
        return 0;
    }
    return site_load(&s->site, directory, s->error, sizeof s->error);
}

// What browsers may be told to insist on.
static void set_site_headers(struct server *s)
{
    s->site.manner.plain_port = net_server_plain_port(s->net);
    s->site.manner.self_made = s->certificate.self_made;
    s->site.manner.strict_transport =
        !s->certificate.self_made && !config_is_loopback(s->config->name);
}

static void reload_page(struct server *s, const struct sottod_config *fresh)
{
    memcpy(s->config->page, fresh->page, sizeof s->config->page);
    if (load_page(s) != 0)
        log_error("the web page stays as it was: %s", s->error);
}

static void on_hangup(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;
    struct sottod_config fresh;
    (void)number;
    if (options_reload(s->options, &fresh, s->error, sizeof s->error) != 0) {
        log_error("the configuration stays as it was: %s", s->error);
        return;
    }
    if (needs_restart(s->config, &fresh))
        log_warning("some of what changed in the configuration needs a restart: of [relay], and "
                    "connections and database_mb");
    s->config->limits = fresh.limits;
    s->config->level = fresh.level;
    s->config->log_json = fresh.log_json;
    log_setup(fresh.level, fresh.log_json);
    relay_engine_set_limits(s->engine, &fresh.limits);
    reload_page(s, &fresh);
    struct certificate found;
    if (certificate_prepare(&found, s->config, now().unix_s, false, s->error, sizeof s->error) !=
            0 ||
        net_server_reload(s->net, s->error, sizeof s->error) != 0) {
        log_error("the certificate stays as it was: %s", s->error);
        return;
    }
    s->certificate = found;
    set_site_headers(s);
    log_info("reloaded: limits, log, page, certificate");
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_stop_deadline(uv_timer_t *timer)
{
    log_warning("some connections did not close in time");
    uv_stop(timer->loop);
}

static void forget_peers(struct server *s)
{
    while (s->peers.next != &s->peers) {
        struct peer *p = LIST_OF(s->peers.next, struct peer, all);
        relay_conn_closed(s->engine, p->relay, now());
        peer_free(p);
    }
    while (s->leaving.next != &s->leaving)
        peer_free(LIST_OF(s->leaving.next, struct peer, all));
}

static void close_all(struct server *s)
{
    net_server_free(s->net); // no callback afterwards, and nothing may be sent
    forget_peers(s);
    s->net = NULL;
    control_free(s->control);
    s->control = NULL;
    push_free(s->push);
    s->push = NULL;
    close_handle(&s->engine_timer);
    close_handle(&s->leave_timer);
    close_handle(&s->maintenance);
    close_handle(&s->prepare);
    close_handle(&s->terminate);
    close_handle(&s->interrupt);
    close_handle(&s->hangup);
}

static void on_stop_grace(uv_timer_t *timer)
{
    struct server *s = timer->data;
    close_all(s);
    uv_timer_start(&s->stop_timer, on_stop_deadline, STOP_DEADLINE_MS - STOP_GRACE_MS, 0);
    uv_unref((uv_handle_t *)&s->stop_timer); // only if something else keeps the loop
}

static void on_terminate(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;
    (void)number;
    if (s->stopping) {
        uv_stop(&s->loop);
        return;
    }
    s->stopping = true;
    notify_send("STOPPING=1");
    log_info("stopping");
    relay_engine_stop(s->engine, now());
    uv_timer_start(&s->stop_timer, on_stop_grace, STOP_GRACE_MS, 0);
}

// ---- starting -----------------------------------------------------------------------------------

// The self-made certificate carries the name: another name, another certificate (same key).
static bool name_changed(const struct server *s)
{
    char path[CONFIG_PATH_MAX], name[SOTTO_HOST_MAX_BYTES + 1] = "";
    FILE *f = config_path(s->config, ADDRESS_FILE, path) == 0 ? fopen(path, "re") : NULL;
    if (f == NULL)
        return false;
    bool read = fscanf(f, "%253s", name) == 1;
    fclose(f);
    return read && strcmp(name, s->config->name) != 0;
}

static void on_stored(uint64_t job, int result, void *user)
{
    struct server *s = user;
    if (result == SOTTO_EFULL || result == SOTTO_EIO)
        log_error("the store cannot be written: %s", sotto_strerror(result));
    relay_engine_stored(s->engine, job, result, now());
}

static int open_data(struct server *s)
{
    char path[CONFIG_PATH_MAX];
    struct sottod_config *c = s->config;
    int rc = process_data_directory(c->data, s->error, sizeof s->error);
    if (rc == 0)
        rc = config_path(c, LOCK_FILE, path);
    if (rc == 0)
        rc = s->lock = process_lock(path, s->error, sizeof s->error);
    if (rc >= 0)
        rc = config_path(c, DATABASE_FILE, path);
    if (rc == 0)
        rc = relay_sqlite_open(&s->store, path, s->error, sizeof s->error);
    if (rc == 0)
        rc = writer_new(&s->writer, &s->loop, s->store, path, (uint64_t)c->database_mb << 20,
                        on_stored, s, s->error, sizeof s->error);
    if (rc == 0)
        rc = certificate_prepare(&s->certificate, c, now().unix_s, name_changed(s), s->error,
                                 sizeof s->error);
    return rc;
}

static void explain_listen(struct server *s, int reason, const char *text)
{
    const struct sottod_config *c = s->config;
    if (strstr(text, NET_WITHOUT_TLS) != NULL)
        snprintf(s->error, sizeof s->error, "port %u on this machine (--plain-port): %s",
                 c->plain_port, strerror(reason));
    else if (reason == EADDRINUSE)
        snprintf(s->error, sizeof s->error,
                 "port %u is taken by another program: stop that, or choose another with --port",
                 c->port);
    else if (reason == EACCES || reason == EPERM)
        snprintf(s->error, sizeof s->error,
                 "port %u is reserved: run sottod by its systemd unit, or choose a port above 1023 "
                 "with --port",
                 c->port);
    else if (reason == EADDRNOTAVAIL)
        snprintf(s->error, sizeof s->error, "this machine does not have the address %s (--bind)",
                 c->bind);
    else
        snprintf(s->error, sizeof s->error, "cannot listen on [%s]:%u: %s", c->bind, c->port,
                 text[0] != '\0' ? text : strerror(reason));
}

static int listen_on(struct server *s)
{
    static const struct net_server_ops ops = {.on_open = on_open,
                                              .on_message = on_message,
                                              .on_datagram = on_datagram,
                                              .on_close = on_close,
                                              .on_get = on_get};
    char text[256] = "";
    struct net_server_config cfg = {
        .bind_host = s->config->bind,
        .port = (uint16_t)s->config->port,
        .certificate_file = s->certificate.file,
        .key_file = s->certificate.key,
        .max_connections = s->config->connections,
        .max_connections_per_address = s->config->connections_per_address,
        .plain = s->config->plain,
        .plain_port = (uint16_t)s->config->plain_port,
    };
    errno = 0;
    int rc = net_server_new(&s->net, &s->loop, &cfg, &ops, s, text, sizeof text);
    int reason = errno;
    if (rc == SOTTO_EINVAL)
        snprintf(s->error, sizeof s->error, "certificate %s or key %s: %s", cfg.certificate_file,
                 cfg.key_file, text);
    else if (rc != 0)
        explain_listen(s, reason, text);
    return rc;
}

static void wake(const struct relay_store_push *pushes, size_t count, void *user)
{
    push_send(((struct server *)user)->push, pushes, count);
}

static bool push_allowed(const char *endpoint, void *user)
{
    const struct server *s = user;
    return push_endpoint_parse(&s->config->push_services, endpoint, NULL);
}

static void on_push_gone(const uint8_t line_id[LINK_LINE_ID_BYTES], const char *endpoint,
                         void *user)
{
    writer_forget_push(((struct server *)user)->writer, line_id, endpoint);
}

// Calls go on without it.
static void start_push(struct server *s)
{
    if (!config_pushes(s->config))
        return;
    if (push_new(&s->push, &s->loop, s->config, on_push_gone, s, s->error, sizeof s->error) != 0)
        log_error("nobody can be woken when somebody calls: %s", s->error);
}

static int make_engine(struct server *s)
{
    struct relay_config cfg = {.limits = s->config->limits,
                               .store = writer_store(s->writer),
                               .output = {.message = send_message,
                                          .datagram = send_datagram,
                                          .close = close_conn,
                                          .wake = s->push != NULL ? wake : NULL,
                                          .push_allowed = push_allowed,
                                          .user = s}};
    int rc = config_origins(s->config, net_server_port(s->net), &cfg);
    if (rc == 0)
        rc = relay_engine_new(&s->engine, &cfg, sotto_env_default());
    if (rc != 0)
        snprintf(s->error, sizeof s->error, "the relay's engine: %s", sotto_strerror(rc));
    return rc;
}

// Where the commands find out what the relay is called, if the configuration does not say.
static int write_address(struct server *s)
{
    char path[CONFIG_PATH_MAX], text[SOTTO_HOST_MAX_BYTES + 16];
    snprintf(text, sizeof text, "%s %u\n", s->config->name, net_server_port(s->net));
    int rc = config_path(s->config, ADDRESS_FILE, path);
    if (rc == 0)
        rc = process_write_file(path, text);
    if (rc != 0)
        snprintf(s->error, sizeof s->error, "%s cannot be written: %s", path, sotto_strerror(rc));
    return rc;
}

static void start_timers(struct server *s)
{
    s->armed_ns = SOTTO_NEVER;
    s->started_ns = uv_hrtime();
    s->engine_timer.data = s->leave_timer.data = s->maintenance.data = s->stop_timer.data =
        s->prepare.data = s;
    s->terminate.data = s->interrupt.data = s->hangup.data = s;
    uv_timer_init(&s->loop, &s->engine_timer);
    uv_timer_init(&s->loop, &s->leave_timer);
    uv_timer_init(&s->loop, &s->maintenance);
    uv_timer_init(&s->loop, &s->stop_timer);
    uv_prepare_init(&s->loop, &s->prepare);
    uv_signal_init(&s->loop, &s->terminate);
    uv_signal_init(&s->loop, &s->interrupt);
    uv_signal_init(&s->loop, &s->hangup);
    uv_timer_start(&s->maintenance, on_maintenance, 0, MAINTENANCE_MS);
    uv_prepare_start(&s->prepare, on_prepare);
    uv_signal_start(&s->terminate, on_terminate, SIGTERM);
    uv_signal_start(&s->interrupt, on_terminate, SIGINT);
    uv_signal_start(&s->hangup, on_hangup, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
}

static void start_control(struct server *s)
{
    static const struct control_ops ops = {.metrics = collect, .drop = drop_line};
    char path[CONFIG_PATH_MAX];
    if (config_path(s->config, CONTROL_FILE, path) != 0 ||
        control_new(&s->control, &s->loop, path, &ops, s, s->error, sizeof s->error) != 0)
        log_warning("\"sottod stats\" will not work: %s", s->error);
}

static void start_sandbox(struct server *s)
{
    if (!s->config->sandbox || process_sanitized()) {
        log_warning("running without the sandbox");
        return;
    }
    int rc = process_sandbox();
    if (rc != 0)
        log_warning("this kernel has no seccomp: running without the sandbox (%s)",
                    sotto_strerror(rc));
}

static void check_files(const struct server *s, uint64_t files)
{
    if (files < (uint64_t)s->config->connections + FILES_BESIDE_CONNECTIONS)
        log_warning("only %llu open files are allowed, %u connections are configured: WebSockets "
                    "beyond that will be refused (LimitNOFILE= of the systemd unit, ulimit -n)",
                    (unsigned long long)files, s->config->connections);
}

static void greet(const struct server *s)
{
    const struct sottod_config *c = s->config;
    char pin[2 * CERTIFICATE_PIN_BYTES + 1];
    certificate_pin_text(&s->certificate, pin);
    log_info("sottod " SOTTO_VERSION ", data in %s%s%s", c->data,
             s->options->config_file[0] != '\0' ? ", configuration from " : "",
             s->options->config_file);
    log_info("devices reach it as %s port %u", c->name, net_server_port(s->net));
    if (s->certificate.self_made)
        log_info("the certificate is self-made and renews itself; key pin %s", pin);
    else
        log_info("certificate %s", s->certificate.file);
    if (geteuid() == 0)
        log_warning("running as root, which it does not need: better by the systemd unit, or as a "
                    "user of its own");
    if (s->site.count > 0)
        log_info("serving the web page from %s, %zu files",
                 c->page[0] != '\0' ? c->page : s->default_page, s->site.count);
    if (c->plain)
        log_info("on this machine also without TLS: http://localhost:%u/",
                 net_server_plain_port(s->net));
    log_info("listening on [%s]:%u, UDP and TCP; invite somebody with: sottod invite%s%s", c->bind,
             net_server_port(s->net), getenv("STATE_DIRECTORY") == NULL ? " --data " : "",
             getenv("STATE_DIRECTORY") == NULL ? c->data : "");
}

static int start(struct server *s)
{
    uint64_t files = process_harden();
    int rc = open_data(s);
    if (!site_default_directory(s->default_page))
        s->default_page[0] = '\0';
    if (rc == 0)
        rc = load_page(s);
    if (rc == 0)
        rc = listen_on(s);
    if (rc == 0) {
        start_push(s);
        rc = make_engine(s);
    }
    if (rc == 0)
        rc = write_address(s);
    if (rc != 0)
        return rc;
    set_site_headers(s);
    check_files(s, files);
    notify_open();
    start_control(s);
    start_timers(s);
    greet(s);
    start_sandbox(s);
    notify_send("READY=1");
    return 0;
}

static void finish(struct server *s)
{
    while (s->writer != NULL && writer_busy(s->writer)) // what was asked for is still written
        uv_run(&s->loop, UV_RUN_ONCE);
    relay_engine_free(s->engine);
    writer_free(s->writer);
    relay_sqlite_close(s->store);
    site_free(&s->site);
    if (s->lock >= 0)
        close(s->lock);
}

int server_run(struct options *o)
{
    static struct server server;
    struct server *s = &server;
    *s = (struct server){.options = o, .config = &o->config, .lock = -1};
    list_init(&s->peers);
    list_init(&s->leaving);
    if (s->config->sandbox)
        process_forgo_io_uring();
    if (uv_loop_init(&s->loop) != 0)
        return 1;
    int rc = start(s);
    if (rc != 0) {
        log_error("%s", s->error[0] != '\0' ? s->error : sotto_strerror(rc));
        net_server_free(s->net);
        push_free(s->push);
    }
    uv_run(&s->loop, UV_RUN_DEFAULT);
    if (rc == 0 && s->net != NULL) // stopped a second time, in a hurry
        close_all(s);
    if (rc == 0 && !uv_is_closing((uv_handle_t *)&s->stop_timer))
        uv_close((uv_handle_t *)&s->stop_timer, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    finish(s);
    uv_loop_close(&s->loop);
    if (rc == 0)
        log_info("stopped");
    return rc == 0 ? 0 : 1;
}
