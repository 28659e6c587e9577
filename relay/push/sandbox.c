// SPDX-License-Identifier: Apache-2.0
// What the sender's system calls are beside the common ones: it talks to the world with a large
// library.
#include "push/sandbox.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "sandbox/filter.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const int allowed[] = {
    SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(socketpair),
};

static const int fatal[] = {
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
};

static int add_narrow(scmp_filter_ctx ctx)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}; // to look up names
    int rc = 0;
    for (size_t i = 0; i < COUNT(families); i++)
        rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
    // To read only.
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY));
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                           SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY));
    return rc;
}

int push_sandbox(void)
{
    static const struct sandbox_filter filter = {
        .allowed = allowed,
        .allowed_count = COUNT(allowed),
        .fatal = fatal,
        .fatal_count = COUNT(fatal),
        .narrow = add_narrow,
    };
    return sandbox_load(&filter);
}
