// SPDX-License-Identifier: Apache-2.0
#include "engine/map.h"

#include <assert.h>
#include <string.h>

uint64_t map_hash(uint64_t seed, const uint8_t *key, size_t len)
{
    uint64_t h = seed;
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, key + i, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
        h *= seed | 1;
        h ^= h >> 32;
    }
    return h;
}

int map_init(struct map *m, size_t bucket_count, size_t key_bytes, const struct sotto_env *env)
{
    assert((bucket_count & (bucket_count - 1)) == 0 && key_bytes % 8 == 0);
    struct map_entry **buckets = env->realloc(NULL, bucket_count * sizeof *buckets, env->user);
    if (buckets == NULL)
        return SOTTO_ENOMEM;
    memset(buckets, 0, bucket_count * sizeof *buckets);
    *m = (struct map){.env = env,
                      .buckets = buckets,
                      .bucket_count = bucket_count,
                      .key_bytes = key_bytes};
    env->random(&m->seed, sizeof m->seed, env->user);
    return 0;
}

void map_deinit(struct map *m)
{
    if (m->buckets != NULL)
        m->env->realloc(m->buckets, 0, m->env->user);
    m->buckets = NULL;
}

static struct map_entry **chain(const struct map *m, const uint8_t *key)
{
    return &m->buckets[map_hash(m->seed, key, m->key_bytes) & (m->bucket_count - 1)];
}

void map_insert(struct map *m, struct map_entry *entry, const uint8_t *key)
{
    assert(map_find(m, key) == NULL);
    struct map_entry **head = chain(m, key);
    entry->key = key;
    entry->next = *head;
    *head = entry;
    m->count++;
}

struct map_entry *map_find(const struct map *m, const uint8_t *key)
{
    struct map_entry *entry = *chain(m, key);
    while (entry != NULL && !sotto_equal_ct(entry->key, key, m->key_bytes))
        entry = entry->next;
    return entry;
}

void map_remove(struct map *m, struct map_entry *entry)
{
    struct map_entry **at = chain(m, entry->key);
    while (*at != NULL && *at != entry)
        at = &(*at)->next;
    assert(*at == entry);
    *at = entry->next;
    entry->next = NULL;
    m->count--;
}
