// SPDX-License-Identifier: Apache-2.0
#include "h3_section.h"

#include "net.h"

#include <string.h>

#include <nghttp3/nghttp3.h>
#include <sotto/base.h>

// Indices of RFC 9204 Appendix A.
#define QPACK_AUTHORITY      0
#define QPACK_PATH           1
#define QPACK_METHOD_CONNECT 15
#define QPACK_SCHEME_HTTPS   23
#define QPACK_STATUS_200     25
#define QPACK_STATUS_404     27

// ---- writing ------------------------------------------------------------------------------

// RFC 7541 §5.1 with a prefix of `bits`.
static void put_int(struct h3_section *s, uint8_t first, unsigned bits, size_t value)
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

static void put_text(struct h3_section *s, uint8_t first, unsigned bits, const char *text)
{
    size_t len = strlen(text);
    put_int(s, first, bits, len);
    memcpy(s->bytes + s->len, text, len);
    s->len += len;
}

static void section_start(struct h3_section *s)
{
    s->bytes[0] = 0; // Required Insert Count
    s->bytes[1] = 0; // Base
    s->len = 2;
}

static void put_indexed(struct h3_section *s, size_t static_index)
{
    put_int(s, 0xc0, 6, static_index);
}

static void put_named(struct h3_section *s, size_t static_index, const char *value)
{
    put_int(s, 0x50, 4, static_index);
    put_text(s, 0x00, 7, value);
}

static void put_literal(struct h3_section *s, const char *name, const char *value)
{
    put_text(s, 0x20, 3, name);
    put_text(s, 0x00, 7, value);
}

void h3_section_request(struct h3_section *s, const char *authority)
{
    section_start(s);
    put_indexed(s, QPACK_METHOD_CONNECT);
    put_indexed(s, QPACK_SCHEME_HTTPS);
    put_named(s, QPACK_AUTHORITY, authority);
    put_named(s, QPACK_PATH, NET_PATH);
    put_literal(s, ":protocol", "webtransport");
    put_literal(s, "sec-webtransport-http3-draft02", "1");
}

void h3_section_answer(struct h3_section *s, bool accept)
{
    section_start(s);
    put_indexed(s, accept ? QPACK_STATUS_200 : QPACK_STATUS_404);
    if (accept) {
        put_literal(s, "sec-webtransport-http3-draft", "draft02");
    }
}

// ---- reading ------------------------------------------------------------------------------

// The fields that decide, as bits.
#define HAS_METHOD    0x01u
#define HAS_PROTOCOL  0x02u
#define HAS_SCHEME    0x04u
#define HAS_PATH      0x08u
#define HAS_AUTHORITY 0x10u
#define HAS_STATUS    0x20u

struct fields {
    unsigned seen;  // HAS_…, a field of that name was there
    unsigned right; // HAS_…, with the value for a session
    bool regular_seen;
    size_t fields;
};

static bool buffer_is(nghttp3_vec v, const char *text)
{
    return v.len == strlen(text) && memcmp(v.base, text, v.len) == 0;
}

static bool take_field(struct fields *r, const nghttp3_qpack_nv *nv)
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
static int decode(int64_t stream_id, const uint8_t *data, size_t len, struct fields *r)
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
            rv = SOTTO_EPROTO;
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

int h3_section_read(int64_t stream_id, const uint8_t *data, size_t len, bool request, bool *session)
{
    struct fields r = {0};
    int rv = decode(stream_id, data, len, &r);
    if (rv == 0) {
        unsigned want = request ? HAS_METHOD | HAS_PROTOCOL | HAS_SCHEME | HAS_PATH | HAS_AUTHORITY
                                : HAS_STATUS;
        *session = (r.right & want) == want;
    }
    return rv;
}
