// SPDX-License-Identifier: Apache-2.0
// Host and port of a relay as text.
#ifndef SOTTO_IDENTITY_RELAY_ADDRESS_H
#define SOTTO_IDENTITY_RELAY_ADDRESS_H

#include <sotto/identity.h>

#define RELAY_PORT_DEFAULT         443
// "[" host "]" ":" port, NUL.
#define RELAY_AUTHORITY_TEXT_BYTES (SOTTO_HOST_MAX_BYTES + 2 + 6 + 1)

// Reads HOST[:PORT] or [IPV6][:PORT]; the host is made lower case, the port RELAY_PORT_DEFAULT if
// missing. 0 or SOTTO_EPARSE. Only host and port of `out` are written, on success.
int relay_authority_parse(struct sotto_relay_address *out, const char *text, size_t len);

// Writes it; the port only if it is not the default, or `always_port`. Characters, or SOTTO_EINVAL
// if host or port are not valid.
int relay_authority_format(const struct sotto_relay_address *a, bool always_port,
                           char out[RELAY_AUTHORITY_TEXT_BYTES]);

#endif
