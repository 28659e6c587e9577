// SPDX-License-Identifier: Apache-2.0
// The operator's commands. Each prints its answer on stdout and what went wrong on stderr, and
// returns the exit status.
#ifndef SOTTO_DAEMON_COMMANDS_H
#define SOTTO_DAEMON_COMMANDS_H

#include "daemon/options.h"
#include "store/sqlite.h"

int command_invite(const struct options *o);
int command_lines(const struct options *o);
int command_stats(const struct options *o);
int command_revoke_line(const struct options *o);
int command_check(const struct options *o);

// Root working on the data of the relay's own user becomes that user, so that no file there
// changes hands.
void command_become_owner(const struct sottod_config *c);
// Opens the store in the data directory, which is made if need be. Prints what went wrong.
int command_open_store(const struct options *o, struct relay_sqlite **out);
// Asks the running relay; as control_ask, SOTTO_ENOTFOUND if none runs.
int command_ask(const struct options *o, const char *line, char *out, size_t cap);
// Prints an error as a line for people, or as a JSON object.
void command_fail(const struct options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
