// SPDX-License-Identifier: Apache-2.0
#include "store_slots.h"

#include "identity/digest.h"
#include "wire/cursor.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC          "sottoslt"
#define MAGIC_BYTES    8
#define HEAD_BYTES     (MAGIC_BYTES + 2 + 1 + 8 + SOTTO_VAULT_HEADER_BYTES + 4)
#define BOX_HEAD_BYTES (1 + BOX_ID_BYTES + 2)
#define NO_SLOT        SLOTS_COUNT
#define HOST_NO_ROOM   (-2)
#define LIST_FIRST_CAP 64

// Sealed bytes; not changed once made, so that a transaction can be taken back.
struct box {
    enum box_kind kind;
    uint8_t id[BOX_ID_BYTES];
    bool kept; // only while a transaction ends
    size_t len;
    uint8_t sealed[];
};

struct list {
    struct box **of;
    size_t count, cap;
};

// All that a snapshot holds. A state owns its boxes, except that those which a transaction has left
// alone belong to both states while it lasts.
struct state {
    bool there; // there is a store
    enum slots_lock lock;
    uint64_t sequence;
    uint8_t header[SOTTO_VAULT_HEADER_BYTES];
    struct list boxes;
};

struct slots {
    const struct slots_host *host; // NULL: memory only
    struct state state;
    struct state before; // of the transaction
    bool open, writes, dirty;
    enum slots_lock lock_next;
    unsigned newest;          // the slot that holds `state`; NO_SLOT
    size_t held[SLOTS_COUNT]; // bytes in each slot, as far as known
    bool damaged;
};

// ---- lists of boxes ----------------------------------------------------------------------------

static int list_reserve(struct list *l, size_t count)
{
    if (count <= l->cap) {
        return SOTTO_OK;
    }
    size_t cap = l->cap > 0 ? l->cap : LIST_FIRST_CAP;
    while (cap < count) {
        cap *= 2;
    }
    struct box **of = realloc(l->of, cap * sizeof *of);
    if (of == NULL) {
        return SOTTO_ENOMEM;
    }
    l->of = of;
    l->cap = cap;
    return SOTTO_OK;
}

static int list_add(struct list *l, struct box *box)
{
    if (l->count == SLOTS_BOXES_MAX) {
        return SOTTO_ELIMIT;
    }
    int error = list_reserve(l, l->count + 1);
    if (error == SOTTO_OK) {
        l->of[l->count++] = box;
    }
    return error;
}

static int list_copy(struct list *out, const struct list *l)
{
    struct list copy = {0};
    int error = list_reserve(&copy, l->count);
    if (error == SOTTO_OK) {
        if (l->count > 0) {
            memcpy(copy.of, l->of, l->count * sizeof *l->of);
        }
        copy.count = l->count;
        *out = copy;
    }
    return error;
}

static void list_mark(const struct list *l, bool kept)
{
    for (size_t i = 0; i < l->count; i++) {
        l->of[i]->kept = kept;
    }
}

// Frees the boxes that `keep` (may be NULL) does not have, and the list.
static void list_free(struct list *l, const struct list *keep)
{
    list_mark(l, false);
    if (keep != NULL) {
        list_mark(keep, true);
    }
    for (size_t i = 0; i < l->count; i++) {
        if (!l->of[i]->kept) {
            free(l->of[i]);
        }
    }
    free(l->of);
    *l = (struct list){0};
}

static struct box *box_new(enum box_kind kind, const uint8_t *id, const uint8_t *sealed, size_t len)
{
    struct box *box = calloc(1, sizeof *box + len);
    if (box != NULL) {
        box->kind = kind;
        box->len = len;
        memcpy(box->id, id, BOX_ID_BYTES);
        memcpy(box->sealed, sealed, len);
    }
    return box;
}

// ---- snapshots ---------------------------------------------------------------------------------

static size_t snapshot_bytes(const struct state *t)
{
    size_t len = HEAD_BYTES + DIGEST_SHA256_BYTES;
    for (size_t i = 0; i < t->boxes.count; i++) {
        len += BOX_HEAD_BYTES + t->boxes.of[i]->len;
    }
    return len;
}

static void write_state(struct wire_writer *w, const struct state *t)
{
    wire_write_bytes(w, MAGIC, MAGIC_BYTES);
    wire_write_u16(w, SLOTS_FORMAT);
    wire_write_u8(w, (uint8_t)t->lock);
    wire_write_u64(w, t->sequence);
    wire_write_bytes(w, t->header, sizeof t->header);
    wire_write_u32(w, (uint32_t)t->boxes.count);
    for (size_t i = 0; i < t->boxes.count; i++) {
        const struct box *box = t->boxes.of[i];
        wire_write_u8(w, (uint8_t)box->kind);
        wire_write_bytes(w, box->id, BOX_ID_BYTES);
        wire_write_vec16(w, box->sealed, box->len);
    }
}

static int snapshot_make(const struct state *t, uint8_t **out, size_t *len)
{
    size_t cap = snapshot_bytes(t);
    uint8_t *data = cap <= SLOT_MAX_BYTES ? malloc(cap) : NULL;
    if (data == NULL) {
        return cap <= SLOT_MAX_BYTES ? SOTTO_ENOMEM : SOTTO_EFULL;
    }
    struct wire_writer w = wire_writer(data, cap - DIGEST_SHA256_BYTES);
    write_state(&w, t);
    int error = w.failed ? SOTTO_EINVAL : digest_sha256(data, w.len, data + w.len);
    if (error != SOTTO_OK) {
        free(data);
        return error;
    }
    *out = data;
    *len = cap;
    return SOTTO_OK;
}

static int read_box(struct wire_reader *r, struct list *boxes)
{
    unsigned kind = wire_read_u8(r);
    const uint8_t *id = wire_read_view(r, BOX_ID_BYTES);
    size_t len;
    const uint8_t *sealed = wire_read_vec16(r, BOX_SEALED_MAX_BYTES, &len);
    if (r->failed || kind < BOX_PROFILE || kind > BOX_LOG || len == 0) {
        return SOTTO_EPARSE;
    }
    struct box *box = box_new((enum box_kind)kind, id, sealed, len);
    int error = box != NULL ? list_add(boxes, box) : SOTTO_ENOMEM;
    if (error != SOTTO_OK) {
        free(box);
    }
    return error;
}

static int read_boxes(struct wire_reader *r, struct list *boxes)
{
    uint32_t count = wire_read_u32(r);
    if (r->failed || count > SLOTS_BOXES_MAX) {
        return SOTTO_EPARSE;
    }
    int error = SOTTO_OK;
    for (uint32_t i = 0; i < count && error == SOTTO_OK; i++) {
        error = read_box(r, boxes);
    }
    return error == SOTTO_OK && !wire_reader_done(r) ? SOTTO_EPARSE : error;
}

// What all formats have in common: the magic, the format, and the checksum at the end.
static int read_frame(struct wire_reader *out, const uint8_t *data, size_t len)
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    if (len < HEAD_BYTES + DIGEST_SHA256_BYTES || len > SLOT_MAX_BYTES ||
        memcmp(data, MAGIC, MAGIC_BYTES) != 0) {
        return SOTTO_EPARSE;
    }
    size_t inner = len - DIGEST_SHA256_BYTES;
    int error = digest_sha256(data, inner, digest);
    if (error != SOTTO_OK) {
        return error;
    }
    if (memcmp(digest, data + inner, sizeof digest) != 0) {
        return SOTTO_EPARSE;
    }
    struct wire_reader r = wire_reader(data + MAGIC_BYTES, inner - MAGIC_BYTES);
    uint16_t format = wire_read_u16(&r);
    *out = r;
    return format == SLOTS_FORMAT ? SOTTO_OK : format > SLOTS_FORMAT ? SOTTO_ESTATE : SOTTO_EPARSE;
}

static int snapshot_read(struct state *out, const uint8_t *data, size_t len)
{
    struct wire_reader r;
    struct state t = {.there = true};
    int error = read_frame(&r, data, len);
    if (error != SOTTO_OK) {
        return error;
    }
    unsigned lock = wire_read_u8(&r);
    t.sequence = wire_read_u64(&r);
    wire_read_bytes(&r, t.header, sizeof t.header);
    if (lock > SLOTS_LOCK_PASSKEY) {
        return SOTTO_EPARSE;
    }
    t.lock = (enum slots_lock)lock;
    error = read_boxes(&r, &t.boxes);
    if (error != SOTTO_OK) {
        list_free(&t.boxes, NULL);
        return error;
    }
    *out = t;
    return SOTTO_OK;
}

// ---- the slots ---------------------------------------------------------------------------------

int slots_new(struct slots **out, const struct slots_host *host)
{
    struct slots *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->host = host;
    s->newest = NO_SLOT;
    *out = s;
    return SOTTO_OK;
}

void slots_free(struct slots *s)
{
    if (s != NULL) {
        list_free(&s->state.boxes, NULL);
        free(s);
    }
}

static int offer(struct slots *s, unsigned which, const uint8_t *data, size_t len)
{
    struct state t;
    int error = snapshot_read(&t, data, len);
    if (error != SOTTO_OK) {
        return error;
    }
    if (s->state.there && s->state.sequence >= t.sequence) {
        list_free(&t.boxes, NULL);
        return SOTTO_OK;
    }
    list_free(&s->state.boxes, NULL);
    s->state = t;
    s->lock_next = t.lock;
    s->newest = which;
    return SOTTO_OK;
}

int slots_offer(struct slots *s, unsigned which, const uint8_t *data, size_t len)
{
    if (which >= SLOTS_COUNT || s->open) {
        return SOTTO_EINVAL;
    }
    s->held[which] = len < SLOT_MAX_BYTES ? len : SLOT_MAX_BYTES;
    if (len == 0) {
        return SOTTO_OK;
    }
    int error = offer(s, which, data, len);
    s->damaged = s->damaged || error != SOTTO_OK;
    return error;
}

bool slots_exists(const struct slots *s)
{
    return s->state.there;
}

bool slots_damaged(const struct slots *s)
{
    return s->damaged && !s->state.there;
}

enum slots_lock slots_lock(const struct slots *s)
{
    return s->state.lock;
}

void slots_will_lock(struct slots *s, enum slots_lock lock)
{
    s->lock_next = lock;
}

int slots_export(const struct slots *s, uint8_t **out, size_t *len)
{
    return s->state.there ? snapshot_make(&s->state, out, len) : SOTTO_ENOTFOUND;
}

static int host_write(struct slots *s, unsigned which, const uint8_t *data, size_t len)
{
    int result = s->host != NULL ? s->host->write(which, data, len, s->host->user) : 0;
    if (result < 0) {
        return result == HOST_NO_ROOM ? SOTTO_EFULL : SOTTO_EIO;
    }
    s->held[which] = len;
    return SOTTO_OK;
}

static int erase_slot(struct slots *s, unsigned which)
{
    uint8_t *zeros = s->held[which] > 0 ? calloc(1, s->held[which]) : NULL;
    int error = zeros != NULL ? host_write(s, which, zeros, s->held[which]) : SOTTO_OK;
    free(zeros);
    return error == SOTTO_OK ? host_write(s, which, NULL, 0) : error;
}

int slots_erase(struct slots *s)
{
    int first = SOTTO_OK;
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        int error = erase_slot(s, i);
        first = first == SOTTO_OK ? error : first;
    }
    list_free(&s->state.boxes, NULL);
    s->state = (struct state){0};
    s->newest = NO_SLOT;
    s->lock_next = SLOTS_LOCK_NONE;
    s->damaged = first != SOTTO_OK;
    return first;
}

// ---- transactions ------------------------------------------------------------------------------

static int begin(void *db, bool write)
{
    struct slots *s = db;
    if (s->open) {
        return SOTTO_EIO; // the store has one at a time
    }
    struct state before = s->state;
    if (write) {
        int error = list_copy(&before.boxes, &s->state.boxes);
        if (error != SOTTO_OK) {
            return error;
        }
    }
    s->before = before;
    s->open = true;
    s->writes = write;
    s->dirty = false;
    return SOTTO_OK;
}

static void roll_back(struct slots *s)
{
    list_free(&s->state.boxes, &s->before.boxes);
    s->state = s->before;
    s->lock_next = s->state.lock;
}

// Into the slot that does not hold what is to be kept if this fails.
static int write_out(struct slots *s)
{
    s->state.sequence++;
    s->state.lock = s->lock_next;
    uint8_t *data;
    size_t len;
    int error = snapshot_make(&s->state, &data, &len);
    if (error != SOTTO_OK) {
        return error;
    }
    unsigned which = s->newest == 0 ? 1 : 0;
    error = host_write(s, which, data, len);
    free(data);
    if (error == SOTTO_OK) {
        s->newest = which;
    }
    return error;
}

static int end(void *db, int error)
{
    struct slots *s = db;
    s->open = false;
    if (!s->writes) {
        return error;
    }
    if (error == SOTTO_OK && (s->dirty || s->lock_next != s->state.lock)) {
        error = write_out(s);
    }
    if (error != SOTTO_OK) {
        roll_back(s);
    } else {
        list_free(&s->before.boxes, &s->state.boxes);
    }
    s->before = (struct state){0};
    return error;
}

static int prepare(void *db)
{
    struct slots *s = db;
    if (s->state.there || s->damaged) {
        return SOTTO_EEXIST; // what cannot be read is there all the same
    }
    s->state.there = true;
    s->dirty = true;
    return SOTTO_OK;
}

// ---- the backend -------------------------------------------------------------------------------

static int header_get(void *db, uint8_t out[SOTTO_VAULT_HEADER_BYTES])
{
    const struct slots *s = db;
    if (!s->state.there) {
        return SOTTO_ENOTFOUND;
    }
    memcpy(out, s->state.header, SOTTO_VAULT_HEADER_BYTES);
    return SOTTO_OK;
}

static int header_set(void *db, const uint8_t header[SOTTO_VAULT_HEADER_BYTES])
{
    struct slots *s = db;
    memcpy(s->state.header, header, SOTTO_VAULT_HEADER_BYTES);
    s->dirty = true;
    return SOTTO_OK;
}

static size_t find(const struct list *l, enum box_kind kind, const uint8_t *id)
{
    size_t i = 0;
    while (i < l->count &&
           (l->of[i]->kind != kind || memcmp(l->of[i]->id, id, BOX_ID_BYTES) != 0)) {
        i++;
    }
    return i;
}

static bool is_before(const struct slots *s, const struct box *box)
{
    for (size_t i = 0; i < s->before.boxes.count; i++) {
        if (s->before.boxes.of[i] == box) {
            return true;
        }
    }
    return false;
}

// What the transaction itself has made is not needed to take it back.
static void drop(struct slots *s, struct box *box)
{
    if (!is_before(s, box)) {
        free(box);
    }
}

static int put(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES], const uint8_t *sealed,
               size_t len)
{
    struct slots *s = db;
    struct list *l = &s->state.boxes;
    struct box *box = box_new(kind, id, sealed, len);
    if (box == NULL) {
        return SOTTO_ENOMEM;
    }
    size_t i = find(l, kind, id);
    if (i < l->count) {
        drop(s, l->of[i]);
        l->of[i] = box;
    } else {
        int error = list_add(l, box);
        if (error != SOTTO_OK) {
            free(box);
            return error;
        }
    }
    s->dirty = true;
    return SOTTO_OK;
}

static int remove_box(void *db, enum box_kind kind, const uint8_t id[BOX_ID_BYTES])
{
    struct slots *s = db;
    struct list *l = &s->state.boxes;
    size_t i = find(l, kind, id);
    if (i < l->count) {
        drop(s, l->of[i]);
        l->of[i] = l->of[--l->count];
        s->dirty = true;
    }
    return SOTTO_OK;
}

static int clear(void *db, enum box_kind kind)
{
    struct slots *s = db;
    struct list *l = &s->state.boxes;
    size_t left = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->of[i]->kind == kind) {
            drop(s, l->of[i]);
        } else {
            l->of[left++] = l->of[i];
        }
    }
    s->dirty = s->dirty || left != l->count;
    l->count = left;
    return SOTTO_OK;
}

static int count(void *db, enum box_kind kind, size_t *out)
{
    const struct slots *s = db;
    size_t found = 0;
    for (size_t i = 0; i < s->state.boxes.count; i++) {
        found += s->state.boxes.of[i]->kind == kind;
    }
    *out = found;
    return SOTTO_OK;
}

static int each(void *db, enum box_kind kind, box_visit *visit, void *arg)
{
    const struct slots *s = db;
    int result = SOTTO_OK;
    for (size_t i = 0; i < s->state.boxes.count && result == SOTTO_OK; i++) {
        const struct box *box = s->state.boxes.of[i];
        if (box->kind == kind) {
            result = visit(box->id, box->sealed, box->len, arg);
        }
    }
    return result;
}

// The older slot still has what was replaced or removed: it gets the present snapshot too.
static void forget(void *db)
{
    struct slots *s = db;
    struct store_backend const *b = &slots_backend;
    if (b->begin(s, true) == SOTTO_OK) {
        s->dirty = true;
        (void)b->end(s, SOTTO_OK); // otherwise the next transaction does it
    }
}

static bool changed(void *db)
{
    (void)db;
    return false; // one telephone has the slots: the browser's lock sees to that
}

static int check(void *db)
{
    const struct slots *s = db;
    return s->state.there ? SOTTO_OK : SOTTO_EPARSE;
}

static const char *error_text(const void *db)
{
    (void)db;
    return "";
}

static void let_go(void *db)
{
    struct slots *s = db;
    if (s->open) {
        (void)end(s, SOTTO_ECLOSED);
    }
}

const struct store_backend slots_backend = {
    .begin = begin,
    .end = end,
    .prepare = prepare,
    .header_get = header_get,
    .header_set = header_set,
    .box_put = put,
    .box_remove = remove_box,
    .box_clear = clear,
    .box_count = count,
    .box_each = each,
    .forget = forget,
    .changed = changed,
    .check = check,
    .error_text = error_text,
    .close = let_go,
};
