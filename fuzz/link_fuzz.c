// SPDX-License-Identifier: Apache-2.0
// One message of the link, or one datagram. What decodes encodes to the same bytes.
#include "fuzz.h"

#include <assert.h>
#include <sotto/base.h>
#include <string.h>

#include "wire/link.h"

static void datagram(const uint8_t *data, size_t size)
{
    uint32_t circuit = 0;
    const uint8_t *cell = NULL;
    int rc = link_datagram_decode(data, size, &circuit, &cell);
    assert((rc == 0) == (size == LINK_DATAGRAM_BYTES));
    if (rc == 0) {
        uint8_t again[LINK_DATAGRAM_BYTES];
        link_datagram_encode(again, circuit, cell);
        assert(memcmp(again, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[LINK_MESSAGE_MAX_BYTES];
    struct link_message m;
    memset(&m, 0x5a, sizeof m);
    struct link_message before;
    memcpy(&before, &m, sizeof before);
    int rc = link_decode(&m, data, size);
    if (rc == 0) {
        assert(size <= sizeof again);
        assert(link_encode(&m, again, sizeof again) == (int)size);
        assert(memcmp(again, data, size) == 0);
        assert(link_encode(&m, again, size - 1) == SOTTO_ESPACE);
    } else {
        assert(rc == SOTTO_EPARSE);
        assert(memcmp(&m, &before, sizeof m) == 0);
    }
    datagram(data, size);
    return 0;
}
