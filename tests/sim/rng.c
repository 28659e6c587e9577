// SPDX-License-Identifier: Apache-2.0
// xoshiro256** (Blackman, Vigna), seeded by splitmix64; and the same for OpenSSL, in this process
// only: without it no run could be repeated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sim.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    return rng_next(r) % bound;
}

bool rng_chance(struct rng *r, unsigned per_mille)
{
    return rng_below(r, 1000) < per_mille;
}

void rng_fill(struct rng *r, void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        uint64_t v = rng_next(r);
        size_t n = len < sizeof v ? len : sizeof v;
        memcpy(at, &v, n);
        at += n;
        len -= n;
    }
}

uint64_t fnv64(uint64_t h, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    return h;
}

// ---- OpenSSL -----------------------------------------------------------------------------------

static struct rng openssl_rng;

static int openssl_bytes(unsigned char *buf, int num)
{
    rng_fill(&openssl_rng, buf, (size_t)num);
    return 1;
}

static int openssl_status(void)
{
    return 1;
}

void rng_own_openssl(void)
{
    static const RAND_METHOD method = {.bytes = openssl_bytes,
                                       .pseudorand = openssl_bytes,
                                       .status = openssl_status};
    rng_seed(&openssl_rng, 0);
    if (RAND_set_rand_method(&method) != 1)
        abort();
}

void rng_reseed_openssl(uint64_t seed)
{
    rng_seed(&openssl_rng, seed);
}
