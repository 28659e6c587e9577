// SPDX-License-Identifier: Apache-2.0
// One QUIC connection that carries the link: ngtcp2, TLS, HTTP/3 and the framing put together,
// the same for client and server. Packets and the time come in as arguments; packets go out
// through a udp_out.
#ifndef NET_QUIC_H
#define NET_QUIC_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/ssl.h>

#include "datagram_queue.h"
#include "frame.h"
#include "h3.h"
#include "link.h"
#include "net.h"
#include "stream_out.h"
#include "udp.h"

// Of the ids that a server chooses; a client, which has a socket for each connection, is known by
// none. Each packet to the server carries one: five random bytes tell 10^6 ids apart. Who guesses
// one still lacks the keys; asking for the stateless resets of all of them, so as to own the one
// of a connection seen later, takes 17 years (QUIC_STATELESS_ANSWERS_PER_S).
#define QUIC_CID_BYTES          5
#define QUIC_RESET_SECRET_BYTES 32

// What a peer may have in flight, and so make us buffer, at most: one largest message and some.
#define QUIC_STREAM_WINDOW_BYTES      (48u * 1024u)
#define QUIC_CONNECTION_WINDOW_BYTES  (64u * 1024u)
#define QUIC_UNI_STREAM_WINDOW_BYTES  (4u * 1024u)
// Browsers open one request, one link, three to five unidirectional ones, and grease.
#define QUIC_PEER_BIDI_STREAMS        8
#define QUIC_PEER_UNI_STREAMS         16
// Spare ids let a client move to another path several times before the relay answers.
#define QUIC_CLIENT_CID_LIMIT         8
#define QUIC_SERVER_CID_LIMIT         4
#define QUIC_DATAGRAM_FRAME_MAX_BYTES 1500
// An acknowledgement that only answers datagrams waits this long for a datagram to ride on, longer
// than a tick of voice. A packet carries one if the first unacknowledged packet came an eighth of a
// round trip before (ngtcp2's rule), or if packets are missing; never more than so many later.
#define QUIC_ACK_HOLD_MS              26
#define QUIC_MAX_ACK_DELAY_MS         30
#define QUIC_ACK_EVERY_PACKETS        10
// In units of 2^9 us the delay takes one byte up to 32 ms (RFC 9000 §18.2, §19.3).
#define QUIC_ACK_DELAY_EXPONENT       9
// However much is lost, two of these may be in flight. RFC 9002 §7.2 recommends two packets, 2400
// bytes; but the cells of one call are 5700 bytes in flight where a round trip takes 600 ms, and a
// call on a bad path must not be made worse by its own relay.
#define QUIC_WINDOW_UNIT_BYTES        4096u
// Between the end of the session, with its reason, and that of the connection: a browser that gets
// the one close after the other forgets the first, even when it has answered that already.
#define QUIC_LINGER_MS                150
// Bursts up to this are not spread in time (RFC 9002 §7.7: up to the initial window).
#define QUIC_UNPACED_PACKETS          10
// Packets written for one connection before others get their turn.
#define QUIC_WRITE_BURST              32

struct quic_conn;

// What the connections of one server, or one client, share.
struct quic_shared {
    struct datagram_pool *pool;
    uint64_t idle_timeout_ms, keep_alive_ms, handshake_timeout_ms;
    // The rest is a server's: a client makes no connection ids.
    uint8_t reset_secret[QUIC_RESET_SECRET_BYTES];
    // The id leads to the connection from now on; SOTTO_EEXIST, SOTTO_ENOMEM.
    int (*cid_add)(struct quic_conn *c, const ngtcp2_cid *cid);
    // No longer.
    void (*cid_remove)(struct quic_conn *c, const ngtcp2_cid *cid);
};

struct quic_conn {
    ngtcp2_conn *conn;
    ngtcp2_crypto_conn_ref ref;
    ngtcp2_crypto_ossl_ctx *ossl;
    SSL *ssl; // a server frees it after the handshake: nothing needs it any more
    const struct quic_shared *shared;
    const struct link_events *events;
    void *owner;
    const char *authority; // client
    const char *tls_group; // static
    struct h3 h3;
    struct frame_decoder frames;
    struct stream_out out[3]; // by enum h3_out
    struct datagram_queue datagrams;
    ngtcp2_ccerr close_error;
    uint64_t ack_hold_ns;     // see quic_conn_deadline; 0: none
    uint64_t linger_until_ns; // the session is closed, the connection not yet; 0: no
    enum net_reason down_reason;
    const char *down_detail;
    bool server;
    bool handshake_done, open;
    bool pump;                    // more than datagrams may have to be written
    bool saw_datagram, saw_other; // in the packet being read
    bool in_callback;             // of ngtcp2: most of its functions are forbidden now
    bool down;                    // to be closed: no more callbacks but on_down
    bool silent;                  // without a word on the wire
    bool told;                    // the owner knows, or closed it itself
    struct net_stats stats;
};

// Both: on failure everything is released. Errors: SOTTO_ENOMEM, SOTTO_ECRYPTO.
int quic_conn_init_client(struct quic_conn *c, SSL *ssl, const char *authority,
                          const union udp_address *local, const union udp_address *remote,
                          const struct quic_shared *shared, const struct link_events *events,
                          void *owner, uint64_t now_ns);
// `original`: the destination id of the very first packet, before a Retry; NULL: there was none.
int quic_conn_init_server(struct quic_conn *c, SSL *ssl, const ngtcp2_pkt_hd *first,
                          const ngtcp2_cid *original, const ngtcp2_path *path,
                          const struct quic_shared *shared, const struct link_events *events,
                          void *owner, uint64_t now_ns);
// Says nothing on the wire: write after quic_conn_close for that.
void quic_conn_deinit(struct quic_conn *c);

// A packet has arrived. The outcome is in the connection's state: write and look at `down` soon.
void quic_conn_read(struct quic_conn *c, const ngtcp2_path *path, const uint8_t *data, size_t len,
                    uint64_t now_ns);
// Call when quic_conn_deadline is reached, then write.
void quic_conn_expire(struct quic_conn *c, uint64_t now_ns);
// Writes what may be written now. When the connection is going down, the last words: then nothing
// but quic_conn_deinit may follow. Returns true if there is more to write at once.
bool quic_conn_write(struct quic_conn *c, struct udp_out *out, uint64_t now_ns);
// There is something for quic_conn_write to do.
bool quic_conn_wants_write(const struct quic_conn *c);
// When to call quic_conn_expire; SOTTO_NEVER: not at all.
uint64_t quic_conn_deadline(const struct quic_conn *c);
// Since the last write nothing but datagrams has come: all there is to do is to acknowledge them,
// at ack_hold_ns.
bool quic_conn_only_acks(const struct quic_conn *c);

// The owner hears nothing any more. A server's connection first ends its session, and is down
// QUIC_LINGER_MS later; others are closed by the next write.
void quic_conn_close(struct quic_conn *c, enum net_reason reason, uint64_t now_ns);
// The same for a failure found outside; the owner hears of it by quic_conn_tell.
void quic_conn_fail(struct quic_conn *c, enum net_reason reason, const char *detail);
// Tells the owner that the link is down, if it is and the owner does not know yet.
void quic_conn_tell(struct quic_conn *c);

// As net_client_send_message and net_client_send_datagram.
int quic_conn_send_message(struct quic_conn *c, const uint8_t *msg, size_t len);
int quic_conn_send_datagram(struct quic_conn *c, const uint8_t *data, size_t len, uint64_t now_ns);
void quic_conn_stats(const struct quic_conn *c, struct net_stats *out);

#endif
