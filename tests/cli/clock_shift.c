// SPDX-License-Identifier: Apache-2.0
// Preloaded: the wall clock is SOTTO_TEST_CLOCK_SHIFT seconds off.
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = real(id, out);
    const char *shift = getenv("SOTTO_TEST_CLOCK_SHIFT");
    if (result == 0 && id == CLOCK_REALTIME && shift != NULL) {
        out->tv_sec += atol(shift);
    }
    return result;
}
