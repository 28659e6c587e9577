// SPDX-License-Identifier: Apache-2.0
#include <sotto/base.h>

#include <stdlib.h>
#include <unistd.h>

// getentropy(3) delivers at most this much a call.
#define GETENTROPY_MAX_BYTES 256

static void *env_realloc(void *ptr, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static void env_random(void *buf, size_t len, void *user)
{
    (void)user;
    uint8_t *at = buf;
    while (len > 0) {
        size_t chunk = len < GETENTROPY_MAX_BYTES ? len : GETENTROPY_MAX_BYTES;
        if (getentropy(at, chunk) != 0) {
            abort(); // a predictable secret is worse than no program
        }
        at += chunk;
        len -= chunk;
    }
}

const struct sotto_env *sotto_env_default(void)
{
    static const struct sotto_env env = {.realloc = env_realloc, .random = env_random};
    return &env;
}
