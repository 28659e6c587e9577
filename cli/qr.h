// SPDX-License-Identifier: Apache-2.0
// A QR code (ISO/IEC 18004) on the terminal, readable on dark and on light ones.
#ifndef SOTTO_CLI_QR_H
#define SOTTO_CLI_QR_H

#include "output.h"

#define QR_QUIET_MODULES 2 // around the code; the standard says 4, every reader takes 2

// Half blocks in black on white where there are colours and UTF-8, else characters. False, and
// nothing printed, if it does not fit the terminal (if it is one), with --json, without memory.
bool qr_print(const struct output *o, const char *text);

#endif
