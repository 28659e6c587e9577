// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    enum log_level level;
    bool json;
    bool journal; // which stamps the time itself
} log_state = {.level = LOG_LEVEL_INFO};

static const char *const names[] = {"error", "warning", "info", "debug"};

void log_setup(enum log_level level, bool json)
{
    log_state.level = level;
    log_state.json = json;
    log_state.journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_level_parse(const char *text, enum log_level *out)
{
    for (int i = 0; i <= LOG_LEVEL_DEBUG; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void json_escape(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        char one[8];
        if (*at == '"' || *at == '\\')
            snprintf(one, sizeof one, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            snprintf(one, sizeof one, "\\u%04x", *at);
        else
            snprintf(one, sizeof one, "%c", *at);
        size_t n = strlen(one);
        if (len + n >= cap)
            break;
        memcpy(out + len, one, n);
        len += n;
    }
    out[len] = '\0';
}

// One write a line, so that lines of several threads or processes do not mix.
static void put(enum log_level level, const char *text)
{
    char when[32], line[LOG_LINE_MAX + 128];
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (log_state.json) {
        char escaped[LOG_LINE_MAX];
        json_escape(text, escaped, sizeof escaped);
        snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", when,
                 names[level], escaped);
    } else if (log_state.journal) {
        snprintf(line, sizeof line, "<%d>%s\n", (int)level + 3 + (level >= LOG_LEVEL_INFO), text);
    } else {
        snprintf(line, sizeof line, "%s %s: %s\n", when, names[level], text);
    }
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return; // nowhere to say it
}

static void put_formatted(enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void put_formatted(enum log_level level, const char *format, va_list args)
{
    char text[LOG_LINE_MAX];
    if (level > log_state.level)
        return;
    vsnprintf(text, sizeof text, format, args);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    put(level, text);
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_formatted(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_formatted(LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_formatted(LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_debug(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_formatted(LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}
