// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "number_acts.h"
#include "number_view.h"
#include "qr.h"
#include "relay.h"
#include "select.h"
#include "store.h"

#include <string.h>

// ---- a number and its link ---------------------------------------------------------------------

static void say_link(struct cli *cli, const char *link, bool qr, const char *label)
{
    const struct output *o = &cli->out;
    // The link last: a QR code can be taller than the terminal.
    if (qr && !qr_print(o, link)) {
        output_say(o, "(The terminal is too narrow for its QR code.)\n");
    }
    output_say(o, "\n%s\n\n", link);
    char text[SOTTO_NAME_MAX_BYTES + 160];
    snprintf(text, sizeof text,
             "Give this to %s and to nobody else: until it is used for the first time, whoever "
             "has it can be the one who is let in.",
             label);
    output_paragraph(o, 0, text);
}

// Everything that must be kept back until the relay knows the number is in `visit`.
static int fail_unpublished(struct cli *cli, const char *label, const struct relay_visit *visit)
{
    char hint[SOTTO_NAME_MAX_BYTES + 256];
    snprintf(hint, sizeof hint,
             "The number is kept, but nobody could call it yet, so its link is not shown. It is "
             "published as soon as the relay is reached: `sotto listen` does that by itself, "
             "`sotto number show '%s'` tries again and then shows the link.",
             label);
    return output_fail(&cli->out, visit->code, hint, "the relay does not know the number yet: %s",
                       visit->why);
}

static int need_line(struct cli *cli, const struct store *s)
{
    if (store_profile(s)->has_line) {
        return CLI_OK;
    }
    return output_fail(&cli->out, CLI_FAILED,
                       "Ask the operator of a relay for an invitation, then: sotto init LINK",
                       "you have no line on a relay, so nobody can call you");
}

// Publishes what is pending; then, if this number is known to the relay, gives its link.
static int publish_and_link(struct cli *cli, struct store *s, struct store_number *n,
                            char link[SOTTO_LINK_MAX_BYTES])
{
    struct relay_visit visit;
    relay_sync(cli, s, &visit);
    int error = store_number_get(s, n->number.token_hash, n);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the number");
    }
    if (n->pending == STORE_PENDING_PUBLISH) {
        return fail_unpublished(cli, n->number.label, &visit);
    }
    error = number_link_text(s, &n->number, link);
    return error == SOTTO_OK ? CLI_OK : output_fail_error(&cli->out, error, "the link");
}

// ---- new ---------------------------------------------------------------------------------------

struct new_options {
    int64_t expires_s;
    uint32_t calls;
    bool one_call, no_qr;
};
static const struct option_spec new_table[] = {
    {"expires", 'e', OPTION_DURATION, offsetof(struct new_options, expires_s), "TIME",
     "It stops working after this time: 12h, 30d, 2w (otherwise never)", NULL, 0, 0},
    {"calls", 'n', OPTION_COUNT, offsetof(struct new_options, calls), "N",
     "It is good for N answered calls (otherwise any number)", NULL, 1, 1000000},
    {"one-call", '1', OPTION_FLAG, offsetof(struct new_options, one_call), NULL,
     "The same as --calls 1", NULL, 0, 0},
    {"no-qr", 0, OPTION_FLAG, offsetof(struct new_options, no_qr), NULL,
     "Show only the link, not its QR code", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int make_number(struct cli *cli, struct store *s, const struct new_options *opt,
                       const char *label, struct store_number *n)
{
    int64_t now = clock_now().unix_s;
    const struct number_terms terms = {
        .expires_s = opt->expires_s,
        .calls = opt->one_call ? 1 : opt->calls,
    };
    int error = number_new(s, label, &terms, now, n);
    if (error == SOTTO_EINVAL) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "a label is 1 to %d bytes of text in one line", SOTTO_NAME_MAX_BYTES);
    }
    if (error == SOTTO_EEXIST) {
        return output_fail(&cli->out, CLI_EXISTS,
                           "Take another label, or revoke that one first: sotto number revoke "
                           "LABEL",
                           "there is a number for '%s' already", label);
    }
    if (error == SOTTO_ELIMIT) {
        return output_fail(&cli->out, CLI_FAILED, "Revoke numbers that are not used any more.",
                           "there are %d numbers, which is as many as there can be",
                           STORE_NUMBERS_MAX);
    }
    return error == SOTTO_OK ? CLI_OK : output_fail_error(&cli->out, error, "the number");
}

static int new_in(struct cli *cli, struct store *s, const struct new_options *opt,
                  const char *label)
{
    struct store_number n;
    char link[SOTTO_LINK_MAX_BYTES];
    int code = need_line(cli, s);
    if (code == CLI_OK) {
        code = make_number(cli, s, opt, label, &n);
    }
    if (code != CLI_OK) {
        return code;
    }
    code = publish_and_link(cli, s, &n, link);
    if (code == CLI_OK) {
        int64_t now = clock_now().unix_s;
        output_say(&cli->out, "A new number.\n");
        number_say_terms(cli, &n.number, now);
        say_link(cli, link, !opt->no_qr && cli->out.terminal, label);
        output_json(&cli->out, number_json(&n, link, now));
    }
    sotto_wipe(&n, sizeof n);
    sotto_wipe(link, sizeof link);
    return code;
}

static int run_new(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code == CLI_OK) {
        code = new_in(cli, s, options, argv[0]);
        store_close(s);
    }
    return code;
}

// ---- list --------------------------------------------------------------------------------------

static json_t *list_json(const struct store_number *list, size_t count, int64_t now)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, number_json(&list[i], NULL, now));
    }
    return json_pack("{s:o}", "numbers", array);
}

static void say_list(struct cli *cli, const struct store_number *list, size_t count, int64_t now)
{
    if (count == 0) {
        output_say(&cli->out, "No numbers yet. Make one: sotto number new \"NAME\"\n");
    }
    size_t columns = 0;
    for (size_t i = 0; i < count; i++) {
        output_widen(&columns, list[i].number.label);
    }
    for (size_t i = 0; i < count; i++) {
        number_say_line(cli, &list[i], now, columns);
    }
}

static int run_list(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    (void)argv;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    struct store_number *list;
    size_t count;
    int error = store_numbers(s, &list, &count);
    if (error == SOTTO_OK) {
        int64_t now = clock_now().unix_s;
        say_list(cli, list, count, now);
        output_json(&cli->out, list_json(list, count, now));
        store_numbers_free(list, count);
    } else {
        code = output_fail_error(&cli->out, error, "numbers");
    }
    store_close(s);
    return code;
}

// ---- one number --------------------------------------------------------------------------------

// Opens the store, finds the number, does `act`.
static int with_number(struct cli *cli, const char *word, const void *options,
                       int (*act)(struct cli *cli, struct store *s, struct store_number *n,
                                  const void *options))
{
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    struct store_number n;
    code = select_number(cli, s, word, &n);
    if (code == CLI_OK) {
        code = act(cli, s, &n, options);
        sotto_wipe(&n, sizeof n);
    }
    store_close(s);
    return code;
}

struct show_options {
    bool link, qr;
};
static const struct option_spec show_table[] = {
    {"link", 'l', OPTION_FLAG, offsetof(struct show_options, link), NULL,
     "Show the link too, even if the number is in use already", NULL, 0, 0},
    {"qr", 'q', OPTION_FLAG, offsetof(struct show_options, qr), NULL,
     "The link with its QR code, also when the output is no terminal", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int show(struct cli *cli, struct store *s, struct store_number *n, const void *options)
{
    const struct show_options *opt = options;
    int64_t now = clock_now().unix_s;
    bool usable = sotto_number_check(&n->number, now) == SOTTO_OK;
    bool with_link = usable && (opt->link || opt->qr || n->number.state == SOTTO_NUMBER_FRESH);
    char link[SOTTO_LINK_MAX_BYTES] = "";
    int code = CLI_OK;
    if (with_link) {
        code = publish_and_link(cli, s, n, link);
    }
    if (code != CLI_OK) {
        return code;
    }
    number_say(cli, n, now);
    if (with_link) {
        say_link(cli, link, opt->qr || cli->out.terminal, n->number.label);
    }
    output_json(&cli->out, number_json(n, with_link ? link : NULL, now));
    sotto_wipe(link, sizeof link);
    return CLI_OK;
}

static int run_show(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    return with_number(cli, argv[0], options, show);
}

// ---- revoke ------------------------------------------------------------------------------------

static int revoke_number(struct cli *cli, struct store *s, struct store_number *n,
                         const void *options)
{
    (void)options;
    int error = number_revoke(s, n->number.token_hash);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the number");
    }
    // Said before the relay is tried, which may take a while.
    output_say(&cli->out, "%s's number is revoked: your devices refuse it from now on.\n",
               n->number.label);
    fflush(stdout);
    struct relay_visit visit;
    relay_sync(cli, s, &visit);
    error = store_number_get(s, n->number.token_hash, n);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the number");
    }
    if (n->pending != STORE_PENDING_NONE) {
        // Not a failure: nobody gets through. So it is said beside the result.
        output_note(&cli->out,
                    "The relay could not be told yet (%s); it will be when it is reached.\n",
                    visit.why);
    }
    output_json(&cli->out, number_json(n, NULL, clock_now().unix_s));
    return CLI_OK;
}

static int run_revoke(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    return with_number(cli, argv[0], options, revoke_number);
}

// ---- rebind ------------------------------------------------------------------------------------

struct rebind_options {
    bool yes;
};
static const struct option_spec rebind_table[] = {
    {"yes", 'y', OPTION_FLAG, offsetof(struct rebind_options, yes), NULL,
     "You have made sure who will call; do not ask", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int ask_rebind(struct cli *cli, const struct sotto_number *m)
{
    char when[OUTPUT_TIME_BYTES], fp[SOTTO_FINGERPRINT_TEXT_BYTES];
    char question[512];
    if (m->leaks > 0) {
        sotto_fingerprint_text(&m->leaked_to, fp);
        snprintf(question, sizeof question,
                 "%s's number was used with another key (%.19s...) on %s.\n"
                 "After this, whoever calls with it first gets in, and only they. Have you made "
                 "sure, by\nwords or in person, that it will be %s? [y/N] ",
                 m->label, fp, output_time(m->leaked_unix_s, when), m->label);
    } else {
        snprintf(question, sizeof question,
                 "After this, whoever calls first with %s's number gets in, and only they. Have "
                 "you made\nsure, by words or in person, that it will be %s? [y/N] ",
                 m->label, m->label);
    }
    return cli_confirm(cli, question, "--yes");
}

static int rebind(struct cli *cli, struct store *s, struct store_number *n, const void *options)
{
    const struct rebind_options *opt = options;
    struct sotto_number *m = &n->number;
    if (m->state == SOTTO_NUMBER_REVOKED) {
        return output_fail(&cli->out, CLI_REFUSED, "Make a new one: sotto number new LABEL",
                           "%s's number is revoked; it stays so", m->label);
    }
    if (m->state == SOTTO_NUMBER_BOUND) {
        int code = opt->yes ? CLI_OK : ask_rebind(cli, m);
        if (code != CLI_OK) {
            return code;
        }
        int error = number_rebind(s, m->token_hash);
        if (error == SOTTO_OK) {
            error = store_number_get(s, m->token_hash, n);
        }
        if (error != SOTTO_OK) {
            return output_fail_error(&cli->out, error, "the number");
        }
    }
    output_say(&cli->out,
               "%s's number binds to whoever calls with it first. Compare the words in "
               "that call.\n",
               m->label);
    output_json(&cli->out, number_json(n, NULL, clock_now().unix_s));
    return CLI_OK;
}

static int run_rebind(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    return with_number(cli, argv[0], options, rebind);
}

// ---- label -------------------------------------------------------------------------------------

static int relabel(struct cli *cli, struct store *s, struct store_number *n, const void *options)
{
    const char *label = options;
    int error = number_rename(s, n->number.token_hash, label, clock_now().unix_s);
    if (error == SOTTO_EEXIST) {
        return output_fail(&cli->out, CLI_EXISTS, NULL, "there is a number for '%s' already",
                           label);
    }
    if (error == SOTTO_OK) {
        error = store_number_get(s, n->number.token_hash, n);
    }
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the number");
    }
    output_say(&cli->out, "It is %s's number now.\n", n->number.label);
    output_json(&cli->out, number_json(n, NULL, clock_now().unix_s));
    return CLI_OK;
}

static int run_label(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    if (sotto_name_check(argv[1]) != SOTTO_OK) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "a label is 1 to %d bytes of text in one line", SOTTO_NAME_MAX_BYTES);
    }
    return with_number(cli, argv[0], argv[1], relabel);
}

// ---- table -------------------------------------------------------------------------------------

static const struct command commands[] = {
    {.name = "new",
     .args = "LABEL",
     .summary = "Make a number for one person and show its link",
     .details = "LABEL is for whom it is; it is what you see when they call, whatever they call "
                "themselves. The number binds to the first device that calls with it. From then "
                "on it is refused in other hands, and you are told.\n\n"
                "If the relay cannot be reached the number is kept but its link is not shown, "
                "since nobody could call it yet; the exit code says so.",
     .options = new_table,
     .options_bytes = sizeof(struct new_options),
     .min_args = 1,
     .max_args = 1,
     .run = run_new},
    {.name = "list", .summary = "All numbers and what became of them", .run = run_list},
    {.name = "show",
     .args = "LABEL",
     .summary = "Everything about one number",
     .details = "The link is shown as long as the number was never used; --link shows it later "
                "too, for instance to bring it to another device of the same person (which then "
                "needs `sotto number rebind`).",
     .options = show_table,
     .options_bytes = sizeof(struct show_options),
     .min_args = 1,
     .max_args = 1,
     .run = run_show},
    {.name = "revoke",
     .args = "LABEL",
     .summary = "Make a number worthless, at once and for good",
     .details = "Your own devices refuse it from this moment. The relay is told now, or when it "
                "is reached next.",
     .min_args = 1,
     .max_args = 1,
     .run = run_revoke},
    {.name = "rebind",
     .args = "LABEL",
     .summary = "Let a bound number bind anew, to whoever calls with it first",
     .details = "For somebody who has a new device. Make sure that it is them: call them some "
                "other way you trust, and compare the words in the next call.",
     .options = rebind_table,
     .options_bytes = sizeof(struct rebind_options),
     .min_args = 1,
     .max_args = 1,
     .run = run_rebind},
    {.name = "label",
     .args = "LABEL NEW-LABEL",
     .summary = "Call a number something else",
     .min_args = 2,
     .max_args = 2,
     .run = run_label},
    {.name = NULL},
};

const struct command cmd_number = {
    .name = "number",
    .summary = "Numbers that you give to people, so that they can call you",
    .details = "A number is a link (and QR code) made for one person. LABEL is its label, the "
               "beginning of it, or its short name from `sotto number list`.",
    .commands = commands,
};
