// SPDX-License-Identifier: Apache-2.0
#include "contact_acts.h"

#include <stdio.h>
#include <string.h>

int contact_link_check(const struct store *s, const struct sotto_number_link *link,
                       int64_t now_unix_s)
{
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(store_identity(s), &own);
    if (sotto_fingerprint_equal(&own, &link->callee)) {
        return SOTTO_EPEER;
    }
    return link->expires_unix_s != 0 && link->expires_unix_s <= now_unix_s ? SOTTO_EEXPIRED
                                                                           : SOTTO_OK;
}

struct update {
    const struct sotto_number_link *link; // NULL: leave it
    const char *label;                    // NULL: leave it
};

static int update(struct sotto_contact *c, void *arg)
{
    const struct update *u = arg;
    if (u->link != NULL) {
        c->has_link = true;
        c->link = *u->link;
    }
    if (u->label != NULL) {
        snprintf(c->label, sizeof c->label, "%s", u->label);
    }
    return SOTTO_OK;
}

static int add_new(struct store *s, const struct sotto_number_link *link, const char *label,
                   int64_t now_unix_s)
{
    if (sotto_name_check(label) != SOTTO_OK) {
        return SOTTO_EINVAL;
    }
    struct sotto_contact c = {
        .fingerprint = link->callee,
        .has_link = true,
        .link = *link,
        .created_unix_s = now_unix_s,
    };
    snprintf(c.label, sizeof c.label, "%s", label);
    int error = store_contact_add(s, &c);
    sotto_wipe(&c, sizeof c);
    return error;
}

int contact_keep_link(struct store *s, const struct sotto_number_link *link, const char *label,
                      int64_t now_unix_s, bool *fresh, struct sotto_contact *out)
{
    if (label != NULL && sotto_name_check(label) != SOTTO_OK) {
        return SOTTO_EINVAL;
    }
    struct update u = {.link = link, .label = label};
    int error = store_contact_change(s, &link->callee, update, &u);
    bool is_new = error == SOTTO_ENOTFOUND;
    if (is_new) {
        error = add_new(s, link, label != NULL ? label : link->name, now_unix_s);
    }
    if (error == SOTTO_OK) {
        error = store_contact_get(s, &link->callee, out);
    }
    if (error == SOTTO_OK) {
        *fresh = is_new;
    }
    return error;
}

int contact_rename(struct store *s, const struct sotto_fingerprint *fp, const char *label)
{
    if (sotto_name_check(label) != SOTTO_OK) {
        return SOTTO_EINVAL;
    }
    struct update u = {.label = label};
    return store_contact_change(s, fp, update, &u);
}

// ---- line --------------------------------------------------------------------------------------

void line_take_invite(struct store_profile *p, const struct sotto_invite_link *invite)
{
    p->has_line = true;
    p->registered = false;
    p->home = invite->relay;
    memcpy(p->invite, invite->invite, sizeof p->invite);
}

int line_confirm(struct store *s)
{
    struct store_profile p = *store_profile(s);
    p.registered = true;
    sotto_wipe(p.invite, sizeof p.invite);
    return store_set_profile(s, &p);
}
