// SPDX-License-Identifier: Apache-2.0
// Any bytes as a control message: what is understood says the same when it is encoded again.
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[CONTROL_MESSAGE_MAX_BYTES];
    struct control_message m;
    memset(&m, 0x5a, sizeof m);
    struct control_message before = m;
    int rc = control_decode(&m, data, size);
    if (rc != SOTTO_OK) {
        if (rc != SOTTO_EPARSE || memcmp(&m, &before, sizeof m) != 0)
            abort();
        return 0;
    }
    int len = control_encode(&m, again, sizeof again);
    if (len < 0 || (size_t)len != size || memcmp(again, data, size) != 0)
        abort();
    return 0;
}
