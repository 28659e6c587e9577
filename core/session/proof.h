// SPDX-License-Identifier: Apache-2.0
// What the two sides prove to each other behind the TLS handshake, and what they get out of it
// (docs/PROTOCOL.md, "End-to-end session: the proofs").
//
// The TLS exporter's secret covers the transcript up to the server's Finished (RFC 8446 §7.1), so
// not the client's certificate: both fingerprints are therefore named in every proof.
#ifndef SOTTO_SESSION_PROOF_H
#define SOTTO_SESSION_PROOF_H

#include <sotto/session.h>

#include "identity/keys.h"
#include "session/kdf.h"

#define SESSION_EXPORT_BYTES     64
#define SESSION_NONCE_BYTES      32
#define SESSION_COMMITMENT_BYTES SESSION_HASH_BYTES
#define SESSION_SIGNATURE_BYTES  64 // Ed25519
#define SESSION_MAC_BYTES        SESSION_HASH_BYTES

// What both sides must agree on.
struct session_facts {
    uint8_t purpose[SOTTO_SESSION_PURPOSE_MAX_BYTES];
    size_t purpose_len;
    bool has_previous;
    uint8_t previous[SOTTO_SESSION_BINDING_BYTES]; // zero if there is none
    uint8_t exporter[SESSION_EXPORT_BYTES];
    struct sotto_fingerprint fingerprint[2];      // by role
    uint8_t commitment[SESSION_COMMITMENT_BYTES]; // the caller's
    uint8_t nonce[2][SESSION_NONCE_BYTES];
    uint8_t proof_hash[2][SESSION_HASH_BYTES]; // of each side's PROOF message
};

// The body of a PROOF message: spki, signature, mac, then the caller's commitment or the callee's
// nonce.
#define SESSION_PROOF_COMMON_BYTES \
    (IDENTITY_ED25519_SPKI_BYTES + SESSION_SIGNATURE_BYTES + SESSION_MAC_BYTES)
#define SESSION_PROOF_CALLER_BYTES (SESSION_PROOF_COMMON_BYTES + SESSION_COMMITMENT_BYTES)
#define SESSION_PROOF_CALLEE_BYTES (SESSION_PROOF_COMMON_BYTES + SESSION_NONCE_BYTES)
#define SESSION_PROOF_MAX_BYTES    SESSION_PROOF_CALLER_BYTES

// Makes the body of `role`'s proof from the facts that it knows: the caller's must have exporter,
// both fingerprints and commitment, the callee's also its own nonce. Bytes written or
// SOTTO_ECRYPTO. Sets proof_hash[role].
int session_proof_make(struct session_facts *facts, enum sotto_role role, EVP_PKEY *ed25519,
                       const struct sotto_secret *secret, uint8_t out[SESSION_PROOF_MAX_BYTES]);

struct session_proof {
    uint8_t spki[IDENTITY_ED25519_SPKI_BYTES];
    uint8_t signature[SESSION_SIGNATURE_BYTES];
    uint8_t mac[SESSION_MAC_BYTES];
    uint8_t tail[SESSION_COMMITMENT_BYTES]; // commitment, or nonce and zeros
    size_t tail_len;
};
// SOTTO_EPROTO if it has not exactly the length of `role`'s proof, or an SPKI that is not the one
// encoding of an Ed25519 key.
int session_proof_parse(struct session_proof *out, enum sotto_role role, const uint8_t *body,
                        size_t len);
// Verifies both parts against the facts, in which the fingerprints are already what the keys say,
// and then takes commitment or nonce, and proof_hash[role], over into the facts. SOTTO_EPROOF,
// SOTTO_ECRYPTO: facts unchanged.
int session_proof_check(struct session_facts *facts, enum sotto_role role,
                        const struct session_proof *proof, const struct sotto_secret *secret);

// Of facts->nonce[SOTTO_CALLER] within this session.
int session_commitment(const struct session_facts *facts, uint8_t out[SESSION_COMMITMENT_BYTES]);

struct session_outcome {
    uint8_t binding[SOTTO_SESSION_BINDING_BYTES];
    uint8_t words[8]; // for sotto_words_from_bytes
};
// When all facts are known.
int session_outcome(struct session_outcome *out, const struct session_facts *facts,
                    const struct sotto_secret *secret);

#endif
