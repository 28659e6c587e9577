// SPDX-License-Identifier: Apache-2.0
// Bytes as text: base32 and base64url (RFC 4648 §6, §5), without padding. One text for each byte
// string: decoders refuse padding, white space, a length no encoder gives, and trailing bits that
// are not zero. Text lengths are without a NUL.
#ifndef SOTTO_BASE_ENCODING_H
#define SOTTO_BASE_ENCODING_H

#include <stddef.h>
#include <stdint.h>

#define BASE32_TEXT_BYTES(len)    (((len)*8 + 4) / 5)
#define BASE64URL_TEXT_BYTES(len) (((len)*8 + 5) / 6)

// Writes the text and a NUL; capitals for base32. Characters without the NUL, or SOTTO_ESPACE.
int base32_encode(const uint8_t *data, size_t len, char *out, size_t cap);
int base64url_encode(const uint8_t *data, size_t len, char *out, size_t cap);

// base32_decode takes either case. Bytes written, SOTTO_EPARSE or SOTTO_ESPACE; out is unchanged
// on failure.
int base32_decode(const char *text, size_t len, uint8_t *out, size_t cap);
int base64url_decode(const char *text, size_t len, uint8_t *out, size_t cap);

#endif
