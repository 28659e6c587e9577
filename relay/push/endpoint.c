// SPDX-License-Identifier: Apache-2.0
#include "push/endpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX_BYTES 253
#define PORT_HTTPS     443

struct place {
    char host[HOST_MAX_BYTES + 1];
    unsigned port;
};

static bool is_host(const char *text, size_t len)
{
    if (len == 0 || len > HOST_MAX_BYTES || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool good = islower((unsigned char)text[i]) || isdigit((unsigned char)text[i]) ||
                    text[i] == '-' || (text[i] == '.' && text[i - 1] != '.');
        if (!good)
            return false;
    }
    return text[len - 1] != '.';
}

// "host" or "host:port" of len bytes.
static bool parse_place(const char *text, size_t len, struct place *out)
{
    const char *colon = memchr(text, ':', len);
    size_t host_len = colon == NULL ? len : (size_t)(colon - text);
    unsigned port = colon == NULL ? PORT_HTTPS : 0;
    if (!is_host(text, host_len))
        return false;
    for (size_t i = host_len + 1; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) || port > UINT16_MAX)
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX || (colon != NULL && colon[1] == '0'))
        return false;
    memcpy(out->host, text, host_len);
    out->host[host_len] = '\0';
    out->port = port;
    return true;
}

bool push_services_add(struct push_services *s, const char *text)
{
    char lower[PUSH_SERVICE_MAX_BYTES + 1];
    struct place place;
    size_t len = strlen(text);
    if (s->count == PUSH_SERVICES_MAX || len > PUSH_SERVICE_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    size_t skip = strncmp(lower, "*.", 2) == 0 ? 2 : 0;
    if (!parse_place(lower + skip, len - skip, &place))
        return false;
    if (skip != 0 && strchr(place.host, '.') == NULL)
        return false; // "*.com" is the world
    memcpy(s->hosts[s->count++], lower, len + 1);
    return true;
}

static bool is_at(const char *service, const struct place *place)
{
    struct place wanted;
    bool below = strncmp(service, "*.", 2) == 0;
    service += below ? 2 : 0;
    if (!parse_place(service, strlen(service), &wanted) || wanted.port != place->port)
        return false;
    size_t len = strlen(place->host), wanted_len = strlen(wanted.host);
    if (!below)
        return strcmp(place->host, wanted.host) == 0;
    return len > wanted_len + 1 && place->host[len - wanted_len - 1] == '.' &&
           strcmp(place->host + len - wanted_len, wanted.host) == 0;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '#' || *text == '\\')
            return false;
    return true;
}

bool push_endpoint_parse(const struct push_services *s, const char *endpoint,
                         char origin[PUSH_ORIGIN_MAX_BYTES + 1])
{
    static const char scheme[] = "https://";
    struct place place;
    if (strncmp(endpoint, scheme, strlen(scheme)) != 0 || !is_printable(endpoint))
        return false;
    const char *authority = endpoint + strlen(scheme);
    const char *path = strchr(authority, '/');
    if (path == NULL || !parse_place(authority, (size_t)(path - authority), &place))
        return false;
    bool found = false;
    for (size_t i = 0; i < s->count; i++)
        found = found || is_at(s->hosts[i], &place);
    if (!found || origin == NULL)
        return found;
    if (place.port == PORT_HTTPS)
        snprintf(origin, PUSH_ORIGIN_MAX_BYTES + 1, "https://%s", place.host);
    else
        snprintf(origin, PUSH_ORIGIN_MAX_BYTES + 1, "https://%s:%u", place.host, place.port);
    return true;
}
