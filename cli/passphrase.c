// SPDX-License-Identifier: Apache-2.0
#include "passphrase.h"

#include "prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *passphrase_file(const struct cli *cli)
{
    if (cli->common.passphrase_file != NULL) {
        return cli->common.passphrase_file;
    }
    const char *named = getenv("SOTTO_PASSPHRASE_FILE");
    return named != NULL && named[0] != 0 ? named : NULL;
}

void passphrase_wipe(struct passphrase *p)
{
    sotto_wipe(p, sizeof *p);
    (void)munlock(p, sizeof *p);
}

static int no_passphrase(struct cli *cli, const char *why, const char *path)
{
    return output_fail(&cli->out, CLI_PASSPHRASE, NULL, "the passphrase file %s %s", path, why);
}

// The first line of an open file.
static ssize_t read_first_line(int fd, struct passphrase *out)
{
    size_t len = 0;
    while (len < sizeof out->text) {
        ssize_t n = read(fd, out->text + len, 1); // no byte more than ours is taken from a pipe
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0 || out->text[len] == '\n') {
            break;
        }
        len++;
    }
    if (len == sizeof out->text) {
        return (ssize_t)len;
    }
    if (len > 0 && out->text[len - 1] == '\r') {
        len--;
    }
    out->text[len] = 0;
    return (ssize_t)len;
}

static int read_file(struct cli *cli, const char *path, struct passphrase *out)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return no_passphrase(cli, strerror(errno), path);
    }
    ssize_t len = read_first_line(fd, out);
    int problem = errno;
    if (!standard_input) {
        close(fd);
    }
    if (len > 0 && (size_t)len < sizeof out->text) {
        return CLI_OK;
    }
    passphrase_wipe(out);
    if (len < 0) {
        return no_passphrase(cli, strerror(problem), path);
    }
    return no_passphrase(cli, len == 0 ? "has an empty first line" : "has too long a first line",
                         path);
}

static int ask(struct cli *cli, const char *question, struct passphrase *out)
{
    int len = prompt_line(question, true, out->text, sizeof out->text);
    if (len >= 0) {
        return CLI_OK;
    }
    if (len == SOTTO_ECLOSED) {
        return output_fail(&cli->out, CLI_PASSPHRASE, NULL, "no passphrase was given");
    }
    if (len == SOTTO_ELIMIT) {
        return output_fail(&cli->out, CLI_PASSPHRASE, NULL, "the passphrase is too long");
    }
    return output_fail(&cli->out, CLI_PASSPHRASE,
                       "Name a file that holds it: --passphrase-file FILE, or "
                       "SOTTO_PASSPHRASE_FILE in the environment.",
                       "a passphrase is needed, and there is no terminal to ask for it");
}

int passphrase_get(struct cli *cli, const char *question, struct passphrase *out)
{
    (void)mlock(out, sizeof *out); // as far as the limit allows
    const char *path = passphrase_file(cli);
    return path != NULL ? read_file(cli, path, out) : ask(cli, question, out);
}

static int check_new(struct cli *cli, const struct passphrase *p)
{
    if (strlen(p->text) >= PASSPHRASE_MIN_BYTES) {
        return CLI_OK;
    }
    return output_fail(&cli->out, CLI_PASSPHRASE,
                       "Take several words that have nothing to do with each other.",
                       "the passphrase is too short: at least %d characters", PASSPHRASE_MIN_BYTES);
}

// *again: it will not do, which is said unless this is the last try.
static int ask_twice(struct cli *cli, bool last, bool *again, struct passphrase *out)
{
    *again = false;
    int code = ask(cli, "New passphrase: ", out);
    if (code == CLI_OK && !last && strlen(out->text) < PASSPHRASE_MIN_BYTES) {
        output_note(&cli->out,
                    "That is too short: at least %d characters. Several words do well.\n",
                    PASSPHRASE_MIN_BYTES);
        *again = true;
        return code;
    }
    code = code == CLI_OK ? check_new(cli, out) : code;
    if (code != CLI_OK) {
        return code;
    }
    struct passphrase second;
    (void)mlock(&second, sizeof second);
    code = ask(cli, "The same again: ", &second);
    bool same = code == CLI_OK && strcmp(out->text, second.text) == 0;
    passphrase_wipe(&second);
    if (code == CLI_OK && !same && !last) {
        output_note(&cli->out, "These are not the same.\n");
        *again = true;
    } else if (code == CLI_OK && !same) {
        code = output_fail(&cli->out, CLI_PASSPHRASE, NULL, "the two are not the same");
    }
    return code;
}

static int ask_new(struct cli *cli, struct passphrase *out)
{
    int code = CLI_OK;
    bool again = true;
    output_note(&cli->out, "Your keys are kept under a passphrase that nobody can give back to you "
                           "if you forget it.\n");
    for (int i = 1; i <= PASSPHRASE_TRIES && again && code == CLI_OK; i++) {
        code = ask_twice(cli, i == PASSPHRASE_TRIES, &again, out);
    }
    return code;
}

int passphrase_new(struct cli *cli, const char *file, struct passphrase *out)
{
    (void)mlock(out, sizeof *out);
    int code = file != NULL ? read_file(cli, file, out) : ask_new(cli, out);
    if (code == CLI_OK && file != NULL) {
        code = check_new(cli, out);
    }
    if (code != CLI_OK) {
        passphrase_wipe(out);
    }
    return code;
}
