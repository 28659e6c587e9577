// SPDX-License-Identifier: Apache-2.0
// Single keys from the terminal on standard input, without waiting for a line's end.
#ifndef SOTTO_CLI_KEYS_H
#define SOTTO_CLI_KEYS_H

#include <stdbool.h>
#include <uv.h>

struct keys;

// on_key comes from the loop: a character below 128; others and escape sequences are left out.
// NULL if standard input is no terminal.
struct keys *keys_new(uv_loop_t *loop, void (*on_key)(int key, void *user), void *user);
// The terminal is as it was before; its handle is closed by the loop. NULL is allowed.
void keys_free(struct keys *k);

#endif
