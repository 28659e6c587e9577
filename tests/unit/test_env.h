// SPDX-License-Identifier: Apache-2.0
// An environment for tests: counts what is allocated, fails where it is told to, and draws the same
// "random" bytes from the same seed.
#ifndef SOTTO_TESTS_TEST_ENV_H
#define SOTTO_TESTS_TEST_ENV_H

#include <sotto/base.h>
#include <stdlib.h>

struct test_env {
    struct sotto_env env; // pass &t.env
    size_t live;          // blocks allocated and not freed
    size_t calls;         // allocations asked for
    size_t fail_at;       // the allocation of this number fails (1: the first); 0: none
    uint64_t state;       // of the random bytes
    size_t drawn;         // random bytes so far
};

static inline void *test_env_realloc(void *ptr, size_t size, void *user)
{
    struct test_env *t = user;
    if (size == 0) {
        t->live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (++t->calls == t->fail_at) {
        return NULL;
    }
    void *moved = realloc(ptr, size);
    t->live += ptr == NULL && moved != NULL;
    return moved;
}

// SplitMix64.
static inline void test_env_random(void *buf, size_t len, void *user)
{
    struct test_env *t = user;
    uint8_t *out = buf;
    t->drawn += len;
    for (size_t i = 0; i < len; i++) {
        uint64_t z = t->state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        out[i] = (uint8_t)(z ^ z >> 31);
    }
}

static inline void test_env_init(struct test_env *t, uint64_t seed)
{
    *t = (struct test_env){
        .env = {.realloc = test_env_realloc, .random = test_env_random, .user = t},
        .state = seed,
    };
}

#endif
