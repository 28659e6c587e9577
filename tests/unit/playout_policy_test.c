// SPDX-License-Identifier: Apache-2.0
// The policy over the real store, in virtual time, with no sound: hours pass in a second.
#include "unit.h"

#include "media/playout_policy.h"
#include "prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS         SOTTO_NS_PER_MS
#define TICK       SOTTO_TICK_NS
#define SECONDS(n) ((n)*50) // in ticks

struct rig {
    struct playout_policy policy;
    struct frame_store store;
    size_t step;   // samples that the consumer takes at once
    size_t left;   // decoded and not yet played
    size_t hidden; // samples, while playing waited
    uint32_t played, recovered, concealed, waited, idle, asked, restarted, late, stretches;
    uint64_t last; // tick played last
    bool any;
    sotto_ns delay, delay_min, delay_max; // of frames played, from arrival
};

static struct rig *fresh(void)
{
    static struct rig r;
    memset(&r, 0, sizeof r);
    playout_policy_reset(&r.policy);
    frame_store_clear(&r.store);
    r.delay_min = SOTTO_NEVER;
    r.step = SOTTO_FRAME_SAMPLES;
    return &r;
}

static void put(struct rig *r, uint64_t tick, sotto_ns now)
{
    if (frame_store_knows(&r->store, tick)) {
        return;
    }
    switch (playout_policy_admit(&r->policy, &r->store, tick, true, now)) {
    case PLAYOUT_LATE:
        r->late++;
        return;
    case PLAYOUT_RESTART:
        frame_store_clear(&r->store);
        r->restarted += r->any ? 1 : 0;
        r->any = false;
        break;
    case PLAYOUT_TAKE:
        break;
    }
    frame_store_put(&r->store, tick, (const uint8_t *)"x", 1, now);
}

static void play(struct rig *r, uint64_t tick, sotto_ns now)
{
    const struct stored_frame *f = frame_store_find(&r->store, tick);
    assert_non_null(f);
    assert_true(!r->any || tick > r->last); // never back, never twice
    assert_true(now >= f->arrived);         // never before it came
    r->any = true;
    r->last = tick;
    r->played++;
    r->delay = now - f->arrived + (sotto_ns)r->left * SOTTO_NS_PER_S / SOTTO_SAMPLE_RATE;
    r->delay_min = r->delay < r->delay_min ? r->delay : r->delay_min;
    r->delay_max = r->delay > r->delay_max ? r->delay : r->delay_max;
    frame_store_drop(&r->store, tick);
}

static enum playout_action decode(struct rig *r, sotto_ns now)
{
    struct playout_choice c = playout_policy_next(&r->policy, &r->store, r->left,
                                                  r->left < r->step ? r->step - r->left : 1, now);
    switch (c.action) {
    case PLAYOUT_IDLE:
        r->idle++; // it has begun anew: what is left is made up
        break;
    case PLAYOUT_PLAY:
        play(r, c.tick, now);
        break;
    case PLAYOUT_RECOVER:
        assert_non_null(frame_store_teller(&r->store, c.tick));
        r->recovered++;
        break;
    case PLAYOUT_CONCEAL:
        assert_null(frame_store_find(&r->store, c.tick));
        assert_null(frame_store_teller(&r->store, c.tick));
        r->concealed++;
        break;
    case PLAYOUT_WAIT:
        r->waited++;
        r->hidden += c.samples;
        break;
    }
    r->left += c.samples;
    return c.action;
}

#define STRETCH_MAX   480 // samples at a time
#define STRETCH_EVERY 5

// As the player stretches (media/playout.c), with a sound that fits itself everywhere.
static void stretch(struct rig *r, int64_t excess_us, sotto_ns now)
{
    int64_t samples = excess_us * SOTTO_SAMPLE_RATE / 1000000;
    if ((excess_us < 5000 && excess_us > -5000) || ++r->stretches % STRETCH_EVERY != 0) {
        return;
    }
    samples = samples > STRETCH_MAX ? STRETCH_MAX : samples < -STRETCH_MAX ? -STRETCH_MAX : samples;
    if (samples > 0 && r->left < r->step + (size_t)samples) {
        if (!playout_policy_ready(&r->policy, &r->store)) {
            return;
        }
        decode(r, now);
    }
    r->left = (size_t)((int64_t)r->left - samples);
    playout_policy_stretched(&r->policy, samples * 1000000 / SOTTO_SAMPLE_RATE);
}

// What was done in this ask, at last; IDLE also if what is left suffices.
static enum playout_action get(struct rig *r, sotto_ns now)
{
    enum playout_action action = PLAYOUT_IDLE;
    r->asked++;
    if (!playout_policy_begin(&r->policy, &r->store, now) && r->left < r->step) {
        r->idle++;
        return action;
    }
    int64_t excess_us = playout_policy_watch(&r->policy, r->left, r->step, now);
    while (r->left < r->step) {
        action = decode(r, now);
    }
    assert_true(playout_policy_lag_us(&r->policy, r->left, now) >= 0);
    stretch(r, excess_us, now);
    r->left -= r->step;
    return action;
}

// ---- a sender, a network, a consumer ----------------------------------------------------------

struct network {
    uint64_t rng;
    uint32_t loss_percent, duplicate_percent;
    uint32_t delay_ms, jitter_ms; // a jitter above a tick reorders
    bool in_order;                // jitter delays, but does not reorder
    sotto_ns last_lands;
};

#define FLIGHTS 128

struct flight {
    bool used;
    uint64_t tick;
    sotto_ns lands;
};

static struct flight flights[FLIGHTS];

static void launch_one(uint64_t tick, sotto_ns lands)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (!flights[i].used) {
            flights[i] = (struct flight){true, tick, lands};
            return;
        }
    }
    fail_msg("too many in flight");
}

static void launch(struct network *n, uint64_t tick, sotto_ns now)
{
    if (prng_percent(&n->rng, n->loss_percent)) {
        return;
    }
    uint32_t copies = prng_percent(&n->rng, n->duplicate_percent) ? 2 : 1;
    for (uint32_t i = 0; i < copies; i++) {
        sotto_ns lands =
            now + n->delay_ms * MS + prng_below(&n->rng, n->jitter_ms * 1000 + 1) * 1000;
        if (n->in_order && lands < n->last_lands) {
            lands = n->last_lands;
        }
        n->last_lands = lands;
        launch_one(tick, lands);
    }
}

static void land(struct rig *r, sotto_ns now)
{
    for (;;) {
        struct flight *first = NULL;
        for (size_t i = 0; i < FLIGHTS; i++) {
            struct flight *f = &flights[i];
            bool due = f->used && f->lands <= now;
            if (due && (first == NULL || f->lands < first->lands ||
                        (f->lands == first->lands && f->tick < first->tick))) {
                first = f;
            }
        }
        if (first == NULL) {
            return;
        }
        first->used = false;
        put(r, first->tick, first->lands);
    }
}

// Ticks `from` .. `until` sent at their time; the consumer asks at phase_ns after each of its own
// ticks, which are drift_ppm longer.
static void run(struct rig *r, struct network *n, uint64_t from, uint64_t until, sotto_ns phase_ns,
                int drift_ppm)
{
    static sotto_ns consumer;
    if (from == 0) {
        memset(flights, 0, sizeof flights);
        consumer = phase_ns;
    }
    const sotto_ns tick_ns = TICK + (sotto_ns)(int64_t)((int64_t)TICK / 1000000 * drift_ppm);
    const sotto_ns step = tick_ns * r->step / SOTTO_FRAME_SAMPLES;
    for (uint64_t tick = from; tick < until; tick++) {
        sotto_ns now = tick * TICK;
        launch(n, tick, now);
        while (consumer < now + TICK) {
            land(r, consumer);
            get(r, consumer);
            consumer += step;
        }
    }
}

// ---- tests ------------------------------------------------------------------------------------

// Whatever the consumer's phase: nothing concealed, and soon no more delay than what it takes at
// once and 6 ms.
static void clean_line(void **state)
{
    (void)state;
    for (sotto_ns i = 0; i < 3 * TICK / (MS / 2); i++) {
        sotto_ns phase = i * (MS / 2) % TICK, piece = TICK >> (i * (MS / 2) / TICK);
        struct rig *r = fresh();
        r->step = (size_t)(piece * SOTTO_SAMPLE_RATE / SOTTO_NS_PER_S);
        struct network n = {.rng = 1, .delay_ms = 7};
        run(r, &n, 0, SECONDS(5), phase, 0);
        r->delay_max = 0;
        run(r, &n, SECONDS(5), SECONDS(60), phase, 0);
        assert_int_equal(r->concealed + r->waited + r->recovered + r->late, 0);
        assert_true(r->delay_min >= 3 * MS);
        assert_true(r->delay_max <= piece + 6 * MS);
        assert_true(r->idle <= 4 * TICK / piece);
        assert_true(r->played >= SECONDS(60) - 4);
    }
}

// A frame comes a little late: no more is put in than what the consumer takes until then, and the
// frame is played whole.
static void a_little_late(void **state)
{
    (void)state;
    for (size_t step = SOTTO_FRAME_SAMPLES; step >= SOTTO_FRAME_SAMPLES / 4; step /= 2) {
        struct rig *r = fresh();
        r->step = step;
        struct network n = {.rng = 1, .delay_ms = 10}, late = {.rng = 1, .delay_ms = 22};
        run(r, &n, 0, 500, 15 * MS, 0);
        assert_int_equal(r->waited, 0);
        run(r, &late, 500, 501, 0, 0);
        run(r, &n, 501, 520, 0, 0);
        size_t least = step > PLAYOUT_WAIT_SAMPLES ? step : PLAYOUT_WAIT_SAMPLES;
        print_message("%zu at a time: %zu samples put in\n", step, r->hidden);
        assert_int_equal(r->hidden, least);
        assert_int_equal(r->concealed + r->late, 0);
    }
}

// What is lost for good is concealed once, in pieces or whole: the lag stays what it was.
static void lost_in_pieces(void **state)
{
    (void)state;
    for (sotto_ns phase = 0; phase < TICK; phase += MS / 2) {
        struct rig *r = fresh();
        r->step = SOTTO_FRAME_SAMPLES / 2;
        struct network n = {.rng = 1, .delay_ms = 10}, dead = n;
        dead.loss_percent = 100;
        run(r, &n, 0, 500, phase, 0);
        sotto_ns before = r->delay;
        for (uint64_t tick = 500; tick < 700; tick += 10) {
            run(r, &dead, tick, tick + 1, 0, 0);
            run(r, &n, tick + 1, tick + 10, 0, 0);
            assert_true(r->delay == before);
        }
        assert_int_equal(r->late + r->restarted, 0);
    }
}

static void loss(void **state)
{
    (void)state;
    for (uint32_t percent = 1; percent <= 50; percent += 7) {
        struct rig *r = fresh();
        struct network n = {.rng = percent, .loss_percent = percent, .delay_ms = 30};
        run(r, &n, 0, SECONDS(600), 9 * MS, 0);
        uint32_t hidden = r->concealed + r->waited;
        uint32_t expected = SECONDS(600) * percent / 100;
        assert_in_range(hidden, expected * 8 / 10, expected * 12 / 10 + 10);
        assert_true(r->delay_max <= 140 * MS); // what nobody tells of is not waited for
        assert_int_equal(r->late, 0);
    }
}

// Frames come at random times: the lag is soon as long as it must be.
static void jitter(void **state)
{
    (void)state;
    for (uint32_t ms = 5; ms <= 80; ms += 15) {
        struct rig *r = fresh();
        struct network n = {.rng = ms, .delay_ms = 20, .jitter_ms = ms, .in_order = true};
        run(r, &n, 0, SECONDS(10), 3 * MS, 0);
        uint32_t before = r->concealed + r->waited;
        run(r, &n, SECONDS(10), SECONDS(310), 3 * MS, 0);
        uint32_t after = r->concealed + r->waited - before;
        print_message("jitter %2u ms: %u of 15000 concealed, delay %llu ms at most\n", ms, after,
                      (unsigned long long)(r->delay_max / MS));
        assert_true(after <= 150); // 1 %
        assert_true(r->delay_max <= (ms + 70) * MS);
    }
}

static void reorder_and_duplicates(void **state)
{
    (void)state;
    for (uint32_t ms = 30; ms <= 90; ms += 30) {
        struct rig *r = fresh();
        struct network n = {.rng = 3, .delay_ms = 20, .jitter_ms = ms, .duplicate_percent = 30};
        run(r, &n, 0, SECONDS(300), 3 * MS, 0);
        print_message("reordered by %u ms: %u concealed, %u late, delay %llu ms at most\n", ms,
                      r->concealed + r->waited, r->late, (unsigned long long)(r->delay_max / MS));
        assert_int_equal(r->restarted, 0);
        assert_true(r->concealed + r->waited < SECONDS(300) * 2 / 100);
        assert_true(r->delay_max <= (ms + 70) * MS);
    }
}

// A stall of the network: everything comes, late and at once.
static void stall(void **state)
{
    (void)state;
    const uint32_t stalls_ms[] = {60, 150, 300, 400, 1000};
    for (size_t i = 0; i < 5; i++) {
        struct rig *r = fresh();
        struct network n = {.rng = 1, .delay_ms = 10};
        run(r, &n, 0, 500, 5 * MS, 0);
        struct network stalled = n;
        stalled.delay_ms = stalls_ms[i];
        stalled.in_order = true;
        uint64_t tick = 500;
        r->delay_max = 0;
        for (; stalled.delay_ms > 10; tick++) {
            run(r, &stalled, tick, tick + 1, 0, 0);
            stalled.delay_ms = stalled.delay_ms > 20 + 10 ? stalled.delay_ms - 20 : 10;
        }
        run(r, &n, tick, tick + 2, 0, 0);
        uint32_t hidden = r->concealed + r->waited;
        assert_in_range(hidden, stalls_ms[i] / 20 - 2, stalls_ms[i] / 20);
        // Never more is kept than the limit, and it comes down again without concealing anything.
        run(r, &n, tick + 2, tick + SECONDS(5), 0, 0);
        assert_int_equal(r->concealed + r->waited, hidden);
        assert_true(r->delay_max <= SOTTO_PLAYOUT_LAG_MAX_MS * MS);
        print_message("a stall of %u ms: %llu ms of delay after five seconds\n", stalls_ms[i],
                      (unsigned long long)(r->delay / MS));
        assert_true(r->delay <= 2 * TICK);
    }
}

// The same outage, but what was sent is lost: the delay afterwards is what it was.
static void burst_loss(void **state)
{
    (void)state;
    for (uint32_t lost = 1; lost < 60; lost++) {
        struct rig *r = fresh();
        struct network n = {.rng = 1, .delay_ms = 10};
        run(r, &n, 0, 500, 5 * MS, 0);
        sotto_ns before = r->delay;
        struct network dead = n;
        dead.loss_percent = 100;
        run(r, &dead, 500, 500 + lost, 0, 0);
        run(r, &n, 500 + lost, 500 + lost + 10, 0, 0);
        assert_int_equal(r->concealed + r->waited, lost);
        assert_true(r->delay == before);
        assert_int_equal(r->restarted, 0);
    }
}

// And when the first packet afterwards tells of what was lost, that is played, late.
static void burst_retold(void **state)
{
    (void)state;
    struct rig *r = fresh();
    struct network n = {.rng = 1, .delay_ms = 10};
    run(r, &n, 0, 500, 5 * MS, 0);
    struct network dead = n;
    dead.loss_percent = 100;
    run(r, &dead, 500, 506, 0, 0);
    sotto_ns lands = 506 * TICK + 10 * MS;
    assert_true(playout_policy_lacks(&r->policy, &r->store, 505));
    put(r, 506, lands);
    frame_store_mark(&r->store, 506, false, 5); // five of the six
    assert_false(playout_policy_lacks(&r->policy, &r->store, 505));
    assert_true(playout_policy_lacks(&r->policy, &r->store, 500));
    uint32_t waited = r->waited;
    assert_in_range(waited, 4, 6);
    for (uint64_t i = 0; i < 6; i++) {
        enum playout_action action = get(r, lands + i * TICK);
        assert_int_equal(action, i < 5 ? PLAYOUT_RECOVER : PLAYOUT_PLAY);
    }
    assert_int_equal(r->recovered, 5);
    assert_int_equal(r->waited, waited);
    assert_int_equal(r->concealed, 0);
    assert_int_equal(r->last, 506);
}

static void long_outage(void **state)
{
    (void)state;
    struct rig *r = fresh();
    struct network n = {.rng = 1, .delay_ms = 10};
    run(r, &n, 0, 500, 5 * MS, 0);
    struct network dead = n;
    dead.loss_percent = 100;
    run(r, &dead, 500, 500 + SECONDS(60), 0, 0);
    assert_int_equal(r->restarted, 0);
    run(r, &n, 500 + SECONDS(60), 500 + SECONDS(62), 0, 0);
    assert_int_equal(r->restarted, 1);
    assert_true(r->delay <= 2 * TICK);
    assert_true(r->last + 3 >= 500 + SECONDS(62)); // it plays what is sent now
}

// The clocks of two sound cards: an hour at 200 ppm either way is 36 frames.
static void drift_for_an_hour(void **state)
{
    (void)state;
    for (int ppm = -200; ppm <= 200; ppm += 200) {
        struct rig *r = fresh();
        struct network n = {.rng = 1, .delay_ms = 40, .jitter_ms = 4};
        run(r, &n, 0, SECONDS(10), 11 * MS, ppm);
        r->delay_max = 0;
        run(r, &n, SECONDS(10), SECONDS(3600), 11 * MS, ppm);
        uint32_t hidden = r->concealed + r->waited;
        print_message("%+d ppm: %u concealed, delay %llu..%llu ms\n", ppm, hidden,
                      (unsigned long long)(r->delay_min / MS),
                      (unsigned long long)(r->delay_max / MS));
        assert_true(hidden <= 2);
        assert_true(r->delay_max <= 50 * MS);
        assert_int_equal(r->restarted, 0);
    }
}

static void put_and_get(struct rig *r, uint64_t first, uint64_t count, sotto_ns *now)
{
    for (uint64_t i = 0; i < count; i++, *now += TICK) {
        put(r, first + i, *now);
        get(r, *now + 1);
    }
}

static void ticks_jump_ahead(void **state)
{
    (void)state;
    struct rig *r = fresh();
    sotto_ns now = 0;
    put_and_get(r, 100, 50, &now);
    put_and_get(r, 1000000, 50, &now);
    assert_int_equal(r->restarted, 1);
    assert_true(r->delay <= 2 * TICK);
    assert_in_range(r->last, 1000047, 1000049);
    put_and_get(r, PLAYOUT_TICK_MAX - 49, 50, &now);
    assert_int_equal(r->restarted, 2);
    assert_true(r->last >= PLAYOUT_TICK_MAX - 2);
}

// The peer began anew at 0: heard again within a quarter of a second.
static void ticks_jump_back(void **state)
{
    (void)state;
    const uint64_t from[] = {40, 100, 1000000};
    for (size_t i = 0; i < 3; i++) {
        struct rig *r = fresh();
        sotto_ns now = 0;
        put_and_get(r, from[i], 50, &now);
        put_and_get(r, 0, 30, &now);
        assert_int_equal(r->restarted, 1);
        assert_in_range(r->last, 27, 29);
        assert_true(r->delay <= 2 * TICK);
    }
}

// A few old frames among good ones are only late.
static void old_frames_disturb_nothing(void **state)
{
    (void)state;
    struct rig *r = fresh();
    sotto_ns now = 0;
    for (uint64_t tick = 1000; tick < 2000; tick++, now += TICK) {
        put(r, tick, now);
        for (uint64_t k = 1; k <= 5; k++) {
            put(r, tick - 70 * k, now);
        }
        get(r, now + 1);
    }
    assert_int_equal(r->restarted, 0);
    assert_int_equal(r->concealed + r->waited, 0);
    assert_true(r->late > 4000);
}

static void put_old(struct rig *r, int count, sotto_ns now)
{
    for (int i = 0; i < count; i++) {
        put(r, (uint64_t)i, now);
    }
}

// Not even when nothing else is there to be played, unless they keep coming.
static void old_frames_in_an_empty_buffer(void **state)
{
    (void)state;
    struct rig *r = fresh();
    sotto_ns now = 0;
    put_and_get(r, 1000, 10, &now);
    get(r, now); // the last frame
    put_old(r, PLAYOUT_STRAYS_MAX - 1, now);
    put(r, 1010, now);
    get(r, now);
    put_old(r, PLAYOUT_STRAYS_MAX - 1, now);
    assert_int_equal(r->restarted, 0);
    assert_int_equal(r->last, 1010);
    put_old(r, 1, now);
    assert_int_equal(r->restarted, 1);
}

static void reset_forgets(void **state)
{
    (void)state;
    struct rig *r = fresh();
    sotto_ns now = 0;
    put_and_get(r, 500, 10, &now);
    playout_policy_reset(&r->policy);
    frame_store_clear(&r->store);
    r->any = false;
    uint32_t idle = r->idle;
    get(r, now);
    assert_int_equal(r->idle, idle + 1);
    put_and_get(r, 3, 10, &now);
    assert_in_range(r->last, 10, 12);
}

// Nothing but silence before the first frame, and while it settles.
static void before_the_first_frame(void **state)
{
    (void)state;
    struct rig *r = fresh();
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(get(r, (sotto_ns)i * TICK), PLAYOUT_IDLE);
    }
    put(r, 7, 1000 * TICK);
    assert_int_equal(get(r, 1000 * TICK + MS), PLAYOUT_IDLE);
    assert_int_equal(get(r, 1001 * TICK - 1), PLAYOUT_IDLE);
    assert_int_equal(get(r, 1001 * TICK), PLAYOUT_PLAY);
    assert_int_equal(r->last, 7);
    assert_int_equal(get(r, 1002 * TICK), PLAYOUT_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_line),
        cmocka_unit_test(a_little_late),
        cmocka_unit_test(lost_in_pieces),
        cmocka_unit_test(loss),
        cmocka_unit_test(jitter),
        cmocka_unit_test(reorder_and_duplicates),
        cmocka_unit_test(stall),
        cmocka_unit_test(burst_loss),
        cmocka_unit_test(burst_retold),
        cmocka_unit_test(long_outage),
        cmocka_unit_test(drift_for_an_hour),
        cmocka_unit_test(ticks_jump_ahead),
        cmocka_unit_test(ticks_jump_back),
        cmocka_unit_test(old_frames_disturb_nothing),
        cmocka_unit_test(old_frames_in_an_empty_buffer),
        cmocka_unit_test(reset_forgets),
        cmocka_unit_test(before_the_first_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
