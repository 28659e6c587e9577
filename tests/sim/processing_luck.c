// SPDX-License-Identifier: Apache-2.0
// Hostile sound for the processing of the microphone (cli/audio/processing.h), in simulated time.
// Its library ends the program where a check of its own fails, and half of what it is given is the
// far end's choice. So for each seed: sounds that no voice makes at both ends, changing at random,
// with echoes, held up programs, clocks and devices to match; and after each such spell a
// conversation as any other. Held: what goes in comes out, frame for frame; then silence is silent,
// the near voice comes through, and the echo of the far one is taken out.
//
//   processing_luck SEED [COUNT [SECONDS]]     (1 seed from there on, spells of 20 s)
#include "likeness.h"
#include "prng.h"
#include "processing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE         48000
#define BLOCK        960         // 20 ms, what is played at once
#define AT_ONCE      3840        // samples of the microphone that are taken at once, at most
#define TAKEN        (8 * BLOCK) // by the microphone in one step, at most
#define HELD_MAX     16          // steps
#define ECHO_SAMPLES (2 * RATE)  // that are remembered
#define SPELLS       3           // for each seed
#define TALK_SECONDS 12          // of each of the voices after a spell
#define TALK         (TALK_SECONDS * RATE)
#define SETTLE       (4 * RATE) // nothing is held before
#define SILENCE      (4 * RATE)
#define ECHO_DELAY   (RATE * 70 / 1000)
#define TWO_PI       6.283185307179586

// What is held after a spell. AEC3 may take 20 s of speech to find the echo again.
#define SILENT_RMS 4.0 // -78 dB of full scale, at most
#define GAIN_LEAST 0.4 // of the voice
#define GAIN_MOST  4.0
#define LIKENESS   LIKENESS_SAME
#define ECHO_LEFT  0.1  // 20 dB
#define FINDS      2    // times that the far voice has spoken before
#define STUCK      RATE // samples in a row that are the same while somebody speaks

#define EXPECT(run, condition) expect((run), (condition), #condition, __LINE__)

enum kind {
    NOTHING,
    NOISE,
    SQUARE,
    CONSTANT,
    CLICKS,
    SINE,
    SPIKES,    // single samples of full scale, seldom
    DITHER,    // the least there is
    ALTERNATE, // the highest frequency there is
    SWELL,     // a tone that comes and goes
    SWEEP,
    KEYED,  // noise, on and off
    FADING, // towards nothing
    CLIPPED,
    VOICE,
    KINDS,
};

struct source {
    enum kind kind;
    double hz, phase, level; // level: of full scale
    size_t at, left;         // samples since it began; until there is another
};

// What the devices and the program do to the two streams.
struct weather {
    uint32_t near_ppm, far_ppm;   // 1000000: a clock that is right
    uint32_t near_held, far_held; // steps for which it waits
    bool burst;                   // what waited is played at once; otherwise silence was
    size_t delay;                 // of the echo
    double echo;                  // 0: none
    bool clips;                   // the loudspeaker
    size_t left;                  // steps
};

struct run {
    struct processing *p;
    uint64_t seed, rng;
    struct source near, far;
    struct weather weather;
    double near_due, far_due;   // samples by the clocks
    int16_t echo[ECHO_SAMPLES]; // what was played, a ring
    size_t echo_at;
    uint64_t in, out; // samples of the microphone, since the beginning
    int failed;
};

static int16_t near_voice[TALK], far_voice[TALK], heard[TALK];

static void expect(struct run *r, bool good, const char *what, int where)
{
    if (!good && r->failed++ == 0) {
        printf(" line %d: not %s\n", where, what);
    }
}

static double chance(struct run *r)
{
    return (double)(prng_next(&r->rng) >> 11) / 9007199254740992.0;
}

static int16_t clipped(double x)
{
    return (int16_t)fmax(INT16_MIN, fmin(INT16_MAX, x));
}

static double rms(const int16_t *pcm, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    return sqrt(sum / (double)n);
}

// ---- sounds -------------------------------------------------------------------------------------

// Levels from full scale down to its last bit; from 10 ms to 5 s.
static void renew(struct run *r, struct source *s)
{
    s->kind = (enum kind)prng_below(&r->rng, KINDS);
    s->hz = 20 * pow(1150, chance(r));
    s->level = prng_percent(&r->rng, 30) ? 1 : pow(10, -4.5 * chance(r));
    s->left = (size_t)(RATE / 100.0 * pow(500, chance(r)));
    s->at = 0;
}

// Of full scale; some kinds go beyond it.
static double shape(struct run *r, struct source *s)
{
    double t = (double)s->at / RATE;
    size_t each = (size_t)s->hz + 1; // samples
    switch (s->kind) {
    case NOISE:
        return 2 * chance(r) - 1;
    case SQUARE:
        return fmod(s->phase, 1) < 0.5 ? 1 : -1;
    case CONSTANT:
        return s->hz < 300 ? 1 : -1;
    case CLICKS:
        return s->at % each == 0 ? 1 : 0;
    case SINE:
        return sin(TWO_PI * s->phase);
    case SWELL:
        return sin(TWO_PI * s->phase) * sin(3 * t);
    case SWEEP:
        return sin(TWO_PI * fmod(s->hz * t * t * 4, 1));
    case KEYED:
        return s->at / (10 * each) % 2 == 0 ? 2 * chance(r) - 1 : 0;
    case FADING:
        return sin(TWO_PI * s->phase) * exp(-6 * t);
    case CLIPPED:
        return 50.0 * near_voice[s->at % TALK] / INT16_MAX;
    case VOICE:
        return 1.0 * near_voice[(s->at + TALK / 2) % TALK] / INT16_MAX;
    default:
        return 0;
    }
}

static int16_t sample(struct run *r, struct source *s)
{
    if (s->left == 0) {
        renew(r, s);
    }
    s->left--;
    s->at++;
    s->phase += s->hz / RATE;
    switch (s->kind) {
    case SPIKES:
        return prng_below(&r->rng, 2000) > 0 ? 0 : s->at % 2 == 0 ? INT16_MAX : INT16_MIN;
    case DITHER:
        return (int16_t)((int)prng_below(&r->rng, 3) - 1);
    case ALTERNATE:
        return s->at % 2 == 0 ? INT16_MAX : INT16_MIN;
    default:
        return clipped(shape(r, s) * s->level * (INT16_MAX + 1.0));
    }
}

// ---- the two streams ----------------------------------------------------------------------------

static void play(struct run *r, const int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        r->echo[r->echo_at++ % ECHO_SAMPLES] = pcm == NULL ? 0 : pcm[i];
    }
    processing_far(r->p, pcm, samples);
}

static int16_t echo(const struct run *r, size_t from_now)
{
    const struct weather *w = &r->weather;
    size_t back = w->delay + BLOCK - from_now;
    if (w->echo <= 0 || back > r->echo_at || back > ECHO_SAMPLES) {
        return 0;
    }
    double x = r->echo[(r->echo_at - back) % ECHO_SAMPLES] * w->echo;
    return clipped(w->clips ? copysign(sqrt(fabs(x) * INT16_MAX), x) : x);
}

// Through the processing, in pieces as they come; what is ready is in `out`. Returns how much.
static size_t take(struct run *r, const int16_t *pcm, size_t samples, int16_t *out)
{
    int16_t work[AT_ONCE + PROCESSING_FRAME_SAMPLES];
    size_t ready = 0;
    while (samples > 0) {
        size_t n = 1 + prng_below(&r->rng, AT_ONCE);
        n = n < samples ? n : samples;
        memcpy(work, pcm, n * sizeof(*work));
        size_t got = processing_near(r->p, work, n);
        pcm += n;
        samples -= n;
        r->in += n;
        r->out += got;
        EXPECT(r, got % PROCESSING_FRAME_SAMPLES == 0 && r->out <= r->in);
        EXPECT(r, r->in - r->out < PROCESSING_FRAME_SAMPLES);
        if (out != NULL) {
            memcpy(out + ready, work, got * sizeof(*work));
        }
        ready += got;
    }
    return ready;
}

static void reset(struct run *r)
{
    EXPECT(r, processing_reset(r->p) == 0);
    r->in = r->out = 0;
}

// ---- a spell ------------------------------------------------------------------------------------

static size_t some_delay(struct run *r)
{
    return prng_below(&r->rng, prng_percent(&r->rng, 70) ? RATE / 5 : ECHO_SAMPLES - BLOCK);
}

static void change_weather(struct run *r)
{
    struct weather *w = &r->weather;
    bool held = prng_percent(&r->rng, 20);
    *w = (struct weather){
        .near_ppm = 1000000,
        .far_ppm = 1000000,
        .near_held = held ? prng_below(&r->rng, HELD_MAX) : 0,
        .far_held = held ? prng_below(&r->rng, 4 * HELD_MAX) : 0,
        .burst = prng_percent(&r->rng, 50),
        .delay = some_delay(r),
        .echo = prng_percent(&r->rng, 40) ? 0 : pow(10, 1 - 4 * chance(r)),
        .clips = prng_percent(&r->rng, 30),
        .left = 1 + prng_below(&r->rng, 250),
    };
    if (prng_percent(&r->rng, 50)) {
        w->near_ppm += prng_below(&r->rng, 2000) - 1000;
        w->far_ppm += prng_below(&r->rng, 2000) - 1000;
    } else if (prng_percent(&r->rng, 5)) { // one of the two has another rate than it says
        w->near_ppm = 900000 + prng_below(&r->rng, 200000);
    }
    // What devices say of themselves may be anything.
    processing_latency(r->p, prng_percent(&r->rng, 50),
                       prng_percent(&r->rng, 5) ? UINT32_MAX : prng_below(&r->rng, 700));
    if (prng_percent(&r->rng, 3)) {
        reset(r);
    }
}

static void spell_near(struct run *r)
{
    int16_t pcm[BLOCK];
    struct weather *w = &r->weather;
    r->near_due += BLOCK * (w->near_ppm / 1e6);
    if (w->near_held > 0) {
        w->near_held--;
        return;
    }
    // What waited is in the device's ring, up to so much.
    size_t n = r->near_due < TAKEN ? (size_t)r->near_due : TAKEN;
    r->near_due -= r->near_due < TAKEN ? (double)n : r->near_due;
    while (n > 0) {
        size_t some = n < BLOCK ? n : BLOCK;
        for (size_t i = 0; i < some; i++) {
            pcm[i] = clipped((double)sample(r, &r->near) + echo(r, i));
        }
        (void)take(r, pcm, some, NULL);
        n -= some;
    }
}

static void spell_far(struct run *r)
{
    int16_t pcm[BLOCK];
    struct weather *w = &r->weather;
    r->far_due += BLOCK * (w->far_ppm / 1e6);
    if (w->far_held > 0) {
        w->far_held--;
        return;
    }
    for (; r->far_due >= BLOCK; r->far_due -= BLOCK) {
        for (size_t i = 0; i < BLOCK; i++) {
            pcm[i] = sample(r, &r->far);
        }
        if (r->far_due >= 2 * BLOCK && !w->burst) { // the loudspeaker ran dry
            play(r, NULL, BLOCK);
        } else {
            play(r, pcm, BLOCK);
        }
    }
}

static void spell(struct run *r, unsigned seconds)
{
    for (unsigned step = 0; step < seconds * RATE / BLOCK && r->failed == 0; step++) {
        if (r->weather.left-- == 0) {
            change_weather(r);
        }
        spell_near(r);
        spell_far(r);
    }
}

// ---- and afterwards -----------------------------------------------------------------------------

// Devices without faults. near, far: NULL is silence; fills `heard`.
static void talk(struct run *r, const int16_t *near, const int16_t *far, size_t samples)
{
    int16_t pcm[BLOCK];
    size_t n = 0;
    r->weather = (struct weather){.delay = ECHO_DELAY, .echo = 0.5};
    processing_latency(r->p, false, 20);
    processing_latency(r->p, true, 40);
    memset(heard, 0, sizeof(heard));
    for (size_t at = 0; at + BLOCK <= samples; at += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++) {
            pcm[i] = clipped((near == NULL ? 0 : near[at + i]) + (double)echo(r, i));
        }
        int16_t out[BLOCK + PROCESSING_FRAME_SAMPLES];
        size_t got = take(r, pcm, BLOCK, out);
        got = got < TALK - n ? got : TALK - n;
        memcpy(heard + n, out, got * sizeof(*out));
        n += got;
        play(r, far == NULL ? NULL : far + at, BLOCK);
    }
}

static size_t longest_stuck(const int16_t *pcm, size_t n)
{
    size_t most = 0;
    for (size_t i = 1, same = 1; i < n; i++) {
        same = pcm[i] == pcm[i - 1] ? same + 1 : 1;
        most = same > most ? same : most;
    }
    return most;
}

static double likeness(const int16_t *spoken, const int16_t *back, size_t n)
{
    struct sound a = {0}, b = {0};
    struct likeness like = {0};
    bool fine = sound_from_48k(&a, spoken, n) == 0 && sound_from_48k(&b, back, n) == 0 &&
                likeness_measure(&like, &a, &b, LIKENESS_STRETCH_MS);
    free(a.pcm);
    free(b.pcm);
    return fine && !like.silent ? like.likeness : 0;
}

static void judge(struct run *r)
{
    const size_t rest = TALK - SETTLE;
    talk(r, NULL, NULL, SILENCE);
    double hiss = rms(heard + SILENCE / 2, SILENCE / 2 - BLOCK);
    talk(r, near_voice, NULL, TALK);
    double gain = rms(heard + SETTLE, rest) / rms(near_voice + SETTLE, rest);
    double like = likeness(near_voice + SETTLE, heard + SETTLE, rest);
    size_t stuck = longest_stuck(heard + SETTLE, rest);
    for (int i = 0; i <= FINDS; i++) {
        talk(r, NULL, far_voice, TALK);
    }
    double left = rms(heard, TALK - BLOCK) / (0.5 * rms(far_voice, TALK - BLOCK));
    printf(" [hiss %.1f, gain %.2f, likeness %.2f, echo %.3f]", hiss, gain, like, left);
    EXPECT(r, hiss <= SILENT_RMS);
    EXPECT(r, gain >= GAIN_LEAST && gain <= GAIN_MOST);
    EXPECT(r, like >= LIKENESS);
    EXPECT(r, stuck < STUCK);
    EXPECT(r, left <= ECHO_LEFT);
}

static int run_seed(uint64_t seed, unsigned seconds)
{
    static struct run r;
    r = (struct run){.seed = seed, .rng = seed};
    printf("seed %" PRIu64 ":", seed);
    (void)fflush(stdout); // should the library end us
    if (processing_new(&r.p) != 0) {
        printf(" no processing\n");
        return 1;
    }
    for (int i = 0; i < SPELLS && r.failed == 0; i++) {
        spell(&r, seconds);
        judge(&r);
    }
    processing_free(r.p);
    printf("%s\n", r.failed > 0 ? "" : " held");
    return r.failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: processing_luck SEED [COUNT [SECONDS]]\n", stderr);
        return 2;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10);
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    unsigned seconds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
    int failed = 0;
    speech_make(near_voice, TALK, 1);
    speech_make(far_voice, TALK, 2);
    printf("%s\n", processing_name());
    for (uint64_t i = 0; i < count; i++) {
        failed += run_seed(seed + i, seconds);
    }
    return failed > 0 ? 1 : 0;
}
