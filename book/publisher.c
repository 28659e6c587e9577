// SPDX-License-Identifier: Apache-2.0
#include "publisher.h"

#include <stdlib.h>
#include <string.h>

struct task {
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    enum store_pending what;
    uint32_t request; // 0: not asked yet
};

struct publisher {
    struct store *store;
    struct sotto_device *device;
    struct task *tasks; // at most one for each number
    size_t count, in_flight;
    struct publisher_state state;
};

int publisher_new(struct publisher **out, struct store *store, struct sotto_device *device)
{
    struct publisher *p = calloc(1, sizeof *p);
    struct task *tasks = calloc(STORE_NUMBERS_MAX, sizeof *tasks);
    if (p == NULL || tasks == NULL) {
        free(p);
        free(tasks);
        return SOTTO_ENOMEM;
    }
    *p = (struct publisher){.store = store, .device = device, .tasks = tasks};
    *out = p;
    return SOTTO_OK;
}

void publisher_free(struct publisher *p)
{
    if (p != NULL) {
        free(p->tasks);
        free(p);
    }
}

static struct task *find(struct publisher *p, const uint8_t *token_hash)
{
    for (size_t i = 0; i < p->count; i++) {
        if (memcmp(p->tasks[i].token_hash, token_hash, SOTTO_TOKEN_HASH_BYTES) == 0) {
            return &p->tasks[i];
        }
    }
    return NULL;
}

static void forget(struct publisher *p, struct task *t)
{
    *t = p->tasks[--p->count];
}

// Asks for one: 0 asked, 1 nothing to do any more, else an error.
static int ask(struct publisher *p, struct task *t, struct sotto_now now)
{
    struct store_number n;
    int error = store_number_get(p->store, t->token_hash, &n);
    if (error == SOTTO_ENOTFOUND) {
        return 1;
    }
    if (error != SOTTO_OK) {
        return error;
    }
    t->what = n.pending;
    if (n.pending == STORE_PENDING_PUBLISH) {
        error = sotto_device_number_publish(p->device, &n.number, now, &t->request);
    } else if (n.pending == STORE_PENDING_WITHDRAW) {
        error = sotto_device_number_withdraw(p->device, t->token_hash, now, &t->request);
    } else {
        error = 1;
    }
    sotto_wipe(&n, sizeof n);
    return error;
}

static void pump(struct publisher *p, struct sotto_now now)
{
    for (size_t i = 0; i < p->count && p->in_flight < PUBLISHER_IN_FLIGHT_MAX;) {
        struct task *t = &p->tasks[i];
        if (t->request != 0) {
            i++;
            continue;
        }
        int result = ask(p, t, now);
        if (result == SOTTO_ELIMIT) {
            return; // the device is busy: when one is answered, or at the next start
        }
        if (result != SOTTO_OK) {
            p->state.failed += result < 0;
            p->state.last_error = result < 0 ? result : p->state.last_error;
            forget(p, t);
            continue;
        }
        p->in_flight++;
        i++;
    }
}

int publisher_start(struct publisher *p, struct sotto_now now)
{
    struct store_number *list;
    size_t count;
    int error = store_numbers(p->store, &list, &count);
    if (error != SOTTO_OK) {
        p->state.last_error = error;
        return error;
    }
    for (size_t i = 0; i < count && p->count < STORE_NUMBERS_MAX; i++) {
        const uint8_t *token_hash = list[i].number.token_hash;
        if (list[i].pending != STORE_PENDING_NONE && find(p, token_hash) == NULL) {
            struct task *t = &p->tasks[p->count++];
            memset(t, 0, sizeof *t);
            memcpy(t->token_hash, token_hash, sizeof t->token_hash);
        }
    }
    store_numbers_free(list, count);
    pump(p, now);
    return SOTTO_OK;
}

static void answered(struct publisher *p, struct task *t, int code)
{
    p->in_flight--;
    if (code != 0) {
        p->state.failed++;
        p->state.last_code = code;
        return;
    }
    int error = store_number_done(p->store, t->token_hash, t->what);
    if (error == SOTTO_OK || error == SOTTO_ENOTFOUND) {
        p->state.done++;
    } else {
        p->state.failed++;
        p->state.last_error = error;
    }
}

bool publisher_event(struct publisher *p, const struct sotto_event *ev, struct sotto_now now)
{
    if (ev->type != SOTTO_EVENT_RESULT) {
        return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        struct task *t = &p->tasks[i];
        if (t->request != 0 && t->request == ev->request) {
            answered(p, t, ev->code);
            forget(p, t);
            pump(p, now);
            return true;
        }
    }
    return false;
}

void publisher_state(const struct publisher *p, struct publisher_state *out)
{
    *out = p->state;
    out->waiting = p->count;
}
