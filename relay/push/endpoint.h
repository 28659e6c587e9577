// SPDX-License-Identifier: Apache-2.0
// Where a relay may send pushes: whoever leaves a subscription names a URL, and the relay must not
// become a way to reach whatever else is in its network.
#ifndef SOTTO_PUSH_ENDPOINT_H
#define SOTTO_PUSH_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUSH_POINT_BYTES       65 // of a subscription: its P-256 point, uncompressed
#define PUSH_AUTH_BYTES        16 // and its secret (RFC 8291)
#define PUSH_CONTACT_MAX_BYTES 200
#define PUSH_SERVICES_MAX      8
#define PUSH_SERVICE_MAX_BYTES 95
#define PUSH_ORIGIN_MAX_BYTES  (8 + 253 + 6)

struct push_services {
    size_t count;
    // "host", "*.domain" (any host below it), each with ":port" if that is not 443. Lower case.
    char hosts[PUSH_SERVICES_MAX][PUSH_SERVICE_MAX_BYTES + 1];
};

// Adds one, in lower case. False: not of that form, or one too many.
bool push_services_add(struct push_services *s, const char *text);

// True if it is an https URL, without user, fragment and anything but printable ASCII, at one of
// the services. origin (may be NULL) gets "https://host" or "https://host:port" (RFC 6454 §6.2).
bool push_endpoint_parse(const struct push_services *s, const char *endpoint,
                         char origin[PUSH_ORIGIN_MAX_BYTES + 1]);

#endif
