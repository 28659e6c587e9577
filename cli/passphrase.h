// SPDX-License-Identifier: Apache-2.0
// The store's passphrase: from a file (--passphrase-file, SOTTO_PASSPHRASE_FILE; "-" is standard
// input) or from the terminal, without echo.
#ifndef SOTTO_CLI_PASSPHRASE_H
#define SOTTO_CLI_PASSPHRASE_H

#include "cli.h"

#define PASSPHRASE_MAX_BYTES SOTTO_VAULT_PASSPHRASE_MAX_BYTES
#define PASSPHRASE_MIN_BYTES 8 // of a new one; longer is better
#define PASSPHRASE_TRIES     3 // on a terminal

struct passphrase {
    char text[PASSPHRASE_MAX_BYTES + 1];
};

// The file that is named, or NULL: ask.
const char *passphrase_file(const struct cli *cli);
// CLI_OK or, said, CLI_PASSPHRASE. `question` e.g. "Passphrase: ". Wipe it afterwards.
int passphrase_get(struct cli *cli, const char *question, struct passphrase *out);
// A new one: asked twice, not too short. `file` instead of the terminal if not NULL.
int passphrase_new(struct cli *cli, const char *file, struct passphrase *out);
void passphrase_wipe(struct passphrase *p);

#endif
