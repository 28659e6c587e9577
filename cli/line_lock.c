// SPDX-License-Identifier: Apache-2.0
#include "line_lock.h"
#include "store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_BYTES 1100

int line_lock_take(const struct store *s)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", store_dir(s), LINE_LOCK_FILE);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return SOTTO_EIO;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return SOTTO_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno == EWOULDBLOCK ? SOTTO_EEXIST : SOTTO_EIO;
        close(fd);
        return err;
    }
    return fd;
}

void line_lock_release(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}
