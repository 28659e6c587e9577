// SPDX-License-Identifier: Apache-2.0
#include "page_curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// The one on GnuTLS is called so by Debian; elsewhere there is one.
static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};

static struct page_curl api;
static bool tried, loaded;

// A function's address is data to dlsym.
static bool find(void *library, const char *name, void *slot, size_t slot_bytes)
{
    void *address = dlsym(library, name);
    if (address == NULL || slot_bytes != sizeof address) {
        return false;
    }
    memcpy(slot, &address, sizeof address);
    return true;
}

#define FIND(field) find(library, "curl_" #field, &api.field, sizeof api.field)

static bool load(void)
{
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof names / sizeof names[0]; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    return library != NULL && FIND(global_init) && FIND(easy_init) && FIND(easy_cleanup) &&
           FIND(easy_setopt) && FIND(easy_getinfo) && FIND(easy_perform) && FIND(easy_strerror) &&
           FIND(slist_append) && FIND(slist_free_all) && api.global_init(CURL_GLOBAL_DEFAULT) == 0;
}

const struct page_curl *page_curl(void)
{
    if (!tried) {
        tried = true;
        loaded = load();
    }
    return loaded ? &api : NULL;
}
