// SPDX-License-Identifier: Apache-2.0
// Numbers, of which the relay knows the hash of the dial token, the line and the terms.
#include <string.h>

#include "engine/internal.h"

// Writes go to the disk, and the disk is everybody's.
static bool may_write(const struct relay_engine *e, struct online_line *line, struct sotto_now now)
{
    return bucket_take(&line->writes, 1, e->config.limits.numbers_per_line,
                       SOTTO_NS_PER_S / RELAY_WRITES_PER_LINE_PER_S, now.mono_ns);
}

static enum link_code allowed(const struct relay_engine *e, const struct relay_conn *c,
                              struct sotto_now now)
{
    if (e->stopping)
        return LINK_CODE_SHUTDOWN;
    if (c->line == NULL)
        return LINK_CODE_DENIED;
    if (!may_write(e, c->line, now))
        return LINK_CODE_LIMIT;
    return LINK_CODE_NONE;
}

// True: the store is to be asked. False: the device has its answer.
static bool begin(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                  enum write_kind kind, struct sotto_now now)
{
    enum link_code code = allowed(e, c, now);
    if (code == LINK_CODE_NONE && write_begin(e, c, request, kind) != 0)
        code = LINK_CODE_LIMIT;
    if (code != LINK_CODE_NONE)
        conn_send_failed(e, c, request, code);
    return code == LINK_CODE_NONE;
}

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
    if (!begin(e, c, m->request, WRITE_PUT, now))
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
    if (!begin(e, c, m->request, WRITE_REMOVE, now))
        return;
    struct relay_store *store = e->config.store;
    write_end(e, store->number_remove(store, m->token_hash, c->line->line_id));
}
