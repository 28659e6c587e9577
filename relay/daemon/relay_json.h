// SPDX-License-Identifier: Apache-2.0
// GET /relay.json: what a page served by this relay has to know of it (docs/PROTOCOL.md).
#ifndef SOTTO_DAEMON_RELAY_JSON_H
#define SOTTO_DAEMON_RELAY_JSON_H

#include "daemon/certificate.h"
#include "daemon/site.h"

#define RELAY_JSON_MAX_BYTES 4096

struct relay_json {
    const struct relay_config *origins; // origin and more_origins
    const char *host;
    uint16_t port;
    const struct certificate *certificate;
    const struct site *site;
    const char *vapid; // base64url of the key that signs pushes; NULL: there are none
    bool plain;        // asked for without TLS
};

// With the NUL. SOTTO_ESPACE: it does not fit.
int relay_json_write(const struct relay_json *j, char out[RELAY_JSON_MAX_BYTES]);

#endif
