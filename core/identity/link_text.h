// SPDX-License-Identifier: Apache-2.0
// A link's text without the payload's meaning: https://HOST[:PORT]/#<base64url(payload, checksum)>.
#ifndef SOTTO_IDENTITY_LINK_TEXT_H
#define SOTTO_IDENTITY_LINK_TEXT_H

#include <sotto/identity.h>

// Beyond what this version writes (191), so that a longer link of a newer one is known as such.
#define LINK_PAYLOAD_MAX_BYTES 512

// First byte of every payload.
enum link_kind {
    LINK_KIND_NUMBER = 1,
    LINK_KIND_INVITE = 2
};
bool link_kind_known(uint8_t kind);

struct link_text {
    struct sotto_relay_address relay;        // host and port only; the pin is in the payload
    uint8_t payload[LINK_PAYLOAD_MAX_BYTES]; // not empty
    size_t len;
};

// Characters written, SOTTO_ESPACE, SOTTO_EINVAL (relay not valid), SOTTO_ECRYPTO.
int link_text_format(const struct sotto_relay_address *relay, const uint8_t *payload, size_t len,
                     char *out, size_t cap);
// 0 if the checksum is right, whatever the payload says. SOTTO_ELINK_DAMAGED: it is one of ours but
// not as it was made; SOTTO_ELINK_MALFORMED: it never was; SOTTO_ECRYPTO.
int link_text_parse(struct link_text *out, const char *text);

#endif
