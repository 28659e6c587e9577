// SPDX-License-Identifier: Apache-2.0
// Notices that an address or route of this machine has changed (rtnetlink).
#ifndef NET_NETWATCH_H
#define NET_NETWATCH_H

#include <uv.h>

// A change comes as a burst of messages, and any of them may be the one that matters: the callback
// is made at the first, and then at most once in so long while more come.
#define NETWATCH_SETTLE_MS 8
// Messages read at a time.
#define NETWATCH_READS_MAX 32

struct netwatch;

// Where there is no rtnetlink (a sandbox may forbid it) this succeeds and never reports anything.
// Errors: SOTTO_ENOMEM.
int netwatch_new(struct netwatch **out, uv_loop_t *loop, void (*changed)(void *user), void *user);
// No callback afterwards.
void netwatch_free(struct netwatch *w);

#endif
