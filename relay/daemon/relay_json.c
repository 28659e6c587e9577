// SPDX-License-Identifier: Apache-2.0
#include "daemon/relay_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sotto/base.h>

#include "base/encoding.h"
#include "daemon/hex.h"

#define BASE64_HASH_BYTES 45 // of 32 bytes, padded, with the NUL

struct text {
    char *at;
    size_t left;
};

// Host names and origins have been checked: nothing in them needs an escape.
static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->left) {
        t->left = 0;
        return;
    }
    t->at += n;
    t->left -= (size_t)n;
}

// RFC 4648 §4: what atob() reads.
static void base64_hash(const uint8_t hash[32], char out[BASE64_HASH_BYTES])
{
    int n = base64url_encode(hash, 32, out, BASE64_HASH_BYTES);
    for (char *c = out; n > 0 && *c != '\0'; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    memcpy(out + BASE64_HASH_BYTES - 2, "=", 2);
}

static void add_certificate(struct text *t, const struct certificate *c)
{
    char hash[BASE64_HASH_BYTES];
    if (!c->self_made)
        return;
    base64_hash(c->sha256, hash);
    add(t, ",\"certificate_hashes\":[\"%s\"]", hash);
}

static void add_aliases(struct text *t, const struct relay_config *origins)
{
    add(t, ",\"aliases\":[");
    for (size_t i = 0; i < origins->more_origin_count; i++)
        add(t, "%s\"%s\"", i > 0 ? "," : "", origins->more_origins[i]);
    add(t, "]");
}

static void add_release(struct text *t, const struct site *s)
{
    char hash[2 * SITE_HASH_BYTES + 1];
    if (!s->released)
        return;
    hex_encode(s->release, sizeof s->release, hash);
    add(t, ",\"release\":{\"sha256\":\"%s\"}", hash);
}

int relay_json_write(const struct relay_json *j, char out[RELAY_JSON_MAX_BYTES])
{
    struct text t = {out, RELAY_JSON_MAX_BYTES};
    add(&t, "{\"origin\":\"%s\",\"host\":\"%s\",\"port\":%u", j->origins->origin, j->host, j->port);
    add_certificate(&t, j->certificate);
    add_aliases(&t, j->origins);
    add(&t, ",\"plain_websocket\":%s", j->plain ? "true" : "false");
    if (j->vapid != NULL)
        add(&t, ",\"vapid\":\"%s\"", j->vapid);
    add_release(&t, j->site);
    add(&t, "}\n");
    return t.left > 0 ? 0 : SOTTO_ESPACE;
}
