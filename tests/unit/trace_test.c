// SPDX-License-Identifier: Apache-2.0
// The networks of bench/voice: what they do is what their names say, and a seed replays it.
#include "unit.h"

#include "trace.h"

#include <math.h>

#define PACKETS 60000
#define EVERY   (20 * SOTTO_NS_PER_MS)
#define BYTES   220

static sotto_ns arrivals[PACKETS];

static const struct trace_profile *profile(const char *name)
{
    const struct trace_profile *p = trace_find(name);
    assert_non_null(p);
    return p;
}

static void send_all(const char *name, uint64_t seed)
{
    struct trace t;
    trace_init(&t, profile(name), seed);
    for (size_t i = 0; i < PACKETS; i++) {
        arrivals[i] = trace_packet(&t, i * EVERY, BYTES);
    }
}

static size_t count_lost(size_t *bursts)
{
    size_t lost = 0;
    *bursts = 0;
    for (size_t i = 0; i < PACKETS; i++) {
        bool gone = arrivals[i] == TRACE_LOST;
        lost += gone ? 1 : 0;
        *bursts += gone && (i == 0 || arrivals[i - 1] != TRACE_LOST) ? 1 : 0;
    }
    return lost;
}

static void a_clean_network_only_passes_on(void **state)
{
    (void)state;
    send_all("clean", 1);
    for (size_t i = 0; i < PACKETS; i++) {
        assert_int_equal(arrivals[i], i * EVERY);
    }
}

static void a_seed_replays(void **state)
{
    struct trace t;
    size_t same = 0;
    (void)state;
    send_all("burst120", 7);
    trace_init(&t, profile("burst120"), 7);
    for (size_t i = 0; i < PACKETS; i++) {
        assert_int_equal(trace_packet(&t, i * EVERY, BYTES), arrivals[i]);
    }
    trace_init(&t, profile("burst120"), 8);
    for (size_t i = 0; i < PACKETS; i++) {
        same += trace_packet(&t, i * EVERY, BYTES) == arrivals[i] ? 1 : 0;
    }
    assert_true(same < PACKETS * 9 / 10);
}

static void losses_have_their_share(void **state)
{
    size_t bursts;
    (void)state;
    send_all("loss20", 1);
    double share = (double)count_lost(&bursts) / PACKETS;
    assert_true(fabs(share - 0.20) < 0.01);
}

static void bursts_have_their_share_and_length(void **state)
{
    size_t bursts;
    (void)state;
    send_all("burst120", 1);
    size_t lost = count_lost(&bursts);
    assert_true(fabs((double)lost / PACKETS - 0.10) < 0.01);
    assert_true(fabs((double)lost / (double)bursts * 20 - 120) < 15);
}

static void bursts_do_not_depend_on_how_much_is_sent(void **state)
{
    struct trace t;
    (void)state;
    send_all("burst250", 3);
    trace_init(&t, profile("burst250"), 3);
    for (size_t i = 0; i < PACKETS; i++) {
        sotto_ns at = i * EVERY;
        assert_int_equal(trace_packet(&t, at, BYTES) == TRACE_LOST, arrivals[i] == TRACE_LOST);
        assert_int_equal(trace_packet(&t, at + EVERY / 2, BYTES) == TRACE_LOST,
                         arrivals[i] == TRACE_LOST);
    }
}

static void jitter_keeps_order_and_has_its_mean(void **state)
{
    double sum_ms = 0;
    (void)state;
    send_all("jitter30", 1);
    for (size_t i = 0; i < PACKETS; i++) {
        assert_true(arrivals[i] >= i * EVERY);
        assert_true(i == 0 || arrivals[i] >= arrivals[i - 1]);
        sum_ms += (double)(arrivals[i] - i * EVERY) / 1e6;
    }
    // 24 ms of |N(0, 30)|, and what waits behind a late one.
    assert_true(sum_ms / PACKETS > 24 && sum_ms / PACKETS < 36);
}

static void overtaken_packets_come_out_of_order(void **state)
{
    size_t overtaken = 0;
    (void)state;
    send_all("reorder", 1);
    for (size_t i = 1; i < PACKETS; i++) {
        overtaken += arrivals[i] < arrivals[i - 1] ? 1 : 0;
    }
    assert_true(overtaken > PACKETS / 20 && overtaken < PACKETS / 8);
}

static void an_outage_loses_all_of_its_time(void **state)
{
    const struct trace_profile *p = profile("outage");
    size_t bursts;
    (void)state;
    send_all("outage", 1);
    assert_int_equal(count_lost(&bursts), (size_t)(p->outage_ms / 20));
    assert_int_equal(bursts, 1);
}

static void a_thin_link_delays_up_to_its_queue_and_carries_its_rate(void **state)
{
    const struct trace_profile *p = profile("thin");
    size_t bursts;
    sotto_ns last = 0;
    (void)state;
    send_all("thin", 1);
    double lost = (double)count_lost(&bursts);
    for (size_t i = 0; i < PACKETS; i++) {
        if (arrivals[i] != TRACE_LOST) {
            assert_true((double)(arrivals[i] - i * EVERY) / 1e6 <= p->queue_ms + 30);
            last = arrivals[i];
        }
    }
    double bps = (PACKETS - lost) * BYTES * 8 / ((double)last / 1e9);
    assert_true(fabs(bps / (p->rate_kbps * 1e3) - 1) < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_network_only_passes_on),
        cmocka_unit_test(a_seed_replays),
        cmocka_unit_test(losses_have_their_share),
        cmocka_unit_test(bursts_have_their_share_and_length),
        cmocka_unit_test(bursts_do_not_depend_on_how_much_is_sent),
        cmocka_unit_test(jitter_keeps_order_and_has_its_mean),
        cmocka_unit_test(overtaken_packets_come_out_of_order),
        cmocka_unit_test(an_outage_loses_all_of_its_time),
        cmocka_unit_test(a_thin_link_delays_up_to_its_queue_and_carries_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
