// SPDX-License-Identifier: Apache-2.0
// Completion scripts, made from the same tables as the parser and the help.
#include "commands.h"

#include <stdio.h>
#include <string.h>

// Options of every command, the common ones first: `visit` for each.
static void each_option(void (*visit)(const struct option_spec *s))
{
    for (const struct option_spec *s = cli_common_options; s->name != NULL; s++) {
        visit(s);
    }
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        for (const struct option_spec *s = (*c)->options; s != NULL && s->name != NULL; s++) {
            visit(s);
        }
        for (const struct command *sub = (*c)->commands; sub != NULL && sub->name; sub++) {
            for (const struct option_spec *s = sub->options; s != NULL && s->name; s++) {
                visit(s);
            }
        }
    }
}

static void print_choices(const char *choices)
{
    for (; *choices != 0; choices++) {
        putchar(*choices == '|' ? ' ' : *choices);
    }
}

static void print_option_names(const struct option_spec *table)
{
    for (const struct option_spec *s = table; s != NULL && s->name != NULL; s++) {
        printf(" --%s", s->name);
    }
}

static void print_command_names(void)
{
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        printf(" %s", (*c)->name);
    }
    printf(" help");
}

// In single quotes, for any shell; `first` before it inside the quotes.
static void print_quoted(const char *first, const char *text)
{
    printf("'%s", first);
    for (; *text != 0; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

// ---- bash --------------------------------------------------------------------------------------

static void bash_value(const struct option_spec *s)
{
    switch (s->kind) {
    case OPTION_FLAG:
        return;
    case OPTION_FILE:
        printf("    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", s->name);
        return;
    case OPTION_DIR:
        printf("    --%s) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n", s->name);
        return;
    case OPTION_CHOICE:
        printf("    --%s) COMPREPLY=($(compgen -W '", s->name);
        print_choices(s->choices);
        printf("' -- \"$cur\")); return ;;\n");
        return;
    default:
        printf("    --%s) return ;;\n", s->name);
    }
}

static void bash_skip(const struct option_spec *s)
{
    if (s->kind != OPTION_FLAG) {
        printf("--%s | ", s->name);
    }
}

static void bash_words(const struct command *group, const struct command *c)
{
    printf("    '%s%s%s'*) list='", group != NULL ? group->name : "", group != NULL ? " " : "",
           c->name);
    for (const struct command *sub = c->commands; sub != NULL && sub->name != NULL; sub++) {
        printf("%s ", sub->name);
    }
    print_option_names(c->options);
    print_option_names(cli_common_options);
    puts("' ;;");
}

static void bash_help(void)
{
    printf("    'help'*) list='");
    print_command_names();
    puts("' ;;");
}

static void print_bash(void)
{
    puts("# bash completion for sotto; to be sourced\n"
         "_sotto()\n"
         "{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i path='' list\n"
         "    case $prev in");
    each_option(bash_value);
    puts("    esac\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        case ${COMP_WORDS[i]} in");
    printf("        ");
    each_option(bash_skip);
    puts("--) ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) path=${path:+$path }${COMP_WORDS[i]} ;;\n"
         "        esac\n"
         "    done\n"
         "    case $path in");
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        for (const struct command *sub = (*c)->commands; sub != NULL && sub->name; sub++) {
            bash_words(*c, sub);
        }
        bash_words(NULL, *c);
    }
    bash_help();
    printf("    *) list='");
    print_command_names();
    print_option_names(cli_common_options);
    puts(" --version' ;;\n"
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
         "}\n"
         "complete -F _sotto sotto");
}

// ---- zsh ---------------------------------------------------------------------------------------

static void zsh_value(const struct option_spec *s)
{
    switch (s->kind) {
    case OPTION_FLAG:
        return;
    case OPTION_FILE:
        printf("    --%s) _files; return ;;\n", s->name);
        return;
    case OPTION_DIR:
        printf("    --%s) _files -/; return ;;\n", s->name);
        return;
    case OPTION_CHOICE:
        printf("    --%s) compadd -- ", s->name);
        print_choices(s->choices);
        puts("; return ;;");
        return;
    default:
        printf("    --%s) _message '%s'; return ;;\n", s->name, s->value);
    }
}

static void zsh_options(const struct option_spec *table)
{
    for (const struct option_spec *s = table; s != NULL && s->name != NULL; s++) {
        char name[64];
        snprintf(name, sizeof name, "--%s:", s->name);
        printf("        ");
        print_quoted(name, s->help);
        putchar('\n');
    }
}

static void zsh_command(const struct command *c)
{
    char name[32];
    snprintf(name, sizeof name, "%s:", c->name);
    printf("        ");
    print_quoted(name, c->summary);
    putchar('\n');
}

static void zsh_case(const struct command *group, const struct command *c)
{
    printf("    '%s%s%s'*)\n      commands=(\n", group != NULL ? group->name : "",
           group != NULL ? " " : "", c->name);
    for (const struct command *sub = c->commands; sub != NULL && sub->name != NULL; sub++) {
        zsh_command(sub);
    }
    puts("      )\n      options+=(");
    zsh_options(c->options);
    puts("      ) ;;");
}

static void zsh_all_commands(void)
{
    puts("      commands=(");
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        zsh_command(*c);
    }
    puts("        'help:What a command does'\n      ) ;;");
}

static void print_zsh(void)
{
    puts("#compdef sotto\n"
         "_sotto() {\n"
         "    local i path_=''\n"
         "    local -a commands options\n"
         "    case $words[CURRENT-1] in");
    each_option(zsh_value);
    puts("    esac\n"
         "    for ((i = 2; i < CURRENT; i++)); do\n"
         "        case $words[i] in");
    printf("        ");
    each_option(bash_skip);
    puts("--) ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) path_=${path_:+$path_ }$words[i] ;;\n"
         "        esac\n"
         "    done\n"
         "    options=(");
    zsh_options(cli_common_options);
    puts("    )\n"
         "    case $path_ in");
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        for (const struct command *sub = (*c)->commands; sub != NULL && sub->name; sub++) {
            zsh_case(*c, sub);
        }
        zsh_case(NULL, *c);
    }
    puts("    *)");
    zsh_all_commands();
    puts("    esac\n"
         "    (( $#commands )) && _describe command commands\n"
         "    [[ $words[CURRENT] == -* ]] && _describe -o option options\n"
         "}\n"
         "_sotto \"$@\"");
}

// ---- fish --------------------------------------------------------------------------------------

static void fish_options(const char *condition, const struct option_spec *table)
{
    for (const struct option_spec *s = table; s != NULL && s->name != NULL; s++) {
        printf("complete -c sotto%s -l %s", condition, s->name);
        if (s->letter != 0) {
            printf(" -s %c", s->letter);
        }
        if (s->kind == OPTION_CHOICE) {
            printf(" -x -a '");
            print_choices(s->choices);
            putchar('\'');
        } else if (s->kind == OPTION_FILE || s->kind == OPTION_DIR) {
            printf(" -r -F");
        } else if (s->kind != OPTION_FLAG) {
            printf(" -x");
        }
        printf(" -d ");
        print_quoted("", s->help);
        putchar('\n');
    }
}

static void fish_subcommands(const struct command *group)
{
    char condition[256];
    for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++) {
        printf("complete -c sotto -f -n '__fish_seen_subcommand_from %s; and not "
               "__fish_seen_subcommand_from",
               group->name);
        for (const struct command *other = group->commands; other->name != NULL; other++) {
            printf(" %s", other->name);
        }
        printf("' -a %s -d ", c->name);
        print_quoted("", c->summary);
        putchar('\n');
        snprintf(condition, sizeof condition,
                 " -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s'",
                 group->name, c->name);
        fish_options(condition, c->options);
    }
}

static void print_fish(void)
{
    puts("# fish completion for sotto\n"
         "complete -c sotto -f");
    fish_options("", cli_common_options);
    for (const struct command *const *c = cli_commands; *c != NULL; c++) {
        char condition[128];
        printf("complete -c sotto -n __fish_use_subcommand -a %s -d ", (*c)->name);
        print_quoted("", (*c)->summary);
        putchar('\n');
        snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'", (*c)->name);
        fish_options(condition, (*c)->options);
        fish_subcommands(*c);
    }
}

// ---- run ---------------------------------------------------------------------------------------

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(argv[0], shells[i].shell) == 0) {
            shells[i].print();
            return CLI_OK;
        }
    }
    return output_fail(&cli->out, CLI_USAGE, "bash, zsh or fish",
                       "there is no completion for the shell '%.40s'", argv[0]);
}

const struct command cmd_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .summary = "Print a script that completes commands and options in your shell",
    .details = "bash: sotto completion bash > ~/.local/share/bash-completion/completions/sotto\n\n"
               "zsh: sotto completion zsh > a file _sotto in a directory of $fpath\n\n"
               "fish: sotto completion fish > ~/.config/fish/completions/sotto.fish",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
