// The head of an HTTP/1.1 request and of a response.
#include "fuzz.h"

#include "http1.h"

#include <assert.h>
#include <string.h>

#include <sotto/base.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http1_request request = {0};
    int n = http1_parse_request(data, size, &request);
    assert(n > 0 ? (size_t)n <= size && n <= HTTP1_HEAD_MAX_BYTES
                 : n == SOTTO_EAGAIN || n == SOTTO_EPARSE || n == SOTTO_ELIMIT);
    if (n > 0) {
        assert(strlen(request.host) <= HTTP1_FIELD_MAX_BYTES && !(request.get && request.head));
        (void)http1_list_has(request.accept_encoding, "br");
        assert(request.path[0] == '/' && strlen(request.path) <= HTTP1_PATH_MAX_BYTES);
        if (request.websocket) {
            char accept[HTTP1_ACCEPT_BYTES + 1];
            assert(strlen(request.key) == HTTP1_KEY_BYTES);
            assert(http1_accept_of(request.key, accept) == 0);
        }
    }
    struct http1_response response = {0};
    n = http1_parse_response(data, size, &response);
    assert(n <= 0 || ((size_t)n <= size && response.status < 1000));
    assert(n <= 0 || !response.websocket || strlen(response.accept) == HTTP1_ACCEPT_BYTES);
    return 0;
}
