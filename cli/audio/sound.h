// SPDX-License-Identifier: Apache-2.0
// libcubeb, loaded when a microphone or loudspeaker is first wanted and not before: it brings some
// forty libraries along, which no command without sound should carry.
#ifndef SOTTO_AUDIO_SOUND_H
#define SOTTO_AUDIO_SOUND_H

#include <cubeb/cubeb.h>
#include <stdbool.h>
#include <stddef.h>

#define SOUND_NAME_MAX_BYTES 256

struct sound_api {
    int (*init)(cubeb **, char const *, char const *);
    void (*destroy)(cubeb *);
    int (*get_min_latency)(cubeb *, cubeb_stream_params *, uint32_t *);
    int (*enumerate_devices)(cubeb *, cubeb_device_type, cubeb_device_collection *);
    int (*device_collection_destroy)(cubeb *, cubeb_device_collection *);
    int (*stream_init)(cubeb *, cubeb_stream **, char const *, cubeb_devid, cubeb_stream_params *,
                       cubeb_devid, cubeb_stream_params *, uint32_t, cubeb_data_callback,
                       cubeb_state_callback, void *);
    void (*stream_destroy)(cubeb_stream *);
    int (*stream_start)(cubeb_stream *);
    int (*stream_stop)(cubeb_stream *);
    // These may be NULL: older libraries.
    int (*register_device_collection_changed)(cubeb *, cubeb_device_type,
                                              cubeb_device_collection_changed_callback, void *);
    int (*stream_get_latency)(cubeb_stream *, uint32_t *);
    int (*stream_get_input_latency)(cubeb_stream *, uint32_t *);
};

// The library's functions, or NULL if it is not installed (or lacks one of them). Any thread.
const struct sound_api *sound_api(void);
// A connection to the sound system: PulseAudio or PipeWire, else ALSA, else what the library finds;
// SOTTO_SOUND=alsa (or another name that libcubeb knows) chooses. NULL: there is none. It may take
// a while: not for the event loop's thread.
cubeb *sound_open(const struct sound_api *api);

// One microphone or loudspeaker.
struct sound_device {
    char id[SOUND_NAME_MAX_BYTES];   // what --mic device:ID takes
    char name[SOUND_NAME_MAX_BYTES]; // for people
    bool input;
    bool preferred; // the one that "device" means
};
#define SOUND_DEVICES_MAX 64
// Fills out, returns how many there are (at most `max`); -1: no sound system (*why is a sentence).
int sound_devices(struct sound_device *out, size_t max, const char **why);

// Finds the enabled device whose id or name is `name`, or the only one whose name contains it.
// true and *out. `collection` must stay until the stream is made.
bool sound_find(const cubeb_device_collection *collection, const char *name, cubeb_devid *out);

#endif
