// SPDX-License-Identifier: Apache-2.0
// Where pushes may go: whatever URL somebody leaves, what is allowed is https, at a host of the
// list.
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "push/endpoint.h"
#include "text.h"

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct push_services s = {.count = 0}, own = {.count = 0};
    char origin[PUSH_ORIGIN_MAX_BYTES + 1] = "";
    bool added = push_services_add(&s, "push.example") && push_services_add(&s, "*.b.example") &&
                 push_services_add(&s, "localhost:8443");
    assert(added);
    char *text = fuzz_text(data, size);
    if (push_endpoint_parse(&s, text, origin)) {
        assert(strcmp(origin, "https://push.example") == 0 ||
               strcmp(origin, "https://localhost:8443") == 0 || ends_in(origin, ".b.example"));
        // The URL goes on with its path right behind the origin, whatever reads it.
        const char *rest = text + strlen(origin);
        assert(strncmp(text, origin, strlen(origin)) == 0);
        assert(*rest == '/' || strncmp(rest, ":443/", 5) == 0);
        assert(strpbrk(text, " \r\n\t#\\") == NULL);
    }
    if (push_services_add(&own, text))
        assert(own.count == 1 && strlen(own.hosts[0]) == strlen(text));
    free(text);
    return 0;
}
