// SPDX-License-Identifier: Apache-2.0
#include "desk.h"
#include "relay.h"

#include <stdio.h>
#include <string.h>

static bool known_contact(const struct desk *d, const struct sotto_fingerprint *fp,
                          char out[DESK_TEXT_BYTES])
{
    struct sotto_book book = store_book(d->store);
    struct sotto_contact contact;
    if (book.contact_get(book.user, fp, &contact) != 0) {
        return false;
    }
    snprintf(out, DESK_TEXT_BYTES, "\"%s\"%s", contact.label,
             contact.verified ? " (verified)" : "");
    sotto_wipe(&contact, sizeof(contact));
    return true;
}

static bool known_number(const struct desk *d, const struct sotto_fingerprint *fp,
                         char out[DESK_TEXT_BYTES])
{
    struct store_number *list = NULL;
    size_t count = 0;
    bool found = false;
    if (store_numbers(d->store, &list, &count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count && !found; i++) {
        const struct sotto_number *n = &list[i].number;
        found = n->was_bound && sotto_fingerprint_equal(&n->bound, fp);
        if (found) {
            snprintf(out, DESK_TEXT_BYTES, "the one with your number for \"%s\"%s", n->label,
                     n->verified ? " (verified)" : "");
        }
    }
    store_numbers_free(list, count);
    return found;
}

void desk_who(const struct desk *d, const struct sotto_fingerprint *fp, char out[DESK_TEXT_BYTES])
{
    char text[SOTTO_FINGERPRINT_TEXT_BYTES];
    if (!known_contact(d, fp, out) && !known_number(d, fp, out)) {
        sotto_fingerprint_text(fp, text);
        snprintf(out, DESK_TEXT_BYTES, "somebody unknown, fingerprint %s", text);
    }
}

static void tell_leak(struct desk *d, const struct sotto_event *ev)
{
    char who[DESK_TEXT_BYTES];
    desk_who(d, &ev->fingerprint, who);
    desk_notice(d, MARK_BAD,
                "The number that you gave to \"%s\" was used with another key: refused. Whoever "
                "has it now is %.200s. To withdraw it: sotto number revoke \"%s\"",
                ev->label, who, ev->label);
}

static void tell_bound(struct desk *d, const struct sotto_event *ev)
{
    desk_notice(d, MARK_INFO,
                "The number for \"%s\" was used for the first time; from now on it works with "
                "that key only. Compare the words to be sure that it is theirs.",
                ev->label);
}

bool desk_verified(const struct desk *d, const struct sotto_call_info *info)
{
    struct sotto_book book = store_book(d->store);
    struct sotto_contact contact;
    struct sotto_number number;
    bool verified = info->verified;
    if (info->has_peer && book.contact_get(book.user, &info->peer, &contact) == 0) {
        verified = verified || contact.verified;
        sotto_wipe(&contact, sizeof(contact));
    }
    if (info->has_peer && book.number_get(book.user, info->token_hash, &number) == 0) {
        verified = verified || (number.state == SOTTO_NUMBER_BOUND && number.verified &&
                                sotto_fingerprint_equal(&number.bound, &info->peer));
        sotto_wipe(&number, sizeof(number));
    }
    return verified;
}

static void tell_incoming(struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info = {0}, first;
    char rest[DESK_TEXT_BYTES] = "";
    sotto_device_call_info(runner_device(d->runner), ev->call, &info);
    if (desk_ringing(d, &first) && first.call != ev->call) {
        snprintf(rest, sizeof(rest), ", too; the keys are for \"%s\", who called first",
                 first.label);
    } else if (ev->waiting) {
        snprintf(rest, sizeof(rest),
                 ", while you are in a call: a answers and holds the present one");
    }
    desk_progress(d, MARK_INFO, "\"%s\" is calling%s%s", ev->label,
                  desk_verified(d, &info) ? " (verified)" : " (the words were never compared)",
                  rest);
}

static void tell_secure(struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info;
    char words[SOTTO_WORDS_TEXT_BYTES];
    if (sotto_device_call_info(runner_device(d->runner), ev->call, &info) != 0) {
        return;
    }
    sotto_words_text(&info.words, words);
    desk_progress(d, MARK_GOOD, "Secure%s. Words: %s",
                  info.verified ? ", and the words were compared before" : "", words);
}

static void tell_active(struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info = {0};
    sotto_device_call_info(runner_device(d->runner), ev->call, &info);
    desk_progress(d, MARK_GOOD, info.incoming ? "In call with \"%s\"" : "\"%s\" answered",
                  ev->label);
}

static void tell_state(struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info = {0};
    sotto_device_call_info(runner_device(d->runner), ev->call, &info);
    switch (ev->state) {
    case SOTTO_CALL_DIALLING:
        if (info.waking) {
            desk_progress(d, MARK_INFO, "\"%s\" is away: waking their device", ev->label);
        }
        break;
    case SOTTO_CALL_RINGING:
        if (!info.incoming) {
            desk_progress(d, MARK_INFO, "It is ringing at \"%s\"", ev->label);
        }
        break;
    case SOTTO_CALL_ACTIVE:
        tell_active(d, ev);
        break;
    case SOTTO_CALL_ENDED:
        desk_notice(d,
                    ev->end == SOTTO_END_HANGUP || ev->end == SOTTO_END_PEER_HANGUP ||
                            ev->end == SOTTO_END_WE_DECLINED
                        ? MARK_INFO
                        : MARK_WARN,
                    "\"%s\": %s", ev->label, sotto_end_text(ev->end));
        break;
    default:
        break;
    }
}

static void tell_clock(struct desk *d, const struct sotto_event *ev)
{
    char span[OUTPUT_TIME_BYTES];
    bool fast = ev->clock_offset_s > 0;
    output_span(fast ? ev->clock_offset_s : -ev->clock_offset_s, span);
    desk_notice(d, MARK_WARN,
                "This machine's clock is %s %s the relay's: numbers that expire may be refused or "
                "let in wrongly. Set the clock.",
                span, fast ? "ahead of" : "behind");
}

static void tell_path(struct desk *d, const struct sotto_event *ev)
{
    if (ev->flag) {
        desk_notice(d, MARK_WARN,
                    "No sign of the other side: reconnecting; the call is kept for another %d s",
                    (int)((SOTTO_PEER_LOST_NS - SOTTO_PEER_SILENT_NS) / SOTTO_NS_PER_S));
    } else {
        desk_notice(d, MARK_GOOD, "Connected again");
    }
}

void desk_text_event(struct desk *d, const struct sotto_event *ev)
{
    switch (ev->type) {
    case SOTTO_EVENT_LINE_READY:
        desk_progress(d, MARK_GOOD, "Your line is ready");
        break;
    case SOTTO_EVENT_LINE_DENIED:
        desk_notice(d, MARK_BAD, "Your line cannot be rung: %s", relay_code_text(ev->code));
        break;
    case SOTTO_EVENT_LINE_REPLACED:
        desk_notice(d, MARK_WARN,
                    "Another device, or another `sotto listen`, answers your line now");
        break;
    case SOTTO_EVENT_CLOCK:
        tell_clock(d, ev);
        break;
    case SOTTO_EVENT_CALL_STATE:
        tell_state(d, ev);
        break;
    case SOTTO_EVENT_CALL_INCOMING:
        tell_incoming(d, ev);
        break;
    case SOTTO_EVENT_CALL_SECURE:
        tell_secure(d, ev);
        break;
    case SOTTO_EVENT_CALL_VERIFIED:
        desk_notice(d, ev->flag ? MARK_GOOD : MARK_BAD,
                    ev->flag ? "Verified: you compared the words with this very person"
                             : "No longer verified");
        break;
    case SOTTO_EVENT_CALL_HOLD:
        desk_notice(d, MARK_INFO,
                    ev->flag ? "The other side holds the call" : "The other side is back");
        break;
    case SOTTO_EVENT_CALL_PATH:
        tell_path(d, ev);
        break;
    case SOTTO_EVENT_NUMBER_BOUND:
        tell_bound(d, ev);
        break;
    case SOTTO_EVENT_NUMBER_LEAKED:
        if (desk_leak_is_news(d, ev)) {
            tell_leak(d, ev);
        }
        break;
    default:
        break;
    }
}

void desk_text_link(struct desk *d, bool up, enum net_transport transport, enum net_reason reason,
                    const char *detail)
{
    bool forced = d->cli->common.force_websocket;
    if (up && transport == NET_WEBSOCKET && !forced) {
        desk_notice(d, MARK_WARN, "UDP is blocked here: using WebSocket");
    } else if (up) {
        desk_progress(d, MARK_INFO, "Connected over %s",
                      transport == NET_QUIC ? "QUIC" : "WebSocket");
    } else if (reason != NET_CLOSED) {
        desk_notice(d, MARK_WARN, "%s%s%s%s", net_reason_text(reason),
                    detail[0] != '\0' ? " (" : "", detail, detail[0] != '\0' ? ")" : "");
    }
}

void desk_text_audio(struct desk *d, enum runner_audio what, const char *text)
{
    if (what == RUNNER_MIC_FAILED || what == RUNNER_SPEAKER_FAILED) {
        desk_notice(d, MARK_BAD, "%s", text);
    } else if (what == RUNNER_AUDIO_CHANGED) {
        desk_notice(d, MARK_WARN, "%s", text);
    } else if (what == RUNNER_MIC_END) {
        desk_notice(d, MARK_INFO, "The file is over: silence from here");
    }
}
