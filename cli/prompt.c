// SPDX-License-Identifier: Apache-2.0
#include "prompt.h"

#include <sotto/base.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TTY       "/dev/tty"
#define CTRL_C    0x03
#define CTRL_D    0x04
#define CTRL_U    0x15
#define BACKSPACE 0x08
#define DELETE    0x7f

// For the signal handler: how the terminal was.
static volatile sig_atomic_t tty_changed;
static int tty_fd;
static struct termios tty_before;

static void restore_tty(void)
{
    if (tty_changed) {
        tcsetattr(tty_fd, TCSANOW, &tty_before);
        tty_changed = 0;
    }
}

static void on_signal(int signum)
{
    restore_tty();
    signal(signum, SIG_DFL);
    raise(signum);
}

bool prompt_possible(void)
{
    int fd = open(TTY, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

static void say(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
    }
}

// One byte at a time without echo; the terminal's own editing and signals are off, so that nothing
// can leave it in this state.
static int raw_on(int fd)
{
    if (tcgetattr(fd, &tty_before) != 0) {
        return SOTTO_ENOTFOUND;
    }
    struct termios raw = tty_before;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tty_fd = fd;
    tty_changed = 1;
    if (tcsetattr(fd, TCSAFLUSH, &raw) != 0) {
        tty_changed = 0;
        return SOTTO_ENOTFOUND;
    }
    return SOTTO_OK;
}

// Removes the last character, all of its UTF-8 bytes.
static size_t shorten(const char *line, size_t len)
{
    while (len > 0) {
        len--;
        if (((unsigned char)line[len] & 0xc0) != 0x80) {
            break;
        }
    }
    return len;
}

// What a typed byte does: 0 go on, 1 the line is complete, or an error.
static int take(unsigned char c, char *line, size_t *len, size_t cap)
{
    switch (c) {
    case '\n':
    case '\r':
        return 1;
    case CTRL_C:
        return SOTTO_ECLOSED;
    case CTRL_D:
        return *len == 0 ? SOTTO_ECLOSED : 1;
    case CTRL_U:
        *len = 0;
        return 0;
    case BACKSPACE:
    case DELETE:
        *len = shorten(line, *len);
        return 0;
    default:
        if (*len == cap) {
            return SOTTO_ELIMIT;
        }
        line[(*len)++] = (char)c;
        return 0;
    }
}

static int read_line(int fd, bool raw, char *out, size_t cap)
{
    size_t len = 0;
    int result = 0;
    while (result == 0) {
        unsigned char c;
        ssize_t n = read(fd, &c, 1);
        if (n == 1) {
            // In the terminal's own mode it has done the editing, and has sent Ctrl-C as a signal.
            bool plain = !raw && c != '\n';
            if (plain && len == cap - 1) {
                result = SOTTO_ELIMIT;
            } else if (plain) {
                out[len++] = (char)c;
            } else {
                result = take(c, out, &len, cap - 1);
            }
        } else if (n == 0 || errno != EINTR) {
            result = SOTTO_ECLOSED;
        }
    }
    if (result < 0) {
        return result;
    }
    out[len] = 0;
    return (int)len;
}

// The echo is off before the question is seen.
static int ask_hidden(int fd, const char *question, char *out, size_t cap)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGQUIT, SIGINT};
    struct sigaction before[4];
    struct sigaction handler = {.sa_handler = on_signal};
    sigemptyset(&handler.sa_mask);
    for (size_t i = 0; i < 4; i++) {
        sigaction(signals[i], &handler, &before[i]);
    }
    int result = raw_on(fd);
    if (result == SOTTO_OK) {
        say(fd, question);
        result = read_line(fd, true, out, cap);
        restore_tty();
    }
    for (size_t i = 0; i < 4; i++) {
        sigaction(signals[i], &before[i], NULL);
    }
    say(fd, "\n");
    return result;
}

int prompt_line(const char *question, bool hidden, char *out, size_t cap)
{
    int fd = open(TTY, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return SOTTO_ENOTFOUND;
    }
    int result;
    if (hidden) {
        result = ask_hidden(fd, question, out, cap);
    } else {
        say(fd, question);
        result = read_line(fd, false, out, cap);
    }
    close(fd);
    if (result < 0) {
        sotto_wipe(out, cap);
    }
    return result;
}

int prompt_yes_no(const char *question)
{
    char answer[16];
    int len = prompt_line(question, false, answer, sizeof answer);
    if (len < 0) {
        return len == SOTTO_ELIMIT ? 0 : len;
    }
    return len > 0 && (answer[0] == 'y' || answer[0] == 'Y') ? 1 : 0;
}
