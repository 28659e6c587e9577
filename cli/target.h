// SPDX-License-Identifier: Apache-2.0
// Whom a user means: by a contact's label, the beginning of one, or a number's link.
#ifndef SOTTO_CLI_TARGET_H
#define SOTTO_CLI_TARGET_H

#include "output.h"
#include "store.h"

#define TARGET_WHY_BYTES 512

struct target {
    struct sotto_number_link link; // secret
    char label[SOTTO_NAME_MAX_BYTES + 1];
};

// CLI_OK and *out (wipe it), or a code, with `why` one sentence and `hint` what to do (static;
// may be NULL).
enum cli_exit target_find(struct store *s, const char *text, struct target *out,
                          char why[TARGET_WHY_BYTES], const char **hint);

#endif
