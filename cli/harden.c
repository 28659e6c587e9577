// SPDX-License-Identifier: Apache-2.0
#include "harden.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static bool locked;

static void lock_memory(void)
{
    // With a limit, locking what comes later would make allocations fail: Argon2 alone takes 64
    // MiB.
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
        return;
    }
    locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

void harden_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifdef PR_SET_DUMPABLE
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file size limit is an error of the write, not our end
    lock_memory();
}

bool harden_memory_locked(void)
{
    return locked;
}
