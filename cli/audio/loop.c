// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include "processing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_NS        (5 * SOTTO_NS_PER_MS)
#define START_MAX_NS   (6 * SOTTO_NS_PER_S) // for both devices to start
#define QUIET_SAMPLES  AUDIO_RATE           // before the probe: noise is measured
#define LISTEN_SAMPLES (2 * AUDIO_RATE)     // for the one chirp
#define TRAIN_SAMPLES  (5 * AUDIO_RATE)     // of noise, for the canceller
#define SYLLABLE       12000                // noise comes and goes in this time, like speech
#define LOW_HZ         400.0
#define HIGH_HZ        3600.0
#define PEAK           8000.0
#define DECIMATION     4 // the chirp is looked for at 12 kHz
#define LIKE           0.4
#define CLIPPED        32700
#define PI             3.14159265358979323846

struct pass {
    struct audio_input *in;
    struct audio_output *out;
    int16_t *heard;
    size_t cap, count;
    sotto_ns begun_ns; // of sample 0, as early as any reading showed
    sotto_ns played_ns;
    uint64_t written;
    bool in_started, out_started;
    uint64_t from; // the probe begins with this sample that is written; UINT64_MAX: not yet known
    bool train;
    uint32_t noise;
    double low, played; // played: energy
    int16_t chirp[LOOP_CHIRP_SAMPLES];
    struct loop_result *result;
};

static sotto_ns clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (sotto_ns)t.tv_sec * SOTTO_NS_PER_S + (sotto_ns)t.tv_nsec;
}

void loop_chirp(int16_t pcm[LOOP_CHIRP_SAMPLES])
{
    for (size_t i = 0; i < LOOP_CHIRP_SAMPLES; i++) {
        double share = (double)i / LOOP_CHIRP_SAMPLES, t = (double)i / AUDIO_RATE;
        double hertz = LOW_HZ + (HIGH_HZ - LOW_HZ) * share / 2;
        pcm[i] = (int16_t)lrint(PEAK * sin(PI * share) * sin(2 * PI * hertz * t));
    }
}

static void decimate(const int16_t *pcm, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        for (size_t k = 0; k < DECIMATION; k++) {
            sum += pcm[i * DECIMATION + k];
        }
        out[i] = sum / DECIMATION;
    }
}

static double dot(const float *a, const float *b, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return (double)sum;
}

size_t loop_find(const int16_t *heard, size_t samples, double *likeness)
{
    int16_t chirp[LOOP_CHIRP_SAMPLES];
    static float probe[LOOP_CHIRP_SAMPLES / DECIMATION];
    size_t n = LOOP_CHIRP_SAMPLES / DECIMATION, count = samples / DECIMATION, best = 0;
    float *low = calloc(count + 1, sizeof(*low));
    *likeness = 0;
    if (low == NULL) {
        return 0;
    }
    loop_chirp(chirp);
    decimate(chirp, n, probe);
    decimate(heard, count, low);
    double own = dot(probe, probe, n);
    for (size_t at = 0; at + n <= count; at++) {
        double there = dot(low + at, low + at, n);
        double like = fabs(dot(probe, low + at, n)) / sqrt(own * there + 1);
        if (like > *likeness) {
            *likeness = like;
            best = at;
        }
    }
    free(low);
    return best * DECIMATION;
}

// A canceller measures delays by what does not repeat itself.
static int16_t syllables(uint64_t at, struct pass *p)
{
    p->noise = p->noise * 1664525 + 1013904223;
    p->low += 0.25 * ((double)p->noise / 2147483648.0 - 1 - p->low);
    return (int16_t)(PEAK * p->low * sin(PI * (double)(at % SYLLABLE) / SYLLABLE));
}

// What the loudspeaker plays as its sample number `at`.
static void probe_frame(struct pass *p, uint64_t at, int16_t pcm[AUDIO_FRAME_SAMPLES])
{
    for (size_t i = 0; i < AUDIO_FRAME_SAMPLES; i++, at++) {
        if (at < p->from) {
            pcm[i] = 0;
        } else if (p->train) {
            pcm[i] = syllables(at - p->from, p);
        } else {
            pcm[i] = (int16_t)(at - p->from < LOOP_CHIRP_SAMPLES ? p->chirp[at - p->from] : 0);
        }
        p->played += (double)pcm[i] * pcm[i];
    }
}

static void take(struct pass *p, sotto_ns now)
{
    int16_t pcm[4 * AUDIO_FRAME_SAMPLES];
    size_t n = audio_input_read(p->in, pcm, sizeof(pcm) / sizeof(pcm[0]), now);
    n = n < p->cap - p->count ? n : p->cap - p->count;
    memcpy(p->heard + p->count, pcm, n * sizeof(*pcm));
    p->count += n;
    sotto_ns length = (sotto_ns)p->count * SOTTO_NS_PER_S / AUDIO_RATE;
    if (n > 0 && (p->begun_ns == 0 || now - length < p->begun_ns)) {
        p->begun_ns = now - length;
    }
}

static void give(struct pass *p, sotto_ns now)
{
    int16_t pcm[AUDIO_FRAME_SAMPLES];
    for (unsigned frames = audio_output_wanted(p->out, now); frames > 0; frames--) {
        probe_frame(p, p->written, pcm);
        audio_output_write(p->out, pcm);
        if (p->from >= p->written && p->from < p->written + AUDIO_FRAME_SAMPLES) {
            p->played_ns = now;
        }
        p->written += AUDIO_FRAME_SAMPLES;
    }
}

static void news(struct pass *p)
{
    char text[AUDIO_TEXT_BYTES];
    sotto_ns at_ns;
    enum audio_news what;
    while ((what = audio_input_news(p->in, &at_ns, text)) != AUDIO_NO_NEWS) {
        p->in_started = p->in_started || what == AUDIO_STARTED;
        if (what == AUDIO_FAILED) {
            memcpy(p->result->error, text, sizeof(text));
        }
    }
    while ((what = audio_output_news(p->out, &at_ns, text)) != AUDIO_NO_NEWS) {
        p->out_started = p->out_started || what == AUDIO_STARTED;
        if (what == AUDIO_FAILED) {
            memcpy(p->result->error, text, sizeof(text));
        }
    }
}

// `quiet` and `listen`: samples before the probe and from it on, once both devices run.
static void run(struct pass *p, size_t quiet, size_t listen)
{
    sotto_ns now = clock_ns(), end = now + START_MAX_NS;
    audio_output_start(p->out, now);
    audio_input_start(p->in, now);
    while ((now = clock_ns()) < end && p->result->error[0] == '\0') {
        const struct timespec step = {0, (long)STEP_NS};
        take(p, now);
        give(p, now);
        news(p);
        if (p->from == UINT64_MAX && p->in_started && p->out_started) {
            p->from = p->written + quiet;
            end = now + (sotto_ns)(quiet + listen) * SOTTO_NS_PER_S / AUDIO_RATE;
        }
        nanosleep(&step, NULL);
    }
    audio_input_stop(p->in, now);
    audio_output_stop(p->out, now);
}

static double level_db(const int16_t *pcm, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return samples == 0 ? -120 : 10 * log10(sum / (double)samples / (32768.0 * 32768.0) + 1e-12);
}

// One chirp, without processing.
static void judge(struct loop_result *r, const struct pass *p)
{
    int peak = 0;
    for (size_t i = 0; i < p->count; i++) {
        peak = abs(p->heard[i]) > peak ? abs(p->heard[i]) : peak;
    }
    r->mic_works = p->count > 0;
    r->mic_silent = r->mic_works && peak == 0;
    double like;
    size_t at = loop_find(p->heard, p->count, &like);
    if (like < LIKE || p->played_ns == 0) {
        r->noise_db = level_db(p->heard, p->count);
        return;
    }
    r->heard = true;
    r->clipped = peak >= CLIPPED;
    sotto_ns back = p->begun_ns + (sotto_ns)at * SOTTO_NS_PER_S / AUDIO_RATE;
    r->round_trip_ms = back > p->played_ns ? (double)(back - p->played_ns) / 1e6 : 0;
    r->level_db = level_db(p->heard + at, LOOP_CHIRP_SAMPLES);
    size_t before = at > AUDIO_RATE ? AUDIO_RATE : at;
    r->noise_db = level_db(p->heard + at - before, before * 3 / 4);
}

// Noise, with processing: what is left of it in the last two seconds, against how loud it would
// have come back by the loudness of the chirp.
static void judge_train(struct loop_result *r, const struct pass *p)
{
    size_t last = 2 * AUDIO_RATE;
    if (p->count < last || p->written <= p->from) {
        return;
    }
    double gain_db = r->level_db - level_db(p->chirp, LOOP_CHIRP_SAMPLES);
    double mean = p->played / (double)(p->written - p->from);
    r->cancelled = true;
    r->echo_db = gain_db + 10 * log10(mean / (32768.0 * 32768.0) + 1e-12) -
                 level_db(p->heard + p->count - last, last);
}

static int one_pass(struct loop_result *r, const char *mic, const char *speaker, bool train)
{
    struct processing *processing = NULL;
    struct pass p = {.train = train, .from = UINT64_MAX, .result = r};
    p.cap = (size_t)2 * LOOP_SECONDS * AUDIO_RATE;
    loop_chirp(p.chirp);
    p.heard = calloc(p.cap, sizeof(*p.heard));
    int err = p.heard == NULL ? SOTTO_ENOMEM : train ? processing_new(&processing) : 0;
    const struct audio_config in = {.spec = mic, .processing = processing};
    const struct audio_config out = {.spec = speaker, .processing = processing};
    err = err != 0 ? err : audio_input_new(&p.in, &in, r->error);
    err = err != 0 ? err : audio_output_new(&p.out, &out, r->error);
    if (err == 0) {
        run(&p, QUIET_SAMPLES, train ? TRAIN_SAMPLES : LISTEN_SAMPLES);
        (train ? judge_train : judge)(r, &p);
    }
    audio_input_free(p.in);
    audio_output_free(p.out);
    processing_free(processing);
    if (p.heard != NULL) {
        sotto_wipe(p.heard, p.cap * sizeof(*p.heard));
    }
    free(p.heard);
    return err;
}

int loop_test(struct loop_result *out, const char *mic, const char *speaker)
{
    struct loop_result r = {0};
    int err = one_pass(&r, mic, speaker, false);
    if (err == 0 && r.heard && r.error[0] == '\0') {
        err = one_pass(&r, mic, speaker, true);
    }
    *out = r;
    return err;
}
