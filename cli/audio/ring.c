// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <string.h>

_Static_assert((RING_SAMPLES & (RING_SAMPLES - 1)) == 0, "the index is masked");

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void ring_init(struct ring *r)
{
    memset(r, 0, sizeof(*r));
}

size_t ring_fill(const struct ring *r)
{
    // The order matters for nobody: each side's own counter is exact for itself.
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t fill = head - tail;
    return smaller(fill, RING_SAMPLES);
}

size_t ring_write(struct ring *r, const int16_t *pcm, size_t samples)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t n = smaller(samples, RING_SAMPLES - (head - tail));
    size_t at = head & (RING_SAMPLES - 1);
    size_t first = smaller(n, RING_SAMPLES - at);
    memcpy(r->pcm + at, pcm, first * sizeof(*pcm));
    memcpy(r->pcm, pcm + first, (n - first) * sizeof(*pcm));
    atomic_store_explicit(&r->head, head + n, memory_order_release);
    return n;
}

size_t ring_read(struct ring *r, int16_t *pcm, size_t samples)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t n = smaller(samples, head - tail);
    size_t at = tail & (RING_SAMPLES - 1);
    size_t first = smaller(n, RING_SAMPLES - at);
    memcpy(pcm, r->pcm + at, first * sizeof(*pcm));
    memcpy(pcm + first, r->pcm, (n - first) * sizeof(*pcm));
    atomic_store_explicit(&r->tail, tail + n, memory_order_release);
    return n;
}

size_t ring_drop(struct ring *r, size_t keep)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t fill = head - tail;
    if (fill <= keep) {
        return 0;
    }
    atomic_store_explicit(&r->tail, tail + (fill - keep), memory_order_release);
    return fill - keep;
}
