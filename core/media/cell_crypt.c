// SPDX-License-Identifier: Apache-2.0
#include "media/cell_crypt.h"

#include "base/mem.h"
#include "media/replay.h"

#include <assert.h>
#include <string.h>

static_assert(CELL_BYTES == SOTTO_CELL_BYTES, "one size");
static_assert(CELL_REPLAY_WINDOW == REPLAY_WINDOW, "one window");
static_assert(CELL_PLAINTEXT_MAX_BYTES == CELL_BYTES - 1 - SOTTO_SFRAME_TAG_BYTES,
              "the smallest header leaves the most room");

static const uint8_t *metadata(void)
{
    return (const uint8_t *)CELL_METADATA;
}

#define METADATA_BYTES (sizeof(CELL_METADATA) - 1)

static int new_key(struct sotto_sframe_key **out, uint32_t epoch, const struct sotto_secret *base,
                   const struct sotto_env *env)
{
    return sotto_sframe_key_new(out, base->bytes, sizeof base->bytes, epoch, env);
}

// ---- sealing ----------------------------------------------------------------------------------

struct cell_sealer {
    const struct sotto_env *env;
    struct sotto_sframe_key *key; // NULL before the first epoch
    uint64_t next_ctr;
};

int cell_sealer_new(struct cell_sealer **out, const struct sotto_env *env)
{
    struct cell_sealer *s = mem_alloc(env, sizeof *s);
    if (s == NULL) {
        return SOTTO_ENOMEM;
    }
    s->env = env;
    *out = s;
    return 0;
}

void cell_sealer_free(struct cell_sealer *s)
{
    if (s == NULL) {
        return;
    }
    sotto_sframe_key_free(s->key);
    mem_free_secret(s->env, s, sizeof *s);
}

int cell_sealer_set_key(struct cell_sealer *s, uint32_t epoch, const struct sotto_secret *base)
{
    uint64_t expected = s->key == NULL ? 0 : sotto_sframe_key_kid(s->key) + 1;
    if (epoch != expected) {
        return SOTTO_EINVAL;
    }
    struct sotto_sframe_key *key;
    int err = new_key(&key, epoch, base, s->env);
    if (err != 0) {
        return err;
    }
    sotto_sframe_key_free(s->key);
    s->key = key;
    return 0;
}

size_t cell_sealer_room(const struct cell_sealer *s)
{
    if (s->key == NULL) {
        return 0;
    }
    uint8_t header[SOTTO_SFRAME_HEADER_MAX_BYTES];
    int len = sotto_sframe_header_encode(header, sizeof header, sotto_sframe_key_kid(s->key),
                                         s->next_ctr);
    return (size_t)(CELL_BYTES - SOTTO_SFRAME_TAG_BYTES - len);
}

uint64_t cell_sealer_next_ctr(const struct cell_sealer *s)
{
    return s->next_ctr;
}

void cell_sealer_skip(struct cell_sealer *s, unsigned ticks)
{
    s->next_ctr = s->next_ctr < UINT64_MAX - ticks ? s->next_ctr + ticks : UINT64_MAX;
}

int cell_seal(struct cell_sealer *s, const struct cell_content *c, uint8_t out[CELL_BYTES])
{
    if (s->key == NULL) {
        return SOTTO_ESTATE;
    }
    if (s->next_ctr == UINT64_MAX) {
        return SOTTO_ELIMIT;
    }
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    size_t room = cell_sealer_room(s);
    int err = cell_encode(c, plain, room);
    if (err >= 0) {
        // Taken before it is used: should sealing fail half-way, the counter is gone, not reused.
        uint64_t ctr = s->next_ctr++;
        err = sotto_sframe_seal(s->key, ctr, metadata(), METADATA_BYTES, plain, room, out,
                                CELL_BYTES);
        assert(err < 0 || err == CELL_BYTES);
    }
    sotto_wipe(plain, sizeof plain);
    return err < 0 ? err : 0;
}

// ---- opening ----------------------------------------------------------------------------------

struct cell_opener {
    const struct sotto_env *env;
    struct sotto_sframe_key *newest; // NULL before the first epoch
    struct sotto_sframe_key *older;  // NULL: none
    sotto_ns older_until;            // SOTTO_NEVER until the newest epoch has opened a cell
    int64_t epoch;
    // One window for all epochs: the sender's counter goes on over them.
    struct replay_window window;
};

int cell_opener_new(struct cell_opener **out, const struct sotto_env *env)
{
    struct cell_opener *o = mem_alloc(env, sizeof *o);
    if (o == NULL) {
        return SOTTO_ENOMEM;
    }
    o->env = env;
    o->epoch = -1;
    o->older_until = SOTTO_NEVER;
    replay_init(&o->window);
    *out = o;
    return 0;
}

void cell_opener_free(struct cell_opener *o)
{
    if (o == NULL) {
        return;
    }
    sotto_sframe_key_free(o->newest);
    sotto_sframe_key_free(o->older);
    mem_free_secret(o->env, o, sizeof *o);
}

int cell_opener_add_key(struct cell_opener *o, uint32_t epoch, const struct sotto_secret *base)
{
    uint64_t expected = o->newest == NULL ? 0 : sotto_sframe_key_kid(o->newest) + 1;
    if (epoch != expected) {
        return SOTTO_EINVAL;
    }
    struct sotto_sframe_key *key;
    int err = new_key(&key, epoch, base, o->env);
    if (err != 0) {
        return err;
    }
    sotto_sframe_key_free(o->older);
    o->older = o->newest;
    o->older_until = SOTTO_NEVER;
    o->newest = key;
    return 0;
}

int64_t cell_opener_epoch(const struct cell_opener *o)
{
    return o->epoch;
}

static void forget_older(struct cell_opener *o, sotto_ns now)
{
    if (o->older != NULL && now >= o->older_until) {
        sotto_sframe_key_free(o->older);
        o->older = NULL;
    }
}

static struct sotto_sframe_key *key_of(const struct cell_opener *o, uint64_t kid)
{
    if (o->newest != NULL && sotto_sframe_key_kid(o->newest) == kid) {
        return o->newest;
    }
    if (o->older != NULL && sotto_sframe_key_kid(o->older) == kid) {
        return o->older;
    }
    return NULL;
}

// The cell was authentic.
static void mark_seen(struct cell_opener *o, const struct sotto_sframe_key *key, uint64_t ctr,
                      sotto_ns now)
{
    replay_mark(&o->window, ctr);
    if (key == o->newest && o->older_until == SOTTO_NEVER) {
        bool over = now > SOTTO_NEVER - CELL_OLD_EPOCH_NS;
        o->older_until = over ? SOTTO_NEVER - 1 : now + CELL_OLD_EPOCH_NS;
    }
    int64_t epoch = (int64_t)sotto_sframe_key_kid(key);
    if (epoch > o->epoch) {
        o->epoch = epoch;
    }
}

int cell_open(struct cell_opener *o, const uint8_t cell[CELL_BYTES], sotto_ns now,
              uint8_t plain[CELL_PLAINTEXT_MAX_BYTES], struct cell_content *content, uint64_t *ctr)
{
    uint64_t kid, c;
    int err = sotto_sframe_header_decode(cell, CELL_BYTES, &kid, &c);
    if (err < 0) {
        return err;
    }
    forget_older(o, now);
    struct sotto_sframe_key *key = key_of(o, kid);
    if (key == NULL) {
        return SOTTO_EAUTH;
    }
    err = replay_check(&o->window, c);
    if (err != 0) {
        return err;
    }
    int len = sotto_sframe_open(key, metadata(), METADATA_BYTES, cell, CELL_BYTES, plain,
                                CELL_PLAINTEXT_MAX_BYTES, &c);
    if (len < 0) {
        return len;
    }
    mark_seen(o, key, c, now);
    err = cell_decode(content, plain, (size_t)len);
    if (err != 0) {
        sotto_wipe(plain, (size_t)len);
        return err;
    }
    *ctr = c;
    return 0;
}
