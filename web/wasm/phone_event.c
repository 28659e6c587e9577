// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "contact_acts.h"
#include "wire/link.h"

#include <string.h>

#define LOSS_LOOK_S CALL_NOTE_QUALITY_S

// ---- the page's queue --------------------------------------------------------------------------

void phone_tell(struct phone *p, json_t *event)
{
    if (event == NULL || p->event_count == PHONE_EVENTS_MAX) {
        json_decref(event);
        return;
    }
    p->events[(p->event_first + p->event_count++) % PHONE_EVENTS_MAX] = event;
}

void phone_mark(struct phone *p, unsigned dirty)
{
    p->dirty |= dirty;
    if ((dirty & DIRTY_CONTACTS) != 0) {
        for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
            p->calls[i].looked = false;
        }
    }
}

// The place of a call's note; what a call before it left there is gone.
static size_t call_place(struct phone *p, uint32_t call)
{
    bool fresh = call_notes_place(&p->notes, call) == SOTTO_CALLS_MAX;
    size_t place = call_notes_take(&p->notes, call, p->now.unix_s);
    if (fresh && place < SOTTO_CALLS_MAX) {
        p->calls[place] = (struct phone_call){.waiting = false};
    }
    return place;
}

void phone_mark_call(struct phone *p, uint32_t call)
{
    size_t place = call_place(p, call);
    if (place < SOTTO_CALLS_MAX) {
        p->calls[place].dirty = true;
    }
}

static json_t *call_event(struct phone *p, const char *name, uint32_t call)
{
    struct sotto_call_info info;
    if (sotto_device_call_info(p->device, call, &info) != SOTTO_OK) {
        return NULL;
    }
    return json_pack("{s:s,s:o}", "event", name, "call", json_call(p, &info));
}

static json_t *next_call(struct phone *p)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX && p->device != NULL; i++) {
        if (p->calls[i].dirty) {
            p->calls[i].dirty = false;
            json_t *event = call_event(p, "call", p->notes.of[i].id);
            if (event != NULL) {
                return event;
            }
        }
    }
    return NULL;
}

static json_t *next_dirty(struct phone *p)
{
    static const struct {
        enum phone_dirty dirty;
        const char *event;
    } events[] = {
        {DIRTY_PROFILE, "profile"},
        {DIRTY_NUMBERS, "numbers"},
        {DIRTY_LOG, "log"},
        {DIRTY_CONTACTS, "contacts"},
    };
    if ((p->dirty & DIRTY_LINE) != 0 && p->store != NULL) {
        p->dirty &= ~(unsigned)DIRTY_LINE;
        return json_pack("{s:s,s:o}", "event", "line", "line", json_line(p));
    }
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if ((p->dirty & events[i].dirty) != 0) {
            p->dirty &= ~(unsigned)events[i].dirty;
            return json_pack("{s:s}", "event", events[i].event);
        }
    }
    return NULL;
}

// ---- numbers -----------------------------------------------------------------------------------

static void tell_number(struct phone *p, const char *name, const uint8_t *token_hash)
{
    struct store_number n;
    if (store_number_get(p->store, token_hash, &n) == SOTTO_OK) {
        phone_tell(p, json_pack("{s:s,s:o}", "event", name, "number", json_number(p, &n, false)));
        sotto_wipe(&n, sizeof n);
    }
}

static void log_number(struct phone *p, enum store_log_kind kind, const struct sotto_event *ev)
{
    struct store_log_entry e;
    call_note_number_entry(&e, kind, ev, p->now.unix_s);
    if (store_log_add(p->store, &e) == SOTTO_OK) {
        phone_mark(p, DIRTY_LOG);
    }
}

static bool leak_is_news(struct phone *p, const struct sotto_event *ev)
{
    struct store_log_entry *recent;
    size_t count;
    if (store_log(p->store, CALL_NOTE_LEAK_RECENT, &recent, &count) != SOTTO_OK) {
        return true;
    }
    bool news = call_note_leak_is_news(recent, count, ev->label, p->now.unix_s);
    store_log_free(recent, count);
    return news;
}

static void on_leak(struct phone *p, const struct sotto_event *ev)
{
    phone_mark(p, DIRTY_NUMBERS);
    if (leak_is_news(p, ev)) {
        log_number(p, STORE_LOG_LEAK, ev);
        tell_number(p, "leaked", ev->token_hash);
    }
}

static void on_bound(struct phone *p, const struct sotto_event *ev)
{
    phone_mark(p, DIRTY_NUMBERS);
    log_number(p, STORE_LOG_BOUND, ev);
    tell_number(p, "bound", ev->token_hash);
}

// ---- calls -------------------------------------------------------------------------------------

static void on_ended(struct phone *p, size_t place)
{
    struct call_note *note = &p->notes.of[place];
    struct sotto_call_info info;
    if (note->logged || sotto_device_call_info(p->device, note->id, &info) != SOTTO_OK) {
        return;
    }
    json_t *call = json_call(p, &info); // its transport is known while its link is there
    const char *transport =
        json_string_value(json_object_get(json_object_get(call, "stats"), "transport"));
    struct store_log_entry e;
    call_note_entry(&e, note, &info, transport != NULL ? transport : "", p->now);
    phone_tell(p, json_pack("{s:s,s:o}", "event", "call", "call", call));
    note->logged = true;
    sotto_wipe(p->calls[place].link.token, sizeof p->calls[place].link.token);
    sotto_wipe(&p->calls[place].link.secret, sizeof p->calls[place].link.secret);
    if (store_log_add(p->store, &e) == SOTTO_OK) {
        phone_mark(p, DIRTY_LOG);
    }
}

static void on_call_state(struct phone *p, const struct sotto_event *ev)
{
    size_t place = call_place(p, ev->call);
    if (place == SOTTO_CALLS_MAX) {
        return;
    }
    call_notes_event(&p->notes, p->device, ev, p->now);
    if (ev->state == SOTTO_CALL_ACTIVE && p->second == SOTTO_NEVER) {
        p->second = p->now.mono_ns + PHONE_SECOND_NS;
    }
    // While it is only being checked, our user knows nothing of it. Its end is told at once: its
    // place may be taken by the next call.
    p->calls[place].dirty = ev->state != SOTTO_CALL_CHECKING && ev->state != SOTTO_CALL_ENDED;
    if (ev->state == SOTTO_CALL_ENDED) {
        on_ended(p, place);
    }
}

static void on_incoming(struct phone *p, const struct sotto_event *ev)
{
    size_t place = call_place(p, ev->call);
    if (place < SOTTO_CALLS_MAX) {
        p->calls[place].waiting = ev->waiting;
        p->calls[place].dirty = false;
        phone_tell(p, call_event(p, "incoming", ev->call));
    }
}

static unsigned smooth(unsigned before, unsigned now)
{
    return (before * (LOSS_LOOK_S - 1) + now) / LOSS_LOOK_S;
}

static void look_at(struct phone_call *c, struct call_note *note,
                    const struct sotto_call_info *info)
{
    if (info->held) {
        return;
    }
    call_note_look(note, info);
    c->lost_permille = smooth(c->lost_permille, call_second_lost_permille(&note->second));
    c->restored_permille =
        smooth(c->restored_permille, call_second_restored_permille(&note->second));
}

void phone_look_at_calls(struct phone *p)
{
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = sotto_device_calls(p->device, calls);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(p->device, calls[i], &info) != SOTTO_OK ||
            info.state != SOTTO_CALL_ACTIVE) {
            continue;
        }
        size_t place = call_place(p, calls[i]);
        if (place < SOTTO_CALLS_MAX) {
            look_at(&p->calls[place], &p->notes.of[place], &info);
            p->calls[place].dirty = true;
            any = true;
        }
    }
    p->second = any ? p->now.mono_ns + PHONE_SECOND_NS : SOTTO_NEVER;
}

// ---- line --------------------------------------------------------------------------------------

static void set_line(struct phone *p, enum phone_line line, int code)
{
    p->line = line;
    p->line_code = code;
    phone_mark(p, DIRTY_LINE);
}

// Whoever is logged in has a line: the answer to the registration may have been lost.
static void confirm_line(struct phone *p)
{
    if (!store_profile(p->store)->registered && line_confirm(p->store) == SOTTO_OK) {
        phone_mark(p, DIRTY_PROFILE);
    }
}

static void on_registered(struct phone *p, int code)
{
    p->register_request = 0;
    if (code == LINK_CODE_NONE) {
        confirm_line(p);
    } else if (code > 0 && p->line != LINE_READY) {
        set_line(p, LINE_DENIED, code);
    }
}

static void on_denied(struct phone *p, int code)
{
    // "no such line" only follows from an invitation that was refused: that is the reason to tell.
    bool told = p->line == LINE_DENIED && p->line_code == LINK_CODE_INVITE;
    if (!told || code != LINK_CODE_NO_LINE) {
        set_line(p, LINE_DENIED, code);
    }
}

static void on_push(struct phone *p, int code)
{
    p->push_request = 0;
    if (code != LINK_CODE_NONE) {
        phone_tell(p, json_pack("{s:s,s:s}", "event", "push_failed", "code", link_code_text(code)));
    }
}

static void on_result(struct phone *p, const struct sotto_event *ev)
{
    struct publisher_state before, after;
    if (p->register_request != 0 && ev->request == p->register_request) {
        on_registered(p, ev->code);
        return;
    }
    if (p->push_request != 0 && ev->request == p->push_request) {
        on_push(p, ev->code);
        return;
    }
    publisher_state(p->publisher, &before);
    if (!publisher_event(p->publisher, ev, p->now)) {
        return;
    }
    publisher_state(p->publisher, &after);
    phone_mark(p, DIRTY_NUMBERS);
    if (after.failed > before.failed) {
        int code = ev->code != 0 ? ev->code : after.last_error;
        phone_tell(p,
                   json_pack("{s:s,s:s}", "event", "publish_failed", "code", link_code_text(code)));
    }
}

// ---- links -------------------------------------------------------------------------------------

static void on_link_wanted(struct phone *p, const struct sotto_event *ev)
{
    if (ev->link < SOTTO_LINKS_MAX) {
        p->links[ev->link] = (struct phone_link){.wanted = true, .relay = ev->relay};
        phone_tell(p, json_pack("{s:s,s:i,s:s,s:i,s:b}", "event", "link_wanted", "link",
                                (int)ev->link, "host", ev->relay.host, "port", (int)ev->relay.port,
                                "pinned", (int)ev->relay.pinned));
    }
}

static void on_link_unwanted(struct phone *p, const struct sotto_event *ev)
{
    if (ev->link < SOTTO_LINKS_MAX) {
        p->links[ev->link].wanted = false;
        phone_tell(p, json_pack("{s:s,s:i}", "event", "link_unwanted", "link", (int)ev->link));
    }
}

// ---- all of them -------------------------------------------------------------------------------

static void act_on_line(struct phone *p, const struct sotto_event *ev)
{
    switch (ev->type) {
    case SOTTO_EVENT_LINK_WANTED:
        on_link_wanted(p, ev);
        break;
    case SOTTO_EVENT_LINK_UNWANTED:
        on_link_unwanted(p, ev);
        break;
    case SOTTO_EVENT_LINE_READY:
        set_line(p, LINE_READY, 0);
        confirm_line(p);
        phone_publish(p);
        break;
    case SOTTO_EVENT_LINE_DENIED:
        on_denied(p, ev->code);
        break;
    case SOTTO_EVENT_LINE_REPLACED:
        set_line(p, LINE_REPLACED, 0);
        break;
    case SOTTO_EVENT_CLOCK:
        p->clock_offset_s = ev->clock_offset_s;
        phone_mark(p, DIRTY_LINE);
        break;
    case SOTTO_EVENT_RESULT:
        on_result(p, ev);
        break;
    default:
        phone_exchange_event(p, ev);
        break;
    }
}

static void act_on(struct phone *p, const struct sotto_event *ev)
{
    switch (ev->type) {
    case SOTTO_EVENT_CALL_STATE:
        on_call_state(p, ev);
        break;
    case SOTTO_EVENT_CALL_INCOMING:
        on_incoming(p, ev);
        break;
    case SOTTO_EVENT_CALL_VERIFIED:
        phone_mark(p, DIRTY_CONTACTS | DIRTY_NUMBERS);
        call_notes_event(&p->notes, p->device, ev, p->now);
        phone_mark_call(p, ev->call);
        break;
    case SOTTO_EVENT_CALL_SECURE:
    case SOTTO_EVENT_CALL_HOLD:
    case SOTTO_EVENT_CALL_PATH:
    case SOTTO_EVENT_CALL_REKEYED:
        call_notes_event(&p->notes, p->device, ev, p->now);
        phone_mark_call(p, ev->call);
        break;
    case SOTTO_EVENT_MIC:
        phone_tell(p, json_pack("{s:s,s:b}", "event", "mic", "open", (int)ev->flag));
        break;
    case SOTTO_EVENT_NUMBER_BOUND:
        on_bound(p, ev);
        break;
    case SOTTO_EVENT_NUMBER_LEAKED:
        on_leak(p, ev);
        break;
    case SOTTO_EVENT_NUMBER_CHANGED:
        phone_mark(p, DIRTY_NUMBERS);
        break;
    default:
        act_on_line(p, ev);
        break;
    }
}

static json_t *next_queued(struct phone *p)
{
    if (p->event_count == 0) {
        return NULL;
    }
    json_t *event = p->events[p->event_first];
    p->event_first = (p->event_first + 1) % PHONE_EVENTS_MAX;
    p->event_count--;
    return event;
}

// What the page is to read again is told when the device has no more to say, so that one telling
// does.
json_t *phone_next_event(struct phone *p)
{
    for (;;) {
        json_t *event = next_queued(p);
        struct sotto_event ev;
        if (event != NULL) {
            return event;
        }
        if (p->device == NULL || !sotto_device_next_event(p->device, &ev)) {
            event = next_call(p);
            return event != NULL ? event : next_dirty(p);
        }
        act_on(p, &ev);
        sotto_wipe(&ev, sizeof ev);
    }
}
