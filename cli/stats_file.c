// SPDX-License-Identifier: Apache-2.0
#include "stats_file.h"

#include "call_note.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024

struct stats_file {
    int fd;
    bool given_up;
    bool regular; // so that half a line can be taken back
    off_t size;   // of its whole lines
    char *path;
};

static bool explain(const char *path, const char *what, char why[STATS_FILE_WHY_BYTES])
{
    snprintf(why, STATS_FILE_WHY_BYTES, "%.160s: %s", path, what);
    return false;
}

static bool append(struct stats_file *f, const char *text, size_t len)
{
    ssize_t n = write(f->fd, text, len);
    if (n == (ssize_t)len) {
        f->size += n;
        return true;
    }
    int error = n < 0 ? errno : ENOSPC;
    if (n > 0 && f->regular && ftruncate(f->fd, f->size) == 0) {
        (void)lseek(f->fd, f->size, SEEK_SET);
    }
    errno = error;
    return false;
}

// ---- opening ------------------------------------------------------------------------------------

// Is what is there ours to replace? The first columns will do: other versions have others behind.
static bool replaceable(int fd, off_t size)
{
    static const char ours[] = "time,call,call_s,";
    char begin[sizeof ours - 1];
    return size == 0 || (pread(fd, begin, sizeof begin, 0) == (ssize_t)sizeof begin &&
                         memcmp(begin, ours, sizeof begin) == 0);
}

static bool prepare(struct stats_file *f, char why[STATS_FILE_WHY_BYTES])
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) {
        return explain(f->path, strerror(errno), why);
    }
    f->regular = S_ISREG(st.st_mode);
    if (f->regular && !replaceable(f->fd, st.st_size)) {
        return explain(f->path, "this file is there already, and is none of statistics", why);
    }
    if (f->regular && (fchmod(f->fd, 0600) != 0 || ftruncate(f->fd, 0) != 0)) {
        return explain(f->path, strerror(errno), why);
    }
    return append(f, STATS_FILE_HEADER, sizeof STATS_FILE_HEADER - 1) ||
           explain(f->path, strerror(errno), why);
}

// To read as well, if that may be: what is there is looked at.
static int open_path(const char *path)
{
    const int flags = O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, O_RDWR | flags, 0600);
    return fd >= 0 || errno != EACCES ? fd : open(path, O_WRONLY | flags, 0600);
}

bool stats_file_open(struct stats_file **out, const char *path, char why[STATS_FILE_WHY_BYTES])
{
    struct stats_file *f = calloc(1, sizeof *f);
    char *copy = strdup(path);
    if (f == NULL || copy == NULL) {
        free(f);
        free(copy);
        return explain(path, strerror(ENOMEM), why);
    }
    f->path = copy;
    f->fd = open_path(path);
    if (f->fd < 0 ? !explain(path, strerror(errno), why) : !prepare(f, why)) {
        stats_file_close(f);
        return false;
    }
    *out = f;
    return true;
}

void stats_file_close(struct stats_file *f)
{
    if (f != NULL) {
        if (f->fd >= 0) {
            close(f->fd);
        }
        free(f->path);
        free(f);
    }
}

// ---- lines --------------------------------------------------------------------------------------

// A line being made. Numbers are put together from integers: printf's decimal point follows the
// locale.
struct line {
    char text[LINE_BYTES];
    size_t len;
};

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, fmt, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof l->text - l->len) {
        l->len += (size_t)n;
    }
}

static void put_count(struct line *l, uint64_t v)
{
    put(l, ",%" PRIu64, v);
}

// With one digit behind the point.
static void put_tenths(struct line *l, uint64_t tenths)
{
    put(l, ",%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
}

static void put_ms(struct line *l, uint64_t us, bool known)
{
    if (known) {
        put_tenths(l, (us + 50) / 100);
    } else {
        put(l, ",");
    }
}

static void put_time(struct line *l, int64_t unix_ms)
{
    time_t s = (time_t)(unix_ms / 1000);
    struct tm t;
    char text[32] = "";
    if (gmtime_r(&s, &t) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
    }
    put(l, "%s.%03dZ", text, (int)(unix_ms % 1000));
}

static void put_levels(struct line *l, const struct sotto_call_stats *s)
{
    const struct sotto_playout_stats *p = &s->playout;
    bool plays = p->played > 0;
    put(l, ",%" PRIu32 ",%s", s->tick_ms, call_neural_name(s->neural));
    put_ms(l, s->rtt_ns / 1000, s->rtt_ns > 0);
    put_ms(l, s->mouth_to_ear_us, s->mouth_to_ear_us > 0);
    put_ms(l, p->delay_us, plays);
    put_ms(l, p->lag_us, plays);
    put_ms(l, p->target_us, plays);
    put_ms(l, p->jitter_us, plays);
    put_count(l, p->depth_frames);
}

static void put_cells(struct line *l, const struct stats_row *r)
{
    const struct call_second *s = &r->second;
    put_count(l, s->cells_sent);
    put_count(l, s->cells_received);
    put_count(l, s->cells_lost);
    put_tenths(l, call_second_lost_permille(s));
    put_count(l, s->cells_dropped);
    put_tenths(l, r->now.seen.lost_permille);
    put_ms(l, r->now.seen.burst_us, true);
    put_tenths(l, r->now.reported.lost_permille);
    put_ms(l, r->now.reported.burst_us, true);
}

static void put_frames(struct line *l, const struct call_second *s)
{
    put_count(l, s->frames_received);
    put_count(l, s->played);
    put_count(l, s->copies);
    put_count(l, s->retold);
    put_count(l, s->concealed);
    put_count(l, s->late);
    put_count(l, s->skipped);
    put_count(l, s->shortened);
    put_count(l, s->lengthened);
}

bool stats_file_add(struct stats_file *f, const struct stats_row *r, char why[STATS_FILE_WHY_BYTES])
{
    struct line l = {.len = 0};
    if (f->given_up) {
        return true;
    }
    put_time(&l, r->unix_ms);
    put_count(&l, r->call);
    put(&l, ",%" PRIu64 ".%03" PRIu64 ",%s,%s", r->call_ms / 1000, r->call_ms % 1000, r->state,
        r->transport);
    put_levels(&l, &r->now);
    put_cells(&l, r);
    put_frames(&l, &r->second);
    put_count(&l, r->out_bps);
    put_count(&l, r->in_bps);
    put_count(&l, r->now.epoch);
    put(&l, "\n");
    if (append(f, l.text, l.len)) {
        return true;
    }
    f->given_up = true;
    return explain(f->path, strerror(errno), why);
}
