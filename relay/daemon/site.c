// SPDX-License-Identifier: Apache-2.0
#include "daemon/site.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sotto/base.h>

#include "daemon/hex.h"
#include "identity/digest.h"

#define PATH_BYTES        512
#define HEADERS_BYTES     2048
#define ETAG_BYTES        16 // of the hash
#define HASH_LONG_DIGITS  16
#define HASH_SHORT_DIGITS 8
#define NEVER_CHANGES     "public, max-age=31536000, immutable"

// The page holds keys and a microphone: it runs no script that is not this relay's, and nothing
// frames it. It may talk to other relays, where its contacts live. `ws:` is for the listener
// without TLS: there the page's own origin has no other kind.
#define POLICY                                                                    \
    "Content-Security-Policy: default-src 'none'; "                               \
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "                   \
    "connect-src 'self' https: wss:%s%s; "                                        \
    "style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "      \
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; " \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sotto\r\n"

// A self-made certificate is known to the page by its hash, which a browser may want to be allowed
// (W3C WebTransport); those that do not know the word say so in their console.
#define BY_HASH " 'unsafe-webtransport-hashes'"

// Nothing from elsewhere shares a process with it or reads its files.
#define ISOLATION                                                                            \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                            \
    "Cross-Origin-Embedder-Policy: require-corp\r\n"                                         \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                          \
    "Permissions-Policy: microphone=(self), camera=(), geolocation=(), display-capture=(), " \
    "payment=(), usb=(), serial=(), hid=(), midi=()\r\n"                                     \
    "Referrer-Policy: no-referrer\r\n"                                                       \
    "X-Content-Type-Options: nosniff\r\n"

#define STRICT_TRANSPORT "Strict-Transport-Security: max-age=31536000\r\n"

enum coding {
    IDENTITY,
    BROTLI,
    GZIP,
    CODINGS
};

static const struct {
    const char *name, *ending;
} codings[CODINGS] = {
    [IDENTITY] = {"identity", ""},
    [BROTLI] = {"br", ".br"},
    [GZIP] = {"gzip", ".gz"},
};

struct site_file {
    unsigned references; // the site's own, and one for each answer under way
    char *path;          // begins with '/'
    bool immutable;
    char etag[2 * ETAG_BYTES + 1];
    struct {
        uint8_t *body; // NULL: there is none
        size_t len;
    } as[CODINGS];
};

// What an answer holds until its last byte is sent.
struct given {
    struct site_file *file;
    char headers[HEADERS_BYTES];
};

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
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".sig", "text/plain; charset=utf-8"},
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

// ---- files --------------------------------------------------------------------------------------

static void file_release(struct site_file *f)
{
    if (f == NULL || --f->references > 0)
        return;
    for (size_t i = 0; i < CODINGS; i++)
        free(f->as[i].body);
    free(f->path);
    free(f);
}

// "-1A2B3C4D" or "-0123456789abcdef" before the ending.
static bool has_hash(const char *path)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", hex[] = "0123456789abcdef";
    const char *name = strrchr(path, '/');
    const char *dash = strrchr(name != NULL ? name : path, '-');
    if (dash == NULL)
        return false;
    size_t digits = strspn(dash + 1, upper), hex_digits = strspn(dash + 1, hex);
    return (digits == HASH_SHORT_DIGITS && dash[1 + digits] == '.') ||
           (hex_digits == HASH_LONG_DIGITS && dash[1 + hex_digits] == '.');
}

static struct site_file *file_new(const char *path)
{
    struct site_file *f = calloc(1, sizeof *f);
    char *copy = strdup(path);
    if (f == NULL || copy == NULL) {
        free(f);
        free(copy);
        return NULL;
    }
    f->references = 1;
    f->path = copy;
    f->immutable = has_hash(path);
    return f;
}

static int file_hash(struct site_file *f, uint8_t hash[SITE_HASH_BYTES])
{
    int rc = digest_sha256(f->as[IDENTITY].body, f->as[IDENTITY].len, hash);
    if (rc == 0)
        hex_encode(hash, ETAG_BYTES, f->etag);
    return rc;
}

static int read_body(FILE *f, size_t size, uint8_t **out)
{
    uint8_t *body = malloc(size > 0 ? size : 1);
    if (body == NULL)
        return SOTTO_ENOMEM;
    if (fread(body, 1, size, f) != size) {
        free(body);
        return SOTTO_EIO;
    }
    *out = body;
    return 0;
}

// Counts what it reads. SOTTO_ENOTFOUND: there is none, or not a plain file.
static int read_file(struct site *s, const char *file, uint8_t **body, size_t *len)
{
    struct stat st;
    FILE *f = fopen(file, "re");
    if (f == NULL)
        return errno == ENOENT ? SOTTO_ENOTFOUND : SOTTO_EIO;
    int rc = fstat(fileno(f), &st) != 0 ? SOTTO_EIO : S_ISREG(st.st_mode) ? 0 : SOTTO_ENOTFOUND;
    size_t size = rc == 0 ? (size_t)st.st_size : 0;
    if (rc == 0 && size > SITE_BYTES_MAX - s->bytes)
        rc = SOTTO_ELIMIT;
    if (rc == 0)
        rc = read_body(f, size, body);
    fclose(f);
    if (rc == 0) {
        *len = size;
        s->bytes += size;
    }
    return rc;
}

static int read_codings(struct site *s, struct site_file *f, const char *file)
{
    char name[PATH_BYTES];
    for (size_t i = 0; i < CODINGS; i++) {
        if (snprintf(name, sizeof name, "%s%s", file, codings[i].ending) >= (int)sizeof name)
            return SOTTO_ELIMIT;
        int rc = read_file(s, name, &f->as[i].body, &f->as[i].len);
        if (rc != 0 && (i == IDENTITY || rc != SOTTO_ENOTFOUND))
            return rc;
    }
    return 0;
}

static int add_file(struct site *s, const char *file, const char *path)
{
    uint8_t hash[SITE_HASH_BYTES];
    struct site_file *f = s->count < SITE_FILES_MAX ? file_new(path) : NULL;
    int rc = s->count == SITE_FILES_MAX ? SOTTO_ELIMIT : f == NULL ? SOTTO_ENOMEM : 0;
    if (rc == 0)
        rc = read_codings(s, f, file);
    if (rc == 0)
        rc = file_hash(f, hash);
    if (rc != 0) {
        file_release(f);
        return rc;
    }
    if (strcmp(path, "/release.json") == 0) {
        s->released = true;
        memcpy(s->release, hash, sizeof hash);
    }
    s->files[s->count++] = f;
    return 0;
}

// FILE.br where there is FILE.
static bool is_compressed_copy(const char *file)
{
    char original[PATH_BYTES];
    size_t len = strlen(file);
    for (size_t i = IDENTITY + 1; i < CODINGS; i++) {
        size_t ending = strlen(codings[i].ending);
        if (len > ending && strcmp(file + len - ending, codings[i].ending) == 0) {
            snprintf(original, sizeof original, "%.*s", (int)(len - ending), file);
            return access(original, F_OK) == 0;
        }
    }
    return false;
}

static int add_directory(struct site *s, const char *directory, const char *prefix, int depth);

static int add_entry(struct site *s, const char *file, const char *path, int depth)
{
    struct stat st;
    if (stat(file, &st) != 0)
        return SOTTO_EIO;
    if (S_ISDIR(st.st_mode))
        return add_directory(s, file, path, depth + 1);
    return S_ISREG(st.st_mode) && !is_compressed_copy(file) ? add_file(s, file, path) : 0;
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
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(file, sizeof file, "%s/%s", directory, entry->d_name) >= (int)sizeof file ||
            snprintf(path, sizeof path, "%s/%s", prefix, entry->d_name) >= (int)sizeof path)
            rc = SOTTO_ELIMIT;
        else
            rc = add_entry(s, file, path, depth);
    }
    closedir(d);
    return rc;
}

int site_load(struct site *s, const char *directory, char *error, size_t error_cap)
{
    struct site found = {.files = calloc(SITE_FILES_MAX, sizeof(struct site_file *)),
                         .manner = s->manner};
    errno = 0;
    int rc = found.files != NULL ? add_directory(&found, directory, "", 0) : SOTTO_ENOMEM;
    if (rc == 0) {
        site_free(s);
        *s = found;
        return 0;
    }
    snprintf(error, error_cap, "the web page in %s: %s", directory,
             rc == SOTTO_ELIMIT ? "too many files, or too large"
             : errno != 0       ? strerror(errno)
                                : sotto_strerror(rc));
    site_free(&found);
    return rc;
}

void site_free(struct site *s)
{
    for (size_t i = 0; i < s->count; i++)
        file_release(s->files[i]);
    free(s->files);
    *s = (struct site){.manner = s->manner};
}

// ---- answers ------------------------------------------------------------------------------------

static void given_release(void *owner)
{
    struct given *g = owner;
    file_release(g->file);
    free(g);
}

static enum coding choose(const struct site_file *f, const struct net_http_request *r)
{
    for (enum coding c = BROTLI; c < CODINGS; c++)
        if (f->as[c].body != NULL && net_http_accepts(r->accept_encoding, codings[c].name))
            return c;
    return IDENTITY;
}

// `etag` is "" for what has none.
static void write_headers(const struct site *s, const struct net_http_request *r,
                          const struct site_file *f, enum coding c, const char *etag,
                          char out[HEADERS_BYTES])
{
    char own[96] = "", encoding[48] = "";
    if (r->plain)
        snprintf(own, sizeof own, " ws://localhost:%u ws://127.0.0.1:%u", s->manner.plain_port,
                 s->manner.plain_port);
    if (c != IDENTITY)
        snprintf(encoding, sizeof encoding, "Content-Encoding: %s\r\n", codings[c].name);
    snprintf(out, HEADERS_BYTES,
             "Content-Type: %s\r\n%sVary: Accept-Encoding\r\nCache-Control: %s\r\n%s%s%s" POLICY
                 ISOLATION "%s",
             type_of(f->path), encoding, f->immutable ? NEVER_CHANGES : "no-cache",
             etag[0] != '\0' ? "ETag: " : "", etag, etag[0] != '\0' ? "\r\n" : "", own,
             s->manner.self_made ? BY_HASH : "",
             s->manner.strict_transport && !r->plain ? STRICT_TRANSPORT : "");
}

static bool give(const struct site *s, const struct net_http_request *r, struct site_file *f,
                 struct net_http_answer *out)
{
    struct given *g = malloc(sizeof *g);
    char etag[2 * ETAG_BYTES + 16] = "";
    if (g == NULL)
        return false;
    enum coding c = choose(f, r);
    if (f->etag[0] != '\0')
        snprintf(etag, sizeof etag, "\"%s-%s\"", f->etag, codings[c].name);
    write_headers(s, r, f, c, etag, g->headers);
    bool unchanged = etag[0] != '\0' && strstr(r->if_none_match, etag) != NULL;
    f->references++;
    g->file = f;
    *out = (struct net_http_answer){.status = unchanged ? 304 : 200,
                                    .headers = g->headers,
                                    .body = f->as[c].body,
                                    .len = f->as[c].len,
                                    .release = given_release,
                                    .owner = g};
    return true;
}

bool site_answer(const struct site *s, const struct net_http_request *r,
                 struct net_http_answer *out)
{
    const char *path = strcmp(r->path, "/") == 0 ? "/index.html" : r->path;
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i]->path, path) == 0)
            return give(s, r, s->files[i], out);
    return false;
}

bool site_answer_json(const struct site *s, const struct net_http_request *r, const char *text,
                      struct net_http_answer *out)
{
    struct site_file *f = file_new("/generated.json");
    char *copy = strdup(text);
    bool given = false;
    if (f != NULL && copy != NULL) {
        f->as[IDENTITY].body = (uint8_t *)copy;
        f->as[IDENTITY].len = strlen(copy);
        copy = NULL;
        given = give(s, r, f, out);
    }
    free(copy);
    file_release(f);
    return given;
}

// ---- where it lies ------------------------------------------------------------------------------

static bool is_page(char out[SITE_DIRECTORY_MAX], const char *base, size_t base_len,
                    const char *rest)
{
    char index[SITE_DIRECTORY_MAX + 16];
    if (snprintf(out, SITE_DIRECTORY_MAX, "%.*s%s", (int)base_len, base, rest) >=
        SITE_DIRECTORY_MAX)
        return false;
    snprintf(index, sizeof index, "%s/index.html", out);
    char *plain = access(index, R_OK) == 0 ? realpath(out, NULL) : NULL;
    bool fits = plain != NULL && strlen(plain) < SITE_DIRECTORY_MAX;
    if (fits)
        memcpy(out, plain, strlen(plain) + 1);
    free(plain);
    return fits;
}

bool site_default_directory(char out[SITE_DIRECTORY_MAX])
{
    static const char in_tree[] = "/relay/daemon"; // below build/VARIANT
    char program[SITE_DIRECTORY_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
    char *name = strrchr(program, '/');
    if (name != NULL) {
        *name = '\0';
        size_t len = strlen(program), tail = sizeof in_tree - 1;
        if (len > tail && strcmp(program + len - tail, in_tree) == 0 &&
            is_page(out, program, len - tail, "/../page"))
            return true;
        name = strrchr(program, '/'); // of bin/
        if (name != NULL && is_page(out, program, (size_t)(name - program), "/share/sotto/page"))
            return true;
    }
    return is_page(out, "", 0, "/usr/share/sotto/page");
}
