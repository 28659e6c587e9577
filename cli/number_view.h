// SPDX-License-Identifier: Apache-2.0
// Numbers as people and scripts see them.
#ifndef SOTTO_CLI_NUMBER_VIEW_H
#define SOTTO_CLI_NUMBER_VIEW_H

#include "cli.h"
#include "number_acts.h"

// "terms": who, until when, how many calls. Some lines, indented by two.
void number_say_terms(const struct cli *cli, const struct sotto_number *n, int64_t now_unix_s);
// Everything about it.
void number_say(const struct cli *cli, const struct store_number *n, int64_t now_unix_s);
// A line of the list.
void number_say_line(const struct cli *cli, const struct store_number *n, int64_t now_unix_s,
                     size_t label_columns);
// link may be NULL: "link" is null then. Documented in docs/CLI.md.
json_t *number_json(const struct store_number *n, const char *link, int64_t now_unix_s);

#endif
