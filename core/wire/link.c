// SPDX-License-Identifier: Apache-2.0
#include "wire/link.h"

#include <assert.h>
#include <sotto/base.h>
#include <string.h>

// A message is its type, then the fields of its row below, in this order. Encoder and decoder read
// the same rows, so that they cannot drift apart.
enum field {
    END = 0,
    VERSION,
    FLAGS,
    ROLE,
    CODE,
    REQUEST,
    CIRCUIT,
    CALLS_LEFT,
    EXPIRES,
    TIME,
    PING,
    CHALLENGE,
    LINE_ID,
    TOKEN,
    TOKEN_HASH,
    INVITE,
    PLACE,
    TICKET,
    KEY,
    SIGNATURE,
    FLIGHT,
    ENDPOINT,
    ENDPOINT_OR_NONE,
    P256DH,
    AUTH,
};

#define FIELDS_MAX 5

struct layout {
    enum link_type type;
    enum field fields[FIELDS_MAX]; // END-terminated
};

static const struct layout layouts[] = {
    {LINK_HELLO, {VERSION, END}},
    {LINK_REGISTER, {REQUEST, INVITE, KEY, SIGNATURE, END}},
    {LINK_LOGIN, {REQUEST, LINE_ID, FLAGS, SIGNATURE, END}},
    {LINK_NUMBER_PUT, {REQUEST, TOKEN_HASH, EXPIRES, CALLS_LEFT, END}},
    {LINK_NUMBER_REMOVE, {REQUEST, TOKEN_HASH, END}},
    {LINK_DIAL, {CIRCUIT, TOKEN, FLIGHT, END}},
    {LINK_MEET, {CIRCUIT, PLACE, END}},
    {LINK_SIGNAL, {CIRCUIT, FLIGHT, END}},
    {LINK_CLOSE, {CIRCUIT, CODE, END}},
    {LINK_PING, {PING, END}},
    {LINK_PONG, {PING, END}},
    {LINK_INVITE_CHECK, {REQUEST, INVITE, END}},
    {LINK_RESUME, {REQUEST, CIRCUIT, TICKET, END}},
    {LINK_PUSH, {REQUEST, ENDPOINT, P256DH, AUTH, END}},
    {LINK_UNPUSH, {REQUEST, ENDPOINT_OR_NONE, END}},
    {LINK_WELCOME, {VERSION, CHALLENGE, TIME, END}},
    {LINK_OK, {REQUEST, END}},
    {LINK_FAILED, {REQUEST, CODE, END}},
    {LINK_INCOMING, {CIRCUIT, TOKEN_HASH, FLIGHT, END}},
    {LINK_MET, {CIRCUIT, ROLE, END}},
    {LINK_REPLACED, {END}},
    {LINK_TICKET, {CIRCUIT, TICKET, END}},
    {LINK_WAKING, {CIRCUIT, END}},
    {LINK_AWAKE, {CIRCUIT, END}},
};

static const struct layout *layout_of(unsigned type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if ((unsigned)layouts[i].type == type) {
            return &layouts[i];
        }
    }
    return NULL;
}

static bool flags_valid(uint8_t flags)
{
    return (flags & ~(unsigned)LINK_LOGIN_RING) == 0;
}

static bool role_valid(uint8_t role)
{
    return role <= 1;
}

// Printable ASCII: it goes into a line of a request.
static bool endpoint_valid(const char *endpoint, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (endpoint[i] <= ' ' || endpoint[i] > '~') {
            return false;
        }
    }
    return true;
}

// An uncompressed point.
static bool p256dh_valid(const uint8_t *point)
{
    return point != NULL && point[0] == 4;
}

// ---- encoding ---------------------------------------------------------------------------------

static int put_fixed(struct wire_writer *w, const uint8_t *data, size_t len)
{
    if (data == NULL) {
        return SOTTO_EINVAL;
    }
    wire_write_bytes(w, data, len);
    return 0;
}

static int put_vector(struct wire_writer *w, const uint8_t *data, size_t len, size_t min,
                      size_t max)
{
    if (len < min || len > max || (data == NULL && len > 0)) {
        return SOTTO_EINVAL;
    }
    wire_write_vec16(w, data, len);
    return 0;
}

static int put_small(struct wire_writer *w, bool valid, uint8_t v)
{
    if (!valid) {
        return SOTTO_EINVAL;
    }
    wire_write_u8(w, v);
    return 0;
}

static int put_endpoint(struct wire_writer *w, const struct link_message *m, size_t min)
{
    if (m->endpoint_len > 0 &&
        (m->endpoint == NULL || !endpoint_valid(m->endpoint, m->endpoint_len))) {
        return SOTTO_EINVAL;
    }
    return put_vector(w, (const uint8_t *)m->endpoint, m->endpoint_len, min,
                      LINK_ENDPOINT_MAX_BYTES);
}

static int put_field(struct wire_writer *w, const struct link_message *m, enum field field)
{
    switch (field) {
    case END:
        break;
    case VERSION:
        return put_small(w, true, m->version);
    case FLAGS:
        return put_small(w, flags_valid(m->flags), m->flags);
    case ROLE:
        return put_small(w, role_valid(m->role), m->role);
    case CODE:
        return put_small(w, true, m->code);
    case REQUEST:
        wire_write_u32(w, m->request);
        break;
    case CIRCUIT:
        return put_small(w, m->circuit <= LINK_CIRCUIT_MAX, (uint8_t)m->circuit);
    case CALLS_LEFT:
        wire_write_u32(w, m->calls_left);
        break;
    case EXPIRES:
        wire_write_u64(w, m->expires_unix_s);
        break;
    case TIME:
        wire_write_u64(w, m->time_unix_s);
        break;
    case PING:
        wire_write_u64(w, m->ping);
        break;
    case CHALLENGE:
        return put_fixed(w, m->challenge, LINK_CHALLENGE_BYTES);
    case LINE_ID:
        return put_fixed(w, m->line_id, LINK_LINE_ID_BYTES);
    case TOKEN:
        return put_fixed(w, m->token, LINK_TOKEN_BYTES);
    case TOKEN_HASH:
        return put_fixed(w, m->token_hash, LINK_TOKEN_HASH_BYTES);
    case INVITE:
        return put_fixed(w, m->invite, LINK_INVITE_BYTES);
    case PLACE:
        return put_fixed(w, m->place, LINK_PLACE_BYTES);
    case TICKET:
        return put_fixed(w, m->ticket, LINK_TICKET_BYTES);
    case KEY:
        return put_vector(w, m->key, m->key_len, 1, LINK_KEY_MAX_BYTES);
    case SIGNATURE:
        return put_vector(w, m->signature, m->signature_len, 1, LINK_SIGNATURE_MAX_BYTES);
    case FLIGHT:
        return put_vector(w, m->flight, m->flight_len, 0, LINK_FLIGHT_MAX_BYTES);
    case ENDPOINT:
        return put_endpoint(w, m, 1);
    case ENDPOINT_OR_NONE:
        return put_endpoint(w, m, 0);
    case P256DH:
        return p256dh_valid(m->p256dh) ? put_fixed(w, m->p256dh, LINK_P256DH_BYTES) : SOTTO_EINVAL;
    case AUTH:
        return put_fixed(w, m->auth, LINK_AUTH_BYTES);
    }
    return 0;
}

int link_encode(const struct link_message *m, uint8_t *out, size_t cap)
{
    const struct layout *layout = layout_of((unsigned)m->type);
    if (layout == NULL) {
        return SOTTO_EINVAL;
    }
    struct wire_writer w = wire_writer(out, cap);
    wire_write_u8(&w, (uint8_t)m->type);
    for (const enum field *f = layout->fields; *f != END; f++) {
        int rc = put_field(&w, m, *f);
        if (rc < 0) {
            return rc;
        }
    }
    return wire_writer_finish(&w);
}

// ---- decoding ---------------------------------------------------------------------------------

static const uint8_t *get_vector(struct wire_reader *r, size_t min, size_t max, size_t *len)
{
    const uint8_t *view = wire_read_vec16(r, max, len);
    if (*len < min) {
        r->failed = true;
    }
    return view;
}

static uint8_t get_small(struct wire_reader *r, bool (*valid)(uint8_t))
{
    uint8_t v = wire_read_u8(r);
    if (!valid(v)) {
        r->failed = true;
    }
    return v;
}

static void get_endpoint(struct wire_reader *r, struct link_message *m, size_t min)
{
    m->endpoint = (const char *)get_vector(r, min, LINK_ENDPOINT_MAX_BYTES, &m->endpoint_len);
    if (m->endpoint != NULL && !endpoint_valid(m->endpoint, m->endpoint_len)) {
        r->failed = true;
    }
}

static void get_field(struct wire_reader *r, struct link_message *m, enum field field)
{
    switch (field) {
    case END:
        break;
    case VERSION:
        m->version = wire_read_u8(r);
        break;
    case FLAGS:
        m->flags = get_small(r, flags_valid);
        break;
    case ROLE:
        m->role = get_small(r, role_valid);
        break;
    case CODE:
        m->code = wire_read_u8(r);
        break;
    case REQUEST:
        m->request = wire_read_u32(r);
        break;
    case CIRCUIT:
        m->circuit = wire_read_u8(r);
        break;
    case CALLS_LEFT:
        m->calls_left = wire_read_u32(r);
        break;
    case EXPIRES:
        m->expires_unix_s = wire_read_u64(r);
        break;
    case TIME:
        m->time_unix_s = wire_read_u64(r);
        break;
    case PING:
        m->ping = wire_read_u64(r);
        break;
    case CHALLENGE:
        m->challenge = wire_read_view(r, LINK_CHALLENGE_BYTES);
        break;
    case LINE_ID:
        m->line_id = wire_read_view(r, LINK_LINE_ID_BYTES);
        break;
    case TOKEN:
        m->token = wire_read_view(r, LINK_TOKEN_BYTES);
        break;
    case TOKEN_HASH:
        m->token_hash = wire_read_view(r, LINK_TOKEN_HASH_BYTES);
        break;
    case INVITE:
        m->invite = wire_read_view(r, LINK_INVITE_BYTES);
        break;
    case PLACE:
        m->place = wire_read_view(r, LINK_PLACE_BYTES);
        break;
    case TICKET:
        m->ticket = wire_read_view(r, LINK_TICKET_BYTES);
        break;
    case KEY:
        m->key = get_vector(r, 1, LINK_KEY_MAX_BYTES, &m->key_len);
        break;
    case SIGNATURE:
        m->signature = get_vector(r, 1, LINK_SIGNATURE_MAX_BYTES, &m->signature_len);
        break;
    case FLIGHT:
        m->flight = get_vector(r, 0, LINK_FLIGHT_MAX_BYTES, &m->flight_len);
        break;
    case ENDPOINT:
        get_endpoint(r, m, 1);
        break;
    case ENDPOINT_OR_NONE:
        get_endpoint(r, m, 0);
        break;
    case P256DH:
        m->p256dh = wire_read_view(r, LINK_P256DH_BYTES);
        if (!p256dh_valid(m->p256dh)) {
            r->failed = true;
        }
        break;
    case AUTH:
        m->auth = wire_read_view(r, LINK_AUTH_BYTES);
        break;
    }
}

int link_decode(struct link_message *m, const uint8_t *data, size_t len)
{
    struct wire_reader r = wire_reader(data, len);
    const struct layout *layout = layout_of(wire_read_u8(&r));
    if (layout == NULL) {
        return SOTTO_EPARSE;
    }
    struct link_message got = {.type = layout->type};
    for (const enum field *f = layout->fields; *f != END; f++) {
        get_field(&r, &got, *f);
    }
    if (!wire_reader_done(&r)) {
        return SOTTO_EPARSE;
    }
    *m = got;
    return 0;
}

// ---- what is signed ---------------------------------------------------------------------------

// The context names the purpose, so that no signature serves for another; every part has a fixed
// or prefixed length, so that no two requests give the same bytes.
static struct wire_writer tbs_begin(uint8_t *out, size_t cap, const char *context,
                                    const char *origin,
                                    const uint8_t challenge[LINK_CHALLENGE_BYTES])
{
    struct wire_writer w = wire_writer(out, cap);
    wire_write_vec8(&w, context, strlen(context));
    wire_write_vec8(&w, origin, strlen(origin));
    wire_write_bytes(&w, challenge, LINK_CHALLENGE_BYTES);
    return w;
}

int link_register_tbs(uint8_t *out, size_t cap, const char *origin,
                      const uint8_t challenge[LINK_CHALLENGE_BYTES],
                      const uint8_t invite[LINK_INVITE_BYTES])
{
    struct wire_writer w = tbs_begin(out, cap, "sotto line register v1", origin, challenge);
    wire_write_bytes(&w, invite, LINK_INVITE_BYTES);
    return wire_writer_finish(&w);
}

int link_login_tbs(uint8_t *out, size_t cap, const char *origin,
                   const uint8_t challenge[LINK_CHALLENGE_BYTES],
                   const uint8_t line_id[LINK_LINE_ID_BYTES], uint8_t flags)
{
    struct wire_writer w = tbs_begin(out, cap, "sotto line login v1", origin, challenge);
    wire_write_bytes(&w, line_id, LINK_LINE_ID_BYTES);
    wire_write_u8(&w, flags);
    return wire_writer_finish(&w);
}

// ---- datagrams --------------------------------------------------------------------------------

void link_datagram_encode(uint8_t out[LINK_DATAGRAM_BYTES], uint32_t circuit,
                          const uint8_t cell[LINK_CELL_BYTES])
{
    struct wire_writer w = wire_writer(out, LINK_DATAGRAM_BYTES);
    assert(circuit <= LINK_CIRCUIT_MAX);
    wire_write_u8(&w, (uint8_t)circuit);
    wire_write_bytes(&w, cell, LINK_CELL_BYTES);
}

int link_datagram_decode(const uint8_t *data, size_t len, uint32_t *circuit, const uint8_t **cell)
{
    struct wire_reader r = wire_reader(data, len);
    uint8_t id = wire_read_u8(&r);
    const uint8_t *view = wire_read_view(&r, LINK_CELL_BYTES);
    if (!wire_reader_done(&r)) {
        return SOTTO_EPARSE;
    }
    *circuit = id;
    *cell = view;
    return 0;
}
