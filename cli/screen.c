// SPDX-License-Identifier: Apache-2.0
#include "screen_impl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KEY_CODE_ESCAPE    27
#define KEY_CODE_DELETE    127
#define KEY_CODE_BACKSPACE 8

bool screen_possible(const struct output *out)
{
    const char *term = getenv("TERM");
    return !out->json && out->terminal && isatty(STDIN_FILENO) == 1 && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void show(struct screen *s)
{
    s->dirty = true;
    runner_wake(s->desk->runner);
}

// ---- the desk's view ----------------------------------------------------------------------------

static void on_notice(enum output_mark mark, const char *text, void *user)
{
    struct screen *s = user;
    if (s->notice_count < DESK_NOTICES_MAX) {
        s->notice_count++;
    }
    memmove(s->notices + 1, s->notices, (s->notice_count - 1) * sizeof(s->notices[0]));
    s->notices[0].mark = mark;
    s->notices[0].at_unix_s = clock_now().unix_s;
    snprintf(s->notices[0].text, sizeof(s->notices[0].text), "%s", text);
    s->dirty = true;
}

static void on_changed(void *user)
{
    struct screen *s = user;
    s->dirty = true;
}

static void ring(struct screen *s, sotto_ns now)
{
    struct sotto_call_info info;
    bool ringing = desk_ringing(s->desk, &info);
    if (ringing && (!s->was_ringing || now - s->rang_ns > SCREEN_RING_MS * SOTTO_NS_PER_MS)) {
        s->rang_ns = now;
        beep();
    }
    s->was_ringing = ringing;
}

// Meters move all the time in a call; elsewhere a picture is drawn when something has changed.
static void on_draw(void *user)
{
    struct screen *s = user;
    struct sotto_call_info info;
    sotto_ns now = clock_now().mono_ns;
    if (now - s->drawn_ns < SCREEN_EVERY_MS * SOTTO_NS_PER_MS) {
        if (s->dirty) {
            runner_wake(s->desk->runner); // to come back a little later
        }
        return;
    }
    if (!s->dirty && !desk_current(s->desk, &info)) {
        return;
    }
    s->dirty = false;
    s->drawn_ns = now;
    ring(s, now);
    screen_draw(s);
}

// ---- calling somebody ---------------------------------------------------------------------------

static void stop_prompting(struct screen *s)
{
    s->prompting = false;
    s->prompt[0] = s->prompt_why[0] = '\0';
}

static void call_prompted(struct screen *s)
{
    struct target target;
    const char *hint;
    char why[TARGET_WHY_BYTES];
    if (target_find(s->desk->store, s->prompt, &target, why, &hint) != CLI_OK) {
        snprintf(s->prompt_why, sizeof(s->prompt_why), "%s", why);
    } else {
        int err = desk_dial(s->desk, &target.link, target.label);
        if (err != 0) {
            on_notice(MARK_BAD, sotto_strerror(err), s);
        }
        stop_prompting(s);
    }
    sotto_wipe(&target, sizeof(target));
}

// Back to the beginning of the last character.
static void erase_last(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && ((unsigned char)text[--len] & 0xc0) == 0x80) {
    }
    text[len] = '\0';
}

static void prompt_key(struct screen *s, int key)
{
    size_t len = strlen(s->prompt);
    s->prompt_why[0] = '\0';
    if (key == '\n' || key == '\r' || key == KEY_ENTER) {
        call_prompted(s);
    } else if (key == KEY_CODE_ESCAPE) {
        stop_prompting(s);
    } else if (key == KEY_BACKSPACE || key == KEY_CODE_DELETE || key == KEY_CODE_BACKSPACE) {
        erase_last(s->prompt);
    } else if (key >= ' ' && key < 256 && len + 1 < sizeof(s->prompt)) {
        s->prompt[len] = (char)key;
        s->prompt[len + 1] = '\0';
    }
}

// ---- the terminal -------------------------------------------------------------------------------

static void idle_key(struct screen *s, int key)
{
    struct sotto_call_info info;
    bool busy = desk_ringing(s->desk, &info) || desk_current(s->desk, &info);
    if (key == 'q') {
        desk_quit(s->desk);
    } else if (key == 'c' && !busy) {
        s->prompting = true;
    } else {
        desk_key(s->desk, key);
    }
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct screen *s = poll->data;
    int key, keys = 0;
    if (status < 0) {
        uv_poll_stop(poll);
        desk_quit(s->desk);
        return;
    }
    while ((key = getch()) != ERR) {
        keys++;
        if (s->prompting) {
            prompt_key(s, key);
        } else {
            idle_key(s, key);
        }
    }
    if (keys == 0) { // readable, yet nothing to read: the terminal is gone
        uv_poll_stop(poll);
        desk_quit(s->desk);
    }
    show(s);
}

static void on_resize(uv_signal_t *handle, int signum)
{
    (void)signum;
    struct screen *s = handle->data;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        resizeterm(size.ws_row, size.ws_col);
        clearok(stdscr, TRUE);
    }
    show(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct screen *s = handle->data;
    if (--s->open == 0) {
        sotto_wipe(s->prompt, sizeof(s->prompt)); // a link may have been typed
        free(s);
    }
}

static int open_terminal(const struct output *out)
{
    static SCREEN *terminal;
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL) {
        return SOTTO_EIO;
    }
    set_term(terminal);
    put_colors(out->color);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    return 0;
}

int screen_new(struct screen **out, struct desk *desk)
{
    struct screen *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    uv_loop_t *loop = runner_loop(desk->runner);
    if (open_terminal(&desk->cli->out) != 0) {
        free(s);
        return SOTTO_EIO;
    }
    if (uv_poll_init(loop, &s->input, STDIN_FILENO) != 0) {
        endwin();
        free(s);
        return SOTTO_EIO;
    }
    uv_signal_init(loop, &s->resize);
    s->desk = desk;
    s->open = 2;
    s->input.data = s->resize.data = s;
    uv_poll_start(&s->input, UV_READABLE, on_input);
    uv_signal_start(&s->resize, on_resize, SIGWINCH);
    desk_set_view(desk, &(struct desk_view){.notice = on_notice,
                                            .changed = on_changed,
                                            .draw = on_draw,
                                            .screen = true,
                                            .user = s});
    show(s);
    *out = s;
    return 0;
}

void screen_free(struct screen *s)
{
    desk_set_view(s->desk, &(struct desk_view){0});
    curs_set(1);
    endwin();
    uv_close((uv_handle_t *)&s->input, on_closed);
    uv_close((uv_handle_t *)&s->resize, on_closed);
}
