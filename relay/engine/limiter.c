// SPDX-License-Identifier: Apache-2.0
#include "engine/limiter.h"

#include <assert.h>
#include <string.h>

#include "engine/map.h"

static sotto_ns later(sotto_ns a, sotto_ns b)
{
    return a > b ? a : b;
}

bool bucket_take(struct bucket *b, uint32_t n, uint32_t burst, sotto_ns interval_ns, sotto_ns now)
{
    sotto_ns full = later(b->full_ns, now) + n * interval_ns;
    if (full > now + burst * interval_ns)
        return false;
    b->full_ns = full;
    return true;
}

void bucket_charge(struct bucket *b, uint32_t n, sotto_ns interval_ns, sotto_ns now)
{
    b->full_ns = later(b->full_ns, now) + n * interval_ns;
}

int limiter_init(struct limiter *l, const struct sotto_env *env)
{
    size_t size = LIMITER_ENTRIES * sizeof(struct limiter_entry);
    struct limiter_entry *entries = env->realloc(NULL, size, env->user);
    if (entries == NULL)
        return SOTTO_ENOMEM;
    memset(entries, 0, size);
    *l = (struct limiter){.env = env, .entries = entries};
    env->random(&l->seed, sizeof l->seed, env->user);
    return 0;
}

void limiter_deinit(struct limiter *l)
{
    if (l->entries != NULL)
        l->env->realloc(l->entries, 0, l->env->user);
    l->entries = NULL;
}

static struct limiter_entry *entry_of(struct limiter *l, const uint8_t *key, size_t key_len,
                                      sotto_ns now)
{
    uint64_t tag = map_hash(l->seed, key, key_len);
    if (tag == 0)
        tag = 1;
    struct limiter_entry *set = l->entries + tag % (LIMITER_ENTRIES / LIMITER_WAYS) * LIMITER_WAYS;
    struct limiter_entry *oldest = set;
    for (struct limiter_entry *entry = set; entry < set + LIMITER_WAYS; entry++) {
        if (entry->tag == tag) {
            entry->seen_ns = now;
            return entry;
        }
        if (entry->tag == 0 || (oldest->tag != 0 && entry->seen_ns < oldest->seen_ns))
            oldest = entry;
    }
    *oldest = (struct limiter_entry){.tag = tag, .seen_ns = now};
    return oldest;
}

bool limiter_take_every(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                        uint32_t burst, sotto_ns interval_ns, sotto_ns now)
{
    assert(which < LIMITER_BUCKETS);
    struct limiter_entry *entry = entry_of(l, key, key_len, now);
    return bucket_take(&entry->buckets[which], 1, burst, interval_ns, now);
}

bool limiter_take(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                  uint32_t per_minute, sotto_ns now)
{
    assert(per_minute > 0);
    return limiter_take_every(l, key, key_len, which, per_minute, 60 * SOTTO_NS_PER_S / per_minute,
                              now);
}

void limiter_charge(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                    uint32_t n, uint32_t per_minute, sotto_ns now)
{
    assert(which < LIMITER_BUCKETS && per_minute > 0);
    struct limiter_entry *entry = entry_of(l, key, key_len, now);
    bucket_charge(&entry->buckets[which], n, 60 * SOTTO_NS_PER_S / per_minute, now);
}
