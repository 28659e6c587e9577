// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "base/mem.h"
#include "identity/aead.h"
#include "identity/argon2id.h"
#include "wire/cursor.h"

// Header:
//   magic[8] "sottov1\0", flags u32 (1: has a passphrase),
//   Argon2id: memory u32 (KiB), passes u32, lanes u32 (1), salt[16],
//   AES-256-GCM: nonce[12], wrapped master key[32], tag[16],
//   zeros
// All before the nonce is the wrapping's associated data.
#define MAGIC           "sottov1"
#define MAGIC_BYTES     8
#define FLAG_PASSPHRASE 1U
#define SALT_BYTES      16
#define AD_BYTES        (MAGIC_BYTES + 4 * 4 + SALT_BYTES)
#define WRAPPED_BYTES   (SOTTO_SECRET_BYTES + AEAD_TAG_BYTES)
#define USED_BYTES      (AD_BYTES + AEAD_NONCE_BYTES + WRAPPED_BYTES)
_Static_assert(USED_BYTES <= SOTTO_VAULT_HEADER_BYTES, "header fits");
_Static_assert(SOTTO_VAULT_OVERHEAD_BYTES == AEAD_NONCE_BYTES + AEAD_TAG_BYTES, "blob overhead");

// RFC 9106 §4, second recommended option, but in one lane, since one thread computes it.
static const struct sotto_vault_cost default_cost = {.memory_kib = 65536, .passes = 3};
// Without a passphrase there is nothing to guess.
static const struct sotto_vault_cost least_cost = {
    .memory_kib = ARGON2ID_MEMORY_MIN_KIB,
    .passes = SOTTO_VAULT_PASSES_MIN,
};

struct sotto_vault {
    const struct sotto_env *env;
    struct sotto_secret master;
};

struct header {
    uint32_t flags;
    struct sotto_vault_cost cost;
    uint32_t lanes;
    uint8_t salt[SALT_BYTES];
    uint8_t nonce[AEAD_NONCE_BYTES];
    uint8_t wrapped[WRAPPED_BYTES];
};

static bool has_passphrase(const struct header *h)
{
    return (h->flags & FLAG_PASSPHRASE) != 0;
}

// A header can come from a thief, or from a broken disk: opening it must not take all memory or
// time, and a passphrase is never used at a cost that gives it away.
static bool cost_allowed(const struct sotto_vault_cost *c)
{
    return c->memory_kib >= SOTTO_VAULT_MEMORY_MIN_KIB &&
           c->memory_kib <= SOTTO_VAULT_MEMORY_MAX_KIB && c->passes >= SOTTO_VAULT_PASSES_MIN &&
           c->passes <= SOTTO_VAULT_PASSES_MAX;
}

static bool header_allowed(const struct header *h)
{
    if ((h->flags & ~FLAG_PASSPHRASE) != 0 || h->lanes != ARGON2ID_LANES) {
        return false;
    }
    if (!has_passphrase(h)) {
        return h->cost.memory_kib == least_cost.memory_kib && h->cost.passes == least_cost.passes;
    }
    return cost_allowed(&h->cost);
}

static void write_parameters(struct wire_writer *w, const struct header *h)
{
    wire_write_bytes(w, MAGIC, MAGIC_BYTES);
    wire_write_u32(w, h->flags);
    wire_write_u32(w, h->cost.memory_kib);
    wire_write_u32(w, h->cost.passes);
    wire_write_u32(w, h->lanes);
    wire_write_bytes(w, h->salt, sizeof h->salt);
}

static void header_write(const struct header *h, uint8_t out[SOTTO_VAULT_HEADER_BYTES])
{
    struct wire_writer w = wire_writer(out, SOTTO_VAULT_HEADER_BYTES);
    write_parameters(&w, h);
    wire_write_bytes(&w, h->nonce, sizeof h->nonce);
    wire_write_bytes(&w, h->wrapped, sizeof h->wrapped);
    wire_write_zeros(&w, SOTTO_VAULT_HEADER_BYTES - USED_BYTES);
}

static int header_read(struct header *out, const uint8_t data[SOTTO_VAULT_HEADER_BYTES])
{
    static const uint8_t zeros[SOTTO_VAULT_HEADER_BYTES - USED_BYTES];
    struct wire_reader r = wire_reader(data, SOTTO_VAULT_HEADER_BYTES);
    struct header h;
    uint8_t magic[MAGIC_BYTES];
    wire_read_bytes(&r, magic, sizeof magic);
    h.flags = wire_read_u32(&r);
    h.cost.memory_kib = wire_read_u32(&r);
    h.cost.passes = wire_read_u32(&r);
    h.lanes = wire_read_u32(&r);
    wire_read_bytes(&r, h.salt, sizeof h.salt);
    wire_read_bytes(&r, h.nonce, sizeof h.nonce);
    wire_read_bytes(&r, h.wrapped, sizeof h.wrapped);
    const uint8_t *rest = wire_read_view(&r, sizeof zeros);
    if (!wire_reader_done(&r) || memcmp(magic, MAGIC, sizeof magic) != 0 ||
        memcmp(rest, zeros, sizeof zeros) != 0 || !header_allowed(&h)) {
        return SOTTO_EPARSE;
    }
    *out = h;
    return 0;
}

static struct aead_ad parameters(const struct header *h, uint8_t buf[AD_BYTES])
{
    struct wire_writer w = wire_writer(buf, AD_BYTES);
    write_parameters(&w, h);
    return (struct aead_ad){.data = buf, .len = w.len};
}

static int passphrase_check(const char **passphrase)
{
    if (*passphrase == NULL) {
        *passphrase = "";
    }
    size_t len = strnlen(*passphrase, SOTTO_VAULT_PASSPHRASE_MAX_BYTES + 1);
    return len <= SOTTO_VAULT_PASSPHRASE_MAX_BYTES ? 0 : SOTTO_EINVAL;
}

static int wrap(const struct sotto_vault *v, const char *passphrase,
                const struct sotto_vault_cost *cost, uint8_t out[SOTTO_VAULT_HEADER_BYTES])
{
    int rc = passphrase_check(&passphrase);
    if (rc < 0) {
        return rc;
    }
    struct header h = {.lanes = ARGON2ID_LANES, .cost = least_cost};
    if (passphrase[0] != '\0') {
        h.flags = FLAG_PASSPHRASE;
        h.cost = cost != NULL ? *cost : default_cost;
    }
    if (!header_allowed(&h)) {
        return SOTTO_EINVAL;
    }
    v->env->random(h.salt, sizeof h.salt, v->env->user);
    v->env->random(h.nonce, sizeof h.nonce, v->env->user);

    struct sotto_secret key;
    uint8_t ad[AD_BYTES];
    rc = argon2id(&key, passphrase, h.salt, sizeof h.salt, &h.cost);
    if (rc == 0) {
        rc = aead_seal(&key, h.nonce, parameters(&h, ad), v->master.bytes, sizeof v->master.bytes,
                       h.wrapped);
    }
    sotto_wipe(&key, sizeof key);
    if (rc == 0) {
        header_write(&h, out);
    }
    return rc;
}

static int unwrap(struct sotto_vault *v, const char *passphrase, const struct header *h)
{
    struct sotto_secret key;
    uint8_t ad[AD_BYTES];
    int rc = argon2id(&key, passphrase, h->salt, sizeof h->salt, &h->cost);
    if (rc == 0) {
        rc = aead_open(&key, h->nonce, parameters(h, ad), h->wrapped, sizeof h->wrapped,
                       v->master.bytes);
    }
    sotto_wipe(&key, sizeof key);
    return rc == SOTTO_EAUTH ? SOTTO_EPASSPHRASE : rc;
}

static struct sotto_vault *vault_alloc(const struct sotto_env *env)
{
    struct sotto_vault *v = mem_alloc(env, sizeof *v);
    if (v != NULL) {
        v->env = env;
    }
    return v;
}

int sotto_vault_create(struct sotto_vault **out, const char *passphrase,
                       const struct sotto_vault_cost *cost,
                       uint8_t header[SOTTO_VAULT_HEADER_BYTES], const struct sotto_env *env)
{
    struct sotto_vault *v = vault_alloc(env);
    if (v == NULL) {
        return SOTTO_ENOMEM;
    }
    env->random(v->master.bytes, sizeof v->master.bytes, env->user);
    int rc = wrap(v, passphrase, cost, header);
    if (rc < 0) {
        sotto_vault_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

int sotto_vault_open(struct sotto_vault **out, const char *passphrase,
                     const uint8_t header[SOTTO_VAULT_HEADER_BYTES], const struct sotto_env *env)
{
    struct header h;
    int rc = header_read(&h, header);
    if (rc < 0) {
        return rc;
    }
    rc = passphrase_check(&passphrase);
    if (rc < 0) {
        return SOTTO_EPASSPHRASE; // no vault can have been made with it
    }
    struct sotto_vault *v = vault_alloc(env);
    if (v == NULL) {
        return SOTTO_ENOMEM;
    }
    rc = unwrap(v, passphrase, &h);
    if (rc < 0) {
        sotto_vault_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

bool sotto_vault_header_has_passphrase(const uint8_t header[SOTTO_VAULT_HEADER_BYTES])
{
    struct header h;
    return header_read(&h, header) == 0 && has_passphrase(&h);
}

int sotto_vault_rewrap(struct sotto_vault *v, const char *new_passphrase,
                       const struct sotto_vault_cost *cost,
                       uint8_t header[SOTTO_VAULT_HEADER_BYTES])
{
    return wrap(v, new_passphrase, cost, header);
}

void sotto_vault_free(struct sotto_vault *v)
{
    if (v != NULL) {
        mem_free_secret(v->env, v, sizeof *v);
    }
}

int sotto_vault_seal(struct sotto_vault *v, const void *name, size_t name_len, const uint8_t *plain,
                     size_t len, uint8_t *out, size_t cap)
{
    if (len > SOTTO_VAULT_BLOB_MAX_BYTES) {
        return SOTTO_ELIMIT;
    }
    if (cap < len + SOTTO_VAULT_OVERHEAD_BYTES) {
        return SOTTO_ESPACE;
    }
    uint8_t nonce[AEAD_NONCE_BYTES];
    v->env->random(nonce, sizeof nonce, v->env->user);
    struct aead_ad ad = {.data = name, .len = name_len};
    int rc = aead_seal(&v->master, nonce, ad, plain, len, out + sizeof nonce);
    if (rc < 0) {
        return rc;
    }
    memcpy(out, nonce, sizeof nonce);
    return (int)(len + SOTTO_VAULT_OVERHEAD_BYTES);
}

int sotto_vault_open_blob(struct sotto_vault *v, const void *name, size_t name_len,
                          const uint8_t *sealed, size_t len, uint8_t *out, size_t cap)
{
    if (len < SOTTO_VAULT_OVERHEAD_BYTES ||
        len - SOTTO_VAULT_OVERHEAD_BYTES > SOTTO_VAULT_BLOB_MAX_BYTES) {
        return SOTTO_EAUTH; // not made by _seal
    }
    if (cap < len - SOTTO_VAULT_OVERHEAD_BYTES) {
        return SOTTO_ESPACE;
    }
    struct aead_ad ad = {.data = name, .len = name_len};
    int rc =
        aead_open(&v->master, sealed, ad, sealed + AEAD_NONCE_BYTES, len - AEAD_NONCE_BYTES, out);
    return rc < 0 ? rc : (int)(len - SOTTO_VAULT_OVERHEAD_BYTES);
}
