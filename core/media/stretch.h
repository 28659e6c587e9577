// SPDX-License-Identifier: Apache-2.0
// Speech made shorter or longer by one period of its pitch, cross-faded where the wave fits itself
// best (WSOLA: Verhelst and Roelands, ICASSP 1993).
#ifndef SOTTO_MEDIA_STRETCH_H
#define SOTTO_MEDIA_STRETCH_H

#include <sotto/media.h>

#define STRETCH_LAG_MIN 120 // 2.5 ms
#define STRETCH_LAG_MAX 720 // 15 ms
#define STRETCH_FADE    480 // 10 ms

// Takes up to max_lag samples (STRETCH_LAG_MIN .. STRETCH_LAG_MAX) out of pcm, whose n samples are
// at least max_lag + STRETCH_FADE: returns how many. 0: the sound does not repeat itself; with
// `force` it always finds something.
size_t stretch_shorten(int16_t *pcm, size_t n, size_t max_lag, bool force);
// Puts up to max_lag samples in before pcm[0]: `pcm` has STRETCH_LAG_MAX samples that were played
// already before it, n after it and room for max_lag more. Returns how many.
size_t stretch_lengthen(int16_t *pcm, size_t n, size_t max_lag, bool force);

#endif
