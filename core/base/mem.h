// SPDX-License-Identifier: Apache-2.0
// Memory through the injected allocator.
#ifndef SOTTO_BASE_MEM_H
#define SOTTO_BASE_MEM_H

#include <sotto/base.h>

// Zeroed memory, or NULL when there is none. Zero bytes are a valid request: the result is then
// not NULL and to be freed like any other.
void *mem_alloc(const struct sotto_env *env, size_t size);
// The same for count elements; NULL also if count * size overflows.
void *mem_alloc_array(const struct sotto_env *env, size_t count, size_t size);
// A copy of len bytes.
void *mem_dup(const struct sotto_env *env, const void *data, size_t len);
// NULL is ignored.
void mem_free(const struct sotto_env *env, void *ptr);
// Wipes size bytes first: for anything that held a secret.
void mem_free_secret(const struct sotto_env *env, void *ptr, size_t size);

#endif
