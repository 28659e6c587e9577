// SPDX-License-Identifier: Apache-2.0
// One process of a store answers its line; the others must not take it over by accident.
#ifndef SOTTO_CLI_LINE_LOCK_H
#define SOTTO_CLI_LINE_LOCK_H

#include "store.h"

#define LINE_LOCK_FILE "listen.lock" // in the store's directory

// A descriptor to be given to line_lock_release, SOTTO_EEXIST (another process has it) or
// SOTTO_EIO. The lock goes with the process, however it ends.
int line_lock_take(const struct store *s);
void line_lock_release(int fd); // -1 is allowed

#endif
