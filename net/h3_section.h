// SPDX-License-Identifier: Apache-2.0
// Field sections of HTTP/3 in QPACK (RFC 9204), without a dynamic table: the few that open a
// session are written, any is read.
#ifndef NET_H3_SECTION_H
#define NET_H3_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "h3.h"

struct h3_section {
    uint8_t bytes[H3_AUTHORITY_MAX_BYTES + 200];
    size_t len;
};

// The extended CONNECT to NET_PATH. `authority` is at most H3_AUTHORITY_MAX_BYTES long.
void h3_section_request(struct h3_section *s, const char *authority);
// 200, or 404.
void h3_section_answer(struct h3_section *s, bool accept);

// Reads a request, or a response. *session: it asks for our session, or grants it.
// Errors: SOTTO_EPARSE a malformed message (RFC 9114 §4.1.2); SOTTO_EPROTO it does not decode,
// which ends the connection; SOTTO_ENOMEM.
int h3_section_read(int64_t stream_id, const uint8_t *data, size_t len, bool request,
                    bool *session);

#endif
