// SPDX-License-Identifier: Apache-2.0
#include "call_common.h"

#include "keys.h"
#include "line_lock.h"
#include "screen.h"
#include "store_sqlite.h"

#include <stdio.h>
#include <string.h>

#define STATUS_BYTES    256
#define RING_EVERY_NS   (3 * SOTTO_NS_PER_S)
#define STATUS_EVERY_NS (500 * SOTTO_NS_PER_MS)

// The last line of the terminal, drawn over again and again.
struct status {
    struct desk *desk;
    bool shown, possible;
    sotto_ns drawn_ns, rang_ns;
};

const char *call_sound_or_device(const char *spec)
{
    return spec != NULL ? spec : "device";
}

static void status_clear(struct status *s)
{
    if (s->shown) {
        fputs("\r\033[K", stdout);
        s->shown = false;
    }
}

static void status_text(const struct desk *d, const struct sotto_call_info *info,
                        char out[STATUS_BYTES])
{
    const struct call_note *note = desk_note(d, info->call);
    char duration[OUTPUT_TIME_BYTES] = "", words[DESK_TEXT_BYTES];
    if (note == NULL || note->active_ns == 0) {
        snprintf(out, STATUS_BYTES, "%s", desk_keys(d));
        return;
    }
    output_duration((clock_now().mono_ns - note->active_ns) / SOTTO_NS_PER_S, duration);
    desk_quality_words(d, info->call, words);
    snprintf(out, STATUS_BYTES, "%s%s%s%s  %s%s%.80s   %s", duration, info->held ? "  on hold" : "",
             info->peer_held ? "  held by them" : "", info->muted ? "  muted" : "",
             desk_quality(d, info), words[0] != '\0' ? ", " : "", words, desk_keys(d));
}

static void status_ring(struct status *s, sotto_ns now)
{
    struct sotto_call_info info;
    if (s->desk->cli->out.terminal && now - s->rang_ns > RING_EVERY_NS &&
        desk_ringing(s->desk, &info)) {
        s->rang_ns = now;
        putchar('\a');
        fflush(stdout);
    }
}

static void status_draw(void *user)
{
    struct status *s = user;
    struct sotto_call_info info;
    char text[STATUS_BYTES];
    sotto_ns now = clock_now().mono_ns;
    status_ring(s, now);
    if (!s->possible || now - s->drawn_ns < STATUS_EVERY_NS) {
        return;
    }
    s->drawn_ns = now;
    status_clear(s);
    if (!desk_ringing(s->desk, &info) && !desk_current(s->desk, &info)) {
        return;
    }
    status_text(s->desk, &info, text);
    printf("\r\033[K%.*s", (int)s->desk->cli->out.columns - 1, text);
    fflush(stdout);
    s->shown = true;
}

static void status_notice(enum output_mark mark, const char *text, void *user)
{
    struct status *s = user;
    status_clear(s);
    const struct output *out = &s->desk->cli->out;
    output_mark(out, mark);
    options_wrap(stdout, text, out->utf8 ? 2 : 3, out->columns);
    fflush(stdout);
    s->drawn_ns = 0;
}

static void on_key(int key, void *user)
{
    struct desk *d = user;
    if (key == 'q' || (key == 'h' && !desk_key(d, 'h'))) {
        desk_quit(d);
    } else if (key != 'h') {
        desk_key(d, key);
    }
}

static enum cli_exit dial(struct desk *d, const struct target *target)
{
    int err = desk_dial(d, &target->link, target->label);
    if (err == SOTTO_EPEER) {
        return (enum cli_exit)output_fail(&d->cli->out, CLI_USAGE, NULL,
                                          "this is a number of your own line");
    }
    if (err != 0) {
        return (enum cli_exit)output_fail_error(&d->cli->out, err, target->label);
    }
    return CLI_OK;
}

enum cli_exit call_run(struct desk *d, const struct target *target)
{
    const struct output *out = &d->cli->out;
    struct status status = {.desk = d, .possible = screen_possible(out)};
    const struct desk_view view = {.notice = status_notice, .draw = status_draw, .user = &status};
    if (!out->json) {
        desk_set_view(d, &view);
    }
    struct keys *keys = out->json ? NULL : keys_new(runner_loop(d->runner), on_key, d);
    enum cli_exit code = target != NULL ? dial(d, target) : CLI_OK;
    if (code == CLI_OK) {
        code = desk_run(d);
    }
    status_clear(&status);
    keys_free(keys);
    return code;
}

static int open_line(struct cli *cli, struct store **store, int *lock)
{
    struct store *s;
    cli->out.json_lines = true;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    if (!store_profile(s)->has_line) {
        code = output_fail(&cli->out, CLI_FAILED,
                           "Ask the relay's operator for an invitation, then: sotto init --invite "
                           "LINK",
                           "you have no line to be called at");
    } else if (!store_profile(s)->registered) {
        code = output_fail(&cli->out, CLI_FAILED, "sotto status says more.",
                           "your line is not registered at its relay yet");
    } else if ((*lock = line_lock_take(s)) == SOTTO_EEXIST) {
        code = output_fail(&cli->out, CLI_EXISTS, "Only one of them can be rung.",
                           "another sotto listens on this line already");
    } else if (*lock < 0) {
        code = output_fail(&cli->out, CLI_STORE, NULL, "%s/%s cannot be written", store_dir(s),
                           LINE_LOCK_FILE);
    }
    if (code != CLI_OK) {
        store_close(s);
        return code;
    }
    *store = s;
    return CLI_OK;
}

static enum cli_exit show(struct desk *d, bool full_screen)
{
    struct screen *screen = NULL;
    if (full_screen && screen_possible(&d->cli->out) && screen_new(&screen, d) == 0) {
        enum cli_exit code = desk_run(d);
        screen_free(screen);
        return code;
    }
    return call_run(d, NULL);
}

int call_listen(struct cli *cli, const struct desk_options *options, bool full_screen)
{
    struct store *s;
    int lock = -1;
    int code = open_line(cli, &s, &lock);
    if (code != CLI_OK) {
        return code;
    }
    struct desk *desk;
    enum cli_exit exit_code;
    if (desk_new(&desk, cli, s, options, &exit_code)) {
        exit_code = show(desk, full_screen);
        desk_free(desk);
    }
    line_lock_release(lock);
    store_close(s);
    return (int)exit_code;
}
