// SPDX-License-Identifier: Apache-2.0
// Samples between an audio callback's thread and the event loop: one writer, one reader, no locks.
#ifndef SOTTO_AUDIO_RING_H
#define SOTTO_AUDIO_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SAMPLES 16384 // a power of two; 341 ms at 48 kHz

// Counters never wrap back: `head - tail` is the fill, whatever their values.
struct ring {
    _Atomic size_t head; // written so far; only the writer stores it
    _Atomic size_t tail; // read so far; only the reader stores it
    int16_t pcm[RING_SAMPLES];
};

void ring_init(struct ring *r);
// Samples taken; fewer than `samples` if it is full (the newest are left out).
size_t ring_write(struct ring *r, const int16_t *pcm, size_t samples);
// Samples given; fewer if there are not that many.
size_t ring_read(struct ring *r, int16_t *pcm, size_t samples);
// From either side. Exact for one's own side, a lower bound of what the other side will see.
size_t ring_fill(const struct ring *r);
// The reader throws away the oldest until at most `keep` are left: samples dropped.
size_t ring_drop(struct ring *r, size_t keep);

#endif
