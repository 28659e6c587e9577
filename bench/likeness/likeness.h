// SPDX-License-Identifier: Apache-2.0
// How alike what was heard is to what was spoken: for tests and measurements, no part of sotto.
//
// The measure is ESTOI: J. Jensen and C. H. Taal, "An Algorithm for Predicting the Intelligibility
// of Speech Masked by Modulated Noise Maskers", IEEE/ACM Transactions on Audio, Speech, and
// Language Processing 24(11), 2016: 1 for the same sound, about 0 for unrelated speech.
#ifndef SOTTO_BENCH_LIKENESS_H
#define SOTTO_BENCH_LIKENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIKENESS_RATE           10000                 // the paper's; everything here has it
#define LIKENESS_MAX_SAMPLES    (LIKENESS_RATE * 900) // 15 minutes
#define LIKENESS_LAG_MAX_MS     60000                 // delays are looked for up to here, both ways
#define LIKENESS_LOCAL_MS       500                   // a jitter buffer moves sound by at most this
#define LIKENESS_SAME           0.60                  // at least: the same speech was heard
// Stretches have a delay of their own. What moves sound within one counts against it: in
// measurements; not where the question is only whether the same speech was heard at all: there a
// jitter buffer may be at work on a busy machine, or two, as in an echo.
#define LIKENESS_STRETCH_MS     2000
#define LIKENESS_STRETCH_MIN_MS 200 // a syllable, or any sound fits any other

struct sound {
    float *pcm; // full scale 1.0, LIKENESS_RATE
    size_t samples;
};

struct likeness {
    double spoken_s, heard_s; // lengths
    double active_s;          // of speech in what was spoken
    bool silent;              // nothing, or next to nothing, was heard: the rest means nothing
    double delay_ms;          // heard minus spoken, each from the beginning of its file
    double delay_min_ms, delay_mean_ms, delay_max_ms; // of stretches
    double estoi;                                     // at the one delay
    double likeness;                                  // ESTOI with each stretch at its own delay
    double lost;    // share of the active 20 ms frames that were not heard
    double gain_db; // heard against spoken
};

// Takes a WAV file in at LIKENESS_RATE; pcm is freed by the caller. An enum sotto_error.
int sound_read(struct sound *out, const char *path);
// From 48 kHz samples.
int sound_from_48k(struct sound *out, const int16_t *pcm, size_t samples);

// stretch_ms: LIKENESS_STRETCH_MS, or less, down to LIKENESS_STRETCH_MIN_MS. spoken needs at least
// half a second of speech: else false, and *out is unchanged.
bool likeness_measure(struct likeness *out, const struct sound *spoken, const struct sound *heard,
                      unsigned stretch_ms);

// Something like speech at 48 kHz, for tests: syllables, voiced or hissed, with pauses. Another
// seed is another text.
void speech_make(int16_t *pcm, size_t samples, uint32_t seed);

// ---- the parts ----------------------------------------------------------------------------------

// In place, radix 2; n a power of two up to FFT_MAX.
#define FFT_MAX 512
void fft(float re[], float im[], size_t n);

// ESTOI of two sounds of the same length; NAN if there is too little speech in x.
double estoi(const float *x, const float *y, size_t samples);

// Samples by which y is later than x, from -max_lag to max_lag. By loudness, to 5 ms; the most
// likely one first. Of a few seconds whose delay wanders, loudness tells too little: the next may
// be right. How many there are, at least one.
#define ALIGN_CANDIDATES 3
size_t align_coarse(long lags[ALIGN_CANDIDATES], const struct sound *x, const struct sound *y,
                    long max_lag);
// The same by waveform, to a sample, within `span` of `near`, using x[from .. from+length).
// *correlation: how well it fits, -1 to 1.
long align_fine(const struct sound *x, const struct sound *y, size_t from, size_t length, long near,
                long span, double *correlation);
// The same for a span of some hundred milliseconds, much faster: what is below 1 kHz decides first.
long align_wide(const struct sound *x, const struct sound *y, size_t from, size_t length, long near,
                long span, double *correlation);

#endif
