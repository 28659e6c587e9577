// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <signal.h>

#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <sotto/base.h>

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

int link_global_init(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
        action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &action, NULL);
    }
    return ngtcp2_crypto_ossl_init() == 0 ? 0 : SOTTO_ECRYPTO;
}
