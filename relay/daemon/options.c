// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/nearest.h"

const char options_help[] =
    "sottod - the relay of sotto: carries calls it cannot hear\n"
    "\n"
    "  sottod [run]            run the relay in the foreground\n"
    "  sottod invite           print a link with which somebody makes a line here\n"
    "      --days N            good for N days (7)\n"
    "      --count N           print N links\n"
    "  sottod lines            list the lines\n"
    "  sottod revoke-line ID   withdraw a line with all its numbers, at once\n"
    "  sottod stats            what the running relay does\n"
    "      --prometheus        for a metrics collector\n"
    "  sottod check            try everything that running needs, and say what to do\n"
    "\n"
    "  --config FILE   read this file (/etc/sottod/sottod.conf)\n"
    "  --name HOST     the host name under which devices reach the relay\n"
    "  --port N        UDP and TCP port (443 if that is allowed, else 8443)\n"
    "  --bind ADDRESS  listen on this address only (::, all)\n"
    "  --data DIR      where lines, numbers and the certificate are kept\n"
    "  --page DIR      the web page it serves, or \"none\" (the one it was installed with)\n"
    "  --plain-port N  serve browsers on this machine without TLS as well, on this port\n"
    "  --json          answers of commands as JSON\n"
    "  --log-json      log lines as JSON\n"
    "  --log-level L   error, warning, info or debug\n"
    "  --debug-addresses   show addresses in the log\n"
    "  --no-sandbox    without seccomp, for debugging\n"
    "  --help, --version\n"
    "\n"
    "Everything has a default. The manual: man sottod, man sottod.conf\n";

static const struct {
    const char *name;
    enum command command;
} commands[] = {
    {"run", COMMAND_RUN},     {"invite", COMMAND_INVITE},           {"lines", COMMAND_LINES},
    {"stats", COMMAND_STATS}, {"revoke-line", COMMAND_REVOKE_LINE}, {"check", COMMAND_CHECK},
    {"help", COMMAND_HELP},
};

enum {
    O_CONFIG = 256,
    O_NAME,
    O_PORT,
    O_BIND,
    O_DATA,
    O_PAGE,
    O_PLAIN_PORT,
    O_JSON,
    O_LOG_JSON,
    O_LOG_LEVEL,
    O_ADDRESSES,
    O_NO_SANDBOX,
    O_DAYS,
    O_COUNT,
    O_PROMETHEUS,
    O_HELP,
    O_VERSION
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, O_CONFIG},
    {"name", required_argument, NULL, O_NAME},
    {"port", required_argument, NULL, O_PORT},
    {"bind", required_argument, NULL, O_BIND},
    {"data", required_argument, NULL, O_DATA},
    {"page", required_argument, NULL, O_PAGE},
    {"plain-port", required_argument, NULL, O_PLAIN_PORT},
    {"json", no_argument, NULL, O_JSON},
    {"log-json", no_argument, NULL, O_LOG_JSON},
    {"log-level", required_argument, NULL, O_LOG_LEVEL},
    {"debug-addresses", no_argument, NULL, O_ADDRESSES},
    {"no-sandbox", no_argument, NULL, O_NO_SANDBOX},
    {"days", required_argument, NULL, O_DAYS},
    {"count", required_argument, NULL, O_COUNT},
    {"prometheus", no_argument, NULL, O_PROMETHEUS},
    {"help", no_argument, NULL, O_HELP},
    {"version", no_argument, NULL, O_VERSION},
    {NULL, 0, NULL, 0},
};

static int whole_number(const char *name, const char *text, uint32_t most, uint32_t *out,
                        char *error, size_t cap)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || v < 1 || v > most) {
        snprintf(error, cap, "--%s %.40s: want a whole number from 1 to %u", name, text, most);
        return SOTTO_EINVAL;
    }
    *out = (uint32_t)v;
    return 0;
}

// A relative path is fine on a command line.
static int set_directory(struct sottod_config *c, const char *key, const char *value, char *error,
                         size_t cap)
{
    char absolute[CONFIG_PATH_MAX];
    char *here = value[0] == '/' ? NULL : realpath(".", NULL);
    int len = value[0] == '/'
                  ? snprintf(absolute, sizeof absolute, "%s", value)
                  : snprintf(absolute, sizeof absolute, "%s/%s", here != NULL ? here : "", value);
    free(here);
    if (len >= (int)sizeof absolute) {
        snprintf(error, cap, "--%s: the path is too long", key);
        return SOTTO_EINVAL;
    }
    return config_set(c, "relay", key, absolute, error, cap);
}

static int apply(struct options *o, int option, const char *value, char *error, size_t cap)
{
    struct sottod_config *c = &o->config;
    switch (option) {
    case O_CONFIG:
        snprintf(o->config_file, sizeof o->config_file, "%s", value);
        return 0;
    case O_NAME:
        return config_set(c, "relay", "name", value, error, cap);
    case O_PORT:
        return config_set(c, "relay", "port", value, error, cap);
    case O_BIND:
        return config_set(c, "relay", "bind", value, error, cap);
    case O_DATA:
        return set_directory(c, "data", value, error, cap);
    case O_PAGE:
        return strcmp(value, CONFIG_NO_PAGE) == 0
                   ? config_set(c, "relay", "page", value, error, cap)
                   : set_directory(c, "page", value, error, cap);
    case O_PLAIN_PORT:
        return config_set(c, "relay", "plain", value, error, cap);
    case O_JSON:
        o->json = true;
        return 0;
    case O_LOG_JSON:
        return config_set(c, "log", "format", "json", error, cap);
    case O_LOG_LEVEL:
        return config_set(c, "log", "level", value, error, cap);
    case O_ADDRESSES:
        return config_set(c, "log", "addresses", "yes", error, cap);
    case O_NO_SANDBOX:
        c->sandbox = false;
        return 0;
    case O_DAYS:
        return whole_number("days", value, INVITE_DAYS_MAX, &o->days, error, cap);
    case O_COUNT:
        return whole_number("count", value, INVITE_COUNT_MAX, &o->count, error, cap);
    case O_PROMETHEUS:
        o->prometheus = true;
        return 0;
    case O_HELP:
        o->command = COMMAND_HELP;
        return 0;
    default:
        o->command = COMMAND_VERSION;
        return 0;
    }
}

static int bad_option(char **argv, char *error, size_t cap)
{
    const char *text = argv[optind - 1];
    struct nearest n;
    if (optopt >= O_CONFIG) {
        snprintf(error, cap, "%.60s %s", text,
                 strchr(text, '=') != NULL ? "takes no value" : "needs a value");
        return SOTTO_EINVAL;
    }
    nearest_begin(&n, text + strspn(text, "-"));
    for (const struct option *option = long_options; option->name != NULL; option++)
        nearest_offer(&n, option->name);
    snprintf(error, cap, "there is no option %.60s; did you mean --%s?", text, n.best);
    return SOTTO_EINVAL;
}

// Where the arguments lie for a reload.
static struct {
    int argc;
    char **argv;
} saved;

static int parse_options(struct options *o, int argc, char **argv, char *error, size_t cap)
{
    int option;
    opterr = 0;
    optind = 0; // GNU: scans from the start again
    while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return bad_option(argv, error, cap);
        int rc = apply(o, option, optarg, error, cap);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int parse_command(struct options *o, const char *word, char *error, size_t cap)
{
    struct nearest n;
    nearest_begin(&n, word);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            o->command = commands[i].command;
            return 0;
        }
        nearest_offer(&n, commands[i].name);
    }
    snprintf(error, cap, "there is no command \"%.60s\"; did you mean \"%s\"?", word, n.best);
    return SOTTO_EINVAL;
}

static int parse_words(struct options *o, int argc, char **argv, char *error, size_t cap)
{
    if (o->command == COMMAND_HELP || o->command == COMMAND_VERSION || optind >= argc)
        return 0;
    int rc = parse_command(o, argv[optind], error, cap);
    if (rc != 0)
        return rc;
    int left = argc - optind - 1;
    if (o->command == COMMAND_REVOKE_LINE && left == 1) {
        o->line = argv[optind + 1];
        left = 0;
    } else if (o->command == COMMAND_REVOKE_LINE) {
        snprintf(error, cap, "revoke-line wants one line: its ID as \"sottod lines\" shows it");
        return SOTTO_EINVAL;
    }
    if (left > 0) {
        snprintf(error, cap, "what is \"%.60s\"? %s takes no further words", argv[optind + 1],
                 argv[optind]);
        return SOTTO_EINVAL;
    }
    return 0;
}

static int read_all(struct options *o, char *error, size_t cap)
{
    char file[CONFIG_PATH_MAX];
    bool named = o->config_file[0] != '\0';
    snprintf(file, sizeof file, "%s", o->config_file);
    config_default(&o->config);
    if (named || config_find(file)) {
        int rc = config_read(&o->config, file, error, cap);
        if (rc != 0)
            return rc;
    }
    int rc = parse_options(o, saved.argc, saved.argv, error, cap);
    if (rc == 0 && (named || config_find(file)))
        snprintf(o->config_file, sizeof o->config_file, "%s", file);
    return rc == 0 ? config_finish(&o->config, error, cap) : rc;
}

int options_parse(struct options *o, int argc, char **argv, char *error, size_t error_cap)
{
    *o = (struct options){.days = 7, .count = 1};
    saved.argc = argc;
    saved.argv = argv;
    config_default(&o->config);
    int rc = parse_options(o, argc, argv, error, error_cap);
    if (rc == 0)
        rc = parse_words(o, argc, argv, error, error_cap);
    if (rc != 0 || o->command == COMMAND_HELP || o->command == COMMAND_VERSION)
        return rc;
    return read_all(o, error, error_cap);
}

int options_reload(const struct options *o, struct sottod_config *out, char *error,
                   size_t error_cap)
{
    struct options again = *o;
    int rc = read_all(&again, error, error_cap);
    if (rc == 0)
        *out = again.config;
    return rc;
}
