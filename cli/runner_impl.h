// SPDX-License-Identifier: Apache-2.0
// What the files of the runner share.
//
//   runner.c        making one, the timer, the signals, running
//   runner_link.c   a network client for each link that the device wants
//   runner_audio.c  microphone and loudspeaker
#ifndef SOTTO_CLI_RUNNER_IMPL_H
#define SOTTO_CLI_RUNNER_IMPL_H

#include "audio.h"
#include "runner.h"
#include "tone.h"

#define RUNNER_SIGNALS    3
#define RUNNER_ROUNDS_MAX 64 // of draining, before the loop gets its turn again
#define RUNNER_PAUSE_MS   50
#define RUNNER_SIGNALS    3

struct runner_link {
    struct runner *runner;
    unsigned index;
    struct net_client *client; // NULL: not wanted
    bool open, was_open;
    bool home;                    // of a line that is rung: tried for ever
    enum net_transport transport; // once it was open
    bool given_up;                // freed at the next drain
};

struct runner {
    struct runner_options opt; // strings are in `texts`
    char *texts[3];
    struct store *store;
    struct sotto_device *device;

    uv_loop_t loop;
    int timer_fd;
    uv_poll_t timer;      // the device's expiry, to the microsecond
    sotto_ns armed_ns;    // what timer_fd is set to
    uv_prepare_t prepare; // drains before the loop sleeps
    uv_async_t wake;      // from the audio threads
    uv_timer_t pause;     // wakes for on_pause when nothing else does
    uv_timer_t limit;     // of runner_until and runner_quit
    uv_signal_t signals[RUNNER_SIGNALS];

    bool draining, stopped, limit_hit, quitting;
    int signum;
    bool (*done)(void *user); // what runner_until waits for; NULL
    void *done_user;
    uint32_t request; // that runner_request waits for
    bool request_done;
    int request_code;

    struct runner_link links[SOTTO_LINKS_MAX];
    char link_error[RUNNER_DETAIL_BYTES];

    struct audio_input *input;
    struct audio_output *output;
    struct processing *processing; // NULL: none
    bool mic_on, speaker_on;
    bool tones;     // the loudspeaker is a device, with somebody at it
    enum tone tone; // that it plays now, instead of a voice
    uint64_t tone_samples;
    sotto_ns speaker_since_ns; // wanted since; 0: it runs, or is not wanted
    sotto_ns captured_ns, sent_ns, paused_ns;
    struct runner_levels levels;
    struct runner_lateness lateness;
    struct net_stats net_gone; // of clients that are freed
};

// ---- runner_link.c
void runner_link_want(struct runner *r, unsigned link, const struct sotto_relay_address *relay);
void runner_link_drop(struct runner *r, unsigned link);
void runner_links_tidy(struct runner *r); // frees those that were given up
void runner_links_free(struct runner *r);

// ---- runner_audio.c
// The files are opened, the device names looked at. What is wrong is told through on_audio and in
// `error`, an enum sotto_error returned.
int runner_audio_new(struct runner *r, char error[AUDIO_TEXT_BYTES]);
void runner_audio_free(struct runner *r);
void runner_audio_mic(struct runner *r, bool on);
// Opens and closes the loudspeaker with the calls.
void runner_audio_calls(struct runner *r);
// What was said goes to the device: before its tick.
void runner_audio_capture(struct runner *r, struct sotto_now now);
// What was heard goes to the loudspeaker: after its tick.
void runner_audio_play(struct runner *r, struct sotto_now now);
sotto_ns runner_audio_expiry(const struct runner *r);

// ---- runner.c
// If a tick is due: makes or sends its cells, before anything else is done.
void runner_tick(struct runner *r);
void runner_poke(void *user); // from any thread

#endif
