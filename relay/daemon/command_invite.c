// SPDX-License-Identifier: Apache-2.0
// sottod invite: links with which somebody makes a line on this relay.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sotto/identity.h>

#include "daemon/certificate.h"
#include "daemon/commands.h"
#include "daemon/server.h"

#define DAY_S 86400

// Where the configuration does not say what the relay is called, the relay itself, when it ran,
// has written it down.
static void recall_address(const struct options *o, struct sotto_relay_address *out)
{
    char path[CONFIG_PATH_MAX], name[SOTTO_HOST_MAX_BYTES + 1];
    unsigned port;
    FILE *f = config_path(&o->config, ADDRESS_FILE, path) == 0 ? fopen(path, "re") : NULL;
    if (f == NULL)
        return;
    if (fscanf(f, "%253s %u", name, &port) == 2 && port > 0 && port <= UINT16_MAX) {
        if (!o->config.name_set)
            memcpy(out->host, name, sizeof name);
        if (!o->config.port_set || o->config.port == 0)
            out->port = (uint16_t)port;
    }
    fclose(f);
}

static int find_address(const struct options *o, struct sotto_relay_address *out)
{
    struct certificate certificate;
    char error[CONFIG_ERROR_MAX];
    struct sotto_relay_address a = {.port = (uint16_t)o->config.port};
    memcpy(a.host, o->config.name, sizeof a.host);
    recall_address(o, &a);
    if (a.port == 0) {
        command_fail(o, "the relay's port is not known yet: run it first, or give --port");
        return SOTTO_ESTATE;
    }
    struct sottod_config c = o->config; // a certificate made here is for the name in the link
    memcpy(c.name, a.host, sizeof c.name);
    int rc = certificate_prepare(&certificate, &c, (int64_t)time(NULL), false, error, sizeof error);
    if (rc != 0) {
        command_fail(o, "%s", error);
        return rc;
    }
    a.pinned = certificate.self_made;
    memcpy(a.pin, certificate.pin, sizeof a.pin);
    *out = a;
    return 0;
}

static int make_one(struct relay_sqlite *store, const struct sotto_relay_address *address,
                    int64_t now, int64_t expires, char text[SOTTO_LINK_MAX_BYTES])
{
    struct sotto_invite_link link = {.relay = *address};
    const struct sotto_env *env = sotto_env_default();
    env->random(link.invite, sizeof link.invite, env->user);
    int rc = sotto_invite_link_format(&link, text, SOTTO_LINK_MAX_BYTES);
    if (rc >= 0)
        rc = relay_sqlite_invite_create(store, link.invite, now, expires);
    sotto_wipe(&link, sizeof link);
    return rc;
}

static void print_one(const struct options *o, uint32_t i, const char *text, int64_t expires)
{
    if (o->json)
        printf("%s{\"link\":\"%s\",\"expires\":%lld}", i == 0 ? "[" : ",\n ", text,
               (long long)expires);
    else
        printf("%s\n", text);
}

int command_invite(const struct options *o)
{
    struct relay_sqlite *store = NULL;
    struct sotto_relay_address address;
    char text[SOTTO_LINK_MAX_BYTES];
    int64_t now = (int64_t)time(NULL), expires = now + (int64_t)o->days * DAY_S;
    if (command_open_store(o, &store) != 0)
        return 1;
    int rc = find_address(o, &address);
    bool told = rc != 0;
    for (uint32_t i = 0; rc == 0 && i < o->count; i++) {
        rc = make_one(store, &address, now, expires, text);
        if (rc == 0)
            print_one(o, i, text, expires);
    }
    sotto_wipe(text, sizeof text);
    relay_sqlite_close(store);
    if (rc != 0) {
        if (!told)
            command_fail(o, "the invitation cannot be stored: %s", sotto_strerror(rc));
        return 1;
    }
    if (o->json)
        printf("]\n");
    else if (isatty(STDOUT_FILENO))
        fprintf(stderr, "(each is good once, for %u day%s; whoever has it can make a line)\n",
                o->days, o->days == 1 ? "" : "s");
    return 0;
}
