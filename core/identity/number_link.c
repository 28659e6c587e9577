// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "identity/link_text.h"
#include "wire/cursor.h"

#define FLAG_PINNED  1U
#define FLAG_EXPIRES 2U
#define FLAG_CALLS   4U

// ---- writing ----------------------------------------------------------------------------------

static void write_head(struct wire_writer *w, uint8_t kind, unsigned flags,
                       const struct sotto_relay_address *relay)
{
    wire_write_u8(w, kind);
    wire_write_u8(w, (uint8_t)(flags | (relay->pinned ? FLAG_PINNED : 0)));
    if (relay->pinned) {
        wire_write_bytes(w, relay->pin, sizeof relay->pin);
    }
}

// A link need not say a name, but what it says must be presentable.
static bool link_name_valid(const char *name)
{
    return name[0] == '\0' || sotto_name_check(name) == 0;
}

int sotto_number_link_format(const struct sotto_number_link *l, char *out, size_t cap)
{
    if (l->expires_unix_s < 0 || l->calls == SOTTO_CALLS_UNLIMITED || !link_name_valid(l->name)) {
        return SOTTO_EINVAL;
    }
    uint8_t payload[LINK_PAYLOAD_MAX_BYTES];
    struct wire_writer w = wire_writer(payload, sizeof payload);
    bool expires = l->expires_unix_s != 0, counted = l->calls != 0;
    write_head(&w, LINK_KIND_NUMBER, (expires ? FLAG_EXPIRES : 0) | (counted ? FLAG_CALLS : 0),
               &l->relay);
    wire_write_bytes(&w, l->token, sizeof l->token);
    wire_write_bytes(&w, l->secret.bytes, sizeof l->secret.bytes);
    wire_write_bytes(&w, l->callee.bytes, sizeof l->callee.bytes);
    if (expires) {
        wire_write_u64(&w, (uint64_t)l->expires_unix_s);
    }
    if (counted) {
        wire_write_u32(&w, l->calls);
    }
    wire_write_vec8(&w, l->name, strlen(l->name));
    int rc = link_text_format(&l->relay, payload, w.len, out, cap);
    sotto_wipe(payload, sizeof payload);
    return rc;
}

int sotto_invite_link_format(const struct sotto_invite_link *l, char *out, size_t cap)
{
    uint8_t payload[LINK_PAYLOAD_MAX_BYTES];
    struct wire_writer w = wire_writer(payload, sizeof payload);
    write_head(&w, LINK_KIND_INVITE, 0, &l->relay);
    wire_write_bytes(&w, l->invite, sizeof l->invite);
    int rc = link_text_format(&l->relay, payload, w.len, out, cap);
    sotto_wipe(payload, sizeof payload);
    return rc;
}

// ---- reading ----------------------------------------------------------------------------------

// Kind, flags and pin. The reader stands behind them.
static int read_head(struct wire_reader *r, uint8_t kind, unsigned flags_known, unsigned *flags,
                     struct sotto_relay_address *relay)
{
    uint8_t got_kind = wire_read_u8(r);
    *flags = wire_read_u8(r);
    if (!link_kind_known(got_kind) || (got_kind == kind && (*flags & ~flags_known) != 0)) {
        return SOTTO_ELINK_VERSION;
    }
    if (got_kind != kind) {
        return SOTTO_ELINK_MALFORMED;
    }
    relay->pinned = (*flags & FLAG_PINNED) != 0;
    if (relay->pinned) {
        wire_read_bytes(r, relay->pin, sizeof relay->pin);
    }
    return 0;
}

static void read_expiry(struct wire_reader *r, int64_t *out)
{
    uint64_t v = wire_read_u64(r);
    if (v == 0 || v > INT64_MAX) {
        r->failed = true;
        return;
    }
    *out = (int64_t)v;
}

static void read_calls(struct wire_reader *r, uint32_t *out)
{
    uint32_t v = wire_read_u32(r);
    if (v == 0 || v == SOTTO_CALLS_UNLIMITED) {
        r->failed = true;
        return;
    }
    *out = v;
}

static void read_name(struct wire_reader *r, char out[SOTTO_NAME_MAX_BYTES + 1])
{
    size_t len;
    const uint8_t *name = wire_read_vec8(r, SOTTO_NAME_MAX_BYTES, &len);
    if (len > 0) {
        memcpy(out, name, len);
    }
    out[len] = '\0';
    if (strlen(out) != len || !link_name_valid(out)) {
        r->failed = true;
    }
}

static int number_parse(struct sotto_number_link *out, const struct link_text *e)
{
    struct sotto_number_link l = {.relay = e->relay};
    struct wire_reader r = wire_reader(e->payload, e->len);
    unsigned flags;
    int rc =
        read_head(&r, LINK_KIND_NUMBER, FLAG_PINNED | FLAG_EXPIRES | FLAG_CALLS, &flags, &l.relay);
    if (rc < 0) {
        return rc;
    }
    wire_read_bytes(&r, l.token, sizeof l.token);
    wire_read_bytes(&r, l.secret.bytes, sizeof l.secret.bytes);
    wire_read_bytes(&r, l.callee.bytes, sizeof l.callee.bytes);
    if ((flags & FLAG_EXPIRES) != 0) {
        read_expiry(&r, &l.expires_unix_s);
    }
    if ((flags & FLAG_CALLS) != 0) {
        read_calls(&r, &l.calls);
    }
    read_name(&r, l.name);
    rc = SOTTO_ELINK_MALFORMED;
    if (wire_reader_done(&r)) {
        *out = l;
        rc = 0;
    }
    sotto_wipe(&l, sizeof l);
    return rc;
}

int sotto_number_link_parse(struct sotto_number_link *out, const char *text)
{
    struct link_text e;
    int rc = link_text_parse(&e, text);
    if (rc == 0) {
        rc = number_parse(out, &e);
    }
    sotto_wipe(&e, sizeof e);
    return rc;
}

static int invite_parse(struct sotto_invite_link *out, const struct link_text *e)
{
    struct sotto_invite_link l = {.relay = e->relay};
    struct wire_reader r = wire_reader(e->payload, e->len);
    unsigned flags;
    int rc = read_head(&r, LINK_KIND_INVITE, FLAG_PINNED, &flags, &l.relay);
    if (rc < 0) {
        return rc;
    }
    wire_read_bytes(&r, l.invite, sizeof l.invite);
    rc = SOTTO_ELINK_MALFORMED;
    if (wire_reader_done(&r)) {
        *out = l;
        rc = 0;
    }
    sotto_wipe(&l, sizeof l);
    return rc;
}

int sotto_invite_link_parse(struct sotto_invite_link *out, const char *text)
{
    struct link_text e;
    int rc = link_text_parse(&e, text);
    if (rc == 0) {
        rc = invite_parse(out, &e);
    }
    sotto_wipe(&e, sizeof e);
    return rc;
}
