// SPDX-License-Identifier: Apache-2.0
// sottod check: tries what running needs, and says what to do about what is missing.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "daemon/certificate.h"
#include "daemon/commands.h"
#include "daemon/control.h"
#include "daemon/hex.h"
#include "daemon/process.h"
#include "daemon/push.h"
#include "daemon/server.h"
#include "daemon/site.h"

#define DAY_S            86400
#define DISK_LEAST_BYTES (100u << 20)
#define CLOCK_LEAST_S    1767225600 // 2026-01-01: earlier than this program

enum verdict {
    GOOD,
    WARNING,
    BAD
};

struct checking {
    const struct options *o;
    int count, bad;
    bool running; // a relay runs here already
};

static void report(struct checking *c, enum verdict v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void report(struct checking *c, enum verdict v, const char *format, ...)
{
    static const char *const words[] = {"ok  ", "warn", "BAD "};
    static const char *const json[] = {"ok", "warning", "bad"};
    char text[CONFIG_ERROR_MAX], escaped[CONFIG_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_escape(text, escaped, sizeof escaped);
    if (c->o->json)
        printf("%s{\"result\":\"%s\",\"text\":\"%s\"}", c->count == 0 ? "[" : ",\n ", json[v],
               escaped);
    else
        printf("%s  %s\n", words[v], text);
    c->count++;
    c->bad += v == BAD;
}

static void check_config(struct checking *c)
{
    if (c->o->config_file[0] != '\0')
        report(c, GOOD, "configuration %s", c->o->config_file);
    else
        report(c, GOOD, "no configuration file: everything at its default");
}

static void check_data(struct checking *c)
{
    const struct sottod_config *cfg = &c->o->config;
    struct statvfs fs;
    char error[CONFIG_ERROR_MAX];
    if (process_data_directory(cfg->data, error, sizeof error) != 0) {
        report(c, BAD, "%s", error);
        return;
    }
    report(c, GOOD, "data directory %s", cfg->data);
    if (statvfs(cfg->data, &fs) != 0)
        report(c, BAD, "%s: %s", cfg->data, strerror(errno));
    else if ((uint64_t)fs.f_bavail * fs.f_frsize < DISK_LEAST_BYTES)
        report(c, WARNING, "only %llu MB are free there: make room",
               (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 20));
    else
        report(c, GOOD, "%llu MB are free there",
               (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 20));
}

static void check_store(struct checking *c)
{
    char path[CONFIG_PATH_MAX], error[CONFIG_ERROR_MAX];
    struct relay_sqlite *store = NULL;
    struct relay_sqlite_stats stats;
    if (config_path(&c->o->config, DATABASE_FILE, path) != 0 ||
        relay_sqlite_open(&store, path, error, sizeof error) != 0) {
        report(c, BAD, "%s. If it is damaged, restore it from a backup", error);
        return;
    }
    if (relay_sqlite_check(store) != 0 ||
        relay_sqlite_stats(store, (int64_t)time(NULL), &stats) != 0)
        report(c, BAD, "%s is damaged: restore it from a backup", path);
    else
        report(c, GOOD, "the store is sound: %llu lines, %llu numbers",
               (unsigned long long)stats.lines, (unsigned long long)stats.numbers);
    relay_sqlite_close(store);
}

static void check_certificate(struct checking *c)
{
    struct certificate found;
    char error[CONFIG_ERROR_MAX];
    int64_t now = (int64_t)time(NULL);
    if (certificate_prepare(&found, &c->o->config, now, false, error, sizeof error) != 0) {
        report(c, BAD, "%s", error);
        return;
    }
    int64_t days = (found.not_after_unix_s - now) / DAY_S;
    if (found.not_after_unix_s <= now)
        report(c, BAD, "the certificate %s has expired: renew it, then send sottod a SIGHUP",
               found.file);
    else if (found.self_made)
        report(c, GOOD, "self-made certificate, %lld days left, renews itself", (long long)days);
    else if (days < 14)
        report(c, WARNING, "the certificate %s ends in %lld days: renew it", found.file,
               (long long)days);
    else
        report(c, GOOD, "certificate %s, %lld days left", found.file, (long long)days);
}

static int try_bind(const struct sottod_config *cfg, int type)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)cfg->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cfg->port)};
    bool is6 = inet_pton(AF_INET6, cfg->bind, &v6.sin6_addr) == 1;
    const int yes = 1;
    if (!is6 && inet_pton(AF_INET, cfg->bind, &v4.sin_addr) != 1)
        return EADDRNOTAVAIL;
    int fd = socket(is6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    int rc = bind(fd, is6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
                  is6 ? sizeof v6 : sizeof v4);
    int reason = rc == 0 ? 0 : errno;
    close(fd);
    return reason;
}

static void check_port(struct checking *c, int type, const char *name)
{
    const struct sottod_config *cfg = &c->o->config;
    int reason = try_bind(cfg, type);
    if (reason == 0)
        report(c, GOOD, "port %u (%s) is free", cfg->port, name);
    else if (reason == EACCES || reason == EPERM)
        report(c, BAD, "port %u (%s) is reserved: use the systemd unit, or --port above 1023",
               cfg->port, name);
    else
        report(c, BAD, "port %u (%s): %s. Another program has it? (ss -lnp | grep :%u)", cfg->port,
               name, strerror(reason), cfg->port);
}

static void check_page(struct checking *c)
{
    char found[SITE_DIRECTORY_MAX], error[CONFIG_ERROR_MAX], hash[2 * SITE_HASH_BYTES + 1];
    const char *directory = c->o->config.page;
    struct site s = {.count = 0};
    if (strcmp(directory, CONFIG_NO_PAGE) == 0) {
        report(c, GOOD, "no web page is served, as configured");
        return;
    }
    if (directory[0] == '\0' && !site_default_directory(found)) {
        report(c, WARNING,
               "no web page is installed with this program: browsers find nothing here "
               "(\"page\")");
        return;
    }
    directory = directory[0] != '\0' ? directory : found;
    if (site_load(&s, directory, error, sizeof error) != 0) {
        report(c, BAD, "%s", error);
        return;
    }
    hex_encode(s.release, sizeof s.release, hash);
    if (s.released)
        report(c, GOOD, "web page in %s, hash %s", directory, hash);
    else
        report(c, WARNING, "the web page in %s has no release.json: nobody can verify it",
               directory);
    site_free(&s);
}

static void check_name(struct checking *c)
{
    const char *name = c->o->config.name;
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(name, NULL, NULL, &found);
    if (rc != 0)
        report(c, WARNING,
               "the name %s does not resolve (%s): devices elsewhere will not find the "
               "relay",
               name, gai_strerror(rc));
    else if (strcmp(name, "127.0.0.1") == 0 || strcmp(name, "localhost") == 0)
        report(c, WARNING,
               "the relay's name is %s: only devices on this machine will find it. Set "
               "\"name\", or --name",
               name);
    else
        report(c, GOOD, "the name %s resolves", name);
    if (found != NULL)
        freeaddrinfo(found);
}

static void check_clock(struct checking *c)
{
    struct timex t = {.modes = 0};
    if (time(NULL) < CLOCK_LEAST_S)
        report(c, BAD, "the clock is years behind: numbers and certificates would not expire");
    else if (adjtimex(&t) == TIME_ERROR)
        report(c, WARNING, "the clock is not synchronised (timedatectl set-ntp true)");
    else
        report(c, GOOD, "the clock is synchronised");
}

static void check_files(struct checking *c)
{
    struct rlimit files;
    unsigned want = c->o->config.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max < want)
        report(c, WARNING,
               "%u connections are configured but only %llu open files allowed "
               "(LimitNOFILE=, ulimit -n)",
               want, (unsigned long long)files.rlim_max);
    else
        report(c, GOOD, "enough open files for %u connections", want);
}

static void check_sandbox(struct checking *c)
{
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 || seccomp_api_get() < 2)
        report(c, WARNING,
               "this kernel has no seccomp filters: the relay runs without its sandbox");
    else
        report(c, GOOD, "the sandbox is available");
}

static void check_push(struct checking *c)
{
    char program[CONFIG_PATH_MAX];
    if (!config_pushes(&c->o->config))
        report(c, GOOD,
               "devices are not woken when their page is closed: [push] contact says who may be "
               "asked about it");
    else if (!push_program(program))
        report(c, BAD, "%s, which wakes devices, is not installed beside sottod", PUSH_PROGRAM);
    else
        report(c, GOOD, "devices are woken by %s", program);
}

int command_check(const struct options *o)
{
    struct checking c = {.o = o};
    static char answer[METRICS_TEXT_MAX];
    command_become_owner(&o->config);
    check_config(&c);
    check_data(&c);
    if (c.bad == 0) {
        c.running = command_ask(o, "stats json", answer, sizeof answer) > 0;
        check_store(&c);
        check_certificate(&c);
    }
    if (c.running) {
        report(&c, GOOD, "a relay is running here and answers");
    } else {
        check_port(&c, SOCK_DGRAM, "UDP");
        check_port(&c, SOCK_STREAM, "TCP");
    }
    check_page(&c);
    check_name(&c);
    check_clock(&c);
    check_files(&c);
    check_sandbox(&c);
    check_push(&c);
    if (o->json)
        printf("]\n");
    return c.bad == 0 ? 0 : 1;
}
