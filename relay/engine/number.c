// SPDX-License-Identifier: Apache-2.0
// Numbers, of which the relay knows the hash of the dial token, the line and the terms.
#include <string.h>

#include "engine/internal.h"

enum link_code number_put_code(int rc)
{
    switch (rc) {
    case 0:
        return LINK_CODE_NONE;
    case SOTTO_EEXIST: // another line's
        return LINK_CODE_DENIED;
    case SOTTO_ELIMIT:
        return LINK_CODE_LIMIT;
    case SOTTO_ENOTFOUND: // the line was withdrawn a moment ago
        return LINK_CODE_NO_LINE;
    default:
        return LINK_CODE_STORAGE;
    }
}

void number_put(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now)
{
    if (m->expires_unix_s > INT64_MAX) {
        conn_protocol_error(e, c, m->request);
        return;
    }
    if (write_wanted(e, c, m->request, WRITE_PUT, now) != 0)
        return;
    struct relay_store *store = e->config.store;
    struct relay_store_number n = {.expires_unix_s = (int64_t)m->expires_unix_s,
                                   .calls_left = m->calls_left};
    memcpy(n.token_hash, m->token_hash, sizeof n.token_hash);
    memcpy(n.line_id, c->line->line_id, sizeof n.line_id);
    write_end(e, store->number_put(store, &n, e->config.limits.numbers_per_line));
}

void number_remove(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                   struct sotto_now now)
{
    if (write_wanted(e, c, m->request, WRITE_REMOVE, now) != 0)
        return;
    struct relay_store *store = e->config.store;
    write_end(e, store->number_remove(store, m->token_hash, c->line->line_id));
}
