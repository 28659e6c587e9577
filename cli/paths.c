// SPDX-License-Identifier: Apache-2.0
#include "paths.h"

#include <sotto/base.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *not_empty(const char *text)
{
    return text != NULL && text[0] != 0 ? text : NULL;
}

static const char *home(void)
{
    const char *dir = not_empty(getenv("HOME"));
    if (dir == NULL) {
        const struct passwd *entry = getpwuid(getuid());
        dir = entry != NULL ? not_empty(entry->pw_dir) : NULL;
    }
    return dir;
}

int paths_store(const char *option, char *out, size_t cap)
{
    const char *dir = not_empty(option);
    const char *below = "";
    if (dir == NULL) {
        dir = not_empty(getenv("SOTTO_STORE"));
    }
    if (dir == NULL) {
        dir = not_empty(getenv("XDG_DATA_HOME"));
        below = "/sotto";
        // "All paths must be absolute. If an implementation encounters a relative path [...] it
        // should consider the path invalid and ignore it." (XDG Base Directory Specification)
        if (dir != NULL && dir[0] != '/') {
            dir = NULL;
        }
    }
    if (dir == NULL) {
        dir = home();
        below = "/.local/share/sotto";
    }
    if (dir == NULL) {
        return SOTTO_ENOTFOUND;
    }
    int len = snprintf(out, cap, "%s%s", dir, below);
    return len > 0 && (size_t)len < cap ? SOTTO_OK : SOTTO_ESPACE;
}
