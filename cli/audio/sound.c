// SPDX-License-Identifier: Apache-2.0
#include "sound.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIBRARY      "libcubeb.so.0"
#define CONTEXT_NAME "sotto"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sound_api api_loaded;
static bool loaded;

// Copies the address of a function: ISO C has no cast for it.
static bool find(void *library, const char *name, void *slot, size_t slot_bytes)
{
    void *address = dlsym(library, name);
    if (address == NULL || slot_bytes != sizeof(address)) {
        return false;
    }
    memcpy(slot, &address, sizeof(address));
    return true;
}

#define FIND(field) find(library, "cubeb_" #field, &api_loaded.field, sizeof(api_loaded.field))

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return;
    }
    loaded = FIND(init) && FIND(destroy) && FIND(get_min_latency) && FIND(enumerate_devices) &&
             FIND(device_collection_destroy) && FIND(stream_init) && FIND(stream_destroy) &&
             FIND(stream_start) && FIND(stream_stop);
    (void)(FIND(stream_get_latency) && FIND(stream_get_input_latency));
    (void)FIND(register_device_collection_changed);
}

const struct sound_api *sound_api(void)
{
    pthread_once(&once, load);
    return loaded ? &api_loaded : NULL;
}

cubeb *sound_open(const struct sound_api *api)
{
    // JACK would write to the terminal if its server does not run: only on demand.
    static const char *const backends[] = {"pulse", "alsa", "sndio"};
    cubeb *context = NULL;
    const char *chosen = getenv("SOTTO_SOUND");
    if (chosen != NULL && chosen[0] != '\0') {
        return api->init(&context, CONTEXT_NAME, chosen) == CUBEB_OK ? context : NULL;
    }
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (api->init(&context, CONTEXT_NAME, backends[i]) == CUBEB_OK) {
            return context;
        }
    }
    return NULL;
}

static void describe(struct sound_device *out, const cubeb_device_info *d)
{
    const char *id = d->device_id != NULL ? d->device_id : "";
    const char *name = d->friendly_name != NULL ? d->friendly_name : id;
    snprintf(out->id, sizeof(out->id), "%s", id);
    snprintf(out->name, sizeof(out->name), "%s", name);
    out->input = d->type == CUBEB_DEVICE_TYPE_INPUT;
    out->preferred = d->preferred != CUBEB_DEVICE_PREF_NONE;
}

static size_t list(const struct sound_api *api, cubeb *context, cubeb_device_type type,
                   struct sound_device *out, size_t max)
{
    cubeb_device_collection all = {0};
    if (api->enumerate_devices(context, type, &all) != CUBEB_OK) {
        return 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < all.count && count < max; i++) {
        if (all.device[i].state == CUBEB_DEVICE_STATE_ENABLED) {
            describe(&out[count++], &all.device[i]);
        }
    }
    api->device_collection_destroy(context, &all);
    return count;
}

int sound_devices(struct sound_device *out, size_t max, const char **why)
{
    const struct sound_api *api = sound_api();
    if (api == NULL) {
        *why = "the sound library (libcubeb0) is not installed";
        return -1;
    }
    cubeb *context = sound_open(api);
    if (context == NULL) {
        *why = "no sound system runs here (PulseAudio, PipeWire or ALSA)";
        return -1;
    }
    size_t count = list(api, context, CUBEB_DEVICE_TYPE_INPUT, out, max);
    count += list(api, context, CUBEB_DEVICE_TYPE_OUTPUT, out + count, max - count);
    api->destroy(context);
    return (int)count;
}

static bool is_named(const cubeb_device_info *d, const char *name)
{
    return (d->device_id != NULL && strcmp(d->device_id, name) == 0) ||
           (d->friendly_name != NULL && strcasecmp(d->friendly_name, name) == 0);
}

static bool contains(const cubeb_device_info *d, const char *name)
{
    return d->friendly_name != NULL && strcasestr(d->friendly_name, name) != NULL;
}

bool sound_find(const cubeb_device_collection *collection, const char *name, cubeb_devid *out)
{
    const cubeb_device_info *like = NULL;
    size_t likes = 0;
    for (size_t i = 0; i < collection->count; i++) {
        const cubeb_device_info *d = &collection->device[i];
        if (d->state != CUBEB_DEVICE_STATE_ENABLED) {
            continue;
        }
        if (is_named(d, name)) {
            *out = d->devid;
            return true;
        }
        if (contains(d, name)) {
            like = d;
            likes++;
        }
    }
    if (likes != 1) {
        return false;
    }
    *out = like->devid;
    return true;
}
