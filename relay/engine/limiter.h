// SPDX-License-Identifier: Apache-2.0
// Rate limits in the manner of the generic cell rate algorithm (ITU-T I.371): of a bucket only
// the time is kept at which it would be full again. The limiter holds buckets for many keys in
// a table of fixed size; where it is crowded, the key that was seen longest ago is forgotten.
#ifndef SOTTO_RELAY_LIMITER_H
#define SOTTO_RELAY_LIMITER_H

#include <sotto/base.h>

struct bucket {
    sotto_ns full_ns;
};

// Takes n of a bucket that holds `burst` and gains one each interval_ns; false, and nothing
// taken, if there are fewer than n in it.
bool bucket_take(struct bucket *b, uint32_t n, uint32_t burst, sotto_ns interval_ns, sotto_ns now);
// Takes n even if there are fewer: the bucket is then in debt, by at most n.
void bucket_charge(struct bucket *b, uint32_t n, sotto_ns interval_ns, sotto_ns now);

#define LIMITER_ENTRIES 8192
#define LIMITER_WAYS    4
#define LIMITER_BUCKETS 4 // for one key

struct limiter_entry {
    uint64_t tag; // keyed hash of the key; 0: unused
    sotto_ns seen_ns;
    struct bucket buckets[LIMITER_BUCKETS];
};

struct limiter {
    const struct sotto_env *env;
    struct limiter_entry *entries;
    uint64_t seed;
};

// 0 or SOTTO_ENOMEM.
int limiter_init(struct limiter *l, const struct sotto_env *env);
void limiter_deinit(struct limiter *l);
// As bucket_take with n = 1, on one of the key's buckets. key_len is a multiple of 8.
bool limiter_take_every(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                        uint32_t burst, sotto_ns interval_ns, sotto_ns now);
// As bucket_take with n = 1 and bucket_charge, on one of the key's buckets, with a burst of one
// minute's worth. key_len is a multiple of 8; per_minute at least 1.
bool limiter_take(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                  uint32_t per_minute, sotto_ns now);
void limiter_charge(struct limiter *l, const uint8_t *key, size_t key_len, unsigned which,
                    uint32_t n, uint32_t per_minute, sotto_ns now);

#endif
