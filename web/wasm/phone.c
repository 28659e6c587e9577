// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "contact_acts.h"

#include <stdlib.h>
#include <string.h>

int phone_new(struct phone **out, const struct slots_host *host)
{
    struct phone *p = calloc(1, sizeof *p);
    int error = p != NULL ? slots_new(&p->slots, host) : SOTTO_ENOMEM;
    if (error != SOTTO_OK) {
        free(p);
        return error;
    }
    p->second = SOTTO_NEVER;
    *out = p;
    return SOTTO_OK;
}

void phone_drop_json(char **text)
{
    json_free_t json_free;
    json_get_alloc_funcs(NULL, &json_free);
    if (*text != NULL) {
        sotto_wipe(*text, strlen(*text));
        json_free(*text);
        *text = NULL;
    }
}

void phone_drop_text(char **text)
{
    if (*text != NULL) {
        sotto_wipe(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}

void phone_free(struct phone *p)
{
    if (p == NULL) {
        return;
    }
    phone_stop_device(p);
    store_close(p->store);
    slots_free(p->slots);
    for (size_t i = 0; i < p->event_count; i++) {
        json_decref(p->events[(p->event_first + i) % PHONE_EVENTS_MAX]);
    }
    phone_drop_json(&p->answer);
    phone_drop_json(&p->event_text);
    sotto_wipe(p, sizeof *p);
    free(p);
}

int phone_slot(struct phone *p, unsigned which, const uint8_t *data, size_t len)
{
    return p->store == NULL ? slots_offer(p->slots, which, data, len) : SOTTO_ESTATE;
}

// ---- the device on the open store --------------------------------------------------------------

static int make_device(struct phone *p)
{
    const struct store_profile *profile = store_profile(p->store);
    struct sotto_device_config cfg = {
        .env = sotto_env_default(),
        .identity = store_identity(p->store),
        .book = store_book(p->store),
        .suite = SOTTO_SUITE_HYBRID,
    };
    if (profile->has_line) {
        cfg.line_key = store_line_key(p->store);
        cfg.home = profile->home;
        cfg.ring = true;
    }
    int error = sotto_device_new(&p->device, &cfg, p->now);
    return error == SOTTO_OK ? publisher_new(&p->publisher, p->store, p->device) : error;
}

int phone_start_device(struct phone *p)
{
    int error = make_device(p);
    if (error != SOTTO_OK) {
        phone_stop_device(p);
        return error;
    }
    p->line = store_profile(p->store)->has_line ? LINE_CONNECTING : LINE_NONE;
    phone_mark(p, DIRTY_LINE);
    phone_register(p);
    return SOTTO_OK;
}

void phone_stop_device(struct phone *p)
{
    if (p->device == NULL) {
        return;
    }
    if (sotto_device_mic_open(p->device)) {
        phone_tell(p, json_pack("{s:s,s:b}", "event", "mic", "open", 0));
    }
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (p->links[i].wanted) {
            phone_tell(p, json_pack("{s:s,s:i}", "event", "link_unwanted", "link", (int)i));
        }
        p->links[i] = (struct phone_link){.wanted = false};
    }
    publisher_free(p->publisher);
    sotto_device_free(p->device);
    p->publisher = NULL;
    p->device = NULL;
    p->register_request = p->push_request = 0;
    p->second = SOTTO_NEVER;
    p->line = LINE_NONE;
    p->line_code = 0;
    p->clock_offset_s = 0;
    memset(&p->notes, 0, sizeof p->notes);
    memset(p->calls, 0, sizeof p->calls);
    phone_exchange_forget(p);
}

int phone_take_store(struct phone *p, struct store *store)
{
    p->store = store;
    int error = phone_start_device(p);
    if (error != SOTTO_OK) {
        store_close(p->store);
        p->store = NULL;
    }
    return error;
}

void phone_close(struct phone *p)
{
    if (p->store == NULL) {
        return;
    }
    phone_stop_device(p);
    store_close(p->store);
    p->store = NULL;
    p->dirty = 0;
    phone_tell(p, json_pack("{s:s}", "event", "closed"));
}

void phone_register(struct phone *p)
{
    const struct store_profile *profile = store_profile(p->store);
    if (profile->has_line && !profile->registered && p->register_request == 0) {
        (void)sotto_device_register(p->device, profile->invite, p->now, &p->register_request);
    }
}

void phone_publish(struct phone *p)
{
    if (p->line == LINE_READY) {
        (void)publisher_start(p->publisher, p->now); // what it could not do stays pending
    }
}

bool phone_calling(const struct phone *p)
{
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = p->device != NULL ? sotto_device_calls(p->device, calls) : 0;
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(p->device, calls[i], &info) == SOTTO_OK &&
            info.state != SOTTO_CALL_ENDED) {
            return true;
        }
    }
    return false;
}

// ---- the driver's interface --------------------------------------------------------------------

static bool is_home(const struct phone *p, unsigned link)
{
    const struct store_profile *profile = store_profile(p->store);
    const struct sotto_relay_address *a = &p->links[link].relay;
    return profile->has_line && p->links[link].wanted && strcmp(a->host, profile->home.host) == 0 &&
           a->port == profile->home.port;
}

static bool is_wanted(const struct phone *p, unsigned link)
{
    return p->device != NULL && link < SOTTO_LINKS_MAX && p->links[link].wanted;
}

void phone_link_up(struct phone *p, unsigned link, struct sotto_now now)
{
    p->now = now;
    if (!is_wanted(p, link)) {
        return;
    }
    sotto_device_link_up(p->device, link, now);
    if (is_home(p, link)) {
        p->line = LINE_CONNECTING;
        phone_mark(p, DIRTY_LINE);
        phone_register(p);
    }
}

void phone_link_down(struct phone *p, unsigned link, bool again, struct sotto_now now)
{
    p->now = now;
    if (!is_wanted(p, link)) {
        return;
    }
    sotto_device_link_down(p->device, link, again, now);
    if (is_home(p, link)) {
        p->line = LINE_DOWN;
        phone_mark(p, DIRTY_LINE);
    }
}

void phone_transport(struct phone *p, unsigned link, bool websocket)
{
    if (link < SOTTO_LINKS_MAX) {
        p->links[link].websocket = websocket;
    }
}

void phone_message(struct phone *p, unsigned link, const uint8_t *msg, size_t len,
                   struct sotto_now now)
{
    p->now = now;
    if (is_wanted(p, link)) {
        (void)sotto_device_read_message(p->device, link, msg, len, now); // bad bytes: dropped
    }
}

void phone_datagram(struct phone *p, unsigned link, const uint8_t *data, size_t len,
                    struct sotto_now now)
{
    p->now = now;
    if (is_wanted(p, link)) {
        (void)sotto_device_read_datagram(p->device, link, data, len, now);
    }
}

size_t phone_write_message(struct phone *p, unsigned *link, uint8_t *out, size_t cap)
{
    return p->device != NULL ? sotto_device_write_message(p->device, link, out, cap) : 0;
}

size_t phone_write_datagram(struct phone *p, unsigned *link, uint8_t *out, size_t cap)
{
    return p->device != NULL ? sotto_device_write_datagram(p->device, link, out, cap) : 0;
}

sotto_ns phone_expiry(const struct phone *p)
{
    if (p->device == NULL) {
        return SOTTO_NEVER;
    }
    sotto_ns device = sotto_device_expiry(p->device);
    return device < p->second ? device : p->second;
}

void phone_handle_expiry(struct phone *p, struct sotto_now now)
{
    p->now = now;
    if (p->device == NULL) {
        return;
    }
    if (now.mono_ns >= sotto_device_expiry(p->device)) {
        sotto_device_handle_expiry(p->device, now);
    }
    if (now.mono_ns >= p->second) {
        phone_look_at_calls(p);
    }
}

void phone_capture(struct phone *p, const int16_t *pcm, size_t samples)
{
    if (p->device != NULL) {
        sotto_device_capture(p->device, pcm, samples);
    }
}

void phone_playout(struct phone *p, int16_t *pcm, size_t samples, struct sotto_now now)
{
    if (p->device != NULL) {
        sotto_device_playout(p->device, pcm, samples, now);
    } else {
        memset(pcm, 0, samples * sizeof *pcm);
    }
}

void phone_voice_cost(struct phone *p, sotto_ns spent, sotto_ns late, struct sotto_now now)
{
    if (p->device != NULL) {
        sotto_device_voice_cost(p->device, spent, late, now);
    }
}

void phone_slow(struct phone *p)
{
    p->slow = true;
}

bool phone_mic_open(const struct phone *p)
{
    return p->device != NULL && sotto_device_mic_open(p->device);
}

// ---- texts that are handed out -----------------------------------------------------------------

const char *phone_event(struct phone *p)
{
    phone_drop_json(&p->event_text);
    json_t *event = phone_next_event(p);
    if (event != NULL) {
        p->event_text = json_dumps(event, JSON_COMPACT);
        json_decref(event);
    }
    return p->event_text;
}

// Sizes are kept in front, so that all of it can be wiped.
#define WIPED_HEAD 16

static void *wiped_malloc(size_t size)
{
    uint8_t *block = size < SIZE_MAX - WIPED_HEAD ? malloc(size + WIPED_HEAD) : NULL;
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + WIPED_HEAD;
}

static void wiped_free(void *ptr)
{
    if (ptr != NULL) {
        uint8_t *block = (uint8_t *)ptr - WIPED_HEAD;
        size_t size;
        memcpy(&size, block, sizeof size);
        sotto_wipe(block, size + WIPED_HEAD);
        free(block);
    }
}

void phone_wipe_json(void)
{
    json_set_alloc_funcs(wiped_malloc, wiped_free);
}
