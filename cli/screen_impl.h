// SPDX-License-Identifier: Apache-2.0
// What the files of the screen share.
//
//   screen.c       making one, keys, resizing, when to draw
//   screen_draw.c  what is where
//   screen_graph.c the last minute of a call
//   screen_put.c   text clipped to the terminal
#ifndef SOTTO_CLI_SCREEN_IMPL_H
#define SOTTO_CLI_SCREEN_IMPL_H

#include "screen.h"
#include "target.h"

#include <curses.h>
#include <uv.h>

#define PROMPT_BYTES 256

struct screen_notice {
    enum output_mark mark;
    int64_t at_unix_s;
    char text[DESK_TEXT_BYTES];
};

struct screen {
    struct desk *desk;
    bool dirty, was_ringing;
    sotto_ns drawn_ns, rang_ns;
    uv_poll_t input;
    uv_signal_t resize;
    unsigned open;                                  // handles
    struct screen_notice notices[DESK_NOTICES_MAX]; // the newest first
    size_t notice_count;
    bool prompting;
    char prompt[PROMPT_BYTES];
    char prompt_why[TARGET_WHY_BYTES];
};

enum screen_style {
    LOOK_PLAIN,
    LOOK_BOLD,
    LOOK_DIM,
    LOOK_GOOD,
    LOOK_WARN,
    LOOK_BAD,
    LOOK_BAR
};

// ---- screen_draw.c
void screen_draw(struct screen *s);

// ---- screen_graph.c
// How a call sounds, in a line, and a graph of its last minute if there are rows for it: the first
// row below.
int graph_draw(const struct screen *s, int y, const struct sotto_call_info *info);

// ---- screen_put.c
void put_colors(bool color);
// Text at a place, at most `columns` wide; the columns it took.
int put_text(int y, int x, int columns, enum screen_style style, const char *text);
int put_format(int y, int x, int columns, enum screen_style style, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void put_centred(int y, enum screen_style style, const char *text);
void put_bar(int y); // an empty line in reverse
// Words wrapped into at most `rows` lines of `columns`: the rows it took. y < 0: only counts.
int put_wrapped(int y, int x, int columns, int rows, enum screen_style style, const char *text);

#endif
