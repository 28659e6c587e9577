// SPDX-License-Identifier: Apache-2.0
// Jensen and Taal 2016, §II; the names are the paper's.
#include "likeness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAME     256 // samples, 25.6 ms
#define HOP       128
#define BANDS     15    // one-third octaves
#define LOWEST_HZ 150.0 // centre of the first
#define SEGMENT   30    // frames, 384 ms
#define RANGE_DB  40.0  // frames of x weaker than this below its strongest are silence
#define PI        3.14159265358979323846

static void make_window(float w[FRAME])
{
    for (int i = 0; i < FRAME; i++) {
        w[i] = (float)(0.5 - 0.5 * cos(2 * PI * (i + 1) / (FRAME + 1)));
    }
}

static double frame_db(const float *x, const float w[FRAME])
{
    double sum = 1e-20;
    for (int i = 0; i < FRAME; i++) {
        double v = (double)x[i] * w[i];
        sum += v * v;
    }
    return 10 * log10(sum);
}

static void add_frame(float *to, const float *from, const float w[FRAME])
{
    for (int i = 0; i < FRAME; i++) {
        to[i] += from[i] * w[i];
    }
}

// Both sounds without the frames in which x is silent, put together again by overlap and add.
static size_t without_silence(float *xs, float *ys, const float *x, const float *y, size_t samples)
{
    float w[FRAME];
    make_window(w);
    size_t frames = samples < FRAME ? 0 : (samples - FRAME) / HOP + 1;
    double strongest = -1000;
    for (size_t m = 0; m < frames; m++) {
        strongest = fmax(strongest, frame_db(x + m * HOP, w));
    }
    size_t kept = 0;
    for (size_t m = 0; m < frames; m++) {
        if (frame_db(x + m * HOP, w) > strongest - RANGE_DB) {
            add_frame(xs + kept * HOP, x + m * HOP, w);
            add_frame(ys + kept * HOP, y + m * HOP, w);
            kept++;
        }
    }
    return kept == 0 ? 0 : (kept - 1) * HOP + FRAME;
}

// First bin of each band, and the end of the last.
static void make_bands(size_t edge[BANDS][2])
{
    for (int j = 0; j < BANDS; j++) {
        double centre = LOWEST_HZ * pow(2, j / 3.0);
        double bin = (double)LIKENESS_RATE / FFT_MAX;
        edge[j][0] = (size_t)lround(centre * pow(2, -1.0 / 6) / bin);
        edge[j][1] = (size_t)lround(centre * pow(2, 1.0 / 6) / bin);
    }
}

struct bands {
    float *v; // [frames][BANDS]
    size_t frames;
};

static bool analyse(struct bands *out, const float *x, size_t samples)
{
    size_t edge[BANDS][2], frames = samples < FRAME ? 0 : (samples - FRAME) / HOP + 1;
    float w[FRAME], re[FFT_MAX], im[FFT_MAX];
    make_window(w);
    make_bands(edge);
    float *v = calloc(frames == 0 ? 1 : frames * BANDS, sizeof(*v));
    if (v == NULL) {
        return false;
    }
    for (size_t m = 0; m < frames; m++) {
        memset(re, 0, sizeof(re));
        memset(im, 0, sizeof(im));
        add_frame(re, x + m * HOP, w);
        fft(re, im, FFT_MAX);
        for (int j = 0; j < BANDS; j++) {
            double sum = 0;
            for (size_t k = edge[j][0]; k < edge[j][1]; k++) {
                sum += (double)re[k] * re[k] + (double)im[k] * im[k];
            }
            v[m * BANDS + (size_t)j] = (float)sqrt(sum);
        }
    }
    *out = (struct bands){v, frames};
    return true;
}

// Mean 0 and norm 1 of `count` values that lie `stride` apart.
static void normalise(double *v, size_t count, size_t stride)
{
    double mean = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        mean += v[i * stride];
    }
    mean /= (double)count;
    for (size_t i = 0; i < count; i++) {
        v[i * stride] -= mean;
        norm += v[i * stride] * v[i * stride];
    }
    norm = sqrt(norm) + 1e-12;
    for (size_t i = 0; i < count; i++) {
        v[i * stride] /= norm;
    }
}

// Each band over time, then each spectrum.
static void normalise_segment(double s[SEGMENT * BANDS], const float *v)
{
    for (size_t i = 0; i < SEGMENT * BANDS; i++) {
        s[i] = v[i];
    }
    for (size_t j = 0; j < BANDS; j++) {
        normalise(s + j, SEGMENT, BANDS);
    }
    for (size_t m = 0; m < SEGMENT; m++) {
        normalise(s + m * BANDS, BANDS, 1);
    }
}

static double compare(const struct bands *x, const struct bands *y)
{
    double sum = 0;
    size_t segments = x->frames < SEGMENT ? 0 : x->frames - SEGMENT + 1;
    for (size_t m = 0; m < segments; m++) {
        double a[SEGMENT * BANDS], b[SEGMENT * BANDS];
        normalise_segment(a, x->v + m * BANDS);
        normalise_segment(b, y->v + m * BANDS);
        for (size_t i = 0; i < SEGMENT * BANDS; i++) {
            sum += a[i] * b[i];
        }
    }
    return segments == 0 ? NAN : sum / (double)(segments * SEGMENT);
}

double estoi(const float *x, const float *y, size_t samples)
{
    double result = NAN;
    struct bands bx = {0}, by = {0};
    float *xs = calloc(samples + 1, sizeof(*xs)), *ys = calloc(samples + 1, sizeof(*ys));
    if (xs != NULL && ys != NULL) {
        size_t n = without_silence(xs, ys, x, y, samples);
        if (analyse(&bx, xs, n) && analyse(&by, ys, n)) {
            result = compare(&bx, &by);
        }
    }
    free(bx.v);
    free(by.v);
    free(xs);
    free(ys);
    return result;
}
