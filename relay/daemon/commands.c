// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/control.h"
#include "daemon/hex.h"
#include "daemon/process.h"
#include "daemon/server.h"

// ---- shared -------------------------------------------------------------------------------------

void command_fail(const struct options *o, const char *format, ...)
{
    char text[CONFIG_ERROR_MAX], escaped[CONFIG_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_escape(text, escaped, sizeof escaped);
    if (o->json)
        printf("{\"error\":\"%s\"}\n", escaped);
    else
        fprintf(stderr, "sottod: %s\n", text);
}

void command_become_owner(const struct sottod_config *c)
{
    struct stat st;
    umask(077);
    if (geteuid() != 0 || stat(c->data, &st) != 0 || st.st_uid == 0)
        return;
    if (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
        fprintf(stderr, "sottod: cannot become user %u, the owner of %s\n", (unsigned)st.st_uid,
                c->data);
}

int command_open_store(const struct options *o, struct relay_sqlite **out)
{
    char path[CONFIG_PATH_MAX], error[CONFIG_ERROR_MAX];
    command_become_owner(&o->config);
    int rc = process_data_directory(o->config.data, error, sizeof error);
    if (rc == 0 && (rc = config_path(&o->config, DATABASE_FILE, path)) != 0)
        snprintf(error, sizeof error, "the path of the data directory is too long");
    if (rc == 0)
        rc = relay_sqlite_open(out, path, error, sizeof error);
    if (rc == 0)
        rc = relay_sqlite_limit_bytes(*out, (uint64_t)o->config.database_mb << 20);
    if (rc != 0)
        command_fail(o, "%s", error);
    return rc;
}

int command_ask(const struct options *o, const char *line, char *out, size_t cap)
{
    char path[CONFIG_PATH_MAX];
    int rc = config_path(&o->config, CONTROL_FILE, path);
    return rc != 0 ? rc : control_ask(path, line, out, cap);
}

static void date_text(int64_t unix_s, char out[32])
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%d", &tm);
}

// ---- lines --------------------------------------------------------------------------------------

struct listing {
    bool json;
    uint64_t count;
};

static bool list_line(const struct relay_sqlite_line *line, void *user)
{
    struct listing *l = user;
    char id[2 * LINK_LINE_ID_BYTES + 1], date[32];
    hex_encode(line->line_id, sizeof line->line_id, id);
    date_text(line->created_unix_s, date);
    if (l->json)
        printf("%s{\"line\":\"%s\",\"created\":%" PRId64 ",\"numbers\":%" PRIu64 "}",
               l->count > 0 ? ",\n " : "", id, line->created_unix_s, line->numbers);
    else if (l->count == 0)
        printf("%-64s  %-10s  %s\n", "ID", "made", "numbers");
    if (!l->json)
        printf("%s  %s  %7" PRIu64 "\n", id, date, line->numbers);
    l->count++;
    return true;
}

int command_lines(const struct options *o)
{
    struct relay_sqlite *store = NULL;
    struct listing l = {.json = o->json};
    if (command_open_store(o, &store) != 0)
        return 1;
    if (o->json)
        printf("[");
    int rc = relay_sqlite_lines(store, list_line, &l);
    if (o->json)
        printf("]\n");
    else if (rc == 0 && l.count == 0)
        printf("There are no lines yet. \"sottod invite\" prints a link with which to make one.\n");
    relay_sqlite_close(store);
    if (rc != 0)
        command_fail(o, "the lines cannot be read: %s", sotto_strerror(rc));
    return rc == 0 ? 0 : 1;
}

// ---- stats --------------------------------------------------------------------------------------

static int stats_without_relay(const struct options *o)
{
    struct relay_sqlite *store = NULL;
    struct relay_sqlite_stats stats;
    if (o->prometheus) {
        command_fail(o, "no relay is running on %s", o->config.data);
        return 1;
    }
    if (command_open_store(o, &store) != 0)
        return 1;
    int rc = relay_sqlite_stats(store, (int64_t)time(NULL), &stats);
    relay_sqlite_close(store);
    if (rc != 0) {
        command_fail(o, "the store cannot be read: %s", sotto_strerror(rc));
        return 1;
    }
    printf(o->json ? "{\"running\":false,\"lines\":%" PRIu64 ",\"numbers\":%" PRIu64
                     ",\"invitations_open\":%" PRIu64 "}\n"
                   : "No relay is running here.\nlines %" PRIu64 ", numbers %" PRIu64
                     ", open invitations %" PRIu64 "\n",
           stats.lines, stats.numbers, stats.invites_open);
    return 0;
}

int command_stats(const struct options *o)
{
    static char answer[METRICS_TEXT_MAX];
    command_become_owner(&o->config);
    int rc = command_ask(o,
                         o->prometheus ? "stats prometheus"
                         : o->json     ? "stats json"
                                       : "stats human",
                         answer, sizeof answer);
    if (rc == SOTTO_ENOTFOUND)
        return stats_without_relay(o);
    if (rc < 0) {
        command_fail(o, "the running relay does not answer: %s", sotto_strerror(rc));
        return 1;
    }
    fputs(answer, stdout);
    return 0;
}

// ---- revoke-line --------------------------------------------------------------------------------

static int drop_in_running_relay(const struct options *o, const uint8_t *line_id)
{
    char line[CONTROL_LINE_MAX], answer[64], id[2 * LINK_LINE_ID_BYTES + 1];
    hex_encode(line_id, LINK_LINE_ID_BYTES, id);
    snprintf(line, sizeof line, "drop %s", id);
    int rc = command_ask(o, line, answer, sizeof answer);
    return rc == SOTTO_ENOTFOUND ? 0 : rc;
}

int command_revoke_line(const struct options *o)
{
    struct relay_sqlite *store = NULL;
    uint8_t line_id[LINK_LINE_ID_BYTES];
    if (command_open_store(o, &store) != 0)
        return 1;
    int rc = relay_sqlite_line_by_prefix(store, o->line, line_id);
    if (rc == 0)
        rc = relay_sqlite_line_remove(store, line_id);
    relay_sqlite_close(store);
    if (rc == SOTTO_EINVAL)
        command_fail(o,
                     "\"%.70s\" is no ID of a line: at least %d of the digits that \"sottod "
                     "lines\" shows",
                     o->line, RELAY_LINE_PREFIX_MIN);
    else if (rc == SOTTO_ELIMIT)
        command_fail(o, "several lines begin with %s: give more digits", o->line);
    else if (rc == SOTTO_ENOTFOUND)
        command_fail(o, "there is no line %s", o->line);
    else if (rc != 0)
        command_fail(o, "the line cannot be withdrawn: %s", sotto_strerror(rc));
    if (rc != 0)
        return 1;
    int dropped = drop_in_running_relay(o, line_id);
    if (dropped < 0) {
        command_fail(o,
                     "the line is withdrawn, but the running relay did not hear of it (%s): "
                     "restart it to end the line's calls",
                     sotto_strerror(dropped));
        return 1;
    }
    puts(o->json ? "{\"revoked\":true}" : "The line and all its numbers are withdrawn.");
    return 0;
}
