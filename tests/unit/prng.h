// SPDX-License-Identifier: Apache-2.0
// Chance that replays: splitmix64.
#ifndef SOTTO_TESTS_PRNG_H
#define SOTTO_TESTS_PRNG_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t prng_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

// 0 ... bound - 1; bound is not 0.
static inline uint32_t prng_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(prng_next(state) % bound);
}

static inline bool prng_percent(uint64_t *state, uint32_t percent)
{
    return prng_below(state, 100) < percent;
}

#endif
