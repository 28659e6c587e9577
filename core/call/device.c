// SPDX-License-Identifier: Apache-2.0
// The device as its driver sees it: making one, bytes in and out, time.
#include <string.h>

#include "impl.h"

static bool book_complete(const struct sotto_book *b)
{
    return b->number_get && b->number_update && b->contact_get && b->set_verified;
}

int sotto_device_new(struct sotto_device **out, const struct sotto_device_config *cfg,
                     struct sotto_now now)
{
    if (!cfg->env || !cfg->identity || !book_complete(&cfg->book) ||
        (unsigned)cfg->profile > SOTTO_PROFILE_60 ||
        (cfg->ring && (!cfg->line_key || !cfg->home.host[0])))
        return SOTTO_EINVAL;
    struct sotto_device *d = mem_alloc(cfg->env, sizeof *d);
    if (!d)
        return SOTTO_ENOMEM;
    d->cfg = *cfg;
    if (d->cfg.rekey_interval_ns == 0)
        d->cfg.rekey_interval_ns = SOTTO_REKEY_NS;
    d->now = now;
    if (cfg->ring)
        port_want(d, &d->cfg.home);
    *out = d;
    return SOTTO_OK;
}

void sotto_device_free(struct sotto_device *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        struct call *c = &d->calls[i];
        sotto_session_free(c->session);
        sotto_session_free(c->rekey);
        call_media_free(d, c);
    }
    exchange_free(d);
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++)
        if (d->ports[i].state != PORT_FREE)
            queue_clear(&d->ports[i].out);
    mem_free_secret(d->cfg.env, d, sizeof *d);
}

void sotto_device_link_up(struct sotto_device *d, unsigned link, struct sotto_now now)
{
    d->now = now;
    if (link < SOTTO_LINKS_MAX)
        port_up(d, link);
}

void sotto_device_link_down(struct sotto_device *d, unsigned link, bool again, struct sotto_now now)
{
    d->now = now;
    if (link < SOTTO_LINKS_MAX)
        port_down(d, link, again);
}

bool sotto_device_link_may_move(const struct sotto_device *d, unsigned link)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        const struct call *c = &d->calls[i];
        if (c->used && c->circuit.open && c->circuit.port == link && !c->media &&
            c->state != SOTTO_CALL_ENDED)
            return false;
    }
    return d->exchange.state == EXCHANGE_NONE || d->exchange.circuit.port != link;
}

int sotto_device_read_message(struct sotto_device *d, unsigned link, const uint8_t *msg, size_t len,
                              struct sotto_now now)
{
    struct link_message m;
    d->now = now;
    if (link >= SOTTO_LINKS_MAX || d->ports[link].state < PORT_HELLO)
        return SOTTO_ESTATE;
    int error = link_decode(&m, msg, len);
    if (error == SOTTO_OK)
        port_read(d, link, &m);
    return error;
}

int sotto_device_read_datagram(struct sotto_device *d, unsigned link, const uint8_t *data,
                               size_t len, struct sotto_now now)
{
    uint32_t circuit;
    const uint8_t *cell;
    d->now = now;
    int error = link_datagram_decode(data, len, &circuit, &cell);
    if (error != SOTTO_OK)
        return error;
    struct call *c = call_by_circuit(d, link, circuit);
    if (!c)
        c = call_by_former_circuit(d, link, circuit);
    if (!c)
        return SOTTO_ENOTFOUND;
    call_media_read(d, c, cell);
    return SOTTO_OK;
}

size_t sotto_device_write_message(struct sotto_device *d, unsigned *link, uint8_t *out, size_t cap)
{
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        struct port *p = &d->ports[i];
        size_t len = 0;
        const uint8_t *msg = p->state >= PORT_HELLO ? queue_peek(&p->out, &len) : NULL;
        if (!msg || len > cap)
            continue;
        memcpy(out, msg, len);
        queue_pop(&p->out);
        *link = i;
        return len;
    }
    return 0;
}

sotto_ns sotto_device_expiry(const struct sotto_device *d)
{
    sotto_ns t = earlier(request_expiry(d), exchange_expiry(d));
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        t = earlier(t, call_expiry(&d->calls[i]));
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++)
        t = earlier(t, port_expiry(d, i));
    return t;
}

void sotto_device_handle_expiry(struct sotto_device *d, struct sotto_now now)
{
    d->now = now;
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        call_handle_expiry(d, &d->calls[i]);
    request_handle_expiry(d);
    exchange_handle_expiry(d);
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        request_flush(d, i);
        port_handle_expiry(d, i);
    }
}
