// SPDX-License-Identifier: Apache-2.0
// Keeps the disk out of the relay's loop: reads go straight to the store, writes to a thread with a
// connection of its own to the same file, which does all that has gathered in one transaction. A
// cell never waits for a disk.
#ifndef SOTTO_DAEMON_WRITER_H
#define SOTTO_DAEMON_WRITER_H

#include <uv.h>

#include "store/sqlite.h"

struct writer;

// Tells the result of a write that was answered with SOTTO_EAGAIN; from the loop.
typedef void writer_done(uint64_t job, int result, void *user);

// `reader` is the loop's own connection (borrowed), `path` the same file. SOTTO_ENOMEM, or as
// relay_sqlite_open, with a sentence.
int writer_new(struct writer **out, uv_loop_t *loop, struct relay_sqlite *reader, const char *path,
               uint64_t limit_bytes, writer_done *done, void *user, char *error, size_t error_cap);
// What the engine gets. number_put of what is there already returns 0 at once.
struct relay_store *writer_store(struct writer *w);
// Removes old invitations, when it is its turn. Nobody is told.
void writer_prune(struct writer *w, int64_t now_unix_s);
// Removes a subscription whose push service knows it no more. Nobody is told.
void writer_forget_push(struct writer *w, const uint8_t line_id[LINK_LINE_ID_BYTES],
                        const char *endpoint);
// Whether something is still to be written: the loop does not end before it is.
bool writer_busy(const struct writer *w);
// Not while it is busy.
void writer_free(struct writer *w);

#endif
