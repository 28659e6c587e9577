// SPDX-License-Identifier: Apache-2.0
#include "session/seal.h"

#include <assert.h>
#include <string.h>

#include "identity/aead.h"
#include "session/kdf.h"
#include "wire/cursor.h"

static const char LABEL[] = "sotto number seal v1";

#define AAD_BYTES (SEAL_HEADER_BYTES + 1 + 2 * SEAL_SALT_BYTES)

static_assert(SEAL_KEY_BYTES == SOTTO_SECRET_BYTES && SEAL_TAG_BYTES == AEAD_TAG_BYTES,
              "AES-256-GCM");
static_assert(SEAL_PLAIN_MAX_BYTES <= AEAD_LEN_MAX_BYTES, "one call seals it");

// One flight's key, nonce and associated data.
struct lock {
    struct sotto_secret key;
    uint8_t nonce[AEAD_NONCE_BYTES];
    uint8_t aad[AAD_BYTES];
};

int session_seal_init(struct session_seal *s, enum sotto_role role,
                      const struct sotto_secret *secret, const char *purpose,
                      const uint8_t salt[SEAL_SALT_BYTES])
{
    size_t len = purpose != NULL ? strnlen(purpose, SOTTO_SESSION_PURPOSE_MAX_BYTES + 1) : 0;

    if (len == 0 || len > SOTTO_SESSION_PURPOSE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    memset(s, 0, sizeof *s);
    s->role = role;
    s->secret = *secret;
    memcpy(s->purpose, purpose, len);
    s->purpose_len = len;
    memcpy(s->salt[role], salt, SEAL_SALT_BYTES);
    return 0;
}

void session_seal_deinit(struct session_seal *s)
{
    sotto_wipe(s, sizeof *s);
}

static enum sotto_role other(enum sotto_role role)
{
    return role == SOTTO_CALLER ? SOTTO_CALLEE : SOTTO_CALLER;
}

// Only the caller's first flight is sealed before both salts are known.
static bool is_opening(enum sotto_role sender, uint32_t counter)
{
    return sender == SOTTO_CALLER && counter == 0;
}

static int derive_key(uint8_t key[SEAL_KEY_BYTES], const struct session_seal *s,
                      enum sotto_role sender, bool opening)
{
    const uint8_t role = (uint8_t)sender, stage = opening ? 0 : 1;
    const uint8_t purpose_len = (uint8_t)s->purpose_len;
    const struct session_part ikm = {s->secret.bytes, sizeof s->secret.bytes};
    const struct session_part salts[] = {
        {s->salt[SOTTO_CALLER], SEAL_SALT_BYTES},
        {s->salt[SOTTO_CALLEE], SEAL_SALT_BYTES},
    };
    const struct session_part info[] = {
        {LABEL, sizeof LABEL - 1},    {&role, 1}, {&stage, 1}, {&purpose_len, 1},
        {s->purpose, s->purpose_len},
    };

    return session_hkdf(key, SEAL_KEY_BYTES,
                        &(struct session_hkdf){.ikm = &ikm,
                                               .ikm_count = 1,
                                               .salt = salts,
                                               .salt_count = opening ? 1 : 2,
                                               .info = info,
                                               .info_count = sizeof info / sizeof info[0]});
}

static int make_lock(struct lock *l, const struct session_seal *s, enum sotto_role sender,
                     uint32_t counter)
{
    static const uint8_t none[SEAL_SALT_BYTES];
    const bool opening = is_opening(sender, counter);
    struct wire_writer nonce = wire_writer(l->nonce, sizeof l->nonce);
    struct wire_writer aad = wire_writer(l->aad, sizeof l->aad);

    wire_write_u64(&nonce, 0);
    wire_write_u32(&nonce, counter);
    wire_write_u8(&aad, SEAL_VERSION);
    wire_write_u32(&aad, counter);
    wire_write_u8(&aad, (uint8_t)sender);
    wire_write_bytes(&aad, s->salt[SOTTO_CALLER], SEAL_SALT_BYTES);
    wire_write_bytes(&aad, opening ? none : s->salt[SOTTO_CALLEE], SEAL_SALT_BYTES);
    assert(nonce.len == AEAD_NONCE_BYTES && aad.len == AAD_BYTES);
    return derive_key(l->key.bytes, s, sender, opening);
}

static struct aead_ad aad_of(const struct lock *l)
{
    return (struct aead_ad){.data = l->aad, .len = sizeof l->aad};
}

bool session_seal_can_write(const struct session_seal *s)
{
    return s->peer_known || is_opening(s->role, s->sent);
}

static size_t padded_bytes(size_t hint_len, size_t tls_len)
{
    size_t inner = SEAL_INNER_HEADER_BYTES + hint_len + tls_len;

    return (inner + SEAL_PAD_BYTES - 1) / SEAL_PAD_BYTES * SEAL_PAD_BYTES;
}

static size_t prefix_bytes(uint32_t counter)
{
    return SEAL_HEADER_BYTES + (counter == 0 ? SEAL_SALT_BYTES : 0);
}

size_t session_seal_size(const struct session_seal *s, size_t hint_len, size_t tls_len)
{
    return prefix_bytes(s->sent) + padded_bytes(hint_len, tls_len) + SEAL_TAG_BYTES;
}

static int write_plain(const struct session_flight *f, uint8_t *plain, size_t size)
{
    struct wire_writer w = wire_writer(plain, size);

    wire_write_vec8(&w, f->hint, f->hint_len);
    wire_write_vec16(&w, f->tls, f->tls_len);
    if (!w.failed) {
        wire_write_zeros(&w, size - w.len);
    }
    return wire_writer_finish(&w);
}

int session_seal_write(struct session_seal *s, const struct session_flight *f, uint8_t *out,
                       size_t cap)
{
    uint8_t plain[SEAL_PLAIN_MAX_BYTES];
    struct lock lock;
    size_t size, prefix = prefix_bytes(s->sent);
    int err;

    if (!session_seal_can_write(s)) {
        return SOTTO_ESTATE;
    }
    if (f->hint_len > SEAL_HINT_MAX_BYTES || f->tls_len > SEAL_TLS_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    if (s->sent == UINT32_MAX) {
        return SOTTO_ELIMIT;
    }
    size = padded_bytes(f->hint_len, f->tls_len);
    if (cap < prefix + size + SEAL_TAG_BYTES) {
        return SOTTO_ESPACE;
    }

    err = write_plain(f, plain, size);
    if (err >= 0) {
        err = make_lock(&lock, s, s->role, s->sent);
    }
    if (err == 0) {
        err = aead_seal(&lock.key, lock.nonce, aad_of(&lock), plain, size, out + prefix);
    }
    if (err == 0) {
        struct wire_writer w = wire_writer(out, prefix);

        wire_write_u8(&w, SEAL_VERSION);
        wire_write_u32(&w, s->sent);
        if (s->sent == 0) {
            wire_write_bytes(&w, s->salt[s->role], SEAL_SALT_BYTES);
        }
        s->sent++;
    }
    sotto_wipe(plain, sizeof plain);
    sotto_wipe(&lock, sizeof lock);
    return err == 0 ? (int)(prefix + size + SEAL_TAG_BYTES) : err;
}

// The clear part. False unless it is the peer's next flight by its counter.
static bool read_prefix(struct wire_reader *r, struct session_seal *s, size_t *sealed_len,
                        const uint8_t **sealed)
{
    uint8_t version = wire_read_u8(r);
    uint32_t counter = wire_read_u32(r);

    if (r->failed || version != SEAL_VERSION || counter != s->received || counter == UINT32_MAX) {
        return false;
    }
    if (counter == 0) {
        wire_read_bytes(r, s->salt[other(s->role)], SEAL_SALT_BYTES);
    }
    *sealed = wire_read_rest(r, sealed_len);
    return !r->failed && *sealed_len > SEAL_TAG_BYTES &&
           *sealed_len - SEAL_TAG_BYTES <= SEAL_PLAIN_MAX_BYTES;
}

static int read_plain(struct session_flight *f, const uint8_t *plain, size_t len)
{
    struct wire_reader r = wire_reader(plain, len);
    struct session_flight got;
    size_t padding_len;
    const uint8_t *padding;
    uint8_t any = 0;

    got.hint = wire_read_vec8(&r, SEAL_HINT_MAX_BYTES, &got.hint_len);
    got.tls = wire_read_vec16(&r, SEAL_PLAIN_MAX_BYTES, &got.tls_len);
    padding = wire_read_rest(&r, &padding_len);
    if (r.failed || len != padded_bytes(got.hint_len, got.tls_len)) {
        return SOTTO_EPROTO;
    }
    for (size_t i = 0; i < padding_len; i++) {
        any |= padding[i];
    }
    if (any != 0) {
        return SOTTO_EPROTO;
    }
    *f = got;
    return 0;
}

int session_seal_read(struct session_seal *s, const uint8_t *flight, size_t len,
                      uint8_t plain[SEAL_PLAIN_MAX_BYTES], struct session_flight *f)
{
    struct session_seal next = *s; // becomes *s only if the flight is authentic
    struct wire_reader r = wire_reader(flight, len);
    struct lock lock;
    const uint8_t *sealed;
    size_t sealed_len;
    int err = SOTTO_EAUTH;

    // A callee's flight that does not answer one of ours cannot be ours to open.
    if (len > SOTTO_FLIGHT_MAX_BYTES || (s->role == SOTTO_CALLER && s->sent == 0) ||
        !read_prefix(&r, &next, &sealed_len, &sealed)) {
        goto done;
    }
    err = make_lock(&lock, &next, other(s->role), s->received);
    if (err == 0) {
        err = aead_open(&lock.key, lock.nonce, aad_of(&lock), sealed, sealed_len, plain);
    }
    if (err != 0) {
        goto done;
    }
    next.peer_known = true;
    next.received++;
    *s = next;
    err = read_plain(f, plain, sealed_len - SEAL_TAG_BYTES);
done:
    sotto_wipe(&next, sizeof next);
    sotto_wipe(&lock, sizeof lock);
    return err;
}
