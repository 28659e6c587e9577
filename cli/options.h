// SPDX-License-Identifier: Apache-2.0
// Options of a command, as one table: from it come the parser (getopt_long), the help text, the
// completion scripts and every message about a wrong option.
#ifndef SOTTO_CLI_OPTIONS_H
#define SOTTO_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_MAX         40  // of one command, the common ones included
#define OPTIONS_ERROR_BYTES 256 // buffer for what options_parse says

// What an option's value is and where it goes: `at` bytes into the command's struct.
enum option_kind {
    OPTION_FLAG,     // no value; bool
    OPTION_TEXT,     // const char *
    OPTION_FILE,     // const char *; completed as a file name
    OPTION_DIR,      // const char *; completed as a directory
    OPTION_COUNT,    // uint32_t, min to max of the table
    OPTION_DURATION, // int64_t, seconds: "90s", "30m", "12h", "30d", "2w"; max
                     // OPTION_DURATION_MAX_S
    OPTION_CHOICE,   // unsigned: index into the words of `choices`
};
#define OPTION_DURATION_MAX_S INT64_C(3153600000) // a hundred years

struct option_spec {
    const char *name; // without the dashes; NULL ends a table
    char letter;      // 0: none
    enum option_kind kind;
    size_t at;
    const char *value;   // what help calls the value: "FILE"; NULL for a flag
    const char *help;    // one or two short sentences, no full stop at the end
    const char *choices; // OPTION_CHOICE: "hybrid|cnsa2"
    uint32_t min, max;   // OPTION_COUNT; max 0: no limit
};

// One table and the struct that its values go to.
struct option_set {
    const struct option_spec *table; // may be NULL: empty
    void *values;
};

// Parses argv[1..argc-1] into the sets; argv[0] is skipped. `stop_at_first`: the first word that
// is no option ends it (what follows is a subcommand); otherwise options and words mix freely,
// until "--". Words are moved to the end of argv, in order; returned is the index of the first.
// SOTTO_EINVAL: `error` holds one sentence (with the nearest option, if one is near). Some values
// may have been set by then.
int options_parse(int argc, char **argv, bool stop_at_first, const struct option_set *sets,
                  size_t set_count, char error[OPTIONS_ERROR_BYTES]);

// Help lines of a table, in its order.
void options_help(FILE *to, const struct option_spec *table, size_t width);

// "30d" to seconds. SOTTO_EINVAL, out unchanged.
int options_duration(const char *text, int64_t *out_s);
// Decimal, min..max. SOTTO_EINVAL, out unchanged.
int options_count(const char *text, uint32_t min, uint32_t max, uint32_t *out);

// How many single edits (insert, remove, change, swap neighbours) make b of a; at most `limit`,
// more is given as limit + 1. For suggestions.
unsigned options_distance(const char *a, const char *b, unsigned limit);
#define OPTIONS_NEAR 2 // a distance up to this is worth a suggestion

// `text` broken at spaces into lines of at most width columns; every line after the first begins
// with `indent` spaces. The first is taken to begin at column `indent`. Ends with a newline.
void options_wrap(FILE *to, const char *text, size_t indent, size_t width);

#endif
