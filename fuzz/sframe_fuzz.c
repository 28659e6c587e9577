// SPDX-License-Identifier: Apache-2.0
// The SFrame header is canonical; nothing that was not sealed opens; what was sealed does.
#include "fuzz.h"

#include <assert.h>
#include <sotto/media.h>
#include <stdlib.h>
#include <string.h>

static void check_header(const uint8_t *data, size_t size)
{
    uint64_t kid, ctr;
    int n = sotto_sframe_header_decode(data, size, &kid, &ctr);
    if (n > 0) {
        uint8_t again[SOTTO_SFRAME_HEADER_MAX_BYTES];
        assert(n <= SOTTO_SFRAME_HEADER_MAX_BYTES);
        assert(sotto_sframe_header_encode(again, sizeof again, kid, ctr) == n);
        assert(memcmp(again, data, (size_t)n) == 0);
    }
}

// The input is ctr (8), then a plaintext.
static void round_trip(struct sotto_sframe_key *k, const uint8_t *data, size_t size)
{
    static uint8_t sealed[SOTTO_SFRAME_PLAIN_MAX_BYTES + 64], back[SOTTO_SFRAME_PLAIN_MAX_BYTES];
    uint64_t ctr, got = 0;
    if (size < sizeof ctr) {
        return;
    }
    memcpy(&ctr, data, sizeof ctr);
    data += sizeof ctr;
    size -= sizeof ctr;
    int n = sotto_sframe_seal(k, ctr, data, size % 7, data, size, sealed, sizeof sealed);
    if (n < 0) {
        assert(size > SOTTO_SFRAME_PLAIN_MAX_BYTES);
        return;
    }
    int opened = sotto_sframe_open(k, data, size % 7, sealed, (size_t)n, back, sizeof back, &got);
    assert(opened == (int)size && got == ctr && memcmp(back, data, size) == 0);
    sealed[(size_t)n * (ctr & 0xff) / 256] ^= (uint8_t)(1 + ctr % 255);
    assert(sotto_sframe_open(k, data, size % 7, sealed, (size_t)n, back, sizeof back, &got) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sotto_sframe_key *k;
    static const uint8_t base[32] = {1};
    if (k == NULL && sotto_sframe_key_new(&k, base, sizeof base, 5, sotto_env_default()) != 0) {
        abort();
    }
    uint8_t out[256];
    uint64_t ctr;
    check_header(data, size);
    // Nobody guesses a tag.
    assert(sotto_sframe_open(k, NULL, 0, data, size, out, sizeof out, &ctr) < 0);
    round_trip(k, data, size);
    return 0;
}
