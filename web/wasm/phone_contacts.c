// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "contact_acts.h"

#include <stdlib.h>
#include <string.h>

#define LINK_TEXT_MAX_BYTES (64 * 1024) // of what is pasted, a setup link's contacts included

// ---- links -------------------------------------------------------------------------------------

// A setup link has "&name=..." and more behind the invitation.
static char *first_part(const char *text)
{
    size_t len = strnlen(text, LINK_TEXT_MAX_BYTES);
    const char *mark = memchr(text, '#', len);
    const char *more = mark != NULL ? strchr(mark, '&') : NULL;
    char *part = malloc(len + 1);
    if (part != NULL) {
        size_t kept = more != NULL && (size_t)(more - text) < len ? (size_t)(more - text) : len;
        memcpy(part, text, kept);
        part[kept] = '\0';
    }
    return part;
}

int phone_number_link_parse(const char *text, struct sotto_number_link *out)
{
    char *part = first_part(text);
    int error = part != NULL ? sotto_number_link_parse(out, part) : SOTTO_ENOMEM;
    phone_drop_text(&part);
    return error;
}

int phone_invite_link_parse(const char *text, struct sotto_invite_link *out)
{
    char *part = first_part(text);
    int error = part != NULL ? sotto_invite_link_parse(out, part) : SOTTO_ENOMEM;
    phone_drop_text(&part);
    return error;
}

static json_t *number_info(const struct phone *p, const struct sotto_number_link *l)
{
    bool open = p->store != NULL, known = false;
    int check = open ? contact_link_check(p->store, l, p->now.unix_s) : SOTTO_OK;
    if (open) {
        struct sotto_contact contact;
        known = store_contact_get(p->store, &l->callee, &contact) == SOTTO_OK;
        sotto_wipe(&contact, sizeof contact);
    }
    bool expired = l->expires_unix_s != 0 && l->expires_unix_s <= p->now.unix_s;
    return json_pack("{s:s,s:o,s:s,s:o,s:o*,s:o*,s:b,s:b,s:o*}", "kind", "number", "relay",
                     json_relay(&l->relay), "name", l->name, "callee", json_fingerprint(&l->callee),
                     "expires", l->expires_unix_s != 0 ? json_integer(l->expires_unix_s) : NULL,
                     "calls", l->calls != 0 ? json_integer(l->calls) : NULL, "expired",
                     (int)expired, "ours", (int)(check == SOTTO_EPEER), "contact",
                     known ? json_hex(l->callee.bytes, sizeof l->callee.bytes) : NULL);
}

// What the first reading says about a link of the other kind is not worth telling.
static int link_error(int as_number, int as_invite)
{
    return as_invite == SOTTO_ELINK_MALFORMED ? as_number : as_invite;
}

int phone_link(struct phone *p, const json_t *args, json_t **result)
{
    const char *text;
    struct sotto_number_link number;
    struct sotto_invite_link invite;
    int error = args_text(p, args, "text", &text);
    if (error != SOTTO_OK) {
        return error;
    }
    error = phone_number_link_parse(text, &number);
    if (error == SOTTO_OK) {
        *result = number_info(p, &number);
        sotto_wipe(&number, sizeof number);
        return SOTTO_OK;
    }
    int as_invite = phone_invite_link_parse(text, &invite);
    if (as_invite != SOTTO_OK) {
        return link_error(error, as_invite);
    }
    *result = json_pack("{s:s,s:o,s:s,s:b,s:b}", "kind", "invite", "relay",
                        json_relay(&invite.relay), "name", "", "expired", 0, "ours", 0);
    sotto_wipe(&invite, sizeof invite);
    return SOTTO_OK;
}

// ---- contacts ----------------------------------------------------------------------------------

int phone_contacts(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    struct sotto_contact *list;
    size_t count;
    int error = store_contacts(p->store, &list, &count);
    if (error != SOTTO_OK) {
        return error;
    }
    *result = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(*result, json_contact(&list[i]));
    }
    store_contacts_free(list, count);
    return SOTTO_OK;
}

int phone_contact_add(struct phone *p, const json_t *args, json_t **result)
{
    const char *label, *text;
    struct sotto_number_link link;
    struct sotto_contact contact;
    bool fresh;
    int error = args_label(p, args, "label", &label);
    error = error == SOTTO_OK ? args_text(p, args, "link", &text) : error;
    error = error == SOTTO_OK ? phone_number_link_parse(text, &link) : error;
    if (error != SOTTO_OK) {
        return error;
    }
    error = contact_link_check(p->store, &link, p->now.unix_s);
    if (error == SOTTO_OK) {
        error = contact_keep_link(p->store, &link, label, p->now.unix_s, &fresh, &contact);
    }
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_CONTACTS);
        *result = json_contact(&contact);
        sotto_wipe(&contact, sizeof contact);
    }
    sotto_wipe(&link, sizeof link);
    return error;
}

int phone_contact_rename(struct phone *p, const json_t *args, json_t **result)
{
    const char *label;
    struct sotto_fingerprint fp;
    struct sotto_contact contact;
    int error = args_id(p, args, "id", fp.bytes);
    error = error == SOTTO_OK ? args_label(p, args, "label", &label) : error;
    error = error == SOTTO_OK ? contact_rename(p->store, &fp, label) : error;
    error = error == SOTTO_OK ? store_contact_get(p->store, &fp, &contact) : error;
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_CONTACTS);
        *result = json_contact(&contact);
        sotto_wipe(&contact, sizeof contact);
    }
    return error;
}

int phone_contact_remove(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    struct sotto_fingerprint fp;
    int error = args_id(p, args, "id", fp.bytes);
    error = error == SOTTO_OK ? store_contact_remove(p->store, &fp) : error;
    if (error == SOTTO_OK) {
        phone_mark(p, DIRTY_CONTACTS);
    }
    return error;
}
