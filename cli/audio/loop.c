// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include "clock.h"
#include "processing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_NS        (5 * SOTTO_NS_PER_MS)
#define START_MAX_NS   (8 * SOTTO_NS_PER_S) // until sound has gone through both devices
#define QUIET_SAMPLES  AUDIO_RATE           // before the probe: noise is measured
#define CHIRPS         3                    // a busy machine may tear one
#define CHIRP_EVERY    (3 * AUDIO_RATE / 2) // how long each is listened for
#define TRAIN_SAMPLES  (5 * AUDIO_RATE)     // of noise, for the canceller
#define SYLLABLE       12000                // noise comes and goes in this time, like speech
#define LAST_SYLLABLES 9                    // of these the echo is measured
#define LOW_HZ         400.0
#define HIGH_HZ        3600.0
#define PEAK           8000.0
#define DECIMATION     4 // the chirp is looked for at 12 kHz
#define LIKE           0.4
#define CLIPPED        32700
#define PI             3.14159265358979323846

// What was heard from the moment a chirp was handed over until the next one was.
struct window {
    size_t first;       // sample of `heard`
    sotto_ns played_ns; // 0: it was not
    sotto_ns begun_ns;  // when sample `first` came, as early as any reading showed
};

struct pass {
    struct audio_input *in;
    struct audio_output *out;
    int16_t *heard;
    size_t cap, count;
    struct window windows[CHIRPS];
    size_t chirps; // handed over
    uint64_t written;
    uint64_t from; // the probe begins with this sample that is written; UINT64_MAX: not yet known
    bool train;
    uint32_t noise;
    double low, played; // played: energy
    int16_t chirp[LOOP_CHIRP_SAMPLES];
    struct loop_result *result;
};

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
            uint64_t along = (at - p->from) % CHIRP_EVERY;
            pcm[i] = (int16_t)(along < LOOP_CHIRP_SAMPLES ? p->chirp[along] : 0);
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
    if (n > 0 && p->chirps > 0) {
        struct window *w = &p->windows[p->chirps - 1];
        sotto_ns length = (sotto_ns)(p->count - w->first) * SOTTO_NS_PER_S / AUDIO_RATE;
        w->begun_ns = w->begun_ns == 0 || now - length < w->begun_ns ? now - length : w->begun_ns;
    }
}

// A chirp begins with the sample that is written next.
static bool chirp_is_due(const struct pass *p)
{
    return !p->train && p->chirps < CHIRPS && p->from != UINT64_MAX &&
           p->written >= p->from + p->chirps * CHIRP_EVERY;
}

static void give(struct pass *p, sotto_ns now)
{
    int16_t pcm[AUDIO_FRAME_SAMPLES];
    for (unsigned frames = audio_output_wanted(p->out, AUDIO_FRAME_SAMPLES, now); frames > 0;
         frames--) {
        if (chirp_is_due(p)) {
            p->windows[p->chirps++] = (struct window){.first = p->count, .played_ns = now};
        }
        probe_frame(p, p->written, pcm);
        audio_output_write(p->out, pcm, AUDIO_FRAME_SAMPLES);
        p->written += AUDIO_FRAME_SAMPLES;
    }
}

static void news(struct pass *p)
{
    char text[AUDIO_TEXT_BYTES];
    sotto_ns at_ns;
    enum audio_news what;
    while ((what = audio_input_news(p->in, &at_ns, text)) != AUDIO_NO_NEWS) {
        if (what == AUDIO_FAILED) {
            memcpy(p->result->error, text, sizeof(text));
        }
    }
    while ((what = audio_output_news(p->out, &at_ns, text)) != AUDIO_NO_NEWS) {
        if (what == AUDIO_FAILED) {
            memcpy(p->result->error, text, sizeof(text));
        }
    }
}

// A device that is open may take seconds until the first sample passes (a sound server wakes it, or
// plays out what it had buffered): the probe waits until enough of the quiet went through both.
static bool is_flowing(const struct pass *p)
{
    return p->count >= QUIET_SAMPLES && p->written >= QUIET_SAMPLES;
}

// `listen`: samples from the probe on.
static void run(struct pass *p, size_t listen)
{
    sotto_ns now = clock_now().mono_ns, end = now + START_MAX_NS;
    audio_output_start(p->out, now);
    audio_input_start(p->in, now);
    while ((now = clock_now().mono_ns) < end && p->result->error[0] == '\0') {
        const struct timespec step = {0, (long)STEP_NS};
        take(p, now);
        give(p, now);
        news(p);
        if (p->from == UINT64_MAX && is_flowing(p)) {
            p->from = p->written;
            end = now + (sotto_ns)listen * SOTTO_NS_PER_S / AUDIO_RATE;
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

// The chirp that came back best: where in `heard`, and which.
static const struct window *find_best(const struct pass *p, size_t *at)
{
    const struct window *best = NULL;
    double most = LIKE;
    for (size_t i = 0; i < p->chirps; i++) {
        const struct window *w = &p->windows[i];
        size_t end = i + 1 < p->chirps ? p->windows[i + 1].first : p->count;
        double like;
        size_t found = loop_find(p->heard + w->first, end - w->first, &like);
        if (like >= most) {
            most = like;
            best = w;
            *at = w->first + found;
        }
    }
    return best;
}

// Chirps, without processing.
static void judge(struct loop_result *r, const struct pass *p)
{
    int peak = 0;
    for (size_t i = 0; i < p->count; i++) {
        peak = abs(p->heard[i]) > peak ? abs(p->heard[i]) : peak;
    }
    r->mic_works = p->count >= QUIET_SAMPLES;
    r->mic_silent = r->mic_works && peak == 0;
    if (r->mic_works && p->chirps == 0 && r->error[0] == '\0') {
        snprintf(r->error, sizeof(r->error), "the loudspeaker takes no sound");
    }
    size_t at = 0;
    const struct window *w = find_best(p, &at);
    if (w == NULL) {
        r->noise_db = level_db(p->heard, p->count);
        return;
    }
    r->heard = true;
    r->clipped = peak >= CLIPPED;
    sotto_ns back = w->begun_ns + (sotto_ns)(at - w->first) * SOTTO_NS_PER_S / AUDIO_RATE;
    r->round_trip_ms = back > w->played_ns ? (double)(back - w->played_ns) / 1e6 : 0;
    r->level_db = level_db(p->heard + at, LOOP_CHIRP_SAMPLES);
    size_t quiet = QUIET_SAMPLES * 3 / 4; // a device may click as it starts
    r->noise_db = level_db(p->heard + p->windows[0].first - quiet, quiet);
}

static int compare_levels(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Noise, with processing: what is left of it in the last seconds, against how loud it would have
// come back by the loudness of the chirp. The median of the syllables: one gap in the sound of a
// busy machine is not what the canceller can do.
static void judge_train(struct loop_result *r, const struct pass *p)
{
    double left[LAST_SYLLABLES];
    size_t last = (size_t)LAST_SYLLABLES * SYLLABLE;
    if (p->count < last || p->written <= p->from) {
        return;
    }
    for (size_t i = 0; i < LAST_SYLLABLES; i++) {
        left[i] = level_db(p->heard + p->count - last + i * SYLLABLE, SYLLABLE);
    }
    qsort(left, LAST_SYLLABLES, sizeof(left[0]), compare_levels);
    double gain_db = r->level_db - level_db(p->chirp, LOOP_CHIRP_SAMPLES);
    double mean = p->played / (double)(p->written - p->from);
    r->cancelled = true;
    r->echo_db =
        gain_db + 10 * log10(mean / (32768.0 * 32768.0) + 1e-12) - left[LAST_SYLLABLES / 2];
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
        run(&p, train ? TRAIN_SAMPLES : (size_t)CHIRPS * CHIRP_EVERY);
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
