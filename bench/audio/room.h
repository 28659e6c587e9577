// SPDX-License-Identifier: Apache-2.0
// A synthetic room with a loudspeaker and a microphone, for measuring echo cancellers.
#ifndef SOTTO_BENCH_ROOM_H
#define SOTTO_BENCH_ROOM_H

#include <stddef.h>
#include <stdint.h>

#define ROOM_RATE 48000

struct room {
    unsigned reverberation_ms; // RT60: the impulse response falls by 60 dB in this time
    unsigned delay_ms;         // from the sound card to the microphone's, without the reverberation
    int skew_ppm;              // the microphone's clock against the loudspeaker's
    double distortion;         // of the loudspeaker: share of the third harmonic at full scale
    double echo_db;            // loudness of the echo against that of what was played
    uint32_t seed;
};

// What the microphone hears of `played`: both have `samples` samples.
void room_echo(const struct room *room, const float *played, float *heard, size_t samples);
// Pink noise with a root mean square of 1.
void room_noise(float *out, size_t samples, uint32_t seed);

#endif
