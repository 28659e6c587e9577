// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/nearest.h"

enum kind {
    HOST,
    ALIASES,
    ADDRESS,
    PATH,
    PAGE,
    NUMBER,
    PORT,
    PLAIN,
    LEVEL,
    FORMAT,
    FLAG,
    CONTACT,
    SERVICES
};

struct key {
    const char *section, *name;
    enum kind kind;
    size_t offset;
    size_t size;          // HOST, ADDRESS, PATH: of the field
    uint32_t least, most; // NUMBER
};

#define TEXT(s, n, k, field)                                 \
    {                                                        \
        s, n, k, offsetof(struct sottod_config, field),      \
            sizeof(((struct sottod_config *)0)->field), 0, 0 \
    }
#define COUNT(s, n, field, least, most)                                     \
    {                                                                       \
        s, n, NUMBER, offsetof(struct sottod_config, field), 0, least, most \
    }

static const struct key keys[] = {
    TEXT("relay", "name", HOST, name),
    TEXT("relay", "also", ALIASES, aliases),
    TEXT("relay", "port", PORT, port),
    TEXT("relay", "bind", ADDRESS, bind),
    TEXT("relay", "data", PATH, data),
    TEXT("relay", "certificate", PATH, certificate),
    TEXT("relay", "key", PATH, key),
    TEXT("relay", "page", PAGE, page),
    TEXT("relay", "plain", PLAIN, plain_port),
    COUNT("limits", "connections", connections, 1, RELAY_CONNS_MAX),
    COUNT("limits", "connections_per_address", connections_per_address, 1, RELAY_CONNS_MAX),
    COUNT("limits", "dials_per_number_per_minute", limits.dials_per_number_per_minute, 1, 6000),
    COUNT("limits", "dials_per_address_per_minute", limits.dials_per_address_per_minute, 4, 60000),
    COUNT("limits", "meets_per_address_per_minute", limits.meets_per_address_per_minute, 1, 6000),
    COUNT("limits", "registers_per_address_per_minute", limits.registers_per_address_per_minute, 1,
          6000),
    COUNT("limits", "logins_per_address_per_minute", limits.logins_per_address_per_minute, 1,
          60000),
    COUNT("limits", "cells_per_circuit_per_second", limits.cells_per_circuit_per_second, 60, 1000),
    COUNT("limits", "numbers_per_line", limits.numbers_per_line, 1, 100000),
    COUNT("limits", "database_mb", database_mb, 1, 1000000),
    TEXT("push", "enabled", FLAG, push_enabled),
    TEXT("push", "contact", CONTACT, push_contact),
    TEXT("push", "services", SERVICES, push_services),
    TEXT("push", "ca", PATH, push_ca),
    TEXT("log", "level", LEVEL, level),
    TEXT("log", "format", FORMAT, log_json),
    TEXT("log", "addresses", FLAG, debug_addresses),
};
#define KEYS (sizeof keys / sizeof keys[0])

const char *config_key_name(size_t n)
{
    static char name[96];
    if (n >= KEYS)
        return NULL;
    snprintf(name, sizeof name, "%s.%s", keys[n].section, keys[n].name);
    return name;
}

// ---- defaults -----------------------------------------------------------------------------------

static void default_data(struct sottod_config *c)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (systemd != NULL && systemd[0] == '/' && strchr(systemd, ':') == NULL)
        snprintf(c->data, sizeof c->data, "%s", systemd);
    else if (geteuid() == 0)
        snprintf(c->data, sizeof c->data, "/var/lib/sottod");
    else if (state != NULL && state[0] == '/')
        snprintf(c->data, sizeof c->data, "%s/sottod", state);
    else
        snprintf(c->data, sizeof c->data, "%s/.local/state/sottod", home != NULL ? home : "");
}

// Those of Chrome, Firefox, Safari and Edge.
static const char *const push_services[] = {"fcm.googleapis.com",
                                            "updates.push.services.mozilla.com", "*.push.apple.com",
                                            "*.notify.windows.com"};

void config_default(struct sottod_config *c)
{
    *c = (struct sottod_config){.bind = "::",
                                .connections = 10000,
                                .connections_per_address = 64,
                                .database_mb = 1024,
                                .push_enabled = true,
                                .level = LOG_LEVEL_INFO,
                                .sandbox = true};
    for (size_t i = 0; i < sizeof push_services / sizeof push_services[0]; i++)
        (void)push_services_add(&c->push_services, push_services[i]);
    default_data(c);
}

bool config_find(char out[CONFIG_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (geteuid() != 0 && config != NULL && config[0] == '/')
        snprintf(out, CONFIG_PATH_MAX, "%s/sottod/sottod.conf", config);
    else if (geteuid() != 0 && home != NULL)
        snprintf(out, CONFIG_PATH_MAX, "%s/.config/sottod/sottod.conf", home);
    else
        out[0] = '\0';
    if (out[0] != '\0' && access(out, F_OK) == 0)
        return true;
    snprintf(out, CONFIG_PATH_MAX, "/etc/sottod/sottod.conf");
    return access(out, F_OK) == 0;
}

// ---- values -------------------------------------------------------------------------------------

static int bad(char *error, size_t cap, const struct key *key, const char *value, const char *want)
{
    snprintf(error, cap, "%s = %.60s: want %s", key->name, value, want);
    return SOTTO_EINVAL;
}

static bool parse_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || v > most)
        return false;
    *out = v;
    return true;
}

// Lower case, valid, and of a length that fits.
static bool parse_host(const char *text, size_t len, char out[SOTTO_HOST_MAX_BYTES + 1])
{
    struct sotto_relay_address a = {.port = 1};
    char origin[SOTTO_ORIGIN_TEXT_BYTES];
    if (len == 0 || len >= sizeof a.host)
        return false;
    for (size_t i = 0; i < len; i++)
        a.host[i] = (char)tolower((unsigned char)text[i]);
    if (sotto_relay_origin(&a, origin) < 0)
        return false;
    memcpy(out, a.host, sizeof a.host);
    return true;
}

// "host" or "host:port"; an IPv6 address with a port stands in brackets.
static bool parse_alias(const char *text, struct sotto_relay_address *out)
{
    uint64_t port;
    size_t len = strlen(text);
    *out = (struct sotto_relay_address){.port = 0};
    if (parse_host(text, len, out->host))
        return true;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !parse_number(colon + 1, UINT16_MAX, &port) || port == 0)
        return false;
    out->port = (uint16_t)port;
    len = (size_t)(colon - text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']')
        return parse_host(text + 1, len - 2, out->host);
    return parse_host(text, len, out->host);
}

static int set_aliases(struct sottod_config *c, const struct key *key, const char *value,
                       char *error, size_t cap)
{
    char copy[CONFIG_LINE_MAX + 1];
    char *rest = copy;
    const char *one;
    snprintf(copy, sizeof copy, "%s", value);
    c->alias_count = 0;
    while ((one = strsep(&rest, ", \t")) != NULL) {
        if (one[0] == '\0')
            continue;
        if (c->alias_count == CONFIG_ALIASES_MAX)
            return bad(error, cap, key, one, "at most four further names");
        if (!parse_alias(one, &c->aliases[c->alias_count++]))
            return bad(error, cap, key, one, "host names, or host:port, separated by commas");
    }
    return 0;
}

static bool is_address(const char *text)
{
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static int set_text(struct sottod_config *c, const struct key *key, const char *value, char *error,
                    size_t cap)
{
    if (strlen(value) >= key->size)
        return bad(error, cap, key, value, "something shorter");
    snprintf((char *)c + key->offset, key->size, "%s", value);
    return 0;
}

static int set_number(struct sottod_config *c, const struct key *key, const char *value,
                      char *error, size_t cap)
{
    char want[64];
    uint64_t v;
    if (!parse_number(value, key->most, &v) || v < key->least) {
        snprintf(want, sizeof want, "a whole number from %u to %u", key->least, key->most);
        return bad(error, cap, key, value, want);
    }
    uint32_t v32 = (uint32_t)v;
    memcpy((char *)c + key->offset, &v32, sizeof v32);
    return 0;
}

static int set_port(struct sottod_config *c, const struct key *key, const char *value, char *error,
                    size_t cap)
{
    uint64_t v;
    if (!parse_number(value, UINT16_MAX, &v))
        return bad(error, cap, key, value, "a port number, 0 to 65535 (0: any free one)");
    c->port = (uint32_t)v;
    c->port_set = true;
    return 0;
}

static int set_plain(struct sottod_config *c, const struct key *key, const char *value, char *error,
                     size_t cap)
{
    uint64_t v = 0;
    bool off = strcmp(value, "no") == 0;
    if (!off && !parse_number(value, UINT16_MAX, &v))
        return bad(error, cap, key, value,
                   "a port number of this machine, 0 to 65535 (0: any free one), or no");
    c->plain = !off;
    c->plain_port = (uint32_t)v;
    return 0;
}

static int set_level(struct sottod_config *c, const struct key *key, const char *value, char *error,
                     size_t cap)
{
    if (!log_level_parse(value, &c->level))
        return bad(error, cap, key, value, "error, warning, info or debug");
    return 0;
}

static int set_flag(struct sottod_config *c, const struct key *key, const char *value,
                    const char *yes, const char *no, char *error, size_t cap)
{
    char want[64];
    bool v = strcmp(value, yes) == 0;
    if (!v && strcmp(value, no) != 0) {
        snprintf(want, sizeof want, "%s or %s", yes, no);
        return bad(error, cap, key, value, want);
    }
    memcpy((char *)c + key->offset, &v, sizeof v);
    return 0;
}

static int set_contact(struct sottod_config *c, const struct key *key, const char *value,
                       char *error, size_t cap)
{
    bool good = strncmp(value, "mailto:", 7) == 0 || strncmp(value, "https://", 8) == 0;
    for (const char *at = value; *at != '\0'; at++)
        good = good && *at > ' ' && *at <= '~' && *at != '"' && *at != '\\';
    if (!good)
        return bad(error, cap, key, value, "mailto: or https:// and where to reach you");
    return set_text(c, key, value, error, cap);
}

static int set_services(struct sottod_config *c, const struct key *key, const char *value,
                        char *error, size_t cap)
{
    char copy[CONFIG_LINE_MAX + 1];
    char *rest = copy;
    const char *one;
    snprintf(copy, sizeof copy, "%s", value);
    c->push_services = (struct push_services){.count = 0};
    while ((one = strsep(&rest, ", \t")) != NULL)
        if (one[0] != '\0' && !push_services_add(&c->push_services, one))
            return bad(error, cap, key, one, "at most eight host names, or *.domain");
    return 0;
}

bool config_pushes(const struct sottod_config *c)
{
    return c->push_enabled && c->push_contact[0] != '\0';
}

static int set_value(struct sottod_config *c, const struct key *key, const char *value, char *error,
                     size_t cap)
{
    switch (key->kind) {
    case HOST:
        if (!parse_host(value, strlen(value), c->name))
            return bad(error, cap, key, value, "a host name or an address, without a port");
        c->name_set = true;
        return 0;
    case ADDRESS:
        if (!is_address(value))
            return bad(error, cap, key, value, "an IP address, 0.0.0.0 or ::");
        return set_text(c, key, value, error, cap);
    case PATH:
        if (value[0] != '/')
            return bad(error, cap, key, value, "a path that begins with /");
        return set_text(c, key, value, error, cap);
    case PAGE:
        if (value[0] != '/' && strcmp(value, CONFIG_NO_PAGE) != 0)
            return bad(error, cap, key, value, "a path that begins with /, or " CONFIG_NO_PAGE);
        return set_text(c, key, value, error, cap);
    case ALIASES:
        return set_aliases(c, key, value, error, cap);
    case NUMBER:
        return set_number(c, key, value, error, cap);
    case PORT:
        return set_port(c, key, value, error, cap);
    case PLAIN:
        return set_plain(c, key, value, error, cap);
    case LEVEL:
        return set_level(c, key, value, error, cap);
    case FORMAT:
        return set_flag(c, key, value, "json", "human", error, cap);
    case FLAG:
        return set_flag(c, key, value, "yes", "no", error, cap);
    case CONTACT:
        return set_contact(c, key, value, error, cap);
    case SERVICES:
        return set_services(c, key, value, error, cap);
    }
    return SOTTO_EINVAL;
}

// ---- keys ---------------------------------------------------------------------------------------

static int unknown_key(const char *section, const char *name, char *error, size_t cap)
{
    struct nearest n;
    nearest_begin(&n, name);
    const struct key *elsewhere = NULL;
    bool section_known = false;
    for (const struct key *key = keys; key < keys + KEYS; key++) {
        bool here = strcmp(key->section, section) == 0;
        section_known |= here;
        if (here)
            nearest_offer(&n, key->name);
        else if (strcmp(key->name, name) == 0)
            elsewhere = key;
    }
    if (!section_known)
        snprintf(error, cap,
                 "there is no section [%.60s]: there are [relay], [limits], [push], "
                 "[log]",
                 section);
    else if (elsewhere != NULL)
        snprintf(error, cap, "the key \"%s\" belongs to section [%s]", name, elsewhere->section);
    else
        snprintf(error, cap, "there is no key \"%.60s\" in [%s]; did you mean \"%s\"?", name,
                 section, n.best);
    return SOTTO_EINVAL;
}

static const struct key *find_key(const char *section, const char *name)
{
    for (const struct key *key = keys; key < keys + KEYS; key++)
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

int config_set(struct sottod_config *c, const char *section, const char *name, const char *value,
               char *error, size_t error_cap)
{
    const struct key *key = find_key(section, name);
    if (key == NULL)
        return unknown_key(section, name, error, error_cap);
    if (value[0] == '\0')
        return bad(error, error_cap, key, value, "a value, or leave the key out");
    return set_value(c, key, value, error, error_cap);
}

// ---- the file -----------------------------------------------------------------------------------

struct reading {
    struct sottod_config *config;
    FILE *file;
    int line;
    int bad_line; // 0: none yet
    bool seen[KEYS];
    char error[CONFIG_ERROR_MAX / 2];
};

static void complain(struct reading *r, const char *text)
{
    if (r->bad_line != 0)
        return;
    r->bad_line = r->line;
    snprintf(r->error, sizeof r->error, "%s", text);
}

// Hands inih one line at a time and counts. Indented lines lose their indent: inih would take
// them for a continuation of the line before.
static char *read_line(char *str, int size, void *stream)
{
    struct reading *r = stream;
    char line[CONFIG_LINE_MAX + 2];
    if (r->bad_line != 0 || fgets(line, sizeof line, r->file) == NULL)
        return NULL;
    r->line++;
    size_t len = strlen(line);
    if (len == sizeof line - 1 && line[len - 1] != '\n')
        complain(r, "this line is too long");
    snprintf(str, (size_t)size, "%s", line + strspn(line, " \t"));
    return str;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    char error[CONFIG_ERROR_MAX / 2];
    const struct key *key = find_key(section, name);
    if (section[0] == '\0') {
        complain(r, "a key must stand below a section: [relay], [limits], [push] or [log]");
    } else if (key != NULL && r->seen[key - keys]) {
        snprintf(error, sizeof error, "\"%s\" is set a second time", name);
        complain(r, error);
    } else if (config_set(r->config, section, name, value, error, sizeof error) != 0) {
        complain(r, error);
    } else {
        r->seen[key - keys] = true;
    }
    return r->bad_line == 0;
}

int config_read(struct sottod_config *c, const char *file, char *error, size_t error_cap)
{
    struct reading r = {.config = c, .file = fopen(file, "re")};
    if (r.file == NULL) {
        int rc = errno == ENOENT ? SOTTO_ENOTFOUND : SOTTO_EIO;
        snprintf(error, error_cap, "%s: %s", file, strerror(errno));
        return rc;
    }
    int line = ini_parse_stream(read_line, &r, on_pair, &r);
    bool failed = ferror(r.file) != 0;
    fclose(r.file);
    if (line > 0 && (r.bad_line == 0 || line < r.bad_line)) { // inih goes on after its own errors
        r.bad_line = 0;
        r.line = line;
        complain(&r, "want \"key = value\", \"[section]\" or a comment (;)");
    }
    if (r.bad_line != 0) {
        snprintf(error, error_cap, "%s, line %d: %s", file, r.bad_line, r.error);
        return SOTTO_EINVAL;
    }
    if (failed) {
        snprintf(error, error_cap, "%s: cannot be read", file);
        return SOTTO_EIO;
    }
    return 0;
}

// ---- finishing ----------------------------------------------------------------------------------

// Without asking anybody on the network.
static void find_name(struct sottod_config *c)
{
    char host[SOTTO_HOST_MAX_BYTES + 1] = "";
    if (gethostname(host, sizeof host - 1) != 0 || strchr(host, '.') == NULL ||
        !parse_host(host, strlen(host), c->name))
        snprintf(c->name, sizeof c->name, "127.0.0.1");
}

// The first number after `label` in a file of /proc.
static bool proc_number(const char *file, const char *label, int base, unsigned long long *out)
{
    char line[256];
    FILE *f = fopen(file, "re");
    bool found = false;
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        found = strncmp(line, label, strlen(label)) == 0;
        if (found)
            *out = strtoull(line + strlen(label), NULL, base);
    }
    if (f != NULL)
        fclose(f);
    return found;
}

// As root, with the capability (systemd gives it), or where the system reserves fewer ports.
static bool may_bind_privileged(void)
{
    unsigned long long capabilities = 0, start = 1024;
    proc_number("/proc/self/status", "CapEff:", 16, &capabilities);
    proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", "", 10, &start);
    return (capabilities >> CAP_NET_BIND_SERVICE & 1) != 0 || start <= PORT_PRIVILEGED;
}

int config_finish(struct sottod_config *c, char *error, size_t error_cap)
{
    if (!c->name_set)
        find_name(c);
    if (!c->port_set)
        c->port = may_bind_privileged() ? PORT_PRIVILEGED : PORT_UNPRIVILEGED;
    if ((c->certificate[0] == '\0') != (c->key[0] == '\0')) {
        snprintf(error, error_cap,
                 "\"certificate\" and \"key\" belong together: set both, or neither for a "
                 "self-made certificate");
        return SOTTO_EINVAL;
    }
    if (c->data[0] != '/') {
        snprintf(error, error_cap,
                 "where shall the data be? Set \"data\" in the file, or --data DIR");
        return SOTTO_EINVAL;
    }
    return 0;
}

int config_path(const struct sottod_config *c, const char *file, char out[CONFIG_PATH_MAX])
{
    int len = snprintf(out, CONFIG_PATH_MAX, "%s/%s", c->data, file);
    return len < CONFIG_PATH_MAX ? 0 : SOTTO_ESPACE;
}

static const char *const loopbacks[] = {"127.0.0.1", "localhost", "::1"};
#define LOOPBACKS (sizeof loopbacks / sizeof loopbacks[0])

bool config_is_loopback(const char *name)
{
    for (size_t i = 0; i < LOOPBACKS; i++)
        if (strcmp(name, loopbacks[i]) == 0)
            return true;
    return false;
}

static int add_origin(const char *host, uint16_t port, struct relay_config *out)
{
    struct sotto_relay_address a = {.port = port};
    char origin[SOTTO_ORIGIN_TEXT_BYTES];
    static_assert(sizeof origin == sizeof out->origin, "one length");
    memcpy(a.host, host, strlen(host) + 1);
    if (sotto_relay_origin(&a, origin) < 0)
        return SOTTO_EINVAL;
    if (out->origin[0] == '\0') {
        memcpy(out->origin, origin, sizeof origin);
        return 0;
    }
    if (out->more_origin_count == RELAY_ORIGINS_MAX - 1)
        return SOTTO_ELIMIT;
    memcpy(out->more_origins[out->more_origin_count++], origin, sizeof origin);
    return 0;
}

int config_origins(const struct sottod_config *c, uint16_t port, struct relay_config *out)
{
    int rc = add_origin(c->name, port, out);
    for (size_t i = 0; rc == 0 && i < c->alias_count; i++)
        rc = add_origin(c->aliases[i].host, c->aliases[i].port != 0 ? c->aliases[i].port : port,
                        out);
    for (size_t i = 0; rc == 0 && config_is_loopback(c->name) && i < LOOPBACKS; i++)
        if (strcmp(c->name, loopbacks[i]) != 0)
            rc = add_origin(loopbacks[i], port, out);
    return rc;
}
