// SPDX-License-Identifier: Apache-2.0
#include "net.h"

#include "http1.h"

bool net_http_accepts(const char *accept_encoding, const char *coding)
{
    return http1_list_has(accept_encoding, coding);
}

const char *net_transport_name(enum net_transport t)
{
    return t == NET_QUIC ? "quic" : "websocket";
}

void net_stats_add(struct net_stats *sum, const struct net_stats *s)
{
    sum->packets_sent += s->packets_sent;
    sum->packets_received += s->packets_received;
    sum->bytes_sent += s->bytes_sent;
    sum->bytes_received += s->bytes_received;
    sum->datagrams_sent += s->datagrams_sent;
    sum->datagrams_received += s->datagrams_received;
    sum->datagrams_dropped += s->datagrams_dropped;
    sum->path_changes += s->path_changes;
}

const char *net_reason_text(enum net_reason r)
{
    switch (r) {
    case NET_CLOSED:
        return "the connection to the relay was closed";
    case NET_UNREACHABLE:
        return "the relay does not answer; check its address and your network connection";
    case NET_NAME:
        return "the relay's name was not found; check its spelling and your network connection";
    case NET_CERTIFICATE:
        return "the relay's certificate is not valid; check this device's clock, then ask whoever "
               "runs the relay";
    case NET_PIN:
        return "this is not the relay that the link names: it shows another key; do not go on, ask "
               "whoever gave you the link";
    case NET_TIMEOUT:
        return "the connection to the relay was lost; check your network connection";
    case NET_PROTOCOL:
        return "something else than a sotto relay answers at that address, or it needs an update";
    case NET_LIMIT:
        return "the relay is busy, or too many connections come from your address; try again later";
    case NET_SYSTEM:
        return "this device has run out of memory or of another resource";
    }
    return "unknown reason";
}
