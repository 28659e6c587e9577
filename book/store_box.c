// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include "wire/cursor.h"

#include <string.h>

#define BOX_NAME_BYTES (8 + 1 + BOX_ID_BYTES)

// What a box is sealed under: nobody without the master key can pass one row off as another.
static void box_name(uint8_t out[BOX_NAME_BYTES], enum box_kind kind,
                     const uint8_t id[BOX_ID_BYTES])
{
    struct wire_writer w = wire_writer(out, BOX_NAME_BYTES);
    wire_write_bytes(&w, "store v1", 8);
    wire_write_u8(&w, (uint8_t)kind);
    wire_write_bytes(&w, id, BOX_ID_BYTES);
}

void box_new_id(uint8_t id[BOX_ID_BYTES])
{
    const struct sotto_env *env = sotto_env_default();
    env->random(id, BOX_ID_BYTES, env->user);
}

int box_put(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES],
            const uint8_t *plain, size_t len)
{
    uint8_t sealed[BOX_SEALED_MAX_BYTES];
    uint8_t name[BOX_NAME_BYTES];
    box_name(name, kind, id);
    int sealed_len =
        sotto_vault_seal(s->vault, name, sizeof name, plain, len, sealed, sizeof sealed);
    if (sealed_len < 0) {
        return sealed_len;
    }
    return s->backend->box_put(s->db, kind, id, sealed, (size_t)sealed_len);
}

int box_remove(struct store *s, enum box_kind kind, const uint8_t id[BOX_ID_BYTES])
{
    return s->backend->box_remove(s->db, kind, id);
}

int box_count(struct store *s, enum box_kind kind, size_t *out)
{
    return s->backend->box_count(s->db, kind, out);
}

// ---- scanning ------------------------------------------------------------------------------

struct round {
    struct store *store;
    enum box_kind kind;
    struct box_scan *scan;
    uint8_t plain[CODEC_MAX_BYTES];
};

// Opens a box: bytes, or SOTTO_EPARSE.
static int open_box(struct round *r, const uint8_t id[BOX_ID_BYTES], const uint8_t *sealed,
                    size_t len)
{
    if (len == 0 || len > BOX_SEALED_MAX_BYTES) {
        return SOTTO_EPARSE;
    }
    uint8_t name[BOX_NAME_BYTES];
    box_name(name, r->kind, id);
    int plain_len = sotto_vault_open_blob(r->store->vault, name, sizeof name, sealed, len, r->plain,
                                          sizeof r->plain);
    return plain_len < 0 ? SOTTO_EPARSE : plain_len;
}

static int visit_box(const uint8_t id[BOX_ID_BYTES], const uint8_t *sealed, size_t len, void *arg)
{
    struct round *r = arg;
    int plain_len = open_box(r, id, sealed, len);
    r->scan->boxes++;
    int seen = plain_len < 0 ? SOTTO_EPARSE
                             : r->scan->visit(id, r->plain, (size_t)plain_len, r->scan->arg);
    if (seen != SOTTO_EPARSE) {
        return seen;
    }
    r->scan->damaged++;
    return SOTTO_OK;
}

int box_scan(struct store *s, enum box_kind kind, struct box_scan *scan)
{
    scan->boxes = 0;
    scan->damaged = 0;
    struct round r = {.store = s, .kind = kind, .scan = scan};
    int result = s->backend->box_each(s->db, kind, visit_box, &r);
    sotto_wipe(r.plain, sizeof r.plain);
    return result;
}

struct only {
    uint8_t *out;
    size_t cap;
    size_t len;
};

static int take_only(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    (void)id;
    struct only *o = arg;
    if (len > o->cap) {
        return SOTTO_ESPACE;
    }
    memcpy(o->out, plain, len);
    o->len = len;
    return SOTTO_OK;
}

int box_only(struct store *s, enum box_kind kind, uint8_t *out, size_t cap)
{
    struct only o = {.out = out, .cap = cap};
    struct box_scan scan = {.visit = take_only, .arg = &o};
    int error = box_scan(s, kind, &scan);
    if (error != SOTTO_OK) {
        return error;
    }
    if (scan.boxes == 0) {
        return SOTTO_ENOTFOUND;
    }
    return scan.boxes == 1 && scan.damaged == 0 ? (int)o.len : SOTTO_EPARSE;
}

// ---- copying -------------------------------------------------------------------------------

struct copy {
    struct store *to;
    enum box_kind kind;
};

static int copy_box(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    const struct copy *c = arg;
    return box_put(c->to, c->kind, id, plain, len);
}

int box_copy_all(struct store *to, struct store *from)
{
    int error = SOTTO_OK;
    for (int kind = BOX_PROFILE; error == SOTTO_OK && kind <= BOX_LOG; kind++) {
        struct copy copy = {.to = to, .kind = (enum box_kind)kind};
        struct box_scan scan = {.visit = copy_box, .arg = &copy};
        error = box_scan(from, copy.kind, &scan);
    }
    return error;
}
