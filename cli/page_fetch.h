// SPDX-License-Identifier: Apache-2.0
// Files of a page, fetched the way a browser does.
#ifndef SOTTO_CLI_PAGE_FETCH_H
#define SOTTO_CLI_PAGE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_URL_MAX_BYTES     512
#define PAGE_PATH_MAX_BYTES    256
#define PAGE_FILE_MAX_BYTES    (64u << 20)
#define PAGE_HEADERS_MAX_BYTES 16384
#define PAGE_TIMEOUT_S         60 // for one file
#define PAGE_CONNECT_S         10
#define PAGE_ERROR_BYTES       256

// Which browser it says it is.
enum page_browser {
    PAGE_DESKTOP,
    PAGE_PHONE,
    PAGE_BROWSERS
};

struct page_fetcher;

struct page_request {
    const char *path;     // begins with '/'
    const char *encoding; // "br", "gzip", "identity"
    enum page_browser browser;
    size_t max; // a body longer than this is cut off and flagged; at most PAGE_FILE_MAX_BYTES
};

struct page_reply {
    long status;
    uint8_t *body; // decoded; NUL behind it
    size_t len;
    bool too_long;
    char headers[PAGE_HEADERS_MAX_BYTES]; // "name: value\n"..., names in lower case
    size_t headers_len;
    bool headers_too_long;
};

enum page_failure {
    PAGE_FETCHED,
    PAGE_UNREACHABLE, // nobody answers, or not in HTTP
    PAGE_UNTRUSTED,   // another key or certificate
};

// `origin` is "https://host:port", without a slash at the end. `pin` is the SHA-256 of the only key
// that counts then (NULL: the system's authorities decide, or those of ca_file). NULL: libcurl is
// not installed, or no memory.
struct page_fetcher *page_fetcher_new(const char *origin, const char *ca_file, const uint8_t *pin);
void page_fetcher_free(struct page_fetcher *f);

// On anything but PAGE_FETCHED `error` says what happened, and there is no reply. Redirections are
// not followed. Free it with page_reply_free.
enum page_failure page_fetch(struct page_fetcher *f, const struct page_request *r,
                             struct page_reply *out, char error[PAGE_ERROR_BYTES]);
void page_reply_free(struct page_reply *r);

// The value of a header (its first occurrence), copied; false: there is none, or it is longer.
bool page_reply_header(const struct page_reply *r, const char *name, char *out, size_t cap);
// How often there is that header.
unsigned page_reply_count(const struct page_reply *r, const char *name);

#endif
