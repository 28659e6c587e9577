// SPDX-License-Identifier: Apache-2.0
// The real sottod with real devices on loopback: lines, calls over QUIC and WebSocket, kill -9,
// reload, stop, and what it says when something is wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net.h>
#include <netinet/in.h>
#include <signal.h>
#include <sotto/identity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire/link.h"

#define PATIENCE_MS 8000
#define QUEUE_MAX   64
#define LOG_MAX     (1 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const char *program; // $SOTTOD
static char directory[64];
static uv_loop_t loop;

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

// ---- programs -----------------------------------------------------------------------------------

static pid_t spawn(const char *const *arguments, const char *out_file)
{
    const char *argv[24] = {program};
    size_t n = 1;
    while (arguments[n - 1] != NULL && n < 23) {
        argv[n] = arguments[n - 1];
        n++;
    }
    argv[n] = NULL;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(out_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execv(program, (char *const *)argv);
        _exit(127);
    }
    return pid;
}

// The exit status; 128 + the signal that ended it. Kills it if it takes longer.
static int wait_for(pid_t pid, uint64_t patience_ms)
{
    uint64_t until = now_ms() + patience_ms;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() > until) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            fail_msg("process %d did not end in %d ms", (int)pid, (int)patience_ms);
        }
        pause_ms(5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static size_t read_text(const char *file, char *out, size_t cap)
{
    FILE *f = fopen(file, "rb");
    size_t len = f != NULL ? fread(out, 1, cap - 1, f) : 0;
    out[len] = '\0';
    if (f != NULL)
        fclose(f);
    return len;
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static const char *in_directory(const char *file)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, file);
    return path;
}

// Runs a command to its end; what it printed is in command_output.
static char command_output[65536];

static int command(const char *const *arguments)
{
    const char *file = in_directory("command.out");
    unlink(file);
    int status = wait_for(spawn(arguments, file), PATIENCE_MS);
    read_text(file, command_output, sizeof command_output);
    return status;
}
#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

// ---- the relay ----------------------------------------------------------------------------------

struct relay {
    pid_t pid; // 0: not running
    char data[128], log[128], config[128];
    uint16_t port;
};

static char log_text[LOG_MAX];

static void wait_for_log(const struct relay *r, const char *what)
{
    uint64_t until = now_ms() + PATIENCE_MS;
    for (;;) {
        read_text(r->log, log_text, sizeof log_text);
        if (strstr(log_text, what) != NULL)
            return;
        if (now_ms() > until)
            fail_msg("the log never says \"%s\":\n%s", what, log_text);
        pause_ms(5);
    }
}

static void relay_init(struct relay *r, const char *name, const char *config)
{
    *r = (struct relay){.pid = 0};
    snprintf(r->data, sizeof r->data, "%s/%s", directory, name);
    snprintf(r->log, sizeof r->log, "%s/%s.log", directory, name);
    snprintf(r->config, sizeof r->config, "%s/%s.conf", directory, name);
    write_text(r->config, config);
}

// The port of the first start stays.
static void relay_start(struct relay *r)
{
    char port[8], address[300];
    snprintf(port, sizeof port, "%u", r->port);
    unlink(r->log);
    r->pid = spawn((const char *const[]){"run", "--config", r->config, "--data", r->data, "--name",
                                         "localhost", "--port", port, "--bind", "127.0.0.1",
                                         "--log-level", "debug", NULL},
                   r->log);
    wait_for_log(r, "listening on");
    char file[160];
    unsigned number = 0;
    snprintf(file, sizeof file, "%s/address", r->data);
    read_text(file, address, sizeof address);
    assert_int_equal(sscanf(address, "localhost %u", &number), 1);
    r->port = (uint16_t)number;
}

static void relay_stop(struct relay *r)
{
    kill(r->pid, SIGTERM);
    uint64_t before = now_ms();
    assert_int_equal(wait_for(r->pid, PATIENCE_MS), 0);
    assert_true(now_ms() - before < 3000);
    r->pid = 0;
}

static struct sotto_invite_link invitation(const struct relay *r)
{
    struct sotto_invite_link link;
    assert_int_equal(COMMAND("invite", "--config", r->config, "--data", r->data), 0);
    assert_int_equal(sotto_invite_link_parse(&link, command_output), 0);
    assert_int_equal(link.relay.port, r->port);
    assert_string_equal(link.relay.host, "localhost");
    assert_true(link.relay.pinned);
    return link;
}

// ---- devices ------------------------------------------------------------------------------------

struct device {
    struct net_client *client;
    bool open, down;
    enum net_transport transport;
    enum net_reason reason;
    char origin[SOTTO_ORIGIN_TEXT_BYTES];
    uint8_t challenge[LINK_CHALLENGE_BYTES];
    struct {
        uint8_t bytes[LINK_MESSAGE_MAX_BYTES];
        size_t len;
    } queue[QUEUE_MAX];
    size_t queued, next;
    size_t datagrams;
    uint8_t datagram[LINK_DATAGRAM_BYTES];
    uint32_t request;
};

static void on_open(struct net_client *c, enum net_transport transport, void *user)
{
    struct device *d = user;
    (void)c;
    d->open = true;
    d->transport = transport;
}

static void on_message(struct net_client *c, const uint8_t *msg, size_t len, void *user)
{
    struct device *d = user;
    (void)c;
    assert_true(d->queued < QUEUE_MAX && len <= LINK_MESSAGE_MAX_BYTES);
    memcpy(d->queue[d->queued].bytes, msg, len);
    d->queue[d->queued++].len = len;
}

static void on_datagram(struct net_client *c, const uint8_t *data, size_t len, void *user)
{
    struct device *d = user;
    (void)c;
    if (len == sizeof d->datagram)
        memcpy(d->datagram, data, len);
    d->datagrams++;
}

static void on_down(struct net_client *c, enum net_reason reason, const char *detail, bool again,
                    void *user)
{
    struct device *d = user;
    (void)c;
    (void)detail;
    (void)again;
    d->down = true;
    d->reason = reason;
}

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

// Runs the loop until the condition holds; false after PATIENCE_MS.
static bool run_until(bool (*done)(void *), void *user)
{
    static uv_timer_t timer;
    static bool made;
    if (!made)
        uv_timer_init(&loop, &timer);
    made = true;
    uv_timer_start(&timer, tick, 10, 10);
    uint64_t until = now_ms() + PATIENCE_MS;
    while (!done(user) && now_ms() < until)
        uv_run(&loop, UV_RUN_ONCE);
    uv_timer_stop(&timer);
    return done(user);
}

static bool is_open(void *user)
{
    return ((struct device *)user)->open;
}

static bool is_down(void *user)
{
    return ((struct device *)user)->down;
}

static bool has_message(void *user)
{
    const struct device *d = user;
    return d->next < d->queued;
}

static bool has_datagram(void *user)
{
    return ((struct device *)user)->datagrams > 0;
}

static struct device *device_connect(const struct relay *r, bool websocket, const uint8_t *pin)
{
    static const struct net_client_ops ops = {.on_open = on_open,
                                              .on_message = on_message,
                                              .on_datagram = on_datagram,
                                              .on_down = on_down};
    struct device *d = calloc(1, sizeof *d);
    struct net_client_config cfg = {.host = "localhost",
                                    .port = r->port,
                                    .pinned = true,
                                    .force_websocket = websocket};
    memcpy(cfg.pin, pin, sizeof cfg.pin);
    snprintf(d->origin, sizeof d->origin, "localhost:%u", r->port);
    assert_int_equal(net_client_new(&d->client, &loop, &cfg, &ops, d), 0);
    return d;
}

static void device_free(struct device *d)
{
    net_client_free(d->client);
    uv_run(&loop, UV_RUN_NOWAIT);
    free(d);
}

static void device_send(struct device *d, const struct link_message *m)
{
    static uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(net_client_send_message(d->client, buf, (size_t)len), 0);
}

#define ANY ((enum link_type)0)

static struct link_message device_expect(struct device *d, enum link_type type)
{
    struct link_message m;
    if (!run_until(has_message, d))
        fail_msg("message %#x did not come (down: %d, %s)", (unsigned)type, d->down,
                 d->down ? net_reason_text(d->reason) : "");
    assert_int_equal(link_decode(&m, d->queue[d->next].bytes, d->queue[d->next].len), 0);
    d->next++;
    if (type != ANY && m.type != type)
        fail_msg("expected message %#x, got %#x code %u", (unsigned)type, (unsigned)m.type, m.code);
    return m;
}

static struct device *device_open(const struct relay *r, bool websocket, const uint8_t *pin)
{
    struct device *d = device_connect(r, websocket, pin);
    if (!run_until(is_open, d))
        fail_msg("no connection: %s", d->down ? net_reason_text(d->reason) : "silence");
    assert_int_equal(d->transport, websocket ? NET_WEBSOCKET : NET_QUIC);
    device_send(d, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION});
    struct link_message m = device_expect(d, LINK_WELCOME);
    memcpy(d->challenge, m.challenge, sizeof d->challenge);
    return d;
}

static struct sotto_line_key *line_key(void)
{
    static struct sotto_line_key *key;
    if (key == NULL)
        assert_int_equal(sotto_line_key_generate(&key, sotto_env_default()), 0);
    return key;
}

static void sign_and_send(struct device *d, struct link_message m, const uint8_t *tbs, int tbs_len)
{
    static uint8_t signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    assert_true(tbs_len > 0);
    int len = sotto_line_key_sign(line_key(), tbs, (size_t)tbs_len, signature, sizeof signature);
    assert_true(len > 0);
    m.signature = signature;
    m.signature_len = (size_t)len;
    m.request = ++d->request;
    device_send(d, &m);
}

static void device_register(struct device *d, const uint8_t *invite)
{
    static uint8_t key[SOTTO_LINE_PUBLIC_MAX_BYTES];
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    int key_len = sotto_line_key_public(line_key(), key, sizeof key);
    sign_and_send(d,
                  (struct link_message){.type = LINK_REGISTER,
                                        .invite = invite,
                                        .key = key,
                                        .key_len = (size_t)key_len},
                  tbs, link_register_tbs(tbs, sizeof tbs, d->origin, d->challenge, invite));
}

static void device_login(struct device *d)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES], id[LINK_LINE_ID_BYTES];
    sotto_line_key_id(line_key(), id);
    sign_and_send(
        d, (struct link_message){.type = LINK_LOGIN, .line_id = id, .flags = LINK_LOGIN_RING}, tbs,
        link_login_tbs(tbs, sizeof tbs, d->origin, d->challenge, id, LINK_LOGIN_RING));
}

static const uint8_t token[LINK_TOKEN_BYTES] = "TOKEN-CANARY-16B";

static void device_put(struct device *d, uint8_t n)
{
    uint8_t other[LINK_TOKEN_BYTES], hash[LINK_TOKEN_HASH_BYTES];
    memcpy(other, token, sizeof other);
    other[15] = (uint8_t)(token[15] + n);
    sotto_token_hash(other, hash);
    device_send(d, &(struct link_message){.type = LINK_NUMBER_PUT,
                                          .request = ++d->request,
                                          .token_hash = hash,
                                          .calls_left = LINK_CALLS_UNLIMITED});
}

struct call {
    struct device *caller, *callee;
    uint32_t caller_id, callee_id;
    uint8_t caller_ticket[LINK_TICKET_BYTES];
};

static struct call call_through(struct device *caller, struct device *callee)
{
    struct call c = {.caller = caller, .callee = callee, .caller_id = 4};
    device_send(caller, &(struct link_message){.type = LINK_DIAL,
                                               .circuit = 4,
                                               .token = token,
                                               .flight = (const uint8_t *)"FLIGHT-CANARY",
                                               .flight_len = 13});
    struct link_message m = device_expect(callee, LINK_INCOMING);
    assert_int_equal(m.flight_len, 13);
    assert_memory_equal(m.flight, "FLIGHT-CANARY", 13);
    c.callee_id = m.circuit;
    device_expect(callee, LINK_TICKET);
    m = device_expect(caller, LINK_TICKET);
    memcpy(c.caller_ticket, m.ticket, sizeof c.caller_ticket);
    return c;
}

// Datagrams may be lost: sends until one is there.
static void expect_cell(struct device *from, uint32_t from_id, struct device *to, uint32_t to_id,
                        uint8_t fill)
{
    uint8_t cell[LINK_CELL_BYTES], datagram[LINK_DATAGRAM_BYTES];
    memset(cell, fill, sizeof cell);
    link_datagram_encode(datagram, from_id, cell);
    to->datagrams = 0;
    assert_int_equal(net_client_send_datagram(from->client, datagram, sizeof datagram), 0);
    assert_true(run_until(has_datagram, to));
    uint32_t id;
    const uint8_t *got;
    assert_int_equal(link_datagram_decode(to->datagram, sizeof to->datagram, &id, &got), 0);
    assert_int_equal(id, to_id);
    assert_memory_equal(got, cell, sizeof cell);
}

// ---- tests --------------------------------------------------------------------------------------

static struct relay relay;
static struct sotto_invite_link invited;

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sottod-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(uv_loop_init(&loop), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char remove[96];
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    return system(remove);
}

static int stop_relay(void **state)
{
    (void)state;
    if (relay.pid != 0)
        relay_stop(&relay);
    return 0;
}

// The relay with our line on it.
static void start_with_line(const char *config)
{
    char name[16];
    static unsigned number;
    snprintf(name, sizeof name, "relay%u", number++);
    relay_init(&relay, name, config);
    relay_start(&relay);
    invited = invitation(&relay);
    struct device *d = device_open(&relay, false, invited.relay.pin);
    device_register(d, invited.invite);
    assert_int_equal(device_expect(d, LINK_OK).request, d->request);
    device_free(d);
}

static struct device *ringing(bool websocket)
{
    struct device *d = device_open(&relay, websocket, invited.relay.pin);
    device_login(d);
    assert_int_equal(device_expect(d, LINK_OK).request, d->request);
    return d;
}

static void expect_log_is_discreet(void)
{
    char id_text[2 * LINK_LINE_ID_BYTES + 1];
    uint8_t id[LINK_LINE_ID_BYTES];
    sotto_line_key_id(line_key(), id);
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(id_text + 2 * i, 3, "%02x", id[i]);
    id_text[16] = '\0';
    size_t len = read_text(relay.log, log_text, sizeof log_text);
    assert_true(len > 0);
    assert_null(strstr(log_text, id_text));
    assert_null(memmem(log_text, len, "CANARY", 6));
    const char *listening = strstr(log_text, "listening on"); // the only address in it
    assert_non_null(listening);
    assert_null(strstr(strchr(listening, '\n'), "127.0.0.1"));
}

static void one_call(bool caller_websocket, bool callee_websocket)
{
    struct device *callee = ringing(callee_websocket);
    struct device *caller = device_open(&relay, caller_websocket, invited.relay.pin);
    device_put(callee, 0);
    device_expect(callee, LINK_OK);
    struct call c = call_through(caller, callee);
    static uint8_t flight[LINK_FLIGHT_MAX_BYTES];
    memset(flight, 0xcd, sizeof flight);
    device_send(callee, &(struct link_message){.type = LINK_SIGNAL,
                                               .circuit = c.callee_id,
                                               .flight = flight,
                                               .flight_len = sizeof flight});
    struct link_message m = device_expect(caller, LINK_SIGNAL);
    assert_int_equal(m.flight_len, sizeof flight);
    assert_memory_equal(m.flight, flight, sizeof flight);
    expect_cell(caller, c.caller_id, callee, c.callee_id, 0x11);
    expect_cell(callee, c.callee_id, caller, c.caller_id, 0x22);
    device_send(caller, &(struct link_message){.type = LINK_CLOSE, .circuit = c.caller_id});
    assert_int_equal(device_expect(callee, LINK_CLOSE).circuit, c.callee_id);
    device_free(caller);
    device_free(callee);
}

static void test_calls_over_both_transports(void **state)
{
    (void)state;
    start_with_line("");
    one_call(false, false);
    one_call(true, false);
    one_call(false, true);
    one_call(true, true);
    expect_log_is_discreet();
}

static void test_sandbox_is_on(void **state)
{
    (void)state;
    char file[64], text[4096];
    start_with_line("");
    snprintf(file, sizeof file, "/proc/%d/status", (int)relay.pid);
    assert_true(read_text(file, text, sizeof text) > 0);
    if (!SANITIZED) {
        assert_non_null(strstr(text, "Seccomp:\t2"));
        assert_non_null(strstr(text, "NoNewPrivs:\t1"));
    }
    snprintf(file, sizeof file, "/proc/%d/limits", (int)relay.pid);
    assert_true(read_text(file, text, sizeof text) > 0);
    const char *core = strstr(text, "Max core file size");
    assert_non_null(core);
    assert_int_equal(strtoul(core + 18, NULL, 10), 0);
}

static void test_resume_after_a_lost_connection(void **state)
{
    (void)state;
    start_with_line("");
    struct device *callee = ringing(false);
    struct device *caller = device_open(&relay, false, invited.relay.pin);
    device_put(callee, 0);
    device_expect(callee, LINK_OK);
    struct call c = call_through(caller, callee);
    device_free(caller);
    caller = device_open(&relay, true, invited.relay.pin); // it comes back over WebSocket
    device_send(caller, &(struct link_message){.type = LINK_RESUME,
                                               .request = 9,
                                               .circuit = 8,
                                               .ticket = c.caller_ticket});
    assert_int_equal(device_expect(caller, LINK_OK).request, 9);
    expect_cell(caller, 8, callee, c.callee_id, 0x33);
    expect_cell(callee, c.callee_id, caller, 8, 0x44);
    device_free(caller);
    device_free(callee);
}

static void test_kill_9_loses_nothing(void **state)
{
    (void)state;
    start_with_line("");
    struct device *d = ringing(false);
    device_put(d, 0);
    device_expect(d, LINK_OK);
    kill(relay.pid, SIGKILL);
    assert_int_equal(wait_for(relay.pid, PATIENCE_MS), 128 + SIGKILL);
    device_free(d);
    relay_start(&relay);
    // The same key, so the same pin; line and number are there.
    struct device *callee = ringing(false);
    struct device *caller = device_open(&relay, false, invited.relay.pin);
    call_through(caller, callee);
    device_free(caller);
    device_free(callee);
}

static void test_used_invitation_and_wrong_pin(void **state)
{
    (void)state;
    start_with_line("");
    struct device *d = device_open(&relay, false, invited.relay.pin);
    device_send(d, &(struct link_message){.type = LINK_INVITE_CHECK,
                                          .request = 1,
                                          .invite = invited.invite});
    assert_int_equal(device_expect(d, LINK_FAILED).code, LINK_CODE_INVITE);
    device_free(d);
    uint8_t wrong[NET_PIN_BYTES] = {1};
    d = device_connect(&relay, false, wrong);
    assert_true(run_until(is_down, d));
    assert_int_equal(d->reason, NET_PIN);
    device_free(d);
}

static void test_protocol_error_is_told_and_ends_it(void **state)
{
    (void)state;
    start_with_line("");
    for (int websocket = 0; websocket < 2; websocket++) {
        struct device *d = device_connect(&relay, websocket == 1, invited.relay.pin);
        assert_true(run_until(is_open, d));
        device_send(d, &(struct link_message){.type = LINK_HELLO, .version = 77});
        assert_int_equal(device_expect(d, LINK_FAILED).code, LINK_CODE_VERSION);
        assert_true(run_until(is_down, d));
        device_free(d);
    }
}

static void test_reload(void **state)
{
    (void)state;
    start_with_line("[limits]\nnumbers_per_line = 1\n");
    struct device *d = ringing(false);
    device_put(d, 0);
    device_expect(d, LINK_OK);
    pause_ms(100);
    device_put(d, 1);
    assert_int_equal(device_expect(d, LINK_FAILED).code, LINK_CODE_LIMIT);
    write_text(relay.config, "[limits]\nnumbers_per_lin = 5\n");
    kill(relay.pid, SIGHUP);
    wait_for_log(&relay, "did you mean \"numbers_per_line\"");
    write_text(relay.config, "[limits]\nnumbers_per_line = 5\n");
    kill(relay.pid, SIGHUP);
    wait_for_log(&relay, "reloaded");
    device_put(d, 1);
    device_expect(d, LINK_OK);
    assert_false(d->down);
    // The certificate was read again: new connections still find the same key.
    device_free(device_open(&relay, true, invited.relay.pin));
    device_free(d);
}

static int push_answer(struct device *d, const char *endpoint)
{
    // The curve's generator.
    static const uint8_t auth[LINK_AUTH_BYTES] = {0},
                         point[LINK_P256DH_BYTES] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42,
                                                     0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
                                                     0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33,
                                                     0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
                                                     0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
                                                     0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e,
                                                     0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e,
                                                     0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
                                                     0xf5};
    device_send(d, &(struct link_message){.type = LINK_PUSH,
                                          .request = 9,
                                          .endpoint = endpoint,
                                          .endpoint_len = strlen(endpoint),
                                          .p256dh = point,
                                          .auth = auth});
    struct link_message m = device_expect(d, ANY);
    assert_int_equal(m.request, 9);
    return m.type == LINK_OK ? 0 : m.code;
}

static void unpush(struct device *d)
{
    device_send(d, &(struct link_message){.type = LINK_UNPUSH, .request = 10});
    assert_int_equal(device_expect(d, LINK_OK).request, 10);
}

static void dial_nobody(struct device *d, uint32_t circuit)
{
    device_send(d, &(struct link_message){.type = LINK_DIAL, .circuit = circuit, .token = token});
}

static void test_subscriptions(void **state)
{
    (void)state;
    start_with_line("[push]\ncontact = mailto:admin@relay.example\nservices = localhost:9\n");
    struct device *d = ringing(true);
    device_put(d, 0);
    device_expect(d, LINK_OK);
    assert_int_equal(push_answer(d, "https://elsewhere.example/x"), LINK_CODE_DENIED);
    assert_int_equal(push_answer(d, "http://localhost:9/x"), LINK_CODE_DENIED);
    assert_int_equal(push_answer(d, "https://localhost:9/PUSH-CANARY"), 0);
    device_free(d);
    struct device *caller = device_open(&relay, false, invited.relay.pin);
    dial_nobody(caller, 2);
    assert_int_equal(device_expect(caller, LINK_WAKING).circuit, 2);
    d = ringing(false);
    assert_int_equal(device_expect(caller, LINK_AWAKE).circuit, 2);
    // It has outlived a crash; and is forgotten when it is to be.
    kill(relay.pid, SIGKILL);
    wait_for(relay.pid, PATIENCE_MS);
    device_free(d);
    device_free(caller);
    relay_start(&relay);
    caller = device_open(&relay, false, invited.relay.pin);
    dial_nobody(caller, 2);
    device_expect(caller, LINK_WAKING);
    d = ringing(false);
    device_expect(caller, LINK_AWAKE);
    unpush(d);
    device_free(d);
    pause_ms(300);
    dial_nobody(caller, 4);
    assert_int_equal(device_expect(caller, LINK_CLOSE).code, LINK_CODE_OFFLINE);
    device_free(caller);
    wait_for_log(&relay, "listening");
    assert_null(strstr(log_text, "PUSH-CANARY"));
}

static void test_without_pushes_none_is_taken(void **state)
{
    (void)state;
    start_with_line("");
    struct device *d = ringing(false);
    assert_int_equal(push_answer(d, "https://fcm.googleapis.com/x"), LINK_CODE_UNAVAILABLE);
    unpush(d);
    device_free(d);
}

static void test_stop_says_goodbye(void **state)
{
    (void)state;
    start_with_line("");
    struct device *callee = ringing(false);
    struct device *caller = device_open(&relay, true, invited.relay.pin);
    device_put(callee, 0);
    device_expect(callee, LINK_OK);
    call_through(caller, callee);
    uint64_t before = now_ms();
    kill(relay.pid, SIGTERM);
    assert_int_equal(device_expect(caller, LINK_CLOSE).code, LINK_CODE_SHUTDOWN);
    assert_int_equal(device_expect(callee, LINK_CLOSE).code, LINK_CODE_SHUTDOWN);
    assert_true(run_until(is_down, caller));
    assert_true(run_until(is_down, callee));
    assert_int_equal(callee->reason, NET_CLOSED);
    assert_int_equal(wait_for(relay.pid, PATIENCE_MS), 0);
    assert_true(now_ms() - before < 3000);
    relay.pid = 0;
    device_free(caller);
    device_free(callee);
}

static void test_operator_withdraws_a_line(void **state)
{
    (void)state;
    start_with_line("");
    struct device *d = ringing(false);
    device_put(d, 0);
    device_expect(d, LINK_OK);
    assert_int_equal(COMMAND("lines", "--config", relay.config, "--data", relay.data, "--json"), 0);
    char id[2 * LINK_LINE_ID_BYTES + 1] = "";
    unsigned long long numbers = 0;
    assert_int_equal(sscanf(command_output,
                            "[{\"line\":\"%64[0-9a-f]\",\"created\":%*d,\"numbers\":%llu", id,
                            &numbers),
                     2);
    assert_int_equal(numbers, 1);
    assert_int_equal(COMMAND("revoke-line", "--data", relay.data, "ffffffff"), 1);
    assert_int_equal(COMMAND("revoke-line", "--data", relay.data, id), 0);
    assert_int_equal(device_expect(d, LINK_FAILED).code, LINK_CODE_NO_LINE);
    assert_true(run_until(is_down, d));
    device_free(d);
    d = device_open(&relay, false, invited.relay.pin);
    device_login(d);
    assert_int_equal(device_expect(d, LINK_FAILED).code, LINK_CODE_NO_LINE);
    device_send(d, &(struct link_message){.type = LINK_DIAL, .circuit = 2, .token = token});
    assert_int_equal(device_expect(d, LINK_CLOSE).code, LINK_CODE_UNAVAILABLE);
    device_free(d);
}

static void test_stats(void **state)
{
    (void)state;
    start_with_line("");
    struct device *d = ringing(false);
    assert_int_equal(COMMAND("stats", "--data", relay.data, "--json"), 0);
    assert_non_null(strstr(command_output, "\"lines_online\":1,"));
    assert_non_null(strstr(command_output, "\"registers_total\":1,"));
    assert_int_equal(COMMAND("stats", "--data", relay.data, "--prometheus"), 0);
    assert_non_null(strstr(command_output, "\n# TYPE sottod_cells_forwarded_total counter\n"));
    assert_non_null(strstr(command_output, "\nsottod_lines_online 1\n"));
    assert_int_equal(COMMAND("stats", "--data", relay.data), 0);
    assert_non_null(strstr(command_output, "lines_online"));
    assert_int_equal(COMMAND("check", "--data", relay.data, "--config", relay.config), 0);
    assert_non_null(strstr(command_output, "a relay is running here"));
    device_free(d);
    relay_stop(&relay);
    assert_int_equal(COMMAND("stats", "--data", relay.data), 0);
    assert_non_null(strstr(command_output, "No relay is running"));
    assert_non_null(strstr(command_output, "lines 1"));
    assert_int_equal(COMMAND("stats", "--data", relay.data, "--prometheus"), 1);
}

static void test_invitations(void **state)
{
    (void)state;
    start_with_line("");
    assert_int_equal(COMMAND("invite", "--data", relay.data, "--count", "3", "--days", "2"), 0);
    struct sotto_invite_link links[3];
    char *rest = command_output;
    for (int i = 0; i < 3; i++) // one link a line, and nothing else
        assert_int_equal(sotto_invite_link_parse(&links[i], strsep(&rest, "\n")), 0);
    assert_string_equal(rest, "");
    assert_memory_not_equal(links[0].invite, links[1].invite, SOTTO_INVITE_BYTES);
    assert_int_equal(COMMAND("invite", "--data", relay.data, "--json"), 0);
    assert_memory_equal(command_output, "[{\"link\":\"https://localhost:", 28);
    assert_int_equal(COMMAND("invite", "--data", relay.data, "--days", "0"), 2);
    assert_non_null(strstr(command_output, "--days 0"));
    struct device *d = device_open(&relay, false, invited.relay.pin);
    device_send(d, &(struct link_message){.type = LINK_INVITE_CHECK,
                                          .request = 1,
                                          .invite = links[2].invite});
    device_expect(d, LINK_OK);
    device_free(d);
}

static void test_second_daemon_is_refused(void **state)
{
    (void)state;
    start_with_line("");
    assert_int_equal(COMMAND("run", "--data", relay.data, "--port", "0", "--name", "localhost"), 1);
    assert_non_null(strstr(command_output, "another sottod is running on this data directory"));
    one_call(false, false); // the first is as well as before
}

static void test_port_is_taken(void **state)
{
    (void)state;
    char port[8], want[64];
    start_with_line("");
    snprintf(port, sizeof port, "%u", relay.port);
    snprintf(want, sizeof want, "port %s is taken by another program", port);
    assert_int_equal(COMMAND("run", "--data", in_directory("other"), "--port", port, "--bind",
                             "127.0.0.1", "--name", "localhost"),
                     1);
    assert_non_null(strstr(command_output, want));
    assert_int_equal(COMMAND("check", "--data", in_directory("other"), "--port", port, "--bind",
                             "127.0.0.1", "--name", "localhost"),
                     1);
    assert_non_null(strstr(command_output, "BAD   port"));
}

static void test_bad_configurations(void **state)
{
    (void)state;
    const char *file = in_directory("bad.conf");
    write_text(file, "; a comment\n[relay]\nname = relay.example\nprot = 443\n");
    assert_int_equal(COMMAND("run", "--config", file), 2);
    assert_non_null(strstr(command_output,
                           "bad.conf, line 4: there is no key \"prot\" in [relay]; did you mean "
                           "\"port\"?"));
    assert_int_equal(COMMAND("run", "--config", in_directory("absent.conf")), 2);
    assert_non_null(strstr(command_output, "absent.conf"));
    write_text(file, "[relay]\ncertificate = /nonexistent/a.pem\nkey = /nonexistent/b.pem\n");
    assert_int_equal(COMMAND("run", "--config", file, "--data", in_directory("x"), "--port", "0"),
                     1);
    assert_non_null(strstr(command_output, "/nonexistent/a.pem"));
    assert_int_equal(COMMAND("run", "--data", "/proc/sottod", "--port", "0"), 1);
    assert_non_null(strstr(command_output, "/proc/sottod"));
    assert_int_equal(COMMAND("frobnicate"), 2);
}

// What an idle line costs the relay, everything included.
static void test_memory_of_idle_lines(void **state)
{
    (void)state;
    enum {
        DEVICES = 60
    };
    static struct device *devices[DEVICES];
    char file[64], text[256];
    unsigned long before = 0, after = 0;
    start_with_line("");
    struct device *warm = ringing(false);
    snprintf(file, sizeof file, "/proc/%d/statm", (int)relay.pid);
    read_text(file, text, sizeof text);
    assert_int_equal(sscanf(text, "%*u %lu", &before), 1);
    for (int i = 0; i < DEVICES; i++)
        devices[i] = device_open(&relay, false, invited.relay.pin);
    read_text(file, text, sizeof text);
    assert_int_equal(sscanf(text, "%*u %lu", &after), 1);
    unsigned long each = (after - before) * 4096 / DEVICES;
    print_message("%lu bytes for each idle connection\n", each);
    if (!SANITIZED)
        assert_true(each <= 120 * 1024);
    for (int i = 0; i < DEVICES; i++)
        device_free(devices[i]);
    device_free(warm);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, stop_relay)
    const struct CMUnitTest tests[] = {
        T(test_calls_over_both_transports),
        T(test_sandbox_is_on),
        T(test_resume_after_a_lost_connection),
        T(test_kill_9_loses_nothing),
        T(test_used_invitation_and_wrong_pin),
        T(test_protocol_error_is_told_and_ends_it),
        T(test_reload),
        T(test_subscriptions),
        T(test_without_pushes_none_is_taken),
        T(test_stop_says_goodbye),
        T(test_operator_withdraws_a_line),
        T(test_stats),
        T(test_invitations),
        T(test_second_daemon_is_refused),
        T(test_port_is_taken),
        T(test_bad_configurations),
        T(test_memory_of_idle_lines),
    };
    program = getenv("SOTTOD");
    if (program == NULL) {
        fputs("SOTTOD is not set: where is the program?\n", stderr);
        return 1;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
