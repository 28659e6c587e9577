// SPDX-License-Identifier: Apache-2.0
// Who this is and where the line is, as several commands show it.
#ifndef SOTTO_CLI_LINE_VIEW_H
#define SOTTO_CLI_LINE_VIEW_H

#include "cli.h"
#include "store.h"

// {"id": hex, "relay": {...}, "registered": true}, or null without a line.
json_t *line_json(const struct store *s);
// {"store", "name", "fingerprint", "created_unix_s", "line"}.
json_t *identity_json(const struct store *s);
void identity_say(const struct cli *cli, const struct store *s);

#endif
