// SPDX-License-Identifier: Apache-2.0
// What must hold at each step (the security invariants of docs/THREATMODEL.md).
#include "sim.h"

#include <string.h>

#define DIAL_TO_RING_NS (120 * SECOND) // a ring has a dial not longer ago than this

// ---- at each step ------------------------------------------------------------------------------

static bool may_speak(struct person *p)
{
    for (size_t i = 0; i < p->call_count; i++) {
        const struct seen_call *c = &p->calls[i];
        if (c->consented && c->state == SOTTO_CALL_ACTIVE && !c->muted && !c->held && !c->ended)
            return true;
    }
    return false;
}

static void check_microphone(struct person *p)
{
    bool open = sotto_device_mic_open(p->device);
    if (open && !may_speak(p))
        sim_fail(p->sim, "%s: the microphone is open without consent", p->name);
    if (open != p->mic_told)
        sim_fail(p->sim, "%s: the driver was told that the microphone is %d", p->name, p->mic_told);
}

static void check_verified(struct person *p, const struct sotto_call_info *info)
{
    if (info->secure && info->state >= SOTTO_CALL_ENDING)
        sim_fail(p->sim, "%s: an ended call is called secure", p->name);
    if (!info->verified)
        return;
    struct person *peer = person_by_fp(p->sim, &info->peer, false);
    struct seen_call *c = person_call(p, info->call);
    if (!info->secure || !info->has_peer || !peer || !p->matched[peer->index])
        sim_fail(p->sim, "%s: verified, though nobody compared words", p->name);
    if (c && c->words_differed)
        sim_fail(p->sim, "%s: verified after the words differed", p->name);
    const struct sotto_contact *contact = book_contact(&p->book, &info->peer);
    bool booked = contact && contact->verified;
    for (size_t i = 0; i < p->book.number_count && !booked; i++)
        booked = p->book.numbers[i].verified &&
                 sotto_fingerprint_equal(&p->book.numbers[i].bound, &info->peer);
    if (!booked)
        sim_fail(p->sim, "%s: verified, though the book does not say so", p->name);
}

// Two ends that both call it secure have the same words.
static void check_words(struct person *p, const struct sotto_call_info *info)
{
    struct person *peer = person_by_fp(p->sim, &info->peer, false);
    if (!peer && person_by_fp(p->sim, &info->peer, true))
        return;
    if (!peer)
        sim_fail(p->sim, "%s: secure with somebody who does not exist", p->name);
    else if (peer == p)
        sim_fail(p->sim, "%s: secure with himself", p->name);
}

static void check_call(struct person *p, uint32_t id)
{
    struct sotto_call_info info;
    if (sotto_device_call_info(p->device, id, &info) != 0) {
        sim_fail(p->sim, "%s: no information on a present call", p->name);
        return;
    }
    check_verified(p, &info);
    if (info.secure)
        check_words(p, &info);
    struct seen_call *c = person_call(p, id);
    if (c && c->state != info.state)
        sim_fail(p->sim, "%s: call %u is in state %d, and the driver was told %d", p->name,
                 (unsigned)id, (int)info.state, (int)c->state);
    if (info.state == SOTTO_CALL_ACTIVE && (!c || !c->consented))
        sim_fail(p->sim, "%s: call %u is active without consent", p->name, (unsigned)id);
}

void check_person(struct person *p)
{
    uint32_t ids[SOTTO_CALLS_MAX];
    if (!p->device || p->sim->failed)
        return;
    check_microphone(p);
    size_t count = sotto_device_calls(p->device, ids);
    for (size_t i = 0; i < count; i++)
        check_call(p, ids[i]);
}

// ---- events ------------------------------------------------------------------------------------

// Somebody with that identity has dialled that number.
static bool was_dialled(struct sim *s, const struct sotto_event *e)
{
    for (size_t i = 0; i < s->people_count; i++) {
        struct person *p = s->people[i];
        if (!sotto_fingerprint_equal(&p->fp, &e->fingerprint))
            continue;
        for (size_t j = 0; j < p->call_count; j++) {
            const struct seen_call *c = &p->calls[j];
            if (!c->incoming && memcmp(c->token_hash, e->token_hash, sizeof c->token_hash) == 0 &&
                (!c->ended || s->now_ns - c->ended_at < DIAL_TO_RING_NS))
                return true;
        }
    }
    return false;
}

static void check_ring(struct person *p, const struct sotto_event *e)
{
    struct sim *s = p->sim;
    const struct sotto_number *n = book_number(&p->book, e->token_hash);
    if (!n || n->state == SOTTO_NUMBER_FRESH) {
        sim_fail(s, "%s: rung by a number that is not bound", p->name);
        return;
    }
    if (!sotto_fingerprint_equal(&n->bound, &e->fingerprint))
        sim_fail(s, "%s: a bound number rings in other hands", p->name);
    if (sotto_fingerprint_equal(&p->fp, &e->fingerprint))
        sim_fail(s, "%s: rung by the own identity", p->name);
    if (!was_dialled(s, e))
        sim_fail(s, "%s: rung by somebody who did not dial", p->name);
    const struct sotto_contact *c = book_contact(&p->book, &e->fingerprint);
    if (strcmp(e->label, c ? c->label : n->label) != 0)
        sim_fail(s, "%s: rings under a label that is not the own one", p->name);
}

static void check_state(struct person *p, const struct sotto_event *e)
{
    const struct seen_call *c = person_call(p, e->call);
    if (!c)
        return;
    if (c->ended)
        sim_fail(p->sim, "%s: call %u ended and goes on", p->name, (unsigned)e->call);
    if (c->state > e->state)
        sim_fail(p->sim, "%s: call %u goes back from %d to %d", p->name, (unsigned)e->call,
                 (int)c->state, (int)e->state);
    if (e->state >= SOTTO_CALL_ENDING && e->end == SOTTO_END_NONE)
        sim_fail(p->sim, "%s: call %u ends without a reason", p->name, (unsigned)e->call);
    if (e->end == SOTTO_END_INTERNAL && !p->short_of_memory)
        sim_fail(p->sim, "%s: call %u ends with an internal error", p->name, (unsigned)e->call);
}

void check_event(struct person *p, const struct sotto_event *e)
{
    if (e->type == SOTTO_EVENT_CALL_INCOMING)
        check_ring(p, e);
    else if (e->type == SOTTO_EVENT_CALL_STATE)
        check_state(p, e);
}

// ---- what a relay has and sees -----------------------------------------------------------------

struct search {
    const struct canary *list[2 * CANARIES_MAX];
    size_t count;
    uint8_t first_two[65536 / 8];
};

static void search_add(struct search *x, const struct canary *c)
{
    unsigned at = (unsigned)c->bytes[0] << 8 | c->bytes[1];
    x->list[x->count++] = c;
    x->first_two[at / 8] |= (uint8_t)(1 << at % 8);
}

static void search_for(struct search *x, struct sim *s, bool passing)
{
    memset(x, 0, sizeof *x);
    for (size_t i = 0; i < s->canary_count; i++)
        search_add(x, &s->canaries[i]);
    for (size_t i = 0; i < s->lasting_count; i++)
        if (!passing || !s->lasting[i].passes)
            search_add(x, &s->lasting[i]);
}

static const struct canary *search(const struct search *x, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i++) {
        unsigned at = (unsigned)data[i] << 8 | data[i + 1];
        if (!(x->first_two[at / 8] & 1 << at % 8))
            continue;
        for (size_t j = 0; j < x->count; j++)
            if (x->list[j]->len <= len - i &&
                memcmp(x->list[j]->bytes, data + i, x->list[j]->len) == 0)
                return x->list[j];
    }
    return NULL;
}

void check_wire(struct sim *s, const uint8_t *data, size_t len)
{
    // The lasting ones in everything, the latest in what is not a cell: those are many.
    for (size_t i = 0; i < s->lasting_count; i++)
        if (!s->lasting[i].passes &&
            memmem(data, len, s->lasting[i].bytes, s->lasting[i].len) != NULL)
            sim_fail(s, "a relay sees %s", s->lasting[i].what);
    for (size_t i = 0; i < s->canary_count && i < 4; i++) {
        const struct canary *c = &s->canaries[(s->canary_next - 1 - i) % CANARIES_MAX];
        if (memmem(data, len, c->bytes, c->len) != NULL)
            sim_fail(s, "a relay sees %s", c->what);
    }
}

void check_relay_memory(struct sim *s)
{
    static struct search x;
    search_for(&x, s, false);
    for (size_t i = 0; i < s->relay_count; i++) {
        const struct sim_relay *r = &s->relays[i];
        const struct canary *c = search(&x, r->arena.base, r->arena.used);
        if (c)
            sim_fail(s, "%s lies in a relay's memory", c->what);
    }
}

// ---- at the end --------------------------------------------------------------------------------

static void check_idle(struct person *p)
{
    uint32_t ids[SOTTO_CALLS_MAX];
    if (!p->device)
        return;
    if (!sotto_device_idle(p->device))
        sim_fail(p->sim, "%s: the device is not idle", p->name);
    if (sotto_device_calls(p->device, ids) != 0)
        sim_fail(p->sim, "%s: there are calls left", p->name);
    if (p->has_line && !p->line_ready)
        sim_fail(p->sim, "%s: the line is not ready again", p->name);
    for (size_t i = 0; i < p->call_count; i++)
        if (!p->calls[i].ended)
            sim_fail(p->sim, "%s: the driver was never told that call %u ended", p->name,
                     (unsigned)p->calls[i].id);
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (p->device->calls[i].used && p->device->calls[i].state != SOTTO_CALL_ENDED)
            sim_fail(p->sim, "%s: a hidden call is left", p->name);
    // The device itself and its links' queues; each call's and session's own memory is gone.
    size_t own = 1;
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++)
        own += p->links[i].wanted;
    if (p->alloc_blocks > own)
        sim_fail(p->sim, "%s: %zu blocks (%zu bytes) are held without a call", p->name,
                 p->alloc_blocks, p->alloc_bytes);
}

// Switched off, devices and relays leave nothing behind.
void check_end(struct sim *s)
{
    for (size_t i = 0; i < s->people_count; i++)
        person_crash(s->people[i]);
    for (size_t i = 0; i < s->relay_count; i++)
        relay_crash(&s->relays[i]);
}

void check_quiet(struct sim *s)
{
    for (size_t i = 0; i < s->people_count; i++)
        check_idle(s->people[i]);
    for (size_t i = 0; i < s->relay_count; i++) {
        struct relay_stats stats;
        if (!s->relays[i].engine)
            continue;
        relay_engine_stats(s->relays[i].engine, &stats);
        if (stats.circuits)
            sim_fail(s, "relay %zu: %llu circuits are left", i, (unsigned long long)stats.circuits);
    }
    check_relay_memory(s);
}
