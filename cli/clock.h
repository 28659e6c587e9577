// SPDX-License-Identifier: Apache-2.0
// Where the sotto command reads its clocks.
#ifndef SOTTO_CLI_CLOCK_H
#define SOTTO_CLI_CLOCK_H

#include <sotto/base.h>

// CLOCK_MONOTONIC and CLOCK_REALTIME, now.
struct sotto_now clock_now(void);

#endif
