// SPDX-License-Identifier: Apache-2.0
// What sottod asks of the operating system about itself.
#ifndef SOTTO_DAEMON_PROCESS_H
#define SOTTO_DAEMON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// No core files, not readable by a debugger of another user, as many open files as are allowed.
// Returns that number.
uint64_t process_harden(void);

// Makes the data directory (0700) with its parents if it is not there. 0, or SOTTO_EIO with a
// sentence that names what to do.
int process_data_directory(const char *path, char *error, size_t error_cap);
// Takes the data directory for this process. The descriptor, kept open until the end, or
// SOTTO_EEXIST: another sottod has it; SOTTO_EIO.
int process_lock(const char *path, char *error, size_t error_cap);
// Replaces the file by `text`, atomically. 0, SOTTO_EIO, SOTTO_EFULL.
int process_write_file(const char *path, const char *text);

// Once started, no execve, no new sockets, no ptrace ... (seccomp). 0, or SOTTO_EIO: the kernel
// does not have it.
int process_sandbox(void);
// Before the event loop is made: libuv from 1.45 on would set up an io_uring for epoll, which works
// past any filter of system calls and which the sandbox therefore refuses. Where the kernel says
// that it has none, libuv does without. Nothing happens where filters cannot be loaded.
void process_forgo_io_uring(void);
// Compiled with a sanitizer, which needs more than the sandbox allows.
bool process_sanitized(void);

#endif
