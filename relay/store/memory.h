// SPDX-License-Identifier: Apache-2.0
// A store that forgets: for tests and the simulator.
#ifndef SOTTO_RELAY_STORE_MEMORY_H
#define SOTTO_RELAY_STORE_MEMORY_H

#include "engine/store.h"

struct relay_memory;

// 0 or SOTTO_ENOMEM.
int relay_memory_new(struct relay_memory **out, const struct sotto_env *env);
void relay_memory_free(struct relay_memory *s);
struct relay_store *relay_memory_store(struct relay_memory *s);

// expires_unix_s 0: never. 0, SOTTO_EEXIST, SOTTO_ENOMEM.
int relay_memory_invite_add(struct relay_memory *s, const uint8_t invite[LINK_INVITE_BYTES],
                            int64_t expires_unix_s);
// Withdraws a line with its numbers. 0 or SOTTO_ENOTFOUND.
int relay_memory_line_remove(struct relay_memory *s, const uint8_t line_id[LINK_LINE_ID_BYTES]);
// Every call fails with this from now on (a full or broken disk); 0 ends it.
void relay_memory_fail(struct relay_memory *s, int error);
// Writes are done at once but answered SOTTO_EAGAIN; their results are fetched one by one, the
// oldest first, by relay_memory_take (false: none), and given to relay_engine_stored.
void relay_memory_defer(struct relay_memory *s, bool on);
bool relay_memory_take(struct relay_memory *s, uint64_t *job, int *result);
// Calls so far, of any kind: what a request cost is no secret to a test.
uint64_t relay_memory_calls(const struct relay_memory *s);

#endif
