// SPDX-License-Identifier: Apache-2.0
#include "desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sotto_device *device(const struct desk *d)
{
    return runner_device(d->runner);
}

static void changed(struct desk *d)
{
    if (d->view.changed != NULL) {
        d->view.changed(d->view.user);
    }
}

static void tell(struct desk *d, enum output_mark mark, const char *text)
{
    if (d->view.notice != NULL) {
        d->view.notice(mark, text, d->view.user);
        return;
    }
    output_mark(&d->cli->out, mark);
    output_say(&d->cli->out, "%s\n", text);
    fflush(stdout);
}

void desk_notice(struct desk *d, enum output_mark mark, const char *fmt, ...)
{
    char text[DESK_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    tell(d, mark, text);
}

void desk_progress(struct desk *d, enum output_mark mark, const char *fmt, ...)
{
    char text[DESK_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!d->view.screen) {
        tell(d, mark, text);
    }
}

// ---- calls --------------------------------------------------------------------------------------

const struct call_note *desk_note(const struct desk *d, uint32_t call)
{
    size_t i = call_notes_place(&d->notes, call);
    return i < SOTTO_CALLS_MAX ? &d->notes.of[i] : NULL;
}

struct desk_call *desk_call_of(struct desk *d, uint32_t call)
{
    size_t i = call_notes_place(&d->notes, call);
    return i < SOTTO_CALLS_MAX ? &d->calls[i] : NULL;
}

bool desk_asking(const struct desk *d, uint32_t call)
{
    size_t i = call_notes_place(&d->notes, call);
    return i < SOTTO_CALLS_MAX && d->calls[i].asking;
}

static bool find_call(const struct desk *d, struct sotto_call_info *out,
                      bool (*fits)(const struct sotto_call_info *))
{
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = sotto_device_calls(device(d), calls);
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(device(d), calls[i], &info) == 0 && fits(&info)) {
            *out = info;
            return true;
        }
    }
    return false;
}

static bool rings_here(const struct sotto_call_info *i)
{
    return i->incoming && i->state == SOTTO_CALL_RINGING;
}

static bool is_talking(const struct sotto_call_info *i)
{
    return i->state == SOTTO_CALL_ACTIVE && !i->held;
}

static bool is_held(const struct sotto_call_info *i)
{
    return i->state == SOTTO_CALL_ACTIVE && i->held;
}

static bool is_outgoing(const struct sotto_call_info *i)
{
    return !i->incoming && (i->state == SOTTO_CALL_DIALLING || i->state == SOTTO_CALL_RINGING);
}

bool desk_ringing(const struct desk *d, struct sotto_call_info *out)
{
    uint32_t calls[SOTTO_CALLS_MAX];
    for (size_t i = sotto_device_calls(device(d), calls); i-- > 0;) { // newest first
        struct sotto_call_info info;
        if (sotto_device_call_info(device(d), calls[i], &info) == 0 && rings_here(&info)) {
            *out = info;
            return true;
        }
    }
    return false;
}

bool desk_current(const struct desk *d, struct sotto_call_info *out)
{
    return find_call(d, out, is_talking) || find_call(d, out, is_outgoing) ||
           find_call(d, out, is_held);
}

bool desk_talking(const struct desk *d, struct sotto_call_info *out)
{
    return find_call(d, out, is_talking);
}

// ---- the log ------------------------------------------------------------------------------------

static void load_recent(struct desk *d)
{
    store_log_free(d->recent, d->recent_count);
    d->recent = NULL;
    d->recent_count = 0;
    if (store_log(d->store, DESK_RECENT_MAX, &d->recent, &d->recent_count) != 0) {
        d->recent = NULL;
        d->recent_count = 0;
    }
}

bool desk_leak_is_news(const struct desk *d, const struct sotto_event *ev)
{
    return call_note_leak_is_news(d->recent, d->recent_count, ev->label, clock_now().unix_s);
}

static void log_number(struct desk *d, const struct sotto_event *ev, enum store_log_kind kind)
{
    struct store_log_entry e;
    call_note_number_entry(&e, kind, ev, clock_now().unix_s);
    if (store_log_add(d->store, &e) == 0) {
        load_recent(d);
    }
}

// ---- events -------------------------------------------------------------------------------------

static void on_ended(struct desk *d, struct call_note *note, const struct sotto_event *ev)
{
    struct sotto_call_info info;
    if (note->logged || sotto_device_call_info(device(d), ev->call, &info) != 0) {
        return;
    }
    struct desk_report report;
    desk_report_make(&report, d, &info);
    desk_report_log(d, &report);
    desk_stats_call(d, &info);
    if (d->opt.summary && !d->view.screen && !d->cli->out.json) {
        desk_report_text(d, &report);
    }
    note->logged = true;
    load_recent(d);
    bool glare_goes_on = ev->end == SOTTO_END_GLARE && ev->other != 0;
    if (ev->call == d->dialled && glare_goes_on) {
        d->dialled = ev->other;
        return;
    }
    if (d->dialled == 0 || ev->call == d->dialled) {
        d->last_end = ev->end;
        d->last_answered = note->active_ns != 0;
    }
    d->finished++;
}

static void on_call_state(struct desk *d, const struct sotto_event *ev)
{
    bool fresh = call_notes_place(&d->notes, ev->call) == SOTTO_CALLS_MAX;
    size_t place = call_notes_take(&d->notes, ev->call, clock_now().unix_s);
    if (place == SOTTO_CALLS_MAX) {
        return;
    }
    struct desk_call *c = &d->calls[place];
    if (fresh) {
        *c = (struct desk_call){.asking = false};
    }
    if (ev->state == SOTTO_CALL_ACTIVE && d->notes.of[place].active_ns == 0) {
        getrusage(RUSAGE_SELF, &c->usage);
        runner_lateness(d->runner, &c->late);
        desk_stats_begin(d, ev->call);
    }
    call_notes_event(&d->notes, device(d), ev, clock_now());
    if (ev->state == SOTTO_CALL_ENDED) {
        on_ended(d, &d->notes.of[place], ev);
    }
}

static void on_line(struct desk *d, enum desk_line line)
{
    d->line = line;
    if (line == DESK_LINE_READY) {
        publisher_start(d->publisher, clock_now());
    }
}

// Leaves when there is nothing left to do.
static void stop_if_done(struct desk *d)
{
    struct sotto_call_info info;
    bool over = d->finished > 0 && !desk_current(d, &info) && !desk_ringing(d, &info);
    if (over && d->opt.once) {
        desk_quit(d);
    }
}

static void act_on(struct desk *d, const struct sotto_event *ev)
{
    switch (ev->type) {
    case SOTTO_EVENT_CALL_SECURE:
    case SOTTO_EVENT_CALL_VERIFIED:
        call_notes_event(&d->notes, device(d), ev, clock_now());
        break;
    case SOTTO_EVENT_CALL_STATE:
        on_call_state(d, ev);
        break;
    case SOTTO_EVENT_CALL_INCOMING:
        if (d->opt.accept && d->opt.accept_after_s == 0) {
            sotto_device_accept(device(d), ev->call, clock_now());
        }
        break;
    case SOTTO_EVENT_LINE_READY:
        on_line(d, DESK_LINE_READY);
        break;
    case SOTTO_EVENT_LINE_DENIED:
        on_line(d, DESK_LINE_DENIED);
        break;
    case SOTTO_EVENT_LINE_REPLACED:
        on_line(d, DESK_LINE_REPLACED);
        break;
    case SOTTO_EVENT_NUMBER_BOUND:
        log_number(d, ev, STORE_LOG_BOUND);
        break;
    case SOTTO_EVENT_NUMBER_LEAKED:
        if (desk_leak_is_news(d, ev)) {
            log_number(d, ev, STORE_LOG_LEAK);
        }
        break;
    default:
        break;
    }
}

static bool about_line(const struct sotto_event *ev)
{
    return ev->type == SOTTO_EVENT_LINE_READY || ev->type == SOTTO_EVENT_LINE_DENIED ||
           ev->type == SOTTO_EVENT_LINE_REPLACED;
}

static void on_event(const struct sotto_event *ev, void *user)
{
    struct desk *d = user;
    if (publisher_event(d->publisher, ev, clock_now())) {
        return;
    }
    if (d->cli->out.json) {
        desk_json_event(d, ev);
    } else if (!d->opt.quiet_line || !about_line(ev)) {
        desk_text_event(d, ev);
    }
    act_on(d, ev);
    if (ev->type == SOTTO_EVENT_CALL_STATE && ev->state == SOTTO_CALL_ENDED) {
        stop_if_done(d);
    }
    changed(d);
}

static void on_link(unsigned link, bool up, enum net_transport transport, enum net_reason reason,
                    const char *detail, void *user)
{
    struct desk *d = user;
    bool was_up = d->link_up;
    d->link_up = up;
    if (up) {
        d->transport = transport;
    } else if (d->line == DESK_LINE_READY || d->line == DESK_LINE_CONNECTING) {
        d->line = DESK_LINE_DOWN;
    }
    desk_json(d, "relay",
              json_pack("{s:i,s:b,s:s?,s:s?,s:s?}", "link", (int)link, "up", (int)up, "transport",
                        up ? net_transport_name(transport) : NULL, "reason",
                        up ? NULL : net_reason_text(reason), "detail", up ? NULL : detail));
    // While it stays down, once is enough.
    if (!d->cli->out.json && (up || was_up || d->line != DESK_LINE_DOWN || !d->told_down)) {
        desk_text_link(d, up, transport, reason, detail);
    }
    d->told_down = !up;
    changed(d);
}

static void on_tail(uv_timer_t *timer)
{
    desk_quit(timer->data);
}

static void on_audio(enum runner_audio what, sotto_ns at_ns, const char *text, void *user)
{
    struct desk *d = user;
    if (d->cli->out.json) {
        desk_json_audio(d, what, at_ns, text);
    } else {
        desk_text_audio(d, what, text);
    }
    if (what == RUNNER_MIC_END && d->opt.hangup_after_mic) {
        uv_timer_start(&d->tail, on_tail, DESK_HANGUP_TAIL_MS, 0);
    }
    changed(d);
}

static void on_signal(int signum, void *user)
{
    (void)signum;
    desk_quit(user);
}

static void on_pause(void *user)
{
    struct desk *d = user;
    if (d->view.draw != NULL) {
        d->view.draw(d->view.user);
    }
}

static void on_limit(uv_timer_t *timer)
{
    desk_quit(timer->data);
}

static void check_call_limit(struct desk *d)
{
    for (size_t i = 0; d->opt.call_max_s > 0 && i < SOTTO_CALLS_MAX; i++) {
        const struct call_note *c = &d->notes.of[i];
        sotto_ns limit = c->active_ns + d->opt.call_max_s * SOTTO_NS_PER_S;
        if (c->id != 0 && !c->logged && c->active_ns != 0 && clock_now().mono_ns >= limit) {
            sotto_device_hangup(device(d), c->id, clock_now());
        }
    }
}

// The answer by itself, when it is not to come at once.
static void accept_rung(struct desk *d)
{
    struct sotto_call_info info;
    if (d->opt.accept && d->opt.accept_after_s > 0 && desk_ringing(d, &info) &&
        clock_now().mono_ns - info.ringing_ns >= d->opt.accept_after_s * SOTTO_NS_PER_S) {
        sotto_device_accept(device(d), info.call, clock_now());
        runner_wake(d->runner);
    }
}

static void on_second(uv_timer_t *timer)
{
    struct desk *d = timer->data;
    accept_rung(d);
    desk_quality_second(d);
    desk_stats_second(d);
    check_call_limit(d);
    // Another process may have made or revoked a number.
    if (store_changed(d->store)) {
        publisher_start(d->publisher, clock_now());
        load_recent(d);
    }
    changed(d);
}

// ---- making one ---------------------------------------------------------------------------------

static int open_runner(struct desk *d, char error[RUNNER_ERROR_BYTES])
{
    const struct runner_options options = {
        .on_event = on_event,
        .on_link = on_link,
        .on_audio = on_audio,
        .on_signal = on_signal,
        .on_pause = on_pause,
        .user = d,
        .ring = d->opt.ring,
        .hasty = d->opt.quiet_line,
        .suite = d->opt.suite,
        .profile = d->opt.profile,
        .mic = d->opt.mic,
        .speaker = d->opt.speaker,
        .mic_loop = d->opt.mic_loop,
        .processing = d->opt.processing,
        .plain_voice = d->opt.plain_voice,
        .echo = d->opt.echo,
        .ca_file = d->cli->common.ca_file,
        .force_websocket = d->cli->common.force_websocket,
        .error = error,
    };
    int err = runner_new(&d->runner, d->store, &options);
    return err != 0 ? err : publisher_new(&d->publisher, d->store, device(d));
}

static void start_timers(struct desk *d)
{
    uv_loop_t *loop = runner_loop(d->runner);
    uv_timer_init(loop, &d->second);
    uv_timer_init(loop, &d->tail);
    uv_timer_init(loop, &d->limit);
    d->second.data = d->tail.data = d->limit.data = d;
    d->timers = true;
    uv_timer_start(&d->second, on_second, 1000, 1000);
    if (d->opt.run_max_s > 0) {
        uv_timer_start(&d->limit, on_limit, (uint64_t)d->opt.run_max_s * 1000, 0);
    }
}

bool desk_new(struct desk **out, struct cli *cli, struct store *store,
              const struct desk_options *opt, enum cli_exit *code)
{
    char error[RUNNER_ERROR_BYTES] = "";
    struct desk *d = calloc(1, sizeof(*d));
    int err = SOTTO_ENOMEM;
    if (d != NULL) {
        d->cli = cli;
        d->store = store;
        d->opt = *opt;
        d->line = opt->ring ? DESK_LINE_CONNECTING : DESK_LINE_NONE;
        err = open_runner(d, error);
    }
    if (err != 0) {
        *code = error[0] != '\0'
                    ? (enum cli_exit)output_fail(&cli->out, CLI_USAGE, NULL, "%s", error)
                    : (enum cli_exit)output_fail_error(&cli->out, err, "cannot start");
        desk_free(d);
        return false;
    }
    load_recent(d);
    start_timers(d);
    *out = d;
    return true;
}

void desk_free(struct desk *d)
{
    if (d == NULL) {
        return;
    }
    if (d->timers) {
        uv_close((uv_handle_t *)&d->second, NULL);
        uv_close((uv_handle_t *)&d->tail, NULL);
        uv_close((uv_handle_t *)&d->limit, NULL);
    }
    runner_free(d->runner);
    desk_stats_close(d);
    publisher_free(d->publisher);
    store_log_free(d->recent, d->recent_count);
    free(d);
}

void desk_set_view(struct desk *d, const struct desk_view *view)
{
    d->view = *view;
}

void desk_quit(struct desk *d)
{
    d->stopping = true;
    runner_quit(d->runner);
}

int desk_dial(struct desk *d, const struct sotto_number_link *link, const char *label)
{
    int err = sotto_device_dial(device(d), link, label, clock_now(), &d->dialled);
    if (err == 0) {
        char calls[OUTPUT_TIME_BYTES];
        bool counted = link->calls != 0;
        desk_progress(d, MARK_INFO, "Calling \"%s\"%s%s", label,
                      counted ? ", whose number was handed out for " : "",
                      counted ? output_calls(link->calls, calls) : "");
        runner_wake(d->runner);
    }
    return err;
}

enum cli_exit desk_exit(const struct desk *d)
{
    switch (d->last_end) {
    case SOTTO_END_NONE:
    case SOTTO_END_HANGUP:
    case SOTTO_END_CANCELLED:
        return d->dialled != 0 && !d->last_answered ? CLI_INTERRUPTED : CLI_OK;
    case SOTTO_END_PEER_HANGUP:
    case SOTTO_END_WE_DECLINED:
        return CLI_OK;
    case SOTTO_END_DECLINED:
    case SOTTO_END_BUSY:
    case SOTTO_END_NO_ANSWER:
    case SOTTO_END_OFFLINE:
    case SOTTO_END_GLARE:
    case SOTTO_END_TIMEOUT:
        return CLI_NO_ANSWER;
    case SOTTO_END_UNAVAILABLE:
    case SOTTO_END_REFUSED:
    case SOTTO_END_WRONG_PEER:
    case SOTTO_END_SUITE:
    case SOTTO_END_WORDS:
        return CLI_REFUSED;
    case SOTTO_END_LINK:
        return CLI_RELAY;
    case SOTTO_END_STORAGE:
        return CLI_STORE;
    default:
        return CLI_FAILED;
    }
}

enum cli_exit desk_run(struct desk *d)
{
    desk_stats_open(d);
    runner_run(d->runner);
    return desk_exit(d);
}

// ---- what the user does -------------------------------------------------------------------------

static bool compare_words(struct desk *d, const struct sotto_call_info *info, bool match)
{
    struct desk_call *c = desk_call_of(d, info->call);
    if (c == NULL || !c->asking) {
        return false;
    }
    c->asking = false;
    return sotto_device_words_compared(device(d), info->call, match, clock_now()) == 0;
}

static bool ask_words(struct desk *d, const struct sotto_call_info *info)
{
    struct desk_call *c = desk_call_of(d, info->call);
    char words[SOTTO_WORDS_TEXT_BYTES];
    if (c == NULL || !info->secure) {
        return false;
    }
    c->asking = true;
    sotto_words_text(&info->words, words);
    desk_progress(
        d, MARK_INFO,
        "Read them to each other: %s. Does the other side have the same? y yes, n no (ends "
        "the call)",
        words);
    return true;
}

static bool key_in_call(struct desk *d, const struct sotto_call_info *info, int key)
{
    struct sotto_now now = clock_now();
    switch (key) {
    case 'm':
        return sotto_device_mute(device(d), info->call, !info->muted, now) == 0;
    case 'o':
        return sotto_device_hold(device(d), info->call, !info->held, now) == 0;
    case 'h':
        return sotto_device_hangup(device(d), info->call, now) == 0;
    case 'w':
        return ask_words(d, info);
    case 'y':
    case 'n':
        return compare_words(d, info, key == 'y');
    default:
        return false;
    }
}

bool desk_key(struct desk *d, int key)
{
    struct sotto_call_info info;
    bool done = false;
    if ((key == 'a' || key == 'd') && desk_ringing(d, &info)) {
        done = key == 'a' ? sotto_device_accept(device(d), info.call, clock_now()) == 0
                          : sotto_device_decline(device(d), info.call, clock_now()) == 0;
    } else if (desk_current(d, &info)) {
        done = key_in_call(d, &info, key);
    } else if (key == 'h' && desk_ringing(d, &info)) {
        // Answered, or answering our own dial, and not yet confirmed by the other side: whoever
        // takes that back must not be heard later.
        done = sotto_device_hangup(device(d), info.call, clock_now()) == 0;
    }
    if (done) {
        runner_wake(d->runner);
        changed(d);
    }
    return done;
}

const char *desk_keys(const struct desk *d)
{
    struct sotto_call_info info;
    if (desk_ringing(d, &info)) {
        return "a answer   d decline";
    }
    if (!desk_current(d, &info)) {
        return "q quit";
    }
    if (desk_asking(d, info.call)) {
        return "y the words match   n they differ";
    }
    if (info.state != SOTTO_CALL_ACTIVE) {
        return "h hang up";
    }
    if (info.held) {
        return "o resume   h hang up";
    }
    return info.muted ? "m unmute   o hold   w words   h hang up"
                      : "m mute   o hold   w words   h hang up";
}

const char *desk_line_text(const struct desk *d)
{
    switch (d->line) {
    case DESK_LINE_CONNECTING:
        return "connecting";
    case DESK_LINE_READY:
        return "line ready";
    case DESK_LINE_DOWN:
        return "relay not reached, trying";
    case DESK_LINE_DENIED:
        return "line denied";
    case DESK_LINE_REPLACED:
        return "another device answers";
    case DESK_LINE_NONE:
        break;
    }
    return d->link_up ? "connected" : "not connected";
}
