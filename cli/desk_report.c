// SPDX-License-Identifier: Apache-2.0
#include "desk.h"

#include <stdio.h>
#include <string.h>

static double ms_between(sotto_ns from, sotto_ns to)
{
    return from == 0 || to == 0 || to < from ? -1 : (double)(to - from) / 1e6;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double cpu_since(const struct rusage *then)
{
    struct rusage now;
    getrusage(RUSAGE_SELF, &now);
    return seconds(&now.ru_utime) + seconds(&now.ru_stime) - seconds(&then->ru_utime) -
           seconds(&then->ru_stime);
}

void desk_report_make(struct desk_report *out, const struct desk *d,
                      const struct sotto_call_info *info)
{
    struct desk_report r = {.info = *info, .talk_s = -1, .cpu_s = -1};
    size_t place = call_notes_place(&d->notes, info->call);
    snprintf(r.transport, sizeof(r.transport), "%s", net_transport_name(d->transport));
    r.dial_to_ring_ms = ms_between(info->started_ns, info->ringing_ns);
    r.accept_to_voice_ms = ms_between(info->accepted_ns, info->first_voice_ns);
    if (place < SOTTO_CALLS_MAX) {
        const struct call_note *note = &d->notes.of[place];
        const struct desk_call *c = &d->calls[place];
        double talk_ms = call_note_talk_ms(note, info, clock_now().mono_ns);
        r.secure = note->secure;
        if (talk_ms >= 0) {
            r.talk_s = talk_ms / 1000;
            r.cpu_s = cpu_since(&c->usage);
            runner_lateness(d->runner, &r.late);
            r.late.cells -= c->late.cells;
            r.late.total_ns -= c->late.total_ns;
            r.late.over_ms -= c->late.over_ms;
        }
    }
    *out = r;
}

void desk_report_log(const struct desk *d, const struct desk_report *r)
{
    struct store_log_entry e;
    call_note_entry(&e, desk_note(d, r->info.call), &r->info, r->transport, clock_now());
    int err = store_log_add(d->store, &e);
    if (err != 0) {
        output_note(&d->cli->out, "sotto: the call could not be written to the log: %s\n",
                    sotto_strerror(err));
    }
}

static json_t *or_null(double v)
{
    return v < 0 ? json_null() : json_real(v);
}

static json_t *session_json(const struct sotto_session_info *s)
{
    return json_pack("{s:s?,s:s?,s:s?,s:s?,s:I,s:I}", "protocol", s->protocol, "cipher", s->cipher,
                     "group", s->group, "signature", s->signature, "bytes_sent",
                     (json_int_t)s->bytes_sent, "bytes_received", (json_int_t)s->bytes_received);
}

static json_t *cells_json(const struct desk_report *r)
{
    const struct sotto_call_stats *s = &r->info.stats;
    double mean = r->late.cells > 0 ? (double)r->late.total_ns / (double)r->late.cells / 1e3 : 0;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:I}", "tick_ms", (json_int_t)s->tick_ms,
                     "peer_tick_ms", (json_int_t)s->peer_tick_ms, "sent", (json_int_t)s->cells_sent,
                     "received", (json_int_t)s->cells_received, "lost", (json_int_t)s->cells_lost,
                     "dropped", (json_int_t)s->cells_dropped, "late_mean_us", mean, "late_max_us",
                     (double)r->late.max_ns / 1e3, "late_over_1ms", (json_int_t)r->late.over_ms);
}

static json_t *playout_json(const struct sotto_playout_stats *p)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:f,s:f}", "played", (json_int_t)p->played, "concealed",
                     (json_int_t)p->concealed, "late", (json_int_t)p->late, "skipped",
                     (json_int_t)p->skipped, "depth_frames", (json_int_t)p->depth_frames,
                     "jitter_ms", p->jitter_us / 1e3, "delay_ms", p->delay_us / 1e3);
}

json_t *desk_report_json(const struct desk_report *r)
{
    const struct sotto_call_info *i = &r->info;
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:i}", "transport", r->transport,
                     "peer", i->has_peer ? output_json_fingerprint(&i->peer) : json_null(),
                     "session", session_json(&i->stats.session), "dial_to_ring_ms",
                     or_null(r->dial_to_ring_ms), "accept_to_voice_ms",
                     or_null(r->accept_to_voice_ms), "talk_s", or_null(r->talk_s), "cpu_s",
                     or_null(r->cpu_s), "rtt_ms",
                     i->stats.rtt_ns == 0 ? json_null() : json_real((double)i->stats.rtt_ns / 1e6),
                     "cells", cells_json(r), "playout", playout_json(&i->stats.playout), "neural",
                     call_neural_name(i->stats.neural), "rekeys", (int)i->stats.epoch);
}

// ---- text ---------------------------------------------------------------------------------------

static void line(const struct desk *d, const char *name, const char *text)
{
    output_say(&d->cli->out, "  ");
    output_cell(&d->cli->out, name, 13);
    output_say(&d->cli->out, "%s\n", text);
}

static void say_session(const struct desk *d, const struct desk_report *r)
{
    const struct sotto_session_info *s = &r->info.stats.session;
    char text[DESK_TEXT_BYTES], fp[SOTTO_FINGERPRINT_TEXT_BYTES], words[SOTTO_WORDS_TEXT_BYTES];
    if (r->info.has_peer) {
        sotto_fingerprint_text(&r->info.peer, fp);
        line(d, "fingerprint", fp);
    }
    if (s->group != NULL && s->group[0] != '\0') {
        snprintf(text, sizeof(text), "%s, %s, %s, %s", s->protocol, s->group, s->cipher,
                 s->signature);
        line(d, "secured by", text);
    }
    if (r->talk_s >= 0 && r->secure) {
        sotto_words_text(&r->info.words, words);
        line(d, "words", words);
    }
}

static void say_times(const struct desk *d, const struct desk_report *r)
{
    char text[DESK_TEXT_BYTES];
    if (r->dial_to_ring_ms >= 0 && !r->info.incoming) {
        snprintf(text, sizeof(text), "%.0f ms until it rang", r->dial_to_ring_ms);
        line(d, "dialled", text);
    }
    if (r->accept_to_voice_ms >= 0) {
        snprintf(text, sizeof(text), "%.0f ms from the answer to the first voice",
                 r->accept_to_voice_ms);
        line(d, "answered", text);
    }
}

static void say_sound(const struct desk *d, const struct desk_report *r)
{
    const struct sotto_call_stats *s = &r->info.stats;
    char text[DESK_TEXT_BYTES];
    snprintf(
        text, sizeof(text),
        "%llu sent, %llu received, %llu lost, %llu refused; at last %u and %u ms of speech in each",
        (unsigned long long)s->cells_sent, (unsigned long long)s->cells_received,
        (unsigned long long)s->cells_lost, (unsigned long long)s->cells_dropped, s->tick_ms,
        s->peer_tick_ms);
    line(d, "cells", text);
    if (r->talk_s < 0) {
        return;
    }
    snprintf(text, sizeof(text), "%llu frames played, %llu made up; jitter %.1f ms, buffer %.0f ms",
             (unsigned long long)s->playout.played, (unsigned long long)s->playout.concealed,
             s->playout.jitter_us / 1e3, s->playout.delay_us / 1e3);
    line(d, "sound", text);
    snprintf(text, sizeof(text), "%.1f ms round trip over %s; %u re-keys", (double)s->rtt_ns / 1e6,
             r->transport, s->epoch);
    line(d, "path", text);
    snprintf(text, sizeof(text), "%.2f s of processor time for %.0f s of talk (%.1f %%)", r->cpu_s,
             r->talk_s, r->talk_s > 0 ? 100 * r->cpu_s / r->talk_s : 0);
    line(d, "cost", text);
    if (s->neural == SOTTO_NEURAL_SPARED) {
        line(d, "voice", "simpler repair of lost sound, to spare this device");
    }
}

void desk_report_text(const struct desk *d, const struct desk_report *r)
{
    say_session(d, r);
    say_times(d, r);
    say_sound(d, r);
}
