// SPDX-License-Identifier: Apache-2.0
// One line an event, to stderr: for people, or JSON for machines. Nothing that names a person, a
// number, a line or an address is ever passed to it (except by --debug-addresses).
#ifndef SOTTO_DAEMON_LOG_H
#define SOTTO_DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

#define LOG_LINE_MAX 1024 // longer lines are cut

void log_setup(enum log_level level, bool json);
bool log_level_parse(const char *text, enum log_level *out);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Writes text as the inside of a JSON string: quotes, backslashes and controls escaped, cut to
// what fits with the NUL.
void json_escape(const char *text, char *out, size_t cap);

#endif
