// SPDX-License-Identifier: Apache-2.0
#include "number_view.h"

#include "select.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// ---- in words ----------------------------------------------------------------------------------

static void say_until(const struct cli *cli, const struct sotto_number *n, int64_t now_unix_s)
{
    char when[OUTPUT_TIME_BYTES], span[OUTPUT_TIME_BYTES];
    if (n->expires_unix_s == 0) {
        output_say(&cli->out, "  Until:  you revoke it\n");
        return;
    }
    output_time(n->expires_unix_s, when);
    if (n->expires_unix_s > now_unix_s) {
        output_say(&cli->out, "  Until:  %s (%s)\n", when,
                   output_span(n->expires_unix_s - now_unix_s, span));
    } else {
        output_say(&cli->out, "  Until:  %s (over)\n", when);
    }
}

void number_say_terms(const struct cli *cli, const struct sotto_number *n, int64_t now_unix_s)
{
    char fp[SOTTO_FINGERPRINT_TEXT_BYTES];
    output_say(&cli->out, "  For:    %s\n", n->label);
    if (n->state == SOTTO_NUMBER_FRESH) {
        output_say(&cli->out, "  Who:    whoever calls with it first; from then on only they\n");
    } else if (n->was_bound) {
        sotto_fingerprint_text(&n->bound, fp);
        output_say(&cli->out, "  Who:    only the holder of %s%s\n", fp,
                   n->verified ? ", verified" : "");
    }
    say_until(cli, n, now_unix_s);
    if (n->calls_max == SOTTO_CALLS_UNLIMITED) {
        output_say(&cli->out, "  Calls:  any number\n");
    } else {
        output_say(&cli->out, "  Calls:  %" PRIu32 ", %" PRIu32 " used\n", n->calls_max,
                   n->calls_used);
    }
}

static void say_condition(const struct cli *cli, const struct sotto_number *n, int64_t now_unix_s)
{
    const struct output *o = &cli->out;
    switch (number_condition(n, now_unix_s)) {
    case CONDITION_REVOKED:
        output_styled(o, STYLE_DIM, "revoked");
        break;
    case CONDITION_EXPIRED:
        output_styled(o, STYLE_DIM, "expired");
        break;
    case CONDITION_USED_UP:
        output_styled(o, STYLE_DIM, "used up");
        break;
    case CONDITION_LEAKED:
        output_styled(o, STYLE_BAD, "LEAKED");
        output_say(o, ": refused %" PRIu32 " time%s with another key", n->leaks,
                   n->leaks == 1 ? "" : "s");
        break;
    case CONDITION_FRESH:
        output_styled(o, STYLE_BOLD, "never used");
        break;
    case CONDITION_BOUND:
        output_styled(o, STYLE_GOOD, n->verified ? "bound, verified" : "bound");
        break;
    }
}

static const char *pending_text(enum store_pending pending)
{
    switch (pending) {
    case STORE_PENDING_PUBLISH:
        return "the relay does not know it yet: it cannot be called";
    case STORE_PENDING_WITHDRAW:
        return "refused here already; the relay is told next time it is reached";
    case STORE_PENDING_NONE:
        break;
    }
    return NULL;
}

void number_say(const struct cli *cli, const struct store_number *n, int64_t now_unix_s)
{
    const struct sotto_number *m = &n->number;
    char id[NUMBER_ID_BYTES], when[OUTPUT_TIME_BYTES], fp[SOTTO_FINGERPRINT_TEXT_BYTES];
    number_id(m->token_hash, id);
    output_styled(&cli->out, STYLE_BOLD, "%s", m->label);
    output_say(&cli->out, " (%s): ", id);
    say_condition(cli, m, now_unix_s);
    output_say(&cli->out, "\n");
    number_say_terms(cli, m, now_unix_s);
    output_say(&cli->out, "  Made:   %s\n", output_time(m->created_unix_s, when));
    output_say(&cli->out, "  Used:   %s\n", output_time(m->last_used_unix_s, when));
    if (m->leaks > 0) {
        sotto_fingerprint_text(&m->leaked_to, fp);
        output_say(&cli->out, "  Leaked: %s, to %s\n", output_time(m->leaked_unix_s, when), fp);
    }
    if (pending_text(n->pending) != NULL) {
        output_say(&cli->out, "  Note:   %s\n", pending_text(n->pending));
    }
}

void number_say_line(const struct cli *cli, const struct store_number *n, int64_t now_unix_s,
                     size_t label_columns)
{
    const struct sotto_number *m = &n->number;
    char id[NUMBER_ID_BYTES], when[OUTPUT_TIME_BYTES], fp[SOTTO_FINGERPRINT_TEXT_BYTES];
    number_id(m->token_hash, id);
    output_say(&cli->out, "%s  ", id);
    output_cell(&cli->out, m->label, label_columns + 2);
    say_condition(cli, m, now_unix_s);
    if (m->state == SOTTO_NUMBER_BOUND) {
        sotto_fingerprint_text(&m->bound, fp);
        output_say(&cli->out, " to %.9s", fp);
    }
    if (m->last_used_unix_s != 0) {
        output_say(&cli->out, ", last used %s", output_time(m->last_used_unix_s, when));
    }
    bool usable = sotto_number_check(m, now_unix_s) == SOTTO_OK;
    if (usable && m->expires_unix_s != 0) {
        output_say(&cli->out, ", until %s", output_time(m->expires_unix_s, when));
    }
    if (usable && m->calls_max != SOTTO_CALLS_UNLIMITED) {
        output_say(&cli->out, ", %" PRIu32 " of %" PRIu32 " calls used", m->calls_used,
                   m->calls_max);
    }
    if (n->pending != STORE_PENDING_NONE) {
        output_styled(&cli->out, STYLE_WARN, ", not yet told to the relay");
    }
    output_say(&cli->out, "\n");
}

// ---- in JSON -----------------------------------------------------------------------------------

json_t *number_json(const struct store_number *n, const char *link, int64_t now_unix_s)
{
    static const char *const pending[] = {"none", "publish", "withdraw"};
    const struct sotto_number *m = &n->number;
    char id[NUMBER_ID_BYTES];
    number_id(m->token_hash, id);
    bool limited = m->calls_max != SOTTO_CALLS_UNLIMITED;
    return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:o,s:b,s:o,s:o,s:o,s:I,s:o,s:I,s:o,s:o}", "id", id,
                     "label", m->label, "state",
                     number_condition_name(number_condition(m, now_unix_s)), "pending",
                     pending[n->pending], "link", link, "bound_to",
                     m->was_bound ? output_json_fingerprint(&m->bound) : json_null(), "verified",
                     m->verified ? 1 : 0, "created_unix_s", output_json_time(m->created_unix_s),
                     "expires_unix_s", output_json_time(m->expires_unix_s), "last_used_unix_s",
                     output_json_time(m->last_used_unix_s), "calls_used", (json_int_t)m->calls_used,
                     "calls_max", limited ? json_integer((json_int_t)m->calls_max) : json_null(),
                     "leaks", (json_int_t)m->leaks, "leaked_unix_s",
                     output_json_time(m->leaked_unix_s), "leaked_to",
                     m->leaks > 0 ? output_json_fingerprint(&m->leaked_to) : json_null());
}
