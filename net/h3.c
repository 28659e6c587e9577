// SPDX-License-Identifier: Apache-2.0
#include "h3.h"

#include "h3_section.h"
#include "net.h"
#include "varint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
    uint8_t settings[80] = {0}, out[96];
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

static int write_headers(struct h3 *h, const struct h3_section *s, bool fin)
{
    uint8_t out[sizeof s->bytes + 2 * VARINT_MAX_BYTES];
    size_t n = varint_put(out, FRAME_HEADERS);
    n += varint_put(out + n, s->len);
    memcpy(out + n, s->bytes, s->len);
    return h->ops->write(h->user, H3_OUT_SESSION, out, n + s->len, fin);
}

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
    struct h3_section q;
    h3_section_request(&q, authority);
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

static int accept_session(struct h3 *h, struct h3_stream *s)
{
    h->session_id = s->id;
    h->session_open = true;
    struct h3_section q;
    h3_section_answer(&q, true);
    int rv = write_headers(h, &q, false);
    return rv != 0 ? rv : h->ops->on_session(h->user);
}

static int refuse_session(struct h3 *h, struct h3_stream *s)
{
    h->session_refused = true;
    h->session_id = s->id;
    s->kind = KIND_IGNORED;
    struct h3_section q;
    h3_section_answer(&q, false);
    return write_headers(h, &q, true);
}

static int on_request(struct h3 *h, struct h3_stream *s, bool session)
{
    // One session a connection, and one answer in words to a client that asked for another path.
    if (h->session_open || h->session_refused) {
        stream_reject(h, s, H3_REQUEST_REJECTED);
        return 0;
    }
    return session ? accept_session(h, s) : refuse_session(h, s);
}

static int on_response(struct h3 *h, bool session)
{
    if (!session) {
        return fail(h, H3_REQUEST_REJECTED, "the other side refused the session");
    }
    h->session_open = true;
    return h->ops->on_session(h->user);
}

static int on_headers(struct h3 *h, struct h3_stream *s, const uint8_t *data, size_t len)
{
    bool session;
    int rv = h3_section_read(s->id, data, len, h->server, &session);
    switch (rv) {
    case 0:
        return h->server ? on_request(h, s, session) : on_response(h, session);
    case SOTTO_EPROTO:
        return fail(h, QPACK_DECOMPRESSION_FAILED, "a field section does not decode");
    case SOTTO_EPARSE:
        if (!h->server) {
            return fail(h, H3_MESSAGE_ERROR, "a malformed response");
        }
        stream_reject(h, s, H3_MESSAGE_ERROR);
        return 0;
    default:
        return rv;
    }
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
