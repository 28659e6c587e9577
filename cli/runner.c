// SPDX-License-Identifier: Apache-2.0
#include "runner_impl.h"
#include "store.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// A cell that leaves this much later than its tick is counted.
#define LATE_NS           (1 * SOTTO_NS_PER_MS)
#define FIRST_CELL_NS     (60 * SOTTO_NS_PER_MS) // after a longer silence a cell is the first
#define CLOSING_TURNS_MAX 1000                   // of the loop, until all handles are closed

struct sotto_device *runner_device(struct runner *r)
{
    return r->device;
}

uv_loop_t *runner_loop(struct runner *r)
{
    return &r->loop;
}

const char *runner_link_error(const struct runner *r)
{
    return r->link_error;
}

int runner_signal(const struct runner *r)
{
    return r->signum;
}

void runner_levels(const struct runner *r, struct runner_levels *out)
{
    *out = r->levels;
}

void runner_lateness(const struct runner *r, struct runner_lateness *out)
{
    *out = r->lateness;
}

// ---- the clock ----------------------------------------------------------------------------------

static void arm(struct runner *r)
{
    sotto_ns at = sotto_device_expiry(r->device);
    sotto_ns audio = runner_audio_expiry(r);
    at = audio < at ? audio : at;
    if (at == r->armed_ns) {
        return;
    }
    r->armed_ns = at;
    struct itimerspec t = {0};
    if (at != SOTTO_NEVER) {
        t.it_value.tv_sec = (time_t)(at / SOTTO_NS_PER_S);
        t.it_value.tv_nsec = (long)(at % SOTTO_NS_PER_S);
        if (at == 0) {
            t.it_value.tv_nsec = 1; // zero would mean: never
        }
    }
    timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void note_lateness(struct runner *r, sotto_ns due, sotto_ns now)
{
    struct runner_lateness *l = &r->lateness;
    sotto_ns late = now > due ? now - due : 0;
    l->cells++;
    l->total_ns += late;
    l->max_ns = late > l->max_ns ? late : l->max_ns;
    l->over_ms += late > LATE_NS;
}

// Cells go out here and nowhere else.
static void send_cells(struct runner *r, sotto_ns due)
{
    uint8_t cell[SOTTO_DATAGRAM_BYTES];
    unsigned link;
    size_t len;
    bool used[SOTTO_LINKS_MAX] = {false};
    while ((len = sotto_device_write_datagram(r->device, &link, cell, sizeof(cell))) > 0) {
        if (r->links[link].client != NULL) {
            net_client_send_datagram(r->links[link].client, cell, len);
            used[link] = true;
        }
    }
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (used[i]) {
            net_client_flush(r->links[i].client);
            sotto_ns before = r->sent_ns;
            r->sent_ns = clock_now().mono_ns;
            // The first cell of a call is made and sent at once: there was no tick to be late for.
            if (r->sent_ns - before < FIRST_CELL_NS) {
                note_lateness(r, due, r->sent_ns);
            }
        }
    }
}

void runner_tick(struct runner *r)
{
    sotto_ns due = sotto_device_expiry(r->device);
    struct sotto_now now = clock_now();
    if (now.mono_ns < due) {
        return;
    }
    runner_audio_capture(r, now);
    sotto_device_handle_expiry(r->device, now);
    struct sotto_now done = clock_now();
    sotto_device_voice_cost(r->device, done.mono_ns - now.mono_ns, now.mono_ns - due, done);
    send_cells(r, due);
}

// ---- draining -----------------------------------------------------------------------------------

static bool send_messages(struct runner *r)
{
    uint8_t message[SOTTO_MESSAGE_MAX_BYTES];
    unsigned link;
    size_t len;
    bool used[SOTTO_LINKS_MAX] = {false}, any = false;
    while ((len = sotto_device_write_message(r->device, &link, message, sizeof(message))) > 0) {
        any = true;
        if (r->links[link].client != NULL) {
            // A queue that is full is a relay that does not read: the link goes down by itself.
            (void)net_client_send_message(r->links[link].client, message, len);
            used[link] = true;
        }
    }
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        if (used[i] && r->links[i].client != NULL) {
            net_client_flush(r->links[i].client);
        }
    }
    return any;
}

static void act_on(struct runner *r, const struct sotto_event *ev)
{
    switch (ev->type) {
    case SOTTO_EVENT_LINK_WANTED:
        runner_link_want(r, ev->link, &ev->relay);
        break;
    case SOTTO_EVENT_LINK_UNWANTED:
        runner_link_drop(r, ev->link);
        break;
    case SOTTO_EVENT_MIC:
        runner_audio_mic(r, ev->flag);
        break;
    case SOTTO_EVENT_RESULT:
        if (ev->request == r->request) {
            r->request_done = true;
            r->request_code = ev->code;
        }
        break;
    default:
        break;
    }
}

static bool take_events(struct runner *r)
{
    struct sotto_event ev;
    bool any = false;
    while (sotto_device_next_event(r->device, &ev)) {
        any = true;
        act_on(r, &ev);
        if (ev.type == SOTTO_EVENT_CALL_STATE) {
            runner_audio_calls(r);
        }
        if (r->opt.on_event != NULL) {
            r->opt.on_event(&ev, r->opt.user);
        }
        sotto_wipe(&ev, sizeof(ev)); // the link of an exchange may be in it
    }
    return any;
}

static void pause_for_user(struct runner *r)
{
    sotto_ns now = clock_now().mono_ns;
    bool cells_flow = now - r->sent_ns < RUNNER_PAUSE_MS * SOTTO_NS_PER_MS;
    // Once for each cell, right after it; freely while there are none.
    if (r->opt.on_pause != NULL && (!cells_flow || r->sent_ns > r->paused_ns)) {
        r->paused_ns = now;
        r->opt.on_pause(r->opt.user);
    }
}

// Whatever has happened: cells, then messages, then everybody else.
static void drain(struct runner *r)
{
    if (r->draining) {
        return;
    }
    r->draining = true;
    bool more = true;
    for (int round = 0; more && round < RUNNER_ROUNDS_MAX; round++) {
        runner_tick(r);
        more = send_messages(r);
        more = take_events(r) || more;
        runner_links_tidy(r);
    }
    runner_audio_play(r, clock_now());
    pause_for_user(r);
    if (r->quitting && sotto_device_idle(r->device)) {
        r->stopped = true;
    }
    arm(r);
    r->draining = false;
}

static void on_timer(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct runner *r = handle->data;
    uint64_t times;
    if (read(r->timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times)) {
        r->armed_ns = SOTTO_NEVER;
    }
    // The rest is drained before the loop sleeps.
    runner_tick(r);
}

static void on_prepare(uv_prepare_t *handle)
{
    struct runner *r = handle->data;
    drain(r);
    // The loop must not go to sleep over what it was run for.
    if (r->stopped || (r->done != NULL && r->done(r->done_user))) {
        uv_stop(&r->loop);
    }
}

static void on_wake(uv_async_t *handle)
{
    (void)handle; // the loop turns, and drains
}

static void on_pause_timer(uv_timer_t *handle)
{
    (void)handle; // the same
}

void runner_poke(void *user)
{
    struct runner *r = user;
    uv_async_send(&r->wake);
}

void runner_wake(struct runner *r)
{
    uv_timer_start(&r->pause, on_pause_timer, RUNNER_PAUSE_MS, 0);
    uv_async_send(&r->wake);
}

// ---- running ------------------------------------------------------------------------------------

static void on_limit(uv_timer_t *handle)
{
    struct runner *r = handle->data;
    r->limit_hit = true;
    if (r->quitting) {
        r->stopped = true;
    }
    uv_stop(&r->loop);
}

void runner_stop(struct runner *r)
{
    r->stopped = true;
    uv_async_send(&r->wake);
}

static void end_call(struct runner *r, uint32_t call)
{
    struct sotto_call_info info;
    if (sotto_device_call_info(r->device, call, &info) != 0) {
        return;
    }
    if (info.incoming && info.state == SOTTO_CALL_RINGING) {
        sotto_device_decline(r->device, call, clock_now());
    } else {
        sotto_device_hangup(r->device, call, clock_now());
    }
}

void runner_quit(struct runner *r)
{
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = sotto_device_calls(r->device, calls);
    for (size_t i = 0; i < count; i++) {
        end_call(r, calls[i]);
    }
    sotto_device_exchange_cancel(r->device, clock_now());
    r->quitting = true;
    uv_timer_start(&r->limit, on_limit, RUNNER_QUIT_MS, 0);
    uv_async_send(&r->wake);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct runner *r = handle->data;
    // The shell and the kernel both tell of a terminal that was closed.
    bool again = r->signum != 0 && signum != SIGHUP;
    r->signum = signum;
    if (again) {
        runner_stop(r);
    } else if (r->opt.on_signal != NULL) {
        r->opt.on_signal(signum, r->opt.user);
    } else {
        runner_quit(r);
    }
}

int runner_run(struct runner *r)
{
    while (!r->stopped && uv_run(&r->loop, UV_RUN_DEFAULT) != 0) {
    }
    drain(r); // what was said last, CLOSE for one
    return 0;
}

int runner_until(struct runner *r, bool (*done)(void *user), void *user, unsigned timeout_ms)
{
    int signum = r->signum;
    r->limit_hit = false;
    r->done = done;
    r->done_user = user;
    uv_timer_start(&r->limit, on_limit, timeout_ms, 0);
    drain(r); // what was asked before goes out, even if there is nothing to wait for
    while (!done(user) && !r->limit_hit && !r->stopped && r->signum == signum) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    drain(r);
    uv_timer_stop(&r->limit);
    r->done = NULL;
    if (done(user)) {
        return 0;
    }
    return r->limit_hit ? SOTTO_ETIMEOUT : SOTTO_ECLOSED;
}

static bool request_done(void *user)
{
    const struct runner *r = user;
    return r->request_done;
}

int runner_request(struct runner *r, uint32_t request, unsigned timeout_ms, int *code)
{
    r->request = request;
    r->request_done = false;
    int err = runner_until(r, request_done, r, timeout_ms);
    if (err != 0) {
        return err;
    }
    // The device itself says why it gave up by an error, the relay by a code.
    if (r->request_code < 0) {
        return r->request_code == SOTTO_ETIMEOUT ? SOTTO_ETIMEOUT : SOTTO_ECLOSED;
    }
    *code = r->request_code;
    return 0;
}

// ---- making one ---------------------------------------------------------------------------------

static int copy_text(struct runner *r, size_t slot, const char **text)
{
    if (*text == NULL) {
        return 0;
    }
    r->texts[slot] = strdup(*text);
    *text = r->texts[slot];
    return *text == NULL ? SOTTO_ENOMEM : 0;
}

static int copy_options(struct runner *r, const struct runner_options *opt)
{
    r->opt = *opt;
    int err = copy_text(r, 0, &r->opt.mic);
    err = err != 0 ? err : copy_text(r, 1, &r->opt.speaker);
    return err != 0 ? err : copy_text(r, 2, &r->opt.ca_file);
}

static int make_device(struct runner *r)
{
    const struct store_profile *profile = store_profile(r->store);
    struct sotto_device_config cfg = {
        .env = sotto_env_default(),
        .identity = store_identity(r->store),
        .line_key = store_line_key(r->store),
        .book = store_book(r->store),
        .suite = r->opt.suite,
        .profile = r->opt.profile,
        .ring = r->opt.ring,
        .plain_voice = r->opt.plain_voice,
    };
    if (profile->has_line) {
        cfg.home = profile->home;
    }
    return sotto_device_new(&r->device, &cfg, clock_now());
}

static void make_signals(struct runner *r)
{
    static const int numbers[RUNNER_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction hangup;
    // nohup: the program is to outlive its terminal.
    bool outlives = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < RUNNER_SIGNALS; i++) {
        uv_signal_init(&r->loop, &r->signals[i]);
        r->signals[i].data = r;
        if (!r->opt.no_signals && (numbers[i] != SIGHUP || !outlives)) {
            uv_signal_start(&r->signals[i], on_signal, numbers[i]);
        }
        uv_unref((uv_handle_t *)&r->signals[i]);
    }
}

static int make_loop(struct runner *r)
{
    if (uv_loop_init(&r->loop) != 0) {
        return SOTTO_EIO;
    }
    r->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (r->timer_fd < 0 || uv_poll_init(&r->loop, &r->timer, r->timer_fd) != 0) {
        if (r->timer_fd >= 0) {
            close(r->timer_fd);
        }
        uv_loop_close(&r->loop);
        return SOTTO_EIO;
    }
    uv_prepare_init(&r->loop, &r->prepare);
    uv_async_init(&r->loop, &r->wake, on_wake);
    uv_timer_init(&r->loop, &r->pause);
    uv_timer_init(&r->loop, &r->limit);
    r->timer.data = r->prepare.data = r->wake.data = r->pause.data = r->limit.data = r;
    make_signals(r);
    uv_poll_start(&r->timer, UV_READABLE, on_timer);
    uv_prepare_start(&r->prepare, on_prepare);
    return 0;
}

// The clients' handles, and those of the command, are being closed by their owners: the loop runs
// until all are gone.
static void free_loop(struct runner *r)
{
    uv_handle_t *own[] = {
        (uv_handle_t *)&r->timer,      (uv_handle_t *)&r->prepare,    (uv_handle_t *)&r->wake,
        (uv_handle_t *)&r->pause,      (uv_handle_t *)&r->limit,      (uv_handle_t *)&r->signals[0],
        (uv_handle_t *)&r->signals[1], (uv_handle_t *)&r->signals[2],
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        uv_close(own[i], NULL);
    }
    int err = UV_EBUSY;
    for (int turn = 0; err == UV_EBUSY && turn < CLOSING_TURNS_MAX; turn++) {
        uv_run(&r->loop, UV_RUN_ONCE);
        err = uv_loop_close(&r->loop);
    }
    assert(err == 0);
    (void)err;
    close(r->timer_fd);
}

int runner_new(struct runner **out, struct store *store, const struct runner_options *opt)
{
    char error[AUDIO_TEXT_BYTES] = "";
    struct runner *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return SOTTO_ENOMEM;
    }
    r->store = store;
    r->armed_ns = SOTTO_NEVER;
    int err = make_loop(r);
    if (err != 0) {
        free(r);
        return err;
    }
    err = copy_options(r, opt);
    err = err != 0 ? err : runner_audio_new(r, error);
    err = err != 0 ? err : make_device(r);
    if (opt->error != NULL) {
        snprintf(opt->error, RUNNER_ERROR_BYTES, "%s", error);
    }
    if (err != 0) {
        runner_free(r);
        return err;
    }
    *out = r;
    return 0;
}

void runner_free(struct runner *r)
{
    if (r == NULL) {
        return;
    }
    r->draining = true; // nothing is drained from here on
    runner_links_free(r);
    runner_audio_free(r);
    sotto_device_free(r->device);
    free_loop(r);
    for (size_t i = 0; i < sizeof(r->texts) / sizeof(r->texts[0]); i++) {
        free(r->texts[i]);
    }
    free(r);
}
