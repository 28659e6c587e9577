// SPDX-License-Identifier: Apache-2.0
// The web page that the relay hands to browsers: the files of one directory, read at the start.
#ifndef SOTTO_DAEMON_SITE_H
#define SOTTO_DAEMON_SITE_H

#include <net.h>

#define SITE_FILES_MAX 256
#define SITE_BYTES_MAX (32u << 20) // all files together
#define SITE_DEPTH_MAX 4           // directories below the first

struct site_file {
    char *path; // begins with '/'
    uint8_t *body;
    char headers[1024];
    struct net_http_answer answer;
};

struct site {
    struct site_file *files;
    size_t count;
    size_t bytes;
};

// Hidden files and those that are no plain files are left out. SOTTO_EIO, SOTTO_ELIMIT with a
// sentence; `s` is then empty.
int site_load(struct site *s, const char *directory, char *error, size_t error_cap);
void site_free(struct site *s);
// "/" is "/index.html". NULL: no such file.
const struct net_http_answer *site_find(const struct site *s, const char *path);

#endif
