// SPDX-License-Identifier: Apache-2.0
// Voice processing of a device: takes what the loudspeaker plays out of what the microphone hears
// (acoustic echo cancellation), suppresses noise and levels the voice. The work is WebRTC's
// (webrtc_apm.h); here both streams are cut into frames of 10 ms and kept in step.
//
// The two are compared by counting samples, not by time: one frame of the far voice goes with each
// frame of the microphone. So whatever the loudspeaker plays must be told, the silence of a
// loudspeaker that ran dry included. A frame of the far voice that comes too late is made up for by
// silence, and thrown away when it does come: the count stays. 48 kHz, mono. For one thread.
#ifndef SOTTO_AUDIO_PROCESSING_H
#define SOTTO_AUDIO_PROCESSING_H

#include <sotto/base.h>

#define PROCESSING_FRAME_SAMPLES 480   // 10 ms
#define PROCESSING_FAR_SAMPLES   24000 // of the far voice wait; more push the oldest out
#define PROCESSING_SLACK_SAMPLES 960   // of silence go before it, so that some of it always waits
// What is owed for all of so many frames is not coming: the sound system itself ran dry, and the
// echo comes later from now on.
#define PROCESSING_OWED_FRAMES   20   // 200 ms
#define PROCESSING_OWED_SAMPLES  9600 // more: the loudspeaker has stopped
// If so much waited for all of so many frames, the two clocks differ: one frame goes, lest the echo
// come before its cause.
#define PROCESSING_MUCH_SAMPLES  1920
#define PROCESSING_MUCH_FRAMES   500 // 5 s
// And if so much did, the microphone has lost what it heard meanwhile, or the loudspeaker was given
// more than it could play: all of it goes, but for the slack.
#define PROCESSING_LOST_SAMPLES  3840
#define PROCESSING_LOST_FRAMES   50 // 0.5 s

struct processing;

// SOTTO_ENOMEM.
int processing_new(struct processing **out);
void processing_free(struct processing *p); // wiped; NULL is allowed
// Forgets everything that was learned: the device has changed, or the machine has slept.
// SOTTO_ENOMEM: nothing is changed.
int processing_reset(struct processing *p);
// What the loudspeaker was given. pcm NULL: silence.
void processing_far(struct processing *p, const int16_t *pcm, size_t samples);
// What the microphone heard, in place: returns how many samples are ready, whole frames; the rest
// waits for the next call. pcm must have room for samples + PROCESSING_FRAME_SAMPLES.
size_t processing_near(struct processing *p, int16_t *pcm, size_t samples);
// What the devices say of themselves: how long a sound takes through them, in ms. A hint only: how
// late the echo is, is measured. 0 until told.
void processing_latency(struct processing *p, bool far, unsigned ms);
// Which canceller it is, for people.
const char *processing_name(void);

#endif
