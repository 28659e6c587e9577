// SPDX-License-Identifier: Apache-2.0
// Measures echo cancellation in synthetic rooms (docs/DECISIONS.md): nothing, SpeexDSP, and what
// sotto uses. The far voice and the near one are two speakers of pocketsphinx-testdata.
//
//    0-12 s  the far voice alone     12-22 s  both       22-32 s  the near voice alone
//   32-36 s  only the noise          36-44 s  the far voice alone
#include "likeness.h"
#include "processing.h"
#include "room.h"
#include "wav.h"

#include <math.h>
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS       44
#define SAMPLES       ((size_t)SECONDS * ROOM_RATE)
#define BLOCK         960 // what a call hands over at a time
#define FRAME         480
#define SPEEX_TAIL_MS 300
#define SPEECH_DIR    "/usr/share/pocketsphinx/test/data/"
#define CONVERGED_DB  20.0

static const char *const far_files[] = {
    SPEECH_DIR "librivox/sense_and_sensibility_01_austen_64kb-0870.wav",
    SPEECH_DIR "librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
    SPEECH_DIR "librivox/sense_and_sensibility_01_austen_64kb-0890.wav",
};
static const char *const near_files[] = {
    SPEECH_DIR "cards/001.wav", SPEECH_DIR "cards/002.wav", SPEECH_DIR "cards/003.wav",
    SPEECH_DIR "cards/004.wav", SPEECH_DIR "cards/005.wav",
};

struct scene {
    const char *name;
    struct room room; // echo_db: the echo at the microphone against the near voice
    double snr_db;    // of the near voice
};

static const struct scene scenes[] = {
    {"laptop", {100, 40, 0, 0.02, -6, 1}, 20},
    {"laptop, two clocks", {150, 80, 50, 0.02, -6, 2}, 20},
    {"desk", {200, 60, 0, 0.02, 0, 3}, 15},
    {"desk, two clocks", {200, 120, 100, 0.03, 0, 4}, 15},
    {"hall, loud", {300, 120, 0, 0.05, 6, 5}, 15},
    {"hall, far off", {300, 200, -80, 0.05, 0, 6}, 10},
    {"headset", {100, 30, 0, 0, -40, 7}, 20},
    {"headset, quiet", {100, 30, 0, 0, -80, 8}, 60},
};

// ---- the candidates -----------------------------------------------------------------------------

struct speex {
    SpeexEchoState *echo;
    SpeexPreprocessState *pre;
};

static void *speex_new(unsigned latency_ms)
{
    (void)latency_ms;
    struct speex *s = calloc(1, sizeof(*s));
    int rate = ROOM_RATE, on = 1;
    s->echo = speex_echo_state_init(FRAME, SPEEX_TAIL_MS * ROOM_RATE / 1000);
    s->pre = speex_preprocess_state_init(FRAME, ROOM_RATE);
    speex_echo_ctl(s->echo, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    speex_preprocess_ctl(s->pre, SPEEX_PREPROCESS_SET_ECHO_STATE, s->echo);
    speex_preprocess_ctl(s->pre, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(s->pre, SPEEX_PREPROCESS_SET_AGC, &on);
    return s;
}

static void speex_run(void *state, const int16_t *far, int16_t *near)
{
    struct speex *s = state;
    for (size_t i = 0; i < BLOCK; i += FRAME) {
        int16_t out[FRAME];
        speex_echo_cancellation(s->echo, near + i, far + i, out);
        speex_preprocess_run(s->pre, out);
        memcpy(near + i, out, sizeof(out));
    }
}

static void speex_free(void *state)
{
    struct speex *s = state;
    speex_preprocess_state_destroy(s->pre);
    speex_echo_state_destroy(s->echo);
    free(s);
}

static void *own_new(unsigned latency_ms)
{
    struct processing *p = NULL;
    if (processing_new(&p) != 0) {
        return NULL;
    }
    processing_latency(p, true, latency_ms);
    return p;
}

static void own_run(void *state, const int16_t *far, int16_t *near)
{
    int16_t work[BLOCK + PROCESSING_FRAME_SAMPLES];
    memcpy(work, near, BLOCK * sizeof(*near));
    processing_far(state, far, BLOCK);
    if (processing_near(state, work, BLOCK) == BLOCK) {
        memcpy(near, work, BLOCK * sizeof(*near));
    }
}

static void own_free(void *state)
{
    processing_free(state);
}

static void *none_new(unsigned latency_ms)
{
    (void)latency_ms;
    static int nothing;
    return &nothing;
}

static void none_run(void *state, const int16_t *far, int16_t *near)
{
    (void)state;
    (void)far;
    (void)near;
}

static void none_free(void *state)
{
    (void)state;
}

struct candidate {
    const char *name; // NULL: processing_name()
    void *(*create)(unsigned latency_ms);
    void (*run)(void *state, const int16_t *far, int16_t *near); // BLOCK samples
    void (*destroy)(void *state);
};

static const struct candidate candidates[] = {
    {"nothing", none_new, none_run, none_free},
    {"SpeexDSP", speex_new, speex_run, speex_free},
    {NULL, own_new, own_run, own_free},
};

// ---- sounds -------------------------------------------------------------------------------------

static size_t second(double s)
{
    return (size_t)(s * ROOM_RATE);
}

// The files, one after the other, again and again, from `from` to `to`.
static void place(float *out, double from, double to, const char *const *files, size_t count)
{
    size_t at = second(from), end = second(to);
    int16_t pcm[BLOCK];
    for (size_t f = 0; at < end; f = (f + 1) % count) {
        struct wav_reader *r = NULL;
        if (wav_reader_open(&r, files[f]) != 0) {
            fprintf(stderr, "%s cannot be read: install pocketsphinx-testdata\n", files[f]);
            exit(1);
        }
        size_t n;
        while (at < end && (n = wav_reader_read(r, pcm, BLOCK)) > 0) {
            for (size_t i = 0; i < n && at < end; i++) {
                out[at++] = (float)pcm[i] / 32768;
            }
        }
        wav_reader_close(r);
    }
}

static double power(const float *x, double from, double to)
{
    double sum = 0;
    for (size_t i = second(from); i < second(to); i++) {
        sum += (double)x[i] * x[i];
    }
    return sum / (double)(second(to) - second(from)) + 1e-12;
}

static void scale(float *x, double gain)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        x[i] *= (float)gain;
    }
}

static int16_t to_pcm(float x)
{
    float scaled = roundf(x * 32768);
    return (int16_t)(scaled > 32767 ? 32767 : scaled < -32768 ? -32768 : scaled);
}

struct sounds {
    float far[SAMPLES], near[SAMPLES], echo[SAMPLES], noise[SAMPLES];
    float out[SAMPLES];
};

static void make(struct sounds *s, const struct scene *scene)
{
    size_t fars = sizeof(far_files) / sizeof(far_files[0]);
    size_t nears = sizeof(near_files) / sizeof(near_files[0]);
    memset(s, 0, sizeof(*s));
    place(s->far, 0, 22, far_files, fars);
    place(s->far, 36, 44, far_files + 1, fars - 1);
    place(s->near, 12.2, 22, near_files, nears);
    place(s->near, 22, 32, near_files, nears);
    scale(s->far, 0.1 / sqrt(power(s->far, 0, 22)));
    scale(s->near, 0.05 / sqrt(power(s->near, 22, 32)));
    struct room room = scene->room;
    room.echo_db = 0;
    room_echo(&room, s->far, s->echo, SAMPLES);
    double loud = sqrt(power(s->near, 22, 32) / power(s->echo, 0, 22));
    scale(s->echo, loud * pow(10, scene->room.echo_db / 20));
    room_noise(s->noise, SAMPLES, scene->room.seed + 100);
    scale(s->noise, 0.05 * pow(10, -scene->snr_db / 20));
}

// ---- measuring ----------------------------------------------------------------------------------

struct result {
    double erle_db, again_db; // echo against speech, better by: at 6-12 s, at 37-44 s
    double converged_s;       // NAN: never
    double noise_db;          // noise against speech, better by
    double both, alone;       // ESTOI of the near voice
    double level_db;          // of the near voice alone, louder by
    double delay_ms;
    double cpu_us; // of 20 ms
};

static double clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(const struct candidate *c, const struct scene *scene, struct sounds *s)
{
    // Devices know most of their delay.
    void *state = c->create(scene->room.delay_ms * 3 / 4);
    double begun = clock_us();
    for (size_t at = 0; at + BLOCK <= SAMPLES; at += BLOCK) {
        int16_t far[BLOCK], near[BLOCK];
        for (size_t i = 0; i < BLOCK; i++) {
            far[i] = to_pcm(s->far[at + i]);
            near[i] = to_pcm(s->near[at + i] + s->echo[at + i] + s->noise[at + i]);
        }
        c->run(state, far, near);
        for (size_t i = 0; i < BLOCK; i++) {
            s->out[at + i] = (float)near[i] / 32768;
        }
    }
    double spent = clock_us() - begun;
    c->destroy(state);
    return spent / ((double)SAMPLES / BLOCK);
}

static void likeness_of(const struct sounds *s, double from, double to, struct likeness *out)
{
    size_t n = second(to) - second(from), at = second(from);
    int16_t *a = calloc(n, sizeof(*a)), *b = calloc(n, sizeof(*b));
    struct sound spoken = {0}, heard = {0};
    for (size_t i = 0; i < n; i++) {
        a[i] = to_pcm(s->near[at + i]);
        b[i] = to_pcm(s->out[at + i]);
    }
    memset(out, 0, sizeof(*out));
    if (sound_from_48k(&spoken, a, n) != 0 || sound_from_48k(&heard, b, n) != 0 ||
        !likeness_measure(out, &spoken, &heard, LIKENESS_STRETCH_MS)) {
        fprintf(stderr, "no likeness could be measured\n");
    }
    free(spoken.pcm);
    free(heard.pcm);
    free(a);
    free(b);
}

static double db(double ratio)
{
    return 10 * log10(ratio);
}

// How much quieter the echo came out than it went in, both against the near voice (what gain
// control does to all alike does not count).
static double reduction(const struct sounds *s, double gain, double from, double to)
{
    double in = power(s->echo, from, to) + power(s->noise, from, to);
    return db(in / (power(s->out, from, to) / gain));
}

static struct result measure(const struct candidate *c, const struct scene *scene, struct sounds *s)
{
    struct result r = {.cpu_us = run(c, scene, s), .converged_s = NAN};
    struct likeness l;
    // The last 8 s of the near voice: gain control has settled.
    double gain = power(s->out, 24, 32) / (power(s->near, 24, 32) + power(s->noise, 24, 32));
    r.level_db = db(gain);
    r.erle_db = reduction(s, gain, 6, 12);
    r.again_db = reduction(s, gain, 37, 44);
    for (double t = 0; t < 11.5 && isnan(r.converged_s); t += 0.1) {
        bool speech = power(s->echo, t, t + 0.5) > 0.1 * power(s->echo, 0, 12);
        if (speech && reduction(s, gain, t, t + 0.5) >= CONVERGED_DB) {
            r.converged_s = t + 0.5;
        }
    }
    r.noise_db = db(power(s->noise, 34, 36) / (power(s->out, 34, 36) / gain));
    likeness_of(s, 12, 22, &l);
    r.both = l.estoi;
    likeness_of(s, 22, 32, &l);
    r.alone = l.estoi;
    r.delay_ms = l.delay_ms;
    return r;
}

int main(void)
{
    static struct sounds s;
    printf("%-20s %-12s %6s %6s %6s %6s %6s %6s %6s %6s %6s\n", "room", "canceller", "echo",
           "later", "conv.", "noise", "both", "alone", "level", "delay", "CPU");
    printf("%-20s %-12s %6s %6s %6s %6s %6s %6s %6s %6s %6s\n", "", "", "dB", "dB", "s", "dB",
           "ESTOI", "ESTOI", "dB", "ms", "us");
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        make(&s, &scenes[i]);
        for (size_t c = 0; c < sizeof(candidates) / sizeof(candidates[0]); c++) {
            const char *name = candidates[c].name;
            struct result r = measure(&candidates[c], &scenes[i], &s);
            printf("%-20s %-12s %6.1f %6.1f %6.1f %6.1f %6.3f %6.3f %6.1f %6.1f %6.0f\n",
                   scenes[i].name, name != NULL ? name : processing_name(), r.erle_db, r.again_db,
                   r.converged_s, r.noise_db, r.both, r.alone, r.level_db, r.delay_ms, r.cpu_us);
            fflush(stdout);
        }
    }
    return 0;
}
