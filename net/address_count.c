// SPDX-License-Identifier: Apache-2.0
#include "address_count.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sotto/base.h>

#define BUCKETS            4096
#define IPV6_NETWORK_BYTES 8

struct address_entry {
    struct address_entry *next;
    uint32_t count;
    uint8_t key[ADDRESS_KEY_BYTES];
};

int address_count_init(struct address_count *a)
{
    memset(a, 0, sizeof *a);
    a->buckets = calloc(BUCKETS, sizeof *a->buckets);
    if (a->buckets == NULL || RAND_bytes(a->key, sizeof a->key) != 1) {
        address_count_deinit(a);
        return SOTTO_ENOMEM;
    }
    a->bucket_count = BUCKETS;
    return 0;
}

void address_count_deinit(struct address_count *a)
{
    for (size_t i = 0; i < a->bucket_count; i++) {
        while (a->buckets[i] != NULL) {
            struct address_entry *e = a->buckets[i];
            a->buckets[i] = e->next;
            free(e);
        }
    }
    free(a->buckets);
    OPENSSL_cleanse(a, sizeof *a);
}

int address_count_key(const struct address_count *a, const union udp_address *address,
                      uint8_t out[ADDRESS_KEY_BYTES])
{
    const uint8_t *bytes = (const uint8_t *)&address->v4.sin_addr;
    size_t len = sizeof address->v4.sin_addr;
    if (address->any.sa_family == AF_INET6) {
        bytes = address->v6.sin6_addr.s6_addr;
        len = IPV6_NETWORK_BYTES;
        if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
            bytes += 12;
            len = 4;
        }
    }
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (HMAC(EVP_sha256(), a->key, sizeof a->key, bytes, len, mac, &mac_len) == NULL ||
        mac_len < ADDRESS_KEY_BYTES) {
        return SOTTO_ECRYPTO;
    }
    memcpy(out, mac, ADDRESS_KEY_BYTES);
    return 0;
}

static struct address_entry **find(const struct address_count *a, const uint8_t *key)
{
    // The key is as good as random already.
    size_t h = ((size_t)key[0] << 8 | key[1]) & (a->bucket_count - 1);
    struct address_entry **p = &a->buckets[h];
    while (*p != NULL && memcmp((*p)->key, key, ADDRESS_KEY_BYTES) != 0) {
        p = &(*p)->next;
    }
    return p;
}

uint32_t address_count_get(const struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES])
{
    const struct address_entry *e = *find(a, key);
    return e != NULL ? e->count : 0;
}

int address_count_add(struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES])
{
    struct address_entry **p = find(a, key);
    if (*p == NULL) {
        struct address_entry *e = calloc(1, sizeof *e);
        if (e == NULL) {
            return SOTTO_ENOMEM;
        }
        memcpy(e->key, key, ADDRESS_KEY_BYTES);
        *p = e;
        a->count++;
    }
    (*p)->count++;
    return 0;
}

void address_count_drop(struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES])
{
    struct address_entry **p = find(a, key);
    struct address_entry *e = *p;
    if (e != NULL && --e->count == 0) {
        *p = e->next;
        a->count--;
        free(e);
    }
}
