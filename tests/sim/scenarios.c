// SPDX-License-Identifier: Apache-2.0
// Calls, told as a specification. Each runs with every seed: latencies, keys and offsets differ.
#include "sim.h"

#include <ctype.h>
#include <string.h>

#define EXPECT(s, what)                                                  \
    do {                                                                 \
        if (!(s)->failed && !(what))                                     \
            sim_fail(s, "%s:%d: not so: %s", __FILE__, __LINE__, #what); \
    } while (0)

// ---- the cast ----------------------------------------------------------------------------------

struct stage {
    struct sim_relay *relay;
    struct person *anna, *boris, *chen;
    struct sotto_number_link to_boris, to_anna; // minted for each other
    uint32_t call;                              // the latest that was dialled
};

struct wait {
    struct person *p;
    enum sotto_call_state state;
    enum sotto_end end;
    uint32_t call;
};

static bool line_is_ready(struct sim *s, void *arg)
{
    (void)s;
    return ((struct person *)arg)->line_ready;
}

static bool result_has_come(struct sim *s, void *arg)
{
    (void)s;
    return ((struct person *)arg)->result_came;
}

static struct person *enter(struct sim *s, const char *name, struct sim_relay *relay)
{
    struct person *p = person_add(s, name, relay);
    p->path.latency_ns = 5 * MS + rng_below(&s->rng, 60 * MS);
    p->path.jitter_ns = rng_below(&s->rng, 8 * MS);
    person_start(p);
    user_register(p);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, p));
    return p;
}

static void mint(struct sim *s, struct person *owner, struct person *for_whom, const char *label,
                 struct sotto_number_link *link)
{
    EXPECT(s, user_mint(owner, label, link) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, owner));
    EXPECT(s, owner->last_result == 0);
    book_contact_add(&for_whom->book, owner->name, &owner->fp);
}

static struct stage setting(struct sim *s)
{
    struct stage st = {.relay = sim_relay_add(s, "relay.example")};
    st.anna = enter(s, "Anna", st.relay);
    st.boris = enter(s, "Boris", st.relay);
    mint(s, st.boris, st.anna, "Anna, as Boris calls her", &st.to_boris);
    mint(s, st.anna, st.boris, "Boris, as Anna calls him", &st.to_anna);
    return st;
}

// ---- waiting -----------------------------------------------------------------------------------

static struct seen_call *which(struct wait *w)
{
    return w->call ? person_call(w->p, w->call) : person_latest(w->p);
}

static bool state_is(struct sim *s, void *arg)
{
    (void)s;
    struct wait *w = arg;
    struct seen_call *c = which(w);
    return c && c->state == w->state && (w->end == SOTTO_END_NONE || c->end == w->end);
}

// The person's latest call comes into that state.
static bool comes_to(struct person *p, enum sotto_call_state state, sotto_ns within)
{
    struct wait w = {.p = p, .state = state};
    return sim_until(p->sim, within, state_is, &w);
}

static bool ends_as(struct person *p, enum sotto_end end, sotto_ns within)
{
    struct wait w = {.p = p, .state = SOTTO_CALL_ENDED, .end = end};
    return sim_until(p->sim, within, state_is, &w);
}

struct hearing {
    struct person *a, *b;
    sotto_ns since;
};

static bool hear_each_other(struct sim *s, void *arg)
{
    (void)s;
    struct hearing *h = arg;
    return h->a->heard_at[h->b->index] > h->since && h->b->heard_at[h->a->index] > h->since;
}

static bool talk(struct person *a, struct person *b, sotto_ns within)
{
    struct hearing h = {a, b, a->sim->now_ns + 200 * MS};
    return sim_until(a->sim, within, hear_each_other, &h);
}

static uint32_t latest(const struct person *p)
{
    return p->call_count ? p->calls[p->call_count - 1].id : 0;
}

static void dial(struct sim *s, struct stage *st)
{
    EXPECT(s, user_dial(st->anna, &st->to_boris, "Boris in Anna's book", &st->call) == 0);
}

static void dial_and_accept(struct sim *s, struct stage *st)
{
    dial(s, st);
    EXPECT(s, comes_to(st->boris, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, comes_to(st->anna, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, user_accept(st->boris, latest(st->boris)) == 0);
    EXPECT(s, comes_to(st->anna, SOTTO_CALL_ACTIVE, 5 * SECOND));
    EXPECT(s, comes_to(st->boris, SOTTO_CALL_ACTIVE, 5 * SECOND));
}

static struct sotto_call_info info_of(struct person *p, uint32_t call)
{
    struct sotto_call_info info = {0};
    sotto_device_call_info(p->device, call, &info);
    return info;
}

static void all_quiet(struct sim *s)
{
    sim_run(s, 60 * SECOND);
    if (!s->failed)
        check_quiet(s);
}

// ---- the scenarios -----------------------------------------------------------------------------

static void normal_call(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, strcmp(st.boris->rang_label, "Anna") == 0);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_RINGING, 5 * SECOND));
    // It rings; nobody hears anything, whatever is said.
    sim_run(s, 1 * SECOND);
    EXPECT(s, st.anna->loud_frames == 0 && st.boris->loud_frames == 0);
    EXPECT(s, info_of(st.anna, st.call).secure && info_of(st.boris, latest(st.boris)).secure);
    EXPECT(s, user_accept(st.boris, latest(st.boris)) == 0);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    struct sotto_call_info a = info_of(st.anna, st.call), b = info_of(st.boris, latest(st.boris));
    EXPECT(s, sotto_words_equal(&a.words, &b.words));
    EXPECT(s, !a.verified && !b.verified);
    EXPECT(s, user_words(st.anna, st.call, true) == 0);
    EXPECT(s, info_of(st.anna, st.call).verified && !info_of(st.boris, latest(st.boris)).verified);
    sim_run(s, 1 * SECOND);
    check_relay_memory(s);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    EXPECT(s, ends_as(st.anna, SOTTO_END_HANGUP, 3 * SECOND));
    EXPECT(s, ends_as(st.boris, SOTTO_END_PEER_HANGUP, 3 * SECOND));
    all_quiet(s);
}

static void declined(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    sim_run(s, rng_below(&s->rng, 2 * SECOND)); // perhaps before the last confirmation
    EXPECT(s, user_decline(st.boris, latest(st.boris)) == 0);
    EXPECT(s, ends_as(st.boris, SOTTO_END_WE_DECLINED, 3 * SECOND));
    sim_run(s, 3 * SECOND);
    enum sotto_end end = person_latest(st.anna)->end;
    EXPECT(s, end == SOTTO_END_DECLINED || end == SOTTO_END_REFUSED);
    EXPECT(s, st.anna->loud_frames == 0 && st.boris->loud_frames == 0);
    all_quiet(s);
}

static void no_answer(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_NO_ANSWER, 70 * SECOND));
    EXPECT(s, ends_as(st.boris, SOTTO_END_NO_ANSWER, 8 * SECOND));
    EXPECT(s, st.boris->rang_count == 1);
    all_quiet(s);
}

static void cancelled(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    sim_run(s, rng_below(&s->rng, 2 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    EXPECT(s, ends_as(st.anna, SOTTO_END_CANCELLED, 3 * SECOND));
    sim_run(s, 3 * SECOND);
    EXPECT(s, !st.boris->rang_count || person_latest(st.boris)->end == SOTTO_END_CANCELLED);
    EXPECT(s, st.boris->loud_frames == 0);
    all_quiet(s);
}

static void offline(struct sim *s)
{
    struct stage st = setting(s);
    person_crash(st.boris);
    sim_run(s, 30 * SECOND);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_OFFLINE, 5 * SECOND));
    person_start(st.boris);
    EXPECT(s, sim_until(s, 5 * SECOND, line_is_ready, st.boris));
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
}

// ---- waking

static struct stage pushed_setting(struct sim *s)
{
    struct stage st = setting(s);
    EXPECT(s, user_push(st.boris, true) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    EXPECT(s, st.boris->last_result == 0);
    return st;
}

// Boris closes the page; the relay knows it if he waits.
static void boris_leaves(struct sim *s, struct stage *st, sotto_ns opens_after_ns)
{
    st->boris->wakes_after_ns = opens_after_ns;
    person_crash(st->boris);
    sim_run(s, 11 * SECOND);
}

static bool is_waking(struct sim *s, void *arg)
{
    struct stage *st = arg;
    (void)s;
    return info_of(st->anna, st->call).waking;
}

static void answer_and_talk(struct sim *s, struct stage *st)
{
    EXPECT(s, comes_to(st->anna, SOTTO_CALL_RINGING, 10 * SECOND));
    EXPECT(s, comes_to(st->boris, SOTTO_CALL_RINGING, 1 * SECOND));
    EXPECT(s, !info_of(st->anna, st->call).waking);
    EXPECT(s, user_accept(st->boris, latest(st->boris)) == 0);
    EXPECT(s, talk(st->anna, st->boris, 5 * SECOND));
    check_relay_memory(s);
    EXPECT(s, user_hangup(st->anna, st->call) == 0);
    all_quiet(s);
}

// Longer than the session's own time.
static void woken(struct sim *s)
{
    struct stage st = pushed_setting(s);
    boris_leaves(s, &st, 3 * SECOND + rng_below(&s->rng, 35 * SECOND));
    dial(s, &st);
    EXPECT(s, sim_until(s, 1 * SECOND, is_waking, &st));
    EXPECT(s, st.boris->pushed_count == 1);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 45 * SECOND));
    answer_and_talk(s, &st);
    EXPECT(s, st.boris->pushed_count == 1 && st.boris->rang_count == 1);
}

// The relay takes the page for connected still: it says nothing, and is woken.
static void woken_unnoticed(struct sim *s)
{
    struct stage st = pushed_setting(s);
    st.boris->wakes_after_ns = 2 * SECOND;
    person_crash(st.boris);
    dial(s, &st);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 10 * SECOND));
    EXPECT(s, st.boris->pushed_count == 1);
    answer_and_talk(s, &st);
}

// The browser has put the page to sleep: connected, but deaf for a while.
static void woken_asleep(struct sim *s)
{
    struct stage st = pushed_setting(s);
    path_outage(st.boris, 6 * SECOND);
    dial(s, &st);
    EXPECT(s, sim_until(s, 4 * SECOND, is_waking, &st));
    EXPECT(s, st.boris->pushed_count == 1);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 10 * SECOND));
    EXPECT(s, st.boris->rang_count == 1);
    answer_and_talk(s, &st);
}

static void woken_nobody(struct sim *s)
{
    struct stage st = pushed_setting(s);
    boris_leaves(s, &st, 0);
    sotto_ns from = s->now_ns;
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_OFFLINE, 50 * SECOND));
    EXPECT(s, s->now_ns - from > 40 * SECOND && st.boris->pushed_count == 1);
    // Too late.
    person_start(st.boris);
    EXPECT(s, sim_until(s, 5 * SECOND, line_is_ready, st.boris));
    sim_run(s, 5 * SECOND);
    EXPECT(s, st.boris->rang_count == 0);
    // He wants to be woken no more.
    EXPECT(s, user_push(st.boris, false) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    EXPECT(s, st.boris->last_result == 0);
    boris_leaves(s, &st, 1 * SECOND);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_OFFLINE, 2 * SECOND));
    EXPECT(s, st.boris->pushed_count == 1);
    all_quiet(s);
}

static void woken_cancelled(struct sim *s)
{
    struct stage st = pushed_setting(s);
    boris_leaves(s, &st, 10 * SECOND);
    dial(s, &st);
    EXPECT(s, sim_until(s, 1 * SECOND, is_waking, &st));
    sim_run(s, rng_below(&s->rng, 11 * SECOND)); // perhaps as he comes
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    EXPECT(s, ends_as(st.anna, SOTTO_END_CANCELLED, 1 * SECOND));
    sim_run(s, 20 * SECOND);
    EXPECT(s, st.boris->device && st.boris->line_ready);
    EXPECT(s, !st.boris->rang_count || person_latest(st.boris)->ended);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// The caller's device begins anew by itself, and Boris is pushed once more.
static void woken_restart(struct sim *s)
{
    struct stage st = pushed_setting(s);
    boris_leaves(s, &st, 20 * SECOND);
    dial(s, &st);
    EXPECT(s, sim_until(s, 1 * SECOND, is_waking, &st));
    relay_crash(st.relay);
    sim_run(s, 1 * SECOND);
    relay_start(st.relay);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 40 * SECOND));
    EXPECT(s, st.boris->pushed_count >= 1 && st.boris->pushed_count <= 2);
    answer_and_talk(s, &st);
}

// Two who dial each other: one of them is being woken, and calls by himself.
static void woken_glare(struct sim *s)
{
    struct stage st = pushed_setting(s);
    boris_leaves(s, &st, 5 * SECOND);
    dial(s, &st);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, st.boris));
    sim_run(s, rng_below(&s->rng, 100 * MS));
    uint32_t back = 0;
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &back) == 0);
    EXPECT(s, talk(st.anna, st.boris, 20 * SECOND));
    EXPECT(s, user_hangup(st.anna, latest(st.anna)) == 0);
    all_quiet(s);
}

// Whoever has got hold of a number cannot keep pushing its owner, nor keep others from it.
static void woken_attack(struct sim *s)
{
    struct stage st = pushed_setting(s);
    struct sotto_number_link to_boris_2;
    st.chen = enter(s, "Chen", st.relay);
    mint(s, st.boris, st.chen, "Chen, as Boris calls him", &to_boris_2);
    dial_and_accept(s, &st); // binds Anna's number to her
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 2 * SECOND);
    boris_leaves(s, &st, 0);
    // Chen has Anna's number, and dials it for ten minutes.
    for (unsigned i = 0; i < 200; i++) {
        uint32_t call = 0;
        EXPECT(s, user_dial(st.chen, &st.to_boris, "Boris", &call) == 0);
        sim_run(s, 2 * SECOND);
        if (!person_latest(st.chen)->ended)
            user_hangup(st.chen, call);
        sim_run(s, 1 * SECOND);
    }
    size_t pushed = st.boris->pushed_count;
    EXPECT(s, pushed >= 6 && pushed <= 6 + 600 / 120 + 1);
    // Somebody else's number still wakes him.
    st.boris->wakes_after_ns = 2 * SECOND;
    sim_run(s, 6 * SECOND);
    EXPECT(s, user_dial(st.chen, &to_boris_2, "Boris", NULL) == 0);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 10 * SECOND));
    EXPECT(s, st.boris->pushed_count == pushed + 1);
    EXPECT(s, user_hangup(st.chen, latest(st.chen)) == 0);
    all_quiet(s);
}

static void busy(struct sim *s)
{
    static const char *const names[] = {"Chen", "Dana", "Emil"};
    struct stage st = setting(s);
    for (size_t i = 0; i < 3; i++) {
        struct sotto_number_link link;
        struct person *p = enter(s, names[i], st.relay);
        mint(s, st.boris, p, "somebody else", &link);
        EXPECT(s, user_dial(p, &link, "Boris", NULL) == 0);
        EXPECT(s, comes_to(p, SOTTO_CALL_RINGING, 5 * SECOND));
    }
    EXPECT(s, st.boris->rang_count == 3);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_BUSY, 5 * SECOND));
    EXPECT(s, st.boris->rang_count == 3);
    // Boris can call out all the same.
    uint32_t out;
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &out) == 0);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_RINGING, 5 * SECOND));
    sim_run(s, 70 * SECOND);
    all_quiet(s);
}

static void mute(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_mute(st.anna, st.call, true) == 0);
    EXPECT(s, !sotto_device_mic_open(st.anna->device));
    sim_run(s, 1 * SECOND);
    uint64_t heard = st.boris->heard[st.anna->index],
             sent = info_of(st.anna, st.call).stats.cells_sent;
    sim_run(s, 1 * SECOND);
    EXPECT(s, st.boris->heard[st.anna->index] == heard);
    // Cells flow on: nobody outside sees that she is mute.
    sent = info_of(st.anna, st.call).stats.cells_sent - sent;
    EXPECT(s, sent >= 49 && sent <= 51);
    EXPECT(s, user_mute(st.anna, st.call, false) == 0);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.boris, latest(st.boris)) == 0);
    all_quiet(s);
}

static void hold(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hold(st.boris, latest(st.boris), true) == 0);
    sim_run(s, 1 * SECOND);
    EXPECT(s, info_of(st.anna, st.call).peer_held);
    EXPECT(s, !sotto_device_mic_open(st.anna->device) && !sotto_device_mic_open(st.boris->device));
    uint64_t a = st.anna->loud_frames, b = st.boris->loud_frames;
    sim_run(s, 1 * SECOND);
    EXPECT(s, st.anna->loud_frames == a && st.boris->loud_frames == b);
    EXPECT(s, user_hold(st.boris, latest(st.boris), false) == 0);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// Both dial each other, one a little later: from at the same instant to after it rings.
static void glare(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    sim_run(s, rng_chance(&s->rng, 300) ? 0 : rng_below(&s->rng, 1500) * MS);
    uint32_t other;
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &other) == 0);
    EXPECT(s, talk(st.anna, st.boris, 10 * SECOND));
    uint32_t ids[SOTTO_CALLS_MAX];
    sim_run(s, 3 * SECOND);
    EXPECT(s, sotto_device_calls(st.anna->device, ids) == 1);
    EXPECT(s, sotto_device_calls(st.boris->device, ids) == 1);
    EXPECT(s, user_hangup(st.boris, ids[0]) == 0);
    all_quiet(s);
}

// Who mutes before the answer is mute in whichever of the two calls goes on.
static void glare_muted(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    EXPECT(s, user_mute(st.anna, st.call, true) == 0);
    uint32_t other;
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &other) == 0);
    EXPECT(s, user_mute(st.boris, other, true) == 0);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_ACTIVE, 10 * SECOND));
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_ACTIVE, 10 * SECOND));
    sim_run(s, 2 * SECOND);
    EXPECT(s, !sotto_device_mic_open(st.anna->device) && !sotto_device_mic_open(st.boris->device));
    EXPECT(s, st.anna->loud_frames == 0 && st.boris->loud_frames == 0);
    EXPECT(s, user_mute(st.anna, latest(st.anna), false) == 0 ||
                  user_mute(st.anna, st.call, false) == 0);
    EXPECT(s, user_hangup(st.boris, latest(st.boris)) == 0 || user_hangup(st.boris, other) == 0);
    all_quiet(s);
}

// Both dial each other, but the number of one of them is no longer good: the other call rings.
static void glare_with_one_number(struct sim *s)
{
    struct stage st = setting(s);
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    sotto_token_hash(st.to_anna.token, hash);
    EXPECT(s, user_revoke(st.anna, hash) == 0);
    sim_run(s, rng_below(&s->rng, 500 * MS));
    dial(s, &st);
    sim_run(s, rng_below(&s->rng, 400) * MS);
    uint32_t other;
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &other) == 0);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_RINGING, 10 * SECOND) ||
                  comes_to(st.anna, SOTTO_CALL_ACTIVE, SECOND));
    sim_run(s, 5 * SECOND);
    for (size_t i = 0; i < st.boris->call_count; i++)
        if (st.boris->calls[i].state == SOTTO_CALL_RINGING)
            EXPECT(s, user_accept(st.boris, st.boris->calls[i].id) == 0);
    EXPECT(s, talk(st.anna, st.boris, 5 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

static void outage(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_words(st.anna, st.call, true) == 0);
    // On one side, on the other, or on both, not quite at the same time.
    uint64_t where = 1 + rng_below(&s->rng, 3);
    uint64_t seconds = rng_chance(&s->rng, 500) ? 30 : 3 + rng_below(&s->rng, 27);
    if (where & 1)
        path_outage(st.anna, seconds * SECOND);
    if (where & 2) {
        sim_run(s, rng_below(&s->rng, 500) * SECOND / 1000);
        path_outage(st.boris, seconds * SECOND);
    }
    sim_run(s, 2 * SECOND);
    EXPECT(s, info_of(st.anna, st.call).reconnecting);
    EXPECT(s, info_of(st.anna, st.call).kept_until_ns > s->now_ns + 40 * SECOND);
    EXPECT(s, talk(st.anna, st.boris, 38 * SECOND));
    EXPECT(s, info_of(st.anna, st.call).kept_until_ns == 0);
    EXPECT(s, !info_of(st.anna, st.call).reconnecting && info_of(st.anna, st.call).verified);
    EXPECT(s, info_of(st.anna, st.call).secure);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    EXPECT(s, ends_as(st.boris, SOTTO_END_PEER_HANGUP, 5 * SECOND));
    all_quiet(s);
}

static void lost(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    path_outage(st.boris, 70 * SECOND);
    EXPECT(s, !ends_as(st.anna, SOTTO_END_LOST, 40 * SECOND));
    EXPECT(s, ends_as(st.anna, SOTTO_END_LOST, 10 * SECOND));
    EXPECT(s, ends_as(st.boris, SOTTO_END_LOST, 5 * SECOND));
    all_quiet(s);
    EXPECT(s, st.boris->line_ready);
}

static void vanished(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    person_crash(st.boris);
    EXPECT(s, ends_as(st.anna, SOTTO_END_LOST, 62 * SECOND));
    person_start(st.boris);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, st.boris));
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

static void relay_restarts(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    relay_crash(st.relay);
    sim_run(s, 1 * SECOND);
    relay_start(st.relay);
    EXPECT(s, ends_as(st.anna, SOTTO_END_DROPPED, 35 * SECOND));
    EXPECT(s, ends_as(st.boris, SOTTO_END_DROPPED, 35 * SECOND));
    sim_run(s, 5 * SECOND);
    dial_and_accept(s, &st); // its store has survived
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

static void waiting(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number_link link;
    st.chen = enter(s, "Chen", st.relay);
    mint(s, st.boris, st.chen, "Chen, as Boris calls him", &link);
    dial_and_accept(s, &st);
    uint32_t first = latest(st.boris);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_dial(st.chen, &link, "Boris", NULL) == 0);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, strcmp(st.boris->rang_label, "Chen, as Boris calls him") == 0);
    EXPECT(s, comes_to(st.chen, SOTTO_CALL_RINGING, 5 * SECOND));
    // The first call goes on undisturbed until Boris takes the second.
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    uint32_t second = latest(st.boris);
    EXPECT(s, user_accept(st.boris, second) == 0);
    EXPECT(s, talk(st.chen, st.boris, 3 * SECOND));
    EXPECT(s, info_of(st.boris, first).held && info_of(st.anna, st.call).peer_held);
    sim_run(s, 1 * SECOND);
    uint64_t a = st.anna->loud_frames;
    sim_run(s, 1 * SECOND);
    EXPECT(s, st.anna->loud_frames == a);
    // To and fro, and what was said into one is not heard in the other.
    for (int i = 0; i < 4; i++) {
        EXPECT(s, user_hold(st.boris, i % 2 ? second : first, false) == 0);
        sim_run(s, rng_below(&s->rng, 400 * MS));
    }
    EXPECT(s, user_hangup(st.boris, second) == 0);
    EXPECT(s, user_hold(st.boris, first, false) == 0);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// What the other end was told last: whether DRED may be sent.
static bool tells_history(const struct person *p)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        if (p->device->calls[i].media)
            return p->device->calls[i].fill.history;
    return false;
}

// A device without the time for neural networks does without them, says so to its user and to the
// other end, and the call goes on.
static void slow_device(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    uint32_t of_boris = latest(st.boris);
    st.anna->path.loss = st.boris->path.loss = 50;
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    enum sotto_neural usual = info_of(st.anna, st.call).stats.neural;
    bool able = usual == SOTTO_NEURAL_ON; // not where Opus came without DRED's weights
    EXPECT(s, info_of(st.boris, of_boris).stats.neural == usual);
    EXPECT(s, tells_history(st.anna) == able && tells_history(st.boris) == able);
    st.boris->voice_cost_ns = 12 * MS; // of the 20
    sim_run(s, 6 * SECOND);
    EXPECT(s, info_of(st.boris, of_boris).stats.neural == SOTTO_NEURAL_SPARED);
    EXPECT(s, info_of(st.anna, st.call).stats.neural == usual);
    EXPECT(s, !tells_history(st.anna) && tells_history(st.boris) == able);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    st.boris->voice_cost_ns = 1 * MS;
    sim_run(s, 50 * SECOND);
    EXPECT(s, info_of(st.boris, of_boris).stats.neural == SOTTO_NEURAL_SPARED);
    sim_run(s, 15 * SECOND);
    EXPECT(s, info_of(st.boris, of_boris).stats.neural == usual);
    EXPECT(s, tells_history(st.anna) == able);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    st.boris->voice_cost_ns = 12 * MS;
    sim_run(s, 5 * SECOND);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
    EXPECT(s, info_of(st.boris, of_boris).stats.neural == SOTTO_NEURAL_SPARED); // for its report
}

// Anna starts anew with this profile.
static void prefers(struct sim *s, struct stage *st, enum sotto_profile profile)
{
    person_crash(st->anna);
    st->anna->profile = profile;
    person_start(st->anna);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, st->anna));
}

static uint32_t sends_every(struct person *p)
{
    return info_of(p, p->calls[p->call_count - 1].id).stats.tick_ms;
}

// A link that cannot carry fifty cells in a second gets fewer, and more again when it can.
static void thin(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    st.anna->path.kbps = 64;
    sim_run(s, 8 * SECOND);
    EXPECT(s, sends_every(st.anna) == 40 && sends_every(st.boris) == 20);
    EXPECT(s, info_of(st.boris, latest(st.boris)).stats.peer_tick_ms == 40);
    sim_run(s, 6 * SECOND); // the queue is gone
    struct sotto_call_stats before = info_of(st.boris, latest(st.boris)).stats;
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    sim_run(s, 3 * SECOND);
    struct sotto_call_stats after = info_of(st.boris, latest(st.boris)).stats;
    EXPECT(s, after.playout.concealed <= before.playout.concealed + 2);
    EXPECT(s, after.cells_lost == before.cells_lost);
    st.anna->path.kbps = 0;
    sim_run(s, 40 * SECOND);
    EXPECT(s, sends_every(st.anna) == 20 && sends_every(st.boris) == 20);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// Both ends at once, under loss, and from before the call on; a re-key is through all the same.
static void thin_both(struct sim *s)
{
    struct stage st = setting(s);
    st.anna->path.kbps = st.boris->path.kbps = 45;
    st.anna->path.loss = st.boris->path.loss = (unsigned)rng_below(&s->rng, 50);
    dial_and_accept(s, &st);
    sim_run(s, 20 * SECOND);
    EXPECT(s, sends_every(st.anna) == 60 && sends_every(st.boris) == 60);
    EXPECT(s, talk(st.anna, st.boris, 5 * SECOND));
    EXPECT(s, user_rekey(st.boris, latest(st.boris)) == 0);
    sim_run(s, 50 * SECOND);
    EXPECT(s, person_latest(st.anna)->rekeyed == 1 && person_latest(st.boris)->rekeyed == 1);
    EXPECT(s, talk(st.anna, st.boris, 5 * SECOND));
    st.anna->path.loss = st.boris->path.loss = 0;
    EXPECT(s, user_hangup(st.boris, latest(st.boris)) == 0);
    sim_run(s, 5 * SECOND);
    all_quiet(s);
}

// What one end wants holds for both, in every state; holding and muting change nothing outside.
static void profile_60(struct sim *s)
{
    struct stage st = setting(s);
    prefers(s, &st, SOTTO_PROFILE_60);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    sim_run(s, 2 * SECOND);
    EXPECT(s, sends_every(st.anna) == 60 && sends_every(st.boris) == 60);
    st.anna->path.loss = st.boris->path.loss = 50;
    EXPECT(s, user_rekey(st.anna, st.call) == 0);
    sim_run(s, 45 * SECOND);
    EXPECT(s, person_latest(st.anna)->rekeyed == 1 && person_latest(st.boris)->rekeyed == 1);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_mute(st.anna, st.call, true) == 0);
    EXPECT(s, user_hold(st.boris, latest(st.boris), true) == 0);
    uint64_t sent = info_of(st.anna, st.call).stats.cells_sent;
    sim_run(s, 6 * SECOND);
    sent = info_of(st.anna, st.call).stats.cells_sent - sent;
    EXPECT(s, sent >= 99 && sent <= 101);
    path_outage(st.boris, 12 * SECOND);
    sim_run(s, 30 * SECOND);
    EXPECT(s, user_mute(st.anna, st.call, false) == 0);
    EXPECT(s, user_hold(st.boris, latest(st.boris), false) == 0);
    EXPECT(s, talk(st.anna, st.boris, 5 * SECOND));
    EXPECT(s, sends_every(st.anna) == 60 && sends_every(st.boris) == 60);
    st.anna->path.loss = st.boris->path.loss = 0;
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// A far end that lies in its reports gets fewer cells at most, never more, and the call goes on.
static void lies(struct sim *s)
{
    struct stage st = setting(s);
    st.anna->lies = true;
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    uint32_t every = sends_every(st.boris), changes = 0;
    for (unsigned i = 0; i < 600; i++) {
        uint64_t sent = info_of(st.boris, latest(st.boris)).stats.cells_sent;
        sim_run(s, 100 * MS);
        sent = info_of(st.boris, latest(st.boris)).stats.cells_sent - sent;
        EXPECT(s, sent >= 1 && sent <= 6);
        changes += sends_every(st.boris) != every ? 1 : 0;
        every = sends_every(st.boris);
    }
    EXPECT(s, changes <= 2 * 60 / 4);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.boris, latest(st.boris)) == 0);
    all_quiet(s);
}

// A peer that knows no spans is sent 20 ms, whatever our user wants, and sends them.
static void former_version(struct sim *s)
{
    struct stage st = setting(s);
    prefers(s, &st, SOTTO_PROFILE_60);
    st.boris->former = true;
    st.boris->profile = SOTTO_PROFILE_20;
    dial_and_accept(s, &st);
    st.anna->path.kbps = 64;
    sim_run(s, 20 * SECOND);
    EXPECT(s, sends_every(st.anna) == 20);
    st.anna->path.kbps = 0;
    EXPECT(s, talk(st.anna, st.boris, 5 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

static void rekey(struct sim *s)
{
    struct stage st = setting(s);
    person_crash(st.anna);
    st.anna->rekey_interval_ns = 7 * SECOND;
    person_start(st.anna);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, st.anna));
    dial_and_accept(s, &st);
    st.anna->path.loss = st.boris->path.loss = (unsigned)rng_below(&s->rng, 80);
    st.anna->path.reorder = st.boris->path.reorder = 50;
    EXPECT(s, user_words(st.anna, st.call, true) == 0);
    EXPECT(s, user_rekey(st.boris, latest(st.boris)) == 0);
    sim_run(s, 8 * SECOND);
    user_rekey(st.anna, st.call);
    user_rekey(st.boris, latest(st.boris));
    sim_run(s, 60 * SECOND);
    EXPECT(s, person_latest(st.anna)->rekeyed >= 3 && person_latest(st.boris)->rekeyed >= 3);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, info_of(st.anna, st.call).verified && !info_of(st.boris, latest(st.boris)).verified);
    st.anna->path.loss = st.boris->path.loss = 0;
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// The network fails in the middle of a re-key, for less than a call outlives.
static void rekey_outage(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, user_rekey(st.anna, st.call) == 0);
    sim_run(s, rng_below(&s->rng, 4 * SECOND));
    path_outage(st.boris, (5 + rng_below(&s->rng, 26)) * SECOND);
    sim_run(s, 50 * SECOND);
    EXPECT(s, person_latest(st.anna)->rekeyed == 1 && person_latest(st.boris)->rekeyed == 1);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

static void leaked(struct sim *s)
{
    struct stage st = setting(s);
    st.chen = enter(s, "Chen", st.relay);
    dial_and_accept(s, &st);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 2 * SECOND);
    EXPECT(s, st.boris->bound_count == 1 && st.boris->rang_count == 1);
    // Anna has passed her number on.
    EXPECT(s, user_dial(st.chen, &st.to_boris, "Boris", NULL) == 0);
    EXPECT(s, ends_as(st.chen, SOTTO_END_REFUSED, 5 * SECOND));
    EXPECT(s, st.boris->rang_count == 1 && st.boris->leaked_count == 1);
    EXPECT(s, sotto_fingerprint_equal(&st.boris->leaked_to, &st.chen->fp));
    EXPECT(s, strcmp(st.boris->leaked_label, "Anna") == 0);
    EXPECT(s, st.boris->book.numbers[0].leaks == 1);
    // Hers is good still, until Boris revokes it.
    dial_and_accept(s, &st);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 2 * SECOND);
    EXPECT(s, user_revoke(st.boris, st.boris->book.numbers[0].token_hash) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_UNAVAILABLE, 5 * SECOND));
    all_quiet(s);
}

// X has lost his keys: his new ones are refused until the owner rebinds the number.
static void rebound(struct sim *s)
{
    struct stage st = setting(s);
    st.chen = enter(s, "Chen", st.relay);
    dial_and_accept(s, &st);
    EXPECT(s, user_words(st.boris, latest(st.boris), true) == 0);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 2 * SECOND);
    struct sotto_number *n = &st.boris->book.numbers[0];
    EXPECT(s, n->verified);
    EXPECT(s, user_dial(st.chen, &st.to_boris, "Boris", NULL) == 0);
    EXPECT(s, ends_as(st.chen, SOTTO_END_REFUSED, 5 * SECOND));
    n->state = SOTTO_NUMBER_FRESH;
    EXPECT(s, user_dial(st.chen, &st.to_boris, "Boris", NULL) == 0);
    EXPECT(s, comes_to(st.chen, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, user_accept(st.boris, latest(st.boris)) == 0);
    EXPECT(s, talk(st.chen, st.boris, 3 * SECOND));
    EXPECT(s, !info_of(st.boris, latest(st.boris)).verified);
    EXPECT(s, strcmp(st.boris->rang_label, n->label) == 0);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_REFUSED, 5 * SECOND));
    EXPECT(s, user_hangup(st.chen, latest(st.chen)) == 0);
    all_quiet(s);
}

// While it rings, its owner gives the number to somebody else: who was let in is out again.
static void rebound_while_ringing(struct sim *s)
{
    struct stage st = setting(s);
    dial(s, &st);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    sim_run(s, rng_below(&s->rng, 1 * SECOND)); // perhaps before the last confirmation
    struct sotto_number *n = &st.boris->book.numbers[0];
    n->state = SOTTO_NUMBER_FRESH;
    user_accept(st.boris, latest(st.boris));
    EXPECT(s, ends_as(st.boris, SOTTO_END_REFUSED, 5 * SECOND));
    EXPECT(s, n->calls_used == 0 && n->state == SOTTO_NUMBER_FRESH);
    EXPECT(s, st.anna->loud_frames == 0 && st.boris->loud_frames == 0);
    all_quiet(s);
}

static void first_use_race(struct sim *s)
{
    struct stage st = setting(s);
    st.chen = enter(s, "Chen", st.relay);
    dial(s, &st);
    sim_run(s, rng_below(&s->rng, 30) * MS);
    EXPECT(s, user_dial(st.chen, &st.to_boris, "Boris", NULL) == 0);
    sim_run(s, 5 * SECOND);
    EXPECT(s,
           st.boris->rang_count == 1 && st.boris->bound_count == 1 && st.boris->leaked_count == 1);
    struct person *winner = st.anna, *loser = st.chen;
    if (sotto_fingerprint_equal(&st.boris->book.numbers[0].bound, &st.chen->fp)) {
        winner = st.chen;
        loser = st.anna;
    }
    EXPECT(s, person_latest(loser)->end == SOTTO_END_REFUSED);
    for (size_t i = 0; i < st.boris->call_count; i++)
        if (st.boris->calls[i].state == SOTTO_CALL_RINGING)
            EXPECT(s, user_accept(st.boris, st.boris->calls[i].id) == 0);
    EXPECT(s, talk(winner, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(winner, latest(winner)) == 0);
    all_quiet(s);
}

static void terms(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number *n = &st.boris->book.numbers[0];
    n->calls_max = 1;
    EXPECT(s, user_publish(st.boris, n->token_hash) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    // A call that nobody answers does not count.
    dial(s, &st);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 3 * SECOND);
    EXPECT(s, n->calls_used == 0);
    dial_and_accept(s, &st);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, n->calls_used == 1 && st.boris->changed_count == 1);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 3 * SECOND);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_UNAVAILABLE, 5 * SECOND));
    // A relay that forgets the terms does not matter: the device keeps them.
    n->calls_max = 5;
    EXPECT(s, user_publish(st.boris, n->token_hash) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    n->calls_max = 1;
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_REFUSED, 5 * SECOND));
    EXPECT(s, st.boris->rang_count == 2);
    n->calls_max = SOTTO_CALLS_UNLIMITED;
    n->expires_unix_s = person_now(st.boris).unix_s + 3;
    EXPECT(s, user_publish(st.boris, n->token_hash) == 0);
    sim_run(s, 4 * SECOND);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_UNAVAILABLE, 5 * SECOND));
    st.to_boris.expires_unix_s = n->expires_unix_s;
    EXPECT(s, user_dial(st.anna, &st.to_boris, "Boris", NULL) == SOTTO_EEXPIRED);
    all_quiet(s);
}

static uint32_t calls_left_at_relay(struct sim *s, struct stage *st)
{
    struct relay_store *store = relay_memory_store(st->relay->memory);
    struct relay_store_number row = {.calls_left = 0};
    EXPECT(s, store->number_get(store, st->boris->book.numbers[0].token_hash, &row) == 0);
    return row.calls_left;
}

// A number for two calls: the relay does not see that the first was answered, nor when the second.
static void terms_unseen(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number *n = &st.boris->book.numbers[0];
    n->calls_max = 2;
    EXPECT(s, user_publish(st.boris, n->token_hash) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, result_has_come, st.boris));
    for (uint32_t i = 1; i <= 2; i++) {
        dial_and_accept(s, &st);
        EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
        EXPECT(s, n->calls_used == i && st.boris->changed_count == i);
        EXPECT(s, calls_left_at_relay(s, &st) == 2);
        EXPECT(s, user_hangup(st.anna, st.call) == 0);
        sim_run(s, 3 * SECOND);
        EXPECT(s, calls_left_at_relay(s, &st) == (i < 2 ? 2 : 0));
    }
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_UNAVAILABLE, 5 * SECOND));
    all_quiet(s);
}

// Two answered calls at once on a number for one call: the second is not let in.
static void one_call(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number *n = &st.boris->book.numbers[0];
    n->calls_max = 1;
    dial(s, &st);
    uint32_t other;
    EXPECT(s, user_dial(st.anna, &st.to_boris, "Boris again", &other) == 0);
    sim_run(s, 5 * SECOND);
    EXPECT(s, st.boris->rang_count == 2);
    for (size_t i = 0; i < st.boris->call_count; i++)
        user_accept(st.boris, st.boris->calls[i].id);
    sim_run(s, 3 * SECOND);
    EXPECT(s, n->calls_used == 1);
    uint32_t ids[SOTTO_CALLS_MAX];
    EXPECT(s, sotto_device_calls(st.boris->device, ids) == 1);
    EXPECT(s, user_hangup(st.boris, ids[0]) == 0);
    all_quiet(s);
}

static void suites(struct sim *s)
{
    struct stage st = setting(s);
    person_crash(st.boris);
    st.boris->suite = SOTTO_SUITE_CNSA2;
    person_start(st.boris);
    EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, st.boris));
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_SUITE, 5 * SECOND));
    EXPECT(s, st.boris->rang_count == 0);
    uint32_t call; // the other way round it works
    EXPECT(s, user_dial(st.boris, &st.to_anna, "Anna", &call) == 0);
    EXPECT(s, comes_to(st.anna, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(s, user_accept(st.anna, latest(st.anna)) == 0);
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, strcmp(info_of(st.boris, call).stats.session.group, "MLKEM1024") == 0);
    EXPECT(s, user_hangup(st.boris, call) == 0);
    all_quiet(s);
}

static void storage(struct sim *s)
{
    struct stage st = setting(s);
    st.boris->book.failure = SOTTO_EFULL;
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_REFUSED, 5 * SECOND));
    EXPECT(s, st.boris->rang_count == 0 && st.boris->book.numbers[0].state == SOTTO_NUMBER_FRESH);
    st.boris->book.failure = 0;
    dial(s, &st);
    EXPECT(s, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    sim_run(s, 1 * SECOND);
    st.boris->book.failure = SOTTO_EIO; // between ring and answer
    user_accept(st.boris, latest(st.boris));
    EXPECT(s, ends_as(st.boris, SOTTO_END_STORAGE, 5 * SECOND));
    sim_run(s, 3 * SECOND);
    EXPECT(s, person_latest(st.anna)->ended && !person_latest(st.anna)->active);
    st.boris->book.failure = 0;
    all_quiet(s);
}

static void words_differ(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, user_words(st.boris, latest(st.boris), true) == 0);
    EXPECT(s, info_of(st.boris, latest(st.boris)).verified);
    EXPECT(s, user_words(st.anna, st.call, false) == 0);
    EXPECT(s, !info_of(st.anna, st.call).verified && !info_of(st.anna, st.call).secure);
    EXPECT(s, ends_as(st.anna, SOTTO_END_WORDS, 3 * SECOND));
    EXPECT(s, ends_as(st.boris, SOTTO_END_WORDS, 3 * SECOND));
    EXPECT(s, !book_contact(&st.anna->book, &st.boris->fp)->verified);
    all_quiet(s);
}

static void clocks(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number *n = &st.boris->book.numbers[0];
    n->expires_unix_s = person_now(st.boris).unix_s + 3600;
    EXPECT(s, user_publish(st.boris, n->token_hash) == 0);
    sim_run(s, 1 * SECOND);
    st.boris->clock_offset_s = 86400;
    path_cut(st.boris, 0);
    sim_run(s, 1 * SECOND);
    EXPECT(s, sim_until(s, 5 * SECOND, line_is_ready, st.boris));
    EXPECT(s, st.boris->clock_events == 1);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_REFUSED, 5 * SECOND));
    st.boris->clock_offset_s = 0;
    dial_and_accept(s, &st);
    st.boris->clock_offset_s = -100000000; // a call does not care what time it is
    EXPECT(s, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    all_quiet(s);
}

// ---- stolen keys -------------------------------------------------------------------------------

// Who has stolen Boris's own identity, and has his number for Anna, is not Anna to him.
static void stolen_own_key(struct sim *s)
{
    struct stage st = setting(s);
    if (rng_chance(&s->rng, 500)) { // bound already, or not yet
        dial_and_accept(s, &st);
        EXPECT(s, user_hangup(st.anna, st.call) == 0);
        sim_run(s, 3 * SECOND);
    }
    size_t rang = st.boris->rang_count;
    struct sotto_number before = st.boris->book.numbers[0];
    struct person *thief = person_add_thief(s, "Thief", NULL, st.boris);
    person_start(thief);
    // An honest device would not call itself: the thief's is another one.
    watch_blind(thief);
    uint32_t call;
    EXPECT(s, user_dial(thief, &st.to_boris, "Boris", &call) == 0);
    thief->device->calls[0].has_expected = false;
    sim_run(s, 20 * SECOND);
    EXPECT(s, person_latest(thief)->end == SOTTO_END_REFUSED);
    watch_blind(NULL);
    EXPECT(s, person_latest(thief)->ended && !person_latest(thief)->active);
    EXPECT(s, st.boris->rang_count == rang);
    EXPECT(s, st.boris->book.numbers[0].state == before.state);
    EXPECT(s, sotto_fingerprint_equal(&st.boris->book.numbers[0].bound, &before.bound));
    all_quiet(s);
}

// The relay connects Anna's call to the thief, who has her own identity and even the number's
// secret.
static void stolen_callers_key(struct sim *s)
{
    struct stage st = setting(s);
    bool own = rng_chance(&s->rng, 500);
    struct person *thief = person_add_thief(s, "Thief", st.relay, own ? st.anna : st.boris);
    if (!own) // not the thief of Boris's identity, but some stranger
        thief = (person_crash(thief), enter(s, "Chen", st.relay));
    else {
        person_start(thief);
        user_register(thief);
        EXPECT(s, sim_until(s, 10 * SECOND, line_is_ready, thief));
    }
    thief->book.numbers[0] = st.boris->book.numbers[0];
    thief->book.number_count = 1;
    struct relay_store *store = relay_memory_store(st.relay->memory);
    struct relay_store_number row;
    EXPECT(s, store->number_get(store, thief->book.numbers[0].token_hash, &row) == 0);
    EXPECT(s, store->number_remove(store, row.token_hash, row.line_id) == 0);
    sotto_line_key_id(thief->line_key, row.line_id);
    EXPECT(s, store->number_put(store, &row, 100) == 0);
    dial(s, &st);
    EXPECT(s, ends_as(st.anna, SOTTO_END_WRONG_PEER, 20 * SECOND));
    EXPECT(s, thief->rang_count == 0 && st.anna->loud_frames == 0);
    all_quiet(s);
}

// ---- a relay that lies -------------------------------------------------------------------------

struct outcome {
    uint64_t trace;   // of events, words and cells
    uint64_t loud[2]; // frames that each side heard
};

static struct outcome outcome(struct sim *s, bool noise)
{
    struct outcome out;
    struct sim *run = sim_new(s->seed, false);
    if (noise)
        hostile_start(run, HOSTILE_NOISE, 1000);
    struct stage st = setting(run);
    dial_and_accept(run, &st);
    EXPECT(run, talk(st.anna, st.boris, 3 * SECOND));
    EXPECT(run, user_rekey(st.boris, latest(st.boris)) == 0);
    sim_run(run, 5 * SECOND);
    EXPECT(run, user_hold(st.boris, latest(st.boris), true) == 0);
    sim_run(run, 1 * SECOND);
    EXPECT(run, user_hold(st.boris, latest(st.boris), false) == 0);
    sim_run(run, 8 * SECOND);
    EXPECT(run, person_latest(st.anna)->rekeyed == 1);
    struct sotto_call_info a = info_of(st.anna, st.call);
    EXPECT(run, !noise || a.stats.cells_dropped > 20);
    EXPECT(run, user_hangup(st.anna, st.call) == 0);
    all_quiet(run);
    out.trace = fnv64(run->events_trace, &a.words, sizeof a.words);
    out.trace = fnv64(out.trace, &a.stats.cells_received, sizeof a.stats.cells_received);
    out.loud[0] = st.anna->loud_frames;
    out.loud[1] = st.boris->loud_frames;
    if (run->failed)
        sim_fail(s, "%s: %s", noise ? "with noise" : "without noise", run->failure);
    sim_free(run);
    watch_reset(s);
    return out;
}

static bool about_as_many(uint64_t a, uint64_t b)
{
    return a <= b + 2 && b <= a + 2;
}

// Replayed, reflected, altered, cut, misaddressed: the same call, to the word and to the cell. What
// wakes a device also moves its own sending by fractions of a millisecond, which the other side's
// playout follows: a frame where sound begins or ends may be louder or less.
static void noise(struct sim *s)
{
    struct outcome without = outcome(s, false), with = outcome(s, true);
    EXPECT(s, without.trace == with.trace);
    EXPECT(s, about_as_many(without.loud[0], with.loud[0]));
    EXPECT(s, about_as_many(without.loud[1], with.loud[1]));
}

// The relay gives an old first flight out again, to the one it was for and to others.
static void replayed_dial(struct sim *s)
{
    struct stage st = setting(s);
    dial_and_accept(s, &st);
    EXPECT(s, user_hangup(st.anna, st.call) == 0);
    sim_run(s, 3 * SECOND);
    hostile_start(s, HOSTILE_LIES, 1000);
    sim_run(s, 30 * SECOND);
    EXPECT(s, st.boris->rang_count == 1 && st.anna->rang_count == 0);
}

// ---- no memory ---------------------------------------------------------------------------------

// One call in which the Nth allocation of one side fails. False: there were not so many.
static bool call_without_memory(struct sim *s, long n, bool caller)
{
    struct sim *run = sim_new(s->seed, false);
    struct stage st = setting(run);
    struct person *p = caller ? st.anna : st.boris;
    p->short_of_memory = true;
    p->fail_alloc_at = n;
    user_dial(st.anna, &st.to_boris, "Boris", NULL);
    sim_run(run, 1 * SECOND);
    for (size_t i = 0; i < st.boris->call_count; i++)
        user_accept(st.boris, st.boris->calls[i].id);
    sim_run(run, 500 * MS);
    if (st.anna->call_count)
        user_rekey(st.anna, latest(st.anna));
    sim_run(run, 5500 * MS);
    bool failed = p->fail_alloc_at == 0;
    p->fail_alloc_at = 0;
    for (size_t i = 0; i < st.anna->call_count; i++)
        user_hangup(st.anna, st.anna->calls[i].id);
    all_quiet(run);
    // With memory again, it works again.
    EXPECT(run, user_dial(st.anna, &st.to_boris, "Boris", &st.call) == 0);
    EXPECT(run, comes_to(st.boris, SOTTO_CALL_RINGING, 5 * SECOND));
    EXPECT(run, user_accept(st.boris, latest(st.boris)) == 0);
    EXPECT(run, talk(st.anna, st.boris, 3 * SECOND));
    person_crash(st.anna); // which finds what was not freed
    person_crash(st.boris);
    if (run->failed)
        sim_fail(s, "without the %s's allocation %ld: %s", caller ? "caller" : "callee", n,
                 run->failure);
    sim_free(run);
    watch_reset(s);
    return failed;
}

static void no_memory(struct sim *s)
{
    long n = 1 + (long)rng_below(&s->rng, 3);
    while (!s->failed && call_without_memory(s, n, true))
        n += 3;
    EXPECT(s, n > 10);
    for (n = 1 + (long)rng_below(&s->rng, 3); !s->failed && call_without_memory(s, n, false);)
        n += 3;
    EXPECT(s, n > 10);
}

// ---- exchange ----------------------------------------------------------------------------------

static char code[SOTTO_CODE_TEXT_BYTES]; // that one reads to the other

static struct sotto_number_link unpublished(struct sim *s, struct person *p, const char *label)
{
    struct sotto_number_link link;
    mint(s, p, p, label, &link);
    sotto_code_generate(code, &p->env);
    return link;
}

static bool words_are_there(struct sim *s, void *arg)
{
    struct stage *st = arg;
    (void)s;
    return st->anna->x_words && st->boris->x_words;
}

static void exchange(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number_link a = unpublished(s, st.anna, "for Boris"),
                             b = unpublished(s, st.boris, "for Anna");
    EXPECT(s, user_exchange(st.anna, code, &a) == 0);
    sim_run(s, rng_below(&s->rng, 3 * SECOND));
    for (char *at = code; *at; at++) // as he types what he has heard
        *at = *at == '-' ? ' ' : (char)toupper((unsigned char)*at);
    EXPECT(s, user_exchange(st.boris, code, &b) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, words_are_there, &st));
    // Each hears what the other one reads.
    EXPECT(s, user_pick(st.anna, st.boris->x_read) == 0);
    sim_run(s, rng_below(&s->rng, 2 * SECOND));
    EXPECT(s, !st.anna->x_done && !st.boris->x_done);
    EXPECT(s, user_pick(st.boris, st.anna->x_read) == 0);
    sim_run(s, 3 * SECOND);
    EXPECT(s, st.anna->x_done && st.boris->x_done);
    EXPECT(s, sotto_fingerprint_equal(&st.anna->x_peer, &st.boris->fp));
    EXPECT(s, sotto_fingerprint_equal(&st.boris->x_peer, &st.anna->fp));
    EXPECT(s, memcmp(st.anna->x_peer_link.token, b.token, sizeof b.token) == 0);
    EXPECT(s, memcmp(st.boris->x_peer_link.token, a.token, sizeof a.token) == 0);
    // Nobody else can come there any more.
    EXPECT(s, user_exchange(st.anna, code, &a) == 0);
    sim_run(s, 3 * SECOND);
    EXPECT(s, !st.anna->x_done && !st.boris->x_failed);
    sotto_device_exchange_cancel(st.anna->device, person_now(st.anna));
    st.anna->x_failed = false;
    all_quiet(s);
}

static void exchange_wrong_words(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number_link a = unpublished(s, st.anna, "for Boris"),
                             b = unpublished(s, st.boris, "for Anna");
    EXPECT(s, user_exchange(st.anna, code, &a) == 0);
    EXPECT(s, user_exchange(st.boris, code, &b) == 0);
    EXPECT(s, sim_until(s, 5 * SECOND, words_are_there, &st));
    unsigned wrong = strcmp(st.anna->x_choices[0], st.boris->x_read) == 0 ? 1 : 0;
    EXPECT(s, user_pick(st.boris, st.anna->x_read) == 0);
    EXPECT(s, user_pick(st.anna, st.anna->x_choices[wrong]) == 0);
    sim_run(s, 3 * SECOND);
    EXPECT(s, st.anna->x_failed && st.boris->x_failed && !st.anna->x_done && !st.boris->x_done);
    EXPECT(s, st.anna->x_error == SOTTO_EAUTH && st.boris->x_error == SOTTO_EAUTH);
    all_quiet(s);
}

// Two of the relay's own in between, one at each place, who know the code.
static void exchange_in_between(struct sim *s)
{
    struct stage st = setting(s);
    struct sim_relay *other = sim_relay_add(s, "other.example");
    struct person *mallory = enter(s, "Mallory", st.relay), *malvin = enter(s, "Malvin", other);
    struct sotto_number_link a = unpublished(s, st.anna, "for Boris"),
                             b = unpublished(s, st.boris, "for Anna"),
                             m = unpublished(s, mallory, "for Anna, too"),
                             n = unpublished(s, malvin, "for Boris, too");
    EXPECT(s, user_exchange(st.anna, code, &a) == 0);
    EXPECT(s, user_exchange(mallory, code, &m) == 0);
    EXPECT(s, user_exchange(malvin, code, &n) == 0);
    st.boris->x_met = st.boris->x_words = st.boris->x_done = st.boris->x_failed = false;
    EXPECT(s, sotto_device_exchange(st.boris->device, &other->address, code, &b,
                                    person_now(st.boris)) == 0);
    person_pump(st.boris);
    EXPECT(s, sim_until(s, 5 * SECOND, words_are_there, &st));
    sim_run(s, 1 * SECOND);
    EXPECT(s, mallory->x_words && malvin->x_words);
    // Those in between are on the line as well and know both their own words and those they hear.
    EXPECT(s, user_pick(mallory, st.anna->x_read) == 0);
    EXPECT(s, user_pick(malvin, st.boris->x_read) == 0);
    // What Boris hears from Anna is not among his choices, nor hers among what he reads.
    EXPECT(s, user_pick(st.boris, st.anna->x_read) == -1);
    EXPECT(s, user_pick(st.anna, st.boris->x_read) == -1);
    sim_run(s, 200 * SECOND);
    EXPECT(s, st.anna->x_failed && st.boris->x_failed && !mallory->x_done && !malvin->x_done);
    all_quiet(s);
}

static void exchange_alone(struct sim *s)
{
    struct stage st = setting(s);
    struct sotto_number_link a = unpublished(s, st.anna, "for Boris");
    EXPECT(s, user_exchange(st.anna, code, &a) == 0);
    sim_run(s, 590 * SECOND);
    EXPECT(s, !st.anna->x_failed);
    sim_run(s, 20 * SECOND);
    EXPECT(s, st.anna->x_failed && st.anna->x_error == SOTTO_ETIMEOUT);
    all_quiet(s);
}

const struct scenario SCENARIOS[] = {
    {"normal", "one calls, the other accepts, both hear each other, one hangs up", normal_call},
    {"declined", "the callee declines", declined},
    {"no-answer", "nobody answers for a minute", no_answer},
    {"cancelled", "the caller gives up, at any moment", cancelled},
    {"offline", "no device of the line is connected", offline},
    {"woken", "nobody is there: pushed, he comes in time, rings and talks", woken},
    {"woken-unnoticed", "the relay has not yet noticed that nobody is there", woken_unnoticed},
    {"woken-asleep", "connected, but asleep: pushed, and woken", woken_asleep},
    {"woken-nobody", "pushed, and nobody comes", woken_nobody},
    {"woken-cancelled", "the caller gives up while the callee is being woken", woken_cancelled},
    {"woken-restart", "the relay restarts meanwhile", woken_restart},
    {"woken-glare", "who is being woken calls by himself", woken_glare},
    {"woken-attack", "a leaked number does not push its owner without end", woken_attack},
    {"busy", "three calls already: the fourth hears that it is busy", busy},
    {"mute", "who is mute is not heard, and his cells flow on", mute},
    {"hold", "a held call is silent on both sides", hold},
    {"glare", "both dial each other, at any offset: one call goes on", glare},
    {"glare-muted", "both dial and mute: neither microphone opens", glare_muted},
    {"glare-one-number", "both dial, one number is revoked: the other call rings",
     glare_with_one_number},
    {"outage", "the network fails for up to 30 s, on either side or both: the call goes on",
     outage},
    {"lost", "the network fails for longer: the call ends on both sides", lost},
    {"vanished", "the other device dies", vanished},
    {"relay-restarts", "the relay crashes: the call ends, the numbers remain", relay_restarts},
    {"waiting", "a second call comes and is taken: the first is held", waiting},
    {"slow_device", "a device too slow for neural networks goes without, and says so", slow_device},
    {"thin", "a link too thin for 50 cells a second gets fewer, and later more again", thin},
    {"thin-both", "both links thin, under loss: 60 ms, and a re-key is through", thin_both},
    {"profile-60", "60 ms because one end wants it, in every state", profile_60},
    {"lies", "reports that lie cost cells at most, and never the call", lies},
    {"former-version", "a peer that knows no profiles has 20 ms", former_version},
    {"rekey", "several re-keys, asked for by either side, under loss", rekey},
    {"rekey-outage", "the network fails during a re-key", rekey_outage},
    {"leaked", "a bound number in other hands never rings, and its owner is told", leaked},
    {"rebound", "a number is bound anew: only the new key gets in, not verified", rebound},
    {"rebound-while-ringing", "a number taken back while it rings is not answered",
     rebound_while_ringing},
    {"first-use-race", "two dial with one fresh number: one is bound", first_use_race},
    {"terms", "one call, expired, used up: refused by relay and device", terms},
    {"terms-unseen", "the relay does not see from a number's terms when it was answered",
     terms_unseen},
    {"one-call", "two calls at once on a number for one call", one_call},
    {"suites", "a callee that takes only CNSA 2.0 refuses the hybrid", suites},
    {"storage", "a book that cannot be written lets nobody in", storage},
    {"words-differ", "words that differ end the call on both sides", words_differ},
    {"clocks", "clocks jump", clocks},
    {"stolen-own-key", "a stolen own key does not impersonate others to its owner", stolen_own_key},
    {"stolen-callers-key", "the relay connects somebody else: refused", stolen_callers_key},
    {"noise", "replays, reflections, alterations change nothing", noise},
    {"replayed-dial", "an old first flight, given out again, does not ring", replayed_dial},
    {"no-memory", "any allocation of either side fails", no_memory},
    {"exchange", "two swap numbers by a spoken code", exchange},
    {"exchange-wrong-words", "a wrong pick ends it on both sides", exchange_wrong_words},
    {"exchange-in-between", "somebody in between is found out by the words", exchange_in_between},
    {"exchange-alone", "nobody comes for ten minutes", exchange_alone},
};
const size_t SCENARIO_COUNT = sizeof SCENARIOS / sizeof SCENARIOS[0];
