// SPDX-License-Identifier: Apache-2.0
// Users who do anything at any time, on bad networks, with devices and relays that crash and a
// relay that may lie; until so many calls were dialled. Then all becomes quiet, nothing may be
// left, and an ordinary call must work.
#include "sim.h"

#include <string.h>

#define ROUND_NS   (4 * SECOND)
#define SETTLE_NS  (150 * SECOND) // longest timer: an unfinished exchange aside
#define FAULTS_MAX 3

// ---- the cast ----------------------------------------------------------------------------------

struct chaos {
    struct person
        *people[4]; // two with a line at the first relay, one at the second, one with none
    struct sotto_number_link links[4][4]; // [owner][for]
    bool minted[4][4];
    sotto_ns act_max_ns; // between two acts of one person
};

static bool result_has_come(struct sim *s, void *arg)
{
    (void)s;
    return ((struct person *)arg)->result_came;
}

static bool all_ready(struct sim *s, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < s->people_count; i++)
        if (s->people[i]->has_line && !s->people[i]->line_ready)
            return false;
    return true;
}

static void mint(struct sim *s, struct chaos *c, size_t owner, size_t holder)
{
    static const char *const names[] = {"the Anna of a book", "the Boris of a book",
                                        "the Chen of a book", "the Dana of a book"};
    char label[SOTTO_NAME_MAX_BYTES];
    struct person *p = c->people[owner];
    snprintf(label, sizeof label, "%s, no. %zu", names[holder], owner);
    if (user_mint(p, label, &c->links[owner][holder]) != 0)
        sim_fail(s, "%s cannot publish", p->name);
    sim_until(s, 20 * SECOND, result_has_come, p);
    if (!s->failed && (!p->result_came || p->last_result != 0))
        sim_fail(s, "%s could not publish: %d", p->name, p->last_result);
    c->minted[owner][holder] = true;
}

static struct chaos set_up(struct sim *s)
{
    static const char *const names[] = {"Anna", "Boris", "Chen", "Dana"};
    struct chaos c = {0};
    struct sim_relay *first = sim_relay_add(s, "first.example");
    struct sim_relay *second =
        rng_chance(&s->rng, 500) ? sim_relay_add(s, "second.example") : first;
    for (size_t i = 0; i < 4; i++) {
        struct person *p = person_add(s, names[i], i < 2 ? first : i == 2 ? second : NULL);
        p->path.latency_ns = 2 * MS + rng_below(&s->rng, 80 * MS);
        p->path.jitter_ns = rng_below(&s->rng, 20 * MS);
        p->suite = rng_chance(&s->rng, 150) ? SOTTO_SUITE_CNSA2 : SOTTO_SUITE_HYBRID;
        p->rekey_interval_ns = rng_chance(&s->rng, 300) ? 6 * SECOND : 0;
        c.people[i] = p;
        person_start(p);
        if (p->has_line)
            user_register(p);
    }
    if (!sim_until(s, 30 * SECOND, all_ready, NULL) && !s->failed)
        sim_fail(s, "not all lines became ready");
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            if (i != j)
                book_contact_add(&c.people[i]->book, names[j], &c.people[j]->fp);
    for (size_t i = 0; i < 3 && !s->failed; i++)
        for (size_t j = 0; j < 4; j++)
            if (i != j)
                mint(s, &c, i, j);
    return c;
}

// ---- what users do -----------------------------------------------------------------------------

static struct chaos *stage; // of the run that goes on; one thread

static size_t position(const struct person *p)
{
    for (size_t i = 0; i < 4; i++)
        if (stage->people[i] == p)
            return i;
    return 0;
}

static void act_dial(struct person *p)
{
    struct rng *r = &p->sim->rng;
    size_t me = position(p), owner = rng_below(r, 3), holder = me;
    if (owner == me)
        owner = (owner + 1) % 3;
    if (rng_chance(r, 80)) // a number that was given to somebody else
        holder = rng_below(r, 4);
    if (!stage->minted[owner][holder] || owner == me)
        return;
    user_dial(p, &stage->links[owner][holder], "somebody in my book", NULL);
}

static void act_on_incoming(struct person *p, uint32_t call)
{
    unsigned dice = (unsigned)rng_below(&p->sim->rng, 100);
    if (dice < 55)
        user_accept(p, call);
    else if (dice < 65)
        user_decline(p, call);
}

static void act_on_words(struct person *p, uint32_t call)
{
    bool match = !rng_chance(&p->sim->rng, 100);
    user_words(p, call, match);
}

static void act_on_active(struct person *p, const struct seen_call *c)
{
    switch (rng_below(&p->sim->rng, 12)) {
    case 0:
    case 1:
        user_hangup(p, c->id);
        break;
    case 2:
        user_mute(p, c->id, !c->muted);
        break;
    case 3:
    case 4:
        user_hold(p, c->id, !c->held);
        break;
    case 5:
        act_on_words(p, c->id);
        break;
    case 6:
        user_rekey(p, c->id);
        break;
    default:
        break;
    }
}

static void act_on_call(struct person *p, const struct seen_call *c)
{
    if (c->state == SOTTO_CALL_RINGING && c->incoming)
        act_on_incoming(p, c->id);
    else if (c->state == SOTTO_CALL_ACTIVE)
        act_on_active(p, c);
    else if (rng_chance(&p->sim->rng, 60))
        user_hangup(p, c->id);
    else if (rng_chance(&p->sim->rng, 30))
        user_accept(p, c->id); // out of place: refused
}

static void act_on_numbers(struct person *p)
{
    struct rng *r = &p->sim->rng;
    if (!p->has_line || !p->book.number_count)
        return;
    struct sotto_number *n = &p->book.numbers[rng_below(r, p->book.number_count)];
    switch (rng_below(r, 4)) {
    case 0: // to be bound anew
        if (n->state != SOTTO_NUMBER_BOUND)
            break;
        n->state = SOTTO_NUMBER_FRESH;
        n->verified = false;
        break;
    case 1:
        n->calls_max = n->calls_used + 1;
        user_publish(p, n->token_hash);
        break;
    case 2:
        n->calls_max = SOTTO_CALLS_UNLIMITED;
        n->expires_unix_s = 0;
        user_publish(p, n->token_hash);
        break;
    default:
        if (rng_chance(r, 100))
            user_revoke(p, n->token_hash);
        break;
    }
}

static void act_later(struct person *p)
{
    struct sim *s = p->sim;
    struct thing *t =
        sim_later(s, s->now_ns + 10 * MS + rng_below(&s->rng, stage->act_max_ns), THING_USER);
    t->person = p;
}

void chaos_user(struct person *p)
{
    struct sim *s = p->sim;
    act_later(p);
    if (!p->device)
        return;
    bool busy = false;
    for (size_t i = p->call_count; i-- > 0 && p->device;)
        if (!p->calls[i].ended) {
            busy = true;
            act_on_call(p, &p->calls[i]);
        }
    if (rng_chance(&s->rng, busy ? 40 : 300))
        act_dial(p);
    if (rng_chance(&s->rng, 30))
        act_on_numbers(p);
    if (p->has_line && rng_chance(&s->rng, 30))
        user_push(p, rng_chance(&s->rng, 800));
}

// ---- what goes wrong ---------------------------------------------------------------------------

static void on_again(struct sim *s, void *arg)
{
    (void)s;
    person_start(arg);
}

static void relay_on_again(struct sim *s, void *arg)
{
    (void)s;
    relay_start(arg);
}

static void fault_device(struct sim *s)
{
    struct person *p = s->people[rng_below(&s->rng, s->people_count)];
    person_crash(p);
    sim_call_later(s, 200 * MS + rng_below(&s->rng, 5 * SECOND), on_again, p);
}

static void fault_relay(struct sim *s)
{
    struct sim_relay *r = &s->relays[rng_below(&s->rng, s->relay_count)];
    relay_crash(r);
    sim_call_later(s, 100 * MS + rng_below(&s->rng, 5 * SECOND), relay_on_again, r);
}

static void fault_outage(struct sim *s)
{
    struct person *p = s->people[rng_below(&s->rng, s->people_count)];
    bool lasting = rng_chance(&s->rng, 100);
    path_outage(p, 100 * MS + rng_below(&s->rng, (lasting ? 40 : 12) * SECOND));
}

static void fault_cut(struct sim *s)
{
    struct person *p = s->people[rng_below(&s->rng, s->people_count)];
    path_cut(p, (unsigned)rng_below(&s->rng, 2));
}

static void fault_network(struct sim *s)
{
    struct path *p = &s->people[rng_below(&s->rng, s->people_count)]->path;
    p->loss = (unsigned)rng_below(&s->rng, 250);
    p->reorder = (unsigned)rng_below(&s->rng, 300);
    p->duplicate = (unsigned)rng_below(&s->rng, 200);
    p->jitter_ns = rng_below(&s->rng, 80 * MS);
}

static void fault_book(struct sim *s)
{
    struct person *p = s->people[rng_below(&s->rng, s->people_count)];
    p->book.fail_per_mille = (unsigned)rng_below(&s->rng, 500);
}

static void fault_clock(struct sim *s)
{
    struct person *p = s->people[rng_below(&s->rng, s->people_count)];
    p->clock_offset_s = (int64_t)rng_below(&s->rng, 20000000) - 10000000;
}

static void fault(struct sim *s)
{
    static void (*const faults[])(struct sim *) = {fault_device,  fault_relay, fault_outage,
                                                   fault_cut,     fault_cut,   fault_network,
                                                   fault_network, fault_book,  fault_clock};
    faults[rng_below(&s->rng, sizeof faults / sizeof *faults)](s);
}

// ---- the course --------------------------------------------------------------------------------

static void all_good_again(struct sim *s)
{
    s->chaos = false;
    hostile_stop(s);
    for (size_t i = 0; i < s->relay_count; i++)
        relay_start(&s->relays[i]);
    for (size_t i = 0; i < s->people_count; i++) {
        struct person *p = s->people[i];
        p->path.loss = p->path.reorder = p->path.duplicate = 0;
        p->path.jitter_ns = 5 * MS;
        if (p->path.down_until > s->now_ns)
            p->path.down_until = s->now_ns;
        p->book.fail_per_mille = 0;
        p->clock_offset_s = 0;
        person_start(p);
        for (unsigned j = 0; j < SOTTO_LINKS_MAX; j++) // whatever the relay said is forgotten
            path_cut(p, j);
        for (size_t j = p->call_count; j-- > 0;)
            if (!p->calls[j].ended)
                user_hangup(p, p->calls[j].id);
    }
}

struct hearing {
    struct person *a, *b;
    sotto_ns since;
};

static bool hear_each_other(struct sim *s, void *arg)
{
    (void)s;
    const struct hearing *h = arg;
    return h->a->heard_at[h->b->index] > h->since && h->b->heard_at[h->a->index] > h->since;
}

static bool is_ringing(struct sim *s, void *arg)
{
    (void)s;
    const struct seen_call *c = person_latest(arg);
    return c && c->incoming && c->state == SOTTO_CALL_RINGING;
}

// After all that, an ordinary call.
static void last_call(struct sim *s)
{
    struct person *a = s->people[1], *b = s->people[0];
    struct sotto_number_link link;
    uint32_t call;
    b->path.latency_ns = a->path.latency_ns = 20 * MS;
    if (user_mint(b, "for the last call", &link) != 0 ||
        !sim_until(s, 20 * SECOND, result_has_come, b) || b->last_result != 0) {
        sim_fail(s, "in the end %s cannot publish: %d", b->name, b->last_result);
        return;
    }
    if (user_dial(a, &link, "the last one", &call) != 0 ||
        !sim_until(s, 10 * SECOND, is_ringing, b)) {
        sim_fail(s, "in the end an ordinary call does not ring");
        return;
    }
    user_accept(b, person_latest(b)->id);
    struct hearing h = {a, b, s->now_ns};
    if (!sim_until(s, 5 * SECOND, hear_each_other, &h)) {
        sim_fail(s, "in the end the two do not hear each other");
        return;
    }
    user_hangup(a, call);
    sim_run(s, 30 * SECOND);
}

static bool suites_agree(const struct sim *s)
{
    return s->people[0]->suite == s->people[1]->suite;
}

void chaos_run(struct sim *s, unsigned calls)
{
    static struct chaos c;
    c = set_up(s);
    stage = &c;
    if (s->failed)
        return;
    unsigned temper = (unsigned)rng_below(&s->rng, 4); // calm, faults, noise, lies
    if (temper == 2)
        hostile_start(s, HOSTILE_NOISE, 300);
    else if (temper == 3)
        hostile_start(s, HOSTILE_LIES, 60);
    c.act_max_ns = (UINT64_C(600) << rng_below(&s->rng, 4)) * MS;
    s->chaos = true;
    for (size_t i = 0; i < 4; i++)
        act_later(c.people[i]);
    uint64_t until = s->calls_dialled + calls;
    for (unsigned round = 0; s->calls_dialled + 1 < until && round < 2 * calls && !s->failed;
         round++) {
        for (uint64_t n = temper == 0 ? 0 : rng_below(&s->rng, FAULTS_MAX); n > 0; n--)
            fault(s);
        sim_run(s, ROUND_NS);
        check_relay_memory(s);
    }
    all_good_again(s);
    sim_run(s, SETTLE_NS);
    if (!s->failed)
        check_quiet(s);
    if (!s->failed && suites_agree(s))
        last_call(s);
    if (!s->failed)
        check_quiet(s);
}
