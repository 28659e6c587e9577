// SPDX-License-Identifier: Apache-2.0
// How a relay tells push services who it is: a signed token (RFC 8292, JWT with ES256). The key is
// made once; browsers bind their subscriptions to it.
#ifndef SOTTO_PUSH_VAPID_H
#define SOTTO_PUSH_VAPID_H

#include <openssl/evp.h>

#include "push/endpoint.h"
#include "push/vapid_key.h"

#define VAPID_TOKEN_S          (12 * 3600) // RFC 8292 §2: at most 24 hours
#define VAPID_HEADER_MAX_BYTES 1200

// NULL: it is no P-256 private key. The caller frees it.
EVP_PKEY *vapid_read(const char *pem);
// The Authorization header's value, "vapid t=..., k=...", for a push service of that origin.
// contact: "mailto:..." or "https:...", printable without quotes; "": none. 0, SOTTO_ECRYPTO,
// SOTTO_ESPACE.
int vapid_header(EVP_PKEY *key, const char *origin, const char *contact, int64_t now_unix_s,
                 char out[VAPID_HEADER_MAX_BYTES]);

#endif
