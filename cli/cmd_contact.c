// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "contact_acts.h"
#include "prompt.h"
#include "select.h"
#include "store.h"

#include <string.h>
#include <unistd.h>

// ---- showing -----------------------------------------------------------------------------------

static json_t *contact_json(const struct sotto_contact *c)
{
    return json_pack("{s:s,s:o,s:b,s:o,s:o,s:b,s:o,s:o,s:o}", "label", c->label, "fingerprint",
                     output_json_fingerprint(&c->fingerprint), "verified", c->verified ? 1 : 0,
                     "verified_unix_s", output_json_time(c->verified_unix_s), "created_unix_s",
                     output_json_time(c->created_unix_s), "has_number", c->has_link ? 1 : 0,
                     "relay", c->has_link ? output_json_relay(&c->link.relay) : json_null(),
                     "expires_unix_s",
                     c->has_link ? output_json_time(c->link.expires_unix_s) : json_null(),
                     "calls_max",
                     c->has_link && c->link.calls != 0 ? json_integer((json_int_t)c->link.calls)
                                                       : json_null());
}

static bool link_expired(const struct sotto_contact *c, int64_t now)
{
    return c->has_link && c->link.expires_unix_s != 0 && c->link.expires_unix_s <= now;
}

static void say_terms(const struct output *o, const struct sotto_contact *c, int64_t now)
{
    char when[OUTPUT_TIME_BYTES], calls[OUTPUT_TIME_BYTES];
    if (link_expired(c, now)) {
        output_styled(o, STYLE_WARN, "expired %s\n", output_time(c->link.expires_unix_s, when));
        return;
    }
    if (c->link.expires_unix_s != 0) {
        output_say(o, "until %s", output_time(c->link.expires_unix_s, when));
    } else {
        output_say(o, "without an end");
    }
    if (c->link.calls != 0) {
        output_say(o, ", handed out for %s", output_calls(c->link.calls, calls));
    }
    output_say(o, "\n");
}

static void say_contact(const struct cli *cli, const struct sotto_contact *c, int64_t now)
{
    const struct output *o = &cli->out;
    char fp[SOTTO_FINGERPRINT_TEXT_BYTES], when[OUTPUT_TIME_BYTES], host[OUTPUT_HOST_BYTES];
    sotto_fingerprint_text(&c->fingerprint, fp);
    output_styled(o, STYLE_BOLD, "%s\n", c->label);
    output_say(o, "  Fingerprint  %s\n", fp);
    if (c->verified) {
        output_say(o, "  Verified     %s, by comparing words\n",
                   output_time(c->verified_unix_s, when));
    } else {
        output_say(o, "  Verified     no: compare the words in a call\n");
    }
    if (!c->has_link) {
        output_say(o, "  Number       none: they have not given you one\n");
        return;
    }
    output_say(o, "  Number       at %s, ", output_host(&c->link.relay, host));
    say_terms(o, c, now);
    if (c->link.name[0] != 0 && strcmp(c->link.name, c->label) != 0) {
        output_say(o, "  Calls itself %s\n", c->link.name);
    }
}

// ---- add ---------------------------------------------------------------------------------------

struct add_options {
    const char *name;
};
static const struct option_spec add_table[] = {
    {"name", 'n', OPTION_TEXT, offsetof(struct add_options, name), "NAME",
     "What you call them (otherwise what the link says)", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int fail_link(struct cli *cli, int error, const char *text)
{
    struct sotto_invite_link invite;
    if (sotto_invite_link_parse(&invite, text) == SOTTO_OK) {
        sotto_wipe(&invite, sizeof invite);
        return output_fail(&cli->out, CLI_LINK, "It is used once, by: sotto init LINK",
                           "this is an invitation to a relay, not somebody's number");
    }
    return output_fail_error(&cli->out, error, "the link");
}

static int check_link(struct cli *cli, const struct store *s, const struct sotto_number_link *l)
{
    int error = contact_link_check(s, l, clock_now().unix_s);
    if (error == SOTTO_EPEER) {
        return output_fail(&cli->out, CLI_REFUSED, "Give it to the person whom you made it for.",
                           "this is a number of your own");
    }
    if (error == SOTTO_EEXPIRED) {
        char when[OUTPUT_TIME_BYTES];
        return output_fail(&cli->out, CLI_REFUSED,
                           "Ask for a new one. If it should still be good, look at your clock: "
                           "sotto doctor",
                           "this number expired on %s", output_time(l->expires_unix_s, when));
    }
    return CLI_OK;
}

static int fail_add(struct cli *cli, int error, const char *label)
{
    if (error == SOTTO_EEXIST) {
        return output_fail(&cli->out, CLI_EXISTS,
                           "It is another identity than theirs. If the person has new keys, make "
                           "sure of it first, then: sotto contact remove NAME. Otherwise give "
                           "this one another name with --name.",
                           "there is a contact '%s' already", label);
    }
    if (error == SOTTO_ELIMIT) {
        return output_fail(&cli->out, CLI_FAILED, NULL,
                           "there are %d contacts, which is as many as there can be",
                           STORE_CONTACTS_MAX);
    }
    return output_fail_error(&cli->out, error, "the contact");
}

static int keep_link(struct cli *cli, struct store *s, const struct sotto_number_link *l,
                     const char *name)
{
    bool fresh;
    struct sotto_contact c;
    int error = contact_keep_link(s, l, name, clock_now().unix_s, &fresh, &c);
    if (error == SOTTO_EINVAL) {
        return output_fail(&cli->out, CLI_USAGE, "Say what you call them: --name NAME.",
                           "the link carries no name");
    }
    if (error != SOTTO_OK) {
        return fail_add(cli, error, name != NULL ? name : l->name);
    }
    output_say(&cli->out, fresh ? "Added.\n"
                                : "You know them already; the number is the new "
                                  "one.\n");
    say_contact(cli, &c, clock_now().unix_s);
    output_json(&cli->out, contact_json(&c));
    sotto_wipe(&c, sizeof c);
    return CLI_OK;
}

static int add_in(struct cli *cli, struct store *s, const char *text, const char *name)
{
    struct sotto_number_link l;
    int error = sotto_number_link_parse(&l, text);
    if (error != SOTTO_OK) {
        return fail_link(cli, error, text);
    }
    int code = check_link(cli, s, &l);
    if (code == CLI_OK) {
        code = keep_link(cli, s, &l, name);
    }
    sotto_wipe(&l, sizeof l);
    return code;
}

// The link: the argument, or "-": standard input, or asked for.
static int take_link(struct cli *cli, const char *argument, char out[SOTTO_LINK_MAX_BYTES])
{
    if (argument != NULL && strcmp(argument, "-") != 0) {
        if (strlen(argument) >= SOTTO_LINK_MAX_BYTES) {
            return output_fail_error(&cli->out, SOTTO_ELINK_MALFORMED, "the link");
        }
        snprintf(out, SOTTO_LINK_MAX_BYTES, "%s", argument);
        return CLI_OK;
    }
    if (argument == NULL) {
        int len = prompt_line("Link: ", false, out, SOTTO_LINK_MAX_BYTES);
        return len > 0 ? CLI_OK
                       : output_fail(&cli->out, CLI_USAGE, "sotto contact add LINK",
                                     "a link is needed");
    }
    if (fgets(out, SOTTO_LINK_MAX_BYTES, stdin) == NULL) {
        return output_fail(&cli->out, CLI_USAGE, NULL, "there is no link on standard input");
    }
    return CLI_OK;
}

static int run_add(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct add_options *opt = options;
    char text[SOTTO_LINK_MAX_BYTES];
    if (opt->name != NULL && sotto_name_check(opt->name) != SOTTO_OK) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "a name is 1 to %d bytes of text in one line", SOTTO_NAME_MAX_BYTES);
    }
    int code = take_link(cli, argc > 0 ? argv[0] : NULL, text);
    if (code != CLI_OK) {
        return code;
    }
    struct store *s;
    code = cli_open_store(cli, &s);
    if (code == CLI_OK) {
        code = add_in(cli, s, text, opt->name);
        store_close(s);
    }
    sotto_wipe(text, sizeof text);
    return code;
}

// ---- list --------------------------------------------------------------------------------------

static void say_list(struct cli *cli, const struct sotto_contact *list, size_t count)
{
    if (count == 0) {
        output_say(&cli->out, "No contacts yet. With a number that somebody gave you: sotto "
                              "contact add LINK\n");
    }
    size_t columns = 0;
    for (size_t i = 0; i < count; i++) {
        output_widen(&columns, list[i].label);
    }
    int64_t now = clock_now().unix_s;
    for (size_t i = 0; i < count; i++) {
        char fp[SOTTO_FINGERPRINT_TEXT_BYTES];
        sotto_fingerprint_text(&list[i].fingerprint, fp);
        output_cell(&cli->out, list[i].label, columns + 2);
        output_say(&cli->out, "%.19s  ", fp);
        output_styled(&cli->out, list[i].verified ? STYLE_GOOD : STYLE_PLAIN, "%s",
                      list[i].verified ? "verified" : "not verified");
        output_say(&cli->out, "%s\n",
                   !list[i].has_link             ? ", no number"
                   : link_expired(&list[i], now) ? ", number expired"
                                                 : "");
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
    struct sotto_contact *list;
    size_t count;
    int error = store_contacts(s, &list, &count);
    if (error == SOTTO_OK) {
        say_list(cli, list, count);
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(array, contact_json(&list[i]));
        }
        output_json(&cli->out, json_pack("{s:o}", "contacts", array));
        store_contacts_free(list, count);
    } else {
        code = output_fail_error(&cli->out, error, "contacts");
    }
    store_close(s);
    return code;
}

// ---- one contact -------------------------------------------------------------------------------

static int with_contact(struct cli *cli, const char *word, const char *argument,
                        int (*act)(struct cli *cli, struct store *s, struct sotto_contact *c,
                                   const char *argument))
{
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    struct sotto_contact c;
    code = select_contact(cli, s, word, &c);
    if (code == CLI_OK) {
        code = act(cli, s, &c, argument);
        sotto_wipe(&c, sizeof c);
    }
    store_close(s);
    return code;
}

static int show(struct cli *cli, struct store *s, struct sotto_contact *c, const char *argument)
{
    (void)s;
    (void)argument;
    say_contact(cli, c, clock_now().unix_s);
    output_json(&cli->out, contact_json(c));
    return CLI_OK;
}

static int run_show(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    return with_contact(cli, argv[0], NULL, show);
}

static int rename_contact(struct cli *cli, struct store *s, struct sotto_contact *c,
                          const char *argument)
{
    const char *label = argument;
    int error = contact_rename(s, &c->fingerprint, label);
    if (error == SOTTO_EEXIST) {
        return output_fail(&cli->out, CLI_EXISTS, NULL, "there is a contact '%s' already", label);
    }
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the contact");
    }
    output_say(&cli->out, "%s is %s now.\n", c->label, label);
    snprintf(c->label, sizeof c->label, "%s", label);
    output_json(&cli->out, contact_json(c));
    return CLI_OK;
}

static int run_rename(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    if (sotto_name_check(argv[1]) != SOTTO_OK) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "a name is 1 to %d bytes of text in one line", SOTTO_NAME_MAX_BYTES);
    }
    return with_contact(cli, argv[0], argv[1], rename_contact);
}

static int remove_contact(struct cli *cli, struct store *s, struct sotto_contact *c,
                          const char *argument)
{
    (void)argument;
    int error = store_contact_remove(s, &c->fingerprint);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the contact");
    }
    output_say(&cli->out,
               "%s is removed. A number that you gave them goes on: sotto number revoke\n",
               c->label);
    output_json(&cli->out, json_pack("{s:s}", "removed", c->label));
    return CLI_OK;
}

static int run_remove(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    return with_contact(cli, argv[0], NULL, remove_contact);
}

// ---- table -------------------------------------------------------------------------------------

static const struct command commands[] = {
    {.name = "add",
     .args = "[LINK]",
     .summary = "Keep a number that somebody gave you",
     .details = "Without LINK it is asked for; \"-\" reads it from standard input, so that it "
                "does not show in your shell's history. The name in a link is only what the link "
                "says: compare the words in the first call. A new number of somebody whom you "
                "know replaces their old one.",
     .options = add_table,
     .options_bytes = sizeof(struct add_options),
     .max_args = 1,
     .run = run_add},
    {.name = "list", .summary = "All contacts", .run = run_list},
    {.name = "show",
     .args = "NAME",
     .summary = "Everything about one contact",
     .min_args = 1,
     .max_args = 1,
     .run = run_show},
    {.name = "rename",
     .args = "NAME NEW-NAME",
     .summary = "Call a contact something else",
     .min_args = 2,
     .max_args = 2,
     .run = run_rename},
    {.name = "remove",
     .args = "NAME",
     .summary = "Forget a contact and their number",
     .min_args = 1,
     .max_args = 1,
     .run = run_remove},
    {.name = NULL},
};

const struct command cmd_contact = {
    .name = "contact",
    .summary = "People whose numbers you have",
    .details = "NAME is a contact's name, the beginning of it, or the beginning of the "
               "fingerprint.",
    .commands = commands,
};
