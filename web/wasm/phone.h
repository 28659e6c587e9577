// SPDX-License-Identifier: Apache-2.0
// The telephone of the page: a store in two slots, a device on it, and the page's commands and
// events as JSON (web/page/src/phone/types.ts says what each is). It knows nothing of WebAssembly:
// exports.c wraps it there, and tests/unit/phone_test.c drives it natively.
//
// Whoever drives it: hand in what arrived; when now >= phone_expiry, phone_handle_expiry; then
// drain phone_write_datagram, phone_write_message and phone_event; then sleep.
#ifndef SOTTO_WASM_PHONE_H
#define SOTTO_WASM_PHONE_H

#include "store_slots.h"

#include <sotto/device.h>

struct phone;

#define PHONE_COMMAND_MAX_BYTES (32 * 1024 * 1024) // a backup is inside; longer: EINVAL
#define PHONE_EVENTS_MAX        64                 // undrained; then the device waits

// host is borrowed. SOTTO_ENOMEM.
int phone_new(struct phone **out, const struct slots_host *host);
void phone_free(struct phone *p); // at once, without a word; NULL is allowed

// What a slot holds, before the first command. As slots_offer.
int phone_slot(struct phone *p, unsigned which, const uint8_t *data, size_t len);

// {"command": name, ...arguments} in, {"ok": result} or {"error": "EINVAL", "detail": ""} out:
// valid until the next call. NULL: no memory.
const char *phone_command(struct phone *p, const char *text, size_t len, struct sotto_now now);
// The next event as JSON, valid until the next call; NULL: none.
const char *phone_event(struct phone *p);

// As in sotto/device.h; nothing happens while no store is open.
void phone_link_up(struct phone *p, unsigned link, struct sotto_now now);
void phone_link_down(struct phone *p, unsigned link, bool again, struct sotto_now now);
void phone_transport(struct phone *p, unsigned link, bool websocket); // before _link_up
void phone_message(struct phone *p, unsigned link, const uint8_t *msg, size_t len,
                   struct sotto_now now);
void phone_datagram(struct phone *p, unsigned link, const uint8_t *data, size_t len,
                    struct sotto_now now);
size_t phone_write_message(struct phone *p, unsigned *link, uint8_t *out, size_t cap);
size_t phone_write_datagram(struct phone *p, unsigned *link, uint8_t *out, size_t cap);
sotto_ns phone_expiry(const struct phone *p);
void phone_handle_expiry(struct phone *p, struct sotto_now now);
void phone_capture(struct phone *p, const int16_t *pcm, size_t samples);
void phone_playout(struct phone *p, int16_t *pcm, size_t samples, struct sotto_now now);
bool phone_mic_open(const struct phone *p);
// As sotto_device_voice_cost.
void phone_voice_cost(struct phone *p, sotto_ns spent, sotto_ns late, struct sotto_now now);
// The driver has found the device too slow for the neural parts of voice: calls say so, while there
// are no weights.
void phone_slow(struct phone *p);

// From now on jansson wipes what it frees: passphrases and links pass through it. Once a process,
// before anything is made with it.
void phone_wipe_json(void);

#endif
