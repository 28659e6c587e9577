// SPDX-License-Identifier: Apache-2.0
// libcurl, loaded when a page is fetched and not before: it brings some thirty libraries along,
// which no other command should carry.
#ifndef SOTTO_CLI_PAGE_CURL_H
#define SOTTO_CLI_PAGE_CURL_H

#define CURL_DISABLE_TYPECHECK // its macros stand for its own functions
#include <curl/curl.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

struct page_curl {
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    CURLcode (*easy_perform)(CURL *);
    const char *(*easy_strerror)(CURLcode);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
};

// The library's functions, initialised, or NULL if it is not installed or lacks one of them.
const struct page_curl *page_curl(void);

#endif
