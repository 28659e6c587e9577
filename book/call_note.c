// SPDX-License-Identifier: Apache-2.0
#include "call_note.h"

#include <stdio.h>
#include <string.h>

// Smoothed, a share is in 1/256.
#define QUALITY_FAIR_Q8 (256 * CALL_FAIR_PERMILLE / 1000)
#define QUALITY_POOR_Q8 (256 * CALL_POOR_PERMILLE / 1000)
#define QUALITY_FAIR_US (1000 * CALL_FAIR_DELAY_MS)
#define QUALITY_POOR_US (1000 * CALL_POOR_DELAY_MS)

size_t call_notes_place(const struct call_notes *n, uint32_t call)
{
    size_t i = 0;
    while (i < SOTTO_CALLS_MAX && n->of[i].id != call) {
        i++;
    }
    return i;
}

size_t call_notes_take(struct call_notes *n, uint32_t call, int64_t now_unix_s)
{
    size_t i = call_notes_place(n, call);
    for (size_t j = 0; i == SOTTO_CALLS_MAX && j < SOTTO_CALLS_MAX; j++) {
        if (n->of[j].id == 0 || n->of[j].logged) {
            i = j;
            n->of[j] = (struct call_note){.id = call, .started_unix_s = now_unix_s};
        }
    }
    return i;
}

struct call_note *call_notes_find(struct call_notes *n, uint32_t call)
{
    size_t i = call_notes_place(n, call);
    return i < SOTTO_CALLS_MAX ? &n->of[i] : NULL;
}

static void note_trust(struct call_note *c, const struct sotto_device *d)
{
    struct sotto_call_info info;
    if (sotto_device_call_info(d, c->id, &info) == SOTTO_OK) {
        c->secure = info.secure;
        c->verified = info.verified;
    }
}

void call_notes_event(struct call_notes *n, const struct sotto_device *d,
                      const struct sotto_event *ev, struct sotto_now now)
{
    if (ev->type == SOTTO_EVENT_CALL_STATE) {
        size_t i = call_notes_take(n, ev->call, now.unix_s);
        if (i < SOTTO_CALLS_MAX && ev->state == SOTTO_CALL_ACTIVE && n->of[i].active_ns == 0) {
            n->of[i].active_ns = now.mono_ns;
        }
        return;
    }
    struct call_note *c = call_notes_find(n, ev->call);
    bool trust = ev->type == SOTTO_EVENT_CALL_SECURE || ev->type == SOTTO_EVENT_CALL_VERIFIED;
    if (c != NULL && trust) {
        note_trust(c, d);
    }
}

// ---- how it sounds -----------------------------------------------------------------------------

static void look_at_delay(struct call_note *c, uint32_t us)
{
    if (us == 0) {
        return;
    }
    int64_t step = (int64_t)us - c->delay_us;
    c->delay_us = c->delays == 0 ? us : (uint32_t)(c->delay_us + step / CALL_NOTE_QUALITY_S);
    c->delay_max_us = us > c->delay_max_us ? us : c->delay_max_us;
    c->delay_sum_us += us;
    c->delays++;
}

void call_note_look(struct call_note *c, const struct sotto_call_info *info)
{
    c->second = call_meter_look(&c->meter, &info->stats);
    const struct call_second *s = &c->second;
    uint64_t asked = s->played + s->concealed;
    unsigned share = asked > 0 ? (unsigned)(256 * s->concealed / asked) : 0;
    unsigned permille = call_second_concealed_permille(s);
    c->bad_q8 = (c->bad_q8 * (CALL_NOTE_QUALITY_S - 1) + share) / CALL_NOTE_QUALITY_S;
    if (permille > c->worst_permille) {
        c->worst_permille = permille;
        c->worst_at_s = c->looks;
    }
    look_at_delay(c, info->stats.mouth_to_ear_us);
    c->looks++;
}

enum call_quality call_note_quality(const struct call_note *note,
                                    const struct sotto_call_info *info)
{
    if (info->reconnecting) {
        return CALL_RECONNECTING;
    }
    if (note == NULL) {
        return CALL_GOOD;
    }
    if (note->bad_q8 >= QUALITY_POOR_Q8 || note->delay_us >= QUALITY_POOR_US) {
        return CALL_POOR;
    }
    bool fair = note->bad_q8 >= QUALITY_FAIR_Q8 || note->delay_us >= QUALITY_FAIR_US;
    return fair ? CALL_FAIR : CALL_GOOD;
}

const char *call_quality_text(enum call_quality q)
{
    static const char *const texts[] = {
        [CALL_GOOD] = "good",
        [CALL_FAIR] = "fair",
        [CALL_POOR] = "poor",
        [CALL_RECONNECTING] = "reconnecting",
    };
    return texts[q];
}

// ---- the log -----------------------------------------------------------------------------------

double call_note_talk_ms(const struct call_note *note, const struct sotto_call_info *info,
                         sotto_ns now_ns)
{
    if (note == NULL || note->active_ns == 0) {
        return -1;
    }
    sotto_ns end = info->ended_ns != 0 ? info->ended_ns : now_ns;
    return end < note->active_ns ? -1 : (double)(end - note->active_ns) / SOTTO_NS_PER_MS;
}

void call_note_entry(struct store_log_entry *out, const struct call_note *note,
                     const struct sotto_call_info *info, const char *transport,
                     struct sotto_now now)
{
    double talk_ms = call_note_talk_ms(note, info, now.mono_ns);
    const struct sotto_playout_stats *p = &info->stats.playout;
    struct store_log_entry e = {
        .kind = STORE_LOG_CALL,
        .incoming = info->incoming,
        .answered = talk_ms >= 0,
        .secure = note != NULL && note->secure,
        .verified = note != NULL && note->verified,
        .has_peer = info->has_peer,
        .started_unix_s = note != NULL ? note->started_unix_s : now.unix_s,
        .duration_s = talk_ms > 0 ? (uint32_t)(talk_ms / 1000) : 0,
        .end = info->end,
        .peer = info->peer,
        .rtt_us = (uint32_t)(info->stats.rtt_ns / 1000),
        .jitter_us = p->jitter_us,
        .rekeys = info->stats.epoch,
        .cells_sent = info->stats.cells_sent,
        .cells_received = info->stats.cells_received,
        .cells_lost = info->stats.cells_lost,
        .frames_played = p->played,
        .frames_concealed = p->concealed,
        .frames_restored = p->copies + p->retold,
    };
    if (note != NULL) {
        e.delay_us = note->delays > 0 ? (uint32_t)(note->delay_sum_us / note->delays) : 0;
        e.delay_max_us = note->delay_max_us;
        e.worst_permille = note->worst_permille;
        e.worst_at_s = note->worst_at_s;
    }
    const char *group = info->stats.session.group;
    snprintf(e.label, sizeof e.label, "%s", info->label);
    snprintf(e.group, sizeof e.group, "%s", group != NULL ? group : "");
    snprintf(e.transport, sizeof e.transport, "%s", transport);
    *out = e;
}

bool call_note_leak_is_news(const struct store_log_entry *recent, size_t count, const char *label,
                            int64_t now_unix_s)
{
    int64_t since = now_unix_s - CALL_NOTE_LEAK_QUIET_S;
    for (size_t i = 0; i < count; i++) {
        const struct store_log_entry *e = &recent[i];
        if (e->kind == STORE_LOG_LEAK && e->started_unix_s > since &&
            strcmp(e->label, label) == 0) {
            return false;
        }
    }
    return true;
}

void call_note_number_entry(struct store_log_entry *out, enum store_log_kind kind,
                            const struct sotto_event *ev, int64_t now_unix_s)
{
    struct store_log_entry e = {
        .kind = kind,
        .incoming = true,
        .has_peer = true,
        .started_unix_s = now_unix_s,
        .peer = ev->fingerprint,
    };
    snprintf(e.label, sizeof e.label, "%s", ev->label);
    *out = e;
}

// ---- names -------------------------------------------------------------------------------------

const char *call_state_name(enum sotto_call_state state)
{
    static const char *const names[] = {
        [SOTTO_CALL_DIALLING] = "dialling", [SOTTO_CALL_CHECKING] = "checking",
        [SOTTO_CALL_RINGING] = "ringing",   [SOTTO_CALL_ACTIVE] = "active",
        [SOTTO_CALL_ENDING] = "ending",     [SOTTO_CALL_ENDED] = "ended",
    };
    return names[state] != NULL ? names[state] : "unknown";
}

const char *call_end_name(enum sotto_end end)
{
    static const char *const names[] = {
        [SOTTO_END_NONE] = "none",
        [SOTTO_END_HANGUP] = "hangup",
        [SOTTO_END_PEER_HANGUP] = "peer_hangup",
        [SOTTO_END_DECLINED] = "declined",
        [SOTTO_END_WE_DECLINED] = "we_declined",
        [SOTTO_END_BUSY] = "busy",
        [SOTTO_END_NO_ANSWER] = "no_answer",
        [SOTTO_END_CANCELLED] = "cancelled",
        [SOTTO_END_UNAVAILABLE] = "unavailable",
        [SOTTO_END_OFFLINE] = "offline",
        [SOTTO_END_REFUSED] = "refused",
        [SOTTO_END_WRONG_PEER] = "wrong_peer",
        [SOTTO_END_SUITE] = "suite",
        [SOTTO_END_PROTOCOL] = "protocol",
        [SOTTO_END_WORDS] = "words",
        [SOTTO_END_REKEY] = "rekey",
        [SOTTO_END_LOST] = "lost",
        [SOTTO_END_TIMEOUT] = "timeout",
        [SOTTO_END_LIMIT] = "limit",
        [SOTTO_END_LINK] = "link",
        [SOTTO_END_STORAGE] = "storage",
        [SOTTO_END_GLARE] = "glare",
        [SOTTO_END_INTERNAL] = "internal",
        [SOTTO_END_DROPPED] = "dropped",
    };
    return (size_t)end < sizeof names / sizeof names[0] && names[end] != NULL ? names[end]
                                                                              : "internal";
}

const char *call_neural_name(enum sotto_neural neural)
{
    static const char *const names[] = {
        [SOTTO_NEURAL_ON] = "on",
        [SOTTO_NEURAL_ABSENT] = "absent",
        [SOTTO_NEURAL_UNWANTED] = "unwanted",
        [SOTTO_NEURAL_SPARED] = "spared",
    };
    return names[neural];
}

const char *call_log_kind_name(enum store_log_kind kind)
{
    static const char *const names[] = {
        [STORE_LOG_CALL] = "call",
        [STORE_LOG_LEAK] = "leak",
        [STORE_LOG_BOUND] = "bound",
    };
    return names[kind];
}
