// SPDX-License-Identifier: Apache-2.0
#include "number_acts.h"

#include <stdio.h>
#include <string.h>

// ---- making, linking ---------------------------------------------------------------------------

int number_mint(struct sotto_number *out, const char *label, const struct number_terms *terms,
                int64_t now_unix_s)
{
    int error = sotto_number_init(out, label, now_unix_s, sotto_env_default());
    if (error == SOTTO_OK) {
        out->expires_unix_s = terms->expires_s > 0 ? now_unix_s + terms->expires_s : 0;
        out->calls_max = terms->calls > 0 ? terms->calls : SOTTO_CALLS_UNLIMITED;
    }
    return error;
}

int number_new(struct store *s, const char *label, const struct number_terms *terms,
               int64_t now_unix_s, struct store_number *out)
{
    struct store_number n = {.pending = STORE_PENDING_PUBLISH};
    int error = number_mint(&n.number, label, terms, now_unix_s);
    if (error == SOTTO_OK) {
        error = store_number_add(s, &n, now_unix_s);
    }
    if (error == SOTTO_OK) {
        *out = n;
    }
    sotto_wipe(&n, sizeof n);
    return error;
}

void number_link(const struct store *s, const struct sotto_number *n, struct sotto_number_link *out)
{
    const struct store_profile *profile = store_profile(s);
    *out = (struct sotto_number_link){
        .relay = profile->home,
        .secret = n->secret,
        .expires_unix_s = n->expires_unix_s,
        .calls = n->calls_max != SOTTO_CALLS_UNLIMITED ? n->calls_max : 0,
    };
    memcpy(out->token, n->token, sizeof out->token);
    sotto_identity_fingerprint(store_identity(s), &out->callee);
    memcpy(out->name, profile->name, sizeof out->name);
}

int number_link_text(const struct store *s, const struct sotto_number *n,
                     char out[SOTTO_LINK_MAX_BYTES])
{
    struct sotto_number_link link;
    number_link(s, n, &link);
    int len = sotto_number_link_format(&link, out, SOTTO_LINK_MAX_BYTES);
    sotto_wipe(&link, sizeof link);
    return len < 0 ? len : SOTTO_OK;
}

// ---- changing ----------------------------------------------------------------------------------

static int revoke(struct store_number *n, void *arg)
{
    (void)arg;
    if (n->number.state == SOTTO_NUMBER_REVOKED) {
        return 1; // whatever is pending stays so
    }
    n->number.state = SOTTO_NUMBER_REVOKED;
    n->pending = STORE_PENDING_WITHDRAW;
    return SOTTO_OK;
}

int number_revoke(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    int error = store_number_change(s, token_hash, revoke, NULL);
    return error == 1 ? SOTTO_OK : error;
}

static int restore(struct store_number *n, void *arg)
{
    (void)arg;
    if (n->number.state != SOTTO_NUMBER_REVOKED) {
        return SOTTO_ESTATE;
    }
    n->number.state = n->number.was_bound ? SOTTO_NUMBER_BOUND : SOTTO_NUMBER_FRESH;
    n->pending = STORE_PENDING_PUBLISH;
    return SOTTO_OK;
}

int number_restore(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                   int64_t now_unix_s)
{
    struct store_number n;
    int error = store_number_get(s, token_hash, &n);
    if (error != SOTTO_OK) {
        return error;
    }
    bool taken = number_label_taken(s, token_hash, n.number.label, now_unix_s);
    sotto_wipe(&n, sizeof n);
    return taken ? SOTTO_EEXIST : store_number_change(s, token_hash, restore, NULL);
}

static int make_fresh(struct store_number *n, void *arg)
{
    (void)arg;
    struct sotto_number *m = &n->number;
    if (m->state != SOTTO_NUMBER_BOUND) {
        return m->state == SOTTO_NUMBER_REVOKED ? SOTTO_EREVOKED : 1;
    }
    m->state = SOTTO_NUMBER_FRESH;
    m->was_bound = false;
    m->verified = false;
    m->leaks = 0;
    m->leaked_unix_s = 0;
    sotto_wipe(&m->bound, sizeof m->bound);
    sotto_wipe(&m->leaked_to, sizeof m->leaked_to);
    return SOTTO_OK;
}

int number_rebind(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    int error = store_number_change(s, token_hash, make_fresh, NULL);
    return error == 1 ? SOTTO_OK : error;
}

static int set_label(struct store_number *n, void *arg)
{
    snprintf(n->number.label, sizeof n->number.label, "%s", (const char *)arg);
    return SOTTO_OK;
}

int number_rename(struct store *s, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                  const char *label, int64_t now_unix_s)
{
    char copy[SOTTO_NAME_MAX_BYTES + 1];
    int error = sotto_name_check(label);
    if (error != SOTTO_OK) {
        return error;
    }
    if (number_label_taken(s, token_hash, label, now_unix_s)) {
        return SOTTO_EEXIST;
    }
    snprintf(copy, sizeof copy, "%s", label);
    return store_number_change(s, token_hash, set_label, copy);
}

bool number_label_taken(struct store *s, const uint8_t *self_token_hash, const char *label,
                        int64_t now_unix_s)
{
    struct store_number *list;
    size_t count;
    if (store_numbers(s, &list, &count) != SOTTO_OK) {
        return false;
    }
    bool taken = false;
    for (size_t i = 0; i < count; i++) {
        const struct sotto_number *m = &list[i].number;
        bool self = self_token_hash != NULL &&
                    memcmp(m->token_hash, self_token_hash, sizeof m->token_hash) == 0;
        taken = taken || (!self && strcmp(m->label, label) == 0 &&
                          sotto_number_check(m, now_unix_s) == SOTTO_OK);
    }
    store_numbers_free(list, count);
    return taken;
}

// ---- what it is good for -----------------------------------------------------------------------

enum number_condition number_condition(const struct sotto_number *n, int64_t now_unix_s)
{
    switch (sotto_number_check(n, now_unix_s)) {
    case SOTTO_EREVOKED:
        return CONDITION_REVOKED;
    case SOTTO_EEXPIRED:
        return CONDITION_EXPIRED;
    case SOTTO_EUSEDUP:
        return CONDITION_USED_UP;
    default:
        break;
    }
    if (n->state == SOTTO_NUMBER_FRESH) {
        return CONDITION_FRESH;
    }
    return n->leaks > 0 ? CONDITION_LEAKED : CONDITION_BOUND;
}

const char *number_condition_name(enum number_condition c)
{
    static const char *const names[] = {
        [CONDITION_REVOKED] = "revoked", [CONDITION_EXPIRED] = "expired",
        [CONDITION_USED_UP] = "used_up", [CONDITION_LEAKED] = "leaked",
        [CONDITION_FRESH] = "fresh",     [CONDITION_BOUND] = "bound",
    };
    return names[c];
}
