// SPDX-License-Identifier: Apache-2.0
// Messages between a device and its relay (docs/PROTOCOL.md, "Link messages"), and the datagram
// that carries a cell. Each message is one message of the link's reliable stream.
#ifndef SOTTO_WIRE_LINK_H
#define SOTTO_WIRE_LINK_H

#include "wire/cell.h"

#define LINK_VERSION             1
#define LINK_MESSAGE_MAX_BYTES   20480
#define LINK_FLIGHT_MAX_BYTES    16384 // of the opaque bytes in DIAL, SIGNAL, INCOMING
#define LINK_CHALLENGE_BYTES     32
#define LINK_LINE_ID_BYTES       32 // SHA-256 of the line key's SubjectPublicKeyInfo (DER)
#define LINK_TOKEN_BYTES         16 // dial token: in the number, shown to the relay when dialling
#define LINK_TOKEN_HASH_BYTES    32 // SHA-256 of the token: all that the relay keeps
#define LINK_INVITE_BYTES        16
#define LINK_PLACE_BYTES         32   // meeting place of an exchange
#define LINK_TICKET_BYTES        16   // resumes one side of a circuit on another connection
#define LINK_KEY_MAX_BYTES       4096 // line public key, SPKI DER (ML-DSA-87: about 2614 bytes)
#define LINK_SIGNATURE_MAX_BYTES 5120 // ML-DSA-87: 4627 bytes
#define LINK_ORIGIN_MAX_BYTES    255  // "host:port" as the device addresses the relay
#define LINK_NUMBERS_PER_LIST    256
#define LINK_ENDPOINT_MAX_BYTES  1024 // of a Web Push subscription: where to POST (RFC 8030)
#define LINK_P256DH_BYTES        65   // its P-256 point, uncompressed (RFC 8291)
#define LINK_AUTH_BYTES          16   // its authentication secret (RFC 8291)
#define LINK_CIRCUIT_MAX         255
#define LINK_CALLS_UNLIMITED     UINT32_MAX

// One direction each. `request` is chosen by the device and comes back in OK or FAILED.
// Circuit identifiers belong to one connection: the device chooses even ones (DIAL, MEET), the
// relay odd ones (INCOMING); of one byte, so that each cell has the same length; used again when
// all have been used. A circuit outlives its connection for 45 seconds: each side gets a TICKET
// once the circuit is there (DIAL, INCOMING, MEET), and with RESUME goes on from another
// connection; meanwhile cells to it are lost, and a SIGNAL to it ends the circuit.
enum link_type {
    // device -> relay
    LINK_HELLO = 0x01,      // version
    LINK_REGISTER = 0x02,   // request, invite, line key, signature: makes a line
    LINK_LOGIN = 0x03,      // request, line id, flags, signature: this device speaks for the line
    LINK_NUMBER_PUT = 0x04, // request, token hash, expires, calls left: make or change (idempotent)
    LINK_NUMBER_REMOVE = 0x05, // request, token hash (idempotent)
    LINK_DIAL = 0x06,          // circuit, token, first flight
    LINK_MEET = 0x07,          // circuit, place: wait for, or join, the other party of an exchange
    LINK_SIGNAL = 0x08,        // circuit, opaque flight (both directions)
    LINK_CLOSE = 0x09,         // circuit, reason (both directions)
    LINK_PING = 0x0a,          // opaque u64 (both directions), answered by PONG
    LINK_PONG = 0x0b,
    LINK_INVITE_CHECK = 0x0c, // request, invite: OK or FAILED, changes nothing
    LINK_RESUME = 0x0d,       // request, circuit (new, even), ticket: this side goes on from here
    LINK_PUSH = 0x0e,         // request, endpoint, p256dh, auth: wake this line's device this way
    LINK_UNPUSH = 0x0f,       // request, endpoint (empty: all of the line's); idempotent
    // relay -> device
    LINK_WELCOME = 0x81,  // version, challenge, relay's clock (unix seconds)
    LINK_OK = 0x82,       // request
    LINK_FAILED = 0x83,   // request, code
    LINK_INCOMING = 0x84, // circuit, token hash, first flight
    LINK_MET = 0x85,      // circuit, role (0: you are TLS client, 1: server)
    LINK_REPLACED = 0x86, // another device of this line now rings instead of this one
    LINK_TICKET = 0x87,   // circuit, ticket: the circuit is there; what RESUME will want
    LINK_WAKING = 0x88,   // circuit: DIAL waits; a device of the line is being woken
    LINK_AWAKE = 0x89,    // circuit: it has ended; DIAL again, on another one
};

enum link_login_flags {
    LINK_LOGIN_RING = 1, // send INCOMING to this connection
};

// Reasons of CLOSE and codes of FAILED.
enum link_code {
    LINK_CODE_NONE = 0,        // closed in good order, no reason given
    LINK_CODE_UNAVAILABLE = 1, // number unknown, revoked, expired, used up: one answer for all
    LINK_CODE_OFFLINE = 2,     // the number is good, no device of the line is connected
    LINK_CODE_LOST = 3,        // the other side's connection is gone
    LINK_CODE_LIMIT = 4,       // a limit is reached: try later
    LINK_CODE_DENIED = 5,      // signature wrong, or not logged in
    LINK_CODE_INVITE = 6,      // invitation unknown, used or expired
    LINK_CODE_PROTOCOL = 7,    // message not understood or not allowed now
    LINK_CODE_STORAGE = 8,     // the relay cannot store it now
    LINK_CODE_NO_LINE = 9,     // line unknown or withdrawn by the relay's operator
    LINK_CODE_VERSION = 10,
    LINK_CODE_BUSY_PLACE = 11, // meeting place already used
    LINK_CODE_SHUTDOWN = 12,   // the relay is stopping
};

// Which fields are meaningful depends on `type`. Pointers are borrowed: into the decoded
// message, or from whoever encodes.
struct link_message {
    enum link_type type;
    uint8_t version;
    uint8_t flags; // LOGIN
    uint8_t role;  // MET
    uint8_t code;  // CLOSE, FAILED
    uint32_t request;
    uint32_t circuit;        // up to LINK_CIRCUIT_MAX
    uint32_t calls_left;     // NUMBER_PUT
    uint64_t expires_unix_s; // NUMBER_PUT; 0 never
    uint64_t time_unix_s;    // WELCOME
    uint64_t ping;
    const uint8_t *challenge;  // LINK_CHALLENGE_BYTES
    const uint8_t *line_id;    // LINK_LINE_ID_BYTES
    const uint8_t *token;      // LINK_TOKEN_BYTES
    const uint8_t *token_hash; // LINK_TOKEN_HASH_BYTES
    const uint8_t *invite;     // LINK_INVITE_BYTES
    const uint8_t *place;      // LINK_PLACE_BYTES
    const uint8_t *ticket;     // LINK_TICKET_BYTES
    const uint8_t *p256dh;     // LINK_P256DH_BYTES
    const uint8_t *auth;       // LINK_AUTH_BYTES
    const char *endpoint;      // not NUL-terminated; no control characters, no spaces
    size_t endpoint_len;
    const uint8_t *key;
    size_t key_len;
    const uint8_t *signature;
    size_t signature_len;
    const uint8_t *flight;
    size_t flight_len;
};

// Bytes written, or SOTTO_ESPACE, SOTTO_EINVAL.
int link_encode(const struct link_message *m, uint8_t *out, size_t cap);
// 0 or SOTTO_EPARSE. `m` is unchanged on failure. Unknown types and trailing bytes are errors.
int link_decode(struct link_message *m, const uint8_t *data, size_t len);

// What REGISTER and LOGIN sign: a context string, the origin the device believes it talks to
// (so that a relay cannot pass its challenge on to another), the challenge, and what is asked
// (REGISTER: invite; LOGIN: line id and flags). Bytes written or SOTTO_ESPACE.
#define LINK_TBS_MAX_BYTES 512
int link_register_tbs(uint8_t *out, size_t cap, const char *origin,
                      const uint8_t challenge[LINK_CHALLENGE_BYTES],
                      const uint8_t invite[LINK_INVITE_BYTES]);
int link_login_tbs(uint8_t *out, size_t cap, const char *origin,
                   const uint8_t challenge[LINK_CHALLENGE_BYTES],
                   const uint8_t line_id[LINK_LINE_ID_BYTES], uint8_t flags);

// Datagram: circuit (u8), cell.
#define LINK_CELL_BYTES     CELL_BYTES
#define LINK_DATAGRAM_BYTES (1 + LINK_CELL_BYTES)
// `circuit`: up to LINK_CIRCUIT_MAX.
void link_datagram_encode(uint8_t out[LINK_DATAGRAM_BYTES], uint32_t circuit,
                          const uint8_t cell[LINK_CELL_BYTES]);
// Borrows the cell. SOTTO_EPARSE if the length is not exactly LINK_DATAGRAM_BYTES.
int link_datagram_decode(const uint8_t *data, size_t len, uint32_t *circuit, const uint8_t **cell);

#endif
