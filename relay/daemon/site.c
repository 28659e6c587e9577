// SPDX-License-Identifier: Apache-2.0
#include "daemon/site.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sotto/base.h>

#define PATH_BYTES 512

// The page holds keys and a microphone: it may load nothing that is not this relay's, talk to
// nobody else, and be framed by nobody.
#define GUARD                                                                             \
    "Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; " \
    "worker-src 'self' blob:; connect-src 'self' 'unsafe-webtransport-hashes'; "          \
    "style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "              \
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"

#define HEADERS                                   \
    "Referrer-Policy: no-referrer\r\n"            \
    "Cross-Origin-Opener-Policy: same-origin\r\n" \
    "Cache-Control: no-cache\r\n"

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".wasm", "application/wasm"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static int read_file(const char *path, size_t size, uint8_t **out)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return SOTTO_EIO;
    uint8_t *body = malloc(size > 0 ? size : 1);
    int rc = body == NULL ? SOTTO_ENOMEM : fread(body, 1, size, f) == size ? 0 : SOTTO_EIO;
    fclose(f);
    if (rc != 0)
        free(body);
    else
        *out = body;
    return rc;
}

static int add_file(struct site *s, const char *file, const char *path, size_t size)
{
    if (s->count == SITE_FILES_MAX || size > SITE_BYTES_MAX - s->bytes)
        return SOTTO_ELIMIT;
    struct site_file *added = &s->files[s->count];
    *added = (struct site_file){.path = strdup(path)};
    int rc = added->path == NULL ? SOTTO_ENOMEM : read_file(file, size, &added->body);
    if (rc != 0) {
        free(added->path);
        return rc;
    }
    snprintf(added->headers, sizeof added->headers,
             "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n" HEADERS "%s", type_of(path),
             strstr(type_of(path), "html") != NULL ? GUARD : "");
    added->answer =
        (struct net_http_answer){.headers = added->headers, .body = added->body, .len = size};
    s->bytes += size;
    s->count++;
    return 0;
}

static int add_directory(struct site *s, const char *directory, const char *prefix, int depth)
{
    DIR *d = depth <= SITE_DEPTH_MAX ? opendir(directory) : NULL;
    if (d == NULL)
        return depth > SITE_DEPTH_MAX ? SOTTO_ELIMIT : SOTTO_EIO;
    const struct dirent *entry;
    int rc = 0;
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        char file[PATH_BYTES], path[PATH_BYTES];
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(file, sizeof file, "%s/%s", directory, entry->d_name) >= (int)sizeof file ||
            snprintf(path, sizeof path, "%s/%s", prefix, entry->d_name) >= (int)sizeof path)
            rc = SOTTO_ELIMIT;
        else if (stat(file, &st) != 0)
            rc = SOTTO_EIO;
        else if (S_ISDIR(st.st_mode))
            rc = add_directory(s, file, path, depth + 1);
        else if (S_ISREG(st.st_mode))
            rc = add_file(s, file, path, (size_t)st.st_size);
    }
    closedir(d);
    return rc;
}

int site_load(struct site *s, const char *directory, char *error, size_t error_cap)
{
    *s = (struct site){.files = calloc(SITE_FILES_MAX, sizeof *s->files)};
    if (s->files == NULL)
        return SOTTO_ENOMEM;
    errno = 0;
    int rc = add_directory(s, directory, "", 0);
    if (rc == 0)
        return 0;
    snprintf(error, error_cap, "the web page in %s: %s", directory,
             rc == SOTTO_ELIMIT ? "too many files, or too large"
             : errno != 0       ? strerror(errno)
                                : sotto_strerror(rc));
    site_free(s);
    return rc;
}

void site_free(struct site *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->files[i].path);
        free(s->files[i].body);
    }
    free(s->files);
    *s = (struct site){.count = 0};
}

const struct net_http_answer *site_find(const struct site *s, const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return &s->files[i].answer;
    return NULL;
}
