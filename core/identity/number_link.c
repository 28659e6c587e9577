// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "identity/digest.h"
#include "identity/relay_address.h"
#include "wire/cursor.h"

#define KIND_NUMBER 1
#define KIND_INVITE 2
#define FLAG_PINNED 1U
#define FLAG_EXPIRES 2U
#define CHECKSUM_BYTES 4

#define SCHEME "https://"
// What people paste may be longer than a link: percent signs, quotes, spaces.
#define TEXT_MAX_BYTES 4096
// Beyond what this version writes (191), so that a longer link of a newer one is known as such.
#define PAYLOAD_MAX_BYTES 512
#define FRAGMENT_MAX_BYTES BASE64URL_TEXT_BYTES(PAYLOAD_MAX_BYTES)

// A link without its meaning: where, and what.
struct envelope {
    struct sotto_relay_address relay; // host and port only
    uint8_t payload[PAYLOAD_MAX_BYTES];
    size_t len; // without the checksum
};

static int checksum(const struct sotto_relay_address *relay, const uint8_t *payload, size_t len,
                    uint8_t out[CHECKSUM_BYTES])
{
    uint8_t text[SOTTO_HOST_MAX_BYTES + 2 + PAYLOAD_MAX_BYTES];
    uint8_t hash[DIGEST_SHA256_BYTES];
    struct wire_writer w = wire_writer(text, sizeof text);
    wire_write_bytes(&w, relay->host, strlen(relay->host));
    wire_write_u16(&w, relay->port);
    wire_write_bytes(&w, payload, len);
    int rc = digest_sha256(text, w.len, hash);
    sotto_wipe(text, sizeof text);
    if (rc == 0) {
        memcpy(out, hash, CHECKSUM_BYTES);
    }
    return rc;
}

// ---- writing ----------------------------------------------------------------------------------

// Adds the checksum to the payload in `w` and writes the link.
static int envelope_format(const struct sotto_relay_address *relay, struct wire_writer *w,
                           char *out, size_t cap)
{
    char authority[RELAY_AUTHORITY_TEXT_BYTES];
    char fragment[FRAGMENT_MAX_BYTES + 1];
    uint8_t sum[CHECKSUM_BYTES];
    int len = relay_authority_format(relay, false, authority);
    if (len < 0) {
        return len;
    }
    int rc = checksum(relay, w->buf, w->len, sum);
    if (rc < 0) {
        return rc;
    }
    wire_write_bytes(w, sum, sizeof sum);
    rc = base64url_encode(w->buf, w->len, fragment, sizeof fragment);
    if (rc < 0 || w->failed) {
        return SOTTO_ESPACE;
    }
    size_t need = strlen(SCHEME) + (size_t)len + strlen("/#") + (size_t)rc;
    if (need < cap) {
        rc = snprintf(out, cap, "%s%s/#%s", SCHEME, authority, fragment);
    } else {
        rc = SOTTO_ESPACE;
    }
    sotto_wipe(fragment, sizeof fragment);
    return rc;
}

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
    if (l->expires_unix_s < 0 || !link_name_valid(l->name)) {
        return SOTTO_EINVAL;
    }
    uint8_t payload[PAYLOAD_MAX_BYTES];
    struct wire_writer w = wire_writer(payload, sizeof payload);
    bool expires = l->expires_unix_s != 0;
    write_head(&w, KIND_NUMBER, expires ? FLAG_EXPIRES : 0, &l->relay);
    wire_write_bytes(&w, l->token, sizeof l->token);
    wire_write_bytes(&w, l->secret.bytes, sizeof l->secret.bytes);
    wire_write_bytes(&w, l->callee.bytes, sizeof l->callee.bytes);
    if (expires) {
        wire_write_u64(&w, (uint64_t)l->expires_unix_s);
    }
    wire_write_vec8(&w, l->name, strlen(l->name));
    int rc = envelope_format(&l->relay, &w, out, cap);
    sotto_wipe(payload, sizeof payload);
    return rc;
}

int sotto_invite_link_format(const struct sotto_invite_link *l, char *out, size_t cap)
{
    uint8_t payload[PAYLOAD_MAX_BYTES];
    struct wire_writer w = wire_writer(payload, sizeof payload);
    write_head(&w, KIND_INVITE, 0, &l->relay);
    wire_write_bytes(&w, l->invite, sizeof l->invite);
    int rc = envelope_format(&l->relay, &w, out, cap);
    sotto_wipe(payload, sizeof payload);
    return rc;
}

// ---- reading ----------------------------------------------------------------------------------

struct span {
    const char *at;
    size_t len;
};

static bool starts_with(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && memcmp(s.at, prefix, len) == 0;
}

static bool ends_with(struct span s, const char *suffix)
{
    size_t len = strlen(suffix);
    return s.len >= len && memcmp(s.at + s.len - len, suffix, len) == 0;
}

// What stands around a link that was pasted, and never at its ends.
static struct span trim(struct span s)
{
    static const char *const wrapping[] = {
        " ", "\t", "\r", "\n", "<", ">", "\"", "'", "`",
        "\u00a0",                               // no-break space
        "\u00ab", "\u00bb",                     // angle quotation marks
        "\u2018", "\u2019", "\u201c", "\u201d", // curved quotation marks
        "\u201e",
    };
    size_t i = 0;
    while (i < sizeof wrapping / sizeof wrapping[0]) {
        size_t len = strlen(wrapping[i]);
        if (starts_with(s, wrapping[i])) {
            s.at += len;
            s.len -= len;
            i = 0;
        } else if (ends_with(s, wrapping[i])) {
            s.len -= len;
            i = 0;
        } else {
            i++;
        }
    }
    return s;
}

static struct span skip_scheme(struct span s)
{
    size_t len = strlen(SCHEME);
    for (size_t i = 0; i < len; i++) {
        char c = i < s.len ? s.at[i] : '\0';
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != SCHEME[i]) {
            return s;
        }
    }
    return (struct span){s.at + len, s.len - len};
}

// "AUTHORITY/#FRAGMENT"; also without the slash, or with the mark percent-encoded.
static bool split(struct span s, struct span *authority, struct span *fragment)
{
    static const char *const marks[] = {"/#", "#", "/%23"};
    for (size_t i = 0; i < s.len; i++) {
        struct span rest = {s.at + i, s.len - i};
        for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++) {
            size_t len = strlen(marks[m]);
            if (starts_with(rest, marks[m])) {
                *authority = (struct span){s.at, i};
                *fragment = (struct span){rest.at + len, rest.len - len};
                return true;
            }
        }
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The fragment without percent-encoding, which some programs put even around '-' and '_'.
// Characters written; SOTTO_EPARSE.
static int percent_decode(struct span s, char out[FRAGMENT_MAX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            int high = i + 1 < s.len ? hex_value(s.at[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_value(s.at[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return SOTTO_EPARSE;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (n == FRAGMENT_MAX_BYTES) {
            return SOTTO_EPARSE;
        }
        out[n++] = c;
    }
    return (int)n;
}

static bool kind_known(uint8_t kind)
{
    return kind == KIND_NUMBER || kind == KIND_INVITE;
}

// For a fragment whose checksum does not help: if it starts like one of ours it was damaged on its
// way, otherwise it is some other page's link.
static int bad_fragment(struct span fragment)
{
    uint8_t kind;
    bool ours = fragment.len >= 2 && base64url_decode(fragment.at, 2, &kind, 1) == 1 &&
                kind_known(kind);
    return ours ? SOTTO_ELINK_DAMAGED : SOTTO_ELINK_MALFORMED;
}

static int fragment_parse(struct envelope *e, struct span fragment)
{
    char text[FRAGMENT_MAX_BYTES] = "";
    uint8_t sum[CHECKSUM_BYTES];
    int len = percent_decode(fragment, text);
    if (len >= 0) {
        len = base64url_decode(text, (size_t)len, e->payload, sizeof e->payload);
    }
    sotto_wipe(text, sizeof text);
    if (len <= CHECKSUM_BYTES) {
        return bad_fragment(fragment);
    }
    e->len = (size_t)len - CHECKSUM_BYTES;
    int rc = checksum(&e->relay, e->payload, e->len, sum);
    if (rc < 0) {
        return rc;
    }
    return memcmp(sum, e->payload + e->len, sizeof sum) == 0 ? 0 : bad_fragment(fragment);
}

// Everything up to the payload, whose checksum is then right.
static int envelope_parse(struct envelope *e, const char *text)
{
    size_t len = strnlen(text, TEXT_MAX_BYTES + 1);
    if (len > TEXT_MAX_BYTES) {
        return SOTTO_ELINK_MALFORMED;
    }
    struct span authority;
    struct span fragment;
    struct span s = skip_scheme(trim((struct span){text, len}));
    *e = (struct envelope){0};
    if (!split(s, &authority, &fragment) ||
        relay_authority_parse(&e->relay, authority.at, authority.len) < 0) {
        return SOTTO_ELINK_MALFORMED;
    }
    return fragment_parse(e, fragment);
}

// Kind, flags and pin. The reader stands behind them.
static int read_head(struct wire_reader *r, uint8_t kind, unsigned flags_known, unsigned *flags,
                     struct sotto_relay_address *relay)
{
    uint8_t got_kind = wire_read_u8(r);
    *flags = wire_read_u8(r);
    if (!kind_known(got_kind) || (got_kind == kind && (*flags & ~flags_known) != 0)) {
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

static int number_parse(struct sotto_number_link *out, const struct envelope *e)
{
    struct sotto_number_link l = {.relay = e->relay};
    struct wire_reader r = wire_reader(e->payload, e->len);
    unsigned flags;
    int rc = read_head(&r, KIND_NUMBER, FLAG_PINNED | FLAG_EXPIRES, &flags, &l.relay);
    if (rc < 0) {
        return rc;
    }
    wire_read_bytes(&r, l.token, sizeof l.token);
    wire_read_bytes(&r, l.secret.bytes, sizeof l.secret.bytes);
    wire_read_bytes(&r, l.callee.bytes, sizeof l.callee.bytes);
    if ((flags & FLAG_EXPIRES) != 0) {
        read_expiry(&r, &l.expires_unix_s);
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
    struct envelope e;
    int rc = envelope_parse(&e, text);
    if (rc == 0) {
        rc = number_parse(out, &e);
    }
    sotto_wipe(&e, sizeof e);
    return rc;
}

static int invite_parse(struct sotto_invite_link *out, const struct envelope *e)
{
    struct sotto_invite_link l = {.relay = e->relay};
    struct wire_reader r = wire_reader(e->payload, e->len);
    unsigned flags;
    int rc = read_head(&r, KIND_INVITE, FLAG_PINNED, &flags, &l.relay);
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
    struct envelope e;
    int rc = envelope_parse(&e, text);
    if (rc == 0) {
        rc = invite_parse(out, &e);
    }
    sotto_wipe(&e, sizeof e);
    return rc;
}
