// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <sotto/base.h>

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONG_BASE      256 // getopt values: letters below, table positions from here
#define HELP_COLUMN    28  // where the explanation of an option begins
#define NAME_MAX_BYTES 64

// All sets as one list, with what getopt_long wants beside it.
struct merged {
    const struct option_spec *specs[OPTIONS_MAX];
    void *values[OPTIONS_MAX];
    size_t count;
    struct option longs[OPTIONS_MAX + 1];
    char letters[2 + 2 * OPTIONS_MAX + 1];
};

static void add(struct merged *m, const struct option_spec *spec, void *values)
{
    assert(m->count < OPTIONS_MAX);
    bool takes_value = spec->kind != OPTION_FLAG;
    m->longs[m->count] = (struct option){
        .name = spec->name,
        .has_arg = takes_value ? required_argument : no_argument,
        .val = LONG_BASE + (int)m->count,
    };
    size_t at = strlen(m->letters);
    if (spec->letter != 0) {
        m->letters[at++] = spec->letter;
        if (takes_value) {
            m->letters[at++] = ':';
        }
        m->letters[at] = 0;
    }
    m->specs[m->count] = spec;
    m->values[m->count] = values;
    m->count++;
}

static void merge(struct merged *m, const struct option_set *sets, size_t count, bool stop)
{
    memset(m, 0, sizeof *m);
    // The colon: a missing value is told apart from an unknown option.
    strcpy(m->letters, stop ? "+:" : ":");
    for (size_t i = 0; i < count; i++) {
        for (const struct option_spec *s = sets[i].table; s != NULL && s->name != NULL; s++) {
            add(m, s, sets[i].values);
        }
    }
}

// Position in the list for what getopt_long returned, or m->count.
static size_t position(const struct merged *m, int value)
{
    if (value >= LONG_BASE) {
        return (size_t)(value - LONG_BASE);
    }
    for (size_t i = 0; i < m->count; i++) {
        if (value != 0 && m->specs[i]->letter == value) {
            return i;
        }
    }
    return m->count;
}

// ---- values ------------------------------------------------------------------------------------

int options_count(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    if (text[0] < '0' || text[0] > '9') {
        return SOTTO_EINVAL;
    }
    char *end;
    errno = 0;
    uintmax_t v = strtoumax(text, &end, 10);
    if (errno != 0 || *end != 0 || v > UINT32_MAX || v < min || (max != 0 && v > max)) {
        return SOTTO_EINVAL;
    }
    *out = (uint32_t)v;
    return SOTTO_OK;
}

static int64_t unit_seconds(const char *unit)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            return units[i].seconds;
        }
    }
    return 0;
}

int options_duration(const char *text, int64_t *out_s)
{
    size_t digits = strspn(text, "0123456789");
    char number[16];
    int64_t unit = unit_seconds(text + digits);
    if (digits == 0 || digits >= sizeof number || unit == 0) {
        return SOTTO_EINVAL;
    }
    memcpy(number, text, digits);
    number[digits] = 0;
    uint32_t n;
    if (options_count(number, 1, 0, &n) != SOTTO_OK || n > OPTION_DURATION_MAX_S / unit) {
        return SOTTO_EINVAL;
    }
    *out_s = (int64_t)n * unit;
    return SOTTO_OK;
}

static int choose(const char *choices, const char *text, unsigned *out)
{
    size_t len = strlen(text);
    unsigned index = 0;
    for (const char *at = choices;; index++) {
        size_t word = strcspn(at, "|");
        if (word == len && memcmp(at, text, len) == 0) {
            *out = index;
            return SOTTO_OK;
        }
        if (at[word] == 0) {
            return SOTTO_EINVAL;
        }
        at += word + 1;
    }
}

static int set_value(const struct option_spec *s, void *values, const char *text,
                     char error[OPTIONS_ERROR_BYTES])
{
    void *to = (char *)values + s->at;
    switch (s->kind) {
    case OPTION_FLAG:
        *(bool *)to = true;
        return SOTTO_OK;
    case OPTION_FILE:
    case OPTION_DIR:
        if (text[0] == '-' && text[1] == '-') { // forgotten, and the next option taken for it
            snprintf(error, OPTIONS_ERROR_BYTES, "--%s needs a value: --%s %s (or ./%.60s)",
                     s->name, s->name, s->value, text);
            return SOTTO_EINVAL;
        }
        *(const char **)to = text;
        return SOTTO_OK;
    case OPTION_TEXT:
        *(const char **)to = text;
        return SOTTO_OK;
    case OPTION_COUNT:
        if (options_count(text, s->min, s->max, to) == SOTTO_OK) {
            return SOTTO_OK;
        }
        if (s->max != 0) {
            snprintf(error, OPTIONS_ERROR_BYTES,
                     "--%s: '%.60s' is not a number from %" PRIu32 " to %" PRIu32, s->name, text,
                     s->min, s->max);
        } else {
            snprintf(error, OPTIONS_ERROR_BYTES,
                     "--%s: '%.60s' is not a number from %" PRIu32 " up", s->name, text, s->min);
        }
        return SOTTO_EINVAL;
    case OPTION_DURATION:
        if (options_duration(text, to) == SOTTO_OK) {
            return SOTTO_OK;
        }
        snprintf(error, OPTIONS_ERROR_BYTES,
                 "--%s: '%.60s' is not a time such as 90s, 45m, 12h, 30d or 2w", s->name, text);
        return SOTTO_EINVAL;
    case OPTION_CHOICE:
        if (choose(s->choices, text, to) == SOTTO_OK) {
            return SOTTO_OK;
        }
        snprintf(error, OPTIONS_ERROR_BYTES, "--%s: '%.60s' is none of %.100s", s->name, text,
                 s->choices);
        return SOTTO_EINVAL;
    }
    return SOTTO_EINVAL;
}

// ---- what is wrong -----------------------------------------------------------------------------

unsigned options_distance(const char *a, const char *b, unsigned limit)
{
    size_t n = strlen(a), m = strlen(b);
    if (n >= NAME_MAX_BYTES || m >= NAME_MAX_BYTES) {
        return limit + 1;
    }
    // rows[i][j]: edits from a[0..i) to b[0..j), swaps of neighbours included.
    unsigned rows[NAME_MAX_BYTES + 1][NAME_MAX_BYTES + 1];
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = rows[i - 1][j] + 1 < best ? rows[i - 1][j] + 1 : best;
            best = rows[i][j - 1] + 1 < best ? rows[i][j - 1] + 1 : best;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && rows[i - 2][j - 2] + 1 < best) {
                best = rows[i - 2][j - 2] + 1;
            }
            rows[i][j] = best;
        }
    }
    return rows[n][m] <= limit ? rows[n][m] : limit + 1;
}

static const char *nearest_long(const struct merged *m, const char *name)
{
    const char *nearest = NULL;
    unsigned best = OPTIONS_NEAR + 1;
    for (size_t i = 0; i < m->count; i++) {
        unsigned d = options_distance(name, m->specs[i]->name, OPTIONS_NEAR);
        if (d < best) {
            best = d;
            nearest = m->specs[i]->name;
        }
    }
    return nearest;
}

static size_t abbreviated(const struct merged *m, const char *name)
{
    size_t fitting = 0;
    for (size_t i = 0; i < m->count; i++) {
        fitting += strncmp(m->specs[i]->name, name, strlen(name)) == 0;
    }
    return fitting;
}

static void explain_unknown(const struct merged *m, const char *word,
                            char error[OPTIONS_ERROR_BYTES])
{
    if (optopt > 0 && optopt < LONG_BASE) {
        snprintf(error, OPTIONS_ERROR_BYTES, "unknown option -%c", optopt);
        return;
    }
    if (optopt >= LONG_BASE) {
        snprintf(error, OPTIONS_ERROR_BYTES, "--%s takes no value",
                 m->specs[position(m, optopt)]->name);
        return;
    }
    char name[NAME_MAX_BYTES];
    word += strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *nearest = nearest_long(m, name);
    if (abbreviated(m, name) > 1) {
        snprintf(error, OPTIONS_ERROR_BYTES, "--%s could be several options", name);
    } else if (nearest != NULL) {
        snprintf(error, OPTIONS_ERROR_BYTES, "unknown option --%s; did you mean --%s?", name,
                 nearest);
    } else {
        snprintf(error, OPTIONS_ERROR_BYTES, "unknown option --%s", name);
    }
}

static void explain_missing(const struct merged *m, char error[OPTIONS_ERROR_BYTES])
{
    size_t i = position(m, optopt);
    if (i < m->count) {
        snprintf(error, OPTIONS_ERROR_BYTES, "--%s needs a value: --%s %s", m->specs[i]->name,
                 m->specs[i]->name, m->specs[i]->value);
    } else {
        snprintf(error, OPTIONS_ERROR_BYTES, "an option needs a value");
    }
}

int options_parse(int argc, char **argv, bool stop_at_first, const struct option_set *sets,
                  size_t set_count, char error[OPTIONS_ERROR_BYTES])
{
    struct merged m;
    merge(&m, sets, set_count, stop_at_first);
    optind = 0; // glibc and musl: start anew
    opterr = 0;
    for (;;) {
        int value = getopt_long(argc, argv, m.letters, m.longs, NULL);
        if (value == -1) {
            return optind;
        }
        if (value == '?') {
            explain_unknown(&m, argv[optind - 1], error);
            return SOTTO_EINVAL;
        }
        if (value == ':') {
            explain_missing(&m, error);
            return SOTTO_EINVAL;
        }
        size_t i = position(&m, value);
        if (set_value(m.specs[i], m.values[i], optarg, error) != SOTTO_OK) {
            return SOTTO_EINVAL;
        }
    }
}

// ---- help --------------------------------------------------------------------------------------

void options_wrap(FILE *to, const char *text, size_t indent, size_t width)
{
    size_t column = indent;
    while (*text != 0) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + word > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putc(' ', to);
            column++;
        }
        fwrite(text, 1, word, to);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    putc('\n', to);
}

void options_help(FILE *to, const struct option_spec *table, size_t width)
{
    for (const struct option_spec *s = table; s != NULL && s->name != NULL; s++) {
        char head[NAME_MAX_BYTES * 2];
        char letter[8] = "    ";
        if (s->letter != 0) {
            snprintf(letter, sizeof letter, "-%c, ", s->letter);
        }
        int len = snprintf(head, sizeof head, "  %s--%s%s%s", letter, s->name,
                           s->value != NULL ? " " : "", s->value != NULL ? s->value : "");
        if (len + 2 > HELP_COLUMN) {
            fprintf(to, "%s\n%*s", head, HELP_COLUMN, "");
        } else {
            fprintf(to, "%-*s", HELP_COLUMN, head);
        }
        options_wrap(to, s->help, HELP_COLUMN, width);
    }
}
