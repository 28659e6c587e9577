// SPDX-License-Identifier: Apache-2.0
#include "identity/link_text.h"

#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "identity/digest.h"
#include "identity/relay_address.h"
#include "wire/cursor.h"

#define CHECKSUM_BYTES     4
#define SCHEME             "https://"
// What people paste may be longer than a link: percent signs, quotes, spaces.
#define TEXT_MAX_BYTES     4096
#define FRAGMENT_MAX_BYTES BASE64URL_TEXT_BYTES(LINK_PAYLOAD_MAX_BYTES + CHECKSUM_BYTES)

static int checksum(const struct sotto_relay_address *relay, const uint8_t *payload, size_t len,
                    uint8_t out[CHECKSUM_BYTES])
{
    uint8_t text[SOTTO_HOST_MAX_BYTES + 2 + LINK_PAYLOAD_MAX_BYTES];
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

bool link_kind_known(uint8_t kind)
{
    return kind == LINK_KIND_NUMBER || kind == LINK_KIND_INVITE;
}

// ---- writing ----------------------------------------------------------------------------------

int link_text_format(const struct sotto_relay_address *relay, const uint8_t *payload, size_t len,
                     char *out, size_t cap)
{
    char authority[RELAY_AUTHORITY_TEXT_BYTES];
    uint8_t bytes[LINK_PAYLOAD_MAX_BYTES + CHECKSUM_BYTES];
    char fragment[FRAGMENT_MAX_BYTES + 1];
    if (len > LINK_PAYLOAD_MAX_BYTES || relay_authority_format(relay, false, authority) < 0) {
        return SOTTO_EINVAL;
    }
    memcpy(bytes, payload, len);
    int rc = checksum(relay, payload, len, bytes + len);
    if (rc < 0) {
        goto done;
    }
    (void)base64url_encode(bytes, len + CHECKSUM_BYTES, fragment, sizeof fragment);
    rc = SOTTO_ESPACE;
    if (strlen(SCHEME) + strlen(authority) + strlen("/#") + strlen(fragment) < cap) {
        rc = snprintf(out, cap, "%s%s/#%s", SCHEME, authority, fragment);
    }

done:
    sotto_wipe(bytes, sizeof bytes);
    sotto_wipe(fragment, sizeof fragment);
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
        " ",      "\t",     "\r",     "\n",     "<", ">", "\"", "'", "`",
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

// For a fragment whose checksum does not help: if it starts like one of ours it was damaged on its
// way, otherwise it is some other page's link.
static int bad_fragment(struct span fragment)
{
    uint8_t kind;
    bool ours = fragment.len >= 2 && base64url_decode(fragment.at, 2, &kind, 1) == 1 &&
                link_kind_known(kind);
    return ours ? SOTTO_ELINK_DAMAGED : SOTTO_ELINK_MALFORMED;
}

static int fragment_parse(struct link_text *e, struct span fragment)
{
    char text[FRAGMENT_MAX_BYTES] = "";
    uint8_t bytes[LINK_PAYLOAD_MAX_BYTES + CHECKSUM_BYTES];
    uint8_t sum[CHECKSUM_BYTES];
    int rc = bad_fragment(fragment);
    int len = percent_decode(fragment, text);
    if (len >= 0) {
        len = base64url_decode(text, (size_t)len, bytes, sizeof bytes);
    }
    if (len <= CHECKSUM_BYTES) {
        goto done;
    }
    e->len = (size_t)len - CHECKSUM_BYTES;
    memcpy(e->payload, bytes, e->len);
    int hashed = checksum(&e->relay, e->payload, e->len, sum);
    if (hashed < 0) {
        rc = hashed;
    } else if (memcmp(sum, bytes + e->len, sizeof sum) == 0) {
        rc = 0;
    }

done:
    sotto_wipe(text, sizeof text);
    sotto_wipe(bytes, sizeof bytes);
    return rc;
}

int link_text_parse(struct link_text *out, const char *text)
{
    size_t len = strnlen(text, TEXT_MAX_BYTES + 1);
    if (len > TEXT_MAX_BYTES) {
        return SOTTO_ELINK_MALFORMED;
    }
    struct span authority;
    struct span fragment;
    struct span s = skip_scheme(trim((struct span){text, len}));
    struct link_text e = {0};
    if (!split(s, &authority, &fragment) ||
        relay_authority_parse(&e.relay, authority.at, authority.len) < 0) {
        return SOTTO_ELINK_MALFORMED;
    }
    int rc = fragment_parse(&e, fragment);
    if (rc == 0) {
        *out = e;
    }
    sotto_wipe(&e, sizeof e);
    return rc;
}
