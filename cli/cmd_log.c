// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "call_note.h"
#include "store.h"

#include <stdio.h>

struct options {
    uint32_t limit;
};
static const struct option_spec table[] = {
    {"limit", 'n', OPTION_COUNT, offsetof(struct options, limit), "N",
     "Only the newest N (otherwise 50 for people, all in JSON)", NULL, 1, STORE_LOG_MAX},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};
#define SHOWN_BY_DEFAULT 50
#define FIGURES_BYTES    320
#define FIGURES_INDENT   20 // where labels begin

static json_t *or_null(uint32_t v)
{
    return v == 0 ? json_null() : json_integer(v);
}

static json_t *quality_json(const struct store_log_entry *e)
{
    return json_pack("{s:s?,s:s?,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:I}", "group",
                     e->group[0] != 0 ? e->group : NULL, "transport",
                     e->transport[0] != 0 ? e->transport : NULL, "rtt_us", (json_int_t)e->rtt_us,
                     "jitter_us", (json_int_t)e->jitter_us, "rekeys", (json_int_t)e->rekeys,
                     "cells_sent", (json_int_t)e->cells_sent, "cells_received",
                     (json_int_t)e->cells_received, "cells_lost", (json_int_t)e->cells_lost,
                     "frames_played", (json_int_t)e->frames_played, "frames_concealed",
                     (json_int_t)e->frames_concealed, "frames_restored",
                     (json_int_t)e->frames_restored, "delay_us", or_null(e->delay_us),
                     "delay_max_us", or_null(e->delay_max_us), "worst_permille",
                     (json_int_t)e->worst_permille, "worst_at_s", (json_int_t)e->worst_at_s);
}

static json_t *entry_json(const struct store_log_entry *e)
{
    bool call = e->kind == STORE_LOG_CALL;
    return json_pack("{s:s,s:o,s:s?,s:o,s:b,s:b,s:b,s:b,s:I,s:s?,s:o}", "kind",
                     call_log_kind_name(e->kind), "started_unix_s",
                     output_json_time(e->started_unix_s), "label",
                     e->label[0] != 0 ? e->label : NULL, "fingerprint",
                     e->has_peer ? output_json_fingerprint(&e->peer) : json_null(), "incoming",
                     e->incoming ? 1 : 0, "answered", e->answered ? 1 : 0, "secure",
                     e->secure ? 1 : 0, "verified", e->verified ? 1 : 0, "duration_s",
                     (json_int_t)e->duration_s, "end", call ? call_end_name(e->end) : NULL,
                     "quality", call ? quality_json(e) : json_null());
}

static void say_call(const struct output *o, const struct store_log_entry *e)
{
    char length[OUTPUT_TIME_BYTES];
    if (e->answered) {
        output_say(o, "%s%s", output_duration(e->duration_s, length),
                   e->verified ? ", verified"
                   : e->secure ? ""
                               : ", not secured");
    } else if (e->incoming && (e->end == SOTTO_END_CANCELLED || e->end == SOTTO_END_NO_ANSWER)) {
        output_styled(o, STYLE_WARN, "missed");
    } else {
        output_say(o, "%s", sotto_end_text(e->end));
    }
}

static double percent(uint64_t part, uint64_t rest)
{
    return part == 0 ? 0 : 100.0 * (double)part / (double)(part + rest);
}

// How an answered call was carried: what is not known, or was nothing, is left out.
static void say_figures(const struct output *o, const struct store_log_entry *e)
{
    char text[FIGURES_BYTES] = "", at[OUTPUT_TIME_BYTES];
    size_t n = 0;
    uint64_t sound = e->frames_played + e->frames_concealed;
    if (e->delay_us > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.0f ms delay (at most %.0f), ",
                              e->delay_us / 1e3, e->delay_max_us / 1e3);
    }
    if (e->cells_lost > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.1f %% of the cells lost, ",
                              percent(e->cells_lost, e->cells_received));
    }
    if (e->frames_restored > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.1f %% of the sound restored, ",
                              percent(e->frames_restored, sound - e->frames_restored));
    }
    if (e->frames_concealed > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.1f %% concealed, ",
                              percent(e->frames_concealed, e->frames_played));
    }
    if (e->worst_permille > 0) {
        n += (size_t)snprintf(text + n, sizeof text - n, "worst second %.0f %% at %s, ",
                              e->worst_permille / 10.0, output_duration(e->worst_at_s, at));
    }
    if (n >= 2) {
        text[n - 2] = 0;
        output_paragraph(o, FIGURES_INDENT, text);
    }
}

static void say_entry(const struct output *o, const struct store_log_entry *e, size_t columns)
{
    char when[OUTPUT_TIME_BYTES], fp[SOTTO_FINGERPRINT_TEXT_BYTES] = "";
    if (e->has_peer) {
        sotto_fingerprint_text(&e->peer, fp);
    }
    bool call = e->kind == STORE_LOG_CALL;
    const char *arrow = !call ? " " : o->utf8 ? (e->incoming ? "←" : "→") : e->incoming ? "<" : ">";
    output_say(o, "%s  %s ", output_time(e->started_unix_s, when), arrow);
    output_cell(o, e->label[0] != 0 ? e->label : "unknown", columns + 2);
    if (e->kind == STORE_LOG_LEAK) {
        output_styled(o, STYLE_BAD, "LEAKED");
        output_say(o, ": their number was used with another key, %.19s", fp);
    } else if (e->kind == STORE_LOG_BOUND) {
        output_say(o, "used their number for the first time, with the key %.19s", fp);
    } else {
        say_call(o, e);
    }
    output_say(o, "\n");
    if (call && e->answered) {
        say_figures(o, e);
    }
}

static void say_all(const struct output *o, const struct store_log_entry *list, size_t count)
{
    if (count == 0) {
        output_say(o, "No calls yet.\n");
    }
    size_t columns = 7;
    for (size_t i = 0; i < count; i++) {
        output_widen(&columns, list[i].label);
    }
    for (size_t i = 0; i < count; i++) {
        say_entry(o, &list[i], columns);
    }
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct options *opt = options;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    size_t limit = opt->limit > 0 ? opt->limit : cli->out.json ? 0 : SHOWN_BY_DEFAULT;
    struct store_log_entry *list;
    size_t count;
    int error = store_log(s, limit, &list, &count);
    if (error == SOTTO_OK) {
        say_all(&cli->out, list, count);
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(array, entry_json(&list[i]));
        }
        output_json(&cli->out, json_pack("{s:o}", "log", array));
        store_log_free(list, count);
    } else {
        code = output_fail_error(&cli->out, error, "the log");
    }
    store_close(s);
    return code;
}

struct clear_options {
    bool yes;
};
static const struct option_spec clear_table[] = {
    {"yes", 'y', OPTION_FLAG, offsetof(struct clear_options, yes), NULL, "Do not ask", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int run_clear(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct clear_options *opt = options;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    if (!opt->yes) {
        code = cli_confirm(cli, "Erase the whole log? [y/N] ", "--yes");
    }
    size_t removed = 0;
    int error = code == CLI_OK ? store_log_clear(s, &removed) : SOTTO_OK;
    if (error != SOTTO_OK) {
        code = output_fail_error(&cli->out, error, "the log");
    }
    if (code == CLI_OK) {
        output_say(&cli->out, "%zu entries erased.\n", removed);
        output_json(&cli->out, json_pack("{s:I}", "removed", (json_int_t)removed));
    }
    store_close(s);
    return code;
}

static const struct command commands[] = {
    {.name = "clear",
     .summary = "Erase the log",
     .options = clear_table,
     .options_bytes = sizeof(struct clear_options),
     .run = run_clear},
    {.name = NULL},
};

const struct command cmd_log = {
    .name = "log",
    .summary = "Calls, and numbers that were used for the first time or in other hands",
    .details = "The log is only on this device, sealed like your keys.",
    .options = table,
    .options_bytes = sizeof(struct options),
    .run = run,
    .commands = commands,
};
