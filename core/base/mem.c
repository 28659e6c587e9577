// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <string.h>

void *mem_alloc(const struct sotto_env *env, size_t size)
{
    size_t need = size > 0 ? size : 1; // realloc with size 0 frees
    void *ptr = env->realloc(NULL, need, env->user);
    if (ptr != NULL) {
        memset(ptr, 0, need);
    }
    return ptr;
}

void *mem_alloc_array(const struct sotto_env *env, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return mem_alloc(env, count * size);
}

void *mem_dup(const struct sotto_env *env, const void *data, size_t len)
{
    void *ptr = mem_alloc(env, len);
    if (ptr != NULL && len > 0) {
        memcpy(ptr, data, len);
    }
    return ptr;
}

void mem_free(const struct sotto_env *env, void *ptr)
{
    if (ptr != NULL) {
        (void)env->realloc(ptr, 0, env->user);
    }
}

void mem_free_secret(const struct sotto_env *env, void *ptr, size_t size)
{
    if (ptr != NULL) {
        sotto_wipe(ptr, size);
        mem_free(env, ptr);
    }
}
