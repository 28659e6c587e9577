// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "base/mem.h"
#include "identity/keys.h"
#include "identity/mldsa.h"
#include "identity/ossl.h"
#include "wire/cursor.h"

// Export: magic, ML-DSA-87 seed, Ed25519 seed, fingerprint. Both key pairs follow from their seeds
// (FIPS 204 Algorithm 6, RFC 8032 §5.1.5); the fingerprint shows damage.
#define MAGIC        "sottoid1"
#define MAGIC_BYTES  8
#define EXPORT_BYTES (MAGIC_BYTES + 2 * SOTTO_SECRET_BYTES + SOTTO_FINGERPRINT_BYTES)

struct sotto_identity {
    const struct sotto_env *env;
    EVP_PKEY *mldsa;
    EVP_PKEY *ed25519;
    struct sotto_fingerprint fingerprint;
};

struct seeds {
    struct sotto_secret mldsa;
    struct sotto_secret ed25519;
};

static EVP_PKEY *ed25519_from_seed(const struct sotto_secret *seed)
{
    ossl_begin();
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed->bytes, sizeof seed->bytes);
    return ossl_end_key(key);
}

static int ed25519_seed(const EVP_PKEY *key, struct sotto_secret *out)
{
    ossl_begin();
    size_t len = sizeof out->bytes;
    bool got = EVP_PKEY_get_raw_private_key(key, out->bytes, &len) == 1 && len == sizeof out->bytes;
    return ossl_end(got) ? 0 : SOTTO_ECRYPTO;
}

int identity_ed25519_spki(const EVP_PKEY *key, uint8_t out[IDENTITY_ED25519_SPKI_BYTES])
{
    // RFC 8410 §4: SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING (32 bytes follow) }
    static const uint8_t prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t public[IDENTITY_ED25519_SPKI_BYTES - sizeof prefix];
    ossl_begin();
    size_t len = sizeof public;
    // X25519 keys have 32 bytes too.
    bool got = EVP_PKEY_is_a(key, "ED25519") == 1 &&
               EVP_PKEY_get_raw_public_key(key, public, &len) == 1 && len == sizeof public;
    if (!ossl_end(got)) {
        return SOTTO_ECRYPTO;
    }
    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, public, sizeof public);
    return 0;
}

int identity_mldsa_spki(const EVP_PKEY *key, uint8_t out[IDENTITY_MLDSA_SPKI_BYTES])
{
    return mldsa_spki_write(key, out);
}

static int fingerprint_of(const struct sotto_identity *id, struct sotto_fingerprint *out)
{
    uint8_t mldsa[MLDSA_SPKI_BYTES];
    uint8_t ed25519[IDENTITY_ED25519_SPKI_BYTES];
    if (mldsa_spki_write(id->mldsa, mldsa) != 0 ||
        identity_ed25519_spki(id->ed25519, ed25519) != 0) {
        return SOTTO_ECRYPTO;
    }
    return sotto_fingerprint_from_keys(out, mldsa, sizeof mldsa, ed25519, sizeof ed25519);
}

static int identity_from_seeds(struct sotto_identity **out, const struct seeds *seeds,
                               const struct sotto_env *env)
{
    struct sotto_identity *id = mem_alloc(env, sizeof *id);
    if (id == NULL) {
        return SOTTO_ENOMEM;
    }
    int rc = SOTTO_ECRYPTO;
    id->env = env;
    id->mldsa = mldsa_from_seed(&seeds->mldsa);
    id->ed25519 = ed25519_from_seed(&seeds->ed25519);
    if (id->mldsa == NULL || id->ed25519 == NULL) {
        goto fail;
    }
    rc = fingerprint_of(id, &id->fingerprint);
    if (rc < 0) {
        goto fail;
    }
    *out = id;
    return 0;

fail:
    sotto_identity_free(id);
    return rc;
}

int sotto_identity_generate(struct sotto_identity **out, const struct sotto_env *env)
{
    struct seeds seeds;
    env->random(seeds.mldsa.bytes, sizeof seeds.mldsa.bytes, env->user);
    env->random(seeds.ed25519.bytes, sizeof seeds.ed25519.bytes, env->user);
    int rc = identity_from_seeds(out, &seeds, env);
    sotto_wipe(&seeds, sizeof seeds);
    return rc;
}

int sotto_identity_export(const struct sotto_identity *id, uint8_t *out, size_t cap)
{
    if (cap < EXPORT_BYTES) {
        return SOTTO_ESPACE;
    }
    struct seeds seeds;
    int rc = SOTTO_ECRYPTO;
    if (mldsa_seed(id->mldsa, &seeds.mldsa) == 0 &&
        ed25519_seed(id->ed25519, &seeds.ed25519) == 0) {
        struct wire_writer w = wire_writer(out, cap);
        wire_write_bytes(&w, MAGIC, MAGIC_BYTES);
        wire_write_bytes(&w, seeds.mldsa.bytes, sizeof seeds.mldsa.bytes);
        wire_write_bytes(&w, seeds.ed25519.bytes, sizeof seeds.ed25519.bytes);
        wire_write_bytes(&w, id->fingerprint.bytes, sizeof id->fingerprint.bytes);
        rc = wire_writer_finish(&w);
    }
    sotto_wipe(&seeds, sizeof seeds);
    return rc;
}

int sotto_identity_import(struct sotto_identity **out, const uint8_t *data, size_t len,
                          const struct sotto_env *env)
{
    uint8_t magic[MAGIC_BYTES];
    struct seeds seeds = {0};
    struct sotto_fingerprint expected;
    struct wire_reader r = wire_reader(data, len);
    wire_read_bytes(&r, magic, sizeof magic);
    wire_read_bytes(&r, seeds.mldsa.bytes, sizeof seeds.mldsa.bytes);
    wire_read_bytes(&r, seeds.ed25519.bytes, sizeof seeds.ed25519.bytes);
    wire_read_bytes(&r, expected.bytes, sizeof expected.bytes);

    int rc = SOTTO_EPARSE;
    struct sotto_identity *id = NULL;
    if (!wire_reader_done(&r) || memcmp(magic, MAGIC, sizeof magic) != 0) {
        goto done;
    }
    rc = identity_from_seeds(&id, &seeds, env);
    if (rc < 0) {
        goto done;
    }
    if (!sotto_fingerprint_equal(&id->fingerprint, &expected)) {
        sotto_identity_free(id);
        rc = SOTTO_EPARSE;
        goto done;
    }
    *out = id;

done:
    sotto_wipe(&seeds, sizeof seeds);
    return rc;
}

void sotto_identity_free(struct sotto_identity *id)
{
    if (id != NULL) {
        EVP_PKEY_free(id->mldsa);
        EVP_PKEY_free(id->ed25519);
        mem_free(id->env, id);
    }
}

void sotto_identity_fingerprint(const struct sotto_identity *id, struct sotto_fingerprint *out)
{
    *out = id->fingerprint;
}

EVP_PKEY *identity_mldsa(const struct sotto_identity *id)
{
    return id->mldsa;
}

EVP_PKEY *identity_ed25519(const struct sotto_identity *id)
{
    return id->ed25519;
}
