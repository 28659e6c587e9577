// SPDX-License-Identifier: Apache-2.0
// Everything that the WebAssembly module exports, and nothing else: the telephone (phone.h) with
// times as JavaScript has them and pointers into the module's memory. `link` and pointers are of
// 32 bits there.
#include "host.h"
#include "phone.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT(name) __attribute__((export_name(#name), visibility("default")))

#define NS_PER_US 1000

static struct phone *phone;

// What the C library has for randomness, by the host's own.
int getentropy(void *buf, size_t len)
{
    host_random(buf, len);
    return 0;
}

static int slot_write(unsigned which, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    return host_slot_write(which, data, len);
}

static sotto_ns in_ns(double ms)
{
    return ms > 0 ? (sotto_ns)(ms * (double)SOTTO_NS_PER_MS) : 0;
}

static struct sotto_now at(double mono_ms, double unix_s)
{
    return (struct sotto_now){
        .mono_ns = in_ns(mono_ms),
        .unix_s = (int64_t)unix_s,
    };
}

// ---- memory ------------------------------------------------------------------------------------

EXPORT(page_alloc) void *page_alloc(size_t len);
void *page_alloc(size_t len)
{
    return malloc(len);
}

EXPORT(page_free) void page_free(void *ptr);
void page_free(void *ptr)
{
    free(ptr);
}

// ---- start -------------------------------------------------------------------------------------

EXPORT(page_init) void page_init(void);
void page_init(void)
{
    static const struct slots_host host = {.write = slot_write};
    phone_wipe_json();
    if (phone_new(&phone, &host) != SOTTO_OK) {
        abort();
    }
}

EXPORT(page_slot) void page_slot(unsigned which, const uint8_t *data, size_t len);
void page_slot(unsigned which, const uint8_t *data, size_t len)
{
    (void)phone_slot(phone, which, data, len); // "boot" says what came of it
}

// ---- commands and events -----------------------------------------------------------------------

EXPORT(page_command)
const char *page_command(const char *text, size_t len, double mono_ms, double unix_s);
const char *page_command(const char *text, size_t len, double mono_ms, double unix_s)
{
    return phone_command(phone, text, len, at(mono_ms, unix_s));
}

EXPORT(page_event) const char *page_event(void);
const char *page_event(void)
{
    return phone_event(phone);
}

// ---- links -------------------------------------------------------------------------------------

EXPORT(page_transport) void page_transport(unsigned link, int websocket);
void page_transport(unsigned link, int websocket)
{
    phone_transport(phone, link, websocket != 0);
}

EXPORT(page_link_up) void page_link_up(unsigned link, double mono_ms, double unix_s);
void page_link_up(unsigned link, double mono_ms, double unix_s)
{
    phone_link_up(phone, link, at(mono_ms, unix_s));
}

EXPORT(page_link_down) void page_link_down(unsigned link, int again, double mono_ms, double unix_s);
void page_link_down(unsigned link, int again, double mono_ms, double unix_s)
{
    phone_link_down(phone, link, again != 0, at(mono_ms, unix_s));
}

EXPORT(page_message)
void page_message(unsigned link, const uint8_t *data, size_t len, double mono_ms, double unix_s);
void page_message(unsigned link, const uint8_t *data, size_t len, double mono_ms, double unix_s)
{
    phone_message(phone, link, data, len, at(mono_ms, unix_s));
}

EXPORT(page_datagram)
void page_datagram(unsigned link, const uint8_t *data, size_t len, double mono_ms, double unix_s);
void page_datagram(unsigned link, const uint8_t *data, size_t len, double mono_ms, double unix_s)
{
    phone_datagram(phone, link, data, len, at(mono_ms, unix_s));
}

EXPORT(page_write_message) size_t page_write_message(unsigned *link, uint8_t *out, size_t cap);
size_t page_write_message(unsigned *link, uint8_t *out, size_t cap)
{
    return phone_write_message(phone, link, out, cap);
}

EXPORT(page_write_datagram) size_t page_write_datagram(unsigned *link, uint8_t *out, size_t cap);
size_t page_write_datagram(unsigned *link, uint8_t *out, size_t cap)
{
    return phone_write_datagram(phone, link, out, cap);
}

// ---- time --------------------------------------------------------------------------------------

// Rounded up, so that the time has come when the driver is there.
EXPORT(page_expiry) double page_expiry(void);
double page_expiry(void)
{
    sotto_ns expiry = phone_expiry(phone);
    return expiry == SOTTO_NEVER ? (double)INFINITY
                                 : (double)(expiry + NS_PER_US - 1) / (double)SOTTO_NS_PER_MS;
}

EXPORT(page_handle_expiry) void page_handle_expiry(double mono_ms, double unix_s);
void page_handle_expiry(double mono_ms, double unix_s)
{
    phone_handle_expiry(phone, at(mono_ms, unix_s));
}

// ---- sound -------------------------------------------------------------------------------------

EXPORT(page_capture) void page_capture(const int16_t *pcm, size_t samples);
void page_capture(const int16_t *pcm, size_t samples)
{
    phone_capture(phone, pcm, samples);
}

EXPORT(page_playout) void page_playout(int16_t *pcm, size_t samples, double mono_ms, double unix_s);
void page_playout(int16_t *pcm, size_t samples, double mono_ms, double unix_s)
{
    phone_playout(phone, pcm, samples, at(mono_ms, unix_s));
}

EXPORT(page_mic_open) int page_mic_open(void);
int page_mic_open(void)
{
    return phone_mic_open(phone) ? 1 : 0;
}

// What a step of voice took, and how late it was begun.
EXPORT(page_voice_cost)
void page_voice_cost(double spent_ms, double late_ms, double mono_ms, double unix_s);
void page_voice_cost(double spent_ms, double late_ms, double mono_ms, double unix_s)
{
    phone_voice_cost(phone, in_ns(spent_ms), in_ns(late_ms), at(mono_ms, unix_s));
}

// This device is too slow for the neural parts of the voice, for now: there are no weights yet.
EXPORT(page_slow) void page_slow(void);
void page_slow(void)
{
    phone_slow(phone);
}

// The neural parts of the voice, which are loaded later; data is never freed. 1: to be called again
// with the same, when there is time; 0: taken; or an error: calls go on without.
EXPORT(page_weights) int page_weights(const uint8_t *data, size_t len);
int page_weights(const uint8_t *data, size_t len)
{
    return sotto_voice_weights(data, len);
}
