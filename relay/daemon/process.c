// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sotto/base.h>

uint64_t process_harden(void)
{
    const struct rlimit none = {0, 0};
    struct rlimit files = {1024, 1024};
    setrlimit(RLIMIT_CORE, &none);
    if (!process_sanitized())
        prctl(PR_SET_DUMPABLE, 0);
    umask(077);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return files.rlim_cur;
}

static int make_parents(const char *path)
{
    char part[512];
    if (strlen(path) >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

int process_data_directory(const char *path, char *error, size_t error_cap)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno == ENOENT && make_parents(path) == 0)
        mkdir(path, 0700);
    if (stat(path, &st) != 0) {
        snprintf(error, error_cap,
                 "the data directory %s cannot be made: %s. Choose another with --data", path,
                 strerror(errno));
        return SOTTO_EIO;
    }
    if (!S_ISDIR(st.st_mode) || access(path, R_OK | W_OK | X_OK) != 0) {
        snprintf(error, error_cap,
                 "the data directory %s cannot be used: %s. It belongs to user %u", path,
                 S_ISDIR(st.st_mode) ? strerror(errno) : "it is no directory", (unsigned)st.st_uid);
        return SOTTO_EIO;
    }
    return 0;
}

int process_lock(const char *path, char *error, size_t error_cap)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int rc = fd >= 0 && errno == EWOULDBLOCK ? SOTTO_EEXIST : SOTTO_EIO;
    if (rc == SOTTO_EEXIST)
        snprintf(error, error_cap,
                 "another sottod is running on this data directory (it holds %s). Stop it first, "
                 "or give this one its own with --data",
                 path);
    else
        snprintf(error, error_cap, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

int process_write_file(const char *path, const char *text)
{
    char temporary[600];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC ? SOTTO_EFULL : SOTTO_EIO;
    size_t len = strlen(text);
    bool ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int reason = errno;
    ok &= close(fd) == 0;
    if (ok && rename(temporary, path) == 0)
        return 0;
    unlink(temporary);
    return reason == ENOSPC ? SOTTO_EFULL : SOTTO_EIO;
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif

bool process_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer)
    return true;
#else
    return false;
#endif
}
