// SPDX-License-Identifier: Apache-2.0
// A filter of system calls (seccomp): what every program of the relay needs, and what each adds.
// What nothing honest would ask for ends the process; whatever else is not in the lists fails with
// EPERM and, where the kernel can, is logged by its audit, so that a library of another version,
// trying something new, finds its way around.
#ifndef SOTTO_SANDBOX_FILTER_H
#define SOTTO_SANDBOX_FILTER_H

#include <seccomp.h>
#include <stddef.h>

struct sandbox_filter {
    const int *allowed; // SCMP_SYS(...), beside the common ones
    size_t allowed_count;
    const int *fatal; // the same
    size_t fatal_count;
    // Rules that look at arguments; 0 or negative. May be NULL.
    int (*narrow)(scmp_filter_ctx ctx);
};

// For all threads of the process, from now on and for good. SOTTO_ENOMEM, SOTTO_EIO: nothing is
// filtered.
int sandbox_load(const struct sandbox_filter *f);

#endif
