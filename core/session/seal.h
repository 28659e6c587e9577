// SPDX-License-Identifier: Apache-2.0
// The number seal: every flight is AES-256-GCM sealed under a key that only holders of the
// number's secret can derive (docs/PROTOCOL.md, "End-to-end session: the number seal").
//
// Each side draws a salt and sends it in clear with its first flight. The caller's first flight is
// sealed under a key from its own salt; all others under keys from both salts, so that a callee
// which answers a replayed first flight never uses a key twice, and no flight of another session
// opens in this one.
#ifndef SOTTO_SESSION_SEAL_H
#define SOTTO_SESSION_SEAL_H

#include <sotto/base.h>
#include <sotto/session.h>

#define SEAL_VERSION            1
#define SEAL_SALT_BYTES         32
#define SEAL_KEY_BYTES          32
#define SEAL_TAG_BYTES          16
#define SEAL_HEADER_BYTES       5             // u8 version, u32 counter
#define SEAL_PAD_BYTES          ((size_t)512) // the sealed plaintext is a multiple of this
#define SEAL_HINT_MAX_BYTES     64            // beside the TLS bytes: see session.c
#define SEAL_INNER_HEADER_BYTES 3             // u8 hint length, u16 TLS length
// Largest padded plaintext of a flight that still fits SOTTO_FLIGHT_MAX_BYTES, and what of it
// TLS can have.
#define SEAL_PLAIN_MAX_BYTES                                                           \
    ((SOTTO_FLIGHT_MAX_BYTES - SEAL_HEADER_BYTES - SEAL_SALT_BYTES - SEAL_TAG_BYTES) / \
     SEAL_PAD_BYTES * SEAL_PAD_BYTES)
#define SEAL_TLS_MAX_BYTES (SEAL_PLAIN_MAX_BYTES - SEAL_INNER_HEADER_BYTES - SEAL_HINT_MAX_BYTES)

struct session_seal {
    enum sotto_role role; // ours
    struct sotto_secret secret;
    uint8_t purpose[SOTTO_SESSION_PURPOSE_MAX_BYTES];
    size_t purpose_len;
    uint8_t salt[2][SEAL_SALT_BYTES]; // by role
    bool peer_known;                  // the peer's salt, from its first flight
    uint32_t sent, received;          // flights, and so the next counters
};

// What a flight carries. Pointers are borrowed.
struct session_flight {
    const uint8_t *hint;
    size_t hint_len;
    const uint8_t *tls;
    size_t tls_len;
};

// SOTTO_EINVAL if purpose is empty or longer than SOTTO_SESSION_PURPOSE_MAX_BYTES.
int session_seal_init(struct session_seal *s, enum sotto_role role,
                      const struct sotto_secret *secret, const char *purpose,
                      const uint8_t salt[SEAL_SALT_BYTES]);
void session_seal_deinit(struct session_seal *s); // wipes

// False: the peer's salt is not known yet, and the one flight that needs none is sent.
bool session_seal_can_write(const struct session_seal *s);
// Size of the next flight on the wire with so much inside.
size_t session_seal_size(const struct session_seal *s, size_t hint_len, size_t tls_len);
// Bytes written; SOTTO_ESTATE (see _can_write), SOTTO_EINVAL (more than the maxima above),
// SOTTO_ESPACE, SOTTO_ELIMIT (counter exhausted), SOTTO_ECRYPTO. The counter moves on success only.
int session_seal_write(struct session_seal *s, const struct session_flight *f, uint8_t *out,
                       size_t cap);
// Opens the peer's next flight into `plain`; `f` then points into it. 0; SOTTO_EAUTH (not sealed
// by the peer under this secret, not in this session, or not the next one) and SOTTO_ECRYPTO,
// with `s` and `f` unchanged; SOTTO_EPROTO (the peer sealed something that is not a flight).
int session_seal_read(struct session_seal *s, const uint8_t *flight, size_t len,
                      uint8_t plain[SEAL_PLAIN_MAX_BYTES], struct session_flight *f);

#endif
