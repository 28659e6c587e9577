// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "qr.h"

#include <sotto/identity.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SETUP_CONTACTS_MAX 8
// Every byte of a label or link may become "%XX".
#define SETUP_LINK_MAX_BYTES                                \
    (SOTTO_LINK_MAX_BYTES + 3 * SOTTO_NAME_MAX_BYTES + 16 + \
     SETUP_CONTACTS_MAX * 3 * (SOTTO_NAME_MAX_BYTES + SOTTO_LINK_MAX_BYTES + 4))

struct setup_options {
    const char *name;
    const char *page;
};

struct text {
    char bytes[SETUP_LINK_MAX_BYTES];
    size_t len;
};

static void put(struct text *t, const char *s, size_t len)
{
    if (len < sizeof t->bytes - t->len) { // always: see SETUP_LINK_MAX_BYTES
        memcpy(t->bytes + t->len, s, len);
        t->len += len;
        t->bytes[t->len] = '\0';
    }
}

// RFC 3986 section 2.1. "~" parts a label from its link, so it is escaped as well.
static void put_escaped(struct text *t, const char *s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for (; *s != '\0'; s++) {
        char escaped[4];
        snprintf(escaped, sizeof escaped, "%%%02X", (unsigned)(unsigned char)*s);
        bool is_plain = strchr(plain, *s) != NULL;
        put(t, is_plain ? s : escaped, is_plain ? 1 : 3);
    }
}

static void put_field(struct text *t, const char *key, const char *value)
{
    put(t, key, strlen(key));
    put_escaped(t, value);
}

// ---- what must be right
// --------------------------------------------------------------------------

static int check_name(struct cli *cli, const char *name)
{
    int error = sotto_name_check(name);
    return error == SOTTO_OK ? CLI_OK : output_fail_error(&cli->out, error, name);
}

static int check_invite(struct cli *cli, const char *text)
{
    struct sotto_invite_link invite;
    int error = sotto_invite_link_parse(&invite, text);
    sotto_wipe(&invite, sizeof invite);
    return error == SOTTO_OK ? CLI_OK : output_fail_error(&cli->out, error, "the invitation");
}

static int check_contact(struct cli *cli, const char *label, const char *text)
{
    struct sotto_number_link link;
    int error = sotto_number_link_parse(&link, text);
    sotto_wipe(&link, sizeof link);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, label);
    }
    return check_name(cli, label);
}

static int check_page(struct cli *cli, const char *page)
{
    bool is_web = strncmp(page, "https://", 8) == 0 || strncmp(page, "http://localhost", 16) == 0;
    if (is_web && strchr(page, '#') == NULL && strlen(page) < SOTTO_LINK_MAX_BYTES / 2) {
        return CLI_OK;
    }
    return output_fail(&cli->out, CLI_USAGE, "For instance: --page http://localhost:8080",
                       "that is no address of a page: %s", page);
}

static int check(struct cli *cli, const struct setup_options *o, int argc, char **argv)
{
    if (argc % 2 == 0 || argc > 1 + 2 * SETUP_CONTACTS_MAX) {
        return output_fail(&cli->out, CLI_USAGE, NULL,
                           "after the invitation come a label and a link for each contact, at "
                           "most %d",
                           SETUP_CONTACTS_MAX);
    }
    int code = check_invite(cli, argv[0]);
    for (int i = 1; i < argc && code == CLI_OK; i += 2) {
        code = check_contact(cli, argv[i], argv[i + 1]);
    }
    if (code == CLI_OK && o->name != NULL) {
        code = check_name(cli, o->name);
    }
    return code == CLI_OK && o->page != NULL ? check_page(cli, o->page) : code;
}

// ---- the link
// --------------------------------------------------------------------------------------

static void build(struct text *t, const struct setup_options *o, int argc, char **argv)
{
    const char *fragment = strchr(argv[0], '#'); // there is one: the invitation was parsed
    if (o->page != NULL) {
        size_t len = strlen(o->page);
        put(t, o->page, len);
        put(t, "/", o->page[len - 1] == '/' ? 0 : 1);
    } else {
        put(t, argv[0], (size_t)(fragment - argv[0]));
    }
    put(t, fragment, strlen(fragment));
    if (o->name != NULL) {
        put_field(t, "&name=", o->name);
    }
    for (int i = 1; i < argc; i += 2) {
        put_field(t, "&contact=", argv[i]);
        put_field(t, "~", argv[i + 1]);
    }
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct setup_options *o = options;
    int code = check(cli, o, argc, argv);
    if (code != CLI_OK) {
        return code;
    }
    struct text link = {0};
    build(&link, o, argc, argv);
    output_json(&cli->out, json_pack("{s:s}", "link", link.bytes));
    output_say(&cli->out, "%s\n", link.bytes);
    if (!qr_print(&cli->out, link.bytes)) {
        output_say(&cli->out, "(for its QR code the terminal is too narrow)\n");
    }
    sotto_wipe(&link, sizeof link);
    return CLI_OK;
}

static const struct option_spec options[] = {
    {.name = "name",
     .letter = 'n',
     .kind = OPTION_TEXT,
     .at = offsetof(struct setup_options, name),
     .value = "NAME",
     .help = "What they call themselves in the numbers that they give out"},
    {.name = "page",
     .kind = OPTION_TEXT,
     .at = offsetof(struct setup_options, page),
     .value = "URL",
     .help = "Where the page is opened, if not at the relay's own address"},
    {0},
};

const struct command cmd_setup = {
    .name = "setup",
    .args = "INVITATION [LABEL LINK]...",
    .summary = "A link that sets up somebody's telephone in a browser",
    .details =
        "Opened in a browser, the link makes an identity and a line with the invitation, with the "
        "contacts given by a label and a number's link each. Who has it can take them: it is as "
        "secret as what it was made of.\n\n"
        "Nothing is looked up or changed: this only puts the links together, and draws the QR "
        "code.",
    .options = options,
    .options_bytes = sizeof(struct setup_options),
    .min_args = 1,
    .max_args = 1 + 2 * SETUP_CONTACTS_MAX,
    .run = run,
};
