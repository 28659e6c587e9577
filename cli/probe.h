// SPDX-License-Identifier: Apache-2.0
// Is the relay there, how, and does it know our line? For status and doctor: one connection, a
// greeting, a login that rings nothing.
#ifndef SOTTO_CLI_PROBE_H
#define SOTTO_CLI_PROBE_H

#include "net.h"

#include <sotto/identity.h>

#define PROBE_DETAIL_BYTES 256

struct probe_options {
    const struct sotto_relay_address *relay;
    const struct sotto_line_key *line_key; // NULL: do not ask for the line
    const char *ca_file;
    bool force_websocket;
    unsigned timeout_ms;
};

struct probe_result {
    bool connected; // a relay's certificate was right; `transport` was used
    bool greeted;   // it answered as a relay does
    enum net_transport transport;
    enum net_reason reason; // if not connected, or lost before it greeted
    char detail[PROBE_DETAIL_BYTES];
    int64_t clock_offset_s; // our clock minus the relay's, if greeted
    uint64_t connect_ns;    // from the start until connected
    uint64_t rtt_ns;        // 0 unknown
    const char *tls_group;  // NULL unknown
    bool line_asked;
    int line_code; // enum link_code; 0: the relay knows the line
};

// Waits at most timeout_ms. 0, SOTTO_ENOMEM, SOTTO_EIO (no loop), SOTTO_EINVAL (address).
int probe_relay(const struct probe_options *opt, struct probe_result *out);

#endif
