// SPDX-License-Identifier: Apache-2.0
// likeness SPOKEN.wav HEARD.wav [--json] [--offset MS] [--stretch MS] [--at-least X]
// likeness --speech SEED FILE.wav
#include "likeness.h"

#include "wav.h"

#include <getopt.h>
#include <jansson.h>
#include <sotto/base.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ALIKE = 0,
    NOT_ALIKE = 1,
    FAILED = 2
};

struct options {
    bool json;
    double offset_ms; // when HEARD's file begins, after SPOKEN's
    double at_least;
    double stretch_ms;
    uint32_t speech; // seed; 0: compare
};

#define SPEECH_SECONDS 4

static const char usage[] =
    "usage: likeness SPOKEN.wav HEARD.wav [--json] [--offset MS] [--stretch MS] [--at-least X]\n"
    "       likeness --speech SEED FILE.wav\n"
    "How alike what was heard is to what was spoken (ESTOI, Jensen and Taal 2016): 1 the same,\n"
    "0 unrelated. --offset: HEARD's file begins so many ms after SPOKEN's; then the delay is from\n"
    "mouth to ear. --stretch: so long is each part that is compared at a delay of its own, 200 to\n"
    "2000 ms (2000). With --at-least the exit code is 1 if the likeness is less.\n"
    "The second form makes four seconds of something like speech; another seed, another text.\n";

static bool load(struct sound *out, const char *path)
{
    int err = sound_read(out, path);
    if (err != 0) {
        fprintf(stderr, "likeness: %s: %s\n", path, sotto_strerror(err));
    }
    return err == 0;
}

static void print_json(const struct likeness *l, const struct options *o)
{
    json_t *root =
        json_pack("{s:f, s:f, s:b, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "likeness",
                  l->likeness, "estoi", l->estoi, "silent", l->silent, "same",
                  l->likeness >= LIKENESS_SAME, "delay_ms", l->delay_ms + o->offset_ms,
                  "delay_min_ms", l->delay_min_ms + o->offset_ms, "delay_mean_ms",
                  l->delay_mean_ms + o->offset_ms, "delay_max_ms", l->delay_max_ms + o->offset_ms,
                  "lost", l->lost, "gain_db", l->gain_db, "active_s", l->active_s, "spoken_s",
                  l->spoken_s, "heard_s", l->heard_s);
    json_dumpf(root, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

static void print_text(const struct likeness *l, const struct options *o)
{
    if (l->silent) {
        puts("nothing was heard");
        return;
    }
    printf("likeness  %.3f (%s)\n", l->likeness,
           l->likeness >= LIKENESS_SAME ? "the same speech" : "not the same speech");
    printf("          %.3f at one delay\n", l->estoi);
    printf("delay     %.1f ms (%.1f to %.1f)\n", l->delay_ms + o->offset_ms,
           l->delay_min_ms + o->offset_ms, l->delay_max_ms + o->offset_ms);
    printf("lost      %.2f %% of %.1f s of speech\n", 100 * l->lost, l->active_s);
    printf("gain      %.1f dB\n", l->gain_db);
}

static bool parse(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},           {"offset", required_argument, NULL, 'o'},
        {"at-least", required_argument, NULL, 'a'}, {"stretch", required_argument, NULL, 't'},
        {"speech", required_argument, NULL, 's'},   {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        char *end = NULL;
        double value = optarg != NULL ? strtod(optarg, &end) : 0;
        if (c == '?' || (end != NULL && (end == optarg || *end != '\0'))) {
            return false;
        }
        if (c == 'j') {
            o->json = true;
        } else if (c == 'o') {
            o->offset_ms = value;
        } else if (c == 's') {
            o->speech = (uint32_t)value;
        } else if (c == 't') {
            o->stretch_ms = value;
        } else {
            o->at_least = value;
        }
    }
    if (o->stretch_ms < LIKENESS_STRETCH_MIN_MS || o->stretch_ms > LIKENESS_STRETCH_MS) {
        return false;
    }
    return argc - optind == (o->speech != 0 ? 1 : 2);
}

static int write_speech(uint32_t seed, const char *path)
{
    static int16_t pcm[SPEECH_SECONDS * WAV_RATE];
    struct wav_writer *w = NULL;
    speech_make(pcm, SPEECH_SECONDS * WAV_RATE, seed);
    int err = wav_writer_open(&w, path);
    if (err == 0) {
        wav_writer_write(w, pcm, SPEECH_SECONDS * WAV_RATE);
        err = wav_writer_close(w);
    }
    if (err != 0) {
        fprintf(stderr, "likeness: %s: %s\n", path, sotto_strerror(err));
    }
    return err != 0 ? FAILED : ALIKE;
}

int main(int argc, char **argv)
{
    struct options o = {.at_least = -1, .stretch_ms = LIKENESS_STRETCH_MS};
    struct sound spoken = {0}, heard = {0};
    struct likeness l = {0};
    int code = FAILED;
    if (!parse(&o, argc, argv)) {
        fputs(usage, stderr);
        return FAILED;
    }
    if (o.speech != 0) {
        return write_speech(o.speech, argv[optind]);
    }
    if (!load(&spoken, argv[optind]) || !load(&heard, argv[optind + 1])) {
        goto out;
    }
    if (!likeness_measure(&l, &spoken, &heard, (unsigned)o.stretch_ms)) {
        fprintf(stderr, "likeness: %s: less than half a second of speech\n", argv[optind]);
        goto out;
    }
    if (o.json) {
        print_json(&l, &o);
    } else {
        print_text(&l, &o);
    }
    code = l.likeness >= o.at_least ? ALIKE : NOT_ALIKE;
out:
    free(spoken.pcm);
    free(heard.pcm);
    return code;
}
