// SPDX-License-Identifier: Apache-2.0
// WebRTC's audio processing module, a C++ library, as far as sotto uses it: echo cancellation,
// noise suppression, automatic gain control, high-pass filter. 48 kHz, mono, frames of 10 ms.
// Nothing here is thread-safe. Of the library either generation will do: 1.x (Debian 13; Debian 12
// has it in tg_owt), which has AEC3, or 0.3; docs/DECISIONS.md has both measured.
#ifndef SOTTO_AUDIO_WEBRTC_APM_H
#define SOTTO_AUDIO_WEBRTC_APM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEBRTC_APM_FRAME_SAMPLES 480 // 10 ms
#define WEBRTC_APM_DELAY_MAX_MS  500 // a longer one is taken for this

struct webrtc_apm;

// NULL: out of memory, or the library refuses.
struct webrtc_apm *webrtc_apm_new(void);
void webrtc_apm_free(struct webrtc_apm *a); // NULL is allowed
// What the loudspeaker plays.
void webrtc_apm_render(struct webrtc_apm *a, const int16_t pcm[WEBRTC_APM_FRAME_SAMPLES]);
// What the microphone took, cleaned in place. delay_ms: about how much later than
// webrtc_apm_render a sound arrives here; the library looks for the exact value by itself.
void webrtc_apm_capture(struct webrtc_apm *a, int16_t pcm[WEBRTC_APM_FRAME_SAMPLES],
                        unsigned delay_ms);
// "WebRTC AEC3" or "WebRTC AEC".
const char *webrtc_apm_name(void);

#ifdef __cplusplus
}
#endif

#endif
