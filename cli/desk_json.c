// SPDX-License-Identifier: Apache-2.0
// One JSON object a line, documented in sotto-call(1).
#include "desk.h"

void desk_json(const struct desk *d, const char *event, json_t *fields)
{
    if (!d->cli->out.json) {
        json_decref(fields);
        return;
    }
    json_t *root =
        json_pack("{s:s,s:I}", "event", event, "mono_ns", (json_int_t)clock_now().mono_ns);
    if (root != NULL && fields != NULL) {
        json_object_update(root, fields);
    }
    json_decref(fields);
    output_json_line(&d->cli->out, root);
}

static void state_json(const struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info = {0};
    sotto_device_call_info(runner_device(d->runner), ev->call, &info);
    json_t *o =
        json_pack("{s:I,s:s,s:s,s:b}", "call", (json_int_t)ev->call, "state",
                  call_state_name(ev->state), "label", ev->label, "incoming", info.incoming);
    if (info.waking) {
        json_object_set_new(o, "waking", json_true());
    }
    if (ev->state == SOTTO_CALL_ENDED || ev->state == SOTTO_CALL_ENDING) {
        json_object_set_new(o, "end", json_string(call_end_name(ev->end)));
        json_object_set_new(o, "text", json_string(sotto_end_text(ev->end)));
    }
    if (ev->state == SOTTO_CALL_ENDED) {
        struct desk_report r;
        desk_report_make(&r, d, &info);
        json_object_set_new(o, "statistics", desk_report_json(&r));
    }
    desk_json(d, "call", o);
}

static void secure_json(const struct desk *d, const struct sotto_event *ev)
{
    struct sotto_call_info info;
    char words[SOTTO_WORDS_TEXT_BYTES];
    if (sotto_device_call_info(runner_device(d->runner), ev->call, &info) != 0) {
        return;
    }
    sotto_words_text(&info.words, words);
    desk_json(d, "secure",
              json_pack("{s:I,s:s,s:o,s:b,s:s?,s:s?}", "call", (json_int_t)ev->call, "words", words,
                        "peer", output_json_fingerprint(&info.peer), "verified", info.verified,
                        "group", info.stats.session.group, "cipher", info.stats.session.cipher));
}

static void flag_json(const struct desk *d, const char *event, const struct sotto_event *ev,
                      const char *name)
{
    desk_json(d, event, json_pack("{s:I,s:b}", "call", (json_int_t)ev->call, name, (int)ev->flag));
}

static void number_json(const struct desk *d, const char *event, const struct sotto_event *ev)
{
    char who[DESK_TEXT_BYTES];
    desk_who(d, &ev->fingerprint, who);
    desk_json(d, event,
              json_pack("{s:s,s:o,s:s}", "label", ev->label, "peer",
                        output_json_fingerprint(&ev->fingerprint), "who", who));
}

static void line_json(const struct desk *d, const char *state, int code)
{
    desk_json(d, "line", json_pack("{s:s,s:i}", "state", state, "code", code));
}

void desk_json_event(const struct desk *d, const struct sotto_event *ev)
{
    if (!d->cli->out.json) {
        return;
    }
    switch (ev->type) {
    case SOTTO_EVENT_LINE_READY:
        line_json(d, "ready", 0);
        break;
    case SOTTO_EVENT_LINE_DENIED:
        line_json(d, "denied", ev->code);
        break;
    case SOTTO_EVENT_LINE_REPLACED:
        line_json(d, "replaced", 0);
        break;
    case SOTTO_EVENT_CLOCK:
        desk_json(d, "clock", json_pack("{s:I}", "offset_s", (json_int_t)ev->clock_offset_s));
        break;
    case SOTTO_EVENT_CALL_STATE:
        state_json(d, ev);
        break;
    case SOTTO_EVENT_CALL_INCOMING:
        desk_json(d, "incoming",
                  json_pack("{s:I,s:s,s:b,s:o}", "call", (json_int_t)ev->call, "label", ev->label,
                            "waiting", (int)ev->waiting, "peer",
                            output_json_fingerprint(&ev->fingerprint)));
        break;
    case SOTTO_EVENT_CALL_SECURE:
        secure_json(d, ev);
        break;
    case SOTTO_EVENT_CALL_VERIFIED:
        flag_json(d, "verified", ev, "verified");
        break;
    case SOTTO_EVENT_CALL_HOLD:
        flag_json(d, "hold", ev, "held");
        break;
    case SOTTO_EVENT_CALL_PATH:
        flag_json(d, "path", ev, "reconnecting");
        break;
    case SOTTO_EVENT_CALL_REKEYED:
        desk_json(d, "rekeyed", json_pack("{s:I}", "call", (json_int_t)ev->call));
        break;
    case SOTTO_EVENT_MIC:
        desk_json(d, "mic", json_pack("{s:b}", "open", (int)ev->flag));
        break;
    case SOTTO_EVENT_NUMBER_BOUND:
        number_json(d, "number_bound", ev);
        break;
    case SOTTO_EVENT_NUMBER_LEAKED:
        number_json(d, "number_leaked", ev);
        break;
    default:
        break;
    }
}

void desk_json_audio(const struct desk *d, enum runner_audio what, sotto_ns at_ns, const char *text)
{
    static const char *const names[] = {
        [RUNNER_MIC_STARTED] = "mic_started",
        [RUNNER_MIC_STOPPED] = "mic_stopped",
        [RUNNER_MIC_END] = "mic_end",
        [RUNNER_MIC_FAILED] = "mic_failed",
        [RUNNER_SPEAKER_STARTED] = "speaker_started",
        [RUNNER_SPEAKER_STOPPED] = "speaker_stopped",
        [RUNNER_SPEAKER_FAILED] = "speaker_failed",
        [RUNNER_AUDIO_CHANGED] = "audio_changed",
    };
    if (d->cli->out.json) {
        desk_json(d, names[what], json_pack("{s:I,s:s}", "at_ns", (json_int_t)at_ns, "text", text));
    }
}
