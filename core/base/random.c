// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <assert.h>

// Each try is refused with a probability below 1/2, so an honest source never comes this far; a
// stuck one ends the loop with a biased value.
#define RANDOM_TRIES_MAX 128

uint32_t random_below(const struct sotto_env *env, uint32_t below)
{
    assert(below > 0);
    // Values below this would make the first remainders more likely than the last.
    uint32_t refused = (UINT32_MAX - below + 1) % below;
    uint32_t v = 0;
    for (unsigned i = 0; i < RANDOM_TRIES_MAX; i++) {
        env->random(&v, sizeof v, env->user);
        if (v >= refused) {
            break;
        }
    }
    return v % below;
}
