// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "prng.h"

#include "media/path_meter.h"
#include "wire/cell.h"

#include <sotto/media.h>

#define MS       SOTTO_NS_PER_MS
#define S        SOTTO_NS_PER_S
#define TICK_NS  SOTTO_TICK_NS
#define ASKED_MS 600 // from a wish to cells that obey

// A path of 40 ms, and behind it the meter; a sender that does what it is asked.
struct rig {
    struct path_meter m;
    uint64_t tick; // next
    unsigned span, wish;
    sotto_ns wished; // since when
    double kbps;     // 0: any
    sotto_ns queue_ns, idle;
    double loss;
    sotto_ns jitter_ns, latency_ns;
    bool deaf; // the sender does not do it
    uint64_t rng;
    unsigned changes, most;
};

static struct rig rig(void)
{
    struct rig r = {.span = 1, .wish = 1, .rng = 7, .queue_ns = S, .most = 1};
    path_meter_init(&r.m);
    r.latency_ns = 40 * MS;
    return r;
}

static double chance(struct rig *r)
{
    return (double)(prng_next(&r->rng) >> 11) / 9007199254740992.0;
}

static void send_cell(struct rig *r)
{
    sotto_ns sent = (r->tick + r->span) * SOTTO_TICK_NS, done = sent;
    uint64_t ctr = r->tick + r->span - 1;
    r->tick += r->span;
    if (r->kbps > 0) {
        done = (r->idle > sent ? r->idle : sent) + (sotto_ns)(260 * 8 / r->kbps * 1e6);
        if (done - sent > r->queue_ns) {
            return;
        }
        r->idle = done;
    }
    if (chance(r) < r->loss) {
        return;
    }
    sotto_ns jitter = (sotto_ns)(chance(r) * (double)r->jitter_ns);
    path_meter_note(&r->m, ctr, r->span, done + r->latency_ns + jitter);
}

static void run(struct rig *r, unsigned seconds)
{
    for (uint64_t end = r->tick + seconds * 50; r->tick < end;) {
        sotto_ns now = r->tick * SOTTO_TICK_NS;
        send_cell(r);
        if (path_meter_wish(&r->m) != r->wish) {
            r->wish = path_meter_wish(&r->m);
            r->wished = now;
        }
        assert_in_range(r->wish, 1, CELL_SPAN_MAX);
        if (!r->deaf && r->span != r->wish && now - r->wished >= ASKED_MS * MS) {
            r->span = r->wish;
            r->changes++;
            r->most = r->span > r->most ? r->span : r->most;
        }
    }
}

static void a_good_path_stays(void **state)
{
    (void)state;
    const struct {
        double loss;
        sotto_ns jitter;
    } paths[] = {{0, 0}, {0.05, 0}, {0.1, 0}, {0.2, 0}, {0.3, 0}, {0, 60 * MS}, {0.2, 30 * MS}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct rig r = rig();
        r.loss = paths[i].loss;
        r.jitter_ns = paths[i].jitter;
        run(&r, 120);
        assert_int_equal(r.changes, 0);
    }
}

static void a_thin_link_gets_what_it_can_carry(void **state)
{
    (void)state;
    const struct {
        double kbps;
        unsigned span;
    } links[] = {{150, 1}, {110, 1}, {100, 2}, {80, 2}, {64, 2}, {48, 3}, {40, 3}, {30, 3}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct rig r = rig();
        r.kbps = links[i].kbps;
        run(&r, 20);
        assert_int_equal(r.span, links[i].span);
    }
}

// The queue is let go by the largest span; then comes the one that fits.
static void a_fast_descent(void **state)
{
    (void)state;
    const double links[] = {80, 64, 48, 40, 30};
    for (size_t i = 0; i < 2 * sizeof links / sizeof links[0]; i++) {
        struct rig r = rig();
        r.jitter_ns = i % 2 * 15 * MS;
        run(&r, 30);
        r.kbps = links[i / 2];
        run(&r, 1);
        assert_int_equal(r.wish, 3);
        run(&r, 6);
        assert_int_equal(r.wish, r.kbps >= 64 ? 2 : 3);
    }
}

// In order, nearly half-normal, of 60 ms: it rises at times, but in leaps.
static void a_ramp_that_jitter_makes(void **state)
{
    (void)state;
    struct rig r = rig();
    sotto_ns last = 0;
    for (uint64_t ctr = 0; ctr < 50 * 3600; ctr++) {
        double x = 2 * (chance(&r) + chance(&r) + chance(&r)) - 3;
        sotto_ns came = ctr * TICK_NS + 40 * MS + (sotto_ns)(60e6 * (x < 0 ? -x : x));
        last = came > last ? came : last;
        path_meter_note(&r.m, ctr, 1, last);
        assert_int_equal(path_meter_wish(&r.m), 1);
    }
}

static sotto_ns up_to(struct rig *r, sotto_ns most)
{
    return (sotto_ns)(chance(r) * (double)most);
}

// Stalls of 30 to 150 ms. Both ends' clocks are the same here.
struct stalls {
    sotto_ns apart; // at most
    sotto_ns begin, end;
};

static sotto_ns after_stall(struct rig *r, struct stalls *s, sotto_ns at)
{
    while (s->end <= at) {
        s->begin = s->end + up_to(r, s->apart);
        s->end = s->begin + 30 * MS + up_to(r, 120 * MS);
    }
    return at >= s->begin ? s->end : at;
}

// Its cells leave late; after a long stall it goes on from there.
static void a_sender_that_stalls(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct rig r = rig();
        struct stalls stalls = {.apart = i % 2 == 0 ? 300 * MS : S};
        r.rng = i + 1;
        sotto_ns due = TICK_NS;
        for (uint64_t ctr = 0; ctr < 50 * 120; ctr++) {
            sotto_ns leaves = after_stall(&r, &stalls, due);
            due = leaves > due + 5 * TICK_NS ? leaves + TICK_NS : due + TICK_NS;
            if (chance(&r) >= (i % 2 == 0 ? 0 : 0.2)) {
                path_meter_note(&r.m, ctr, 1, leaves + 40 * MS);
            }
            assert_in_range(path_meter_wish(&r.m), 0, 1);
        }
    }
}

static void a_receiver_that_stalls(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct rig r = rig();
        struct stalls stalls = {.apart = 100 * MS};
        r.rng = i + 1;
        for (uint64_t ctr = 0; ctr < 50 * 120; ctr++) {
            sotto_ns came = ctr * TICK_NS + 40 * MS, read = after_stall(&r, &stalls, came);
            if (read >= stalls.begin + TICK_NS) { // a tick was due in it
                path_meter_late(&r.m, read);
            }
            if (chance(&r) >= (i % 2 == 0 ? 0 : 0.2)) {
                path_meter_note(&r.m, ctr, 1, read);
            }
            assert_in_range(path_meter_wish(&r.m), 0, 1);
        }
    }
}

// Each cell takes it longer than a tick, for a while.
static void a_receiver_that_falls_behind(void **state)
{
    (void)state;
    struct rig r = rig();
    sotto_ns free = 0;
    for (uint64_t ctr = 0; ctr < 50 * 120; ctr++) {
        sotto_ns came = ctr * TICK_NS + 40 * MS, read = came > free ? came : free;
        free = read + (ctr / 100 % 5 == 4 ? 27 : 1) * MS;
        if (read - came >= PATH_LATE_NS) {
            path_meter_late(&r.m, read);
        }
        if (chance(&r) >= 0.2) {
            path_meter_note(&r.m, ctr, 1, read);
        }
        assert_in_range(path_meter_wish(&r.m), 0, 1);
    }
    r.tick = 50 * 120; // and a link that is thin is found after it
    r.kbps = 64;
    run(&r, 1);
    assert_int_equal(r.wish, 3);
}

// The queue was full before anything was measured; or there is none at all.
static void no_delay_to_be_seen(void **state)
{
    (void)state;
    struct rig r = rig();
    r.kbps = 64;
    r.idle = S;
    run(&r, 12);
    assert_int_equal(r.span, 2);
    r = rig();
    r.kbps = 72;
    r.queue_ns = 40 * MS;
    run(&r, 20);
    assert_int_equal(r.span, 2);
    run(&r, 10);
    assert_int_equal(r.span, 2); // it helped
}

static void a_trial_in_vain_is_given_up(void **state)
{
    (void)state;
    struct rig r = rig();
    r.loss = 0.6;
    run(&r, 50);
    assert_true(r.most > 1);
    assert_int_equal(r.span, 1);
    assert_int_equal(r.changes, 2);
    run(&r, 600);
    assert_in_range(r.changes, 4, 10); // rarely again
}

static void back_after_a_calm(void **state)
{
    (void)state;
    struct rig r = rig();
    r.kbps = 64;
    run(&r, 10);
    assert_int_equal(r.span, 2);
    r.kbps = 0;
    run(&r, 10);
    assert_int_equal(r.span, 2);
    run(&r, 15);
    assert_int_equal(r.span, 1);
    run(&r, 300);
    assert_int_equal(r.changes, 3); // 60 ms, 40, 20
}

// A link that stays thin is asked less and less often whether it still is.
static void back_off(void **state)
{
    (void)state;
    struct rig r = rig();
    r.kbps = 64;
    run(&r, 120);
    unsigned early = r.changes;
    assert_in_range(early, 3, 8);
    run(&r, 600);
    assert_in_range(r.changes - early, 3, 9);
}

static void a_slower_path_is_not_thin(void **state)
{
    (void)state;
    struct rig r = rig();
    run(&r, 20);
    r.latency_ns = 400 * MS;
    run(&r, 100);
    assert_int_equal(r.changes, 0);
    r.tick += 50 * 20; // an outage
    r.latency_ns = 90 * MS;
    run(&r, 20);
    assert_int_equal(r.changes, 0);
}

static void a_sender_that_does_not_listen(void **state)
{
    (void)state;
    struct rig r = rig();
    r.deaf = true;
    r.kbps = 64;
    run(&r, 100);
    assert_int_equal(r.wish, 3);
}

static void clocks_and_counters_gone_mad(void **state)
{
    (void)state;
    struct rig r = rig();
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t x = prng_next(&r.rng);
        uint64_t ctr = x % 7 == 0 ? prng_next(&r.rng) : i + x % 5;
        sotto_ns now = x % 11 == 0 ? prng_next(&r.rng) : (sotto_ns)i * SOTTO_TICK_NS;
        path_meter_note(&r.m, ctr, 1 + (unsigned)(x >> 8) % 3, now);
        assert_in_range(path_meter_wish(&r.m), 1, CELL_SPAN_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_path_stays),
        cmocka_unit_test(a_thin_link_gets_what_it_can_carry),
        cmocka_unit_test(a_fast_descent),
        cmocka_unit_test(a_ramp_that_jitter_makes),
        cmocka_unit_test(a_sender_that_stalls),
        cmocka_unit_test(a_receiver_that_stalls),
        cmocka_unit_test(a_receiver_that_falls_behind),
        cmocka_unit_test(no_delay_to_be_seen),
        cmocka_unit_test(a_trial_in_vain_is_given_up),
        cmocka_unit_test(back_after_a_calm),
        cmocka_unit_test(back_off),
        cmocka_unit_test(a_slower_path_is_not_thin),
        cmocka_unit_test(a_sender_that_does_not_listen),
        cmocka_unit_test(clocks_and_counters_gone_mad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
