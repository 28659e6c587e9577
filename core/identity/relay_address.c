// SPDX-License-Identifier: Apache-2.0
#include "identity/relay_address.h"

#include <stdio.h>
#include <string.h>

#define LABEL_MAX_BYTES     63 // RFC 1035 §2.3.4
#define IPV6_TEXT_MAX_BYTES 45 // with an IPv4 tail
#define IPV6_COLONS_MIN     2
#define IPV6_COLONS_MAX     8 // "1:2:3:4:5:6:7::"
#define PORT_DIGITS_MAX     5

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

// Letters, digits and inner hyphens (RFC 1123 §2.1). `text` is lower case.
static bool label_valid(const char *text, size_t len)
{
    if (len == 0 || len > LABEL_MAX_BYTES || text[0] == '-' || text[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'z') && text[i] != '-') {
            return false;
        }
    }
    return true;
}

// A DNS name without a dot at its end, or an IPv4 address.
static bool name_valid(const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || text[i] == '.') {
            if (!label_valid(text + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return true;
}

// The characters only: whoever connects finds out about the rest.
static bool ipv6_valid(const char *text, size_t len)
{
    size_t colons = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':') {
            colons++;
        } else if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f') && text[i] != '.') {
            return false;
        }
    }
    return len <= IPV6_TEXT_MAX_BYTES && colons >= IPV6_COLONS_MIN && colons <= IPV6_COLONS_MAX;
}

static int port_parse(uint16_t *out, const char *text, size_t len)
{
    if (len == 0 || len > PORT_DIGITS_MAX) {
        return SOTTO_EPARSE;
    }
    uint32_t v = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i])) {
            return SOTTO_EPARSE;
        }
        v = v * 10 + (uint32_t)(text[i] - '0');
    }
    if (v == 0 || v > UINT16_MAX) {
        return SOTTO_EPARSE;
    }
    *out = (uint16_t)v;
    return 0;
}

int relay_authority_parse(struct sotto_relay_address *out, const char *text, size_t len)
{
    bool bracket = len > 0 && text[0] == '[';
    if (bracket) {
        text++;
        len--;
    }
    const char *stop = memchr(text, bracket ? ']' : ':', len);
    size_t host_len = stop != NULL ? (size_t)(stop - text) : len;
    if (host_len == 0 || host_len > SOTTO_HOST_MAX_BYTES || (bracket && stop == NULL)) {
        return SOTTO_EPARSE;
    }
    char host[SOTTO_HOST_MAX_BYTES + 1];
    for (size_t i = 0; i < host_len; i++) {
        host[i] = lower(text[i]);
    }
    host[host_len] = '\0';
    if (!(bracket ? ipv6_valid(host, host_len) : name_valid(host, host_len))) {
        return SOTTO_EPARSE;
    }

    uint16_t port = RELAY_PORT_DEFAULT;
    const char *rest = text + host_len + (bracket ? 1 : 0);
    const char *end = text + len;
    if (rest < end && (*rest != ':' || port_parse(&port, rest + 1, (size_t)(end - rest - 1)) < 0)) {
        return SOTTO_EPARSE;
    }
    memcpy(out->host, host, host_len + 1);
    out->port = port;
    return 0;
}

int relay_authority_format(const struct sotto_relay_address *a, bool always_port,
                           char out[RELAY_AUTHORITY_TEXT_BYTES])
{
    if (memchr(a->host, '\0', sizeof a->host) == NULL) {
        return SOTTO_EINVAL;
    }
    bool ipv6 = strchr(a->host, ':') != NULL;
    char port[PORT_DIGITS_MAX + 2] = "";
    if (always_port || a->port != RELAY_PORT_DEFAULT) {
        snprintf(port, sizeof port, ":%u", (unsigned)a->port);
    }
    char text[RELAY_AUTHORITY_TEXT_BYTES];
    int len =
        snprintf(text, sizeof text, "%s%s%s%s", ipv6 ? "[" : "", a->host, ipv6 ? "]" : "", port);
    // What the parser would not give back is not written.
    struct sotto_relay_address again;
    if (len < 0 || relay_authority_parse(&again, text, (size_t)len) < 0 || again.port != a->port ||
        strcmp(again.host, a->host) != 0) {
        return SOTTO_EINVAL;
    }
    memcpy(out, text, (size_t)len + 1);
    return len;
}

int sotto_relay_origin(const struct sotto_relay_address *a, char out[SOTTO_ORIGIN_TEXT_BYTES])
{
    char text[RELAY_AUTHORITY_TEXT_BYTES];
    int len = relay_authority_format(a, true, text);
    if (len < 0 || len >= SOTTO_ORIGIN_TEXT_BYTES) {
        return SOTTO_EINVAL;
    }
    memcpy(out, text, (size_t)len + 1);
    return len;
}
