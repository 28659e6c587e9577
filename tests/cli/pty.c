// SPDX-License-Identifier: Apache-2.0
// pty DIALOG COMMAND [ARGUMENTS]: runs a command on a terminal of its own and talks to it. DIALOG
// is a file of lines:
//   expect TEXT   wait until TEXT appears in what the command writes from here on
//   send TEXT     type TEXT and Enter
//   key N         type the byte N (decimal)
// Everything that appears goes to standard output. Exits as the command does; 124: something did
// not appear in time.
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPECT_MS  20000
#define SEEN_BYTES 65536
#define LATE       124

static char seen[SEEN_BYTES];
static size_t seen_len, matched; // looked at up to here

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

// Reads what is there within `ms`: 1, 0 nothing, -1 the command is gone.
static int read_some(int fd, long ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ms > 0 ? (int)ms : 0) <= 0) {
        return 0;
    }
    ssize_t n = read(fd, seen + seen_len, SEEN_BYTES - 1 - seen_len);
    if (n <= 0) {
        return n < 0 && errno == EINTR ? 0 : -1;
    }
    fwrite(seen + seen_len, 1, (size_t)n, stdout);
    seen_len += (size_t)n;
    seen[seen_len] = 0;
    return 1;
}

static int expect(int fd, const char *text)
{
    long until = now_ms() + EXPECT_MS;
    for (;;) {
        const char *at = strstr(seen + matched, text);
        if (at != NULL) {
            matched = (size_t)(at - seen) + strlen(text);
            return 0;
        }
        long left = until - now_ms();
        if (left <= 0 || read_some(fd, left) < 0) {
            fprintf(stderr, "pty: '%s' did not appear\n", text);
            return LATE;
        }
    }
}

static int type(int fd, const char *text, size_t len)
{
    return write(fd, text, len) == (ssize_t)len ? 0 : LATE;
}

static int act(int fd, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *rest = strchr(line, ' ');
    if (rest == NULL) {
        return line[0] == 0 ? 0 : LATE;
    }
    *rest++ = 0;
    if (strcmp(line, "expect") == 0) {
        return expect(fd, rest);
    }
    if (strcmp(line, "key") == 0) {
        char byte = (char)atoi(rest);
        return type(fd, &byte, 1);
    }
    size_t len = strlen(rest);
    rest[len] = '\r';
    return type(fd, rest, len + 1);
}

static int talk(int fd, FILE *dialog)
{
    char line[1024];
    while (fgets(line, sizeof line - 1, dialog) != NULL) {
        int result = act(fd, line);
        if (result != 0) {
            return result;
        }
    }
    long until = now_ms() + EXPECT_MS;
    while (now_ms() < until) {
        if (read_some(fd, until - now_ms()) < 0) {
            return 0;
        }
    }
    fprintf(stderr, "pty: the command did not end\n");
    return LATE;
}

int main(int argc, char **argv)
{
    FILE *dialog = argc > 2 ? fopen(argv[1], "r") : NULL;
    if (dialog == NULL) {
        fprintf(stderr, "pty DIALOG COMMAND [ARGUMENTS]\n");
        return 125;
    }
    setvbuf(stdout, NULL, _IONBF, 0); // a test may look at it while the command runs
    int fd;
    const struct winsize size = {.ws_row = 40, .ws_col = 120};
    pid_t child = forkpty(&fd, NULL, NULL, &size);
    if (child == 0) {
        execv(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0) {
        return 125;
    }
    int result = talk(fd, dialog);
    if (result != 0) {
        kill(child, SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    close(fd);
    fclose(dialog);
    if (result != 0) {
        return result;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
