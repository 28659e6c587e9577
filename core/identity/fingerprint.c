// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "base/encoding.h"
#include "identity/digest.h"
#include "identity/keys.h"
#include "wire/cursor.h"

#define CONTEXT "sotto identity v1"
#define PREIMAGE_MAX_BYTES \
    (sizeof CONTEXT + 2 + IDENTITY_MLDSA_SPKI_MAX_BYTES + 2 + IDENTITY_ED25519_SPKI_BYTES)

#define TEXT_CHARS  BASE32_TEXT_BYTES(SOTTO_FINGERPRINT_BYTES)
#define GROUP_CHARS 4
_Static_assert(TEXT_CHARS % GROUP_CHARS == 0, "whole groups");
_Static_assert(TEXT_CHARS + TEXT_CHARS / GROUP_CHARS == SOTTO_FINGERPRINT_TEXT_BYTES,
               "a space between groups, and NUL");

int sotto_fingerprint_from_keys(struct sotto_fingerprint *out, const uint8_t *mldsa_spki,
                                size_t mldsa_len, const uint8_t *ed25519_spki, size_t ed25519_len)
{
    if (mldsa_len == 0 || mldsa_len > IDENTITY_MLDSA_SPKI_MAX_BYTES ||
        ed25519_len != IDENTITY_ED25519_SPKI_BYTES) {
        return SOTTO_EPARSE;
    }
    uint8_t preimage[PREIMAGE_MAX_BYTES];
    struct wire_writer w = wire_writer(preimage, sizeof preimage);
    wire_write_bytes(&w, CONTEXT, strlen(CONTEXT));
    wire_write_vec16(&w, mldsa_spki, mldsa_len);
    wire_write_vec16(&w, ed25519_spki, ed25519_len);

    uint8_t digest[DIGEST_SHA512_BYTES];
    int rc = digest_sha512(preimage, w.len, digest);
    if (rc < 0) {
        return rc;
    }
    memcpy(out->bytes, digest, sizeof out->bytes);
    return 0;
}

void sotto_fingerprint_text(const struct sotto_fingerprint *fp,
                            char out[SOTTO_FINGERPRINT_TEXT_BYTES])
{
    char text[TEXT_CHARS + 1];
    (void)base32_encode(fp->bytes, sizeof fp->bytes, text, sizeof text);
    char *at = out;
    for (size_t i = 0; i < TEXT_CHARS; i++) {
        if (i > 0 && i % GROUP_CHARS == 0) {
            *at++ = ' ';
        }
        *at++ = text[i];
    }
    *at = '\0';
}

static bool is_separator(char c)
{
    return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

int sotto_fingerprint_parse(struct sotto_fingerprint *out, const char *text)
{
    char compact[TEXT_CHARS];
    size_t len = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (is_separator(*at)) {
            continue;
        }
        if (len == sizeof compact) {
            return SOTTO_EPARSE;
        }
        compact[len++] = *at;
    }
    struct sotto_fingerprint fp = {{0}};
    if (base32_decode(compact, len, fp.bytes, sizeof fp.bytes) != SOTTO_FINGERPRINT_BYTES) {
        return SOTTO_EPARSE;
    }
    *out = fp;
    return 0;
}

bool sotto_fingerprint_equal(const struct sotto_fingerprint *a, const struct sotto_fingerprint *b)
{
    return sotto_equal_ct(a->bytes, b->bytes, sizeof a->bytes);
}
