// SPDX-License-Identifier: Apache-2.0
#include "target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

// Something with a "#" in it, or a scheme before it, is meant as a link.
static bool looks_like_link(const char *text)
{
    return strstr(text, "://") != NULL || strstr(text, "/#") != NULL;
}

static const char *label_for(const struct sotto_number_link *link)
{
    return sotto_name_check(link->name) == 0 ? link->name : link->relay.host;
}

// A contact with that identity has a label of ours; the name in a link is only what it says.
static enum cli_exit from_link(struct store *s, const char *text, struct target *out,
                               char why[TARGET_WHY_BYTES], const char **hint)
{
    struct sotto_book book = store_book(s);
    struct sotto_contact contact;
    int err = sotto_number_link_parse(&out->link, text);
    if (err != 0) {
        snprintf(why, TARGET_WHY_BYTES, "%s", sotto_strerror(err));
        *hint = err == SOTTO_ELINK_VERSION
                    ? "Install a newer version of sotto."
                    : "Copy the whole link again, and put it in quotes: shells cut at the #.";
        return CLI_LINK;
    }
    if (book.contact_get(book.user, &out->link.callee, &contact) == 0) {
        snprintf(out->label, sizeof(out->label), "%s", contact.label);
        sotto_wipe(&contact, sizeof(contact));
    } else {
        snprintf(out->label, sizeof(out->label), "%.*s", SOTTO_NAME_MAX_BYTES,
                 label_for(&out->link));
    }
    return CLI_OK;
}

// The contact meant: exactly that label, else in any case, else the only one that begins so. NULL,
// and how many fit.
static const struct sotto_contact *choose(const struct sotto_contact *list, size_t count,
                                          const char *text, size_t *fits)
{
    const struct sotto_contact *found = NULL, *whole = NULL;
    *fits = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].label, text) == 0) {
            *fits = 1;
            return &list[i];
        }
        if (strncasecmp(list[i].label, text, strlen(text)) == 0) {
            found = &list[i];
            whole = strcasecmp(list[i].label, text) == 0 ? &list[i] : whole;
            (*fits)++;
        }
    }
    if (whole != NULL) {
        return whole;
    }
    return *fits == 1 ? found : NULL;
}

static enum cli_exit from_list(const struct sotto_contact *list, size_t count, const char *text,
                               struct target *out, char why[TARGET_WHY_BYTES], const char **hint)
{
    size_t fits;
    const struct sotto_contact *c = choose(list, count, text, &fits);
    if (fits == 0) {
        snprintf(why, TARGET_WHY_BYTES, "there is no contact \"%.100s\"", text);
        *hint = "`sotto contact list` lists them; a number's link may be given too, in quotes.";
        return CLI_NOT_FOUND;
    }
    if (c == NULL) {
        snprintf(why, TARGET_WHY_BYTES, "%zu contacts begin with \"%.100s\"", fits, text);
        *hint = "Write more of the label.";
        return CLI_NOT_FOUND;
    }
    if (!c->has_link) {
        snprintf(why, TARGET_WHY_BYTES, "\"%s\" has not given you a number", c->label);
        *hint = "Ask for one, or swap numbers: sotto exchange";
        return CLI_NOT_FOUND;
    }
    out->link = c->link;
    snprintf(out->label, sizeof(out->label), "%s", c->label);
    return CLI_OK;
}

enum cli_exit target_find(struct store *s, const char *text, struct target *out,
                          char why[TARGET_WHY_BYTES], const char **hint)
{
    *hint = NULL;
    if (text[0] == '\0') {
        snprintf(why, TARGET_WHY_BYTES, "whom? a label or a link is needed");
        return CLI_USAGE;
    }
    if (looks_like_link(text)) {
        return from_link(s, text, out, why, hint);
    }
    struct sotto_contact *list = NULL;
    size_t count = 0;
    int err = store_contacts(s, &list, &count);
    if (err != 0) {
        snprintf(why, TARGET_WHY_BYTES, "contacts: %s", sotto_strerror(err));
        return output_exit_for(err);
    }
    enum cli_exit code = from_list(list, count, text, out, why, hint);
    store_contacts_free(list, count);
    return code;
}
