// SPDX-License-Identifier: Apache-2.0
#include "likeness.h"

#include <math.h>
#include <stdlib.h>

#define STEP        (LIKENESS_RATE / 200)   // 5 ms
#define FLOOR_DB    (-60.0)                 // below full scale: what is weaker is silence
#define COARSE      4                       // samples that align_wide takes together
#define OVERLAP_MIN 100                     // steps: half a second in common, or it says nothing
#define APART       (LIKENESS_LOCAL_MS / 5) // steps: nearer ones are the same candidate
#define NONE        (-2.0)                  // less than any score

struct envelope {
    float *db;
    size_t steps;
};

static bool make_envelope(struct envelope *e, const struct sound *s)
{
    e->steps = s->samples / STEP;
    e->db = calloc(e->steps + 1, sizeof(*e->db));
    if (e->db == NULL) {
        return false;
    }
    for (size_t i = 0; i < e->steps; i++) {
        double sum = 1e-12;
        for (size_t k = i * STEP; k < (i + 1) * STEP; k++) {
            sum += (double)s->pcm[k] * s->pcm[k];
        }
        e->db[i] = (float)fmax(10 * log10(sum / STEP), FLOOR_DB);
    }
    return true;
}

// Pearson's, of the common part; 0 where there is none, or no variation.
static double correlate(const float *x, const float *y, size_t n)
{
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (size_t i = 0; i < n; i++) {
        double a = x[i], b = y[i];
        sx += a;
        sy += b;
        sxx += a * a;
        syy += b * b;
        sxy += a * b;
    }
    double d = (double)n;
    double vx = sxx - sx * sx / d, vy = syy - sy * sy / d;
    return vx <= 1e-9 || vy <= 1e-9 ? 0 : (sxy - sx * sy / d) / sqrt(vx * vy);
}

// Mean 0 and norm 1 of the whole.
static void normalise(struct envelope *e)
{
    double mean = 0, norm = 0;
    for (size_t i = 0; i < e->steps; i++) {
        mean += e->db[i];
    }
    mean /= (double)e->steps + 1e-9;
    for (size_t i = 0; i < e->steps; i++) {
        e->db[i] -= (float)mean;
        norm += (double)e->db[i] * e->db[i];
    }
    norm = sqrt(norm) + 1e-9;
    for (size_t i = 0; i < e->steps; i++) {
        e->db[i] = (float)(e->db[i] / norm);
    }
}

static double product(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * y[i];
    }
    return sum;
}

// What of x and of y, shifted by lag, lies upon each other.
static size_t overlap(size_t x_len, size_t y_len, long lag, size_t *x_at, size_t *y_at)
{
    *x_at = lag < 0 ? (size_t)-lag : 0;
    *y_at = lag > 0 ? (size_t)lag : 0;
    if (*x_at >= x_len || *y_at >= y_len) {
        return 0;
    }
    size_t a = x_len - *x_at, b = y_len - *y_at;
    return a < b ? a : b;
}

// score[0] is that of -most.
static void score_lags(double *score, long most, const struct envelope *x, const struct envelope *y)
{
    // Not the correlation of the common part alone: a short one fits too easily.
    for (long lag = -most; lag <= most; lag++) {
        size_t x_at, y_at, n = overlap(x->steps, y->steps, lag, &x_at, &y_at);
        score[lag + most] = n < OVERLAP_MIN ? NONE : product(x->db + x_at, y->db + y_at, n);
    }
}

static size_t take_best(long lags[ALIGN_CANDIDATES], double *score, long most)
{
    size_t found = 0;
    while (found < ALIGN_CANDIDATES) {
        long best = 0;
        for (long i = 1; i <= 2 * most; i++) {
            best = score[i] > score[best] ? i : best;
        }
        if (score[best] <= NONE) {
            break;
        }
        lags[found++] = (best - most) * STEP;
        for (long i = best - APART < 0 ? 0 : best - APART; i <= best + APART && i <= 2 * most;
             i++) {
            score[i] = NONE;
        }
    }
    return found;
}

size_t align_coarse(long lags[ALIGN_CANDIDATES], const struct sound *x, const struct sound *y,
                    long max_lag)
{
    struct envelope ex = {0}, ey = {0};
    long most = max_lag / STEP;
    size_t found = 0;
    double *score = calloc(2 * (size_t)most + 1, sizeof(*score));
    if (score != NULL && make_envelope(&ex, x) && make_envelope(&ey, y)) {
        normalise(&ex);
        normalise(&ey);
        score_lags(score, most, &ex, &ey);
        found = take_best(lags, score, most);
    }
    free(score);
    free(ex.db);
    free(ey.db);
    if (found == 0) {
        lags[found++] = 0;
    }
    return found;
}

long align_fine(const struct sound *x, const struct sound *y, size_t from, size_t length, long near,
                long span, double *correlation)
{
    long best = near;
    double best_score = -2;
    for (long lag = near - span; lag <= near + span; lag++) {
        long begin = (long)from + lag;
        if (begin < 0 || (size_t)begin + length > y->samples || from + length > x->samples) {
            continue;
        }
        double score = correlate(x->pcm + from, y->pcm + begin, length);
        if (score > best_score) {
            best_score = score;
            best = lag;
        }
    }
    *correlation = best_score < -1 ? 0 : best_score;
    return best;
}

// s[from .. from+length), each COARSE samples as one; silence where s has nothing.
static bool thin_out(struct sound *out, const struct sound *s, long from, size_t length)
{
    out->samples = length / COARSE;
    out->pcm = calloc(out->samples + 1, sizeof(*out->pcm));
    if (out->pcm == NULL) {
        return false;
    }
    for (size_t i = 0; i < out->samples * COARSE; i++) {
        long at = from + (long)i;
        out->pcm[i / COARSE] += at >= 0 && (size_t)at < s->samples ? s->pcm[at] : 0;
    }
    return true;
}

long align_wide(const struct sound *x, const struct sound *y, size_t from, size_t length, long near,
                long span, double *correlation)
{
    struct sound a = {0}, b = {0};
    long best = near;
    double fit;
    if (thin_out(&a, x, (long)from, length) &&
        thin_out(&b, y, (long)from + near - span, length + 2 * (size_t)span)) {
        best = near - span +
               COARSE * align_fine(&a, &b, 0, a.samples, span / COARSE, span / COARSE, &fit);
    }
    free(a.pcm);
    free(b.pcm);
    return align_fine(x, y, from, length, best, STEP, correlation);
}
