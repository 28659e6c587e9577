// SPDX-License-Identifier: Apache-2.0
#include "cli.h"

#include "passphrase.h"
#include "paths.h"
#include "prompt.h"
#include "store_sqlite.h"

#include <stdalign.h>
#include <string.h>

const struct option_spec cli_common_options[] = {
    {"store", 0, OPTION_DIR, offsetof(struct cli_common, store_dir), "DIR",
     "Where keys, numbers and contacts are kept (or SOTTO_STORE)", NULL, 0, 0},
    {"passphrase-file", 0, OPTION_FILE, offsetof(struct cli_common, passphrase_file), "FILE",
     "Read the passphrase from the first line of FILE, - for standard input (or "
     "SOTTO_PASSPHRASE_FILE)",
     NULL, 0, 0},
    {"ca-file", 0, OPTION_FILE, offsetof(struct cli_common, ca_file), "FILE",
     "Trust the certificates in FILE (PEM) instead of the system's", NULL, 0, 0},
    {"websocket", 0, OPTION_FLAG, offsetof(struct cli_common, force_websocket), NULL,
     "Do not try QUIC (UDP)", NULL, 0, 0},
    {"json", 0, OPTION_FLAG, offsetof(struct cli_common, json), NULL, "Answer in JSON", NULL, 0, 0},
    {"help", 'h', OPTION_FLAG, offsetof(struct cli_common, help), NULL, "This text", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

struct top {
    bool version;
};
static const struct option_spec top_options[] = {
    {"version", 0, OPTION_FLAG, offsetof(struct top, version), NULL, "Which version this is", NULL,
     0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

// ---- finding commands --------------------------------------------------------------------------

const struct command *cli_find(const char *name)
{
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

const char *cli_nearest(const char *name)
{
    const char *nearest = NULL;
    unsigned best = OPTIONS_NEAR + 1;
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        unsigned d = options_distance(name, (*c)->name, OPTIONS_NEAR);
        if (d < best) {
            best = d;
            nearest = (*c)->name;
        }
    }
    return nearest;
}

static const struct command *find_in(const struct command *group, const char *name)
{
    for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static const char *nearest_in(const struct command *group, const char *name)
{
    const char *nearest = NULL;
    unsigned best = OPTIONS_NEAR + 1;
    for (const struct command *c = group->commands; c->name != NULL; c++) {
        unsigned d = options_distance(name, c->name, OPTIONS_NEAR);
        if (d < best) {
            best = d;
            nearest = c->name;
        }
    }
    return nearest;
}

// ---- help --------------------------------------------------------------------------------------

static size_t width(const struct cli *cli)
{
    return cli->out.columns > 100 ? 100 : cli->out.columns < 60 ? 60 : cli->out.columns;
}

static void help_line(const struct cli *cli, const struct command *c)
{
    printf("  %-14s", c->name);
    options_wrap(stdout, c->summary, 16, width(cli));
}

static void help_overview(const struct cli *cli)
{
    puts("sotto - a direct line: calls that nobody in between can hear, join or fake\n");
    puts("Usage: sotto COMMAND [OPTIONS]\n");
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        help_line(cli, *c);
    }
    puts("\nWith every command:");
    options_help(stdout, cli_common_options, width(cli));
    options_help(stdout, top_options, width(cli));
    puts("\n`sotto help COMMAND` says more; so does sotto(1).");
}

static void help_paragraphs(const struct cli *cli, const char *text)
{
    while (*text != 0) {
        char paragraph[1024];
        const char *end = strstr(text, "\n\n");
        size_t len = end != NULL ? (size_t)(end - text) : strlen(text);
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)len, text);
        putchar('\n');
        options_wrap(stdout, paragraph, 0, width(cli));
        text += len;
        text += strspn(text, "\n");
    }
}

static void help_usage(const struct command *group, const struct command *c)
{
    printf("Usage: sotto %s%s%s", group != NULL ? group->name : "", group != NULL ? " " : "",
           c->name);
    if (c->commands != NULL) {
        printf(c->run != NULL ? " [COMMAND]" : " COMMAND");
    }
    printf("%s%s [OPTIONS]\n", c->args != NULL ? " " : "", c->args != NULL ? c->args : "");
}

void cli_help(const struct cli *cli, const struct command *group, const struct command *command)
{
    if (command == NULL) {
        help_overview(cli);
        return;
    }
    help_usage(group, command);
    putchar('\n');
    options_wrap(stdout, command->summary, 0, width(cli));
    if (command->details != NULL) {
        help_paragraphs(cli, command->details);
    }
    if (command->commands != NULL) {
        puts("\nCommands:");
        for (const struct command *c = command->commands; c->name != NULL; c++) {
            help_line(cli, c);
        }
    }
    if (command->options != NULL) {
        puts("\nOptions:");
        options_help(stdout, command->options, width(cli));
    }
    puts("\nWith every command:");
    options_help(stdout, cli_common_options, width(cli));
}

static int unknown(const struct cli *cli, const struct command *group, const char *name)
{
    const char *nearest = group != NULL ? nearest_in(group, name) : cli_nearest(name);
    const char *space = group != NULL ? " " : "";
    const char *in = group != NULL ? group->name : "";
    char hint[128];
    if (nearest != NULL) {
        snprintf(hint, sizeof hint, "Did you mean `sotto %s%s%s`?", in, space, nearest);
    } else {
        snprintf(hint, sizeof hint, "`sotto help%s%s` lists what there is.", space, in);
    }
    return output_fail(&cli->out, CLI_USAGE, hint, "there is no command `%s%s%.60s`", in, space,
                       name);
}

static int help_words(const struct cli *cli, int argc, char **argv)
{
    if (argc == 0) {
        help_overview(cli);
        return CLI_OK;
    }
    const struct command *c = cli_find(argv[0]);
    if (c == NULL) {
        return unknown(cli, NULL, argv[0]);
    }
    if (argc == 1) {
        cli_help(cli, NULL, c);
        return CLI_OK;
    }
    const struct command *sub = find_in(c, argv[1]);
    if (sub == NULL && c->commands != NULL) {
        return unknown(cli, c, argv[1]);
    }
    cli_help(cli, sub != NULL ? c : NULL, sub != NULL ? sub : c);
    return CLI_OK;
}

// ---- dispatch ----------------------------------------------------------------------------------

static int usage_error(const struct cli *cli, const struct command *group, const struct command *c,
                       const char *problem)
{
    char hint[160];
    snprintf(hint, sizeof hint, "Usage: sotto %s%s%s%s%s [OPTIONS]. More: sotto help %s%s%s",
             group != NULL ? group->name : "", group != NULL ? " " : "", c->name,
             c->args != NULL ? " " : "", c->args != NULL ? c->args : "",
             group != NULL ? group->name : "", group != NULL ? " " : "", c->name);
    return output_fail(&cli->out, CLI_USAGE, hint, "%s", problem);
}

static int run_leaf(struct cli *cli, const struct command *group, const struct command *c, int argc,
                    char **argv)
{
    alignas(max_align_t) unsigned char values[COMMAND_OPTIONS_MAX_BYTES] = {0};
    const struct option_set sets[] = {{c->options, values}, {cli_common_options, &cli->common}};
    char error[OPTIONS_ERROR_BYTES];
    int first = options_parse(argc, argv, false, sets, 2, error);
    cli->out.json = cli->common.json;
    if (first < 0) {
        return usage_error(cli, group, c, error);
    }
    if (cli->common.help) {
        cli_help(cli, group, c);
        return CLI_OK;
    }
    unsigned words = (unsigned)(argc - first);
    if (words < c->min_args) {
        return usage_error(cli, group, c, "something is missing");
    }
    if (words > c->max_args) {
        return usage_error(cli, group, c, "there are too many words; quote names with spaces");
    }
    return c->run(cli, c->options_bytes > 0 ? values : NULL, (int)words, argv + first);
}

static int run_group(struct cli *cli, const struct command *c, int argc, char **argv)
{
    // What comes before the subcommand can only be common options, unless the group runs itself.
    alignas(max_align_t) unsigned char ignored[COMMAND_OPTIONS_MAX_BYTES] = {0};
    const struct option_set sets[] = {{c->options, ignored}, {cli_common_options, &cli->common}};
    char error[OPTIONS_ERROR_BYTES];
    int first = options_parse(argc, argv, true, sets, 2, error);
    cli->out.json = cli->common.json;
    const struct command *sub = first > 0 && first < argc ? find_in(c, argv[first]) : NULL;
    if (sub != NULL) {
        return run_leaf(cli, c, sub, argc - first, argv + first);
    }
    if (c->run != NULL) {
        return run_leaf(cli, NULL, c, argc, argv);
    }
    if (first < 0) {
        return usage_error(cli, NULL, c, error);
    }
    if (cli->common.help) {
        cli_help(cli, NULL, c);
        return CLI_OK;
    }
    if (first == argc) {
        char hint[64];
        snprintf(hint, sizeof hint, "`sotto help %s` lists them.", c->name);
        return output_fail(&cli->out, CLI_USAGE, hint, "`sotto %s` needs a command", c->name);
    }
    return unknown(cli, c, argv[first]);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    struct top top = {false};
    const struct option_set sets[] = {{top_options, &top}, {cli_common_options, &cli->common}};
    char error[OPTIONS_ERROR_BYTES];
    int first = options_parse(argc, argv, true, sets, 2, error);
    cli->out.json = cli->common.json;
    if (first < 0) {
        return output_fail(&cli->out, CLI_USAGE, "`sotto help` lists what there is.", "%s", error);
    }
    if (top.version) {
        puts("sotto " SOTTO_VERSION);
        return CLI_OK;
    }
    if (first == argc || cli->common.help) {
        return help_words(cli, argc - first, argv + first);
    }
    const char *name = argv[first];
    if (strcmp(name, "help") == 0) {
        return help_words(cli, argc - first - 1, argv + first + 1);
    }
    const struct command *c = cli_find(name);
    if (c == NULL) {
        return unknown(cli, NULL, name);
    }
    return c->commands != NULL ? run_group(cli, c, argc - first, argv + first)
                               : run_leaf(cli, NULL, c, argc - first, argv + first);
}

int cli_main(int argc, char **argv)
{
    struct cli cli;
    memset(&cli, 0, sizeof cli);
    output_init(&cli.out);
    return dispatch(&cli, argc, argv);
}

// ---- what commands share -----------------------------------------------------------------------

int cli_store_dir(struct cli *cli, char out[CLI_PATH_BYTES])
{
    int error = paths_store(cli->common.store_dir, out, CLI_PATH_BYTES);
    if (error == SOTTO_OK) {
        return CLI_OK;
    }
    return output_fail(&cli->out, CLI_NO_STORE, "Say where the store is with --store DIR.",
                       error == SOTTO_ESPACE ? "the path of the store is too long"
                                             : "you have no home directory");
}

static int fail_open(struct cli *cli, int error, const char *dir)
{
    if (error == SOTTO_EPASSPHRASE) {
        return output_fail(&cli->out, CLI_PASSPHRASE, NULL, "wrong passphrase");
    }
    if (error == SOTTO_ESTATE) {
        return output_fail(&cli->out, CLI_STORE, "Install a newer version of sotto.",
                           "the store %s was made by a newer sotto", dir);
    }
    char what[CLI_PATH_BYTES + 16];
    snprintf(what, sizeof what, "the store %s", dir);
    return output_fail_error(&cli->out, error, what);
}

static int open_with_passphrase(struct cli *cli, const char *dir, struct store **out)
{
    unsigned tries = passphrase_file(cli) != NULL ? 1 : PASSPHRASE_TRIES;
    int error = SOTTO_EPASSPHRASE;
    for (unsigned i = 0; i < tries && error == SOTTO_EPASSPHRASE; i++) {
        struct passphrase p;
        int code = passphrase_get(cli, i == 0 ? "Passphrase: " : "Wrong. Passphrase: ", &p);
        if (code != CLI_OK) {
            return code;
        }
        error = store_open(out, dir, p.text);
        passphrase_wipe(&p);
    }
    return error == SOTTO_OK ? CLI_OK : fail_open(cli, error, dir);
}

int cli_open_store(struct cli *cli, struct store **out)
{
    char dir[CLI_PATH_BYTES];
    int code = cli_store_dir(cli, dir);
    if (code != CLI_OK) {
        return code;
    }
    bool wants_passphrase;
    if (!store_exists(dir, &wants_passphrase)) {
        return output_fail(&cli->out, CLI_NO_STORE,
                           "`sotto init` makes one. If it is elsewhere: --store DIR.",
                           "there is no store in %s", dir);
    }
    if (wants_passphrase) {
        return open_with_passphrase(cli, dir, out);
    }
    int error = store_open(out, dir, NULL);
    return error == SOTTO_OK ? CLI_OK : fail_open(cli, error, dir);
}

int cli_confirm(struct cli *cli, const char *question, const char *option)
{
    int answer = prompt_yes_no(question);
    if (answer == 1) {
        return CLI_OK;
    }
    if (answer == SOTTO_ENOTFOUND) {
        char hint[96];
        snprintf(hint, sizeof hint, "If you are sure: %s.", option);
        return output_fail(&cli->out, CLI_USAGE, hint,
                           "this needs a yes, and there is no terminal to ask on");
    }
    return output_fail(&cli->out, CLI_FAILED, NULL, "nothing was done");
}
