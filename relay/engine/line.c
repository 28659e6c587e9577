// SPDX-License-Identifier: Apache-2.0
// Lines: making one with an invitation, proving to be one of its devices, and which device rings.
#include <assert.h>
#include <string.h>

#include <sotto/identity.h>

#include "engine/internal.h"

// What is to be signed, by the origin the device believes it talks to.
typedef int tbs_maker(uint8_t *out, const char *origin, const struct relay_conn *c,
                      const struct link_message *m);

static int register_tbs(uint8_t *out, const char *origin, const struct relay_conn *c,
                        const struct link_message *m)
{
    return link_register_tbs(out, LINK_TBS_MAX_BYTES, origin, c->challenge, m->invite);
}

static int login_tbs(uint8_t *out, const char *origin, const struct relay_conn *c,
                     const struct link_message *m)
{
    return link_login_tbs(out, LINK_TBS_MAX_BYTES, origin, c->challenge, m->line_id, m->flags);
}

static bool signed_for(const char *origin, tbs_maker *make, const struct relay_conn *c,
                       const struct link_message *m, const uint8_t *key, size_t key_len)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    int len = make(tbs, origin, c, m);
    return len > 0 &&
           sotto_line_verify(key, key_len, tbs, (size_t)len, m->signature, m->signature_len) == 0;
}

static bool signature_ok(const struct relay_engine *e, tbs_maker *make, const struct relay_conn *c,
                         const struct link_message *m, const uint8_t *key, size_t key_len)
{
    const struct relay_config *cfg = &e->config;
    bool ok = signed_for(cfg->origin, make, c, m, key, key_len);
    for (size_t i = 0; !ok && i < cfg->more_origin_count; i++)
        ok = signed_for(cfg->more_origins[i], make, c, m, key, key_len);
    return ok;
}

static bool may_register(struct relay_engine *e, const struct relay_conn *c, struct sotto_now now)
{
    return limiter_take(&e->addresses, c->address, sizeof c->address, ADDRESS_REGISTERS,
                        e->config.limits.registers_per_address_per_minute, now.mono_ns);
}

enum link_code line_register_code(int rc)
{
    switch (rc) {
    case 0:
        return LINK_CODE_NONE;
    case SOTTO_ENOTFOUND:
        return LINK_CODE_INVITE;
    case SOTTO_EEXIST: // the same id under another key: SHA-256 would have to be broken
        return LINK_CODE_DENIED;
    default:
        return LINK_CODE_STORAGE;
    }
}

// A device that crashed before it heard OK asks again, with its invitation used up.
static bool is_there_already(struct relay_engine *e, const struct relay_store_line *line)
{
    struct relay_store_line present;
    return e->config.store->line_get(e->config.store, line->line_id, &present) == 0 &&
           present.key_len == line->key_len && memcmp(present.key, line->key, line->key_len) == 0;
}

static enum link_code may_make_line(struct relay_engine *e, const struct relay_conn *c,
                                    const struct link_message *m, struct sotto_now now)
{
    if (e->stopping)
        return LINK_CODE_SHUTDOWN;
    if (!may_register(e, c, now))
        return LINK_CODE_LIMIT;
    if (!signature_ok(e, register_tbs, c, m, m->key, m->key_len))
        return LINK_CODE_DENIED;
    return LINK_CODE_NONE;
}

void line_register(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                   struct sotto_now now)
{
    enum link_code code = may_make_line(e, c, m, now);
    if (code == LINK_CODE_NONE && write_begin(e, c, m->request, WRITE_REGISTER) != 0)
        code = LINK_CODE_LIMIT;
    if (code != LINK_CODE_NONE) {
        conn_send_failed(e, c, m->request, code);
        return;
    }
    struct relay_store_line line = {.key_len = m->key_len, .created_unix_s = now.unix_s};
    memcpy(line.key, m->key, m->key_len);
    sotto_line_id_from_public(m->key, m->key_len, line.line_id);
    struct relay_store *store = e->config.store;
    write_end(e, is_there_already(e, &line)
                     ? 0
                     : store->line_register(store, m->invite, &line, now.unix_s));
}

void line_invite_check(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                       struct sotto_now now)
{
    if (e->stopping) {
        conn_send_failed(e, c, m->request, LINK_CODE_SHUTDOWN);
        return;
    }
    if (!may_register(e, c, now)) {
        conn_send_failed(e, c, m->request, LINK_CODE_LIMIT);
        return;
    }
    int rc = e->config.store->invite_check(e->config.store, m->invite, now.unix_s);
    if (rc != 0) {
        conn_send_failed(e, c, m->request, line_register_code(rc));
        return;
    }
    conn_send_ok(e, c, m->request);
}

struct online_line *line_find(struct relay_engine *e, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct map_entry *entry = map_find(&e->lines, line_id);
    return entry == NULL ? NULL : LIST_OF(entry, struct online_line, by_id);
}

struct relay_conn *line_ringing(const struct online_line *line)
{
    for (size_t i = line->conn_count; i > 0; i--)
        if (line->conns[i - 1]->rings)
            return line->conns[i - 1];
    return NULL;
}

static void remove_conn(struct online_line *line, const struct relay_conn *c)
{
    size_t i = 0;
    while (i < line->conn_count && line->conns[i] != c)
        i++;
    assert(i < line->conn_count);
    line->conn_count--;
    memmove(line->conns + i, line->conns + i + 1, (line->conn_count - i) * sizeof line->conns[0]);
}

void line_leave(struct relay_engine *e, struct relay_conn *c)
{
    struct online_line *line = c->line;
    if (line == NULL)
        return;
    c->line = NULL;
    c->rings = false;
    remove_conn(line, c);
    if (line->conn_count > 0)
        return;
    map_remove(&e->lines, &line->by_id);
    engine_free(e, line);
}

static bool has_circuit(const struct relay_conn *c)
{
    for (size_t i = 0; i < RELAY_CIRCUITS_PER_CONN_MAX; i++)
        if (c->sides[i] != NULL)
            return true;
    return false;
}

// One device too many. A line whose network flaps leaves dead connections behind, so the oldest
// goes, if possible one without a call.
static void make_room(struct relay_engine *e, struct online_line *line)
{
    if (line->conn_count < RELAY_DEVICES_PER_LINE_MAX)
        return;
    struct relay_conn *oldest = line->conns[0];
    for (size_t i = 0; i < line->conn_count; i++)
        if (!has_circuit(line->conns[i])) {
            oldest = line->conns[i];
            break;
        }
    conn_fail(e, oldest, 0, LINK_CODE_LIMIT);
    line_leave(e, oldest);
}

static struct online_line *line_obtain(struct relay_engine *e,
                                       const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct online_line *line = line_find(e, line_id);
    if (line != NULL)
        return line;
    line = engine_alloc(e, sizeof *line);
    if (line == NULL)
        return NULL;
    memcpy(line->line_id, line_id, LINK_LINE_ID_BYTES);
    map_insert(&e->lines, &line->by_id, line->line_id);
    return line;
}

// The connection becomes the line's newest; whoever rang until now hears that it does not any more.
static void enter(struct relay_engine *e, struct relay_conn *c, struct online_line *line,
                  bool rings)
{
    struct relay_conn *before = line_ringing(line);
    if (c->line == line)
        remove_conn(line, c);
    else
        make_room(e, line);
    line->conns[line->conn_count++] = c;
    c->line = line;
    c->rings = rings;
    if (rings && before != NULL && before != c)
        conn_send(e, before, &(struct link_message){.type = LINK_REPLACED});
}

static enum link_code login_code(struct relay_engine *e, const struct relay_conn *c,
                                 const struct link_message *m)
{
    struct relay_store_line line;
    if (e->stopping)
        return LINK_CODE_SHUTDOWN;
    int rc = e->config.store->line_get(e->config.store, m->line_id, &line);
    if (rc == SOTTO_ENOTFOUND)
        return LINK_CODE_NO_LINE;
    if (rc != 0)
        return LINK_CODE_STORAGE;
    if (!signature_ok(e, login_tbs, c, m, line.key, line.key_len))
        return LINK_CODE_DENIED;
    return LINK_CODE_NONE;
}

static void login_refused(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                          enum link_code code)
{
    e->stats.logins_denied++;
    conn_send_failed(e, c, request, code);
    if (++c->login_failures >= RELAY_LOGIN_FAILURES_MAX)
        conn_doom(e, c, LINK_CODE_DENIED);
}

void line_login(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now)
{
    if (c->line != NULL && memcmp(c->line->line_id, m->line_id, LINK_LINE_ID_BYTES) != 0) {
        conn_protocol_error(e, c, m->request); // one connection speaks for one line
        return;
    }
    if (!limiter_take(&e->addresses, c->address, sizeof c->address, ADDRESS_LOGINS,
                      e->config.limits.logins_per_address_per_minute, now.mono_ns)) {
        conn_send_failed(e, c, m->request, LINK_CODE_LIMIT);
        return;
    }
    enum link_code code = login_code(e, c, m);
    if (code != LINK_CODE_NONE) {
        login_refused(e, c, m->request, code);
        return;
    }
    struct online_line *line = line_obtain(e, m->line_id);
    if (line == NULL) {
        conn_send_failed(e, c, m->request, LINK_CODE_LIMIT);
        return;
    }
    enter(e, c, line, (m->flags & LINK_LOGIN_RING) != 0);
    e->stats.logins++;
    conn_send_ok(e, c, m->request);
}
