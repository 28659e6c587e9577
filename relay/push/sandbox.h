// SPDX-License-Identifier: Apache-2.0
#ifndef SOTTO_PUSH_SANDBOX_H
#define SOTTO_PUSH_SANDBOX_H

// From here on: connections out, files to read, threads; no programs, no files to write, nobody to
// wait for (seccomp). 0, SOTTO_EIO: the kernel does not have it.
int push_sandbox(void);

#endif
