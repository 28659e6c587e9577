// SPDX-License-Identifier: Apache-2.0
// An environment that counts what lives and fails the Nth allocation, for sweeps:
//
//     for (size_t n = 1;; n++) { failing_env_init(&f, n); ... if (!f.failed) break; }
//
// The "random" bytes are all alike: for what draws none, or does not care.
#ifndef SOTTO_TESTS_FAILING_ENV_H
#define SOTTO_TESTS_FAILING_ENV_H

#include <sotto/base.h>
#include <stdlib.h>
#include <string.h>

struct failing_env {
    struct sotto_env env;
    size_t live;    // blocks
    size_t calls;   // allocations so far
    size_t fail_at; // this one and all after it fail; 0: none
    bool failed;
};

static void *failing_realloc(void *ptr, size_t size, void *user)
{
    struct failing_env *f = user;
    if (size == 0) {
        f->live -= ptr != NULL ? 1 : 0;
        free(ptr);
        return NULL;
    }
    f->calls++;
    if (f->fail_at != 0 && f->calls >= f->fail_at) {
        f->failed = true;
        return NULL;
    }
    void *got = realloc(ptr, size);
    f->live += ptr == NULL && got != NULL ? 1 : 0;
    return got;
}

static void failing_random(void *buf, size_t len, void *user)
{
    (void)user;
    memset(buf, 0x5a, len);
}

static inline void failing_env_init(struct failing_env *f, size_t fail_at)
{
    *f = (struct failing_env){
        .env = {.realloc = failing_realloc, .random = failing_random, .user = f},
        .fail_at = fail_at,
    };
}

#endif
