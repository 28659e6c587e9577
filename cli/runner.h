// SPDX-License-Identifier: Apache-2.0
// Runs a device: the event loop, a network client for each link that the device wants, the clock,
// microphone and loudspeaker, and the signals. A command makes one, asks runner_device for what it
// wants, and runs it. Everything happens in the thread that calls runner_run or runner_request.
#ifndef SOTTO_CLI_RUNNER_H
#define SOTTO_CLI_RUNNER_H

#include "clock.h"
#include "net.h"

#include <sotto/device.h>

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct runner;
struct store;

#define RUNNER_QUIT_MS      3000 // how long runner_quit waits for the other side and the relay
#define RUNNER_DETAIL_BYTES 256
#define RUNNER_ERROR_BYTES  256

// What became of the microphone or the loudspeaker; RUNNER_AUDIO_* of on_audio.
enum runner_audio {
    RUNNER_MIC_STARTED, // at_ns: the first sample that can be sent was taken then
    RUNNER_MIC_STOPPED,
    RUNNER_MIC_END,         // the file is over (and is not looped): silence from here
    RUNNER_MIC_FAILED,      // text: what the user is told; the call goes on with silence
    RUNNER_SPEAKER_STARTED, // at_ns: the first sample was played or written then
    RUNNER_SPEAKER_STOPPED,
    RUNNER_SPEAKER_FAILED, // text
    RUNNER_AUDIO_CHANGED,  // text: another device is used from here on
};

enum runner_processing {
    RUNNER_PROCESSING_ON, // for a microphone that is a device
    RUNNER_PROCESSING_OFF,
    RUNNER_PROCESSING_ALWAYS, // for files, too
};

struct runner_options {
    // All may be NULL. An event that the runner acts on itself (links, microphone) is passed on
    // too.
    void (*on_event)(const struct sotto_event *ev, void *user);
    // up: `transport` is in use. down: why; `detail` says more and may be "".
    void (*on_link)(unsigned link, bool up, enum net_transport transport, enum net_reason reason,
                    const char *detail, void *user);
    void (*on_audio)(enum runner_audio what, sotto_ns at_ns, const char *text, void *user);
    // The first SIGINT, SIGTERM or SIGHUP. Without it: runner_quit. A second one, but for SIGHUP,
    // stops at once.
    void (*on_signal)(int signum, void *user);
    // Now is the time for work that may take a millisecond (drawing): cells have just been sent.
    // Called about once a tick in a call, and within 50 ms of runner_wake otherwise.
    void (*on_pause)(void *user);
    void *user;

    bool ring;  // be rung: log in at home and stay; that link is tried for ever
    bool hasty; // no link is: somebody waits in front of the command
    enum sotto_suite suite;
    enum sotto_profile profile;
    const char *mic;     // see audio.h; NULL: silence
    const char *speaker; // see audio.h; NULL: none
    bool mic_loop;       // a file microphone starts again at its end
    enum runner_processing processing;
    bool plain_voice;    // see sotto_device_config
    bool echo;           // what is heard goes back; mic and speaker are not used
    const char *ca_file; // PEM file instead of the system's certificates; NULL
    bool force_websocket;
    bool no_signals; // leave signals alone
    // If not NULL, RUNNER_ERROR_BYTES: one sentence for the user when runner_new fails because of
    // microphone or loudspeaker, else "".
    char *error;
};

// The device has the identity, line and book of `store`, borrowed; opt is copied, strings too.
// SOTTO_ENOMEM, SOTTO_EIO (no loop, no timer), and what sotto_device_new gives.
int runner_new(struct runner **out, struct store *store, const struct runner_options *opt);
// Ends everything at once. NULL is allowed.
void runner_free(struct runner *r);

struct sotto_device *runner_device(struct runner *r);
uv_loop_t *runner_loop(struct runner *r);

// Call after anything was asked of the device from outside a callback of the runner. It makes the
// loop drain the device and, if on_pause is set, calls it soon.
void runner_wake(struct runner *r);

// Until runner_stop, or until a polite end is over. 0.
int runner_run(struct runner *r);
void runner_stop(struct runner *r);
// Hangs up, declines, cancels; stops when the device is idle, at the latest after RUNNER_QUIT_MS.
void runner_quit(struct runner *r);

// Runs until SOTTO_EVENT_RESULT for `request`: 0, and *code is its code (0 done, or
// enum link_code). SOTTO_ETIMEOUT; SOTTO_ECLOSED: the relay cannot be reached (runner_link_error
// says why) or a signal came.
int runner_request(struct runner *r, uint32_t request, unsigned timeout_ms, int *code);
// The same for sotto_device_idle-like conditions of a command: runs until done() or the timeout.
// 0 or SOTTO_ETIMEOUT or SOTTO_ECLOSED (a signal came).
int runner_until(struct runner *r, bool (*done)(void *user), void *user, unsigned timeout_ms);

// Why the last link that failed did so, as a sentence; "" if none did.
const char *runner_link_error(const struct runner *r);

// The signal that came, 0 if none did.
int runner_signal(const struct runner *r);

// The transport of the newest open link; false if none was open yet.
bool runner_transport(const struct runner *r, enum net_transport *out);
// Sums over all links, those that are gone included.
void runner_net_stats(const struct runner *r, struct net_stats *out);

// How much later than their tick cells were handed to the kernel.
struct runner_lateness {
    uint64_t cells, over_ms; // over_ms: cells more than 1 ms late
    sotto_ns total_ns, max_ns;
};
void runner_lateness(const struct runner *r, struct runner_lateness *out);

// For the end of a call and the screen: loudness of the last frames, 0 (silence) to 100.
struct runner_levels {
    unsigned mic, speaker;
};
void runner_levels(const struct runner *r, struct runner_levels *out);

#endif
