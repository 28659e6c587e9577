// SPDX-License-Identifier: Apache-2.0
#include "screen_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define METER_CELLS          10
#define NOTICE_ROWS          6  // of one notice
#define WIDE_COLUMNS         60 // narrower screens do without some words
#define CLOCK_BYTES          16
#define LABEL_COLUMNS        24
#define NARROW_LABEL_COLUMNS 11

static bool utf8(const struct screen *s)
{
    return s->desk->cli->out.utf8;
}

static bool is_wide(void)
{
    return COLS >= WIDE_COLUMNS;
}

static void clock_text(int64_t unix_s, char out[CLOCK_BYTES])
{
    time_t t = (time_t)unix_s;
    struct tm local;
    if (localtime_r(&t, &local) == NULL || strftime(out, CLOCK_BYTES, "%H:%M", &local) == 0) {
        out[0] = '\0';
    }
}

static const char *mark(const struct screen *s, bool good)
{
    if (utf8(s)) {
        return good ? "\u2713" : "!";
    }
    return good ? "ok" : "!";
}

// ---- first and last line ------------------------------------------------------------------------

static void draw_header(const struct screen *s)
{
    const struct desk *d = s->desk;
    const char *name = store_profile(d->store)->name;
    char now[CLOCK_BYTES], right[DESK_TEXT_BYTES];
    clock_text(clock_now().unix_s, now);
    const char *transport = d->transport == NET_QUIC ? "QUIC" : "WebSocket";
    snprintf(right, sizeof(right), "%s%s%s  %s", desk_line_text(d), d->link_up ? "  " : "",
             d->link_up ? transport : "", now);
    put_bar(0);
    int wide = (int)output_columns(right);
    put_text(0, COLS - wide - 1, wide, LOOK_BAR, right);
    int room = COLS - wide - 4;
    if (room >= 5) {
        put_format(0, 1, room, LOOK_BAR, "sotto%s%s", name[0] != '\0' ? "  " : "", name);
    }
}

static void draw_keys(const struct screen *s)
{
    struct sotto_call_info info;
    const struct desk *d = s->desk;
    int y = LINES - 1;
    put_bar(y);
    if (s->prompting) {
        int wide = put_format(y, 1, COLS - 2, LOOK_BAR, "Call: %s", s->prompt);
        move(y, 1 + wide);
        return;
    }
    int x = 1 + put_text(y, 1, COLS - 2, LOOK_BAR, desk_keys(d));
    if (!desk_ringing(d, &info) && !desk_current(d, &info)) {
        put_text(y, x, COLS - x, LOOK_BAR, "   c call somebody");
    } else if (!desk_ringing(d, &info)) {
        put_text(y, x, COLS - x, LOOK_BAR, "   q hang up and quit");
    }
}

// ---- calls --------------------------------------------------------------------------------------

static int draw_ringing(const struct screen *s, int y, const struct sotto_call_info *info)
{
    char text[DESK_TEXT_BYTES];
    bool verified = desk_verified(s->desk, info);
    snprintf(text, sizeof(text),
             utf8(s) ? "\u260e  %s is calling  \u260e" : "***  %s is calling  ***", info->label);
    put_centred(y + 1, LOOK_BOLD, text);
    snprintf(text, sizeof(text), "%s %s", mark(s, verified),
             verified ? "verified: you have compared words" : "words never compared");
    put_centred(y + 3, verified ? LOOK_GOOD : LOOK_WARN, text);
    put_centred(y + 5, LOOK_BOLD, "a  answer        d  decline");
    return y + 7;
}

static void draw_meter(const struct screen *s, int y, int x, const char *name, unsigned level)
{
    char bar[METER_CELLS * 3 + 1] = "";
    unsigned full = (level * METER_CELLS + 50) / 100;
    for (unsigned i = 0; i < METER_CELLS; i++) {
        strcat(bar, i < full ? (utf8(s) ? "\u25ae" : "#") : (utf8(s) ? "\u25af" : "-"));
    }
    int wide = put_format(y, x, COLS - x, LOOK_DIM, "%s ", name);
    put_text(y, x + wide, COLS - x - wide, level > 95 ? LOOK_WARN : LOOK_PLAIN, bar);
}

static const char *state_text(const struct sotto_call_info *info)
{
    if (info->state == SOTTO_CALL_DIALLING) {
        return info->waking ? "waking their device" : "connecting";
    }
    if (info->state == SOTTO_CALL_RINGING) {
        return "ringing";
    }
    if (info->held) {
        return "on hold";
    }
    return info->peer_held ? "held by them" : info->muted ? "you are muted" : "in call";
}

static void draw_title(const struct screen *s, int y, const struct sotto_call_info *info)
{
    const struct call_note *note = desk_note(s->desk, info->call);
    char duration[OUTPUT_TIME_BYTES] = "", right[DESK_TEXT_BYTES];
    if (note != NULL && note->active_ns != 0) {
        output_duration((clock_now().mono_ns - note->active_ns) / SOTTO_NS_PER_S, duration);
    }
    snprintf(right, sizeof(right), "%s  %s", state_text(info), duration);
    int wide = (int)output_columns(right);
    put_text(y, 2, COLS - wide - 5, LOOK_BOLD, info->label);
    put_text(y, COLS - wide - 2, wide, info->held || info->muted ? LOOK_WARN : LOOK_GOOD, right);
}

static int draw_words(const struct screen *s, int y, const struct sotto_call_info *info)
{
    char words[SOTTO_WORDS_TEXT_BYTES];
    if (!info->secure) {
        put_text(y, 2, COLS - 4, LOOK_DIM, "making it secure");
        return y + 1;
    }
    sotto_words_text(&info->words, words);
    if (desk_asking(s->desk, info->call)) {
        put_text(y, 2, COLS - 4, LOOK_BOLD, words);
        return y + 1 +
               put_wrapped(y + 1, 2, COLS - 4, 3, LOOK_WARN,
                           "Read these words to each other. Does the other side have the "
                           "same?  y yes   n no, which ends the call");
    }
    // All four words, whatever else there is no room for.
    int x = 2 + (is_wide() ? put_text(y, 2, COLS - 4, LOOK_DIM, "words    ") : 0);
    put_text(y, x, COLS - x, LOOK_PLAIN, words);
    put_format(y + 1, 2, COLS - 4, info->verified ? LOOK_GOOD : LOOK_WARN, "%s %s",
               mark(s, info->verified),
               info->verified ? "verified"
               : is_wide()    ? "not verified yet: compare the words (w)"
                              : "not verified yet (w)");
    return y + 2;
}

static int draw_sound(const struct screen *s, int y, const struct sotto_call_info *info)
{
    struct runner_levels levels;
    runner_levels(s->desk->runner, &levels);
    draw_meter(s, y, 2, "you ", info->muted || info->held ? 0 : levels.mic);
    draw_meter(s, y, COLS >= 46 ? 24 : 20, "them", info->held ? 0 : levels.speaker);
    return graph_draw(s, y + 1, info);
}

static int draw_call(const struct screen *s, int y, const struct sotto_call_info *info)
{
    draw_title(s, y, info);
    y = draw_words(s, y + 2, info);
    if (info->state == SOTTO_CALL_ACTIVE) {
        y = draw_sound(s, y + 1, info);
    }
    return y + 1;
}

// Calls that wait behind the one shown.
static int draw_others(const struct screen *s, int y, uint32_t shown)
{
    uint32_t calls[SOTTO_CALLS_MAX];
    struct sotto_device *device = runner_device(s->desk->runner);
    size_t count = sotto_device_calls(device, calls);
    int first = y;
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (calls[i] != shown && sotto_device_call_info(device, calls[i], &info) == 0 &&
            info.state == SOTTO_CALL_ACTIVE) {
            put_format(y++, 2, COLS - 4, LOOK_WARN, "%s: %s", info.label, state_text(&info));
        }
    }
    return y > first ? y + 1 : y;
}

static const char *idle_text(enum desk_line line)
{
    switch (line) {
    case DESK_LINE_READY:
        return "Waiting for calls";
    case DESK_LINE_CONNECTING:
        return "Connecting";
    default:
        return "You cannot be called now";
    }
}

static int draw_calls(const struct screen *s, int y)
{
    struct sotto_call_info ringing, current;
    bool rings = desk_ringing(s->desk, &ringing), talks = desk_current(s->desk, &current);
    if (rings) {
        y = draw_ringing(s, y, &ringing);
        return draw_others(s, y, ringing.call);
    }
    if (talks) {
        y = draw_call(s, y, &current);
        return draw_others(s, y, current.call);
    }
    put_text(y, 2, COLS - 4, LOOK_PLAIN, idle_text(s->desk->line));
    return y + 2;
}

// ---- recent calls -------------------------------------------------------------------------------

static const char *recent_text(const struct store_log_entry *e)
{
    switch (e->kind) {
    case STORE_LOG_LEAK:
        return "used with another key: refused";
    case STORE_LOG_BOUND:
        return "first use of your number";
    case STORE_LOG_CALL:
        break;
    }
    if (e->answered) {
        return NULL;
    }
    if (e->incoming) {
        return e->end == SOTTO_END_WE_DECLINED ? "declined" : "missed";
    }
    return e->end == SOTTO_END_HANGUP ? "given up" : "no answer";
}

static void day_or_time(int64_t unix_s, char out[CLOCK_BYTES])
{
    time_t t = (time_t)unix_s, now = (time_t)clock_now().unix_s;
    struct tm then, today;
    if (localtime_r(&t, &then) == NULL || localtime_r(&now, &today) == NULL) {
        out[0] = '\0';
        return;
    }
    bool same = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    if (strftime(out, CLOCK_BYTES, same ? "%H:%M" : "%d %b", &then) == 0) {
        out[0] = '\0';
    }
}

static void draw_entry(const struct screen *s, int y, const struct store_log_entry *e)
{
    char when[CLOCK_BYTES], duration[OUTPUT_TIME_BYTES];
    const char *text = recent_text(e);
    const char *arrow = utf8(s) ? (e->incoming ? "\u2190" : "\u2192") : (e->incoming ? "<" : ">");
    enum screen_style style = LOOK_DIM;
    if (e->kind == STORE_LOG_LEAK) {
        style = LOOK_BAD;
    } else if (text != NULL && strcmp(text, "missed") == 0) {
        style = LOOK_WARN;
    }
    day_or_time(e->started_unix_s, when);
    put_text(y, 2, 6, LOOK_DIM, when);
    put_text(y, 9, 1, LOOK_DIM, arrow);
    int room = is_wide() ? LABEL_COLUMNS : NARROW_LABEL_COLUMNS;
    put_text(y, 11, room, LOOK_PLAIN, e->label[0] != '\0' ? e->label : "unknown");
    int x = 11 + room + 1;
    put_text(y, x, COLS - x, style, text != NULL ? text : output_duration(e->duration_s, duration));
}

static void draw_recent(const struct screen *s, int y, int end)
{
    const struct desk *d = s->desk;
    if (d->recent_count == 0 || end - y < 2) {
        return;
    }
    put_text(y++, 2, COLS - 4, LOOK_DIM, "Recent");
    for (size_t i = 0; i < d->recent_count && y < end; i++) {
        draw_entry(s, y++, &d->recent[i]);
    }
}

// ---- notices ------------------------------------------------------------------------------------

static enum screen_style notice_style(enum output_mark m)
{
    return m == MARK_BAD    ? LOOK_BAD
           : m == MARK_WARN ? LOOK_WARN
           : m == MARK_GOOD ? LOOK_GOOD
                            : LOOK_PLAIN;
}

// From the bottom up, the newest lowest; the row above the highest. Never more than half.
static int draw_notices(const struct screen *s, int top)
{
    int y = LINES - 1;
    for (size_t i = 0; i < s->notice_count; i++) {
        const struct screen_notice *n = &s->notices[i];
        if (clock_now().unix_s - n->at_unix_s > SCREEN_NOTICE_S) {
            break;
        }
        int rows = put_wrapped(-1, 0, COLS - 9, NOTICE_ROWS, LOOK_PLAIN, n->text);
        if (y - rows < top) {
            break;
        }
        char when[CLOCK_BYTES];
        clock_text(n->at_unix_s, when);
        y -= rows;
        put_text(y, 2, 5, LOOK_DIM, when);
        put_wrapped(y, 8, COLS - 9, NOTICE_ROWS, notice_style(n->mark), n->text);
    }
    return y;
}

void screen_draw(struct screen *s)
{
    erase();
    if (LINES < SCREEN_ROWS_MIN || COLS < SCREEN_COLUMNS_MIN) {
        put_text(0, 0, COLS, LOOK_PLAIN, desk_line_text(s->desk));
        draw_keys(s);
        refresh();
        return;
    }
    draw_header(s);
    int y = draw_calls(s, 2);
    if (s->prompting && s->prompt_why[0] != '\0') {
        y += put_wrapped(y, 2, COLS - 4, 3, LOOK_WARN, s->prompt_why) + 1;
    }
    int notices = draw_notices(s, y);
    draw_recent(s, y, notices - 1);
    draw_keys(s);
    curs_set(s->prompting ? 1 : 0);
    refresh();
}
