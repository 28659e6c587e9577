// SPDX-License-Identifier: Apache-2.0
// As much of HTTP/3 (RFC 9114) as one WebTransport session needs
// (draft-ietf-webtrans-http3-02, as browsers speak it), without sockets: bytes of QUIC streams go
// in, bytes to write come out through the callbacks. The session is an extended CONNECT
// (RFC 9220) to NET_PATH; the link is one bidirectional WebTransport stream that the client opens
// in it; datagrams carry a quarter stream id (RFC 9297).
#ifndef NET_H3_H
#define NET_H3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a peer may make us keep. Past a limit the connection is closed with H3_EXCESSIVE_LOAD.
#define H3_STREAMS_MAX          32   // of the peer, open at a time
#define H3_HEADERS_MAX_BYTES    8192 // of one HEADERS frame
#define H3_FIELDS_MAX           64   // in one HEADERS frame
#define H3_SETTINGS_MAX_BYTES   1024
#define H3_AUTHORITY_MAX_BYTES  300 // host and port
#define H3_QUARTER_ID_MAX_BYTES 8

// RFC 9114 §8.1, RFC 9204 §6, draft-02 §8.5
#define H3_NO_ERROR                 UINT64_C(0x100)
#define H3_GENERAL_PROTOCOL_ERROR   UINT64_C(0x101)
#define H3_INTERNAL_ERROR           UINT64_C(0x102)
#define H3_STREAM_CREATION_ERROR    UINT64_C(0x103)
#define H3_CLOSED_CRITICAL_STREAM   UINT64_C(0x104)
#define H3_FRAME_UNEXPECTED         UINT64_C(0x105)
#define H3_FRAME_ERROR              UINT64_C(0x106)
#define H3_EXCESSIVE_LOAD           UINT64_C(0x107)
#define H3_SETTINGS_ERROR           UINT64_C(0x109)
#define H3_MISSING_SETTINGS         UINT64_C(0x10a)
#define H3_REQUEST_REJECTED         UINT64_C(0x10b)
#define H3_MESSAGE_ERROR            UINT64_C(0x10e)
#define QPACK_DECOMPRESSION_FAILED  UINT64_C(0x200)
#define QPACK_ENCODER_STREAM_ERROR  UINT64_C(0x201)
#define WT_BUFFERED_STREAM_REJECTED UINT64_C(0x3994bd84)

// The streams that we write.
enum h3_out {
    H3_OUT_CONTROL,
    H3_OUT_SESSION,
    H3_OUT_LINK
};

// A callback returns 0, or a negative sotto_error to end the connection.
struct h3_ops {
    // Append bytes to a stream; `fin`: they are its last.
    int (*write)(void *user, enum h3_out out, const uint8_t *data, size_t len, bool fin);
    // A stream of the peer that we do not want: stop reading, and reset our side of it.
    void (*reject)(void *user, int64_t stream_id, uint64_t error_code);
    // Client: the peer's SETTINGS are there and allow a session: open the two streams and call
    // h3_request.
    int (*on_ready)(void *user);
    // The session is accepted: by us (server) or by the peer (client).
    int (*on_session)(void *user);
    // Server: the header of the link's stream has arrived.
    int (*on_link)(void *user, int64_t stream_id);
    // Bytes of the link's stream.
    int (*on_bytes)(void *user, const uint8_t *data, size_t len);
    // The peer ended the session, by capsule (then with its code) or by the end of a stream.
    void (*on_end)(void *user, uint32_t code);
};

struct h3_stream;

struct h3 {
    const struct h3_ops *ops;
    void *user;
    bool server;
    bool session_open, session_refused, link_open, ended;
    bool control_seen, qpack_encoder_seen, qpack_decoder_seen, settings_seen;
    bool peer_datagrams, peer_connect, peer_webtransport;
    uint16_t stream_count;
    int64_t session_id, link_id; // -1: none
    struct h3_stream *streams;
    uint64_t error_code;    // to close the connection with, after an error
    const char *error_text; // static
};

void h3_init(struct h3 *h, bool server, const struct h3_ops *ops, void *user);
void h3_deinit(struct h3 *h);

// Writes the control stream's beginning. Call once, as soon as 1-RTT packets can be sent.
int h3_start(struct h3 *h);

// Bytes of any stream that the peer writes on, in order for each stream.
// Errors: SOTTO_EPROTO, SOTTO_ELIMIT: close the connection with h->error_code; SOTTO_ENOMEM;
// what a callback returned.
int h3_recv(struct h3 *h, int64_t stream_id, const uint8_t *data, size_t len, bool fin);
// The stream is gone, or was reset by the peer (which ends the session if it is one of the two).
void h3_stream_gone(struct h3 *h, int64_t stream_id, bool reset);

// Client: asks for the session on stream `session_id`. Errors: SOTTO_EINVAL authority too long.
int h3_request(struct h3 *h, int64_t session_id, const char *authority);
// Client: begins the link's stream, after on_session.
int h3_open_link(struct h3 *h, int64_t link_id);

// Ends the session in good order: a capsule with `code`, then the stream's end.
int h3_close_session(struct h3 *h, uint32_t code);

// Finds the payload of a QUIC datagram. False: not for our session, drop it.
bool h3_datagram_payload(const struct h3 *h, const uint8_t **data, size_t *len);
// What goes before each datagram's payload; returns its length.
size_t h3_datagram_prefix(const struct h3 *h, uint8_t out[H3_QUARTER_ID_MAX_BYTES]);

#endif
