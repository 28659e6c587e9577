// SPDX-License-Identifier: Apache-2.0
// A command's visit to the home relay: register the line, bring the relay up to date.
#ifndef SOTTO_CLI_RELAY_H
#define SOTTO_CLI_RELAY_H

#include "cli.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>

#define RELAY_TIMEOUT_MS 15000 // for the whole visit
#define RELAY_WHY_BYTES  320

// How it went. Nothing has been said yet.
struct relay_visit {
    enum cli_exit code;        // CLI_OK: everything was done
    char why[RELAY_WHY_BYTES]; // otherwise: one sentence for the user
    size_t done, left;         // numbers brought up to date, and not
};

// Makes the line at the relay that the store's profile names, and writes down that it is made.
// Harmless if it is made already.
void relay_register(struct cli *cli, struct store *s, struct relay_visit *out);
// Publishes and withdraws what is pending (and registers first if that is still to be done).
// Without anything to do the relay is not visited.
void relay_sync(struct cli *cli, struct store *s, struct relay_visit *out);

// What the relay's answer means: a sentence, and the exit code for it.
const char *relay_code_text(int code);
enum cli_exit relay_code_exit(int code);

#endif
