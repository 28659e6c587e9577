// SPDX-License-Identifier: Apache-2.0
// What `call`, `listen` and `echo` have in common: a runner with calls on it, what the user is told
// about them (text, JSON lines or the screen), what keys do, the log, and what the relay still has
// to be told about numbers.
#ifndef SOTTO_CLI_DESK_H
#define SOTTO_CLI_DESK_H

#include "call_note.h"
#include "cli.h"
#include "publisher.h"
#include "runner.h"
#include "stats_file.h"
#include "store.h"

#include <sys/resource.h>

#define DESK_TEXT_BYTES     512
#define DESK_NOTICES_MAX    4   // lines that the screen keeps
#define DESK_RECENT_MAX     32  // calls of the log that the screen shows
#define DESK_HANGUP_TAIL_MS 800 // after the end of a file microphone, so that its end is heard

struct desk;

struct desk_options {
    bool ring;               // be rung at the line
    bool quiet_line;         // but say nothing about the line: it is not what the command is for
    bool accept;             // answer every call by itself
    uint32_t accept_after_s; // but not before it has rung so long
    bool once;               // stop when the first call is over (ring), or all are (no ring)
    bool echo;
    bool summary;           // say at the end of each call how it was carried
    const char *stats_path; // a file of statistics; NULL: none
    bool hangup_after_mic;
    enum runner_processing processing;
    bool mic_loop;
    bool plain_voice;    // no neural networks in voice
    uint32_t call_max_s; // hang up this long after the answer; 0 never
    uint32_t run_max_s;  // stop after this long; 0 never
    enum sotto_suite suite;
    enum sotto_profile profile;
    const char *mic, *speaker;
};

// How the user is told. All may be NULL.
struct desk_view {
    void (*notice)(enum output_mark mark, const char *text, void *user);
    void (*changed)(void *user); // anything that the screen shows
    void (*draw)(void *user);    // a good moment for work that takes a while
    bool screen;                 // a report at the end of a call has no place
    void *user;
};

enum desk_line {
    DESK_LINE_NONE,
    DESK_LINE_CONNECTING,
    DESK_LINE_READY,
    DESK_LINE_DOWN,
    DESK_LINE_DENIED,
    DESK_LINE_REPLACED
};

#define DESK_SECONDS 60 // that the screen's graph goes back

// What one second of a conversation was like.
struct desk_second {
    uint32_t delay_ms; // from mouth to ear; 0 unknown
    uint32_t lost_permille, restored_permille, concealed_permille;
};

struct desk_quality {
    struct desk_second seconds[DESK_SECONDS]; // the newest at count - 1
    uint32_t count;                           // in all
    enum call_quality now, told;
    uint32_t lasts_s, since_told_s;
    bool spared; // the user knows that the neural parts of voice are off
};

// What the desk knows of a call beside its note.
struct desk_call {
    struct rusage usage;         // of the process, when the conversation began
    struct runner_lateness late; // of the runner, then
    bool asking;                 // do the words match?
    struct call_meter meter;     // of the file of statistics
    struct desk_quality quality;
};

// The file of statistics, and what the links carried.
struct desk_stats {
    struct stats_file *file; // NULL: none
    sotto_ns looked_ns;
    uint64_t out_bytes, in_bytes; // until then
    uint64_t out_bps, in_bps;     // in the second before
};

struct desk_notice {
    enum output_mark mark;
    char text[DESK_TEXT_BYTES];
};

struct desk {
    struct cli *cli;
    struct store *store;
    struct runner *runner;
    struct publisher *publisher;
    struct desk_options opt;
    struct desk_view view;
    enum desk_line line;
    bool link_up, told_down;
    enum net_transport transport;
    struct call_notes notes;
    struct desk_call calls[SOTTO_CALLS_MAX]; // at the places of the notes
    struct desk_stats stats;
    unsigned finished; // calls that are over
    enum sotto_end last_end;
    bool last_answered;
    uv_timer_t second, tail, limit;
    bool timers; // they are initialised
    struct store_log_entry *recent;
    size_t recent_count;
    uint32_t dialled; // the call that the command made
    bool stopping;    // the user wants to leave
};

// 0 and *out, or everything has been said and *code is the exit code.
bool desk_new(struct desk **out, struct cli *cli, struct store *store,
              const struct desk_options *opt, enum cli_exit *code);
void desk_free(struct desk *d);
void desk_set_view(struct desk *d, const struct desk_view *view);
// Runs until everything is over: the exit code.
enum cli_exit desk_run(struct desk *d);
// Polite: hangs up and stops.
void desk_quit(struct desk *d);
// 0, or what sotto_device_dial gives.
int desk_dial(struct desk *d, const struct sotto_number_link *link, const char *label);
enum cli_exit desk_exit(const struct desk *d);

// What a key does: a d h m o w y n. False if it means nothing now.
bool desk_key(struct desk *d, int key);
// The call that keys mean, and that the screen shows first. False: there is none.
bool desk_current(const struct desk *d, struct sotto_call_info *out);
// The call that is talked in, not held. False: there is none.
bool desk_talking(const struct desk *d, struct sotto_call_info *out);
// The incoming call that has been ringing longest: another one does not take its place under the
// user's finger. False: there is none.
bool desk_ringing(const struct desk *d, struct sotto_call_info *out);
// NULL: unknown.
const struct call_note *desk_note(const struct desk *d, uint32_t call);
struct desk_call *desk_call_of(struct desk *d, uint32_t call);
bool desk_asking(const struct desk *d, uint32_t call); // whether the words match
// What the keys are now, as one line: "a answer  d decline".
const char *desk_keys(const struct desk *d);

void desk_notice(struct desk *d, enum output_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// The same for what a screen shows by itself.
void desk_progress(struct desk *d, enum output_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *desk_line_text(const struct desk *d);

// call_note_leak_is_news, by the newest of the log.
bool desk_leak_is_news(const struct desk *d, const struct sotto_event *ev);

// ---- desk_quality.c
// "good", "fair", "poor", "reconnecting".
const char *desk_quality(const struct desk *d, const struct sotto_call_info *info);
void desk_quality_second(struct desk *d); // once a second
// A second of that call, 0: the last one. NULL: not so many yet, or more than DESK_SECONDS.
const struct desk_second *desk_second_ago(const struct desk *d, uint32_t call, unsigned ago);
// The mean of the last CALL_NOTE_QUALITY_S.
struct desk_second desk_lately(const struct desk *d, uint32_t call);
// The same in words: "97 ms delay, 2.1 % lost, 0.4 % concealed"; what is nothing is left out.
void desk_quality_words(const struct desk *d, uint32_t call, char out[DESK_TEXT_BYTES]);

// ---- desk_json.c: the same events as JSON lines. The value is released.
void desk_json(const struct desk *d, const char *event, json_t *fields);
void desk_json_event(const struct desk *d, const struct sotto_event *ev);
void desk_json_audio(const struct desk *d, enum runner_audio what, sotto_ns at_ns,
                     const char *text);

// ---- desk_text.c: events as sentences
void desk_text_event(struct desk *d, const struct sotto_event *ev);
void desk_text_link(struct desk *d, bool up, enum net_transport transport, enum net_reason reason,
                    const char *detail);
void desk_text_audio(struct desk *d, enum runner_audio what, const char *text);
// Who has that fingerprint: a contact by its label, the holder of a number of ours, or else the
// fingerprint itself.
void desk_who(const struct desk *d, const struct sotto_fingerprint *fp, char out[DESK_TEXT_BYTES]);

// Whether words were ever compared with whoever is at the other end: known of the identity, before
// this call's own words.
bool desk_verified(const struct desk *d, const struct sotto_call_info *info);

// ---- desk_stats.c: a line for each second. What goes wrong is said once, and the call goes on.
void desk_stats_open(struct desk *d);
void desk_stats_close(struct desk *d);
void desk_stats_begin(struct desk *d, uint32_t call); // the conversation begins
void desk_stats_second(struct desk *d);
void desk_stats_call(struct desk *d, const struct sotto_call_info *info); // a line, also the last

// ---- desk_report.c: the end of a call
struct desk_report {
    struct sotto_call_info info;
    char transport[16];
    bool secure;                                        // it was, in its time
    double dial_to_ring_ms, accept_to_voice_ms, talk_s; // negative: it did not happen
    double cpu_s;                                       // of the process, from the answer on
    struct runner_lateness late;
};
void desk_report_make(struct desk_report *out, const struct desk *d,
                      const struct sotto_call_info *info);
void desk_report_log(const struct desk *d, const struct desk_report *r);
json_t *desk_report_json(const struct desk_report *r);
void desk_report_text(const struct desk *d, const struct desk_report *r);

#endif
