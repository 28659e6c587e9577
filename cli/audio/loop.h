// SPDX-License-Identifier: Apache-2.0
// Tries out loudspeaker and microphone together: waits until both carry sound, plays chirps, then
// noise, listens, and says what came back.
#ifndef SOTTO_AUDIO_LOOP_H
#define SOTTO_AUDIO_LOOP_H

#include "audio.h"

#define LOOP_SECONDS 12 // about as long as it takes

struct loop_result {
    bool mic_works;       // a second of samples came, whatever they were
    bool mic_silent;      // every one of them was zero: muted, or another program may not listen
    bool heard;           // a chirp was found in them; the rest means something only then
    bool clipped;         // it came at full scale
    double round_trip_ms; // from handing a sound over to getting it back, both devices included
    double level_db;      // of the probe at the microphone, below full scale
    double noise_db;      // of what the microphone hears without it
    bool cancelled;       // the two below were measured
    double echo_db;       // with voice processing: this much of the probe was taken away
    char error[AUDIO_TEXT_BYTES]; // of a device, or ""
};

// Specs as in audio.h. Takes LOOP_SECONDS; opens the hardware, and closes it again. 0; what
// audio_input_new and audio_output_new give, out->error says why; SOTTO_ENOMEM.
int loop_test(struct loop_result *out, const char *mic, const char *speaker);

// ---- the parts ----------------------------------------------------------------------------------

#define LOOP_CHIRP_SAMPLES 9600 // 200 ms, 400 to 3600 Hz

void loop_chirp(int16_t pcm[LOOP_CHIRP_SAMPLES]);
// Where in `heard` the chirp begins; *likeness: how well it fits, 0 to 1.
size_t loop_find(const int16_t *heard, size_t samples, double *likeness);

#endif
