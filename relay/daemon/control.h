// SPDX-License-Identifier: Apache-2.0
// The control socket in the data directory, through which the operator's commands reach the
// running relay: one line asks, the answer follows, the connection ends. Only the relay's own
// user and root may (SO_PEERCRED).
//
//   stats human|json|prometheus    the figures
//   drop HEX                       end this line's connections and circuits: "ok"
#ifndef SOTTO_DAEMON_CONTROL_H
#define SOTTO_DAEMON_CONTROL_H

#include <uv.h>

#include "daemon/metrics.h"

#define CONTROL_FILE       "control"
#define CONTROL_LINE_MAX   128
#define CONTROL_PEERS_MAX  8
#define CONTROL_TIMEOUT_MS 5000

struct control;

struct control_ops {
    void (*metrics)(struct metrics *out, void *user);
    void (*drop)(const uint8_t line_id[LINK_LINE_ID_BYTES], void *user);
};

// 0, SOTTO_ENOMEM, or SOTTO_EIO with a sentence.
int control_new(struct control **out, uv_loop_t *loop, const char *path,
                const struct control_ops *ops, void *user, char *error, size_t error_cap);
// Freed in the loop's next iterations, and the socket's file with it.
void control_free(struct control *c);

// The other side, for the commands: asks and waits. Bytes of the answer without the NUL, or
// SOTTO_ENOTFOUND (no relay runs there), SOTTO_EREFUSED (not this user's), SOTTO_ETIMEOUT,
// SOTTO_EIO.
int control_ask(const char *path, const char *line, char *out, size_t cap);

#endif
