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

static enum link_code put_code(int rc)
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

static void answer(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                   enum link_code code)
{
    if (code == LINK_CODE_NONE)
        conn_send_ok(e, c, request);
    else
        conn_send_failed(e, c, request, code);
}

void number_put(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now)
{
    if (m->expires_unix_s > INT64_MAX) {
        conn_protocol_error(e, c, m->request);
        return;
    }
    enum link_code code = allowed(e, c, now);
    if (code == LINK_CODE_NONE) {
        struct relay_store_number n = {.expires_unix_s = (int64_t)m->expires_unix_s,
                                       .calls_left = m->calls_left};
        memcpy(n.token_hash, m->token_hash, sizeof n.token_hash);
        memcpy(n.line_id, c->line->line_id, sizeof n.line_id);
        code = put_code(
            e->config.store->number_put(e->config.store, &n, e->config.limits.numbers_per_line));
    }
    answer(e, c, m->request, code);
}

// Idempotent; and whether another line has that number is nobody's business: OK in each case.
void number_remove(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                   struct sotto_now now)
{
    enum link_code code = allowed(e, c, now);
    if (code == LINK_CODE_NONE) {
        int rc = e->config.store->number_remove(e->config.store, m->token_hash, c->line->line_id);
        if (rc != 0 && rc != SOTTO_ENOTFOUND)
            code = LINK_CODE_STORAGE;
    }
    answer(e, c, m->request, code);
}
