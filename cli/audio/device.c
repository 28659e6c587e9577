// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include "clock.h"
#include "sound.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEWS_MAX            8
#define LATENCY_MIN_SAMPLES 480
#define LATENCY_MAX_SAMPLES 1920
#define WATCH_MS            250
#define STEADY_CALLBACKS    8 // from then on a device is expected to go on

struct news {
    enum device_news what;
    sotto_ns at_ns;
    char text[DEVICE_TEXT_BYTES];
};

struct device {
    struct device_config cfg;
    char name[SOUND_NAME_MAX_BYTES]; // "" default
    struct ring ring;

    pthread_t thread;
    pthread_mutex_t lock; // for what follows, up to the next blank line
    pthread_cond_t changed;
    bool wanted, quit;
    struct news news[NEWS_MAX];
    size_t news_count;

    // Of the thread alone.
    const struct sound_api *api;
    cubeb *context;
    cubeb_stream *stream;
    bool on_default; // a named device is replaced by the default one
    bool told;       // that there is none
    unsigned opened; // callbacks when it was opened
    unsigned seen;   // callbacks at the last look
    sotto_ns seen_ns;

    // Between the thread and the sound library's.
    _Atomic unsigned callbacks;
    _Atomic bool broken;
    _Atomic bool plugged; // something was, or was pulled out
    _Atomic size_t burst;
    _Atomic size_t starved;
    _Atomic unsigned latency_ms;
};

static const char *kind(const struct device *d)
{
    return d->cfg.input ? "microphone" : "loudspeaker";
}

static void wake(struct device *d)
{
    if (d->cfg.wake != NULL) {
        d->cfg.wake(d->cfg.user);
    }
}

// With the lock. If nobody has asked for so long, the oldest gives way.
static void add_news(struct device *d, enum device_news what, sotto_ns at_ns, const char *text)
{
    if (d->news_count == NEWS_MAX) {
        memmove(d->news, d->news + 1, sizeof(d->news[0]) * (NEWS_MAX - 1));
        d->news_count--;
    }
    struct news *n = &d->news[d->news_count++];
    n->what = what;
    n->at_ns = at_ns;
    snprintf(n->text, sizeof(n->text), "%s", text);
}

static void tell(struct device *d, enum device_news what, sotto_ns at_ns, const char *text)
{
    pthread_mutex_lock(&d->lock);
    add_news(d, what, at_ns, text);
    pthread_mutex_unlock(&d->lock);
    wake(d);
}

// ---- the sound library's thread -----------------------------------------------------------------

static long on_input(cubeb_stream *stream, void *user, const void *in, void *out, long frames)
{
    (void)stream;
    (void)out;
    struct device *d = user;
    ring_write(&d->ring, in, (size_t)frames); // full: nobody reads, so nothing is lost
    atomic_fetch_add(&d->callbacks, 1);
    return frames;
}

static long on_output(cubeb_stream *stream, void *user, const void *in, void *out, long frames)
{
    (void)stream;
    (void)in;
    struct device *d = user;
    size_t want = (size_t)frames;
    size_t got = ring_read(&d->ring, out, want);
    memset((int16_t *)out + got, 0, (want - got) * sizeof(int16_t));
    atomic_fetch_add(&d->starved, want - got);
    if (want > atomic_load(&d->burst)) {
        atomic_store(&d->burst, want);
    }
    atomic_fetch_add(&d->callbacks, 1);
    wake(d);
    return frames;
}

static void on_state(cubeb_stream *stream, void *user, cubeb_state state)
{
    (void)stream;
    struct device *d = user;
    if (state == CUBEB_STATE_ERROR) {
        atomic_store(&d->broken, true);
    }
}

static void on_plugged(cubeb *context, void *user)
{
    (void)context;
    struct device *d = user;
    atomic_store(&d->plugged, true);
}

// ---- our own thread -----------------------------------------------------------------------------

static void close_stream(struct device *d)
{
    if (d->stream != NULL) {
        d->api->stream_stop(d->stream);
        d->api->stream_destroy(d->stream);
        d->stream = NULL;
    }
}

static cubeb_device_type type_of(const struct device *d)
{
    return d->cfg.input ? CUBEB_DEVICE_TYPE_INPUT : CUBEB_DEVICE_TYPE_OUTPUT;
}

// Devices that come and go matter where one of them is wanted.
static void watch_plugs(struct device *d, bool on)
{
    if (d->name[0] != '\0' && d->api->register_device_collection_changed != NULL) {
        d->api->register_device_collection_changed(d->context, type_of(d), on ? on_plugged : NULL,
                                                   on ? d : NULL);
    }
}

static void close_all(struct device *d)
{
    close_stream(d);
    if (d->context != NULL) {
        watch_plugs(d, false);
        d->api->destroy(d->context);
        d->context = NULL;
    }
}

static bool open_stream(struct device *d, cubeb_devid id)
{
    cubeb_stream_params params = {
        .format = CUBEB_SAMPLE_S16NE,
        .rate = DEVICE_RATE,
        .channels = 1,
        .layout = CUBEB_LAYOUT_MONO,
        .prefs = CUBEB_STREAM_PREF_VOICE,
    };
    uint32_t latency = 0;
    if (d->api->get_min_latency(d->context, &params, &latency) != CUBEB_OK ||
        latency < LATENCY_MIN_SAMPLES) {
        latency = LATENCY_MIN_SAMPLES;
    }
    if (latency > LATENCY_MAX_SAMPLES) {
        latency = LATENCY_MAX_SAMPLES;
    }
    atomic_store(&d->broken, false);
    int err;
    if (d->cfg.input) {
        err = d->api->stream_init(d->context, &d->stream, "microphone", id, &params, NULL, NULL,
                                  latency, on_input, on_state, d);
    } else {
        err = d->api->stream_init(d->context, &d->stream, "loudspeaker", NULL, NULL, id, &params,
                                  latency, on_output, on_state, d);
    }
    if (err != CUBEB_OK) {
        d->stream = NULL;
        return false;
    }
    d->opened = d->seen = atomic_load(&d->callbacks);
    if (d->api->stream_start(d->stream) != CUBEB_OK) {
        close_stream(d);
        return false;
    }
    d->seen_ns = clock_now().mono_ns;
    return true;
}

// The device with the wanted name, if there is one; `open`: and it can be opened.
static bool find_named(struct device *d, bool open)
{
    cubeb_device_collection all = {0};
    if (d->api->enumerate_devices(d->context, type_of(d), &all) != CUBEB_OK) {
        return false;
    }
    cubeb_devid id = NULL;
    bool ok = sound_find(&all, d->name, &id) && (!open || open_stream(d, id));
    d->api->device_collection_destroy(d->context, &all);
    return ok;
}

// What is wrong, for the user; NULL if the device runs.
static const char *open_any(struct device *d)
{
    d->api = sound_api();
    if (d->api == NULL) {
        return "the sound library (libcubeb0) is not installed";
    }
    d->context = sound_open(d->api);
    if (d->context == NULL) {
        return "no sound system runs here (PulseAudio, PipeWire or ALSA)";
    }
    watch_plugs(d, true);
    if (d->name[0] != '\0' && find_named(d, true)) {
        d->on_default = false;
        return NULL;
    }
    if (open_stream(d, NULL)) {
        d->on_default = d->name[0] != '\0';
        return NULL;
    }
    return "it cannot be opened";
}

static void tell_failed(struct device *d, const char *why)
{
    if (d->told) {
        return;
    }
    d->told = true;
    char text[DEVICE_TEXT_BYTES];
    snprintf(text, sizeof(text),
             d->cfg.input ? "no microphone: %s; the other side hears silence. Plug one in, or use "
                            "--mic FILE.wav or --mic silence"
                          : "no loudspeaker: %s; you hear nothing. Plug one in, or use --speaker "
                            "FILE.wav or --speaker none",
             why);
    tell(d, DEVICE_FAILED, clock_now().mono_ns, text);
}

static void try_open(struct device *d)
{
    bool was_default = d->on_default, had_failed = d->told;
    sotto_ns begun = clock_now().mono_ns;
    const char *why = open_any(d);
    if (why != NULL) {
        close_all(d);
        tell_failed(d, why);
        return;
    }
    char text[DEVICE_TEXT_BYTES];
    d->told = false;
    if (d->on_default && !was_default) {
        snprintf(text, sizeof(text), "the %s \"%.200s\" is not there; using the default one",
                 kind(d), d->name);
        tell(d, DEVICE_CHANGED, begun, text);
    } else if (was_default && !d->on_default) {
        snprintf(text, sizeof(text), "the %s \"%.200s\" is back", kind(d), d->name);
        tell(d, DEVICE_CHANGED, begun, text);
    } else if (had_failed) {
        snprintf(text, sizeof(text), "the %s works now", kind(d));
        tell(d, DEVICE_CHANGED, begun, text);
    }
    tell(d, DEVICE_STARTED, clock_now().mono_ns, "");
}

// A device that was pulled out reports an error, or just falls silent.
static bool is_gone(struct device *d)
{
    unsigned now = atomic_load(&d->callbacks);
    if (atomic_load(&d->broken)) {
        return true;
    }
    if (now != d->seen) {
        d->seen = now;
        d->seen_ns = clock_now().mono_ns;
    }
    unsigned limit_ms = now - d->opened < STEADY_CALLBACKS ? DEVICE_START_MS : DEVICE_STALL_MS;
    return clock_now().mono_ns - d->seen_ns > limit_ms * SOTTO_NS_PER_MS;
}

// A sound server plays on, on another device, when the wanted one is gone: it is opened anew, and
// told. So is its return.
static bool is_elsewhere(struct device *d)
{
    return atomic_exchange(&d->plugged, false) && find_named(d, false) == d->on_default;
}

static void ask_latency(struct device *d)
{
    uint32_t samples = 0;
    int (*ask)(cubeb_stream *, uint32_t *) =
        d->cfg.input ? d->api->stream_get_input_latency : d->api->stream_get_latency;
    if (ask != NULL && ask(d->stream, &samples) == CUBEB_OK) {
        atomic_store(&d->latency_ms, samples / (DEVICE_RATE / 1000));
    }
}

static void wait_ms(struct device *d, unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    pthread_cond_timedwait(&d->changed, &d->lock, &t);
}

// One round, with the lock; releases it while the sound system is busy.
static void work(struct device *d)
{
    bool wanted = d->wanted, open = d->stream != NULL;
    if (!wanted && !open) {
        pthread_cond_wait(&d->changed, &d->lock);
        return;
    }
    pthread_mutex_unlock(&d->lock);
    if (!wanted) {
        close_all(d);
        d->told = d->on_default = false;
        tell(d, DEVICE_STOPPED, clock_now().mono_ns, "");
    } else if (!open) {
        try_open(d);
    } else if (is_gone(d) || is_elsewhere(d)) {
        close_all(d);
        try_open(d);
    } else {
        ask_latency(d);
    }
    pthread_mutex_lock(&d->lock);
    if (d->wanted && !d->quit) {
        wait_ms(d, d->stream != NULL ? WATCH_MS : DEVICE_RETRY_MS);
    }
}

static void *device_thread(void *arg)
{
    struct device *d = arg;
    pthread_mutex_lock(&d->lock);
    while (!d->quit) {
        work(d);
    }
    pthread_mutex_unlock(&d->lock);
    close_all(d);
    return NULL;
}

// ---- the loop's thread --------------------------------------------------------------------------

static void init_lock(struct device *d)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, &attr);
    pthread_condattr_destroy(&attr);
}

int device_new(struct device **out, const struct device_config *cfg)
{
    struct device *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return SOTTO_ENOMEM;
    }
    d->cfg = *cfg;
    snprintf(d->name, sizeof(d->name), "%s", cfg->name != NULL ? cfg->name : "");
    ring_init(&d->ring);
    init_lock(d);
    if (pthread_create(&d->thread, NULL, device_thread, d) != 0) {
        pthread_cond_destroy(&d->changed);
        pthread_mutex_destroy(&d->lock);
        free(d);
        return SOTTO_EIO;
    }
    *out = d;
    return 0;
}

static void ask(struct device *d, bool wanted, bool quit)
{
    pthread_mutex_lock(&d->lock);
    d->wanted = wanted;
    d->quit = quit;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

void device_free(struct device *d)
{
    if (d == NULL) {
        return;
    }
    ask(d, false, true);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    sotto_wipe(&d->ring, sizeof(d->ring));
    free(d);
}

void device_start(struct device *d)
{
    ask(d, true, false);
}

void device_stop(struct device *d)
{
    ask(d, false, false);
}

struct ring *device_ring(struct device *d)
{
    return &d->ring;
}

size_t device_burst(const struct device *d)
{
    return atomic_load(&d->burst);
}

unsigned device_latency_ms(const struct device *d)
{
    return atomic_load(&d->latency_ms);
}

size_t device_starved(struct device *d)
{
    return atomic_exchange(&d->starved, 0);
}

enum device_news device_news(struct device *d, sotto_ns *at_ns, char text[DEVICE_TEXT_BYTES])
{
    enum device_news what = DEVICE_NONE;
    pthread_mutex_lock(&d->lock);
    if (d->news_count > 0) {
        what = d->news[0].what;
        *at_ns = d->news[0].at_ns;
        memcpy(text, d->news[0].text, DEVICE_TEXT_BYTES);
        d->news_count--;
        memmove(d->news, d->news + 1, sizeof(d->news[0]) * d->news_count);
    }
    pthread_mutex_unlock(&d->lock);
    return what;
}
