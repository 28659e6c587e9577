// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include "options.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_MIN   40
#define COLUMNS_MAX   100 // wider paragraphs are hard to read
#define MESSAGE_BYTES 1024

static unsigned terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

void output_init(struct output *o)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    o->terminal = isatty(STDOUT_FILENO) == 1;
    o->color = o->terminal && term != NULL && strcmp(term, "dumb") != 0 &&
               (no_color == NULL || no_color[0] == 0);
    o->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    o->columns = terminal_columns();
}

void output_say(const struct output *o, const char *fmt, ...)
{
    if (o->json) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
}

static const char *style_code(enum output_style style)
{
    switch (style) {
    case STYLE_BOLD:
        return "\033[1m";
    case STYLE_DIM:
        return "\033[2m";
    case STYLE_GOOD:
        return "\033[32m";
    case STYLE_WARN:
        return "\033[33m";
    case STYLE_BAD:
        return "\033[31m";
    case STYLE_PLAIN:
        break;
    }
    return "";
}

void output_styled(const struct output *o, enum output_style style, const char *fmt, ...)
{
    if (o->json) {
        return;
    }
    bool codes = o->color && style != STYLE_PLAIN;
    if (codes) {
        fputs(style_code(style), stdout);
    }
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    if (codes) {
        fputs("\033[0m", stdout);
    }
}

void output_mark(const struct output *o, enum output_mark mark)
{
    static const struct {
        enum output_style style;
        const char *utf8, *ascii;
    } marks[] = {
        [MARK_GOOD] = {STYLE_GOOD, "✓ ", "ok "},
        [MARK_WARN] = {STYLE_WARN, "! ", "!  "},
        [MARK_BAD] = {STYLE_BAD, "✗ ", "x  "},
        [MARK_INFO] = {STYLE_PLAIN, "  ", "   "},
    };
    output_styled(o, marks[mark].style, "%s", o->utf8 ? marks[mark].utf8 : marks[mark].ascii);
}

static size_t paragraph_columns(const struct output *o)
{
    return o->columns < COLUMNS_MIN   ? COLUMNS_MIN
           : o->columns > COLUMNS_MAX ? COLUMNS_MAX
                                      : o->columns;
}

void output_paragraph(const struct output *o, size_t indent, const char *text)
{
    if (!o->json) {
        printf("%*s", (int)indent, "");
        options_wrap(stdout, text, indent, paragraph_columns(o));
    }
}

void output_note(const struct output *o, const char *fmt, ...)
{
    (void)o;
    fflush(stdout);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

// ---- JSON --------------------------------------------------------------------------------------

static void print_json(json_t *root, size_t flags)
{
    if (root == NULL ||
        json_dumpf(root, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) != 0) {
        fputs("sotto: out of memory\n", stderr);
    }
    putchar('\n');
    json_decref(root);
}

void output_json(const struct output *o, json_t *root)
{
    if (o->json) {
        print_json(root, o->json_lines ? JSON_COMPACT : JSON_INDENT(2));
    } else {
        json_decref(root);
    }
}

void output_json_line(const struct output *o, json_t *root)
{
    if (o->json) {
        print_json(root, JSON_COMPACT);
        fflush(stdout);
    } else {
        json_decref(root);
    }
}

bool output_finish(const struct output *o)
{
    (void)o;
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

// ---- failures ----------------------------------------------------------------------------------

const char *cli_exit_name(enum cli_exit code)
{
    switch (code) {
    case CLI_OK:
        return "ok";
    case CLI_FAILED:
        return "failed";
    case CLI_USAGE:
        return "usage";
    case CLI_NO_STORE:
        return "not_initialised";
    case CLI_PASSPHRASE:
        return "passphrase";
    case CLI_RELAY:
        return "relay_unreachable";
    case CLI_REFUSED:
        return "refused";
    case CLI_NO_ANSWER:
        return "no_answer";
    case CLI_STORE:
        return "store";
    case CLI_NOT_FOUND:
        return "not_found";
    case CLI_LINK:
        return "link";
    case CLI_EXISTS:
        return "exists";
    case CLI_PROBLEMS:
        return "problems";
    case CLI_INTERRUPTED:
        return "interrupted";
    }
    return "failed";
}

static json_t *failure_json(enum cli_exit code, const char *message, const char *hint)
{
    return json_pack("{s:{s:i,s:s,s:s,s:s?}}", "error", "exit", (int)code, "code",
                     cli_exit_name(code), "message", message, "hint", hint);
}

int output_fail(const struct output *o, enum cli_exit code, const char *hint, const char *fmt, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (o->json) {
        output_json(o, failure_json(code, message, hint));
        return (int)code;
    }
    fflush(stdout);
    fprintf(stderr, "sotto: %s\n", message);
    if (hint != NULL) {
        fputs("       ", stderr);
        options_wrap(stderr, hint, 7, paragraph_columns(o));
    }
    return (int)code;
}

enum cli_exit output_exit_for(int error)
{
    switch (error) {
    case SOTTO_ENOTFOUND:
        return CLI_NOT_FOUND;
    case SOTTO_EEXIST:
        return CLI_EXISTS;
    case SOTTO_ELINK_MALFORMED:
    case SOTTO_ELINK_DAMAGED:
    case SOTTO_ELINK_VERSION:
        return CLI_LINK;
    case SOTTO_EEXPIRED:
    case SOTTO_EUSEDUP:
    case SOTTO_EREVOKED:
    case SOTTO_EREFUSED:
    case SOTTO_EPEER:
    case SOTTO_EPROOF:
        return CLI_REFUSED;
    case SOTTO_EPASSPHRASE:
        return CLI_PASSPHRASE;
    case SOTTO_ETIMEOUT:
        return CLI_NO_ANSWER;
    case SOTTO_EIO:
    case SOTTO_EFULL:
    case SOTTO_EPARSE:
        return CLI_STORE;
    default:
        return CLI_FAILED;
    }
}

static const char *hint_for(int error)
{
    switch (error) {
    case SOTTO_EFULL:
        return "Nothing was changed and nothing is lost. Free some space and try again.";
    case SOTTO_EIO:
        return "Nothing was changed. Is the disk mounted and writable, and are the files yours? "
               "`sotto doctor` looks.";
    case SOTTO_EPARSE:
        return "The file on the disk was damaged or changed. `sotto doctor` says how much of it; "
               "put back a copy of the whole directory if you have one.";
    case SOTTO_ELINK_MALFORMED:
        return "A link looks like https://relay.example/#... and must be whole. In a shell put it "
               "in quotes.";
    case SOTTO_ELINK_DAMAGED:
        return "Copy the whole link again, without line breaks, or ask for it once more.";
    case SOTTO_ELINK_VERSION:
        return "Install a newer version of sotto.";
    case SOTTO_EEXPIRED:
    case SOTTO_EUSEDUP:
        return "Ask its owner for a new number.";
    case SOTTO_ENOMEM:
        return "Close other programs and try again.";
    default:
        return NULL;
    }
}

int output_fail_error(const struct output *o, int error, const char *what)
{
    return output_fail(o, output_exit_for(error), hint_for(error), "%s: %s", what,
                       sotto_strerror(error));
}

// ---- forms -------------------------------------------------------------------------------------

const char *output_time(int64_t unix_s, char out[OUTPUT_TIME_BYTES])
{
    time_t t = (time_t)unix_s;
    struct tm local;
    if (unix_s == 0 || localtime_r(&t, &local) == NULL ||
        strftime(out, OUTPUT_TIME_BYTES, "%Y-%m-%d %H:%M", &local) == 0) {
        snprintf(out, OUTPUT_TIME_BYTES, "never");
    }
    return out;
}

const char *output_duration(uint64_t seconds, char out[OUTPUT_TIME_BYTES])
{
    unsigned long long h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
    if (h > 0) {
        snprintf(out, OUTPUT_TIME_BYTES, "%llu:%02llu:%02llu", h, m, s);
    } else {
        snprintf(out, OUTPUT_TIME_BYTES, "%llu:%02llu", m, s);
    }
    return out;
}

const char *output_span(int64_t seconds, char out[OUTPUT_TIME_BYTES])
{
    static const struct {
        int64_t seconds;
        const char *one, *many;
    } units[] = {{86400, "day", "days"},
                 {3600, "hour", "hours"},
                 {60, "minute", "minutes"},
                 {1, "second", "seconds"}};
    size_t i = 0;
    // Two of a unit at least, so that little is lost by rounding down; "1 day" if it is exact.
    while (i < 3 && seconds != units[i].seconds && seconds < 2 * units[i].seconds) {
        i++;
    }
    long long n = (long long)(seconds / units[i].seconds);
    snprintf(out, OUTPUT_TIME_BYTES, "%lld %s", n, n == 1 ? units[i].one : units[i].many);
    return out;
}

const char *output_calls(uint32_t calls, char out[OUTPUT_TIME_BYTES])
{
    if (calls == 1) {
        snprintf(out, OUTPUT_TIME_BYTES, "one call");
    } else {
        snprintf(out, OUTPUT_TIME_BYTES, "%" PRIu32 " calls", calls);
    }
    return out;
}

json_t *output_json_time(int64_t unix_s)
{
    return unix_s == 0 ? json_null() : json_integer((json_int_t)unix_s);
}

json_t *output_json_fingerprint(const struct sotto_fingerprint *fp)
{
    char text[SOTTO_FINGERPRINT_TEXT_BYTES];
    sotto_fingerprint_text(fp, text);
    return json_string(text);
}

const char *output_host(const struct sotto_relay_address *a, char out[OUTPUT_HOST_BYTES])
{
    bool literal = strchr(a->host, ':') != NULL;
    snprintf(out, OUTPUT_HOST_BYTES, "%s%s%s:%u", literal ? "[" : "", a->host, literal ? "]" : "",
             (unsigned)a->port);
    return out;
}

json_t *output_json_relay(const struct sotto_relay_address *a)
{
    return json_pack("{s:s,s:i,s:b}", "host", a->host, "port", (int)a->port, "pinned",
                     a->pinned ? 1 : 0);
}

size_t output_columns(const char *text)
{
    size_t columns = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t left = strlen(text);
    while (left > 0) {
        wchar_t c;
        size_t used = mbrtowc(&c, text, left, &state);
        if (used == 0 || used > left) {
            return columns + left; // not the locale's: a column a byte
        }
        int width = wcwidth(c);
        columns += width > 0 ? (size_t)width : 0;
        text += used;
        left -= used;
    }
    return columns;
}

void output_widen(size_t *columns, const char *text)
{
    size_t used = output_columns(text);
    *columns = used > *columns ? used : *columns;
}

void output_cell(const struct output *o, const char *text, size_t columns)
{
    size_t used = output_columns(text);
    output_say(o, "%s%*s", text, used < columns ? (int)(columns - used) : 0, "");
}
