// SPDX-License-Identifier: Apache-2.0
// Exported keys of an identity or a line, and a line's public key. What imports exports to the same
// bytes.
#include "fuzz.h"

#include <assert.h>
#include <sotto/identity.h>
#include <string.h>

static void identity(const uint8_t *data, size_t size)
{
    struct sotto_identity *id = NULL;
    uint8_t out[SOTTO_IDENTITY_MAX_BYTES];
    int rc = sotto_identity_import(&id, data, size, sotto_env_default());
    assert((rc == 0) == (id != NULL));
    if (rc == 0) {
        assert(sotto_identity_export(id, out, sizeof out) == (int)size);
        assert(memcmp(out, data, size) == 0);
    } else {
        assert(rc == SOTTO_EPARSE);
    }
    sotto_identity_free(id);
}

static void line_key(const uint8_t *data, size_t size)
{
    struct sotto_line_key *k = NULL;
    uint8_t out[SOTTO_LINE_KEY_MAX_BYTES];
    int rc = sotto_line_key_import(&k, data, size, sotto_env_default());
    assert((rc == 0) == (k != NULL));
    if (rc == 0) {
        assert(sotto_line_key_export(k, out, sizeof out) == (int)size);
        assert(memcmp(out, data, size) == 0);
    } else {
        assert(rc == SOTTO_EPARSE);
    }
    sotto_line_key_free(k);
}

static void line_signature(const uint8_t *data, size_t size)
{
    int rc = sotto_line_verify(data, size, data, size, data, size);
    assert(rc == SOTTO_EAUTH || rc == SOTTO_EPARSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    identity(data, size);
    line_key(data, size);
    line_signature(data, size);
    return 0;
}
