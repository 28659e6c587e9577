// SPDX-License-Identifier: Apache-2.0
// Calls, told as a specification. Each runs with every seed: latencies, keys and offsets differ.
#include "sim.h"

#include <string.h>

#define EXPECT(s, what)                                          \
    do {                                                         \
        if (!(s)->failed && !(what))                             \
            sim_fail(s, "%s:%d: not so: %s", __FILE__, __LINE__, #what); \
    } while (0)

// ---- the cast ---------------------------------------------------------------------------------------

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
    struct stage st = { .relay = sim_relay_add(s, "relay.example") };
    st.anna = enter(s, "Anna", st.relay);
    st.boris = enter(s, "Boris", st.relay);
    mint(s, st.boris, st.anna, "Anna, as Boris calls her", &st.to_boris);
    mint(s, st.anna, st.boris, "Boris, as Anna calls him", &st.to_anna);
    return st;
}

// ---- waiting ----------------------------------------------------------------------------------------

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
    struct wait w = { .p = p, .state = state };
    return sim_until(p->sim, within, state_is, &w);
}

static bool ends_as(struct person *p, enum sotto_end end, sotto_ns within)
{
    struct wait w = { .p = p, .state = SOTTO_CALL_ENDED, .end = end };
    return sim_until(p->sim, within, state_is, &w);
}

static bool call_ends_as(struct person *p, uint32_t call, enum sotto_end end, sotto_ns within)
{
    struct wait w = { .p = p, .state = SOTTO_CALL_ENDED, .end = end, .call = call };
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
    struct hearing h = { a, b, a->sim->now_ns + 200 * MS };
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
    struct sotto_call_info info = { 0 };
    sotto_device_call_info(p->device, call, &info);
    return info;
}

static void all_quiet(struct sim *s)
{
    sim_run(s, 60 * SECOND);
    if (!s->failed)
        check_quiet(s);
}

// ---- the scenarios ----------------------------------------------------------------------------------

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

const struct scenario SCENARIOS[] = {
    { "normal", "one calls, the other accepts, both hear each other, one hangs up", normal_call },
};
const size_t SCENARIO_COUNT = sizeof SCENARIOS / sizeof SCENARIOS[0];
