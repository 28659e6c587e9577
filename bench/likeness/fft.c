// SPDX-License-Identifier: Apache-2.0
#include "likeness.h"

#include <assert.h>
#include <math.h>

#define PI 3.14159265358979323846

static void swap(float *a, float *b)
{
    float t = *a;
    *a = *b;
    *b = t;
}

static void reverse_bits(float re[], float im[], size_t n)
{
    for (size_t i = 1, j = 0; i < n; i++) {
        size_t bit = n >> 1;
        for (; (j & bit) != 0; bit >>= 1) {
            j ^= bit;
        }
        j |= bit;
        if (i < j) {
            swap(&re[i], &re[j]);
            swap(&im[i], &im[j]);
        }
    }
}

// Joins pairs of transforms of `half` points that begin `at`.
static void join(float re[], float im[], size_t at, size_t half)
{
    for (size_t k = 0; k < half; k++) {
        double angle = -PI * (double)k / (double)half;
        float c = (float)cos(angle), s = (float)sin(angle);
        size_t a = at + k, b = a + half;
        float r = re[b] * c - im[b] * s;
        float i = re[b] * s + im[b] * c;
        re[b] = re[a] - r;
        im[b] = im[a] - i;
        re[a] += r;
        im[a] += i;
    }
}

void fft(float re[], float im[], size_t n)
{
    assert(n > 0 && n <= FFT_MAX && (n & (n - 1)) == 0);
    reverse_bits(re, im, n);
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t at = 0; at < n; at += 2 * half) {
            join(re, im, at, half);
        }
    }
}
