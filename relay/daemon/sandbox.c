// SPDX-License-Identifier: Apache-2.0
// What a running relay's system calls are beside the common ones.
#include <errno.h>

#include "daemon/process.h"
#include "sandbox/filter.h"

static const int allowed[] = {
    // waiting, and the open sockets
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(dup),
    // the store, the certificate, the configuration
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(statfs),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchown),
    SCMP_SYS(mkdir),
    SCMP_SYS(utimensat),
    SCMP_SYS(umask),
    SCMP_SYS(flock),
};

void process_forgo_io_uring(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (ctx == NULL)
        return;
    if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0) == 0)
        (void)seccomp_load(ctx);
    seccomp_release(ctx);
}

int process_sandbox(void)
{
    static const struct sandbox_filter filter = {
        .allowed = allowed,
        .allowed_count = sizeof allowed / sizeof allowed[0],
    };
    return sandbox_load(&filter);
}
