// SPDX-License-Identifier: Apache-2.0
#include "media/stretch.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define COARSE      4    // every so many samples, and lags, at first
#define ALIKE       0.6f // correlation from which on the splice is not heard
#define QUIET_LEVEL 96   // mean square root below which nothing is heard anyway

struct fit {
    size_t lag;
    float alike;
};

// Normalized correlation of STRETCH_FADE samples at a with those at b.
static float correlate(const int16_t *a, const int16_t *b, size_t step)
{
    float ab = 0, aa = 1, bb = 1;
    for (size_t i = 0; i < STRETCH_FADE; i += step) {
        ab += (float)a[i] * (float)b[i];
        aa += (float)a[i] * (float)a[i];
        bb += (float)b[i] * (float)b[i];
    }
    return ab / sqrtf(aa * bb);
}

static bool is_quiet(const int16_t *pcm)
{
    float sum = 0;
    for (size_t i = 0; i < STRETCH_FADE; i++) {
        sum += (float)pcm[i] * (float)pcm[i];
    }
    return sum < (float)(QUIET_LEVEL * QUIET_LEVEL) * STRETCH_FADE;
}

static void look(struct fit *best, const int16_t *at, ptrdiff_t sign, size_t lag, size_t step)
{
    float alike = correlate(at, at + sign * (ptrdiff_t)lag, step);
    if (alike > best->alike) {
        *best = (struct fit){lag, alike};
    }
}

// The lag at which the sound at `at` comes again (sign 1) or was before (sign -1).
static struct fit find(const int16_t *at, ptrdiff_t sign, size_t max_lag)
{
    struct fit coarse = {STRETCH_LAG_MIN, -2}, best = {STRETCH_LAG_MIN, -2};
    for (size_t lag = STRETCH_LAG_MIN; lag <= max_lag; lag += COARSE) {
        look(&coarse, at, sign, lag, COARSE);
    }
    size_t from = coarse.lag > STRETCH_LAG_MIN + COARSE ? coarse.lag - COARSE : STRETCH_LAG_MIN;
    for (size_t lag = from; lag <= coarse.lag + COARSE && lag <= max_lag; lag++) {
        look(&best, at, sign, lag, 1);
    }
    return best;
}

// The splice: or 0 if it would be heard. In silence the longest does.
static size_t choose(const int16_t *at, ptrdiff_t sign, size_t max_lag, bool force)
{
    if (is_quiet(at) && is_quiet(at + sign * (ptrdiff_t)max_lag)) {
        return max_lag;
    }
    struct fit fit = find(at, sign, max_lag);
    return force || fit.alike >= ALIKE ? fit.lag : 0;
}

// out[i] goes over from a[i] to b[i]. Either may be out.
static void fade(int16_t *out, const int16_t *a, const int16_t *b)
{
    for (int i = 0; i < STRETCH_FADE; i++) {
        out[i] = (int16_t)((a[i] * (STRETCH_FADE - i) + b[i] * i) / STRETCH_FADE);
    }
}

size_t stretch_shorten(int16_t *pcm, size_t n, size_t max_lag, bool force)
{
    assert(max_lag >= STRETCH_LAG_MIN && max_lag <= STRETCH_LAG_MAX);
    assert(n >= max_lag + STRETCH_FADE);
    size_t lag = choose(pcm, 1, max_lag, force);
    if (lag > 0) {
        fade(pcm, pcm, pcm + lag);
        memmove(pcm + STRETCH_FADE, pcm + STRETCH_FADE + lag,
                (n - STRETCH_FADE - lag) * sizeof *pcm);
    }
    return lag;
}

size_t stretch_lengthen(int16_t *pcm, size_t n, size_t max_lag, bool force)
{
    assert(max_lag >= STRETCH_LAG_MIN && max_lag <= STRETCH_LAG_MAX && n >= STRETCH_FADE);
    size_t lag = choose(pcm, -1, max_lag, force);
    if (lag > 0) {
        int16_t spliced[STRETCH_FADE];
        fade(spliced, pcm, pcm - lag);
        memmove(pcm + lag, pcm, n * sizeof *pcm);
        // What follows the splice is what followed the earlier place: the same samples, `lag`
        // later, of which a long lag leaves some in what was played.
        if (lag > STRETCH_FADE) {
            memcpy(pcm + STRETCH_FADE, pcm + STRETCH_FADE - (ptrdiff_t)lag,
                   (lag - STRETCH_FADE) * sizeof *pcm);
        }
        memcpy(pcm, spliced, sizeof spliced);
    }
    return lag;
}
