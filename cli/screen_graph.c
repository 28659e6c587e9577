// SPDX-License-Identifier: Apache-2.0
#include "screen_impl.h"

#include <stdio.h>
#include <string.h>

#define LEVELS       8
#define LABEL        9 // columns before the graph
#define NARROW_LABEL 6
#define SCALE        12 // behind it: " max 1000 ms"
#define WIDE_COLUMNS 60
#define LINES_LEAST  16  // a smaller screen has no room for a graph
#define DELAY_FULL   400 // at least, for the highest bar: milliseconds
#define SHARE_FULL   100 // permille

// One row of the graph: a figure of each second.
struct graph {
    const char *name, *narrow, *unit;
    uint32_t (*of)(const struct desk_second *s);
    uint32_t full, fair, poor;
    uint32_t parts; // of the unit, in the figure
};

static uint32_t delay_of(const struct desk_second *s)
{
    return s->delay_ms;
}

static uint32_t lost_of(const struct desk_second *s)
{
    return s->lost_permille;
}

static uint32_t concealed_of(const struct desk_second *s)
{
    return s->concealed_permille;
}

static const struct graph graphs[] = {
    {"delay", "delay", "ms", delay_of, DELAY_FULL, CALL_FAIR_DELAY_MS, CALL_POOR_DELAY_MS, 1},
    {"lost", "lost", "%", lost_of, SHARE_FULL, CALL_FAIR_PERMILLE, CALL_POOR_PERMILLE, 10},
    {"concealed", "gaps", "%", concealed_of, SHARE_FULL, CALL_FAIR_PERMILLE, CALL_POOR_PERMILLE,
     10},
};

static const char *bar(bool utf8, unsigned level)
{
    static const char *const blocks[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[] = {" ", "_", ".", "-", "=", "+", "*", "%", "#"};
    return utf8 ? blocks[level] : plain[level];
}

// The least bar for anything that is not nothing.
static unsigned level_of(uint32_t value, uint32_t full)
{
    uint32_t level = (uint32_t)(((uint64_t)value * LEVELS + full / 2) / full);
    level = level > LEVELS ? LEVELS : level;
    return level == 0 && value > 0 ? 1 : level;
}

static uint32_t greatest(const struct screen *s, const struct graph *g, uint32_t call, unsigned n)
{
    uint32_t most = 0;
    for (unsigned ago = 0; ago < n; ago++) {
        const struct desk_second *second = desk_second_ago(s->desk, call, ago);
        uint32_t v = second != NULL ? g->of(second) : 0;
        most = v > most ? v : most;
    }
    return most;
}

static void draw_row(const struct screen *s, int y, const struct graph *g, uint32_t call)
{
    bool wide = COLS >= WIDE_COLUMNS, utf8 = s->desk->cli->out.utf8;
    int label = wide ? LABEL + 1 : NARROW_LABEL;
    int room = COLS - 2 - label - SCALE;
    unsigned n = room > DESK_SECONDS ? DESK_SECONDS : room > 0 ? (unsigned)room : 0;
    uint32_t most = greatest(s, g, call, n), full = most > g->full ? most : g->full;
    put_text(y, 2, label, LOOK_DIM, wide ? g->name : g->narrow);
    for (unsigned i = 0; i < n; i++) {
        const struct desk_second *second = desk_second_ago(s->desk, call, n - 1 - i);
        if (second != NULL) {
            uint32_t v = g->of(second);
            enum screen_style style = v >= g->poor   ? LOOK_BAD
                                      : v >= g->fair ? LOOK_WARN
                                                     : LOOK_GOOD;
            put_text(y, 2 + label + (int)i, 1, style, bar(utf8, level_of(v, full)));
        }
    }
    put_format(y, 2 + label + (int)n + 1, SCALE - 1, LOOK_DIM, "max %u %s",
               (unsigned)(most / g->parts), g->unit);
}

// As many whole parts as fit, from the first one on.
static void shorten(char *words, int columns)
{
    while (columns < (int)output_columns(words)) {
        char *comma = strrchr(words, ',');
        *(comma != NULL ? comma : words) = '\0';
    }
}

static enum screen_style style_of(enum call_quality q)
{
    return q == CALL_GOOD ? LOOK_GOOD : q == CALL_FAIR ? LOOK_WARN : LOOK_BAD;
}

int graph_draw(const struct screen *s, int y, const struct sotto_call_info *info)
{
    char words[DESK_TEXT_BYTES];
    enum call_quality q = call_note_quality(desk_note(s->desk, info->call), info);
    bool wide = COLS >= WIDE_COLUMNS;
    desk_quality_words(s->desk, info->call, words);
    int x = 2 + put_text(y, 2, COLS - 4, LOOK_DIM, wide ? "quality   " : "");
    x += put_text(y, x, COLS - x, style_of(q), call_quality_text(q));
    shorten(words, COLS - x - 3);
    if (words[0] != '\0') {
        x += put_text(y, x, COLS - x, LOOK_DIM, ", ");
        put_text(y, x, COLS - x - 1, LOOK_DIM, words);
    }
    if (LINES < LINES_LEAST) {
        return y + 1;
    }
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        draw_row(s, ++y, &graphs[i], info->call);
    }
    return y + 1;
}
