// SPDX-License-Identifier: Apache-2.0
#include "engine_rig.h"

#include <string.h>

void rig_broken(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: the rig is broken: %s\n", file, line, what);
    abort();
}

// ---- memory -------------------------------------------------------------------------------------

struct rig_block {
    struct rig_block *prev, *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

static bool has_canary(const struct rig_memory *m, const struct rig_block *block)
{
    return m->canary != NULL && memmem(block->bytes, block->size, m->canary, m->canary_len) != NULL;
}

static void unlink_block(struct rig_memory *m, struct rig_block *block)
{
    if (block->prev != NULL)
        block->prev->next = block->next;
    else
        m->blocks = block->next;
    if (block->next != NULL)
        block->next->prev = block->prev;
}

static void free_block(struct rig_memory *m, struct rig_block *block)
{
    m->canary_seen |= has_canary(m, block);
    unlink_block(m, block);
    m->live--;
    m->live_bytes -= block->size;
    free(block);
}

static struct rig_block *new_block(struct rig_memory *m, size_t size)
{
    if (++m->allocations >= m->fail_at && m->fail_at != 0)
        return NULL;
    struct rig_block *block = malloc(sizeof *block + size);
    RIG_CHECK(block != NULL);
    memset(block->bytes, 0xa5, size);
    block->size = size;
    block->prev = NULL;
    block->next = m->blocks;
    if (m->blocks != NULL)
        m->blocks->prev = block;
    m->blocks = block;
    m->live++;
    m->live_bytes += size;
    return block;
}

static struct rig_block *block_of(void *ptr)
{
    return ptr == NULL
               ? NULL
               : (struct rig_block *)(void *)((uint8_t *)ptr - offsetof(struct rig_block, bytes));
}

static void *rig_realloc(void *ptr, size_t size, void *user)
{
    struct rig_memory *m = user;
    struct rig_block *old = block_of(ptr);
    struct rig_block *new = NULL;
    if (size > 0 && (new = new_block(m, size)) == NULL)
        return NULL;
    if (old != NULL && new != NULL)
        memcpy(new->bytes, old->bytes, old->size < size ? old->size : size);
    if (old != NULL)
        free_block(m, old);
    return new == NULL ? NULL : new->bytes;
}

static void rig_random(void *buf, size_t len, void *user)
{
    struct rig_memory *m = user;
    for (size_t i = 0; i < len; i++) {
        m->random ^= m->random << 13;
        m->random ^= m->random >> 7;
        m->random ^= m->random << 17;
        ((uint8_t *)buf)[i] = (uint8_t)(m->random >> 24);
    }
}

void rig_memory_init(struct rig_memory *m, uint64_t seed)
{
    *m = (struct rig_memory){.random = seed | 1};
    m->env = (struct sotto_env){.realloc = rig_realloc, .random = rig_random, .user = m};
}

bool rig_memory_has_canary(struct rig_memory *m)
{
    for (const struct rig_block *block = m->blocks; block != NULL; block = block->next)
        m->canary_seen |= has_canary(m, block);
    return m->canary_seen;
}

// ---- what the engine says -----------------------------------------------------------------------

static bool on_message(void *conn_user, const uint8_t *msg, size_t len, void *user)
{
    struct rig_device *d = conn_user;
    RIG_CHECK(user == d->rig && d->conn != NULL);
    if (d->full || d->queued == RIG_QUEUE_MAX)
        return false;
    uint8_t *copy = malloc(len);
    RIG_CHECK(copy != NULL);
    memcpy(copy, msg, len);
    d->queue[d->queued].bytes = copy;
    d->queue[d->queued++].len = len;
    return true;
}

static void on_datagram(void *conn_user, const uint8_t *data, size_t len, void *user)
{
    struct rig_device *d = conn_user;
    RIG_CHECK(user == d->rig && d->conn != NULL && len == LINK_DATAGRAM_BYTES);
    memcpy(d->datagram, data, len);
    d->datagrams++;
}

static void on_close(void *conn_user, enum link_code why, void *user)
{
    struct rig_device *d = conn_user;
    RIG_CHECK(user == d->rig && d->conn != NULL);
    d->conn = NULL;
    d->closed = true;
    d->why = why;
}

// ---- the rig ------------------------------------------------------------------------------------

static void on_wake(const struct relay_store_push *pushes, size_t count, void *user)
{
    struct rig *r = user;
    RIG_CHECK(count > 0 && count <= RELAY_PUSH_PER_LINE_MAX);
    r->wakes++;
    r->pushed = count;
    memcpy(r->push, pushes, count * sizeof *pushes);
}

static bool on_push_allowed(const char *endpoint, void *user)
{
    (void)user;
    return strncmp(endpoint, "https://", 8) == 0;
}

void rig_config_outputs(struct rig *r, struct relay_config *cfg)
{
    cfg->output = (struct relay_output){.message = on_message,
                                        .datagram = on_datagram,
                                        .close = on_close,
                                        .wake = on_wake,
                                        .push_allowed = on_push_allowed,
                                        .user = r};
}

void rig_init(struct rig *r, const struct relay_limits *limits)
{
    *r = (struct rig){.now = {.mono_ns = 1000 * SOTTO_NS_PER_S, .unix_s = 1800000000}};
    rig_memory_init(&r->memory, 0x5eed);
    RIG_CHECK(relay_memory_new(&r->store, sotto_env_default()) == 0);
    struct relay_config cfg = {
        .origin = RIG_ORIGIN,
        .more_origins = {RIG_ORIGIN_2, RIG_ORIGIN_3},
        .more_origin_count = 2,
        .store = relay_memory_store(r->store),
    };
    rig_config_outputs(r, &cfg);
    if (limits != NULL)
        cfg.limits = *limits;
    RIG_CHECK(relay_engine_new(&r->engine, &cfg, &r->memory.env) == 0);
}

void rig_deinit(struct rig *r)
{
    relay_engine_free(r->engine);
    RIG_CHECK(r->memory.live == 0);
    relay_memory_free(r->store);
    for (size_t i = 0; i < r->device_count; i++) {
        rig_drain(r->devices[i]);
        free(r->devices[i]);
    }
}

bool rig_stored(struct rig *r)
{
    uint64_t job;
    int result;
    if (!relay_memory_take(r->store, &job, &result))
        return false;
    relay_engine_stored(r->engine, job, result, r->now);
    rig_check(r);
    return true;
}

void rig_pass(struct rig *r, sotto_ns ns)
{
    r->now.mono_ns += ns;
    r->now.unix_s += (int64_t)(ns / SOTTO_NS_PER_S);
    relay_engine_handle_expiry(r->engine, r->now);
    rig_check(r);
    RIG_CHECK(relay_engine_expiry(r->engine) > r->now.mono_ns);
}

struct relay_stats rig_stats(const struct rig *r)
{
    struct relay_stats stats;
    relay_engine_stats(r->engine, &stats);
    return stats;
}

struct rig_device *rig_open_silent(struct rig *r, unsigned address)
{
    RIG_CHECK(r->device_count < RIG_DEVICES_MAX);
    struct rig_device *d = calloc(1, sizeof *d);
    RIG_CHECK(d != NULL);
    r->devices[r->device_count++] = d;
    d->rig = r;
    uint8_t key[16] = {(uint8_t)(address >> 8), (uint8_t)address};
    RIG_CHECK(relay_conn_open(r->engine, &d->conn, d, key, r->now) == 0);
    return d;
}

struct rig_device *rig_open(struct rig *r, unsigned address)
{
    struct rig_device *d = rig_open_silent(r, address);
    RIG_CHECK(rig_send(d, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION}) ==
              0);
    struct link_message m = rig_expect(d, LINK_WELCOME);
    memcpy(d->challenge, m.challenge, sizeof d->challenge);
    return d;
}

void rig_drop(struct rig_device *d)
{
    struct relay_conn *conn = d->conn;
    RIG_CHECK(conn != NULL);
    d->conn = NULL;
    relay_conn_closed(d->rig->engine, conn, d->rig->now);
    rig_check(d->rig);
}

int rig_send_bytes(struct rig_device *d, const void *data, size_t len)
{
    RIG_CHECK(d->conn != NULL);
    // A copy of exactly that size, so that a sanitizer sees a read beyond it.
    uint8_t *copy = malloc(len > 0 ? len : 1);
    RIG_CHECK(copy != NULL);
    memcpy(copy, data, len);
    int rc = relay_conn_message(d->rig->engine, d->conn, copy, len, d->rig->now);
    free(copy);
    rig_check(d->rig);
    RIG_CHECK((rc != 0) == (d->conn == NULL));
    return rc;
}

int rig_send(struct rig_device *d, const struct link_message *m)
{
    uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    RIG_CHECK(len > 0);
    return rig_send_bytes(d, buf, (size_t)len);
}

void rig_send_cell(struct rig_device *d, uint32_t circuit, uint8_t fill)
{
    uint8_t cell[LINK_CELL_BYTES], datagram[LINK_DATAGRAM_BYTES];
    memset(cell, fill, sizeof cell);
    link_datagram_encode(datagram, circuit, cell);
    relay_conn_datagram(d->rig->engine, d->conn, datagram, sizeof datagram, d->rig->now);
}

struct link_message rig_expect(struct rig_device *d, enum link_type type)
{
    RIG_CHECK(d->next < d->queued);
    struct link_message m;
    RIG_CHECK(link_decode(&m, d->queue[d->next].bytes, d->queue[d->next].len) == 0);
    d->next++;
    if (m.type != type)
        fprintf(stderr, "expected message %#x, got %#x, code %u\n", (unsigned)type,
                (unsigned)m.type, m.code);
    RIG_CHECK(m.type == type);
    return m;
}

void rig_expect_code(struct rig_device *d, enum link_type type, enum link_code code)
{
    struct link_message m = rig_expect(d, type);
    if (m.code != code)
        fprintf(stderr, "expected code %u, got %u\n", (unsigned)code, m.code);
    RIG_CHECK(m.code == code);
}

void rig_drain(struct rig_device *d)
{
    while (d->queued > 0)
        free(d->queue[--d->queued].bytes);
    d->next = 0;
}

bool rig_quiet(const struct rig_device *d)
{
    return d->next == d->queued;
}

// ---- lines --------------------------------------------------------------------------------------

static struct {
    struct sotto_line_key *key;
    uint8_t id[LINK_LINE_ID_BYTES];
    uint8_t public[SOTTO_LINE_PUBLIC_MAX_BYTES];
    size_t public_len;
} lines[RIG_LINES];

static void free_lines(void)
{
    for (unsigned i = 0; i < RIG_LINES; i++)
        sotto_line_key_free(lines[i].key);
}

const struct sotto_line_key *rig_line_key(unsigned line)
{
    RIG_CHECK(line < RIG_LINES);
    if (lines[line].key == NULL) {
        if (lines[0].key == NULL && lines[1].key == NULL && lines[2].key == NULL)
            atexit(free_lines);
        RIG_CHECK(sotto_line_key_generate(&lines[line].key, sotto_env_default()) == 0);
        sotto_line_key_id(lines[line].key, lines[line].id);
        int len =
            sotto_line_key_public(lines[line].key, lines[line].public, sizeof lines[line].public);
        RIG_CHECK(len > 0);
        lines[line].public_len = (size_t)len;
    }
    return lines[line].key;
}

const uint8_t *rig_line_id(unsigned line)
{
    rig_line_key(line);
    return lines[line].id;
}

// Signing is slow, and with a seeded challenge a fuzzer signs the same again and again.
static struct signed_bytes {
    unsigned line;
    int tbs_len;
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    uint8_t signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    size_t signature_len;
} remembered[64];

static struct signed_bytes *recall(unsigned line, const uint8_t *tbs, int tbs_len)
{
    static size_t next;
    for (size_t i = 0; i < sizeof remembered / sizeof remembered[0]; i++) {
        struct signed_bytes *s = &remembered[i];
        if (s->line == line && s->tbs_len == tbs_len && memcmp(s->tbs, tbs, (size_t)tbs_len) == 0)
            return s;
    }
    struct signed_bytes *s = &remembered[next++ % (sizeof remembered / sizeof remembered[0])];
    int len = sotto_line_key_sign(rig_line_key(line), tbs, (size_t)tbs_len, s->signature,
                                  sizeof s->signature);
    RIG_CHECK(len > 0);
    s->signature_len = (size_t)len;
    s->line = line;
    s->tbs_len = tbs_len;
    memcpy(s->tbs, tbs, (size_t)tbs_len);
    return s;
}

static void sign(struct link_message *m, unsigned line, const uint8_t *tbs, int tbs_len)
{
    RIG_CHECK(tbs_len > 0);
    const struct signed_bytes *s = recall(line, tbs, tbs_len);
    m->signature = s->signature;
    m->signature_len = s->signature_len;
}

struct link_message rig_register_message(const struct rig_device *d, unsigned line,
                                         const char *origin, const uint8_t *invite)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    rig_line_key(line);
    struct link_message m = {.type = LINK_REGISTER,
                             .request = ++d->rig->request,
                             .invite = invite,
                             .key = lines[line].public,
                             .key_len = lines[line].public_len};
    sign(&m, line, tbs, link_register_tbs(tbs, sizeof tbs, origin, d->challenge, invite));
    return m;
}

struct link_message rig_login_message(const struct rig_device *d, unsigned line, const char *origin,
                                      uint8_t flags)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    struct link_message m = {.type = LINK_LOGIN,
                             .request = ++d->rig->request,
                             .line_id = rig_line_id(line),
                             .flags = flags};
    sign(&m, line, tbs,
         link_login_tbs(tbs, sizeof tbs, origin, d->challenge, rig_line_id(line), flags));
    return m;
}

void rig_line(struct rig *r, unsigned line)
{
    uint8_t invite[LINK_INVITE_BYTES] = {0xee, (uint8_t)line};
    rig_line_key(line);
    struct relay_store_line stored = {.key_len = lines[line].public_len};
    memcpy(stored.line_id, lines[line].id, sizeof stored.line_id);
    memcpy(stored.key, lines[line].public, stored.key_len);
    struct relay_store *store = relay_memory_store(r->store);
    RIG_CHECK(relay_memory_invite_add(r->store, invite, 0) == 0);
    RIG_CHECK(store->line_register(store, invite, &stored, r->now.unix_s) == 0);
}

struct rig_device *rig_login(struct rig *r, unsigned address, unsigned line, uint8_t flags)
{
    struct rig_device *d = rig_open(r, address);
    struct link_message m = rig_login_message(d, line, RIG_ORIGIN, flags);
    RIG_CHECK(rig_send(d, &m) == 0);
    RIG_CHECK(rig_expect(d, LINK_OK).request == m.request);
    return d;
}

const uint8_t *rig_token(unsigned n)
{
    static uint8_t tokens[256][LINK_TOKEN_BYTES];
    RIG_CHECK(n < 256);
    memset(tokens[n], 0x40, LINK_TOKEN_BYTES);
    tokens[n][0] = (uint8_t)n;
    return tokens[n];
}

void rig_number(struct rig *r, unsigned n, unsigned line, int64_t expires, uint32_t calls_left)
{
    struct relay_store_number number = {.expires_unix_s = expires, .calls_left = calls_left};
    sotto_token_hash(rig_token(n), number.token_hash);
    memcpy(number.line_id, rig_line_id(line), sizeof number.line_id);
    struct relay_store *store = relay_memory_store(r->store);
    RIG_CHECK(store->number_put(store, &number, 1000) == 0);
}

int rig_dial(struct rig_device *caller, uint32_t id, unsigned n)
{
    return rig_send(caller, &(struct link_message){.type = LINK_DIAL,
                                                   .circuit = id,
                                                   .token = rig_token(n),
                                                   .flight = (const uint8_t *)"hello",
                                                   .flight_len = 5});
}

static void expect_ticket(struct rig_device *d, uint32_t id, uint8_t out[LINK_TICKET_BYTES])
{
    struct link_message m = rig_expect(d, LINK_TICKET);
    RIG_CHECK(m.circuit == id);
    memcpy(out, m.ticket, LINK_TICKET_BYTES);
}

struct rig_call rig_call(struct rig_device *caller, uint32_t id, struct rig_device *callee,
                         unsigned n)
{
    struct rig_call call = {.caller = caller, .callee = callee, .caller_id = id};
    RIG_CHECK(rig_dial(caller, id, n) == 0);
    struct link_message m = rig_expect(callee, LINK_INCOMING);
    RIG_CHECK(m.flight_len == 5 && memcmp(m.flight, "hello", 5) == 0);
    call.callee_id = m.circuit;
    expect_ticket(callee, call.callee_id, call.callee_ticket);
    expect_ticket(caller, call.caller_id, call.caller_ticket);
    return call;
}

// ---- for a program that needs only one ----------------------------------------------------------

struct rig rig;

int rig_setup(void **state)
{
    (void)state;
    rig_init(&rig, NULL);
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    rig_deinit(&rig);
    return 0;
}
