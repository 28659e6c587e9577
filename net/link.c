// SPDX-License-Identifier: Apache-2.0
#include "link.h"

uint32_t link_reason_code(enum net_reason reason)
{
    return (uint32_t)reason;
}

enum net_reason link_reason_from_code(uint32_t code)
{
    // What a relay can know. It never gets to claim that its own key is wrong.
    switch (code) {
    case NET_TIMEOUT:
        return NET_TIMEOUT;
    case NET_PROTOCOL:
        return NET_PROTOCOL;
    case NET_LIMIT:
        return NET_LIMIT;
    default:
        return NET_CLOSED;
    }
}
