// SPDX-License-Identifier: Apache-2.0
// The end-to-end session: TLS 1.3 with raw public keys over opaque flights, each flight sealed
// under the number's secret, then mutual proof of the second key and of the number, and words.
//
//   caller (TLS client)                                callee (TLS server)
//   flight: ClientHello                  ------>
//                                        <------       flight: ServerHello .. Finished
//   flight: Certificate .. Finished,
//           PROOF(Ed25519 key, signature over the exporter, number MAC, commitment)
//                                        ------>       CHECKING: peer proven; owner's policy
//                                        decides
//                                        <------       flight: PROOF(.., nonce)        (_confirm)
//   CHECKING, then _confirm:
//   flight: REVEAL(nonce)                ------>       CONFIRMED
//   CONFIRMED
#ifndef SOTTO_SESSION_H
#define SOTTO_SESSION_H

#include <sotto/base.h>
#include <sotto/identity.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sotto_session;

enum sotto_role {
    SOTTO_CALLER = 0,
    SOTTO_CALLEE = 1
};

enum sotto_suite {
    SOTTO_SUITE_HYBRID = 0, // SecP384r1MLKEM1024
    SOTTO_SUITE_CNSA2 = 1,  // MLKEM1024 alone (CNSA 2.0); a callee so set refuses the hybrid
};

enum sotto_session_state {
    SOTTO_SESSION_HANDSHAKE = 0,
    SOTTO_SESSION_CHECKING = 1,   // the peer has proven its keys and the number; call _confirm
    SOTTO_SESSION_CONFIRMING = 2, // we have confirmed; the peer has not yet
    SOTTO_SESSION_CONFIRMED = 3,  // both have: "secure" may be shown, keys may be exported
    SOTTO_SESSION_FAILED = 4,     // see sotto_session_error; nothing more is read or written,
                                  // except one last sealed alert by _write
};

#define SOTTO_FLIGHT_MAX_BYTES          16384                 // one sealed flight
#define SOTTO_SESSION_FLIGHTS_MAX       32                    // before CONFIRMED
#define SOTTO_SESSION_BYTES_MAX         65536                 // read before CONFIRMED
#define SOTTO_SESSION_TIMEOUT_NS        (15 * SOTTO_NS_PER_S) // from _new to CONFIRMED, by default
#define SOTTO_SESSION_TIMEOUT_MAX_NS    (120 * SOTTO_NS_PER_S)
#define SOTTO_SESSION_MESSAGE_MAX_BYTES 4096
#define SOTTO_SESSION_BINDING_BYTES     32
#define SOTTO_SESSION_PURPOSE_MAX_BYTES 32    // without the NUL; at least 1
#define SOTTO_SESSION_QUEUE_MAX_BYTES   65536 // sent but not yet taken by _write

struct sotto_session_config {
    enum sotto_role role;
    enum sotto_suite suite;
    const struct sotto_identity *identity;    // borrowed, outlives the session
    const struct sotto_secret *secret;        // number's (or exchange code's) secret; copied
    const struct sotto_fingerprint *expected; // NULL: not known yet (first use, exchange)
    // Bound into the proofs: what this session is for ("call", "rekey", "exchange"), and for a
    // re-key the binding of the session it replaces.
    const char *purpose;
    const uint8_t *previous_binding; // SOTTO_SESSION_BINDING_BYTES or NULL
    // 0: SOTTO_SESSION_TIMEOUT_NS. A re-key whose flights travel in the padding of cells needs
    // more.
    sotto_ns timeout_ns;
};

// 0, SOTTO_ENOMEM, SOTTO_ECRYPTO, SOTTO_EINVAL.
int sotto_session_new(struct sotto_session **out, const struct sotto_session_config *cfg,
                      const struct sotto_env *env, sotto_ns now);
// Wipes all keys.
void sotto_session_free(struct sotto_session *s);

// One sealed flight from the peer. Returns 0, or one of
//   SOTTO_EAUTH   does not open under the seal, is a reflection, a replay or out of order: dropped,
//                 the session is unchanged
//   SOTTO_ESTATE  the session is already FAILED: dropped
//   SOTTO_EPEER, SOTTO_EPROOF, SOTTO_ESUITE, SOTTO_EPROTO, SOTTO_ELIMIT, SOTTO_ETIMEOUT,
//   SOTTO_EREFUSED (the peer refused), SOTTO_ECLOSED (the peer closed after CONFIRMED),
//   SOTTO_ENOMEM, SOTTO_ECRYPTO: the session is now FAILED; _write may have a last flight for the
//                 peer.
// With SOTTO_EPEER sotto_session_peer still gives the fingerprint the peer proved, if it did: a
// callee always learns it; a caller that knows whom to expect stops before it shows its own
// identity, and so before the other side has proven anything.
int sotto_session_read(struct sotto_session *s, const uint8_t *flight, size_t len, sotto_ns now);
// The next sealed flight to send: bytes written, 0 if there is none, SOTTO_ESPACE (nothing is lost;
// SOTTO_FLIGHT_MAX_BYTES are always enough). Call it until it gives 0. SOTTO_ELIMIT, SOTTO_ECRYPTO:
// the session is now FAILED.
int sotto_session_write(struct sotto_session *s, uint8_t *out, size_t cap, sotto_ns now);
// Local policy has accepted the peer shown by sotto_session_peer. 0; SOTTO_ESTATE if not CHECKING;
// SOTTO_ETIMEOUT, SOTTO_ECRYPTO: the session is now FAILED.
int sotto_session_confirm(struct sotto_session *s, sotto_ns now);
// Ends it, FAILED with SOTTO_EREFUSED, or SOTTO_ECLOSED if it was CONFIRMED; a following _write
// gives the last flight that tells the peer, if any can be sent.
void sotto_session_refuse(struct sotto_session *s);

enum sotto_session_state sotto_session_state(const struct sotto_session *s);
int sotto_session_error(const struct sotto_session *s); // why FAILED, else 0
// SOTTO_NEVER once CONFIRMED or FAILED.
sotto_ns sotto_session_expiry(const struct sotto_session *s);
// After the expiry the session is FAILED with SOTTO_ETIMEOUT.
void sotto_session_handle_expiry(struct sotto_session *s, sotto_ns now);

// The peer's identity. true once both of its keys are proven (CHECKING and later, and after
// SOTTO_EPEER if it proved them); out unchanged otherwise.
bool sotto_session_peer(const struct sotto_session *s, struct sotto_fingerprint *out);

// Only when CONFIRMED, otherwise SOTTO_ESTATE and out unchanged.
int sotto_session_words(const struct sotto_session *s, struct sotto_words *out);
int sotto_session_binding(const struct sotto_session *s, uint8_t out[SOTTO_SESSION_BINDING_BYTES]);
// Base key of one direction for SFrame; sender is the role that seals with it. TLS exporter
// (RFC 8446 §7.5) with the binding as context.
#define SOTTO_MEDIA_KEY_BYTES 32
int sotto_session_media_key(const struct sotto_session *s, enum sotto_role sender,
                            struct sotto_secret *out);

// Application messages of 1 to SOTTO_SESSION_MESSAGE_MAX_BYTES inside the session once CONFIRMED
// (used by the exchange), in order. _send queues; the bytes leave by _write. 0, SOTTO_ESTATE,
// SOTTO_EINVAL (length), SOTTO_ELIMIT (SOTTO_SESSION_QUEUE_MAX_BYTES wait already), SOTTO_ECRYPTO.
// _receive: bytes written, 0 if none is there, SOTTO_ESPACE (the message stays), SOTTO_ESTATE. Take
// all after each _read: more than one flight of them is too many, SOTTO_ELIMIT. What came before
// the peer closed in good order (SOTTO_ECLOSED) can still be received.
int sotto_session_send(struct sotto_session *s, const uint8_t *msg, size_t len);
int sotto_session_receive(struct sotto_session *s, uint8_t *out, size_t cap);

// What was negotiated; static strings, "" until known.
struct sotto_session_info {
    const char *protocol;  // "TLSv1.3"
    const char *cipher;    // "TLS_AES_256_GCM_SHA384"
    const char *group;     // "SecP384r1MLKEM1024"
    const char *signature; // "ML-DSA-87 + Ed25519"
    uint32_t bytes_sent, bytes_received;
};
void sotto_session_info(const struct sotto_session *s, struct sotto_session_info *out);

#ifdef __cplusplus
}
#endif
#endif
