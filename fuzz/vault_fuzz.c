// SPDX-License-Identifier: Apache-2.0
// A vault's header and a blob, as a thief may have left them. Headers that ask for a costly key are
// only looked at: opening one is allowed to take its time.
#include "fuzz.h"

#include <assert.h>
#include <sotto/identity.h>
#include <string.h>

static void header(const uint8_t *data)
{
    struct sotto_vault *v = NULL;
    if (sotto_vault_header_has_passphrase(data)) {
        return;
    }
    int rc = sotto_vault_open(&v, NULL, data, sotto_env_default());
    assert(rc == 0 || rc == SOTTO_EPARSE || rc == SOTTO_EPASSPHRASE);
    assert((rc == 0) == (v != NULL));
    sotto_vault_free(v);
}

static void blob(const uint8_t *data, size_t size)
{
    static struct sotto_vault *v;
    static uint8_t out[1 << 20];
    uint8_t unused[SOTTO_VAULT_HEADER_BYTES];
    if (v == NULL) {
        assert(sotto_vault_create(&v, NULL, NULL, unused, sotto_env_default()) == 0);
    }
    int rc = sotto_vault_open_blob(v, "name", 4, data, size, out, sizeof out);
    assert(rc == SOTTO_EAUTH || rc == SOTTO_ESPACE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= SOTTO_VAULT_HEADER_BYTES) {
        header(data);
    }
    blob(data, size);
    return 0;
}
