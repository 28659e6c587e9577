// SPDX-License-Identifier: Apache-2.0
#include "h3.h"

#include "net.h"
#include "varint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp3/nghttp3.h>
#include <sotto/base.h>

// Unidirectional stream types: RFC 9114 §6.2, RFC 9204 §4.2, draft-02 §4.2.
#define STREAM_CONTROL       0x00
#define STREAM_PUSH          0x01
#define STREAM_QPACK_ENCODER 0x02
#define STREAM_QPACK_DECODER 0x03
// First bytes of a bidirectional WebTransport stream, in the place of a frame type.
#define STREAM_WT_BIDI       0x41

#define FRAME_DATA         0x00
#define FRAME_HEADERS      0x01
#define FRAME_CANCEL_PUSH  0x03
#define FRAME_SETTINGS     0x04
#define FRAME_PUSH_PROMISE 0x05
#define FRAME_GOAWAY       0x07
#define FRAME_MAX_PUSH_ID  0x0d

#define SETTING_ENABLE_CONNECT_PROTOCOL   0x08       // RFC 9220
#define SETTING_H3_DATAGRAM               0x33       // RFC 9297
#define SETTING_ENABLE_WEBTRANSPORT       0x2b603742 // draft-02
#define SETTING_WEBTRANSPORT_MAX_SESSIONS 0xc671706a // draft-07
#define SETTING_WT_MAX_SESSIONS           0x14e9cd29 // draft-13

#define CAPSULE_CLOSE_SESSION    0x2843
#define CAPSULE_CLOSE_CODE_BYTES 4

enum stream_kind {
    KIND_NEW_UNI,  // its type is not complete
    KIND_NEW_BIDI, // its first number is not complete
    KIND_CONTROL,
    KIND_QPACK_ENCODER,
    KIND_QPACK_DECODER,
    KIND_IGNORED,
    KIND_WT_HEADER, // a WebTransport stream, session id not complete
    KIND_REQUEST,   // server: a request; client: ours
    KIND_LINK,
};

enum frame_state {
    FRAME_TYPE,
    FRAME_LENGTH,
    FRAME_PAYLOAD
};

struct h3_stream {
    struct h3_stream *next;
    int64_t id;
    enum stream_kind kind;
    enum frame_state state;
    struct varint_reader number;
    uint64_t frame_type, frame_left;
    bool headers_seen;
    uint8_t *block; // the HEADERS or SETTINGS payload so far
    size_t block_have;
    // Capsules, in the DATA frames of the session's stream.
    enum frame_state capsule_state;
    struct varint_reader capsule_number;
    uint64_t capsule_type, capsule_left;
    uint32_t close_code;
    uint8_t close_code_have;
};

static int fail(struct h3 *h, uint64_t code, const char *text)
{
    h->error_code = code;
    h->error_text = text;
    return code == H3_EXCESSIVE_LOAD ? SOTTO_ELIMIT : SOTTO_EPROTO;
}

void h3_init(struct h3 *h, bool server, const struct h3_ops *ops, void *user)
{
    *h = (struct h3){.ops = ops, .user = user, .server = server, .session_id = -1, .link_id = -1};
}

static void stream_free(struct h3_stream *s)
{
    free(s->block);
    free(s);
}

void h3_deinit(struct h3 *h)
{
    while (h->streams != NULL) {
        struct h3_stream *s = h->streams;
        h->streams = s->next;
        stream_free(s);
    }
    h->stream_count = 0;
}

// ---- streams ------------------------------------------------------------------------------

static bool is_uni(int64_t id)
{
    return (id & 2) != 0;
}

static struct h3_stream *stream_find(struct h3 *h, int64_t id)
{
    for (struct h3_stream *s = h->streams; s != NULL; s = s->next) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

static int stream_new(struct h3 *h, int64_t id, enum stream_kind kind, struct h3_stream **out)
{
    if (h->stream_count >= H3_STREAMS_MAX) {
        return fail(h, H3_EXCESSIVE_LOAD, "too many streams");
    }
    struct h3_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->id = id;
    s->kind = kind;
    s->next = h->streams;
    h->streams = s;
    h->stream_count++;
    *out = s;
    return 0;
}

static void end_session(struct h3 *h, uint32_t code)
{
    if (!h->ended) {
        h->ended = true;
        h->ops->on_end(h->user, code);
    }
}

void h3_stream_gone(struct h3 *h, int64_t stream_id, bool reset)
{
    if (reset && (stream_id == h->session_id || stream_id == h->link_id)) {
        end_session(h, 0);
    }
    if (reset) {
        return; // it is gone for good later
    }
    for (struct h3_stream **p = &h->streams; *p != NULL; p = &(*p)->next) {
        struct h3_stream *s = *p;
        if (s->id == stream_id) {
            *p = s->next;
            stream_free(s);
            h->stream_count--;
            return;
        }
    }
}

static void stream_reject(struct h3 *h, struct h3_stream *s, uint64_t code)
{
    s->kind = KIND_IGNORED;
    free(s->block);
    s->block = NULL;
    h->ops->reject(h->user, s->id, code);
}

// ---- writing ------------------------------------------------------------------------------

int h3_start(struct h3 *h)
{
    uint8_t settings[80], out[96];
    size_t n = 0;
    static const uint64_t ids[] = {SETTING_H3_DATAGRAM, SETTING_ENABLE_WEBTRANSPORT,
                                   SETTING_ENABLE_CONNECT_PROTOCOL,
                                   SETTING_WEBTRANSPORT_MAX_SESSIONS, SETTING_WT_MAX_SESSIONS};
    // The last three are a server's to say.
    size_t count = h->server ? sizeof ids / sizeof *ids : 2;
    for (size_t i = 0; i < count; i++) {
        n += varint_put(settings + n, ids[i]);
        n += varint_put(settings + n, 1);
    }
    size_t at = 0;
    at += varint_put(out + at, STREAM_CONTROL);
    at += varint_put(out + at, FRAME_SETTINGS);
    at += varint_put(out + at, n);
    memcpy(out + at, settings, n);
    return h->ops->write(h->user, H3_OUT_CONTROL, out, at + n, false);
}

// A field section without references to a dynamic table (RFC 9204 §4.5).
struct section {
    uint8_t bytes[H3_AUTHORITY_MAX_BYTES + 200];
    size_t len;
};

// RFC 7541 §5.1 with a prefix of `bits`.
static void put_int(struct section *s, uint8_t first, unsigned bits, size_t value)
{
    size_t max = ((size_t)1 << bits) - 1;
    if (value < max) {
        s->bytes[s->len++] = (uint8_t)(first | value);
        return;
    }
    s->bytes[s->len++] = (uint8_t)(first | max);
    value -= max;
    while (value >= 128) {
        s->bytes[s->len++] = (uint8_t)(value % 128 + 128);
        value /= 128;
    }
    s->bytes[s->len++] = (uint8_t)value;
}

static void put_text(struct section *s, uint8_t first, unsigned bits, const char *text)
{
    size_t len = strlen(text);
    put_int(s, first, bits, len);
    memcpy(s->bytes + s->len, text, len);
    s->len += len;
}

static void section_start(struct section *s)
{
    s->bytes[0] = 0; // Required Insert Count
    s->bytes[1] = 0; // Base
    s->len = 2;
}

static void put_indexed(struct section *s, size_t static_index)
{
    put_int(s, 0xc0, 6, static_index);
}

static void put_named(struct section *s, size_t static_index, const char *value)
{
    put_int(s, 0x50, 4, static_index);
    put_text(s, 0x00, 7, value);
}

static void put_literal(struct section *s, const char *name, const char *value)
{
    put_text(s, 0x20, 3, name);
    put_text(s, 0x00, 7, value);
}

static int write_headers(struct h3 *h, const struct section *s, bool fin)
{
    uint8_t out[sizeof s->bytes + 2 * VARINT_MAX_BYTES];
    size_t n = varint_put(out, FRAME_HEADERS);
    n += varint_put(out + n, s->len);
    memcpy(out + n, s->bytes, s->len);
    return h->ops->write(h->user, H3_OUT_SESSION, out, n + s->len, fin);
}

// Indices of RFC 9204 Appendix A.
#define QPACK_AUTHORITY      0
#define QPACK_PATH           1
#define QPACK_METHOD_CONNECT 15
#define QPACK_SCHEME_HTTPS   23
#define QPACK_STATUS_200     25
#define QPACK_STATUS_404     27

int h3_request(struct h3 *h, int64_t session_id, const char *authority)
{
    assert(!h->server && h->session_id < 0);
    if (strlen(authority) > H3_AUTHORITY_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    struct h3_stream *s;
    int rv = stream_new(h, session_id, KIND_REQUEST, &s);
    if (rv != 0) {
        return rv;
    }
    h->session_id = session_id;
    struct section q;
    section_start(&q);
    put_indexed(&q, QPACK_METHOD_CONNECT);
    put_indexed(&q, QPACK_SCHEME_HTTPS);
    put_named(&q, QPACK_AUTHORITY, authority);
    put_named(&q, QPACK_PATH, NET_PATH);
    put_literal(&q, ":protocol", "webtransport");
    put_literal(&q, "sec-webtransport-http3-draft02", "1");
    return write_headers(h, &q, false);
}

int h3_open_link(struct h3 *h, int64_t link_id)
{
    assert(!h->server && h->session_open && !h->link_open);
    struct h3_stream *s;
    int rv = stream_new(h, link_id, KIND_LINK, &s);
    if (rv != 0) {
        return rv;
    }
    h->link_id = link_id;
    h->link_open = true;
    uint8_t out[2 * VARINT_MAX_BYTES];
    size_t n = varint_put(out, STREAM_WT_BIDI);
    n += varint_put(out + n, (uint64_t)h->session_id);
    return h->ops->write(h->user, H3_OUT_LINK, out, n, false);
}

int h3_close_session(struct h3 *h, uint32_t code)
{
    if (!h->session_open || h->ended) {
        return 0;
    }
    h->ended = true;
    uint8_t capsule[2 * VARINT_MAX_BYTES + CAPSULE_CLOSE_CODE_BYTES];
    size_t n = varint_put(capsule, CAPSULE_CLOSE_SESSION);
    n += varint_put(capsule + n, CAPSULE_CLOSE_CODE_BYTES);
    for (int shift = 24; shift >= 0; shift -= 8) {
        capsule[n++] = (uint8_t)(code >> shift);
    }
    uint8_t out[sizeof capsule + 2 * VARINT_MAX_BYTES];
    size_t at = varint_put(out, FRAME_DATA);
    at += varint_put(out + at, n);
    memcpy(out + at, capsule, n);
    return h->ops->write(h->user, H3_OUT_SESSION, out, at + n, true);
}

// ---- SETTINGS -----------------------------------------------------------------------------

static int on_settings(struct h3 *h, const uint8_t *data, size_t len)
{
    while (len > 0) {
        uint64_t id, value;
        size_t n = varint_get(data, len, &id);
        size_t m = n > 0 ? varint_get(data + n, len - n, &value) : 0;
        if (m == 0) {
            return fail(h, H3_FRAME_ERROR, "SETTINGS is cut off");
        }
        data += n + m;
        len -= n + m;
        if (id == SETTING_H3_DATAGRAM || id == SETTING_ENABLE_CONNECT_PROTOCOL) {
            if (value > 1) {
                return fail(h, H3_SETTINGS_ERROR, "a setting is neither 0 nor 1");
            }
        }
        switch (id) {
        case SETTING_H3_DATAGRAM:
            h->peer_datagrams = value == 1;
            break;
        case SETTING_ENABLE_CONNECT_PROTOCOL:
            h->peer_connect = value == 1;
            break;
        case SETTING_ENABLE_WEBTRANSPORT:
        case SETTING_WEBTRANSPORT_MAX_SESSIONS:
        case SETTING_WT_MAX_SESSIONS:
            h->peer_webtransport = h->peer_webtransport || value > 0;
            break;
        // HTTP/2 settings that RFC 9114 §7.2.4.1 forbids.
        case 0x02:
        case 0x03:
        case 0x04:
        case 0x05:
            return fail(h, H3_SETTINGS_ERROR, "a setting of HTTP/2");
        default:
            break;
        }
    }
    h->settings_seen = true;
    if (h->server) {
        return 0;
    }
    if (!h->peer_datagrams || !h->peer_connect || !h->peer_webtransport) {
        return fail(h, H3_SETTINGS_ERROR, "the other side does not offer WebTransport");
    }
    return h->ops->on_ready(h->user);
}

// ---- HEADERS ------------------------------------------------------------------------------

// The fields that decide, as bits.
#define HAS_METHOD    0x01u
#define HAS_PROTOCOL  0x02u
#define HAS_SCHEME    0x04u
#define HAS_PATH      0x08u
#define HAS_AUTHORITY 0x10u
#define HAS_STATUS    0x20u

struct request {
    unsigned seen;  // HAS_…, a field of that name was there
    unsigned right; // HAS_…, with the value for a session
    bool regular_seen;
    size_t fields;
};

static bool buffer_is(nghttp3_vec v, const char *text)
{
    return v.len == strlen(text) && memcmp(v.base, text, v.len) == 0;
}

static bool take_field(struct request *r, const nghttp3_qpack_nv *nv)
{
    static const struct {
        const char *name, *value; // value NULL: any but the empty one
        unsigned bit;
    } known[] = {
        {":method", "CONNECT", HAS_METHOD},  {":protocol", "webtransport", HAS_PROTOCOL},
        {":scheme", "https", HAS_SCHEME},    {":path", NET_PATH, HAS_PATH},
        {":authority", NULL, HAS_AUTHORITY}, {":status", "200", HAS_STATUS},
    };
    nghttp3_vec name = nghttp3_rcbuf_get_buf(nv->name);
    nghttp3_vec value = nghttp3_rcbuf_get_buf(nv->value);
    if (++r->fields > H3_FIELDS_MAX || name.len == 0) {
        return false;
    }
    if (name.base[0] != ':') {
        r->regular_seen = true;
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!buffer_is(name, known[i].name)) {
            continue;
        }
        // RFC 9114 §4.3: once, and before the regular fields.
        if ((r->seen & known[i].bit) != 0 || r->regular_seen) {
            return false;
        }
        r->seen |= known[i].bit;
        if (known[i].value != NULL ? buffer_is(value, known[i].value) : value.len > 0) {
            r->right |= known[i].bit;
        }
        return true;
    }
    return false; // an unknown pseudo-header field makes the message malformed
}

// The table is of size zero, so a decoder is only needed for the moment. Returns 0,
// SOTTO_EPARSE for a malformed message, or an error that ends the connection.
static int decode_section(struct h3 *h, int64_t stream_id, const uint8_t *data, size_t len,
                          struct request *r)
{
    const nghttp3_mem *mem = nghttp3_mem_default();
    nghttp3_qpack_decoder *decoder = NULL;
    nghttp3_qpack_stream_context *context = NULL;
    int rv = SOTTO_ENOMEM;
    if (nghttp3_qpack_decoder_new(&decoder, 0, 0, mem) != 0 ||
        nghttp3_qpack_stream_context_new(&context, stream_id, mem) != 0) {
        goto done;
    }
    rv = 0;
    bool ended = false;
    // Each step takes a byte or yields a field, or it is the end.
    while (!ended) {
        nghttp3_qpack_nv nv;
        uint8_t flags = 0;
        nghttp3_ssize n =
            nghttp3_qpack_decoder_read_request(decoder, context, &nv, &flags, data, len, 1);
        if (n < 0 || (flags & NGHTTP3_QPACK_DECODE_FLAG_BLOCKED) != 0) {
            rv = fail(h, QPACK_DECOMPRESSION_FAILED, "a field section does not decode");
            break;
        }
        data += n;
        len -= (size_t)n;
        if ((flags & NGHTTP3_QPACK_DECODE_FLAG_EMIT) != 0) {
            bool good = take_field(r, &nv);
            nghttp3_rcbuf_decref(nv.name);
            nghttp3_rcbuf_decref(nv.value);
            if (!good) {
                rv = SOTTO_EPARSE;
                break;
            }
        } else if (n == 0) {
            ended = true;
        }
        ended = ended || (flags & NGHTTP3_QPACK_DECODE_FLAG_FINAL) != 0;
    }
done:
    if (context != NULL) {
        nghttp3_qpack_stream_context_del(context);
    }
    if (decoder != NULL) {
        nghttp3_qpack_decoder_del(decoder);
    }
    return rv;
}

static int accept_session(struct h3 *h, struct h3_stream *s)
{
    h->session_id = s->id;
    h->session_open = true;
    struct section q;
    section_start(&q);
    put_indexed(&q, QPACK_STATUS_200);
    put_literal(&q, "sec-webtransport-http3-draft", "draft02");
    int rv = write_headers(h, &q, false);
    return rv != 0 ? rv : h->ops->on_session(h->user);
}

static int refuse_session(struct h3 *h, struct h3_stream *s)
{
    h->session_refused = true;
    h->session_id = s->id;
    s->kind = KIND_IGNORED;
    struct section q;
    section_start(&q);
    put_indexed(&q, QPACK_STATUS_404);
    return write_headers(h, &q, true);
}

static int on_request(struct h3 *h, struct h3_stream *s, const struct request *r)
{
    // One session a connection, and one answer in words to a client that asked for another path.
    if (h->session_open || h->session_refused) {
        stream_reject(h, s, H3_REQUEST_REJECTED);
        return 0;
    }
    unsigned want = HAS_METHOD | HAS_PROTOCOL | HAS_SCHEME | HAS_PATH | HAS_AUTHORITY;
    return (r->right & want) == want ? accept_session(h, s) : refuse_session(h, s);
}

static int on_response(struct h3 *h, const struct request *r)
{
    if ((r->right & HAS_STATUS) == 0) {
        return fail(h, H3_REQUEST_REJECTED, "the other side refused the session");
    }
    h->session_open = true;
    return h->ops->on_session(h->user);
}

static int on_headers(struct h3 *h, struct h3_stream *s, const uint8_t *data, size_t len)
{
    struct request r = {0};
    int rv = decode_section(h, s->id, data, len, &r);
    if (rv == SOTTO_EPARSE && h->server) {
        stream_reject(h, s, H3_MESSAGE_ERROR);
        return 0;
    }
    if (rv == SOTTO_EPARSE) {
        return fail(h, H3_MESSAGE_ERROR, "a malformed response");
    }
    if (rv != 0) {
        return rv;
    }
    return h->server ? on_request(h, s, &r) : on_response(h, &r);
}

// ---- capsules -----------------------------------------------------------------------------

static void capsule_payload(struct h3 *h, struct h3_stream *s, const uint8_t **at,
                            const uint8_t *end)
{
    size_t n = (size_t)(end - *at);
    if (n > s->capsule_left) {
        n = (size_t)s->capsule_left;
    }
    if (s->capsule_type == CAPSULE_CLOSE_SESSION) {
        for (size_t i = 0; i < n && s->close_code_have < CAPSULE_CLOSE_CODE_BYTES; i++) {
            s->close_code = s->close_code << 8 | (*at)[i];
            s->close_code_have++;
        }
    }
    *at += n;
    s->capsule_left -= n;
    if (s->capsule_left == 0) {
        s->capsule_state = FRAME_TYPE;
        if (s->capsule_type == CAPSULE_CLOSE_SESSION) {
            end_session(h, s->close_code);
        }
    }
}

static void on_capsule_bytes(struct h3 *h, struct h3_stream *s, const uint8_t *at,
                             const uint8_t *end)
{
    while (at < end && !h->ended) {
        switch (s->capsule_state) {
        case FRAME_TYPE:
            if (varint_read(&s->capsule_number, &at, end, &s->capsule_type)) {
                s->capsule_state = FRAME_LENGTH;
            }
            break;
        case FRAME_LENGTH:
            if (varint_read(&s->capsule_number, &at, end, &s->capsule_left)) {
                s->capsule_state = FRAME_PAYLOAD;
                if (s->capsule_left == 0) {
                    capsule_payload(h, s, &at, end);
                }
            }
            break;
        case FRAME_PAYLOAD:
            capsule_payload(h, s, &at, end);
            break;
        }
    }
}

// ---- frames -------------------------------------------------------------------------------

// A frame's type and length are known. Says what may come where (RFC 9114 §7).
static int frame_begin(struct h3 *h, struct h3_stream *s)
{
    bool control = s->kind == KIND_CONTROL;
    if (control && !h->settings_seen && s->frame_type != FRAME_SETTINGS) {
        return fail(h, H3_MISSING_SETTINGS, "the control stream does not begin with SETTINGS");
    }
    uint64_t max = UINT64_MAX;
    switch (s->frame_type) {
    case FRAME_SETTINGS:
        if (!control || h->settings_seen) {
            return fail(h, H3_FRAME_UNEXPECTED, "SETTINGS in the wrong place");
        }
        max = H3_SETTINGS_MAX_BYTES;
        break;
    case FRAME_HEADERS:
        if (control || s->headers_seen) {
            return fail(h, H3_FRAME_UNEXPECTED, "HEADERS in the wrong place");
        }
        max = H3_HEADERS_MAX_BYTES;
        break;
    case FRAME_DATA:
        if (control || !s->headers_seen) {
            return fail(h, H3_FRAME_UNEXPECTED, "DATA in the wrong place");
        }
        break;
    case FRAME_CANCEL_PUSH:
    case FRAME_GOAWAY:
    case FRAME_MAX_PUSH_ID:
        if (!control) {
            return fail(h, H3_FRAME_UNEXPECTED, "a control frame in the wrong place");
        }
        break;
    // A push, which nobody allowed, and HTTP/2 frames that RFC 9114 §7.2.8 forbids.
    case FRAME_PUSH_PROMISE:
    case 0x02:
    case 0x06:
    case 0x08:
    case 0x09:
        return fail(h, H3_FRAME_UNEXPECTED, "a frame that HTTP/3 forbids");
    default:
        break; // grease, or an extension: skipped
    }
    if (s->frame_left > max) {
        return fail(h, H3_EXCESSIVE_LOAD, "a frame is too long");
    }
    return 0;
}

static bool frame_is_kept(const struct h3_stream *s)
{
    return s->frame_type == FRAME_HEADERS || s->frame_type == FRAME_SETTINGS;
}

static int frame_end(struct h3 *h, struct h3_stream *s, const uint8_t *data, size_t len)
{
    if (s->frame_type == FRAME_SETTINGS) {
        return on_settings(h, data, len);
    }
    s->headers_seen = true;
    return on_headers(h, s, data, len);
}

// Part of a HEADERS or SETTINGS frame; acts on it once it is complete.
static int frame_keep(struct h3 *h, struct h3_stream *s, const uint8_t *at, size_t n)
{
    if (s->block == NULL && n == s->frame_left) {
        s->frame_left = 0;
        return frame_end(h, s, at, n);
    }
    if (s->block == NULL) {
        s->block = malloc((size_t)s->frame_left);
        s->block_have = 0;
        if (s->block == NULL) {
            return SOTTO_ENOMEM;
        }
    }
    memcpy(s->block + s->block_have, at, n);
    s->block_have += n;
    s->frame_left -= n;
    if (s->frame_left > 0) {
        return 0;
    }
    uint8_t *block = s->block;
    s->block = NULL;
    int rv = frame_end(h, s, block, s->block_have);
    free(block);
    return rv;
}

static int frame_payload(struct h3 *h, struct h3_stream *s, const uint8_t **at, const uint8_t *end)
{
    size_t n = (size_t)(end - *at);
    if (n > s->frame_left) {
        n = (size_t)s->frame_left;
    }
    const uint8_t *piece = *at;
    *at += n;
    int rv = 0;
    if (frame_is_kept(s)) {
        rv = frame_keep(h, s, piece, n);
    } else {
        s->frame_left -= n;
        if (s->frame_type == FRAME_DATA && s->id == h->session_id && h->session_open) {
            on_capsule_bytes(h, s, piece, piece + n);
        }
    }
    if (s->frame_left == 0) {
        s->state = FRAME_TYPE;
    }
    return rv;
}

static int recv_frames(struct h3 *h, struct h3_stream *s, const uint8_t **at, const uint8_t *end)
{
    int rv = 0;
    while (rv == 0 && *at < end && s->kind != KIND_IGNORED) {
        switch (s->state) {
        case FRAME_TYPE:
            if (varint_read(&s->number, at, end, &s->frame_type)) {
                s->state = FRAME_LENGTH;
            }
            break;
        case FRAME_LENGTH:
            if (varint_read(&s->number, at, end, &s->frame_left)) {
                rv = frame_begin(h, s);
                s->state = FRAME_PAYLOAD;
                if (rv == 0 && s->frame_left == 0) {
                    rv = frame_payload(h, s, at, end);
                }
            }
            break;
        case FRAME_PAYLOAD:
            rv = frame_payload(h, s, at, end);
            break;
        }
    }
    return rv;
}

// ---- what kind of stream it is ------------------------------------------------------------

static int once(struct h3 *h, bool *seen)
{
    if (*seen) {
        return fail(h, H3_STREAM_CREATION_ERROR, "a second stream of a kind that is single");
    }
    *seen = true;
    return 0;
}

static int begin_uni(struct h3 *h, struct h3_stream *s, uint64_t type)
{
    switch (type) {
    case STREAM_CONTROL:
        s->kind = KIND_CONTROL;
        return once(h, &h->control_seen);
    case STREAM_QPACK_ENCODER:
        s->kind = KIND_QPACK_ENCODER;
        return once(h, &h->qpack_encoder_seen);
    case STREAM_QPACK_DECODER:
        s->kind = KIND_QPACK_DECODER;
        return once(h, &h->qpack_decoder_seen);
    case STREAM_PUSH:
        return fail(h, H3_STREAM_CREATION_ERROR, "a push that nobody allowed");
    default:
        // Grease, or a WebTransport stream that the link does not use.
        stream_reject(h, s, H3_STREAM_CREATION_ERROR);
        return 0;
    }
}

static int begin_bidi(struct h3 *h, struct h3_stream *s, uint64_t first)
{
    if (!h->server) {
        return fail(h, H3_STREAM_CREATION_ERROR, "a bidirectional stream of the server");
    }
    if (first == STREAM_WT_BIDI) {
        s->kind = KIND_WT_HEADER;
        return 0;
    }
    s->kind = KIND_REQUEST;
    s->frame_type = first;
    s->state = FRAME_LENGTH;
    return 0;
}

static int begin_link(struct h3 *h, struct h3_stream *s, uint64_t session_id)
{
    if (!h->session_open || h->link_open || session_id != (uint64_t)h->session_id) {
        stream_reject(h, s, WT_BUFFERED_STREAM_REJECTED);
        return 0;
    }
    s->kind = KIND_LINK;
    h->link_open = true;
    h->link_id = s->id;
    return h->ops->on_link(h->user, s->id);
}

// The dynamic table is of size zero: the only instruction left is to set it to that
// (RFC 9204 §4.3.1).
static int recv_qpack_encoder(struct h3 *h, const uint8_t **at, const uint8_t *end)
{
    for (; *at < end; ++*at) {
        if (**at != 0x20) {
            return fail(h, QPACK_ENCODER_STREAM_ERROR, "an insertion into a table of size zero");
        }
    }
    return 0;
}

static int recv_some(struct h3 *h, struct h3_stream *s, const uint8_t **at, const uint8_t *end)
{
    uint64_t number;
    int rv = 0;
    switch (s->kind) {
    case KIND_NEW_UNI:
        return varint_read(&s->number, at, end, &number) ? begin_uni(h, s, number) : 0;
    case KIND_NEW_BIDI:
        return varint_read(&s->number, at, end, &number) ? begin_bidi(h, s, number) : 0;
    case KIND_WT_HEADER:
        return varint_read(&s->number, at, end, &number) ? begin_link(h, s, number) : 0;
    case KIND_CONTROL:
    case KIND_REQUEST:
        return recv_frames(h, s, at, end);
    case KIND_QPACK_ENCODER:
        return recv_qpack_encoder(h, at, end);
    case KIND_LINK:
        rv = h->ended ? 0 : h->ops->on_bytes(h->user, *at, (size_t)(end - *at));
        *at = end;
        return rv;
    case KIND_QPACK_DECODER:
    case KIND_IGNORED:
        *at = end;
        return 0;
    }
    return SOTTO_EPROTO;
}

static int recv_fin(struct h3 *h, const struct h3_stream *s)
{
    switch (s->kind) {
    case KIND_CONTROL:
    case KIND_QPACK_ENCODER:
    case KIND_QPACK_DECODER:
        return fail(h, H3_CLOSED_CRITICAL_STREAM, "a critical stream was closed");
    case KIND_REQUEST:
    case KIND_LINK:
        if (s->id == h->session_id || s->id == h->link_id) {
            end_session(h, 0);
        }
        return 0;
    default:
        return 0;
    }
}

int h3_recv(struct h3 *h, int64_t stream_id, const uint8_t *data, size_t len, bool fin)
{
    struct h3_stream *s = stream_find(h, stream_id);
    if (s == NULL) {
        int rv = stream_new(h, stream_id, is_uni(stream_id) ? KIND_NEW_UNI : KIND_NEW_BIDI, &s);
        if (rv != 0) {
            return rv;
        }
    }
    const uint8_t *at = data, *end = data + len;
    while (at < end) {
        int rv = recv_some(h, s, &at, end);
        if (rv != 0) {
            return rv;
        }
    }
    return fin ? recv_fin(h, s) : 0;
}

// ---- datagrams ----------------------------------------------------------------------------

bool h3_datagram_payload(const struct h3 *h, const uint8_t **data, size_t *len)
{
    uint64_t quarter;
    size_t n = varint_get(*data, *len, &quarter);
    if (n == 0 || !h->link_open || h->ended || quarter != (uint64_t)h->session_id / 4) {
        return false;
    }
    *data += n;
    *len -= n;
    return true;
}

size_t h3_datagram_prefix(const struct h3 *h, uint8_t out[H3_QUARTER_ID_MAX_BYTES])
{
    return varint_put(out, (uint64_t)h->session_id / 4);
}
