// SPDX-License-Identifier: Apache-2.0
// What is inside the store's boxes. The first byte chooses the kind; whatever decodes encodes to
// the same bytes.
#include "fuzz.h"

#include "store_codec.h"

#include <assert.h>
#include <string.h>

static void profile(const uint8_t *data, size_t size)
{
    struct store_profile p;
    uint8_t again[CODEC_PROFILE_BYTES];
    if (codec_profile_decode(&p, data, size) == SOTTO_OK) {
        assert(size == sizeof again && codec_profile_encode(&p, again) == SOTTO_OK);
        assert(memcmp(data, again, size) == 0);
    }
}

static void number(const uint8_t *data, size_t size)
{
    struct store_number n;
    uint8_t again[CODEC_NUMBER_BYTES];
    if (codec_number_decode(&n, data, size) == SOTTO_OK) {
        assert(size == sizeof again && codec_number_encode(&n, again) == SOTTO_OK);
        assert(memcmp(data, again, size) == 0);
    }
}

static void contact(const uint8_t *data, size_t size)
{
    struct sotto_contact c;
    uint8_t again[CODEC_CONTACT_BYTES];
    if (codec_contact_decode(&c, data, size) == SOTTO_OK) {
        assert(size == sizeof again && codec_contact_encode(&c, again) == SOTTO_OK);
        assert(memcmp(data, again, size) == 0);
    }
}

static void entry(const uint8_t *data, size_t size)
{
    struct store_log_entry e;
    uint8_t again[CODEC_LOG_BYTES];
    if (codec_log_decode(&e, data, size) == SOTTO_OK) {
        assert(size == sizeof again && codec_log_encode(&e, again) == SOTTO_OK);
        assert(memcmp(data, again, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(const uint8_t *, size_t) = {profile, number, contact, entry};
    if (size > 0) {
        kinds[data[0] % 4](data + 1, size - 1);
    }
    return 0;
}
