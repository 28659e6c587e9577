// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <string.h>

#include "engine/internal.h"

int relay_conn_open(struct relay_engine *e, struct relay_conn **out, void *conn_user,
                    const uint8_t address_key[16], struct sotto_now now)
{
    if (e->stopping || e->stats.conns >= RELAY_CONNS_MAX)
        return SOTTO_ELIMIT;
    struct relay_conn *c = engine_alloc(e, sizeof *c);
    if (c == NULL)
        return SOTTO_ENOMEM;
    if (timers_reserve(&e->timers) != 0) {
        engine_free(e, c);
        return SOTTO_ENOMEM;
    }
    c->user = conn_user;
    c->next_circuit = 1;
    c->timer.kind = TIMER_HELLO;
    memcpy(c->address, address_key, sizeof c->address);
    timers_set(&e->timers, &c->timer, now.mono_ns + RELAY_LOGIN_NS);
    list_append(&e->conns, &c->all);
    e->stats.conns++;
    *out = c;
    return 0;
}

void relay_conn_closed(struct relay_engine *e, struct relay_conn *c, struct sotto_now now)
{
    conn_forget(e, c, now);
    engine_settle(e, NULL, now);
}

void conn_forget(struct relay_engine *e, struct relay_conn *c, struct sotto_now now)
{
    circuit_detach_all(e, c, now);
    write_forget_all(e, c);
    line_leave(e, c);
    timers_cancel(&e->timers, &c->timer);
    timers_release(&e->timers);
    list_remove(&c->all);
    e->stats.conns--;
    engine_free(e, c);
}

void conn_send(struct relay_engine *e, struct relay_conn *c, const struct link_message *m)
{
    if (c->doomed)
        return;
    uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    assert(len > 0);
    if (!e->config.output.message(c->user, buf, (size_t)len, e->config.output.user))
        conn_doom(e, c, LINK_CODE_LIMIT);
    sotto_wipe(buf, (size_t)len); // flights are forwarded, not kept
}

void conn_send_ok(struct relay_engine *e, struct relay_conn *c, uint32_t request)
{
    conn_send(e, c, &(struct link_message){.type = LINK_OK, .request = request});
}

void conn_send_failed(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                      enum link_code code)
{
    conn_send(e, c,
              &(struct link_message){.type = LINK_FAILED,
                                     .request = request,
                                     .code = (uint8_t)code});
}

void conn_send_close(struct relay_engine *e, struct relay_conn *c, uint32_t id, enum link_code code)
{
    conn_send(e, c,
              &(struct link_message){.type = LINK_CLOSE, .circuit = id, .code = (uint8_t)code});
}

void conn_doom(struct relay_engine *e, struct relay_conn *c, enum link_code code)
{
    if (c->doomed)
        return;
    c->doomed = true;
    c->doom_code = code;
    c->doom_next = e->doomed;
    e->doomed = c;
}

void conn_fail(struct relay_engine *e, struct relay_conn *c, uint32_t request, enum link_code code)
{
    conn_send_failed(e, c, request, code);
    conn_doom(e, c, code);
}

void conn_protocol_error(struct relay_engine *e, struct relay_conn *c, uint32_t request)
{
    e->stats.protocol_errors++;
    conn_fail(e, c, request, LINK_CODE_PROTOCOL);
}

void conn_hello(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now)
{
    if (m->version != LINK_VERSION) {
        conn_fail(e, c, 0, LINK_CODE_VERSION);
        return;
    }
    if (e->stopping) {
        conn_fail(e, c, 0, LINK_CODE_SHUTDOWN);
        return;
    }
    c->greeted = true;
    timers_cancel(&e->timers, &c->timer);
    e->env->random(c->challenge, sizeof c->challenge, e->env->user);
    conn_send(e, c,
              &(struct link_message){.type = LINK_WELCOME,
                                     .version = LINK_VERSION,
                                     .challenge = c->challenge,
                                     .time_unix_s = (uint64_t)now.unix_s});
}
