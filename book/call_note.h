// SPDX-License-Identifier: Apache-2.0
// What is remembered of each call beside what sotto_device_call_info says, how it sounds, and what
// is written into the log at its end. For whoever drives a device: hand in every event.
#ifndef SOTTO_BOOK_CALL_NOTE_H
#define SOTTO_BOOK_CALL_NOTE_H

#include "call_second.h"
#include "store.h"

#include <sotto/device.h>

// Where sound is fair, and where poor. ITU-T G.114: above 400 ms people begin to talk into each
// other; what is felt begins earlier.
#define CALL_FAIR_DELAY_MS 250
#define CALL_POOR_DELAY_MS 400
#define CALL_FAIR_PERMILLE 20 // of the sound that was not there
#define CALL_POOR_PERMILLE 80

#define CALL_NOTE_QUALITY_S    5    // what the quality looks back on
#define CALL_NOTE_LEAK_QUIET_S 3600 // see call_note_leak_is_news
#define CALL_NOTE_LEAK_RECENT  32   // entries of the log looked at for that

struct call_note {
    uint32_t id; // 0: free
    int64_t started_unix_s;
    sotto_ns active_ns;            // when the conversation began; 0 not yet
    bool logged, secure, verified; // the device forgets the latter two with the keys
    struct call_meter meter;       // until the last look
    struct call_second second;     // before it
    unsigned bad_q8;               // share of the sound that was not there, smoothed, in 1/256
    uint32_t delay_us;             // from mouth to ear, smoothed; 0 unknown
    uint32_t looks, delays;        // seconds looked at, and those with a known delay
    uint64_t delay_sum_us;
    uint32_t delay_max_us, worst_permille, worst_at_s; // see store_log_entry
};

struct call_notes {
    struct call_note of[SOTTO_CALLS_MAX];
};

// Where the note of a call is; SOTTO_CALLS_MAX: there is none.
size_t call_notes_place(const struct call_notes *n, uint32_t call);
// The same, and takes a free place or that of a call that is logged. The device has as many places,
// and reuses one only after its end was heard of.
size_t call_notes_take(struct call_notes *n, uint32_t call, int64_t now_unix_s);
struct call_note *call_notes_find(struct call_notes *n, uint32_t call); // NULL: none

// CALL_STATE, CALL_SECURE, CALL_VERIFIED: keeps what the device will forget. Others are left alone.
void call_notes_event(struct call_notes *n, const struct sotto_device *d,
                      const struct sotto_event *ev, struct sotto_now now);

// Once a second for a call that is talked in.
void call_note_look(struct call_note *c, const struct sotto_call_info *info);

enum call_quality {
    CALL_GOOD,
    CALL_FAIR,
    CALL_POOR,
    CALL_RECONNECTING
};
// note NULL: nothing is known of it.
enum call_quality call_note_quality(const struct call_note *note,
                                    const struct sotto_call_info *info);
const char *call_quality_text(enum call_quality q); // "good"

// Milliseconds of conversation so far, or in all; negative: there was none.
double call_note_talk_ms(const struct call_note *note, const struct sotto_call_info *info,
                         sotto_ns now_ns);
// The entry for the log when a call is over. transport: "quic", "webtransport".
void call_note_entry(struct store_log_entry *out, const struct call_note *note,
                     const struct sotto_call_info *info, const char *transport,
                     struct sotto_now now);

// Whether the log does not yet say that this number was used with another key in the last
// CALL_NOTE_LEAK_QUIET_S: whoever has it may dial without end, and must not push everything else
// out of the log. The number itself counts each time. `recent`: the newest entries.
bool call_note_leak_is_news(const struct store_log_entry *recent, size_t count, const char *label,
                            int64_t now_unix_s);
// For NUMBER_BOUND and NUMBER_LEAKED.
void call_note_number_entry(struct store_log_entry *out, enum store_log_kind kind,
                            const struct sotto_event *ev, int64_t now_unix_s);

// Stable words for JSON: "ringing", "peer_hangup", "leak". For people there is sotto_end_text.
const char *call_state_name(enum sotto_call_state state);
const char *call_end_name(enum sotto_end end);
const char *call_neural_name(enum sotto_neural neural); // "on", "absent", "unwanted", "spared"
const char *call_log_kind_name(enum store_log_kind kind);

#endif
