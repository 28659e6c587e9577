// SPDX-License-Identifier: Apache-2.0
// Where our voice comes from and where theirs goes: a device, a WAV file, or nothing. Always
// 48 kHz, mono, signed 16 bit. For one thread, the event loop's; nothing here waits.
#ifndef SOTTO_AUDIO_AUDIO_H
#define SOTTO_AUDIO_AUDIO_H

#include <sotto/base.h>

struct processing;

#define AUDIO_RATE                    48000
#define AUDIO_TEXT_BYTES              320
#define AUDIO_FRAME_SAMPLES           960 // 20 ms
#define AUDIO_PIECE_SAMPLES           480 // 10 ms: what a voice is played in
// A file microphone is this much ahead of the moment it was started, so that a clock that wakes a
// little early or late always finds a whole frame. It is part of the delay that is measured.
#define AUDIO_FILE_LEAD_NS            (5 * SOTTO_NS_PER_MS)
#define AUDIO_SPEAKER_RESERVE_SAMPLES 480 // kept in a loudspeaker's ring beyond its own burst

// What a user may write after --mic and --speaker:
//   device        the system's default microphone or loudspeaker
//   device:NAME   the one with that id or name (see `sotto devices`), or whose name contains NAME
//   silence none  nothing
//   FILE          a path that has a "/" in it or ends in ".wav"
enum audio_kind {
    AUDIO_NOTHING,
    AUDIO_FILE,
    AUDIO_DEVICE
};
// SOTTO_EINVAL: none of these. *name: the path or device name within spec, or NULL.
int audio_spec_parse(const char *spec, enum audio_kind *kind, const char **name);

enum audio_news {
    AUDIO_NO_NEWS,
    AUDIO_STARTED, // at_ns: the first sample was taken or played
    AUDIO_STOPPED,
    AUDIO_ENDED,   // the file is over: silence
    AUDIO_FAILED,  // text says why; everything goes on with silence
    AUDIO_CHANGED, // text: another device is used
};

struct audio_config {
    const char *spec; // NULL: nothing
    bool loop;        // a file microphone starts again at its end
    // Voice processing (processing.h), shared by an input and an output, borrowed; NULL: none.
    struct processing *processing;
    void (*wake)(void *user); // from any thread: a loudspeaker wants samples; news; may be NULL
    void *user;
};

struct audio_input;
struct audio_output;

// Looks at the file or the name; no hardware is opened. On failure `error` holds one sentence for
// the user: SOTTO_EINVAL (spec), SOTTO_EIO, SOTTO_EPARSE, SOTTO_ESUITE (the file), SOTTO_ENOMEM.
int audio_input_new(struct audio_input **out, const struct audio_config *cfg,
                    char error[AUDIO_TEXT_BYTES]);
void audio_input_free(struct audio_input *in); // closes the hardware and waits for it
// The hardware is open between these two only. A file goes on where it was stopped.
void audio_input_start(struct audio_input *in, sotto_ns now);
void audio_input_stop(struct audio_input *in, sotto_ns now);
// Samples that are due by now, at most `samples`: how many. `samples` should be several frames.
// After half a second without a call (the machine slept) what a device took meanwhile is dropped.
size_t audio_input_read(struct audio_input *in, int16_t *pcm, size_t samples, sotto_ns now);
enum audio_news audio_input_news(struct audio_input *in, sotto_ns *at_ns,
                                 char text[AUDIO_TEXT_BYTES]);

int audio_output_new(struct audio_output **out, const struct audio_config *cfg,
                     char error[AUDIO_TEXT_BYTES]);
// A file is finished. NULL is allowed.
void audio_output_free(struct audio_output *out);
void audio_output_start(struct audio_output *out, sotto_ns now);
void audio_output_stop(struct audio_output *out, sotto_ns now);
// How many pieces of so many samples it wants now: by its own demand (a device), or by the clock,
// from the moment it was started (a file, nothing).
unsigned audio_output_wanted(struct audio_output *out, size_t samples, sotto_ns now);
void audio_output_write(struct audio_output *out, const int16_t *pcm, size_t samples);
// When audio_output_wanted is worth asking again; SOTTO_NEVER: when `wake` is called.
sotto_ns audio_output_expiry(const struct audio_output *out);
enum audio_news audio_output_news(struct audio_output *out, sotto_ns *at_ns,
                                  char text[AUDIO_TEXT_BYTES]);

// Loudness of a piece of sound: 0 (-60 dBFS and less) to 100 (full scale).
unsigned audio_level(const int16_t *pcm, size_t samples);

#endif
