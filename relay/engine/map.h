// SPDX-License-Identifier: Apache-2.0
// An intrusive hash table with chains: entries live inside the structs they index, so only
// making the table can fail. The seed keeps outsiders from choosing keys that collide.
#ifndef SOTTO_RELAY_MAP_H
#define SOTTO_RELAY_MAP_H

#include <sotto/base.h>

struct map_entry {
    struct map_entry *next;
    const uint8_t *key; // borrowed, map.key_bytes long, unchanged while in the map
};

struct map {
    const struct sotto_env *env;
    struct map_entry **buckets;
    size_t bucket_count; // a power of two
    size_t key_bytes;    // a multiple of 8
    size_t count;
    uint64_t seed;
};

// A keyed mix of len bytes (a multiple of 8); not a cryptographic hash.
uint64_t map_hash(uint64_t seed, const uint8_t *key, size_t len);

// 0 or SOTTO_ENOMEM.
int map_init(struct map *m, size_t bucket_count, size_t key_bytes, const struct sotto_env *env);
// The entries are their owners' and are left alone.
void map_deinit(struct map *m);
// The key must not be there yet.
void map_insert(struct map *m, struct map_entry *entry, const uint8_t *key);
// NULL if there is none.
struct map_entry *map_find(const struct map *m, const uint8_t *key);
// The entry must be there.
void map_remove(struct map *m, struct map_entry *entry);

#endif
