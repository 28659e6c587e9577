// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "contact_acts.h"
#include "line_view.h"
#include "passphrase.h"
#include "prompt.h"
#include "relay.h"
#include "store_sqlite.h"

#include <string.h>

struct init_options {
    const char *name;
    bool no_passphrase;
};
static const struct option_spec table[] = {
    {"name", 'n', OPTION_TEXT, offsetof(struct init_options, name), "NAME",
     "What you call yourself in the links that you give out (otherwise nothing)", NULL, 0, 0},
    {"no-passphrase", 0, OPTION_FLAG, offsetof(struct init_options, no_passphrase), NULL,
     "Whoever has the device has your keys: only for tests and for disks that are encrypted", NULL,
     0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

// ---- what the user says ------------------------------------------------------------------------

static int parse_invite(struct cli *cli, const char *text, struct store_profile *p)
{
    struct sotto_invite_link invite;
    int error = sotto_invite_link_parse(&invite, text);
    if (error != SOTTO_OK) {
        struct sotto_number_link number;
        if (sotto_number_link_parse(&number, text) == SOTTO_OK) {
            sotto_wipe(&number, sizeof number);
            return output_fail(&cli->out, CLI_LINK,
                               "A number is for calling somebody: sotto contact add LINK. An "
                               "invitation comes from the operator of a relay.",
                               "this is somebody's number, not an invitation to a relay");
        }
        return output_fail_error(&cli->out, error, "the invitation");
    }
    line_take_invite(p, &invite);
    return CLI_OK;
}

static int ask_invite(struct cli *cli, struct store_profile *p)
{
    char text[SOTTO_LINK_MAX_BYTES];
    if (cli->common.json || !prompt_possible()) {
        return CLI_OK; // a script that gives none wants none
    }
    int len = prompt_line("Invitation to a relay (a link; just Enter: none, you can call but not "
                          "be called): ",
                          false, text, sizeof text);
    if (len < 0) {
        return output_fail(&cli->out, CLI_USAGE, NULL, "nothing was made");
    }
    return len == 0 ? CLI_OK : parse_invite(cli, text, p);
}

static int take_profile(struct cli *cli, const struct init_options *opt, const char *invite,
                        struct store_profile *p)
{
    *p = (struct store_profile){.created_unix_s = clock_now().unix_s};
    if (opt->name != NULL) {
        if (sotto_name_check(opt->name) != SOTTO_OK) {
            return output_fail(&cli->out, CLI_USAGE, NULL,
                               "a name is 1 to %d bytes of text in one line", SOTTO_NAME_MAX_BYTES);
        }
        snprintf(p->name, sizeof p->name, "%s", opt->name);
    }
    return invite != NULL ? parse_invite(cli, invite, p) : ask_invite(cli, p);
}

// ---- a new store -------------------------------------------------------------------------------

static int create(struct cli *cli, const char *dir, const char *passphrase,
                  const struct store_profile *p, struct store **out)
{
    int error = store_create(out, dir, passphrase, NULL, p);
    if (error == SOTTO_OK) {
        return CLI_OK;
    }
    char what[CLI_PATH_BYTES + 16];
    snprintf(what, sizeof what, "the store %s", dir);
    return output_fail_error(&cli->out, error, what);
}

static int make_store(struct cli *cli, const struct init_options *opt, const char *dir,
                      const char *invite, struct store **out)
{
    struct store_profile p;
    int code = take_profile(cli, opt, invite, &p);
    if (code != CLI_OK) {
        return code;
    }
    if (opt->no_passphrase) {
        return create(cli, dir, NULL, &p, out);
    }
    struct passphrase passphrase;
    code = passphrase_new(cli, passphrase_file(cli), &passphrase);
    if (code == CLI_OK) {
        code = create(cli, dir, passphrase.text, &p, out);
        passphrase_wipe(&passphrase);
    }
    return code;
}

// ---- a store that is there already -------------------------------------------------------------

static int refuse(struct cli *cli, const char *dir)
{
    return output_fail(&cli->out, CLI_EXISTS,
                       "`sotto id` shows who you are. For another identity beside it: --store DIR.",
                       "there is a store in %s already; nothing was changed", dir);
}

// An identity without a line gets one; a line that the relay has not confirmed is tried again.
static int complete_store(struct cli *cli, const char *dir, const char *invite, struct store **out)
{
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    struct store_profile p = *store_profile(s);
    bool wanting = p.has_line ? !p.registered : invite != NULL;
    if (!wanting) {
        code = refuse(cli, dir);
    } else if (invite != NULL) {
        code = parse_invite(cli, invite, &p);
        int error = code == CLI_OK ? store_set_profile(s, &p) : SOTTO_OK;
        if (error != SOTTO_OK) {
            code = output_fail_error(&cli->out, error, "the store");
        }
    }
    if (code != CLI_OK) {
        store_close(s);
        return code;
    }
    *out = s;
    return CLI_OK;
}

// ---- run ---------------------------------------------------------------------------------------

static int finish(struct cli *cli, struct store *s)
{
    struct relay_visit visit = {.code = CLI_OK};
    if (store_profile(s)->has_line) {
        relay_register(cli, s, &visit);
    }
    if (visit.code != CLI_OK) {
        const char *hint = visit.code == CLI_REFUSED
                               ? "Your identity is made and kept. Ask the relay's operator for "
                                 "another invitation, then: sotto init LINK"
                               : "Your identity and the invitation are kept. When the relay can "
                                 "be reached: sotto init";
        return output_fail(&cli->out, visit.code, hint, "your line is not registered: %s",
                           visit.why);
    }
    identity_say(cli, s);
    if (store_profile(s)->has_line) {
        output_say(&cli->out, "\nNext: make a number for somebody, and wait for their call.\n"
                              "  sotto number new \"Their name\"\n  sotto listen\n");
    } else {
        output_say(&cli->out, "\nNext: call somebody who gave you a number.\n"
                              "  sotto contact add LINK\n");
    }
    output_json(&cli->out, identity_json(s));
    return CLI_OK;
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    const char *invite = argc > 0 ? argv[0] : NULL;
    char dir[CLI_PATH_BYTES];
    int code = cli_store_dir(cli, dir);
    if (code != CLI_OK) {
        return code;
    }
    struct store *s = NULL;
    bool wants_passphrase;
    code = store_exists(dir, &wants_passphrase) ? complete_store(cli, dir, invite, &s)
                                                : make_store(cli, options, dir, invite, &s);
    if (code == CLI_OK) {
        code = finish(cli, s);
        store_close(s);
    }
    return code;
}

const struct command cmd_init = {
    .name = "init",
    .args = "[INVITATION]",
    .summary = "Make your identity, and your line on a relay",
    .details = "INVITATION is a link from the operator of a relay. Without one you get an "
               "identity that can call but not be called; `sotto init INVITATION` adds the line "
               "later. If the relay cannot be reached, `sotto init` tries again.\n\n"
               "An identity that is there is never overwritten.",
    .options = table,
    .options_bytes = sizeof(struct init_options),
    .max_args = 1,
    .run = run,
};
