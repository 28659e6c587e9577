// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "base/mem.h"
#include "identity/digest.h"
#include "identity/mldsa.h"
#include "wire/cursor.h"

// Export: magic, ML-DSA-87 seed, line id (which shows damage).
#define MAGIC        "sottoln1"
#define MAGIC_BYTES  8
#define EXPORT_BYTES (MAGIC_BYTES + SOTTO_SECRET_BYTES + SOTTO_LINE_ID_BYTES)

struct sotto_line_key {
    const struct sotto_env *env;
    EVP_PKEY *mldsa;
    uint8_t spki[MLDSA_SPKI_BYTES];
    uint8_t id[SOTTO_LINE_ID_BYTES];
};

static int line_key_from_seed(struct sotto_line_key **out, const struct sotto_secret *seed,
                              const struct sotto_env *env)
{
    struct sotto_line_key *k = mem_alloc(env, sizeof *k);
    if (k == NULL) {
        return SOTTO_ENOMEM;
    }
    k->env = env;
    k->mldsa = mldsa_from_seed(seed);
    if (k->mldsa == NULL || mldsa_spki_write(k->mldsa, k->spki) != 0 ||
        digest_sha256(k->spki, sizeof k->spki, k->id) != 0) {
        sotto_line_key_free(k);
        return SOTTO_ECRYPTO;
    }
    *out = k;
    return 0;
}

int sotto_line_key_generate(struct sotto_line_key **out, const struct sotto_env *env)
{
    struct sotto_secret seed;
    env->random(seed.bytes, sizeof seed.bytes, env->user);
    int rc = line_key_from_seed(out, &seed, env);
    sotto_wipe(&seed, sizeof seed);
    return rc;
}

int sotto_line_key_export(const struct sotto_line_key *k, uint8_t *out, size_t cap)
{
    if (cap < EXPORT_BYTES) {
        return SOTTO_ESPACE;
    }
    struct sotto_secret seed;
    int rc = mldsa_seed(k->mldsa, &seed);
    if (rc == 0) {
        struct wire_writer w = wire_writer(out, cap);
        wire_write_bytes(&w, MAGIC, MAGIC_BYTES);
        wire_write_bytes(&w, seed.bytes, sizeof seed.bytes);
        wire_write_bytes(&w, k->id, sizeof k->id);
        rc = wire_writer_finish(&w);
    }
    sotto_wipe(&seed, sizeof seed);
    return rc;
}

int sotto_line_key_import(struct sotto_line_key **out, const uint8_t *data, size_t len,
                          const struct sotto_env *env)
{
    uint8_t magic[MAGIC_BYTES];
    struct sotto_secret seed;
    uint8_t expected[SOTTO_LINE_ID_BYTES];
    struct wire_reader r = wire_reader(data, len);
    wire_read_bytes(&r, magic, sizeof magic);
    wire_read_bytes(&r, seed.bytes, sizeof seed.bytes);
    wire_read_bytes(&r, expected, sizeof expected);

    int rc = SOTTO_EPARSE;
    struct sotto_line_key *k = NULL;
    if (!wire_reader_done(&r) || memcmp(magic, MAGIC, sizeof magic) != 0) {
        goto done;
    }
    rc = line_key_from_seed(&k, &seed, env);
    if (rc < 0) {
        goto done;
    }
    if (memcmp(k->id, expected, sizeof expected) != 0) {
        sotto_line_key_free(k);
        rc = SOTTO_EPARSE;
        goto done;
    }
    *out = k;

done:
    sotto_wipe(&seed, sizeof seed);
    return rc;
}

void sotto_line_key_free(struct sotto_line_key *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->mldsa);
        mem_free(k->env, k);
    }
}

void sotto_line_key_id(const struct sotto_line_key *k, uint8_t out[SOTTO_LINE_ID_BYTES])
{
    memcpy(out, k->id, sizeof k->id);
}

int sotto_line_key_public(const struct sotto_line_key *k, uint8_t *out, size_t cap)
{
    struct wire_writer w = wire_writer(out, cap);
    wire_write_bytes(&w, k->spki, sizeof k->spki);
    return wire_writer_finish(&w);
}

int sotto_line_key_sign(const struct sotto_line_key *k, const uint8_t *tbs, size_t len,
                        uint8_t *out, size_t cap)
{
    return mldsa_sign(k->mldsa, tbs, len, out, cap);
}

int sotto_line_verify(const uint8_t *spki, size_t spki_len, const uint8_t *tbs, size_t len,
                      const uint8_t *signature, size_t signature_len)
{
    EVP_PKEY *key;
    int rc = mldsa_spki_read(&key, spki, spki_len);
    if (rc < 0) {
        return rc;
    }
    rc = mldsa_verify(key, tbs, len, signature, signature_len);
    EVP_PKEY_free(key);
    return rc;
}

void sotto_line_id_from_public(const uint8_t *spki, size_t len, uint8_t out[SOTTO_LINE_ID_BYTES])
{
    digest_sha256_or_abort(spki, len, out);
}
