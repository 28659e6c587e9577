// SPDX-License-Identifier: Apache-2.0
#include "audio.h"
#include "device.h"
#include "processing.h"
#include "skew.h"
#include "wav.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND_MAX_NS (200 * SOTTO_NS_PER_MS) // after a longer sleep the file jumps, not hurries
#define ASLEEP_NS     (500 * SOTTO_NS_PER_MS) // not read for so long: what waits is old

struct audio_input {
    enum audio_kind kind;
    bool running;
    struct wav_reader *file;
    bool loop, ended;
    sotto_ns begun_ns; // when sample 0 of this run was spoken
    uint64_t given;    // samples since then
    struct device *device;
    struct processing *processing;
    sotto_ns read_ns; // last
    struct skew skew;
    bool stale;              // the ring holds sound from before the start
    enum audio_news news[4]; // of file and nothing; a device has its own
    sotto_ns news_at_ns[4];
    size_t news_count;
};

static void add_news(struct audio_input *in, enum audio_news what, sotto_ns at_ns)
{
    if (in->news_count < sizeof(in->news) / sizeof(in->news[0])) {
        in->news[in->news_count] = what;
        in->news_at_ns[in->news_count++] = at_ns;
    }
}

static const char *file_problem(int err)
{
    switch (err) {
    case SOTTO_EPARSE:
        return "not a WAV file, or damaged";
    case SOTTO_ESUITE:
        return "this kind of WAV is not understood: it must be 16 or 24 bit or float, mono or "
               "stereo, 4 to 192 kHz";
    case SOTTO_EINVAL:
        return "not a regular file";
    case SOTTO_EIO:
        return strerror(errno);
    default:
        return sotto_strerror(err);
    }
}

static int open_source(struct audio_input *in, const struct audio_config *cfg, const char *name,
                       char error[AUDIO_TEXT_BYTES])
{
    int err = 0;
    if (in->kind == AUDIO_FILE) {
        err = wav_reader_open(&in->file, name);
        if (err != 0) {
            snprintf(error, AUDIO_TEXT_BYTES, "%.200s: %.100s", name, file_problem(err));
        }
    } else if (in->kind == AUDIO_DEVICE) {
        struct device_config device = {.input = true,
                                       .name = name,
                                       .wake = cfg->wake,
                                       .user = cfg->user};
        err = device_new(&in->device, &device);
        if (err != 0) {
            snprintf(error, AUDIO_TEXT_BYTES, "the microphone: %s", sotto_strerror(err));
        }
    }
    return err;
}

int audio_input_new(struct audio_input **out, const struct audio_config *cfg,
                    char error[AUDIO_TEXT_BYTES])
{
    enum audio_kind kind;
    const char *name;
    if (audio_spec_parse(cfg->spec, &kind, &name) != 0) {
        snprintf(error, AUDIO_TEXT_BYTES,
                 "\"%.100s\" is no microphone: give FILE.wav, device, device:NAME or silence",
                 cfg->spec);
        return SOTTO_EINVAL;
    }
    struct audio_input *in = calloc(1, sizeof(*in));
    if (in == NULL) {
        snprintf(error, AUDIO_TEXT_BYTES, "%s", sotto_strerror(SOTTO_ENOMEM));
        return SOTTO_ENOMEM;
    }
    in->kind = kind;
    in->loop = cfg->loop;
    in->processing = cfg->processing;
    int err = open_source(in, cfg, name, error);
    if (err != 0) {
        free(in);
        return err;
    }
    *out = in;
    return 0;
}

void audio_input_free(struct audio_input *in)
{
    if (in == NULL) {
        return;
    }
    device_free(in->device);
    wav_reader_close(in->file);
    free(in);
}

// What was learned of the room is void: another device, or another time.
static void forget(struct audio_input *in)
{
    if (in->processing != NULL) {
        (void)processing_reset(in->processing); // out of memory: it goes on with what it knows
    }
}

void audio_input_start(struct audio_input *in, sotto_ns now)
{
    if (in->running) {
        return;
    }
    in->running = true;
    in->given = 0;
    in->read_ns = now;
    forget(in);
    if (in->kind == AUDIO_DEVICE) {
        in->stale = true;
        skew_init(&in->skew);
        device_start(in->device);
    } else {
        in->begun_ns = now - AUDIO_FILE_LEAD_NS;
        add_news(in, AUDIO_STARTED, in->begun_ns);
    }
}

void audio_input_stop(struct audio_input *in, sotto_ns now)
{
    if (!in->running) {
        return;
    }
    in->running = false;
    if (in->kind == AUDIO_DEVICE) {
        device_stop(in->device);
    } else {
        add_news(in, AUDIO_STOPPED, now);
    }
}

static size_t read_file(struct audio_input *in, int16_t *pcm, size_t samples, sotto_ns now)
{
    size_t got = in->ended ? 0 : wav_reader_read(in->file, pcm, samples);
    while (got < samples && in->loop && !in->ended) {
        if (wav_reader_rewind(in->file) != 0) {
            break;
        }
        size_t more = wav_reader_read(in->file, pcm + got, samples - got);
        in->ended = more == 0; // an empty file
        got += more;
    }
    if (got < samples && !in->ended) {
        in->ended = true;
        add_news(in, AUDIO_ENDED, now);
    }
    memset(pcm + got, 0, (samples - got) * sizeof(*pcm));
    return samples;
}

// A file, or nothing, gives what the clock says.
static size_t read_by_clock(struct audio_input *in, int16_t *pcm, size_t samples, sotto_ns now)
{
    uint64_t due = (now - in->begun_ns) / 1000 * AUDIO_RATE / 1000000;
    uint64_t late = due - in->given;
    if (late > BEHIND_MAX_NS / 1000 * AUDIO_RATE / 1000000) {
        in->given = due - AUDIO_FRAME_SAMPLES;
        late = AUDIO_FRAME_SAMPLES;
    }
    size_t n = late < samples ? (size_t)late : samples;
    in->given += n;
    if (in->kind == AUDIO_FILE) {
        return read_file(in, pcm, n, now);
    }
    memset(pcm, 0, n * sizeof(*pcm));
    return n;
}

static size_t read_device(struct audio_input *in, int16_t *pcm, size_t samples, sotto_ns now)
{
    struct ring *ring = device_ring(in->device);
    if (in->stale) {
        in->stale = false;
        ring_drop(ring, 0);
    }
    if (samples <= SKEW_STEP_SAMPLES) {
        return 0;
    }
    size_t n = ring_read(ring, pcm, samples - SKEW_STEP_SAMPLES);
    if (in->processing != NULL) {
        processing_latency(in->processing, false, device_latency_ms(in->device));
        n = processing_near(in->processing, pcm, n);
    }
    return n == 0 ? 0 : skew_adjust(&in->skew, pcm, n, now);
}

size_t audio_input_read(struct audio_input *in, int16_t *pcm, size_t samples, sotto_ns now)
{
    if (!in->running) {
        return 0;
    }
    if (in->processing != NULL) {
        if (samples <= PROCESSING_FRAME_SAMPLES) {
            return 0;
        }
        samples -= PROCESSING_FRAME_SAMPLES; // what waits there comes first
    }
    if (now - in->read_ns > ASLEEP_NS) {
        in->stale = true;
        skew_init(&in->skew);
        forget(in);
    }
    in->read_ns = now;
    if (in->kind == AUDIO_DEVICE) {
        return read_device(in, pcm, samples, now);
    }
    size_t n = read_by_clock(in, pcm, samples, now);
    return in->processing != NULL ? processing_near(in->processing, pcm, n) : n;
}

enum audio_news audio_input_news(struct audio_input *in, sotto_ns *at_ns,
                                 char text[AUDIO_TEXT_BYTES])
{
    static const enum audio_news of[] = {
        [DEVICE_NONE] = AUDIO_NO_NEWS,    [DEVICE_STARTED] = AUDIO_STARTED,
        [DEVICE_STOPPED] = AUDIO_STOPPED, [DEVICE_FAILED] = AUDIO_FAILED,
        [DEVICE_CHANGED] = AUDIO_CHANGED,
    };
    if (in->kind == AUDIO_DEVICE) {
        enum audio_news news = of[device_news(in->device, at_ns, text)];
        if (news == AUDIO_STARTED) {
            forget(in);
        }
        return news;
    }
    if (in->news_count == 0) {
        return AUDIO_NO_NEWS;
    }
    enum audio_news what = in->news[0];
    *at_ns = in->news_at_ns[0];
    text[0] = '\0';
    in->news_count--;
    memmove(in->news, in->news + 1, in->news_count * sizeof(in->news[0]));
    memmove(in->news_at_ns, in->news_at_ns + 1, in->news_count * sizeof(in->news_at_ns[0]));
    return what;
}
