// SPDX-License-Identifier: Apache-2.0
#include "daemon/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/list.h"

enum kind {
    REGISTER,
    PUT,
    REMOVE,
    PUSH,
    UNPUSH,
    FORGET,
    PRUNE
};

struct write {
    struct list all;
    uint64_t job;
    enum kind kind;
    int result;
    int64_t now_unix_s;                // REGISTER, PRUNE
    uint8_t invite[LINK_INVITE_BYTES]; // REGISTER
    struct relay_store_line *line;     // REGISTER
    struct relay_store_number number;  // PUT; REMOVE: token hash and line
    uint32_t numbers_max;              // PUT
    struct relay_store_push *push;     // PUSH; UNPUSH, FORGET: line and endpoint
};

struct writer {
    struct relay_store store; // first: the engine holds a pointer to it
    struct relay_sqlite *reader;
    struct relay_sqlite *db; // the thread's
    uv_loop_t *loop;
    uv_work_t work;
    bool working;
    struct list waiting; // the loop's
    struct list batch;   // the thread's, while it works
    writer_done *done;
    void *user;
};

static struct writer *writer_of(struct relay_store *s)
{
    return (struct writer *)(void *)s;
}

static struct relay_store *reader_of(struct relay_store *s)
{
    return relay_sqlite_store(writer_of(s)->reader);
}

// ---- in the thread ------------------------------------------------------------------------------

static int write_one(struct writer *writer, const struct write *w)
{
    struct relay_store *s = relay_sqlite_store(writer->db);
    switch (w->kind) {
    case REGISTER:
        return s->line_register(s, w->invite, w->line, w->now_unix_s);
    case PUT:
        return s->number_put(s, &w->number, w->numbers_max);
    case REMOVE:
        return s->number_remove(s, w->number.token_hash, w->number.line_id);
    case PUSH:
        return s->push_put(s, w->push);
    case UNPUSH:
    case FORGET:
        return s->push_remove(s, w->push->line_id, w->push->endpoint);
    case PRUNE:
        return relay_sqlite_prune(writer->db, w->now_unix_s);
    }
    return SOTTO_EINVAL;
}

// All or nothing; false: nothing.
static bool write_together(struct writer *w)
{
    if (relay_sqlite_batch_begin(w->db) != 0)
        return false;
    for (struct list *at = w->batch.next; at != &w->batch; at = at->next) {
        struct write *one = LIST_OF(at, struct write, all);
        one->result = write_one(w, one);
        if (one->result == SOTTO_EFULL || one->result == SOTTO_EIO || one->result == SOTTO_ENOMEM) {
            relay_sqlite_batch_abandon(w->db);
            return false;
        }
    }
    return relay_sqlite_batch_commit(w->db) == 0;
}

static void on_work(uv_work_t *work)
{
    struct writer *w = work->data;
    if (write_together(w))
        return;
    for (struct list *at = w->batch.next; at != &w->batch; at = at->next) {
        struct write *one = LIST_OF(at, struct write, all);
        one->result = write_one(w, one);
    }
}

// ---- in the loop --------------------------------------------------------------------------------

static void write_free(struct write *one)
{
    list_remove(&one->all);
    free(one->line);
    free(one->push);
    free(one);
}

static void start(struct writer *w);

static void on_worked(uv_work_t *work, int status)
{
    struct writer *w = work->data;
    assert(status == 0); // it is never cancelled
    (void)status;
    w->working = false;
    while (w->batch.next != &w->batch) {
        struct write *one = LIST_OF(w->batch.next, struct write, all);
        if (one->kind != PRUNE && one->kind != FORGET)
            w->done(one->job, one->result, w->user);
        write_free(one);
    }
    start(w);
}

static void start(struct writer *w)
{
    if (w->working || w->waiting.next == &w->waiting)
        return;
    while (w->waiting.next != &w->waiting) {
        struct list *first = w->waiting.next;
        list_remove(first);
        list_append(&w->batch, first);
    }
    w->working = true;
    uv_queue_work(w->loop, &w->work, on_work, on_worked);
}

static int enqueue(struct writer *w, struct write *one)
{
    one->job = w->store.job;
    list_append(&w->waiting, &one->all);
    start(w);
    return SOTTO_EAGAIN;
}

static int line_register(struct relay_store *s, const uint8_t invite[LINK_INVITE_BYTES],
                         const struct relay_store_line *line, int64_t now_unix_s)
{
    struct write *one = calloc(1, sizeof *one);
    struct relay_store_line *copy = malloc(sizeof *copy);
    if (one == NULL || copy == NULL) {
        free(one);
        free(copy);
        return SOTTO_ENOMEM;
    }
    *copy = *line;
    one->kind = REGISTER;
    one->line = copy;
    one->now_unix_s = now_unix_s;
    memcpy(one->invite, invite, sizeof one->invite);
    return enqueue(writer_of(s), one);
}

static bool same(const struct relay_store_number *a, const struct relay_store_number *b)
{
    return memcmp(a->line_id, b->line_id, sizeof a->line_id) == 0 &&
           a->expires_unix_s == b->expires_unix_s && a->calls_left == b->calls_left;
}

// Devices put all their numbers again whenever they are not sure. The shortcut must not overtake
// what is still to be written about the same number: with anything under way there is none.
static bool is_there(struct relay_store *s, const struct relay_store_number *n)
{
    struct relay_store *reader = reader_of(s);
    struct relay_store_number present;
    return !writer_busy(writer_of(s)) && reader->number_get(reader, n->token_hash, &present) == 0 &&
           same(&present, n);
}

static int number_put(struct relay_store *s, const struct relay_store_number *n,
                      uint32_t numbers_max)
{
    if (is_there(s, n))
        return 0;
    struct write *one = calloc(1, sizeof *one);
    if (one == NULL)
        return SOTTO_ENOMEM;
    one->kind = PUT;
    one->number = *n;
    one->numbers_max = numbers_max;
    return enqueue(writer_of(s), one);
}

static int number_remove(struct relay_store *s, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                         const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct write *one = calloc(1, sizeof *one);
    if (one == NULL)
        return SOTTO_ENOMEM;
    one->kind = REMOVE;
    memcpy(one->number.token_hash, token_hash, sizeof one->number.token_hash);
    memcpy(one->number.line_id, line_id, sizeof one->number.line_id);
    return enqueue(writer_of(s), one);
}

// ---- subscriptions

static struct write *push_write(enum kind kind, const struct relay_store_push *p)
{
    struct write *one = calloc(1, sizeof *one);
    struct relay_store_push *copy = malloc(sizeof *copy);
    if (one == NULL || copy == NULL) {
        free(one);
        free(copy);
        return NULL;
    }
    *copy = *p;
    one->kind = kind;
    one->push = copy;
    return one;
}

// As with numbers: a page leaves its subscription again at each start.
static bool is_newest(struct relay_store *s, const struct relay_store_push *p)
{
    struct relay_store_push present[RELAY_PUSH_PER_LINE_MAX];
    struct relay_store *reader = reader_of(s);
    size_t count = 0;
    if (writer_busy(writer_of(s)) || reader->push_list(reader, p->line_id, present, &count) != 0 ||
        count == 0)
        return false;
    const struct relay_store_push *newest = &present[count - 1];
    return strcmp(newest->endpoint, p->endpoint) == 0 &&
           memcmp(newest->p256dh, p->p256dh, sizeof p->p256dh) == 0 &&
           memcmp(newest->auth, p->auth, sizeof p->auth) == 0;
}

static int push_put(struct relay_store *s, const struct relay_store_push *p)
{
    if (is_newest(s, p))
        return 0;
    struct write *one = push_write(PUSH, p);
    return one == NULL ? SOTTO_ENOMEM : enqueue(writer_of(s), one);
}

static struct relay_store_push push_key(const uint8_t line_id[LINK_LINE_ID_BYTES],
                                        const char *endpoint)
{
    struct relay_store_push key = {.endpoint = ""};
    memcpy(key.line_id, line_id, sizeof key.line_id);
    snprintf(key.endpoint, sizeof key.endpoint, "%s", endpoint);
    return key;
}

static int push_remove(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                       const char *endpoint)
{
    struct relay_store_push key = push_key(line_id, endpoint);
    struct write *one = push_write(UNPUSH, &key);
    return one == NULL ? SOTTO_ENOMEM : enqueue(writer_of(s), one);
}

static int push_list(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                     struct relay_store_push out[RELAY_PUSH_PER_LINE_MAX], size_t *count)
{
    return reader_of(s)->push_list(reader_of(s), line_id, out, count);
}

void writer_forget_push(struct writer *w, const uint8_t line_id[LINK_LINE_ID_BYTES],
                        const char *endpoint)
{
    struct relay_store_push key = push_key(line_id, endpoint);
    struct write *one = push_write(FORGET, &key);
    if (one != NULL)
        enqueue(w, one);
}

void writer_prune(struct writer *w, int64_t now_unix_s)
{
    struct write *one = calloc(1, sizeof *one);
    if (one == NULL)
        return; // next time
    one->kind = PRUNE;
    one->now_unix_s = now_unix_s;
    enqueue(w, one);
}

static int line_get(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                    struct relay_store_line *out)
{
    return reader_of(s)->line_get(reader_of(s), line_id, out);
}

static int invite_check(struct relay_store *s, const uint8_t invite[LINK_INVITE_BYTES],
                        int64_t now_unix_s)
{
    return reader_of(s)->invite_check(reader_of(s), invite, now_unix_s);
}

static int number_get(struct relay_store *s, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                      struct relay_store_number *out)
{
    return reader_of(s)->number_get(reader_of(s), token_hash, out);
}

int writer_new(struct writer **out, uv_loop_t *loop, struct relay_sqlite *reader, const char *path,
               uint64_t limit_bytes, writer_done *done, void *user, char *error, size_t error_cap)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return SOTTO_ENOMEM;
    w->store = (struct relay_store){.line_register = line_register,
                                    .line_get = line_get,
                                    .invite_check = invite_check,
                                    .number_put = number_put,
                                    .number_remove = number_remove,
                                    .number_get = number_get,
                                    .push_put = push_put,
                                    .push_remove = push_remove,
                                    .push_list = push_list};
    w->reader = reader;
    w->loop = loop;
    w->work.data = w;
    w->done = done;
    w->user = user;
    list_init(&w->waiting);
    list_init(&w->batch);
    int rc = relay_sqlite_open(&w->db, path, error, error_cap);
    if (rc == 0)
        rc = relay_sqlite_limit_bytes(w->db, limit_bytes);
    if (rc != 0) {
        writer_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

struct relay_store *writer_store(struct writer *w)
{
    return &w->store;
}

bool writer_busy(const struct writer *w)
{
    return w->working || w->waiting.next != &w->waiting;
}

void writer_free(struct writer *w)
{
    if (w == NULL)
        return;
    assert(!writer_busy(w));
    relay_sqlite_close(w->db);
    free(w);
}
