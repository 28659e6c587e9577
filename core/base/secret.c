// SPDX-License-Identifier: Apache-2.0
#include <sotto/base.h>

#include <string.h>

void sotto_wipe(void *ptr, size_t len)
{
    if (len == 0) {
        return;
    }
    memset(ptr, 0, len);
    // The compiler must assume that this reads the memory, so the memset stays.
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

bool sotto_equal_ct(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t differs = 0;
    for (size_t i = 0; i < len; i++) {
        differs = (uint8_t)(differs | (x[i] ^ y[i]));
    }
    return differs == 0;
}
