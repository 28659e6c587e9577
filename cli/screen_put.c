// SPDX-License-Identifier: Apache-2.0
#include "screen_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum {
    PAIR_GOOD = 1,
    PAIR_WARN,
    PAIR_BAD
};

static bool colored;

void put_colors(bool color)
{
    colored = color && has_colors();
    if (!colored) {
        return;
    }
    start_color();
    use_default_colors();
    init_pair(PAIR_GOOD, COLOR_GREEN, -1);
    init_pair(PAIR_WARN, COLOR_YELLOW, -1);
    init_pair(PAIR_BAD, COLOR_RED, -1);
}

static attr_t attribute(enum screen_style style)
{
    switch (style) {
    case LOOK_BOLD:
        return A_BOLD;
    case LOOK_DIM:
        return A_DIM;
    case LOOK_BAR:
        return A_REVERSE;
    case LOOK_GOOD:
        return colored ? (attr_t)COLOR_PAIR(PAIR_GOOD) : A_NORMAL;
    case LOOK_WARN:
        return colored ? (attr_t)COLOR_PAIR(PAIR_WARN) | A_BOLD : A_BOLD;
    case LOOK_BAD:
        return colored ? (attr_t)COLOR_PAIR(PAIR_BAD) | A_BOLD : A_BOLD;
    case LOOK_PLAIN:
        break;
    }
    return A_NORMAL;
}

// How many bytes of text fit into `columns`, and how wide those are.
static size_t fit(const char *text, size_t len, int columns, int *wide)
{
    mbstate_t state;
    size_t at = 0;
    int used = 0;
    memset(&state, 0, sizeof(state));
    while (at < len) {
        wchar_t c;
        size_t n = mbrtowc(&c, text + at, len - at, &state);
        int width = n > 0 && n <= len - at ? wcwidth(c) : -1;
        if (width < 0 || used + width > columns) {
            break;
        }
        used += width;
        at += n;
    }
    *wide = used;
    return at;
}

static int put_piece(int y, int x, int columns, enum screen_style style, const char *text,
                     size_t len)
{
    int wide = 0;
    if (y < 0 || y >= LINES || x < 0 || x >= COLS) {
        return 0;
    }
    columns = columns < COLS - x ? columns : COLS - x;
    size_t bytes = fit(text, len, columns, &wide);
    attr_t a = attribute(style);
    attron(a);
    mvaddnstr(y, x, text, (int)bytes);
    attroff(a);
    return wide;
}

int put_text(int y, int x, int columns, enum screen_style style, const char *text)
{
    return put_piece(y, x, columns, style, text, strlen(text));
}

int put_format(int y, int x, int columns, enum screen_style style, const char *fmt, ...)
{
    char text[DESK_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return put_text(y, x, columns, style, text);
}

void put_centred(int y, enum screen_style style, const char *text)
{
    int wide = 0;
    fit(text, strlen(text), COLS, &wide);
    put_text(y, (COLS - wide) / 2, COLS, style, text);
}

void put_bar(int y)
{
    if (y >= 0 && y < LINES) {
        attron(A_REVERSE);
        mvhline(y, 0, ' ', COLS);
        attroff(A_REVERSE);
    }
}

// Bytes of the next line, and where the line after it begins.
static size_t line_of(const char *text, int columns, size_t *next)
{
    int wide;
    size_t len = strlen(text), bytes = fit(text, len, columns, &wide);
    if (bytes == len) {
        *next = len;
        return len;
    }
    size_t cut = bytes;
    while (cut > 0 && text[cut] != ' ') {
        cut--;
    }
    if (cut == 0) { // one long word
        *next = bytes > 0 ? bytes : len;
        return bytes;
    }
    *next = cut + 1;
    return cut;
}

int put_wrapped(int y, int x, int columns, int rows, enum screen_style style, const char *text)
{
    int used = 0;
    while (*text != '\0' && used < rows) {
        size_t next, bytes = line_of(text, columns, &next);
        if (y >= 0) {
            put_piece(y + used, x, columns, style, text, bytes);
        }
        text += next;
        used++;
    }
    return used;
}
