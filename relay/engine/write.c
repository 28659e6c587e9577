// SPDX-License-Identifier: Apache-2.0
// Writes to the store, which may take their time: who asked is remembered until the result comes.
#include <assert.h>

#include "engine/internal.h"

static_assert(RELAY_WRITES_PENDING_MAX <= UINT16_MAX, "a job is slot and generation");

static uint64_t job_of(const struct relay_engine *e, const struct pending_write *w)
{
    return (uint64_t)w->generation << 16 | (uint64_t)(w - e->writes);
}

static struct pending_write *find(struct relay_engine *e, uint64_t job)
{
    size_t slot = job & UINT16_MAX;
    if (slot >= RELAY_WRITES_PENDING_MAX)
        return NULL;
    struct pending_write *w = &e->writes[slot];
    return w->kind != WRITE_FREE && job_of(e, w) == job ? w : NULL;
}

int write_begin(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                enum write_kind kind)
{
    if (c->writes >= RELAY_WRITES_PER_CONN_MAX)
        return SOTTO_ELIMIT;
    for (struct pending_write *w = e->writes; w < e->writes + RELAY_WRITES_PENDING_MAX; w++) {
        if (w->kind != WRITE_FREE)
            continue;
        w->kind = kind;
        w->conn = c;
        w->request = request;
        w->generation++;
        c->writes++;
        e->config.store->job = job_of(e, w);
        return 0;
    }
    return SOTTO_ELIMIT;
}

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

int write_wanted(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                 enum write_kind kind, struct sotto_now now)
{
    enum link_code code = allowed(e, c, now);
    if (code == LINK_CODE_NONE && write_begin(e, c, request, kind) != 0)
        code = LINK_CODE_LIMIT;
    if (code == LINK_CODE_NONE)
        return SOTTO_OK;
    conn_send_failed(e, c, request, code);
    return SOTTO_ELIMIT;
}

static enum link_code code_of(enum write_kind kind, int rc)
{
    switch (kind) {
    case WRITE_REGISTER:
        return line_register_code(rc);
    case WRITE_PUT:
        return number_put_code(rc);
    case WRITE_PUSH:
        return push_put_code(rc);
    default: // idempotent; and whether another line has that number is nobody's business
        return rc == 0 || rc == SOTTO_ENOTFOUND ? LINK_CODE_NONE : LINK_CODE_STORAGE;
    }
}

static void finish(struct relay_engine *e, struct pending_write *w, int rc)
{
    struct relay_conn *c = w->conn;
    enum link_code code = code_of(w->kind, rc);
    e->stats.registers += w->kind == WRITE_REGISTER && code == LINK_CODE_NONE;
    w->kind = WRITE_FREE;
    if (c == NULL)
        return;
    c->writes--;
    if (code == LINK_CODE_NONE)
        conn_send_ok(e, c, w->request);
    else
        conn_send_failed(e, c, w->request, code);
}

void write_end(struct relay_engine *e, int rc)
{
    struct pending_write *w = find(e, e->config.store->job);
    assert(w != NULL);
    if (rc != SOTTO_EAGAIN)
        finish(e, w, rc);
}

void write_forget_all(struct relay_engine *e, struct relay_conn *c)
{
    for (size_t i = 0; i < RELAY_WRITES_PENDING_MAX && c->writes > 0; i++) {
        struct pending_write *w = &e->writes[i];
        if (w->kind == WRITE_FREE || w->conn != c)
            continue;
        w->conn = NULL;
        c->writes--;
    }
}

void relay_engine_stored(struct relay_engine *e, uint64_t job, int result, struct sotto_now now)
{
    struct pending_write *w = find(e, job);
    if (w == NULL)
        return;
    finish(e, w, result);
    engine_settle(e, NULL, now);
}
