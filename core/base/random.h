// SPDX-License-Identifier: Apache-2.0
// Choices out of the injected randomness.
#ifndef SOTTO_BASE_RANDOM_H
#define SOTTO_BASE_RANDOM_H

#include <sotto/base.h>

// Uniform in 0 .. below-1, without modulo bias. below > 0.
uint32_t random_below(const struct sotto_env *env, uint32_t below);

#endif
