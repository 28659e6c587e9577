// SPDX-License-Identifier: Apache-2.0
// Identities, line keys, fingerprints, numbers and their links, words, and the vault that keeps
// them at rest.
#ifndef SOTTO_IDENTITY_H
#define SOTTO_IDENTITY_H

#include <sotto/base.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- identity --------------------------------------------------------------------------------

// A person's two long-term key pairs: ML-DSA-87 (FIPS 204) and Ed25519 (RFC 8032). An attacker
// must break both. Opaque; private keys are never copied out except by _export.
struct sotto_identity;

#define SOTTO_FINGERPRINT_BYTES      32
#define SOTTO_FINGERPRINT_TEXT_BYTES 65 // 13 groups of 4 base32 characters, with spaces and NUL
// First 32 bytes of SHA-512 over "sotto identity v1" || u16 len || ML-DSA-87 SPKI DER || u16 len
// || Ed25519 SPKI DER.
struct sotto_fingerprint {
    uint8_t bytes[SOTTO_FINGERPRINT_BYTES];
};

#define SOTTO_IDENTITY_MAX_BYTES 8192

int sotto_identity_generate(struct sotto_identity **out, const struct sotto_env *env);
// Private keys as bytes (secret; wipe them) and back. _export: bytes written or SOTTO_ESPACE.
int sotto_identity_export(const struct sotto_identity *id, uint8_t *out, size_t cap);
int sotto_identity_import(struct sotto_identity **out, const uint8_t *data, size_t len,
                          const struct sotto_env *env);
void sotto_identity_free(struct sotto_identity *id);
void sotto_identity_fingerprint(const struct sotto_identity *id, struct sotto_fingerprint *out);

int sotto_fingerprint_from_keys(struct sotto_fingerprint *out, const uint8_t *mldsa_spki,
                                size_t mldsa_len, const uint8_t *ed25519_spki, size_t ed25519_len);
void sotto_fingerprint_text(const struct sotto_fingerprint *fp,
                            char out[SOTTO_FINGERPRINT_TEXT_BYTES]);
// Accepts any case, spaces and dashes. SOTTO_EPARSE.
int sotto_fingerprint_parse(struct sotto_fingerprint *out, const char *text);
bool sotto_fingerprint_equal(const struct sotto_fingerprint *a, const struct sotto_fingerprint *b);

// ---- line key --------------------------------------------------------------------------------

// The ML-DSA-87 key that proves to a relay who owns a line. Separate from the identity, so that
// the relay learns nothing about the person.
struct sotto_line_key;

#define SOTTO_LINE_ID_BYTES            32 // SHA-256 of the key's SPKI DER
#define SOTTO_LINE_PUBLIC_MAX_BYTES    4096
#define SOTTO_LINE_SIGNATURE_MAX_BYTES 5120
#define SOTTO_LINE_KEY_MAX_BYTES       8192

int sotto_line_key_generate(struct sotto_line_key **out, const struct sotto_env *env);
int sotto_line_key_export(const struct sotto_line_key *k, uint8_t *out, size_t cap);
int sotto_line_key_import(struct sotto_line_key **out, const uint8_t *data, size_t len,
                          const struct sotto_env *env);
void sotto_line_key_free(struct sotto_line_key *k);
void sotto_line_key_id(const struct sotto_line_key *k, uint8_t out[SOTTO_LINE_ID_BYTES]);
// SPKI DER: bytes written or SOTTO_ESPACE.
int sotto_line_key_public(const struct sotto_line_key *k, uint8_t *out, size_t cap);
// Signature bytes written, SOTTO_ESPACE or SOTTO_ECRYPTO.
int sotto_line_key_sign(const struct sotto_line_key *k, const uint8_t *tbs, size_t len,
                        uint8_t *out, size_t cap);
// The relay's side. 0, or SOTTO_EAUTH, SOTTO_EPARSE (not an ML-DSA-87 SPKI), SOTTO_ECRYPTO.
int sotto_line_verify(const uint8_t *spki, size_t spki_len, const uint8_t *tbs, size_t len,
                      const uint8_t *signature, size_t signature_len);
void sotto_line_id_from_public(const uint8_t *spki, size_t len, uint8_t out[SOTTO_LINE_ID_BYTES]);

// ---- numbers and links ------------------------------------------------------------------------

#define SOTTO_NAME_MAX_BYTES   64  // labels and display names, UTF-8 without NUL or controls
#define SOTTO_HOST_MAX_BYTES   253 // DNS name or address literal, no brackets
#define SOTTO_TOKEN_BYTES      16
#define SOTTO_TOKEN_HASH_BYTES 32 // SHA-256 of the token
#define SOTTO_PIN_BYTES        32 // SHA-256 of the relay certificate's SPKI DER
#define SOTTO_INVITE_BYTES     16
#define SOTTO_LINK_MAX_BYTES   768 // textual link with NUL
#define SOTTO_CALLS_UNLIMITED  UINT32_MAX

// Where a relay is and how to know it.
struct sotto_relay_address {
    char host[SOTTO_HOST_MAX_BYTES + 1]; // lower case
    uint16_t port;                       // never 0
    bool pinned;
    uint8_t pin[SOTTO_PIN_BYTES];
};

// "host:port", the port always there, an IPv6 address in brackets: what REGISTER and LOGIN sign.
// Characters, or SOTTO_EINVAL if host or port are not valid (or too long together).
#define SOTTO_ORIGIN_TEXT_BYTES 256
int sotto_relay_origin(const struct sotto_relay_address *a, char out[SOTTO_ORIGIN_TEXT_BYTES]);

// What is in a number's link: all that a caller needs. Secret as a whole.
//   https://HOST[:PORT]/#<base64url of the payload>      (port left out when 443)
// payload: u8 kind (1) || u8 flags (1: pinned, 2: has expiry, 4: has calls) || [pin] || token ||
//   secret || callee fingerprint || [u64 expires_unix_s] || [u32 calls] || vec8 name || first
//   4 bytes of SHA-256 over host, port (u16) and all payload bytes before.
// Expiry and calls are the terms as the number was handed out, for its holder to read; the owner's
// device and relay decide by their own.
struct sotto_number_link {
    struct sotto_relay_address relay;
    uint8_t token[SOTTO_TOKEN_BYTES]; // names the number to the relay
    struct sotto_secret secret;       // never shown to a relay
    struct sotto_fingerprint callee;
    int64_t expires_unix_s;              // 0 never
    uint32_t calls;                      // 0 any number; never SOTTO_CALLS_UNLIMITED
    char name[SOTTO_NAME_MAX_BYTES + 1]; // what the owner calls himself; only what the link says
};

// An invitation to make a line on a relay: kind 2, flags, [pin], invite, checksum.
struct sotto_invite_link {
    struct sotto_relay_address relay;
    uint8_t invite[SOTTO_INVITE_BYTES];
};

// Bytes written without the NUL, or SOTTO_ESPACE, SOTTO_EINVAL.
int sotto_number_link_format(const struct sotto_number_link *l, char *out, size_t cap);
int sotto_invite_link_format(const struct sotto_invite_link *l, char *out, size_t cap);
// Surrounding white space, angle brackets and quotes are ignored (people paste links); so is a
// missing "https://". Errors: SOTTO_ELINK_MALFORMED, SOTTO_ELINK_DAMAGED, SOTTO_ELINK_VERSION.
// `out` is unchanged on failure.
int sotto_number_link_parse(struct sotto_number_link *out, const char *text);
int sotto_invite_link_parse(struct sotto_invite_link *out, const char *text);

void sotto_token_hash(const uint8_t token[SOTTO_TOKEN_BYTES], uint8_t out[SOTTO_TOKEN_HASH_BYTES]);
// A usable label: 1..SOTTO_NAME_MAX_BYTES bytes of valid UTF-8, no controls, no bidi overrides,
// not only white space. 0 or SOTTO_EINVAL.
int sotto_name_check(const char *name);

enum sotto_number_state {
    SOTTO_NUMBER_FRESH = 0, // handed out, never used: binds to whoever proves a key first
    SOTTO_NUMBER_BOUND = 1,
    SOTTO_NUMBER_REVOKED = 2,
};

// A number in its owner's book. The token itself is kept so that the link can be shown again.
struct sotto_number {
    uint8_t token[SOTTO_TOKEN_BYTES];
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    struct sotto_secret secret;
    char label[SOTTO_NAME_MAX_BYTES + 1]; // for whom
    enum sotto_number_state state;
    struct sotto_fingerprint bound; // if BOUND (kept when REVOKED)
    bool was_bound;
    bool verified; // words compared with the bound identity
    int64_t created_unix_s, expires_unix_s /* 0 never */, last_used_unix_s, leaked_unix_s;
    uint32_t calls_max;                 // SOTTO_CALLS_UNLIMITED
    uint32_t calls_used;                // calls answered
    uint32_t leaks;                     // refused attempts with another key
    struct sotto_fingerprint leaked_to; // the last such key
};

// Fresh random token and secret, state FRESH; label checked with sotto_name_check.
int sotto_number_init(struct sotto_number *out, const char *label, int64_t now_unix_s,
                      const struct sotto_env *env);
// Whether the number's terms permit a call now, for anybody: 0, SOTTO_EREVOKED, SOTTO_EEXPIRED,
// SOTTO_EUSEDUP.
int sotto_number_check(const struct sotto_number *n, int64_t now_unix_s);

// ---- words ------------------------------------------------------------------------------------

#define SOTTO_WORDS_COUNT      4
#define SOTTO_WORDS_TEXT_BYTES 64
// The short authentication string: 4 words of a 2048-word list out of 44 bits.
struct sotto_words {
    uint16_t index[SOTTO_WORDS_COUNT];
};
void sotto_words_from_bytes(struct sotto_words *out, const uint8_t bytes[8]);
void sotto_words_text(const struct sotto_words *w, char out[SOTTO_WORDS_TEXT_BYTES]); // "a b c d"
bool sotto_words_equal(const struct sotto_words *a, const struct sotto_words *b);
// `count` (2..6) different choices with the right ones at a random place, whose index is
// returned, so that a person has to listen and pick.
int sotto_words_choices(const struct sotto_words *right, struct sotto_words *out, size_t count,
                        const struct sotto_env *env);

// Exchange code: "7-harbor-velvet".
#define SOTTO_CODE_TEXT_BYTES 32
void sotto_code_generate(char out[SOTTO_CODE_TEXT_BYTES], const struct sotto_env *env);
// Normalises (case, spaces for dashes, leading zeros) and derives by HKDF-SHA512 the meeting place
// (shown to the relay) and the secret that seals the flights. SOTTO_EPARSE: not a code; each
// word must be in the list.
int sotto_code_derive(const char *text, uint8_t place[32], struct sotto_secret *seal);

// ---- vault --------------------------------------------------------------------------------------

// Keys at rest: a random master key, wrapped (AES-256-GCM) under Argon2id (RFC 9106) of the
// passphrase; each blob sealed under the master key with its name as associated data.
struct sotto_vault;

#define SOTTO_VAULT_HEADER_BYTES   128 // fixed size of the wrapped key with its parameters
#define SOTTO_VAULT_OVERHEAD_BYTES 28  // nonce (12) + tag (16) per blob

#define SOTTO_VAULT_BLOB_MAX_BYTES       (16 * 1024 * 1024) // plaintext of one blob
#define SOTTO_VAULT_PASSPHRASE_MAX_BYTES 1024
// Bounds of the cost, for making a vault as well as for opening one.
#define SOTTO_VAULT_MEMORY_MIN_KIB       8192
#define SOTTO_VAULT_MEMORY_MAX_KIB       1048576
#define SOTTO_VAULT_PASSES_MIN           1
#define SOTTO_VAULT_PASSES_MAX           16

struct sotto_vault_cost {
    uint32_t memory_kib, passes; // RFC 9106 §4: 65536 KiB, 3 passes by default
};
// passphrase NULL or empty: no passphrase; the key is wrapped under an empty one at the least
// cost, and the header says so. SOTTO_EINVAL (passphrase too long, cost out of bounds),
// SOTTO_ENOMEM, SOTTO_ECRYPTO; header is unchanged on failure.
int sotto_vault_create(struct sotto_vault **out, const char *passphrase,
                       const struct sotto_vault_cost *cost /* NULL: default */,
                       uint8_t header[SOTTO_VAULT_HEADER_BYTES], const struct sotto_env *env);
// SOTTO_EPASSPHRASE (or the wrapped key is damaged: one cannot tell), SOTTO_EPARSE (not a header,
// or its costs are out of bounds), SOTTO_ENOMEM.
int sotto_vault_open(struct sotto_vault **out, const char *passphrase,
                     const uint8_t header[SOTTO_VAULT_HEADER_BYTES], const struct sotto_env *env);
// false also for what is not a header.
bool sotto_vault_header_has_passphrase(const uint8_t header[SOTTO_VAULT_HEADER_BYTES]);
// Another passphrase for the same master key; errors as _create. The old header still opens the
// vault: the caller destroys it.
int sotto_vault_rewrap(struct sotto_vault *v, const char *new_passphrase,
                       const struct sotto_vault_cost *cost,
                       uint8_t header[SOTTO_VAULT_HEADER_BYTES]);
void sotto_vault_free(struct sotto_vault *v);
// Random 96-bit nonce per blob. Bytes written (len + SOTTO_VAULT_OVERHEAD_BYTES), SOTTO_ELIMIT
// (longer than SOTTO_VAULT_BLOB_MAX_BYTES), SOTTO_ESPACE, SOTTO_ECRYPTO. Buffers may not overlap.
int sotto_vault_seal(struct sotto_vault *v, const void *name, size_t name_len, const uint8_t *plain,
                     size_t len, uint8_t *out, size_t cap);
// Bytes written or SOTTO_EAUTH (damaged, or under another name; out is then zeroed as far as it
// was written), SOTTO_ESPACE, SOTTO_ECRYPTO.
int sotto_vault_open_blob(struct sotto_vault *v, const void *name, size_t name_len,
                          const uint8_t *sealed, size_t len, uint8_t *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
