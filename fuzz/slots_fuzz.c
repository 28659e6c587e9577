// SPDX-License-Identifier: Apache-2.0
// A slot as a broken or malicious storage may hand it in. The checksum is put right, so that what
// lies behind it is reached too. Whatever is taken comes out again as it went in.
#include "fuzz.h"

#include "identity/digest.h"
#include "store_slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void offer(const uint8_t *data, size_t size)
{
    struct slots *s;
    assert(slots_new(&s, NULL) == 0);
    int error = slots_offer(s, 0, data, size);
    assert((error == 0 && size > 0) == slots_exists(s));
    assert(slots_damaged(s) == (error != 0));
    if (slots_exists(s)) {
        uint8_t *out;
        size_t len;
        assert(slots_export(s, &out, &len) == 0);
        assert(len == size && memcmp(out, data, size) == 0);
        free(out);
    }
    slots_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    offer(data, size);
    uint8_t *copy = malloc(size + DIGEST_SHA256_BYTES);
    assert(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    assert(digest_sha256(copy, size, copy + size) == 0);
    offer(copy, size + DIGEST_SHA256_BYTES);
    free(copy);
    return 0;
}
