// SPDX-License-Identifier: Apache-2.0
// Where the store is: --store, or SOTTO_STORE, or $XDG_DATA_HOME/sotto, or ~/.local/share/sotto.
#ifndef SOTTO_CLI_PATHS_H
#define SOTTO_CLI_PATHS_H

#include <stddef.h>

// option: value of --store or NULL. SOTTO_ENOTFOUND (no home directory), SOTTO_ESPACE.
int paths_store(const char *option, char *out, size_t cap);

#endif
