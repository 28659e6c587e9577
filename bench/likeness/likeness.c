// SPDX-License-Identifier: Apache-2.0
#include "likeness.h"

#include "wav.h"

#include <math.h>
#include <sotto/base.h>
#include <speex/speex_resampler.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK        4800                 // at 48 kHz
#define FRAME        (LIKENESS_RATE / 50) // 20 ms
#define ACTIVE_DB    30.0                 // frames of speech: this much below the strongest or more
#define LOST_DB      20.0                 // weaker than it should be by this much: lost
#define SILENT_DB    (-60.0)              // nothing that is stronger: silence
#define ACTIVE_MIN_S 0.5
#define LAG_MAX      ((long)LIKENESS_LAG_MAX_MS * LIKENESS_RATE / 1000)
#define FINE_STRETCH (LIKENESS_RATE * 8) // the longest piece for the first fine alignment

// ---- taking sound in ----------------------------------------------------------------------------

static int grow(struct sound *s, size_t *room, size_t more)
{
    if (s->samples + more > LIKENESS_MAX_SAMPLES) {
        return SOTTO_ELIMIT;
    }
    if (s->samples + more <= *room) {
        return 0;
    }
    size_t want = *room * 2 > s->samples + more ? *room * 2 : s->samples + more;
    float *p = realloc(s->pcm, want * sizeof(*p));
    if (p == NULL) {
        return SOTTO_ENOMEM;
    }
    s->pcm = p;
    *room = want;
    return 0;
}

static int feed(struct sound *s, size_t *room, SpeexResamplerState *r, const int16_t *pcm,
                size_t samples)
{
    float in[CHUNK], out[CHUNK];
    for (size_t i = 0; i < samples; i++) {
        in[i] = (float)pcm[i] / 32768.0f;
    }
    spx_uint32_t in_len = (spx_uint32_t)samples, out_len = CHUNK;
    speex_resampler_process_float(r, 0, in, &in_len, out, &out_len);
    int err = grow(s, room, out_len);
    if (err == 0) {
        memcpy(s->pcm + s->samples, out, out_len * sizeof(out[0]));
        s->samples += out_len;
    }
    return err;
}

struct source {
    struct wav_reader *wav; // or
    const int16_t *pcm;
    size_t left;
};

static size_t next_chunk(struct source *from, int16_t chunk[CHUNK])
{
    if (from->wav != NULL) {
        return wav_reader_read(from->wav, chunk, CHUNK);
    }
    size_t n = from->left < CHUNK ? from->left : CHUNK;
    memcpy(chunk, from->pcm, n * sizeof(*chunk));
    from->pcm += n;
    from->left -= n;
    return n;
}

static int take_in(struct sound *out, struct source *from)
{
    struct sound s = {0};
    size_t room = 0, n, taken = 0;
    int16_t chunk[CHUNK];
    int err = 0;
    SpeexResamplerState *r = speex_resampler_init(1, WAV_RATE, LIKENESS_RATE, 10, &err);
    if (r == NULL) {
        return SOTTO_ENOMEM;
    }
    speex_resampler_skip_zeros(r);
    err = 0;
    while (err == 0 && (n = next_chunk(from, chunk)) > 0) {
        err = feed(&s, &room, r, chunk, n);
        taken += n;
    }
    // Silence pushes out what the filter still holds: a sound is as long as it was.
    n = (size_t)speex_resampler_get_input_latency(r);
    memset(chunk, 0, sizeof(chunk));
    err = err != 0 ? err : feed(&s, &room, r, chunk, n < CHUNK ? n : CHUNK);
    taken = (size_t)((uint64_t)taken * LIKENESS_RATE / WAV_RATE);
    s.samples = s.samples < taken ? s.samples : taken;
    speex_resampler_destroy(r);
    if (err != 0) {
        free(s.pcm);
        return err;
    }
    *out = s;
    return 0;
}

int sound_from_48k(struct sound *out, const int16_t *pcm, size_t samples)
{
    return take_in(out, &(struct source){.pcm = pcm, .left = samples});
}

int sound_read(struct sound *out, const char *path)
{
    struct source from = {0};
    int err = wav_reader_open(&from.wav, path);
    if (err != 0) {
        return err;
    }
    err = take_in(out, &from);
    wav_reader_close(from.wav);
    return err;
}

// ---- comparing ----------------------------------------------------------------------------------

static double level_db(const float *pcm, size_t n)
{
    double sum = 1e-15;
    for (size_t i = 0; i < n; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return 10 * log10(sum / (double)n);
}

static double strongest_db(const struct sound *s)
{
    double strongest = -200;
    for (size_t at = 0; at + FRAME <= s->samples; at += FRAME) {
        strongest = fmax(strongest, level_db(s->pcm + at, FRAME));
    }
    return strongest;
}

// y as it was heard, laid upon x; silence where there is nothing.
static void shift(float *to, const struct sound *y, size_t from, size_t length, long lag)
{
    for (size_t i = 0; i < length; i++) {
        long at = (long)(from + i) + lag;
        to[i] = at >= 0 && (size_t)at < y->samples ? y->pcm[at] : 0;
    }
}

// The loudest stretch of x that lies within y too: where waveforms are compared best.
static size_t loudest(const struct sound *x, const struct sound *y, long lag, size_t length)
{
    size_t best = 0;
    double best_db = -300;
    for (size_t at = 0; at + length <= x->samples; at += length / 4) {
        long there = (long)at + lag;
        if (there < 0 || (size_t)there + length > y->samples) {
            continue;
        }
        double db = level_db(x->pcm + at, length);
        if (db > best_db) {
            best_db = db;
            best = at;
        }
    }
    return best;
}

static long delay_near(const struct sound *x, const struct sound *y, long coarse)
{
    size_t length = FINE_STRETCH;
    size_t least = x->samples < y->samples ? x->samples : y->samples;
    if (length > least / 2) {
        length = least / 2;
    }
    double fit;
    size_t from = loudest(x, y, coarse, length);
    return align_fine(x, y, from, length, coarse, LIKENESS_RATE / 50, &fit);
}

// Writes y to `to`, each stretch at the delay that fits it best; the end of less than half a
// stretch at that of the one before.
static void lay_stretches(struct likeness *out, float *to, const struct sound *x,
                          const struct sound *y, long delay, size_t stretch)
{
    long span = (long)LIKENESS_LOCAL_MS * LIKENESS_RATE / 1000, least = delay, most = delay;
    long last = delay;
    double sum = 0, count = 0;
    double floor = strongest_db(x) - ACTIVE_DB;
    for (size_t at = 0; at < x->samples; at += stretch) {
        size_t n = x->samples - at < stretch ? x->samples - at : stretch;
        double fit = 0;
        long own = last;
        if (n * 2 >= stretch && level_db(x->pcm + at, n) > floor) {
            own = align_wide(x, y, at, n, delay, span, &fit);
        }
        if (fit < 0.3) { // nothing to go by
            own = last;
        } else {
            least = own < least ? own : least;
            most = own > most ? own : most;
            sum += (double)own;
            count++;
        }
        shift(to + at, y, at, n, own);
        last = own;
    }
    out->delay_min_ms = (double)least * 1000 / LIKENESS_RATE;
    out->delay_mean_ms = (count > 0 ? sum / count : (double)delay) * 1000 / LIKENESS_RATE;
    out->delay_max_ms = (double)most * 1000 / LIKENESS_RATE;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Gain: the median over the frames of speech that arrived. Lost: the others, and what is far
// below that gain.
static void count_lost(struct likeness *out, const struct sound *x, const float *y)
{
    size_t frames = x->samples / FRAME, active = 0, arrived = 0, lost = 0;
    double *gain = calloc(frames + 1, sizeof(*gain));
    double floor = strongest_db(x) - ACTIVE_DB;
    for (size_t i = 0; gain != NULL && i < frames; i++) {
        double spoken = level_db(x->pcm + i * FRAME, FRAME);
        double heard = level_db(y + i * FRAME, FRAME);
        active += spoken > floor;
        if (spoken > floor && heard > SILENT_DB) {
            gain[arrived++] = heard - spoken;
        }
    }
    if (arrived > 0) {
        qsort(gain, arrived, sizeof(*gain), by_value);
        out->gain_db = gain[arrived / 2];
        while (lost < arrived && gain[lost] < out->gain_db - LOST_DB) {
            lost++;
        }
    }
    out->lost = active == 0 ? 0 : (double)(active - arrived + lost) / (double)active;
    free(gain);
}

static double active_seconds(const struct sound *s)
{
    double floor = fmax(strongest_db(s) - ACTIVE_DB, SILENT_DB);
    size_t active = 0;
    for (size_t at = 0; at + FRAME <= s->samples; at += FRAME) {
        active += level_db(s->pcm + at, FRAME) > floor;
    }
    return (double)active * FRAME / LIKENESS_RATE;
}

static double or_zero(double v)
{
    return isnan(v) ? 0 : v;
}

static void measure_near(struct likeness *l, float *laid, const struct sound *spoken,
                         const struct sound *heard, long coarse, size_t stretch)
{
    long delay = delay_near(spoken, heard, coarse);
    l->delay_ms = (double)delay * 1000 / LIKENESS_RATE;
    shift(laid, heard, 0, spoken->samples, delay);
    l->estoi = or_zero(estoi(spoken->pcm, laid, spoken->samples));
    lay_stretches(l, laid, spoken, heard, delay, stretch);
    l->likeness = or_zero(estoi(spoken->pcm, laid, spoken->samples));
    count_lost(l, spoken, laid);
}

bool likeness_measure(struct likeness *out, const struct sound *spoken, const struct sound *heard,
                      unsigned stretch_ms)
{
    struct likeness l = {
        .spoken_s = (double)spoken->samples / LIKENESS_RATE,
        .heard_s = (double)heard->samples / LIKENESS_RATE,
        .active_s = active_seconds(spoken),
    };
    if (l.active_s < ACTIVE_MIN_S) {
        return false;
    }
    l.silent = strongest_db(heard) < SILENT_DB;
    if (l.silent) {
        l.lost = 1;
        *out = l;
        return true;
    }
    float *laid = calloc(spoken->samples, sizeof(*laid));
    if (laid == NULL) {
        return false;
    }
    long lags[ALIGN_CANDIDATES];
    size_t count = align_coarse(lags, spoken, heard, LAG_MAX);
    // The others are for what is not alike at the likeliest.
    for (size_t i = 0; i < count && (i == 0 || out->likeness < LIKENESS_SAME); i++) {
        struct likeness one = l;
        measure_near(&one, laid, spoken, heard, lags[i], (size_t)stretch_ms * LIKENESS_RATE / 1000);
        *out = i == 0 || one.likeness > out->likeness ? one : *out;
    }
    free(laid);
    return true;
}
