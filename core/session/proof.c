// SPDX-License-Identifier: Apache-2.0
#include "session/proof.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "identity/ossl.h"
#include "wire/cursor.h"

static const char LABEL_SIGNATURE[] = "sotto session proof v1";
static const char LABEL_MAC[] = "sotto number proof v1";
static const char LABEL_COMMITMENT[] = "sotto session commitment v1";
static const char LABEL_ROOT[] = "sotto session root v1";
static const char LABEL_WORDS[] = "sotto session words v1";
static const char LABEL_BINDING[] = "sotto session binding v1";

#define LABEL_MAX_BYTES 32
#define TBS_MAX_BYTES                                                                              \
    (LABEL_MAX_BYTES + 1 + 1 + SOTTO_SESSION_PURPOSE_MAX_BYTES + 1 + SOTTO_SESSION_BINDING_BYTES + \
     SESSION_EXPORT_BYTES + 2 * SOTTO_FINGERPRINT_BYTES + SESSION_COMMITMENT_BYTES +               \
     SESSION_NONCE_BYTES)

// What is signed and what is MACed: the same facts under two labels. Bytes written.
static size_t write_tbs(uint8_t out[TBS_MAX_BYTES], const char *label,
                        const struct session_facts *facts, enum sotto_role role)
{
    struct wire_writer w = wire_writer(out, TBS_MAX_BYTES);
    wire_write_bytes(&w, label, strlen(label));
    wire_write_u8(&w, (uint8_t)role);
    wire_write_vec8(&w, facts->purpose, facts->purpose_len);
    wire_write_u8(&w, facts->has_previous ? 1 : 0);
    wire_write_bytes(&w, facts->previous, sizeof facts->previous);
    wire_write_bytes(&w, facts->exporter, sizeof facts->exporter);
    wire_write_bytes(&w, facts->fingerprint[SOTTO_CALLER].bytes, SOTTO_FINGERPRINT_BYTES);
    wire_write_bytes(&w, facts->fingerprint[SOTTO_CALLEE].bytes, SOTTO_FINGERPRINT_BYTES);
    wire_write_bytes(&w, facts->commitment, sizeof facts->commitment);
    if (role == SOTTO_CALLEE) {
        wire_write_bytes(&w, facts->nonce[SOTTO_CALLEE], SESSION_NONCE_BYTES);
    }
    assert(!w.failed);
    return w.len;
}

static int number_mac(uint8_t out[SESSION_MAC_BYTES], const struct session_facts *facts,
                      enum sotto_role role, const struct sotto_secret *secret)
{
    uint8_t tbs[TBS_MAX_BYTES];
    const struct session_part part = {tbs, write_tbs(tbs, LABEL_MAC, facts, role)};
    int err = session_hmac(out, secret->bytes, sizeof secret->bytes, &part, 1);
    sotto_wipe(tbs, sizeof tbs);
    return err;
}

static int sign(uint8_t out[SESSION_SIGNATURE_BYTES], const struct session_facts *facts,
                enum sotto_role role, EVP_PKEY *ed25519)
{
    uint8_t tbs[TBS_MAX_BYTES];
    size_t tbs_len = write_tbs(tbs, LABEL_SIGNATURE, facts, role);
    size_t len = SESSION_SIGNATURE_BYTES;
    ossl_begin();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, ed25519) == 1 &&
              EVP_DigestSign(ctx, out, &len, tbs, tbs_len) == 1 && len == SESSION_SIGNATURE_BYTES;
    EVP_MD_CTX_free(ctx);
    sotto_wipe(tbs, sizeof tbs);
    return ossl_end(ok) ? 0 : SOTTO_ECRYPTO;
}

static EVP_PKEY *key_of_spki(const uint8_t spki[IDENTITY_ED25519_SPKI_BYTES])
{
    uint8_t again[IDENTITY_ED25519_SPKI_BYTES];
    const size_t raw_at = IDENTITY_ED25519_SPKI_BYTES - 32;
    ossl_begin();
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, spki + raw_at, 32);
    // One key, one encoding, one fingerprint.
    if (key != NULL &&
        (identity_ed25519_spki(key, again) != 0 || memcmp(again, spki, sizeof again) != 0)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return ossl_end_key(key);
}

static int verify(const struct session_proof *proof, const struct session_facts *facts,
                  enum sotto_role role)
{
    EVP_PKEY *key = key_of_spki(proof->spki);
    if (key == NULL) {
        return SOTTO_ECRYPTO; // _parse has made one of it before
    }
    uint8_t tbs[TBS_MAX_BYTES];
    size_t tbs_len = write_tbs(tbs, LABEL_SIGNATURE, facts, role);
    int err = SOTTO_ECRYPTO;
    ossl_begin();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1) {
        err = EVP_DigestVerify(ctx, proof->signature, sizeof proof->signature, tbs, tbs_len) == 1
                  ? 0
                  : SOTTO_EPROOF;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    sotto_wipe(tbs, sizeof tbs);
    return ossl_end(err == 0) ? 0 : err != 0 ? err : SOTTO_ECRYPTO;
}

static int hash_body(uint8_t out[SESSION_HASH_BYTES], const struct session_proof *p)
{
    const struct session_part parts[] = {
        {p->spki, sizeof p->spki},
        {p->signature, sizeof p->signature},
        {p->mac, sizeof p->mac},
        {p->tail, p->tail_len},
    };
    return session_sha512(out, parts, sizeof parts / sizeof parts[0]);
}

static size_t tail_bytes(enum sotto_role role)
{
    return role == SOTTO_CALLER ? SESSION_COMMITMENT_BYTES : SESSION_NONCE_BYTES;
}

int session_proof_make(struct session_facts *facts, enum sotto_role role, EVP_PKEY *ed25519,
                       const struct sotto_secret *secret, uint8_t out[SESSION_PROOF_MAX_BYTES])
{
    struct session_proof p = {.tail_len = tail_bytes(role)};
    uint8_t hash[SESSION_HASH_BYTES];
    const uint8_t *tail = role == SOTTO_CALLER ? facts->commitment : facts->nonce[SOTTO_CALLEE];
    memcpy(p.tail, tail, p.tail_len);
    int err = identity_ed25519_spki(ed25519, p.spki);
    if (err == 0) {
        err = sign(p.signature, facts, role, ed25519);
    }
    if (err == 0) {
        err = number_mac(p.mac, facts, role, secret);
    }
    if (err == 0) {
        err = hash_body(hash, &p);
    }
    if (err != 0) {
        return err;
    }
    memcpy(facts->proof_hash[role], hash, sizeof hash);
    struct wire_writer w = wire_writer(out, SESSION_PROOF_MAX_BYTES);
    wire_write_bytes(&w, p.spki, sizeof p.spki);
    wire_write_bytes(&w, p.signature, sizeof p.signature);
    wire_write_bytes(&w, p.mac, sizeof p.mac);
    wire_write_bytes(&w, p.tail, p.tail_len);
    return wire_writer_finish(&w);
}

int session_proof_parse(struct session_proof *out, enum sotto_role role, const uint8_t *body,
                        size_t len)
{
    struct session_proof p = {.tail_len = tail_bytes(role)};
    struct wire_reader r = wire_reader(body, len);
    wire_read_bytes(&r, p.spki, sizeof p.spki);
    wire_read_bytes(&r, p.signature, sizeof p.signature);
    wire_read_bytes(&r, p.mac, sizeof p.mac);
    wire_read_bytes(&r, p.tail, p.tail_len);
    if (!wire_reader_done(&r)) {
        return SOTTO_EPROTO;
    }
    EVP_PKEY *key = key_of_spki(p.spki);
    if (key == NULL) {
        return SOTTO_EPROTO;
    }
    EVP_PKEY_free(key);
    *out = p;
    return 0;
}

int session_proof_check(struct session_facts *facts, enum sotto_role role,
                        const struct session_proof *proof, const struct sotto_secret *secret)
{
    struct session_facts claimed = *facts;
    uint8_t mac[SESSION_MAC_BYTES];
    assert(proof->tail_len == tail_bytes(role));
    if (role == SOTTO_CALLER) {
        memcpy(claimed.commitment, proof->tail, sizeof claimed.commitment);
    } else {
        memcpy(claimed.nonce[SOTTO_CALLEE], proof->tail, SESSION_NONCE_BYTES);
    }
    int err = number_mac(mac, &claimed, role, secret);
    if (err == 0 && !sotto_equal_ct(mac, proof->mac, sizeof mac)) {
        err = SOTTO_EPROOF;
    }
    if (err == 0) {
        err = verify(proof, &claimed, role);
    }
    if (err == 0) {
        err = hash_body(claimed.proof_hash[role], proof);
    }
    if (err == 0) {
        *facts = claimed;
    }
    sotto_wipe(mac, sizeof mac);
    sotto_wipe(&claimed, sizeof claimed);
    return err;
}

int session_commitment(const struct session_facts *facts, uint8_t out[SESSION_COMMITMENT_BYTES])
{
    const struct session_part parts[] = {
        {LABEL_COMMITMENT, sizeof LABEL_COMMITMENT - 1},
        {facts->exporter, sizeof facts->exporter},
        {facts->nonce[SOTTO_CALLER], SESSION_NONCE_BYTES},
    };
    return session_sha512(out, parts, sizeof parts / sizeof parts[0]);
}

// Both the TLS key exchange and the number's secret must be broken to know it.
static int derive_root(uint8_t root[SESSION_HASH_BYTES], const struct session_facts *facts,
                       const struct sotto_secret *secret)
{
    const struct session_part ikm[] = {
        {facts->exporter, sizeof facts->exporter},
        {secret->bytes, sizeof secret->bytes},
    };
    const struct session_part info = {LABEL_ROOT, sizeof LABEL_ROOT - 1};
    return session_hkdf(
        root, SESSION_HASH_BYTES,
        &(struct session_hkdf){.ikm = ikm, .ikm_count = 2, .info = &info, .info_count = 1});
}

static int derive_words(uint8_t out[SESSION_HASH_BYTES], const uint8_t root[SESSION_HASH_BYTES],
                        const struct session_facts *facts)
{
    const uint8_t purpose_len = (uint8_t)facts->purpose_len;
    const struct session_part parts[] = {
        {LABEL_WORDS, sizeof LABEL_WORDS - 1},
        {&purpose_len, 1},
        {facts->purpose, facts->purpose_len},
        {facts->fingerprint[SOTTO_CALLER].bytes, SOTTO_FINGERPRINT_BYTES},
        {facts->fingerprint[SOTTO_CALLEE].bytes, SOTTO_FINGERPRINT_BYTES},
        {facts->nonce[SOTTO_CALLER], SESSION_NONCE_BYTES},
        {facts->nonce[SOTTO_CALLEE], SESSION_NONCE_BYTES},
    };
    return session_hmac(out, root, SESSION_HASH_BYTES, parts, sizeof parts / sizeof parts[0]);
}

static int derive_binding(uint8_t out[SESSION_HASH_BYTES], const uint8_t root[SESSION_HASH_BYTES],
                          const struct session_facts *facts)
{
    const uint8_t purpose_len = (uint8_t)facts->purpose_len;
    const uint8_t has_previous = facts->has_previous ? 1 : 0;
    const struct session_part parts[] = {
        {LABEL_BINDING, sizeof LABEL_BINDING - 1},
        {&purpose_len, 1},
        {facts->purpose, facts->purpose_len},
        {&has_previous, 1},
        {facts->previous, sizeof facts->previous},
        {facts->fingerprint[SOTTO_CALLER].bytes, SOTTO_FINGERPRINT_BYTES},
        {facts->fingerprint[SOTTO_CALLEE].bytes, SOTTO_FINGERPRINT_BYTES},
        {facts->proof_hash[SOTTO_CALLER], SESSION_HASH_BYTES},
        {facts->proof_hash[SOTTO_CALLEE], SESSION_HASH_BYTES},
        {facts->nonce[SOTTO_CALLER], SESSION_NONCE_BYTES},
    };
    return session_hmac(out, root, SESSION_HASH_BYTES, parts, sizeof parts / sizeof parts[0]);
}

int session_outcome(struct session_outcome *out, const struct session_facts *facts,
                    const struct sotto_secret *secret)
{
    uint8_t root[SESSION_HASH_BYTES], words[SESSION_HASH_BYTES], binding[SESSION_HASH_BYTES];
    int err = derive_root(root, facts, secret);
    if (err == 0) {
        err = derive_words(words, root, facts);
    }
    if (err == 0) {
        err = derive_binding(binding, root, facts);
    }
    if (err == 0) {
        memcpy(out->words, words, sizeof out->words);
        memcpy(out->binding, binding, sizeof out->binding);
    }
    sotto_wipe(root, sizeof root);
    sotto_wipe(words, sizeof words);
    sotto_wipe(binding, sizeof binding);
    return err;
}
