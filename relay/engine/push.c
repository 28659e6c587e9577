// SPDX-License-Identifier: Apache-2.0
// Web Push subscriptions, by which a line's device can be woken.
#include <string.h>

#include "engine/internal.h"

enum link_code push_put_code(int rc)
{
    if (rc == 0)
        return LINK_CODE_NONE;
    return rc == SOTTO_ENOTFOUND ? LINK_CODE_NO_LINE : LINK_CODE_STORAGE;
}

static enum link_code acceptable(const struct relay_engine *e, const struct relay_store_push *p)
{
    const struct relay_output *out = &e->config.output;
    if (out->wake == NULL)
        return LINK_CODE_UNAVAILABLE;
    if (out->push_allowed != NULL && !out->push_allowed(p->endpoint, out->user))
        return LINK_CODE_DENIED;
    return LINK_CODE_NONE;
}

void push_put(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
              struct sotto_now now)
{
    struct relay_store_push p = {.endpoint = ""};
    memcpy(p.endpoint, m->endpoint, m->endpoint_len);
    memcpy(p.p256dh, m->p256dh, sizeof p.p256dh);
    memcpy(p.auth, m->auth, sizeof p.auth);
    enum link_code code = acceptable(e, &p);
    if (code != LINK_CODE_NONE) {
        conn_send_failed(e, c, m->request, code);
        return;
    }
    if (write_wanted(e, c, m->request, WRITE_PUSH, now) != 0)
        return;
    memcpy(p.line_id, c->line->line_id, sizeof p.line_id);
    write_end(e, e->config.store->push_put(e->config.store, &p));
    sotto_wipe(&p, sizeof p);
}

void push_remove(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                 struct sotto_now now)
{
    char endpoint[LINK_ENDPOINT_MAX_BYTES + 1] = "";
    if (write_wanted(e, c, m->request, WRITE_UNPUSH, now) != 0)
        return;
    if (m->endpoint_len > 0)
        memcpy(endpoint, m->endpoint, m->endpoint_len);
    write_end(e, e->config.store->push_remove(e->config.store, c->line->line_id, endpoint));
}
