// SPDX-License-Identifier: Apache-2.0
#include "cid_table.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <sotto/base.h>

#define BUCKETS_MIN 64

struct cid_entry {
    struct cid_entry *next_in_bucket, *next_of_list;
    void *value;
    uint8_t len;
    uint8_t id[CID_MAX_BYTES];
};

int cid_table_init(struct cid_table *t)
{
    memset(t, 0, sizeof *t);
    t->buckets = calloc(BUCKETS_MIN, sizeof *t->buckets);
    if (t->buckets == NULL || RAND_bytes((unsigned char *)t->key, (int)sizeof t->key) != 1) {
        free(t->buckets);
        t->buckets = NULL;
        return SOTTO_ENOMEM;
    }
    t->bucket_count = BUCKETS_MIN;
    return 0;
}

void cid_table_deinit(struct cid_table *t)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        while (t->buckets[i] != NULL) {
            struct cid_entry *e = t->buckets[i];
            t->buckets[i] = e->next_in_bucket;
            free(e);
        }
    }
    free(t->buckets);
    memset(t, 0, sizeof *t);
}

// Pair-multiply-shift over six 32-bit words (five of id, one of length): universal for a secret
// key, and cheap.
static size_t hash(const struct cid_table *t, const uint8_t *id, size_t len)
{
    uint32_t w[6] = {0};
    memcpy(w, id, len);
    w[5] = (uint32_t)len;
    uint64_t sum = 0;
    for (size_t i = 0; i < 6; i += 2) {
        sum += (t->key[i] + w[i]) * (t->key[i + 1] + w[i + 1]);
    }
    return (size_t)(sum >> 32) & (t->bucket_count - 1);
}

static void grow(struct cid_table *t)
{
    size_t old_count = t->bucket_count;
    struct cid_entry **old = t->buckets;
    struct cid_entry **buckets = calloc(2 * old_count, sizeof *buckets);
    if (buckets == NULL) {
        return; // longer chains, that is all
    }
    t->buckets = buckets;
    t->bucket_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct cid_entry *e = old[i];
            old[i] = e->next_in_bucket;
            size_t h = hash(t, e->id, e->len);
            e->next_in_bucket = t->buckets[h];
            t->buckets[h] = e;
        }
    }
    free(old);
}

static struct cid_entry *find(const struct cid_table *t, const uint8_t *id, size_t len)
{
    if (len > CID_MAX_BYTES) {
        return NULL;
    }
    for (struct cid_entry *e = t->buckets[hash(t, id, len)]; e != NULL; e = e->next_in_bucket) {
        if (e->len == len && memcmp(e->id, id, len) == 0) {
            return e;
        }
    }
    return NULL;
}

int cid_table_add(struct cid_table *t, struct cid_list *list, void *value, const uint8_t *id,
                  size_t len)
{
    if (len > CID_MAX_BYTES || find(t, id, len) != NULL) {
        return SOTTO_EEXIST;
    }
    struct cid_entry *e = malloc(sizeof *e);
    if (e == NULL) {
        return SOTTO_ENOMEM;
    }
    if (t->count >= t->bucket_count) {
        grow(t);
    }
    e->value = value;
    e->len = (uint8_t)len;
    memcpy(e->id, id, len);
    size_t h = hash(t, id, len);
    e->next_in_bucket = t->buckets[h];
    t->buckets[h] = e;
    e->next_of_list = list->first;
    list->first = e;
    t->count++;
    return 0;
}

void *cid_table_find(const struct cid_table *t, const uint8_t *id, size_t len)
{
    struct cid_entry *e = find(t, id, len);
    return e != NULL ? e->value : NULL;
}

static void unlink_from_bucket(struct cid_table *t, struct cid_entry *e)
{
    struct cid_entry **p = &t->buckets[hash(t, e->id, e->len)];
    while (*p != e) {
        p = &(*p)->next_in_bucket;
    }
    *p = e->next_in_bucket;
    t->count--;
}

void cid_table_remove(struct cid_table *t, struct cid_list *list, const uint8_t *id, size_t len)
{
    for (struct cid_entry **p = &list->first; *p != NULL; p = &(*p)->next_of_list) {
        struct cid_entry *e = *p;
        if (e->len == len && memcmp(e->id, id, len) == 0) {
            *p = e->next_of_list;
            unlink_from_bucket(t, e);
            free(e);
            return;
        }
    }
}

void cid_table_remove_all(struct cid_table *t, struct cid_list *list)
{
    while (list->first != NULL) {
        struct cid_entry *e = list->first;
        list->first = e->next_of_list;
        unlink_from_bucket(t, e);
        free(e);
    }
}
