// SPDX-License-Identifier: Apache-2.0
// Questions on the terminal (/dev/tty, so that standard input and output may be anything).
#ifndef SOTTO_CLI_PROMPT_H
#define SOTTO_CLI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

bool prompt_possible(void); // there is a terminal to ask on

// A line, without its end. `hidden`: what is typed is not shown. Bytes, or SOTTO_ENOTFOUND (no
// terminal), SOTTO_ECLOSED (Ctrl-C, Ctrl-D on an empty line, or the terminal went away),
// SOTTO_ELIMIT (longer than cap - 1; nothing of it is kept). out is wiped on failure.
int prompt_line(const char *question, bool hidden, char *out, size_t cap);

// "[y/N]": 1 yes, 0 no or anything else, or an error as above.
int prompt_yes_no(const char *question);

#endif
