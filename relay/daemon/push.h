// SPDX-License-Identifier: Apache-2.0
// Sends the engine's wake-ups: hands them to a process of its own (relay/push), started before the
// sandbox closes, and hears what became of them.
#ifndef SOTTO_DAEMON_PUSH_H
#define SOTTO_DAEMON_PUSH_H

#include <uv.h>

#include "daemon/config.h"
#include "engine/store.h"

#define PUSH_KEY_FILE "push.key" // PEM, mode 0600; browsers bind their subscriptions to it
#define PUSH_PROGRAM  "sottod-push"

struct push;

struct push_stats {
    uint64_t sent, gone, failed, dropped; // dropped: the sender had too many, or is not there
};

// A subscription that its service knows no more.
typedef void push_gone(const uint8_t line_id[LINK_LINE_ID_BYTES], const char *endpoint, void *user);

// Where the sender is installed; false: nowhere.
bool push_program(char out[CONFIG_PATH_MAX]);
// Makes the key if there is none, and starts the sender. SOTTO_ENOTFOUND (no sender installed),
// SOTTO_EIO, SOTTO_EFULL, SOTTO_EINVAL (the key file is damaged), with a sentence.
int push_new(struct push **out, uv_loop_t *loop, const struct sottod_config *c, push_gone *gone,
             void *user, char *error, size_t error_cap);
// The sender ends by itself when the channel closes. NULL is fine. The loop must still run once.
void push_free(struct push *p);
// Never waits.
void push_send(struct push *p, const struct relay_store_push *pushes, size_t count);
// base64url of the key's public point, for the page; lives as long as `p`.
const char *push_public(const struct push *p);
void push_get_stats(const struct push *p, struct push_stats *out); // NULL: zeros

#endif
