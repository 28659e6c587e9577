// SPDX-License-Identifier: Apache-2.0
#include "clock.h"

#include <time.h>

struct sotto_now clock_now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_BOOTTIME, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct sotto_now){
        .mono_ns = (sotto_ns)mono.tv_sec * SOTTO_NS_PER_S + (sotto_ns)mono.tv_nsec,
        .unix_s = wall.tv_sec,
    };
}
