// SPDX-License-Identifier: Apache-2.0
// Requests to a relay that want an answer. Each is idempotent, so one whose link was lost before
// the answer is simply sent again.
#include <assert.h>
#include <string.h>

#include "impl.h"

struct request *request_add(struct sotto_device *d, enum request_kind kind, unsigned port)
{
    bool internal = kind == REQUEST_LOGIN || kind == REQUEST_RESUME;
    struct request *place = NULL;
    size_t vacant = 0;
    for (size_t i = SOTTO_REQUESTS_MAX; i-- > 0;) {
        if (d->requests[i].kind != REQUEST_FREE)
            continue;
        place = &d->requests[i];
        vacant++;
    }
    // However much the user asks for, the device can still log in and resume.
    if (!place || (!internal && vacant <= REQUESTS_KEPT))
        return NULL;
    *place = (struct request){.kind = kind,
                              .id = ++d->last_request_id,
                              .port = port,
                              .internal = internal,
                              .deadline = d->now.mono_ns + REQUEST_NS};
    return place;
}

static void request_done(struct sotto_device *d, struct request *r, int code)
{
    if (!r->internal) {
        struct sotto_event *e = event_add(d, SOTTO_EVENT_RESULT);
        e->request = r->id;
        e->code = code;
        memcpy(e->token_hash, r->token_hash, sizeof e->token_hash);
    }
    if (r->kind == REQUEST_PUSH)
        sotto_wipe(&d->push, sizeof d->push);
    sotto_wipe(r, sizeof *r);
}

static int send_register(struct sotto_device *d, struct request *r)
{
    static const size_t key_max = LINK_KEY_MAX_BYTES, signature_max = LINK_SIGNATURE_MAX_BYTES;
    uint8_t tbs[LINK_TBS_MAX_BYTES];
    char origin[LINK_ORIGIN_MAX_BYTES + 1];
    const struct port *p = &d->ports[r->port];
    uint8_t *key = d->flight, *signature = d->flight + key_max;
    port_origin(p, origin);
    int tbs_len = link_register_tbs(tbs, sizeof tbs, origin, p->challenge, r->invite);
    int key_len = sotto_line_key_public(d->cfg.line_key, key, key_max);
    if (tbs_len < 0 || key_len < 0)
        return SOTTO_ECRYPTO;
    int signature_len =
        sotto_line_key_sign(d->cfg.line_key, tbs, (size_t)tbs_len, signature, signature_max);
    if (signature_len < 0)
        return signature_len;
    return port_send(d, r->port,
                     &(struct link_message){.type = LINK_REGISTER,
                                            .request = r->id,
                                            .invite = r->invite,
                                            .key = key,
                                            .key_len = (size_t)key_len,
                                            .signature = signature,
                                            .signature_len = (size_t)signature_len});
}

static int send_login(struct sotto_device *d, struct request *r)
{
    uint8_t tbs[LINK_TBS_MAX_BYTES], line_id[SOTTO_LINE_ID_BYTES];
    char origin[LINK_ORIGIN_MAX_BYTES + 1];
    const struct port *p = &d->ports[r->port];
    uint8_t flags = d->cfg.ring ? LINK_LOGIN_RING : 0;
    port_origin(p, origin);
    sotto_line_key_id(d->cfg.line_key, line_id);
    int tbs_len = link_login_tbs(tbs, sizeof tbs, origin, p->challenge, line_id, flags);
    if (tbs_len < 0)
        return tbs_len;
    int signature_len =
        sotto_line_key_sign(d->cfg.line_key, tbs, (size_t)tbs_len, d->flight, sizeof d->flight);
    if (signature_len < 0)
        return signature_len;
    return port_send(d, r->port,
                     &(struct link_message){.type = LINK_LOGIN,
                                            .request = r->id,
                                            .line_id = line_id,
                                            .flags = flags,
                                            .signature = d->flight,
                                            .signature_len = (size_t)signature_len});
}

static int request_send(struct sotto_device *d, struct request *r)
{
    struct link_message m = {.request = r->id, .token_hash = r->token_hash};
    struct call *c;
    switch (r->kind) {
    case REQUEST_REGISTER:
        return send_register(d, r);
    case REQUEST_LOGIN:
        return send_login(d, r);
    case REQUEST_PUT:
        m.type = LINK_NUMBER_PUT;
        m.expires_unix_s = r->expires_unix_s;
        m.calls_left = r->calls_left;
        return port_send(d, r->port, &m);
    case REQUEST_REMOVE:
        m.type = LINK_NUMBER_REMOVE;
        return port_send(d, r->port, &m);
    case REQUEST_PUSH:
        m.type = LINK_PUSH;
        m.endpoint = d->push.endpoint;
        m.endpoint_len = strlen(d->push.endpoint);
        m.p256dh = d->push.p256dh;
        m.auth = d->push.auth;
        return port_send(d, r->port, &m);
    case REQUEST_UNPUSH:
        m.type = LINK_UNPUSH;
        return port_send(d, r->port, &m);
    case REQUEST_RESUME:
        c = call_find(d, r->call);
        if (!c)
            return SOTTO_ENOTFOUND;
        m.type = LINK_RESUME;
        m.circuit = c->circuit.id;
        m.ticket = c->circuit.ticket;
        return port_send(d, r->port, &m);
    case REQUEST_FREE:
        break;
    }
    return SOTTO_EINVAL;
}

static enum port_state needed_state(enum request_kind kind)
{
    switch (kind) {
    case REQUEST_RESUME:
        return PORT_HELLO;
    case REQUEST_REGISTER:
    case REQUEST_LOGIN:
        return PORT_WELCOME;
    default:
        return PORT_READY;
    }
}

// Logging in waits for a registration that is still under way: the line is not there before.
static bool registering(const struct sotto_device *d, unsigned port)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind == REQUEST_REGISTER && d->requests[i].port == port)
            return true;
    return false;
}

static void request_finish(struct sotto_device *d, struct request *r, int code);

void request_flush(struct sotto_device *d, unsigned port)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        struct request *r = &d->requests[i];
        if (r->kind == REQUEST_FREE || r->port != port || r->sent ||
            d->ports[port].state < needed_state(r->kind))
            continue;
        if (r->kind == REQUEST_LOGIN && registering(d, port))
            continue;
        int error = request_send(d, r);
        if (error == SOTTO_OK)
            r->sent = true;
        else if (error != SOTTO_ELIMIT && error != SOTTO_ENOMEM) // these pass: later
            request_finish(d, r, LINK_CODE_PROTOCOL);
    }
}

bool request_needs_login(const struct request *r)
{
    return r->kind == REQUEST_PUT || r->kind == REQUEST_REMOVE || r->kind == REQUEST_PUSH ||
           r->kind == REQUEST_UNPUSH;
}

static bool may_pass(int code)
{
    return code == LINK_CODE_LIMIT || code == LINK_CODE_STORAGE || code == LINK_CODE_SHUTDOWN;
}

static void login_answered(struct sotto_device *d, unsigned port, int code)
{
    struct port *p = &d->ports[port];
    if (code == LINK_CODE_NONE) {
        p->state = PORT_READY;
        p->logged_in = true;
        if (d->cfg.ring)
            event_add(d, SOTTO_EVENT_LINE_READY);
        return;
    }
    p->login_denied = true;
    p->login_again = may_pass(code) ? d->now.mono_ns + LOGIN_AGAIN_NS : SOTTO_NEVER;
    p->state = PORT_READY;
    struct sotto_event *e = event_add(d, SOTTO_EVENT_LINE_DENIED);
    e->code = code;
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        struct request *r = &d->requests[i];
        if (r->port == port && request_needs_login(r))
            request_done(d, r, code);
    }
}

void request_login(struct sotto_device *d, unsigned port)
{
    struct port *p = &d->ports[port];
    p->login_denied = false;
    p->login_again = SOTTO_NEVER;
    p->state = PORT_WELCOME;
    request_add(d, REQUEST_LOGIN, port);
    request_flush(d, port);
}

// code: enum link_code, or SOTTO_ETIMEOUT.
static void request_finish(struct sotto_device *d, struct request *r, int code)
{
    enum request_kind kind = r->kind;
    uint32_t call = r->call;
    unsigned port = r->port;
    request_done(d, r, code);
    if (kind == REQUEST_LOGIN)
        login_answered(d, port, code == SOTTO_ETIMEOUT ? LINK_CODE_LIMIT : code);
    else if (kind == REQUEST_RESUME)
        call_resumed(d, call, code == SOTTO_ETIMEOUT ? LINK_CODE_LOST : code);
}

void request_answer(struct sotto_device *d, unsigned port, uint32_t id, int code)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        struct request *r = &d->requests[i];
        if (r->kind == REQUEST_FREE || r->id != id || r->port != port || !r->sent)
            continue;
        request_finish(d, r, code);
        request_flush(d, port);
        return;
    }
}

void request_fail_port(struct sotto_device *d, unsigned port, int code)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind != REQUEST_FREE && d->requests[i].port == port)
            request_done(d, &d->requests[i], code);
}

void request_port_lost(struct sotto_device *d, unsigned port)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        struct request *r = &d->requests[i];
        if (r->kind == REQUEST_FREE || r->port != port)
            continue;
        r->sent = false;
        if (r->kind == REQUEST_LOGIN || r->kind == REQUEST_RESUME)
            sotto_wipe(r, sizeof *r); // made anew when the link is up again
    }
}

void request_handle_expiry(struct sotto_device *d)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++) {
        struct request *r = &d->requests[i];
        if (r->kind == REQUEST_FREE || d->now.mono_ns < r->deadline)
            continue;
        request_finish(d, r, SOTTO_ETIMEOUT);
    }
}

sotto_ns request_expiry(const struct sotto_device *d)
{
    sotto_ns first = SOTTO_NEVER;
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind != REQUEST_FREE)
            first = earlier(first, d->requests[i].deadline);
    return first;
}

// A request to the home relay; logs in first if the link is not.
static struct request *request_home(struct sotto_device *d, enum request_kind kind)
{
    if (!d->cfg.line_key || !d->cfg.home.host[0])
        return NULL;
    unsigned port = port_want(d, &d->cfg.home);
    if (port == NO_PORT)
        return NULL;
    return request_add(d, kind, port);
}

static void request_go(struct sotto_device *d, struct request *r, uint32_t *id)
{
    struct port *p = &d->ports[r->port];
    if (id)
        *id = r->id;
    // Greeted without a login because nobody needed one: now somebody does.
    if (p->state == PORT_READY && !p->logged_in && r->kind != REQUEST_REGISTER && !p->login_denied)
        request_login(d, r->port);
    request_flush(d, r->port);
}

int request_number(struct sotto_device *d, const struct sotto_number *n, bool internal,
                   uint32_t *id)
{
    bool gone = n->state == SOTTO_NUMBER_REVOKED;
    struct request *r = request_home(d, gone ? REQUEST_REMOVE : REQUEST_PUT);
    if (!r)
        return d->cfg.line_key ? SOTTO_ELIMIT : SOTTO_ESTATE;
    memcpy(r->token_hash, n->token_hash, sizeof r->token_hash);
    r->expires_unix_s = n->expires_unix_s > 0 ? (uint64_t)n->expires_unix_s : 0;
    r->calls_left = n->calls_max == SOTTO_CALLS_UNLIMITED ? LINK_CALLS_UNLIMITED
                    : n->calls_used < n->calls_max        ? n->calls_max - n->calls_used
                                                          : 0;
    r->internal = internal;
    request_go(d, r, id);
    return SOTTO_OK;
}

int sotto_device_register(struct sotto_device *d, const uint8_t invite[SOTTO_INVITE_BYTES],
                          struct sotto_now now, uint32_t *request)
{
    d->now = now;
    struct request *r = request_home(d, REQUEST_REGISTER);
    if (!r)
        return d->cfg.line_key ? SOTTO_ELIMIT : SOTTO_ESTATE;
    memcpy(r->invite, invite, sizeof r->invite);
    request_go(d, r, request);
    return SOTTO_OK;
}

int sotto_device_number_publish(struct sotto_device *d, const struct sotto_number *n,
                                struct sotto_now now, uint32_t *request)
{
    d->now = now;
    return request_number(d, n, false, request);
}

int sotto_device_number_withdraw(struct sotto_device *d,
                                 const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                                 struct sotto_now now, uint32_t *request)
{
    struct sotto_number n = {.state = SOTTO_NUMBER_REVOKED};
    memcpy(n.token_hash, token_hash, sizeof n.token_hash);
    d->now = now;
    return request_number(d, &n, false, request);
}

static bool push_valid(const struct sotto_push *p)
{
    static_assert(SOTTO_PUSH_ENDPOINT_MAX_BYTES == LINK_ENDPOINT_MAX_BYTES, "one endpoint");
    static_assert(sizeof p->p256dh == LINK_P256DH_BYTES && sizeof p->auth == LINK_AUTH_BYTES,
                  "one subscription");
    size_t len = strnlen(p->endpoint, sizeof p->endpoint);
    if (len < 1 || len > LINK_ENDPOINT_MAX_BYTES || p->p256dh[0] != 4)
        return false;
    for (size_t i = 0; i < len; i++)
        if (p->endpoint[i] <= ' ' || p->endpoint[i] > '~')
            return false;
    return true;
}

static bool pushing(const struct sotto_device *d)
{
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX; i++)
        if (d->requests[i].kind == REQUEST_PUSH || d->requests[i].kind == REQUEST_UNPUSH)
            return true;
    return false;
}

int sotto_device_push(struct sotto_device *d, const struct sotto_push *p, struct sotto_now now,
                      uint32_t *request)
{
    d->now = now;
    if (p && !push_valid(p))
        return SOTTO_EINVAL;
    if (!d->cfg.line_key || pushing(d))
        return SOTTO_ESTATE;
    struct request *r = request_home(d, p ? REQUEST_PUSH : REQUEST_UNPUSH);
    if (!r)
        return SOTTO_ELIMIT;
    if (p)
        d->push = *p;
    request_go(d, r, request);
    return SOTTO_OK;
}
