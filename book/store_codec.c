// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"

#include "wire/cursor.h"

#include <string.h>

#define CODEC_VERSION 1

// ---- pieces --------------------------------------------------------------------------------

static void write_text(struct wire_writer *w, const char *text, size_t cap)
{
    size_t len = strnlen(text, cap);
    if (len == cap) {
        w->failed = true; // its end is missing
        return;
    }
    wire_write_vec8(w, text, len);
}

// out has `cap` bytes, the end included.
static void read_text(struct wire_reader *r, char *out, size_t cap)
{
    size_t len;
    const uint8_t *text = wire_read_vec8(r, cap - 1, &len);
    memset(out, 0, cap);
    if (text == NULL || memchr(text, 0, len) != NULL) {
        r->failed = true;
        return;
    }
    memcpy(out, text, len);
}

static void write_time(struct wire_writer *w, int64_t unix_s)
{
    wire_write_u64(w, (uint64_t)unix_s);
}

static int64_t read_time(struct wire_reader *r)
{
    uint64_t v = wire_read_u64(r);
    if (v > INT64_MAX) {
        r->failed = true;
        return 0;
    }
    return (int64_t)v;
}

static void write_bool(struct wire_writer *w, bool v)
{
    wire_write_u8(w, v ? 1 : 0);
}

static bool read_bool(struct wire_reader *r)
{
    uint8_t v = wire_read_u8(r);
    if (v > 1) {
        r->failed = true;
    }
    return v == 1;
}

// A value of an enum from 0 (or `low`) to `high`.
static unsigned read_enum(struct wire_reader *r, unsigned low, unsigned high)
{
    unsigned v = wire_read_u8(r);
    if (v < low || v > high) {
        r->failed = true;
        return low;
    }
    return v;
}

static void write_enum(struct wire_writer *w, unsigned v, unsigned low, unsigned high)
{
    if (v < low || v > high) {
        w->failed = true;
        return;
    }
    wire_write_u8(w, (uint8_t)v);
}

static void write_relay(struct wire_writer *w, const struct sotto_relay_address *a)
{
    write_text(w, a->host, sizeof a->host);
    wire_write_u16(w, a->port);
    write_bool(w, a->pinned);
    wire_write_bytes(w, a->pin, sizeof a->pin);
}

static void read_relay(struct wire_reader *r, struct sotto_relay_address *a)
{
    read_text(r, a->host, sizeof a->host);
    a->port = wire_read_u16(r);
    a->pinned = read_bool(r);
    wire_read_bytes(r, a->pin, sizeof a->pin);
}

static struct wire_writer begin(uint8_t *out, size_t len)
{
    struct wire_writer w = wire_writer(out, len);
    wire_write_u8(&w, CODEC_VERSION);
    return w;
}

static int finish(struct wire_writer *w)
{
    if (!w->failed) {
        wire_write_zeros(w, w->cap - w->len);
    }
    if (w->failed) {
        sotto_wipe(w->buf, w->cap);
        return SOTTO_EINVAL;
    }
    return SOTTO_OK;
}

static struct wire_reader open_box(const uint8_t *data, size_t len, size_t expected)
{
    struct wire_reader r = wire_reader(data, len);
    if (len != expected || wire_read_u8(&r) != CODEC_VERSION) {
        r.failed = true;
    }
    return r;
}

static int done(struct wire_reader *r)
{
    size_t len;
    const uint8_t *rest = wire_read_rest(r, &len);
    if (r->failed) {
        return SOTTO_EPARSE;
    }
    for (size_t i = 0; i < len; i++) {
        if (rest[i] != 0) {
            return SOTTO_EPARSE;
        }
    }
    return SOTTO_OK;
}

// ---- boxes ---------------------------------------------------------------------------------

int codec_profile_encode(const struct store_profile *p, uint8_t out[CODEC_PROFILE_BYTES])
{
    struct wire_writer w = begin(out, CODEC_PROFILE_BYTES);
    write_text(&w, p->name, sizeof p->name);
    write_time(&w, p->created_unix_s);
    write_bool(&w, p->has_line);
    write_bool(&w, p->registered);
    write_relay(&w, &p->home);
    wire_write_bytes(&w, p->invite, sizeof p->invite);
    write_bool(&w, p->kit); // a profile from before it was there has a zero here
    return finish(&w);
}

int codec_profile_decode(struct store_profile *out, const uint8_t *data, size_t len)
{
    struct store_profile p;
    memset(&p, 0, sizeof p);
    struct wire_reader r = open_box(data, len, CODEC_PROFILE_BYTES);
    read_text(&r, p.name, sizeof p.name);
    p.created_unix_s = read_time(&r);
    p.has_line = read_bool(&r);
    p.registered = read_bool(&r);
    read_relay(&r, &p.home);
    wire_read_bytes(&r, p.invite, sizeof p.invite);
    p.kit = read_bool(&r);
    int error = done(&r);
    if (error == SOTTO_OK) {
        *out = p;
    }
    sotto_wipe(&p, sizeof p);
    return error;
}

int codec_number_encode(const struct store_number *n, uint8_t out[CODEC_NUMBER_BYTES])
{
    const struct sotto_number *m = &n->number;
    struct wire_writer w = begin(out, CODEC_NUMBER_BYTES);
    write_enum(&w, n->pending, STORE_PENDING_NONE, STORE_PENDING_WITHDRAW);
    wire_write_bytes(&w, m->token, sizeof m->token);
    wire_write_bytes(&w, m->token_hash, sizeof m->token_hash);
    wire_write_bytes(&w, m->secret.bytes, sizeof m->secret.bytes);
    write_text(&w, m->label, sizeof m->label);
    write_enum(&w, m->state, SOTTO_NUMBER_FRESH, SOTTO_NUMBER_REVOKED);
    wire_write_bytes(&w, m->bound.bytes, sizeof m->bound.bytes);
    write_bool(&w, m->was_bound);
    write_bool(&w, m->verified);
    write_time(&w, m->created_unix_s);
    write_time(&w, m->expires_unix_s);
    write_time(&w, m->last_used_unix_s);
    write_time(&w, m->leaked_unix_s);
    wire_write_u32(&w, m->calls_max);
    wire_write_u32(&w, m->calls_used);
    wire_write_u32(&w, m->leaks);
    wire_write_bytes(&w, m->leaked_to.bytes, sizeof m->leaked_to.bytes);
    return finish(&w);
}

int codec_number_decode(struct store_number *out, const uint8_t *data, size_t len)
{
    struct store_number n;
    memset(&n, 0, sizeof n);
    struct sotto_number *m = &n.number;
    struct wire_reader r = open_box(data, len, CODEC_NUMBER_BYTES);
    n.pending = (enum store_pending)read_enum(&r, STORE_PENDING_NONE, STORE_PENDING_WITHDRAW);
    wire_read_bytes(&r, m->token, sizeof m->token);
    wire_read_bytes(&r, m->token_hash, sizeof m->token_hash);
    wire_read_bytes(&r, m->secret.bytes, sizeof m->secret.bytes);
    read_text(&r, m->label, sizeof m->label);
    m->state = (enum sotto_number_state)read_enum(&r, SOTTO_NUMBER_FRESH, SOTTO_NUMBER_REVOKED);
    wire_read_bytes(&r, m->bound.bytes, sizeof m->bound.bytes);
    m->was_bound = read_bool(&r);
    m->verified = read_bool(&r);
    m->created_unix_s = read_time(&r);
    m->expires_unix_s = read_time(&r);
    m->last_used_unix_s = read_time(&r);
    m->leaked_unix_s = read_time(&r);
    m->calls_max = wire_read_u32(&r);
    m->calls_used = wire_read_u32(&r);
    m->leaks = wire_read_u32(&r);
    wire_read_bytes(&r, m->leaked_to.bytes, sizeof m->leaked_to.bytes);
    int error = done(&r);
    if (error == SOTTO_OK) {
        *out = n;
    }
    sotto_wipe(&n, sizeof n);
    return error;
}

static void write_link(struct wire_writer *w, const struct sotto_number_link *l)
{
    write_relay(w, &l->relay);
    wire_write_bytes(w, l->token, sizeof l->token);
    wire_write_bytes(w, l->secret.bytes, sizeof l->secret.bytes);
    wire_write_bytes(w, l->callee.bytes, sizeof l->callee.bytes);
    write_time(w, l->expires_unix_s);
    write_text(w, l->name, sizeof l->name);
}

static void read_link(struct wire_reader *r, struct sotto_number_link *l)
{
    read_relay(r, &l->relay);
    wire_read_bytes(r, l->token, sizeof l->token);
    wire_read_bytes(r, l->secret.bytes, sizeof l->secret.bytes);
    wire_read_bytes(r, l->callee.bytes, sizeof l->callee.bytes);
    l->expires_unix_s = read_time(r);
    read_text(r, l->name, sizeof l->name);
}

int codec_contact_encode(const struct sotto_contact *c, uint8_t out[CODEC_CONTACT_BYTES])
{
    struct wire_writer w = begin(out, CODEC_CONTACT_BYTES);
    write_text(&w, c->label, sizeof c->label);
    wire_write_bytes(&w, c->fingerprint.bytes, sizeof c->fingerprint.bytes);
    write_bool(&w, c->verified);
    write_time(&w, c->verified_unix_s);
    write_time(&w, c->created_unix_s);
    write_bool(&w, c->has_link);
    if (c->has_link) {
        write_link(&w, &c->link);
        wire_write_u32(&w, c->link.calls); // padding once: 0 in boxes of then
    }
    return finish(&w);
}

int codec_contact_decode(struct sotto_contact *out, const uint8_t *data, size_t len)
{
    struct sotto_contact c;
    memset(&c, 0, sizeof c);
    struct wire_reader r = open_box(data, len, CODEC_CONTACT_BYTES);
    read_text(&r, c.label, sizeof c.label);
    wire_read_bytes(&r, c.fingerprint.bytes, sizeof c.fingerprint.bytes);
    c.verified = read_bool(&r);
    c.verified_unix_s = read_time(&r);
    c.created_unix_s = read_time(&r);
    c.has_link = read_bool(&r);
    if (c.has_link) {
        read_link(&r, &c.link);
        c.link.calls = wire_read_u32(&r);
    }
    int error = done(&r);
    if (error == SOTTO_OK) {
        *out = c;
    }
    sotto_wipe(&c, sizeof c);
    return error;
}

int codec_log_encode(const struct store_log_entry *e, uint8_t out[CODEC_LOG_BYTES])
{
    struct wire_writer w = begin(out, CODEC_LOG_BYTES);
    write_enum(&w, e->kind, STORE_LOG_CALL, STORE_LOG_BOUND);
    write_bool(&w, e->incoming);
    write_bool(&w, e->answered);
    write_bool(&w, e->secure);
    write_bool(&w, e->verified);
    write_bool(&w, e->has_peer);
    write_time(&w, e->started_unix_s);
    wire_write_u32(&w, e->duration_s);
    write_enum(&w, e->end, SOTTO_END_NONE, UINT8_MAX);
    write_text(&w, e->label, sizeof e->label);
    wire_write_bytes(&w, e->peer.bytes, sizeof e->peer.bytes);
    write_text(&w, e->group, sizeof e->group);
    write_text(&w, e->transport, sizeof e->transport);
    wire_write_u32(&w, e->rtt_us);
    wire_write_u32(&w, e->jitter_us);
    wire_write_u32(&w, e->rekeys);
    wire_write_u64(&w, e->cells_sent);
    wire_write_u64(&w, e->cells_received);
    wire_write_u64(&w, e->cells_lost);
    wire_write_u64(&w, e->frames_played);
    wire_write_u64(&w, e->frames_concealed);
    wire_write_u64(&w, e->frames_restored); // an entry from before has zeros from here on
    wire_write_u32(&w, e->delay_us);
    wire_write_u32(&w, e->delay_max_us);
    wire_write_u32(&w, e->worst_permille);
    wire_write_u32(&w, e->worst_at_s);
    return finish(&w);
}

int codec_log_decode(struct store_log_entry *out, const uint8_t *data, size_t len)
{
    struct store_log_entry e;
    memset(&e, 0, sizeof e);
    struct wire_reader r = open_box(data, len, CODEC_LOG_BYTES);
    e.kind = (enum store_log_kind)read_enum(&r, STORE_LOG_CALL, STORE_LOG_BOUND);
    e.incoming = read_bool(&r);
    e.answered = read_bool(&r);
    e.secure = read_bool(&r);
    e.verified = read_bool(&r);
    e.has_peer = read_bool(&r);
    e.started_unix_s = read_time(&r);
    e.duration_s = wire_read_u32(&r);
    e.end = (enum sotto_end)read_enum(&r, SOTTO_END_NONE, UINT8_MAX);
    read_text(&r, e.label, sizeof e.label);
    wire_read_bytes(&r, e.peer.bytes, sizeof e.peer.bytes);
    read_text(&r, e.group, sizeof e.group);
    read_text(&r, e.transport, sizeof e.transport);
    e.rtt_us = wire_read_u32(&r);
    e.jitter_us = wire_read_u32(&r);
    e.rekeys = wire_read_u32(&r);
    e.cells_sent = wire_read_u64(&r);
    e.cells_received = wire_read_u64(&r);
    e.cells_lost = wire_read_u64(&r);
    e.frames_played = wire_read_u64(&r);
    e.frames_concealed = wire_read_u64(&r);
    e.frames_restored = wire_read_u64(&r);
    e.delay_us = wire_read_u32(&r);
    e.delay_max_us = wire_read_u32(&r);
    e.worst_permille = wire_read_u32(&r);
    e.worst_at_s = wire_read_u32(&r);
    int error = done(&r);
    if (error == SOTTO_OK) {
        *out = e;
    }
    return error;
}
