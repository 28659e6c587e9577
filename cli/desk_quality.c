// SPDX-License-Identifier: Apache-2.0
// How a call sounds: the seconds that the screen's graph shows, the same in words, and a notice
// when it has become better or worse for a while.
#include "desk.h"

#include <stdio.h>
#include <string.h>

#define SETTLED_S 3  // a quality counts when it has lasted so long
#define TELL_S    10 // at most one notice in this time

const char *desk_quality(const struct desk *d, const struct sotto_call_info *info)
{
    return call_quality_text(call_note_quality(desk_note(d, info->call), info));
}

// ---- seconds ------------------------------------------------------------------------------------

const struct desk_second *desk_second_ago(const struct desk *d, uint32_t call, unsigned ago)
{
    size_t i = call_notes_place(&d->notes, call);
    if (i == SOTTO_CALLS_MAX || ago >= DESK_SECONDS || ago >= d->calls[i].quality.count) {
        return NULL;
    }
    const struct desk_quality *q = &d->calls[i].quality;
    return &q->seconds[(q->count - 1 - ago) % DESK_SECONDS];
}

static void keep(struct desk_quality *q, const struct call_note *note,
                 const struct sotto_call_info *info)
{
    const struct call_second *s = &note->second;
    q->seconds[q->count % DESK_SECONDS] = (struct desk_second){
        .delay_ms = (info->stats.mouth_to_ear_us + 500) / 1000,
        .lost_permille = info->reconnecting ? 1000 : call_second_lost_permille(s),
        .restored_permille = call_second_restored_permille(s),
        .concealed_permille = call_second_concealed_permille(s),
    };
    q->count++;
}

struct desk_second desk_lately(const struct desk *d, uint32_t call)
{
    struct desk_second sum = {0};
    unsigned n = 0, delays = 0;
    const struct desk_second *s;
    for (; n < CALL_NOTE_QUALITY_S && (s = desk_second_ago(d, call, n)) != NULL; n++) {
        sum.delay_ms += s->delay_ms;
        delays += s->delay_ms > 0;
        sum.lost_permille += s->lost_permille;
        sum.restored_permille += s->restored_permille;
        sum.concealed_permille += s->concealed_permille;
    }
    if (n > 0) {
        sum.delay_ms = delays > 0 ? sum.delay_ms / delays : 0;
        sum.lost_permille /= n;
        sum.restored_permille /= n;
        sum.concealed_permille /= n;
    }
    return sum;
}

// ---- words --------------------------------------------------------------------------------------

static void add_share(char out[DESK_TEXT_BYTES], unsigned permille, const char *what)
{
    size_t n = strlen(out);
    if (permille > 0) {
        snprintf(out + n, DESK_TEXT_BYTES - n, permille < 100 ? "%s%.1f %% %s" : "%s%.0f %% %s",
                 n > 0 ? ", " : "", permille / 10.0, what);
    }
}

void desk_quality_words(const struct desk *d, uint32_t call, char out[DESK_TEXT_BYTES])
{
    struct desk_second s = desk_lately(d, call);
    out[0] = '\0';
    if (s.delay_ms > 0) {
        snprintf(out, DESK_TEXT_BYTES, "%u ms delay", (unsigned)s.delay_ms);
    }
    add_share(out, s.lost_permille, "lost");
    add_share(out, s.concealed_permille, "concealed");
    add_share(out, s.restored_permille, "restored");
    size_t place = call_notes_place(&d->notes, call), n = strlen(out);
    if (place < SOTTO_CALLS_MAX && d->calls[place].quality.spared) {
        snprintf(out + n, DESK_TEXT_BYTES - n, "%ssimpler voice repair", n > 0 ? ", " : "");
    }
}

static void tell(struct desk *d, const struct sotto_call_info *info, enum call_quality quality)
{
    char words[DESK_TEXT_BYTES];
    struct desk_second s = desk_lately(d, info->call);
    desk_quality_words(d, info->call, words);
    if (d->cli->out.json) {
        desk_json(d, "quality",
                  json_pack("{s:I,s:s,s:i,s:i,s:i,s:i}", "call", (json_int_t)info->call, "quality",
                            call_quality_text(quality), "delay_ms", (int)s.delay_ms,
                            "lost_permille", (int)s.lost_permille, "restored_permille",
                            (int)s.restored_permille, "concealed_permille",
                            (int)s.concealed_permille));
        return;
    }
    desk_progress(d, quality == CALL_GOOD ? MARK_GOOD : MARK_WARN, "The sound is %s%s%s",
                  quality == CALL_GOOD ? "good again" : call_quality_text(quality),
                  words[0] != '\0' ? ": " : "", words);
}

// What is lost altogether has a notice of its own.
static void tell_change(struct desk *d, struct desk_quality *q, const struct sotto_call_info *info)
{
    enum call_quality now = call_note_quality(desk_note(d, info->call), info);
    q->lasts_s = now == q->now ? q->lasts_s + 1 : 1;
    q->now = now;
    q->since_told_s++;
    if (now == q->told || now == CALL_RECONNECTING || q->lasts_s < SETTLED_S ||
        q->since_told_s < TELL_S) {
        return;
    }
    q->told = now;
    q->since_told_s = 0;
    tell(d, info, now);
}

// A device that is too slow for neural networks, or has the time again.
static void tell_neural(struct desk *d, struct desk_quality *q, const struct sotto_call_info *info)
{
    bool spared = info->stats.neural == SOTTO_NEURAL_SPARED;
    if (spared == q->spared) {
        return;
    }
    q->spared = spared;
    if (d->cli->out.json) {
        desk_json(d, "neural",
                  json_pack("{s:I,s:s}", "call", (json_int_t)info->call, "neural",
                            call_neural_name(info->stats.neural)));
        return;
    }
    desk_progress(d, spared ? MARK_WARN : MARK_GOOD,
                  spared ? "Simpler voice repair, to spare this device"
                         : "Voice repair is whole again");
}

void desk_quality_second(struct desk *d)
{
    struct sotto_call_info info;
    if (!desk_talking(d, &info)) {
        return;
    }
    struct call_note *note = call_notes_find(&d->notes, info.call);
    struct desk_call *c = desk_call_of(d, info.call);
    if (note != NULL && c != NULL) {
        call_note_look(note, &info);
        keep(&c->quality, note, &info);
        tell_change(d, &c->quality, &info);
        tell_neural(d, &c->quality, &info);
    }
}
