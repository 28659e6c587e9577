// SPDX-License-Identifier: Apache-2.0
// The link between a device and a relay: one ordered, reliable stream of messages and an
// unreliable way for datagrams, over QUIC + HTTP/3 WebTransport, or over WebSocket where UDP
// is blocked. Everything runs on the caller's libuv loop, in its thread; no callback is ever
// made from inside a call to these functions except where said. Making a client or a server sets
// SIGPIPE to be ignored, unless the process handles it: a peer that hangs up must not end it.
#ifndef SOTTO_NET_H
#define SOTTO_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#define NET_PATH               "/sotto" // of the WebTransport session and of the WebSocket
#define NET_MESSAGE_MAX_BYTES  20480    // of one message; a longer one closes the link
#define NET_DATAGRAM_MAX_BYTES 1150 // of one datagram; a longer one is refused with SOTTO_EINVAL
#define NET_PIN_BYTES          32   // SHA-256 of the relay certificate's SubjectPublicKeyInfo (DER)

enum net_transport {
    NET_QUIC,
    NET_WEBSOCKET
};
const char *net_transport_name(enum net_transport t); // "quic", "websocket"

// Why a link ended or could not be made; see net_reason_text.
enum net_reason {
    NET_CLOSED,      // in good order
    NET_UNREACHABLE, // nothing answers at that address
    NET_NAME,        // the host name does not resolve
    NET_CERTIFICATE, // not valid for that name, expired, not yet valid, or not trusted
    NET_PIN,         // the relay's key is another one than the link says
    NET_TIMEOUT,     // was there, then silent too long
    NET_PROTOCOL,    // the other side broke the protocol or refused the path
    NET_LIMIT,       // too much queued, or too many connections
    NET_SYSTEM,      // out of memory, descriptors, ...
};
const char *net_reason_text(enum net_reason r); // one sentence a user understands, and what to do

// ---- client -------------------------------------------------------------------------------

struct net_client;

struct net_client_config {
    const char *host; // name or address literal
    uint16_t port;
    bool pinned; // true: the certificate's key must hash to `pin`, nothing else is checked
                 // false: the system's certificate store and the host name decide
    uint8_t pin[NET_PIN_BYTES];
    const char *ca_file;         // PEM file instead of the system's store; NULL: the system's
    bool force_websocket;        // do not try QUIC
    uint32_t quic_head_start_ms; // WebSocket is tried beside QUIC after this long; 0: 800
    bool reconnect;              // after a loss try again, 250 ms to 5 s apart, until freed; but
                                 // not if the very first one fails by its key or certificate
};

// `transport` in use is known from on_open on. After on_down with `again` the client is
// reconnecting by itself and calls on_open once more when it succeeds (a new connection as far
// as the relay is concerned); without `again` it is dead and wants net_client_free.
// A change of the local address (another interface, NAT rebinding) is handled inside by QUIC
// migration: on_path tells, the connection stays. With `reconnect`, a connection that falls silent
// is raced by a new one, and a WebSocket is exchanged for QUIC when UDP gets through again: then
// on_open comes once more without on_down, and means a new connection all the same. Datagrams of
// the old one may come for a second more.
struct net_client_ops {
    void (*on_open)(struct net_client *c, enum net_transport transport, void *user);
    void (*on_message)(struct net_client *c, const uint8_t *msg, size_t len, void *user);
    void (*on_datagram)(struct net_client *c, const uint8_t *data, size_t len, void *user);
    void (*on_path)(struct net_client *c, void *user); // may be NULL
    // Whether a connection that works may be exchanged for a better one now; NULL: always.
    bool (*may_move)(struct net_client *c, void *user);
    void (*on_down)(struct net_client *c, enum net_reason reason, const char *detail, bool again,
                    void *user);
};

// Copies the configuration. Callbacks come from the loop only, never from inside this call.
// Errors: SOTTO_ENOMEM, SOTTO_EINVAL.
int net_client_new(struct net_client **out, uv_loop_t *loop, const struct net_client_config *cfg,
                   const struct net_client_ops *ops, void *user);
// Closes in good order as far as possible without waiting, and frees. No callback afterwards.
// The libuv handles go away in the loop's next iterations: run it until it is empty.
void net_client_free(struct net_client *c);

// Queues a message, copied; it is delivered once and in order, or the link goes down.
// Errors: SOTTO_ESTATE not open; SOTTO_EINVAL too long; SOTTO_ELIMIT queue over 256 KiB.
int net_client_send_message(struct net_client *c, const uint8_t *msg, size_t len);
// Queues a datagram, copied, in a bounded drop-oldest queue. Errors as above, never ELIMIT.
int net_client_send_datagram(struct net_client *c, const uint8_t *data, size_t len);
// Writes what is queued to the socket now, in as few packets as possible. Without it queued
// data goes out at the end of the current loop iteration.
void net_client_flush(struct net_client *c);

struct net_stats {
    uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
    uint64_t datagrams_sent, datagrams_received, datagrams_dropped;
    uint64_t rtt_ns; // smoothed; 0 unknown
    uint32_t path_changes;
    const char *tls_group; // e.g. "X25519MLKEM768"; static string or NULL
};
void net_client_stats(const struct net_client *c, struct net_stats *out);
// sum += s, but for the round trip and the group.
void net_stats_add(struct net_stats *sum, const struct net_stats *s);

// ---- server -------------------------------------------------------------------------------

struct net_server;
struct net_conn;

struct net_server_config {
    const char *bind_host; // "::" or "0.0.0.0" or one address
    uint16_t port;         // UDP and TCP; 0 picks one free for both
    // Beside it a listener without TLS for browsers on this machine: on 127.0.0.1 and ::1, never
    // elsewhere, it answers only if the Host field says localhost, 127.0.0.1 or [::1] with its own
    // port (a site elsewhere that has its name resolve to a loopback address is refused so), and
    // opens a WebSocket only for a page from there (an Origin field that says otherwise is
    // refused).
    bool plain;
    uint16_t plain_port;                  // 0 picks a free one
    const char *certificate_file;         // PEM chain
    const char *key_file;                 // PEM
    uint32_t max_connections;             // 0: 10000
    uint32_t max_connections_per_address; // 0: 64
    uint32_t handshake_timeout_ms;        // until the session is there; 0: 10000
    uint32_t idle_timeout_ms;             // 0: 30000
};

// A GET or HEAD on the TCP port. The fields are "" if they are not there or longer than 255 bytes.
struct net_http_request {
    const char *path; // begins with '/' and is as it came, without the query
    const char *accept_encoding, *if_none_match;
    bool plain; // without TLS, from this machine
};

// What a server answers. `headers` are further header lines, each ended by CR LF, or ""; there is
// no body to 304. Headers and body are borrowed until release(owner) is called, once, with the
// last byte sent or the connection gone; where `release` is NULL they must outlast the server.
struct net_http_answer {
    int status; // 200 or 304
    const char *headers;
    const uint8_t *body;
    size_t len;
    void (*release)(void *owner);
    void *owner;
};
// Whether an Accept-Encoding field takes this coding.
bool net_http_accepts(const char *accept_encoding, const char *coding);

struct net_server_ops {
    // A session is there. The returned pointer is passed to the other callbacks as conn_user.
    // address_key identifies the peer's address (IPv4 /32, IPv6 /64), keyed with a random key
    // made at start, so that it may be kept in tables but never names anybody.
    void *(*on_open)(struct net_conn *c, enum net_transport transport,
                     const uint8_t address_key[16], void *user);
    void (*on_message)(struct net_conn *c, const uint8_t *msg, size_t len, void *conn_user);
    void (*on_datagram)(struct net_conn *c, const uint8_t *data, size_t len, void *conn_user);
    // The connection is gone; `c` is invalid after this returns. Not called after
    // net_conn_close (which ends all callbacks for that connection).
    void (*on_close)(struct net_conn *c, enum net_reason reason, void *conn_user);
    // A browser asks for a page: fills `out`, or returns false, which answers 404; so does a NULL
    // callback.
    bool (*on_get)(const struct net_http_request *r, struct net_http_answer *out, void *user);
};

// In the sentence of an error that is about the plain port.
#define NET_WITHOUT_TLS "without TLS on this machine"

// Binds UDP and TCP on the same port number. Errors: SOTTO_EIO (errno says why: address in use,
// permission), SOTTO_EINVAL certificate or key unusable (`error_text`, if not NULL, gets a
// sentence, at most error_cap bytes with the NUL).
int net_server_new(struct net_server **out, uv_loop_t *loop, const struct net_server_config *cfg,
                   const struct net_server_ops *ops, void *user, char *error_text,
                   size_t error_cap);
uint16_t net_server_port(const struct net_server *s);
uint16_t net_server_plain_port(const struct net_server *s); // 0: there is none
// Reads certificate and key again; new connections use them. On failure the old stay in use.
int net_server_reload(struct net_server *s, char *error_text, size_t error_cap);
// Refuses new connections, closes the present ones in good order (browser included) and frees. No
// callback afterwards. The handles go away within about 150 ms over QUIC, or as soon as the peers
// hang up, at most a second later, over WebSocket: run the loop until it is empty.
void net_server_free(struct net_server *s);

int net_conn_send_message(struct net_conn *c, const uint8_t *msg, size_t len);
int net_conn_send_datagram(struct net_conn *c, const uint8_t *data, size_t len);
void net_conn_close(struct net_conn *c, enum net_reason reason);
// The textual peer address, for --debug-addresses only.
const char *net_conn_address(const struct net_conn *c, char *buf, size_t cap);
void net_conn_stats(const struct net_conn *c, struct net_stats *out);

struct net_server_stats {
    uint64_t connections_now, connections_total, handshakes_failed, datagrams_in, datagrams_out,
        datagrams_dropped, bytes_in, bytes_out;
};
void net_server_stats(const struct net_server *s, struct net_server_stats *out);

// ---- certificates --------------------------------------------------------------------------

// Makes an ECDSA P-256 key (kept if key_file exists: the pin must not change) and a self-signed
// certificate for `host` valid for `days` (at most 14 if browsers shall accept it by hash) with
// `now_unix_s` inside. Files are written through a temporary name and fsync; the key 0600.
int net_certificate_make(const char *certificate_file, const char *key_file, const char *host,
                         uint32_t days, int64_t now_unix_s);
// SHA-256 of the SubjectPublicKeyInfo and of the whole certificate (for browsers'
// serverCertificateHashes), and the end of validity. Errors: SOTTO_EIO, SOTTO_EPARSE.
int net_certificate_pin(const char *certificate_file, uint8_t pin[NET_PIN_BYTES],
                        uint8_t certificate_sha256[32], int64_t *not_after_unix_s);

#endif
