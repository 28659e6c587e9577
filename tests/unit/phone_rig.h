// SPDX-License-Identifier: Apache-2.0
// Telephones of the page (web/wasm/phone.h), each with a storage of its own, at a real relay
// engine, in virtual time. They are driven as the page's worker does: commands and events in JSON,
// bytes and sound. Whatever must hold is asserted.
#ifndef SOTTO_TESTS_PHONE_RIG_H
#define SOTTO_TESTS_PHONE_RIG_H

#include "unit.h"

#include "engine/engine.h"
#include "phone.h"
#include "store/memory.h"

#include <jansson.h>

#define RIG_PHONES     4
#define RIG_EVENTS_MAX 4096
#define RIG_HOST       "relay.example"
#define RIG_SECRET     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RIG_START_S    INT64_C(1800000000)

struct rig_link {
    struct rig_phone *phone;
    unsigned number;
    bool wanted;
    struct relay_conn *conn; // NULL: down
    struct rig_bytes *queue; // from the relay, the oldest first
};

struct rig_phone {
    struct rig *rig;
    struct slots_host host;
    struct phone *phone;
    uint8_t *slot[SLOTS_COUNT];
    size_t slot_len[SLOTS_COUNT];
    int write_fails;   // what writing gives; 0: it works
    bool broken_words; // what is said into the microphone is noise
    struct rig_link links[SOTTO_LINKS_MAX];
    json_t *events[RIG_EVENTS_MAX]; // not yet looked for
    size_t event_count;
    double tone_hz;      // what is said; 0: silence
    size_t tone_at;      // samples so far
    double heard;        // mean square of the last frame that was played
    bool mic;            // as the last event said
    unsigned mic_opened; // how often
};

struct rig {
    struct sotto_now now;
    struct relay_memory *store;
    struct relay_engine *engine;
    bool network; // false: no link comes up, and those that were are down
    struct rig_phone phones[RIG_PHONES];
};

extern struct rig rig;

int rig_setup(void **state);
int rig_teardown(void **state);

// An invitation's link; each is new.
const char *rig_invite(void);
// Time goes by.
void rig_run(unsigned ms);
void rig_network(bool up);

// The result (to be released), which must be one.
json_t *rig_do(struct rig_phone *p, const char *command, const char *format, ...);
// The same, and nobody wants the result.
void rig_done(struct rig_phone *p, const char *command, const char *format, ...);
// It must fail with that error.
void rig_fails(struct rig_phone *p, const char *error, const char *command, const char *format,
               ...);
// What phone_command answers to this text: {"ok"} or {"error"}, to be released.
json_t *rig_raw(struct rig_phone *p, const char *text, size_t len);

// The next event of that name among those not yet looked for (to be released), waiting up to ten
// seconds for it; events before it are passed over and kept. field NULL: any; otherwise only with
// that text at that path ("line.state").
json_t *rig_event(struct rig_phone *p, const char *name, const char *field, const char *text);
void rig_expect(struct rig_phone *p, const char *name, const char *field, const char *text);
bool rig_had(struct rig_phone *p, const char *name); // among those not yet looked for
void rig_forget(struct rig_phone *p);                // all of them

// At a path ("call.state", "0.label"): it must be there.
const json_t *rig_at(const json_t *json, const char *path);
const char *rig_text(const json_t *json, const char *path);
json_int_t rig_integer(const json_t *json, const char *path);
bool rig_true(const json_t *json, const char *path);

// The telephone's program ends, and starts anew with what storage holds.
void rig_restart(struct rig_phone *p);
// A fresh telephone with a line that is ready.
void rig_line(struct rig_phone *p, const char *name);

#endif
