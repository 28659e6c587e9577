// SPDX-License-Identifier: Apache-2.0
// Where the sotto command reads its clocks.
#ifndef SOTTO_CLI_CLOCK_H
#define SOTTO_CLI_CLOCK_H

#include <sotto/base.h>

// CLOCK_BOOTTIME and CLOCK_REALTIME, now. CLOCK_MONOTONIC stands still while the machine is
// suspended: a call would not know how long it has slept.
struct sotto_now clock_now(void);

#endif
