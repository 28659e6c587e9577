// SPDX-License-Identifier: Apache-2.0
// Keeps a process's secrets out of core files, of other processes of the same user, and of swap.
#ifndef SOTTO_CLI_HARDEN_H
#define SOTTO_CLI_HARDEN_H

#include <stdbool.h>

// First thing in main. Never fails: what cannot be had is told by harden_memory_locked.
void harden_process(void);
// All memory stays out of swap (only where the limit on locked memory allows for all of it).
bool harden_memory_locked(void);

#endif
