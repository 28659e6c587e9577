// SPDX-License-Identifier: Apache-2.0
#include "audio.h"
#include "device.h"
#include "processing.h"
#include "wav.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A file is written this much before its time, if the clock is awake anyway.
#define EARLY_NS      (1 * SOTTO_NS_PER_MS)
#define BEHIND_MAX_NS (2 * SOTTO_NS_PER_S) // after a longer sleep there is a gap in the file

struct audio_output {
    enum audio_kind kind;
    bool running;
    struct wav_writer *file;
    int file_error;
    sotto_ns next_ns; // when the next sample sounds
    struct device *device;
    struct processing *processing;
    enum audio_news news[4]; // of file and nothing; a device has its own
    sotto_ns news_at_ns[4];
    size_t news_count;
};

static void add_news(struct audio_output *out, enum audio_news what, sotto_ns at_ns)
{
    if (out->news_count < sizeof(out->news) / sizeof(out->news[0])) {
        out->news[out->news_count] = what;
        out->news_at_ns[out->news_count++] = at_ns;
    }
}

static int open_sink(struct audio_output *o, const struct audio_config *cfg, const char *name,
                     char error[AUDIO_TEXT_BYTES])
{
    int err = 0;
    if (o->kind == AUDIO_FILE) {
        err = wav_writer_open(&o->file, name);
        if (err != 0) {
            snprintf(error, AUDIO_TEXT_BYTES, "%.200s cannot be written: %s", name,
                     err == SOTTO_EIO ? strerror(errno) : sotto_strerror(err));
        }
    } else if (o->kind == AUDIO_DEVICE) {
        struct device_config device = {.name = name, .wake = cfg->wake, .user = cfg->user};
        err = device_new(&o->device, &device);
        if (err != 0) {
            snprintf(error, AUDIO_TEXT_BYTES, "the loudspeaker: %s", sotto_strerror(err));
        }
    }
    return err;
}

int audio_output_new(struct audio_output **out, const struct audio_config *cfg,
                     char error[AUDIO_TEXT_BYTES])
{
    enum audio_kind kind;
    const char *name;
    if (audio_spec_parse(cfg->spec, &kind, &name) != 0) {
        snprintf(error, AUDIO_TEXT_BYTES,
                 "\"%.100s\" is no loudspeaker: give FILE.wav, device, device:NAME or none",
                 cfg->spec);
        return SOTTO_EINVAL;
    }
    struct audio_output *o = calloc(1, sizeof(*o));
    if (o == NULL) {
        snprintf(error, AUDIO_TEXT_BYTES, "%s", sotto_strerror(SOTTO_ENOMEM));
        return SOTTO_ENOMEM;
    }
    o->kind = kind;
    o->processing = cfg->processing;
    int err = open_sink(o, cfg, name, error);
    if (err != 0) {
        free(o);
        return err;
    }
    *out = o;
    return 0;
}

void audio_output_free(struct audio_output *out)
{
    if (out == NULL) {
        return;
    }
    device_free(out->device);
    wav_writer_close(out->file);
    free(out);
}

void audio_output_start(struct audio_output *out, sotto_ns now)
{
    if (out->running) {
        return;
    }
    out->running = true;
    out->next_ns = now;
    if (out->kind == AUDIO_DEVICE) {
        device_start(out->device);
    } else {
        add_news(out, AUDIO_STARTED, now);
    }
}

void audio_output_stop(struct audio_output *out, sotto_ns now)
{
    if (!out->running) {
        return;
    }
    out->running = false;
    if (out->kind == AUDIO_DEVICE) {
        device_stop(out->device);
    } else {
        add_news(out, AUDIO_STOPPED, now);
    }
}

// Its ring holds what its next callback takes and a little more.
static unsigned device_wants(struct audio_output *out, size_t samples)
{
    size_t fill = ring_fill(device_ring(out->device));
    size_t burst = device_burst(out->device);
    size_t target = (burst == 0 ? AUDIO_FRAME_SAMPLES : burst) + AUDIO_SPEAKER_RESERVE_SAMPLES;
    if (target > RING_SAMPLES / 2) {
        target = RING_SAMPLES / 2;
    }
    if (fill >= target) {
        return 0;
    }
    return (unsigned)((target - fill + samples - 1) / samples);
}

static sotto_ns ns_of(size_t samples)
{
    return samples * SOTTO_NS_PER_S / AUDIO_RATE;
}

unsigned audio_output_wanted(struct audio_output *out, size_t samples, sotto_ns now)
{
    if (!out->running) {
        return 0;
    }
    if (out->kind == AUDIO_DEVICE) {
        return device_wants(out, samples);
    }
    if (now + EARLY_NS < out->next_ns) {
        return 0;
    }
    if (now > out->next_ns + BEHIND_MAX_NS) {
        out->next_ns = now;
    }
    return (unsigned)((now + EARLY_NS - out->next_ns) / ns_of(samples)) + 1;
}

// The canceller hears what is played, silence included.
static void tell_processing(struct audio_output *out, const int16_t *pcm, size_t samples)
{
    if (out->kind == AUDIO_DEVICE) {
        processing_far(out->processing, NULL, device_starved(out->device));
        processing_latency(out->processing, true, device_latency_ms(out->device));
    }
    processing_far(out->processing, pcm, samples);
}

void audio_output_write(struct audio_output *out, const int16_t *pcm, size_t samples)
{
    if (out->processing != NULL) {
        tell_processing(out, pcm, samples);
    }
    if (out->kind == AUDIO_DEVICE) {
        ring_write(device_ring(out->device), pcm, samples);
        return;
    }
    out->next_ns += ns_of(samples);
    if (out->kind != AUDIO_FILE || out->file_error != 0) {
        return;
    }
    out->file_error = wav_writer_write(out->file, pcm, samples);
    if (out->file_error != 0) {
        add_news(out, AUDIO_FAILED, out->next_ns);
    }
}

sotto_ns audio_output_expiry(const struct audio_output *out)
{
    return out->running && out->kind != AUDIO_DEVICE ? out->next_ns : SOTTO_NEVER;
}

static const char *file_problem(int err)
{
    switch (err) {
    case SOTTO_EFULL:
        return "the disk is full: the recording of what you hear ends here";
    case SOTTO_ELIMIT:
        return "the file has reached its greatest size: the recording ends here";
    default:
        return "the file cannot be written any more: the recording ends here";
    }
}

enum audio_news audio_output_news(struct audio_output *out, sotto_ns *at_ns,
                                  char text[AUDIO_TEXT_BYTES])
{
    static const enum audio_news of[] = {
        [DEVICE_NONE] = AUDIO_NO_NEWS,    [DEVICE_STARTED] = AUDIO_STARTED,
        [DEVICE_STOPPED] = AUDIO_STOPPED, [DEVICE_FAILED] = AUDIO_FAILED,
        [DEVICE_CHANGED] = AUDIO_CHANGED,
    };
    if (out->kind == AUDIO_DEVICE) {
        return of[device_news(out->device, at_ns, text)];
    }
    if (out->news_count == 0) {
        return AUDIO_NO_NEWS;
    }
    enum audio_news what = out->news[0];
    *at_ns = out->news_at_ns[0];
    snprintf(text, AUDIO_TEXT_BYTES, "%s",
             what == AUDIO_FAILED ? file_problem(out->file_error) : "");
    out->news_count--;
    memmove(out->news, out->news + 1, out->news_count * sizeof(out->news[0]));
    memmove(out->news_at_ns, out->news_at_ns + 1, out->news_count * sizeof(out->news_at_ns[0]));
    return what;
}
