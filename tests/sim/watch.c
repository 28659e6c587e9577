// SPDX-License-Identifier: Apache-2.0
// The linker puts these in front of the functions of the core that every sample and every key has
// to pass (-Wl,--wrap): whatever leads there, it is seen.
#include "sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 256

int __real_voice_encode(struct sotto_voice_encoder *e, const struct voice_shape *shape,
                        const int16_t *pcm, uint8_t *out);
int __wrap_voice_encode(struct sotto_voice_encoder *e, const struct voice_shape *shape,
                        const int16_t *pcm, uint8_t *out);
int __real_sotto_sframe_key_new(struct sotto_sframe_key **out, const uint8_t *base_key,
                                size_t base_len, uint64_t kid, const struct sotto_env *env);
int __wrap_sotto_sframe_key_new(struct sotto_sframe_key **out, const uint8_t *base_key,
                                size_t base_len, uint64_t kid, const struct sotto_env *env);
void __real_sotto_sframe_key_free(struct sotto_sframe_key *k);
void __wrap_sotto_sframe_key_free(struct sotto_sframe_key *k);
int __real_sotto_sframe_seal(struct sotto_sframe_key *k, uint64_t ctr, const uint8_t *metadata,
                             size_t metadata_len, const uint8_t *plain, size_t len, uint8_t *out,
                             size_t cap);
int __wrap_sotto_sframe_seal(struct sotto_sframe_key *k, uint64_t ctr, const uint8_t *metadata,
                             size_t metadata_len, const uint8_t *plain, size_t len, uint8_t *out,
                             size_t cap);

bool __real_sotto_fingerprint_equal(const struct sotto_fingerprint *a,
                                    const struct sotto_fingerprint *b);
bool __wrap_sotto_fingerprint_equal(const struct sotto_fingerprint *a,
                                    const struct sotto_fingerprint *b);

static struct sim *watched;
static const struct person *blind;
static struct {
    const struct sotto_sframe_key *key;
    uint64_t hash; // of the base key and KID
} keys[KEYS_MAX];
size_t watch_seals;

// Set of (key, counter) that sealed something; 64-bit hashes, open addressing.
static uint64_t *used;
static size_t used_count, used_cap;

void watch_reset(struct sim *s)
{
    watched = s;
    blind = NULL;
    memset(keys, 0, sizeof keys);
    free(used);
    used = NULL;
    used_count = used_cap = 0;
}

static bool used_add(uint64_t h);

static void used_grow(void)
{
    uint64_t *old = used;
    size_t old_cap = used_cap;
    used_cap = used_cap ? 2 * used_cap : 1024;
    used = calloc(used_cap, sizeof *used);
    assert(used);
    used_count = 0;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            used_add(old[i]);
    free(old);
}

// False: it was there.
static bool used_add(uint64_t h)
{
    if (2 * used_count >= used_cap)
        used_grow();
    h = h ? h : 1;
    size_t i = h % used_cap;
    for (; used[i]; i = (i + 1) % used_cap)
        if (used[i] == h)
            return false;
    used[i] = h;
    used_count++;
    return true;
}

void watch_blind(const struct person *p)
{
    blind = p;
}

bool __wrap_sotto_fingerprint_equal(const struct sotto_fingerprint *a,
                                    const struct sotto_fingerprint *b)
{
    if (blind && watched && watched->running == blind)
        return false;
    return __real_sotto_fingerprint_equal(a, b);
}

// ---- sound -------------------------------------------------------------------------------------

// The microphone writes the number of each frame into the lowest bits of its samples.
static uint64_t frame_number(const int16_t *pcm)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 64; i++)
        n |= (uint64_t)((uint16_t)pcm[i] & 1) << i;
    return n;
}

static struct call *call_of(struct person *p, const struct sotto_voice_encoder *e)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (p->device->calls[i].used && p->device->calls[i].encoder == e)
            return &p->device->calls[i];
    return NULL;
}

static void look_at_sound(struct person *p, const struct sotto_voice_encoder *e, const int16_t *pcm)
{
    struct sim *s = p->sim;
    struct call *c = call_of(p, e);
    if (!c) {
        sim_fail(s, "%s: sound goes into an encoder of no call", p->name);
        return;
    }
    struct seen_call *seen = person_call(p, c->id);
    if (!seen || !seen->consented || c->state != SOTTO_CALL_ACTIVE || seen->muted || seen->held)
        sim_fail(s, "%s: sound leaves in call %u without consent (state %d)", p->name,
                 (unsigned)c->id, (int)c->state);
    uint64_t n = frame_number(pcm);
    if (n >= p->frames_captured || p->frames_captured - n > FRAMES_KEPT)
        sim_fail(s, "%s: a frame of unknown age leaves", p->name);
    else if (p->talking[n % FRAMES_KEPT] != c->id)
        sim_fail(s, "%s: spoken into call %u, leaves in call %u", p->name,
                 (unsigned)p->talking[n % FRAMES_KEPT], (unsigned)c->id);
    struct person *peer = c->has_peer ? person_by_fp(s, &c->peer, false) : NULL;
    if (peer)
        p->spoke_at[peer->index] = s->now_ns;
}

static bool silent(const int16_t *pcm)
{
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++)
        if (pcm[i] != 0)
            return false;
    return true;
}

int __wrap_voice_encode(struct sotto_voice_encoder *e, const struct voice_shape *shape,
                        const int16_t *pcm, uint8_t *out)
{
    struct sim *s = watched;
    bool sound = s && !silent(pcm);
    if (sound && s->running)
        look_at_sound(s->running, e, pcm);
    int rc = __real_voice_encode(e, shape, pcm, out);
    if (sound && rc == 0) {
        sim_canary(s, "a frame of sound", pcm + 64, 32);
        sim_canary(s, "an Opus packet", out + 2, 32);
    }
    return rc;
}

// ---- keys and counters -------------------------------------------------------------------------

int __wrap_sotto_sframe_key_new(struct sotto_sframe_key **out, const uint8_t *base_key,
                                size_t base_len, uint64_t kid, const struct sotto_env *env)
{
    int rc = __real_sotto_sframe_key_new(out, base_key, base_len, kid, env);
    if (rc != 0 || !watched)
        return rc;
    sim_canary(watched, "a media key", base_key, base_len);
    size_t i = 0;
    while (i < KEYS_MAX && keys[i].key)
        i++;
    assert(i < KEYS_MAX);
    keys[i].key = *out;
    keys[i].hash = fnv64(fnv64(FNV_START, base_key, base_len), &kid, sizeof kid);
    return rc;
}

void __wrap_sotto_sframe_key_free(struct sotto_sframe_key *k)
{
    for (size_t i = 0; k && i < KEYS_MAX; i++)
        if (keys[i].key == k)
            keys[i].key = NULL;
    __real_sotto_sframe_key_free(k);
}

// What somebody says of himself in reports who lies, or is of a former version.
static void bend_report(const struct person *p, uint64_t ctr, uint8_t *plain, size_t len)
{
    uint8_t before[CELL_PLAINTEXT_MAX_BYTES];
    struct cell_content c;
    assert(len <= sizeof before);
    memcpy(before, plain, len);
    int rc = cell_decode(&c, before, len);
    assert(rc == 0);
    if (!c.has_report)
        return;
    uint64_t h = fnv64(FNV_START, &ctr, sizeof ctr);
    c.report.wish = p->former ? 0 : 1 + (uint8_t)(h % CELL_SPAN_MAX);
    c.report.span = p->former ? 0 : 1 + (uint8_t)(h >> 8) % CELL_SPAN_MAX;
    c.report.loss = p->former ? c.report.loss : (uint8_t)(h >> 16);
    c.report.burst = p->former ? c.report.burst : (uint8_t)(h >> 24);
    rc = cell_encode(&c, plain, len);
    assert(rc == (int)len);
}

int __wrap_sotto_sframe_seal(struct sotto_sframe_key *k, uint64_t ctr, const uint8_t *metadata,
                             size_t metadata_len, const uint8_t *plain, size_t len, uint8_t *out,
                             size_t cap)
{
    uint8_t bent[CELL_PLAINTEXT_MAX_BYTES];
    const struct person *p = watched ? watched->running : NULL;
    watch_seals++;
    if (p && (p->lies || p->former) && len <= sizeof bent) {
        memcpy(bent, plain, len);
        bend_report(p, ctr, bent, len);
        plain = bent;
    }
    for (size_t i = 0; watched && i < KEYS_MAX; i++)
        if (keys[i].key == k && !used_add(fnv64(keys[i].hash, &ctr, sizeof ctr)))
            sim_fail(watched, "key and counter %llu used twice", (unsigned long long)ctr);
    return __real_sotto_sframe_seal(k, ctr, metadata, metadata_len, plain, len, out, cap);
}
