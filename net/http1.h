// SPDX-License-Identifier: Apache-2.0
// As much of HTTP/1.1 (RFC 9112) as opening a WebSocket (RFC 6455 §4) and a plain GET need, without
// sockets and bounded.
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_HEAD_MAX_BYTES  8192
#define HTTP1_PATH_MAX_BYTES  512
#define HTTP1_KEY_BYTES       24 // base64 of 16
#define HTTP1_ACCEPT_BYTES    28 // base64 of 20
#define HTTP1_FIELD_MAX_BYTES 255

struct http1_request {
    char path[HTTP1_PATH_MAX_BYTES + 1]; // without the query
    bool get;                            // the method is GET
    bool head;                           // the method is HEAD
    bool websocket;                      // all of RFC 6455 §4.2.1 is there, with `key`
    bool close;                          // "Connection: close"
    char key[HTTP1_KEY_BYTES + 1];
    // "" if not there, or longer than that.
    char host[HTTP1_FIELD_MAX_BYTES + 1];
    char origin[HTTP1_FIELD_MAX_BYTES + 1];
    char accept_encoding[HTTP1_FIELD_MAX_BYTES + 1];
    char if_none_match[HTTP1_FIELD_MAX_BYTES + 1];
};

// Returns the length of the head with its empty line. Errors: SOTTO_EAGAIN it is not complete;
// SOTTO_EPARSE malformed, or two Host or Origin fields; SOTTO_ELIMIT longer than
// HTTP1_HEAD_MAX_BYTES, or the path is too long.
int http1_parse_request(const uint8_t *data, size_t len, struct http1_request *out);

struct http1_response {
    int status;
    bool websocket; // 101 with everything RFC 6455 §4.1 demands but the accept value's content
    char accept[HTTP1_ACCEPT_BYTES + 1];
};
int http1_parse_response(const uint8_t *data, size_t len, struct http1_response *out);

// Whether a comma-separated list has this token, its parameters ("; q=0.5") left aside; with "q=0"
// it has not (RFC 9110 §12.4.2).
bool http1_list_has(const char *list, const char *token);

// The accept value for a key. Errors: SOTTO_ECRYPTO.
int http1_accept_of(const char key[HTTP1_KEY_BYTES + 1], char out[HTTP1_ACCEPT_BYTES + 1]);
// A fresh key. Errors: SOTTO_ECRYPTO.
int http1_new_key(char out[HTTP1_KEY_BYTES + 1]);

#endif
