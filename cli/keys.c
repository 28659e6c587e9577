// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 27

struct keys {
    uv_poll_t poll;
    uv_signal_t resumed;
    unsigned open; // handles
    void (*on_key)(int key, void *user);
    void *user;
    bool in_escape;
};

static struct termios before;
static bool changed;

static void restore(void)
{
    if (changed) {
        changed = false;
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
}

static void change(void)
{
    struct termios t = before;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO); // Ctrl-C and Ctrl-Z still work
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    changed = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

// An escape sequence ends with a letter or a tilde.
static void take(struct keys *k, unsigned char c)
{
    if (k->in_escape) {
        k->in_escape = !((c >= 'A' && c <= 'Z' && c != 'O') || (c >= 'a' && c <= 'z') || c == '~');
    } else if (c == ESCAPE) {
        k->in_escape = true;
    } else if (c < 128) {
        k->on_key(c, k->user);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct keys *k = poll->data;
    unsigned char bytes[64];
    ssize_t n = status == 0 ? read(STDIN_FILENO, bytes, sizeof(bytes)) : 0;
    if (n <= 0) {
        uv_poll_stop(poll); // the terminal is gone; SIGHUP says the rest
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        take(k, bytes[i]);
    }
    k->in_escape = false; // a lone Escape is a key of its own, and means nothing
}

// After Ctrl-Z and fg the shell has put the terminal back.
static void on_resumed(uv_signal_t *handle, int signum)
{
    (void)handle;
    (void)signum;
    change();
}

struct keys *keys_new(uv_loop_t *loop, void (*on_key)(int key, void *user), void *user)
{
    if (isatty(STDIN_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before) != 0) {
        return NULL;
    }
    struct keys *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return NULL;
    }
    k->on_key = on_key;
    k->user = user;
    if (uv_poll_init(loop, &k->poll, STDIN_FILENO) != 0) {
        free(k);
        return NULL;
    }
    uv_signal_init(loop, &k->resumed);
    k->poll.data = k->resumed.data = k;
    k->open = 2;
    uv_poll_start(&k->poll, UV_READABLE, on_readable);
    uv_signal_start(&k->resumed, on_resumed, SIGCONT);
    change();
    atexit(restore);
    return k;
}

static void on_closed(uv_handle_t *handle)
{
    struct keys *k = handle->data;
    if (--k->open == 0) {
        free(k);
    }
}

void keys_free(struct keys *k)
{
    if (k == NULL) {
        return;
    }
    restore();
    uv_close((uv_handle_t *)&k->poll, on_closed);
    uv_close((uv_handle_t *)&k->resumed, on_closed);
}
