// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "passphrase.h"
#include "store_sqlite.h"

struct options {
    const char *new_file;
    bool none;
};
static const struct option_spec table[] = {
    {"new-passphrase-file", 0, OPTION_FILE, offsetof(struct options, new_file), "FILE",
     "Read the new one from the first line of FILE instead of asking", NULL, 0, 0},
    {"none", 0, OPTION_FLAG, offsetof(struct options, none), NULL,
     "No passphrase from now on: whoever has the device has your keys", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int change(struct cli *cli, struct store *s, const char *old_passphrase,
                  const char *new_passphrase)
{
    int error = store_change_passphrase(s, old_passphrase, new_passphrase, NULL);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the passphrase was not changed");
    }
    bool protected = store_has_passphrase(s);
    output_say(&cli->out, protected ? "The passphrase is changed.\n"
                                    : "The store has no passphrase any more.\n");
    output_say(&cli->out, "Copies of the store made before still open with the old one.\n");
    output_json(&cli->out, json_pack("{s:b}", "passphrase", protected ? 1 : 0));
    return CLI_OK;
}

static int with_old(struct cli *cli, const char *dir, const char *old_passphrase,
                    const struct options *opt)
{
    struct store *s;
    int error = store_open(&s, dir, old_passphrase);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the store");
    }
    int code;
    if (opt->none) {
        code = change(cli, s, old_passphrase, NULL);
    } else {
        struct passphrase fresh;
        code = passphrase_new(cli, opt->new_file, &fresh);
        if (code == CLI_OK) {
            code = change(cli, s, old_passphrase, fresh.text);
            passphrase_wipe(&fresh);
        }
    }
    store_close(s);
    return code;
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct options *opt = options;
    char dir[CLI_PATH_BYTES];
    int code = cli_store_dir(cli, dir);
    if (code != CLI_OK) {
        return code;
    }
    if (opt->none && opt->new_file != NULL) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "--none and --new-passphrase-file exclude each other");
    }
    bool wants_passphrase;
    if (!store_exists(dir, &wants_passphrase)) {
        return output_fail(&cli->out, CLI_NO_STORE, "`sotto init` makes one.",
                           "there is no store in %s", dir);
    }
    if (!wants_passphrase) {
        return with_old(cli, dir, NULL, opt);
    }
    struct passphrase old;
    code = passphrase_get(cli, "Present passphrase: ", &old);
    if (code == CLI_OK) {
        code = with_old(cli, dir, old.text, opt);
        passphrase_wipe(&old);
    }
    return code;
}

const struct command cmd_passphrase = {
    .name = "passphrase",
    .summary = "Change the passphrase that your keys are kept under",
    .options = table,
    .options_bytes = sizeof(struct options),
    .run = run,
};
