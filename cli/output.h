// SPDX-License-Identifier: Apache-2.0
// What a command tells: text for people or, with --json, one JSON value on standard output. Exit
// codes, colour, the width of the terminal.
#ifndef SOTTO_CLI_OUTPUT_H
#define SOTTO_CLI_OUTPUT_H

#include <sotto/base.h>
#include <sotto/identity.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

// Of the sotto command; documented in sotto(1), stable.
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,     // anything that is not below
    CLI_USAGE = 2,      // wrong arguments
    CLI_NO_STORE = 3,   // not initialised: `sotto init`
    CLI_PASSPHRASE = 4, // wrong, or nobody to ask for it
    CLI_RELAY = 5,      // the relay cannot be reached, or has another certificate or key
    CLI_REFUSED = 6,    // refused, unavailable, revoked, expired, used up; a wrong identity
    CLI_NO_ANSWER = 7,  // no answer, declined, busy, nobody came
    CLI_STORE = 8,      // the store is damaged, cannot be written, or the disk is full
    CLI_NOT_FOUND = 9,  // no such number or contact, or more than one that fits
    CLI_LINK = 10,      // the link is malformed, damaged, or of a newer version
    CLI_EXISTS = 11,    // there already is one
    CLI_PROBLEMS = 12,  // doctor found something to repair
    CLI_INTERRUPTED = 130,
};
// The word for a code in JSON: "relay_unreachable". Never NULL.
const char *cli_exit_name(enum cli_exit code);

enum output_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD
};
enum output_mark {
    MARK_GOOD,
    MARK_WARN,
    MARK_BAD,
    MARK_INFO
};

struct output {
    bool json;
    bool json_lines;  // a stream of events: failures too are single lines
    bool color;       // standard output shows colour: a terminal, TERM not dumb, NO_COLOR not set
    bool utf8;        // the locale's character set
    bool terminal;    // standard output is one
    unsigned columns; // of it; 80 if unknown
};
// Looks at the environment and at standard output. setlocale must have been called.
void output_init(struct output *o);

// Text for people, on standard output; nothing with --json. A newline is not added.
void output_say(const struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void output_styled(const struct output *o, enum output_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// "✓ ", "! ", "✗ ", "  " or their ASCII forms, coloured.
void output_mark(const struct output *o, enum output_mark mark);
// A paragraph, wrapped to the terminal, indented.
void output_paragraph(const struct output *o, size_t indent, const char *text);
// Text for people on standard error, also with --json.
void output_note(const struct output *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// Writes the value and releases it. Nothing without --json. root NULL (out of memory): says so.
void output_json(const struct output *o, json_t *root);
// The same on a single line, flushed: for streams of events.
void output_json_line(const struct output *o, json_t *root);
// Standard output took everything (a full disk or a closed pipe otherwise).
bool output_finish(const struct output *o);

// A failure, and what to do about it (hint may be NULL). For people on standard error:
// "sotto: MESSAGE", then the hint. With --json an object on standard output:
// {"error": {"exit": 5, "code": "relay_unreachable", "message": "...", "hint": "..."}}.
// Returns code, so that a command can `return output_fail(...)`.
int output_fail(const struct output *o, enum cli_exit code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// The exit code for an enum sotto_error.
enum cli_exit output_exit_for(int error);
// output_fail with the code and hint that belong to `error`: "WHAT: the error".
int output_fail_error(const struct output *o, int error, const char *what);

// ---- forms that every command shares ------------------------------------------------------------

#define OUTPUT_TIME_BYTES 48
// Local time "2025-06-01 14:03"; "never" for 0.
const char *output_time(int64_t unix_s, char out[OUTPUT_TIME_BYTES]);
// "1:02:03", "4:05".
const char *output_duration(uint64_t seconds, char out[OUTPUT_TIME_BYTES]);
// In words, one unit: "30 days", "1 hour", "45 seconds".
const char *output_span(int64_t seconds, char out[OUTPUT_TIME_BYTES]);
// "one call", "3 calls".
const char *output_calls(uint32_t calls, char out[OUTPUT_TIME_BYTES]);
json_t *output_json_time(int64_t unix_s);                            // integer, or null for 0
json_t *output_json_fingerprint(const struct sotto_fingerprint *fp); // text, groups of four
// "host:port", the host in brackets if it has a colon.
#define OUTPUT_HOST_BYTES (SOTTO_HOST_MAX_BYTES + 10)
const char *output_host(const struct sotto_relay_address *a, char out[OUTPUT_HOST_BYTES]);
json_t *output_json_relay(const struct sotto_relay_address *a); // {"host","port","pinned"}
// Columns that UTF-8 text takes on a terminal.
size_t output_columns(const char *text);
void output_widen(size_t *columns, const char *text); // to those of text, if they are fewer
// Prints text and pads it with spaces to `columns`.
void output_cell(const struct output *o, const char *text, size_t columns);

#endif
