// SPDX-License-Identifier: Apache-2.0
// A microphone or a loudspeaker. Opening one can take half a second, so a thread of its own does
// it; the event loop only writes to, or reads from, the ring. A device that is pulled out is
// replaced by the default one, until it is back; if there is none, it is tried again from time to
// time.
#ifndef SOTTO_AUDIO_DEVICE_H
#define SOTTO_AUDIO_DEVICE_H

#include "ring.h"

#include <sotto/base.h>

#define DEVICE_RATE       48000
#define DEVICE_TEXT_BYTES 320
#define DEVICE_RETRY_MS   2000
#define DEVICE_STALL_MS   1500 // running without a callback this long: it is gone
#define DEVICE_START_MS   6000 // the same before it has got going

struct device;

struct device_config {
    bool input;
    const char *name;         // id or name; NULL: the system's default
    void (*wake)(void *user); // from any thread: the ring of a loudspeaker wants samples, or news
    void *user;
};

// No hardware is touched yet. SOTTO_ENOMEM, SOTTO_EIO (no thread).
int device_new(struct device **out, const struct device_config *cfg);
void device_free(struct device *d); // waits until the hardware is closed
// Asked for; done by the thread.
void device_start(struct device *d);
void device_stop(struct device *d);
// A microphone's ring is read, a loudspeaker's written.
struct ring *device_ring(struct device *d);
// Samples that a loudspeaker takes at a time; 0 until it has.
size_t device_burst(const struct device *d);
// How long a sound takes through the device, as the sound system says; 0: it does not say.
unsigned device_latency_ms(const struct device *d);
// Samples of silence that a loudspeaker has played because its ring was empty, since the last call.
size_t device_starved(struct device *d);

enum device_news {
    DEVICE_NONE,
    DEVICE_STARTED, // the first sample was taken or played at about *at_ns
    DEVICE_STOPPED,
    DEVICE_FAILED,  // text: why, and what happens now
    DEVICE_CHANGED, // text: another device is used
};
// What happened since the last call, one at a time.
enum device_news device_news(struct device *d, sotto_ns *at_ns, char text[DEVICE_TEXT_BYTES]);

#endif
