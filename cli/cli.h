// SPDX-License-Identifier: Apache-2.0
// The frame of the sotto command: what a subcommand is, and what it is given.
#ifndef SOTTO_CLI_CLI_H
#define SOTTO_CLI_CLI_H

#include "clock.h"
#include "options.h"
#include "output.h"

#include <stdbool.h>
#include <stddef.h>

struct store;

// Options that every command takes, before or after its name.
struct cli_common {
    const char *store_dir;       // --store
    const char *passphrase_file; // --passphrase-file
    const char *ca_file;         // --ca-file: for runner_options and the like
    bool force_websocket;        // --websocket: the same
    bool json;
    bool help;
};
extern const struct option_spec cli_common_options[];

struct cli {
    struct cli_common common;
    struct output out;
};

// A subcommand, or (with `commands`) a group of them. Static tables; a NULL name ends one.
struct command {
    const char *name;
    const char *args;    // for the usage line: "LABEL [LINK]"; NULL none
    const char *summary; // one line, no full stop
    const char *details; // paragraphs for --help, separated by an empty line; NULL none
    const struct option_spec *options; // its own; NULL none
    size_t options_bytes;              // of the struct that they fill; zeroed before
    unsigned min_args, max_args;       // words beside the options; checked before run
    // `options` points to that struct (NULL if options_bytes is 0), argv to the words. Returns
    // the exit code. All that it says goes through cli->out.
    int (*run)(struct cli *cli, const void *options, int argc, char **argv);
    const struct command *commands; // of a group
};
#define COMMAND_OPTIONS_MAX_BYTES 256

// All commands, in the order in which help lists them (commands.c); NULL ends.
extern const struct command *const cli_commands[];

// Parses, dispatches: what main does, for argv as main gets it. Returns the exit code.
int cli_main(int argc, char **argv);

// The command of that name or NULL; and the nearest one, if any is near enough.
const struct command *cli_find(const char *name);
const char *cli_nearest(const char *name);
// Help of one command ("sotto" + path), or of everything (command NULL).
void cli_help(const struct cli *cli, const struct command *group, const struct command *command);

// Opens the store that the options and the environment name, asking for its passphrase if it has
// one: CLI_OK and *out, otherwise everything has been said and the exit code is returned.
int cli_open_store(struct cli *cli, struct store **out);
// The directory of the store. CLI_OK or CLI_NO_STORE (no home directory; said).
#define CLI_PATH_BYTES 1024
int cli_store_dir(struct cli *cli, char out[CLI_PATH_BYTES]);

// Asks a yes/no question on the terminal. CLI_OK for yes; CLI_FAILED for no; CLI_USAGE if there is
// nobody to ask (said: which option answers it).
int cli_confirm(struct cli *cli, const char *question, const char *option);

#endif
