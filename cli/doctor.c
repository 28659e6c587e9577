// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include "harden.h"
#include "number_view.h"
#include "paths.h"
#include "store_sqlite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_LOW_BYTES  (UINT64_C(64) * 1024 * 1024)
#define DISK_OVER_BYTES (UINT64_C(1) * 1024 * 1024)

static const char *mark_name(enum output_mark mark)
{
    static const char *const names[] = {
        [MARK_GOOD] = "good",
        [MARK_WARN] = "warning",
        [MARK_BAD] = "problem",
        [MARK_INFO] = "info",
    };
    return names[mark];
}

void doctor_say(struct doctor *d, enum output_mark mark, const char *subject, const char *advice,
                const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const struct output *o = &d->cli->out;
    output_mark(o, mark);
    output_say(o, "%-10s ", subject);
    if (!o->json) {
        options_wrap(stdout, text, o->utf8 ? 13 : 14, o->columns);
    }
    if (advice != NULL) {
        output_paragraph(o, o->utf8 ? 13 : 14, advice);
    }
    fflush(stdout);
    json_array_append_new(d->checks, json_pack("{s:s,s:s,s:s,s:s?}", "subject", subject, "state",
                                               mark_name(mark), "text", text, "advice", advice));
    d->problems += mark == MARK_BAD;
    d->warnings += mark == MARK_WARN;
}

// ---- the process -------------------------------------------------------------------------------

static bool swap_in_use(void)
{
    FILE *f = fopen("/proc/swaps", "re");
    if (f == NULL) {
        return false;
    }
    char line[256];
    int lines = 0;
    while (lines < 2 && fgets(line, sizeof line, f) != NULL) {
        lines++;
    }
    fclose(f);
    return lines > 1; // the first is the heading
}

void doctor_process(struct doctor *d)
{
    struct rlimit core;
    bool no_core = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0;
    if (!no_core) {
        doctor_say(d, MARK_WARN, "memory", NULL, "core files cannot be turned off");
    }
    if (harden_memory_locked()) {
        doctor_say(d, MARK_GOOD, "memory", NULL, "stays out of swap and core files");
    } else if (swap_in_use()) {
        doctor_say(d, MARK_WARN, "memory",
                   "Encrypt the swap, or allow all memory to be locked (ulimit -l unlimited).",
                   "keys could get into swap");
    } else {
        doctor_say(d, MARK_GOOD, "memory", NULL, "there is no swap, and no core files are made");
    }
}

// ---- the store ---------------------------------------------------------------------------------

static void check_permissions(struct doctor *d, const char *path, bool must_exist)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        if (must_exist) {
            doctor_say(d, MARK_BAD, "store", NULL, "%s: %s", path, strerror(errno));
        }
        return;
    }
    if (st.st_uid != geteuid()) {
        doctor_say(d, MARK_BAD, "store", "Give it to yourself (chown), or use another --store.",
                   "%s belongs to somebody else", path);
    } else if ((st.st_mode & 077) != 0) {
        doctor_say(d, MARK_BAD, "store",
                   S_ISDIR(st.st_mode) ? "chmod 700 this directory." : "chmod 600 this file.",
                   "%s is open to other users (mode %03o)", path, st.st_mode & 0777U);
    }
}

static void check_disk(struct doctor *d, const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0) {
        return;
    }
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (available >= DISK_LOW_BYTES) {
        return;
    }
    doctor_say(d, available < DISK_OVER_BYTES ? MARK_BAD : MARK_WARN, "disk",
               "Free some space: numbers could not be made or bound, and calls would be refused.",
               "only %llu KiB are free where the store is", (unsigned long long)(available / 1024));
}

static void check_content(struct doctor *d, struct store *s)
{
    size_t boxes = 0, damaged = 0;
    int error = store_check(s, &boxes, &damaged);
    if (error != SOTTO_OK) {
        doctor_say(d, MARK_BAD, "store", "Put back a copy of the whole directory, if you have one.",
                   "the file is damaged: %s", store_error_text(s));
    } else if (damaged > 0) {
        doctor_say(d, MARK_BAD, "store",
                   "Put back a copy of the whole directory, or revoke and make anew what is "
                   "missing in `sotto number list` and `sotto contact list`.",
                   "%zu of %zu entries do not open: they were damaged or exchanged", damaged,
                   boxes);
    } else {
        doctor_say(d, MARK_GOOD, "store", NULL, "%s: %zu entries, all of them whole", store_dir(s),
                   boxes);
    }
    if (!store_has_passphrase(s)) {
        doctor_say(d, MARK_WARN, "store", "sotto passphrase",
                   "there is no passphrase: whoever has this disk has your keys");
    }
}

struct store *doctor_store(struct doctor *d)
{
    char dir[CLI_PATH_BYTES], path[CLI_PATH_BYTES + 16];
    bool wants_passphrase;
    if (paths_store(d->cli->common.store_dir, dir, sizeof dir) != SOTTO_OK ||
        !store_exists(dir, &wants_passphrase)) {
        doctor_say(d, MARK_BAD, "store", "sotto init", "there is none yet");
        return NULL;
    }
    check_permissions(d, dir, true);
    snprintf(path, sizeof path, "%s/%s", dir, STORE_FILE);
    check_permissions(d, path, true);
    check_disk(d, dir);
    // Its failures are findings here: they are told as such, not as the end of the command.
    struct cli quiet = *d->cli;
    struct store *s = NULL;
    quiet.out.json = false;
    int code = cli_open_store(&quiet, &s);
    if (code != CLI_OK) {
        doctor_say(d, MARK_BAD, "store",
                   code == CLI_PASSPHRASE
                       ? "Without the passphrase nothing more can be looked at."
                       : "Put back a copy of the whole directory, if you have one.",
                   "%s cannot be opened", dir);
        return NULL;
    }
    check_content(d, s);
    return s;
}

// ---- numbers -----------------------------------------------------------------------------------

void doctor_numbers(struct doctor *d, struct store *s)
{
    struct store_number *list;
    size_t count, pending = 0, leaked = 0;
    if (store_numbers(s, &list, &count) != SOTTO_OK) {
        return; // told by check_content
    }
    for (size_t i = 0; i < count; i++) {
        pending += list[i].pending != STORE_PENDING_NONE;
        leaked += number_condition(&list[i].number, clock_now().unix_s) == CONDITION_LEAKED;
    }
    store_numbers_free(list, count);
    if (pending > 0) {
        doctor_say(d, MARK_WARN, "numbers",
                   "They are told by themselves when the relay is reached: sotto listen",
                   "%zu change%s of numbers not yet told to the relay", pending,
                   pending == 1 ? "" : "s");
    }
    if (leaked > 0) {
        doctor_say(d, MARK_WARN, "numbers",
                   "See `sotto number list`. If the person has a new device: sotto number rebind. "
                   "Otherwise: sotto number revoke.",
                   "%zu %s used with another key than the one bound", leaked,
                   leaked == 1 ? "was" : "were");
    }
    if (pending == 0 && leaked == 0) {
        doctor_say(d, MARK_GOOD, "numbers", NULL, "%zu, none of them leaked", count);
    }
}
