// SPDX-License-Identifier: Apache-2.0
#include "store/memory.h"

#include <string.h>

struct invite {
    uint8_t invite[LINK_INVITE_BYTES];
    int64_t expires_unix_s;
    bool used;
};

// Elements of one size, in no order.
struct table {
    uint8_t *items;
    size_t count, capacity, size;
};

struct result {
    uint64_t job;
    int rc;
};

struct relay_memory {
    struct relay_store store; // first: the engine holds a pointer to it
    const struct sotto_env *env;
    struct table invites, lines, numbers;
    struct table pushes;  // oldest first
    struct table results; // deferred
    bool defer;
    int failure;
    uint64_t calls;
};

static struct relay_memory *memory_of(struct relay_store *s)
{
    return (struct relay_memory *)(void *)s;
}

static void *item(const struct table *t, size_t i)
{
    return t->items + i * t->size;
}

// Each kind of element begins with what it is found by.
static void *find(const struct table *t, const uint8_t *key, size_t key_len)
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(item(t, i), key, key_len) == 0)
            return item(t, i);
    return NULL;
}

static int add(struct relay_memory *s, struct table *t, const void *element)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity == 0 ? 8 : 2 * t->capacity;
        uint8_t *items = s->env->realloc(t->items, capacity * t->size, s->env->user);
        if (items == NULL)
            return SOTTO_ENOMEM;
        t->items = items;
        t->capacity = capacity;
    }
    memcpy(item(t, t->count++), element, t->size);
    return 0;
}

static void drop(struct table *t, void *element)
{
    void *last = item(t, --t->count);
    if (last != element)
        memcpy(element, last, t->size);
}

static int call(struct relay_memory *s)
{
    s->calls++;
    return s->failure;
}

// The result of a write: now, or later.
static int written(struct relay_memory *s, int rc)
{
    if (!s->defer)
        return rc;
    struct result result = {.job = s->store.job, .rc = rc};
    return add(s, &s->results, &result) == 0 ? SOTTO_EAGAIN : rc;
}

static int invite_usable(const struct relay_memory *s, const uint8_t *invite, int64_t now_unix_s,
                         struct invite **out)
{
    struct invite *found = find(&s->invites, invite, LINK_INVITE_BYTES);
    if (found == NULL || found->used ||
        (found->expires_unix_s != 0 && found->expires_unix_s <= now_unix_s))
        return SOTTO_ENOTFOUND;
    *out = found;
    return 0;
}

static int line_register(struct relay_store *store, const uint8_t invite[LINK_INVITE_BYTES],
                         const struct relay_store_line *line, int64_t now_unix_s)
{
    struct relay_memory *s = memory_of(store);
    struct invite *found;
    int rc = call(s);
    if (rc == 0 && find(&s->lines, line->line_id, LINK_LINE_ID_BYTES) != NULL)
        rc = SOTTO_EEXIST;
    if (rc == 0)
        rc = invite_usable(s, invite, now_unix_s, &found);
    if (rc == 0)
        rc = add(s, &s->lines, line);
    if (rc == 0)
        found->used = true;
    return written(s, rc);
}

static int line_get(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                    struct relay_store_line *out)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    if (rc != 0)
        return rc;
    const struct relay_store_line *found = find(&s->lines, line_id, LINK_LINE_ID_BYTES);
    if (found == NULL)
        return SOTTO_ENOTFOUND;
    *out = *found;
    return 0;
}

static int invite_check(struct relay_store *store, const uint8_t invite[LINK_INVITE_BYTES],
                        int64_t now_unix_s)
{
    struct relay_memory *s = memory_of(store);
    struct invite *found;
    int rc = call(s);
    return rc != 0 ? rc : invite_usable(s, invite, now_unix_s, &found);
}

static size_t numbers_of(const struct relay_memory *s, const uint8_t *line_id)
{
    size_t count = 0;
    for (size_t i = 0; i < s->numbers.count; i++) {
        const struct relay_store_number *n = item(&s->numbers, i);
        count += memcmp(n->line_id, line_id, LINK_LINE_ID_BYTES) == 0;
    }
    return count;
}

static int put(struct relay_memory *s, const struct relay_store_number *n, uint32_t numbers_max)
{
    if (find(&s->lines, n->line_id, LINK_LINE_ID_BYTES) == NULL)
        return SOTTO_ENOTFOUND;
    struct relay_store_number *present = find(&s->numbers, n->token_hash, LINK_TOKEN_HASH_BYTES);
    if (present != NULL && memcmp(present->line_id, n->line_id, LINK_LINE_ID_BYTES) != 0)
        return SOTTO_EEXIST;
    if (present != NULL) {
        *present = *n;
        return 0;
    }
    if (numbers_of(s, n->line_id) >= numbers_max)
        return SOTTO_ELIMIT;
    return add(s, &s->numbers, n);
}

static int number_put(struct relay_store *store, const struct relay_store_number *n,
                      uint32_t numbers_max)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    return written(s, rc != 0 ? rc : put(s, n, numbers_max));
}

static int number_remove(struct relay_store *store, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                         const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    if (rc != 0)
        return written(s, rc);
    struct relay_store_number *n = find(&s->numbers, token_hash, LINK_TOKEN_HASH_BYTES);
    if (n == NULL || memcmp(n->line_id, line_id, LINK_LINE_ID_BYTES) != 0)
        return written(s, SOTTO_ENOTFOUND);
    drop(&s->numbers, n);
    return written(s, 0);
}

static int number_get(struct relay_store *store, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                      struct relay_store_number *out)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    if (rc != 0)
        return rc;
    const struct relay_store_number *n = find(&s->numbers, token_hash, LINK_TOKEN_HASH_BYTES);
    if (n == NULL)
        return SOTTO_ENOTFOUND;
    *out = *n;
    return 0;
}

// ---- subscriptions

static bool push_is(const struct relay_store_push *p, const uint8_t *line_id, const char *endpoint)
{
    return memcmp(p->line_id, line_id, LINK_LINE_ID_BYTES) == 0 &&
           (endpoint[0] == '\0' || strcmp(p->endpoint, endpoint) == 0);
}

static void drop_in_order(struct table *t, size_t i)
{
    t->count--;
    memmove(item(t, i), item(t, i + 1), (t->count - i) * t->size);
}

static void drop_pushes(struct relay_memory *s, const uint8_t *line_id, const char *endpoint)
{
    for (size_t i = s->pushes.count; i > 0; i--)
        if (push_is(item(&s->pushes, i - 1), line_id, endpoint))
            drop_in_order(&s->pushes, i - 1);
}

static void make_room(struct relay_memory *s, const uint8_t *line_id)
{
    size_t count = 0;
    for (size_t i = s->pushes.count; i > 0; i--)
        if (push_is(item(&s->pushes, i - 1), line_id, "") && ++count >= RELAY_PUSH_PER_LINE_MAX)
            drop_in_order(&s->pushes, i - 1);
}

static int push_put(struct relay_store *store, const struct relay_store_push *p)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    if (rc == 0 && find(&s->lines, p->line_id, LINK_LINE_ID_BYTES) == NULL)
        rc = SOTTO_ENOTFOUND;
    if (rc == 0) {
        drop_pushes(s, p->line_id, p->endpoint);
        make_room(s, p->line_id);
        rc = add(s, &s->pushes, p);
    }
    return written(s, rc);
}

static int push_remove(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                       const char *endpoint)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    if (rc == 0)
        drop_pushes(s, line_id, endpoint);
    return written(s, rc);
}

static int push_list(struct relay_store *store, const uint8_t line_id[LINK_LINE_ID_BYTES],
                     struct relay_store_push out[RELAY_PUSH_PER_LINE_MAX], size_t *count)
{
    struct relay_memory *s = memory_of(store);
    int rc = call(s);
    size_t n = 0;
    for (size_t i = 0; rc == 0 && i < s->pushes.count; i++)
        if (push_is(item(&s->pushes, i), line_id, ""))
            memcpy(&out[n++], item(&s->pushes, i), sizeof out[0]);
    if (rc == 0)
        *count = n;
    return rc;
}

int relay_memory_new(struct relay_memory **out, const struct sotto_env *env)
{
    struct relay_memory *s = env->realloc(NULL, sizeof *s, env->user);
    if (s == NULL)
        return SOTTO_ENOMEM;
    *s = (struct relay_memory){
        .store = {.line_register = line_register,
                  .line_get = line_get,
                  .invite_check = invite_check,
                  .number_put = number_put,
                  .number_remove = number_remove,
                  .number_get = number_get,
                  .push_put = push_put,
                  .push_remove = push_remove,
                  .push_list = push_list},
        .env = env,
        .invites = {.size = sizeof(struct invite)},
        .lines = {.size = sizeof(struct relay_store_line)},
        .numbers = {.size = sizeof(struct relay_store_number)},
        .pushes = {.size = sizeof(struct relay_store_push)},
        .results = {.size = sizeof(struct result)},
    };
    *out = s;
    return 0;
}

void relay_memory_free(struct relay_memory *s)
{
    if (s == NULL)
        return;
    const struct sotto_env *env = s->env;
    struct table *tables[] = {&s->invites, &s->lines, &s->numbers, &s->pushes, &s->results};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (tables[i]->items != NULL)
            env->realloc(tables[i]->items, 0, env->user);
    env->realloc(s, 0, env->user);
}

struct relay_store *relay_memory_store(struct relay_memory *s)
{
    return &s->store;
}

int relay_memory_invite_add(struct relay_memory *s, const uint8_t invite[LINK_INVITE_BYTES],
                            int64_t expires_unix_s)
{
    if (find(&s->invites, invite, LINK_INVITE_BYTES) != NULL)
        return SOTTO_EEXIST;
    struct invite added = {.expires_unix_s = expires_unix_s};
    memcpy(added.invite, invite, LINK_INVITE_BYTES);
    return add(s, &s->invites, &added);
}

int relay_memory_line_remove(struct relay_memory *s, const uint8_t line_id[LINK_LINE_ID_BYTES])
{
    struct relay_store_line *line = find(&s->lines, line_id, LINK_LINE_ID_BYTES);
    if (line == NULL)
        return SOTTO_ENOTFOUND;
    for (size_t i = s->numbers.count; i > 0; i--) {
        struct relay_store_number *n = item(&s->numbers, i - 1);
        if (memcmp(n->line_id, line_id, LINK_LINE_ID_BYTES) == 0)
            drop(&s->numbers, n);
    }
    drop_pushes(s, line_id, "");
    drop(&s->lines, line);
    return 0;
}

void relay_memory_fail(struct relay_memory *s, int error)
{
    s->failure = error;
}

void relay_memory_defer(struct relay_memory *s, bool on)
{
    s->defer = on;
}

bool relay_memory_take(struct relay_memory *s, uint64_t *job, int *result)
{
    struct table *t = &s->results;
    if (t->count == 0)
        return false;
    struct result first;
    memcpy(&first, item(t, 0), sizeof first);
    t->count--;
    memmove(item(t, 0), item(t, 1), t->count * t->size);
    *job = first.job;
    *result = first.rc;
    return true;
}

uint64_t relay_memory_calls(const struct relay_memory *s)
{
    return s->calls;
}
