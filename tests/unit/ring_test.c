// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "ring.h"

#include <pthread.h>
#include <sched.h>

static struct ring ring;

static void gives_back_what_was_written_in_order(void **state)
{
    (void)state;
    int16_t in[5] = {1, 2, 3, 4, 5}, out[5] = {0};
    ring_init(&ring);
    assert_int_equal(ring_write(&ring, in, 5), 5);
    assert_int_equal(ring_fill(&ring), 5);
    assert_int_equal(ring_read(&ring, out, 2), 2);
    assert_int_equal(ring_read(&ring, out + 2, 10), 3);
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(ring_fill(&ring), 0);
    assert_int_equal(ring_read(&ring, out, 1), 0);
}

static void keeps_the_oldest_when_full(void **state)
{
    (void)state;
    int16_t sample = 7, other = 8, out = 0;
    ring_init(&ring);
    for (size_t i = 0; i < RING_SAMPLES; i++) {
        assert_int_equal(ring_write(&ring, &sample, 1), 1);
    }
    assert_int_equal(ring_write(&ring, &other, 1), 0);
    assert_int_equal(ring_fill(&ring), RING_SAMPLES);
    for (size_t i = 0; i < RING_SAMPLES; i++) {
        assert_int_equal(ring_read(&ring, &out, 1), 1);
        assert_int_equal(out, 7);
    }
    assert_int_equal(ring_read(&ring, &out, 1), 0);
}

static void drops_the_oldest_on_demand(void **state)
{
    (void)state;
    int16_t in[4] = {1, 2, 3, 4}, out = 0;
    ring_init(&ring);
    ring_write(&ring, in, 4);
    assert_int_equal(ring_drop(&ring, 9), 0);
    assert_int_equal(ring_drop(&ring, 1), 3);
    assert_int_equal(ring_read(&ring, &out, 1), 1);
    assert_int_equal(out, 4);
}

static void survives_the_end_of_its_counters(void **state)
{
    (void)state;
    int16_t in[100], out[100];
    ring_init(&ring);
    atomic_store(&ring.head, SIZE_MAX - 50);
    atomic_store(&ring.tail, SIZE_MAX - 50);
    for (int i = 0; i < 100; i++) {
        in[i] = (int16_t)i;
    }
    assert_int_equal(ring_write(&ring, in, 100), 100);
    assert_int_equal(ring_fill(&ring), 100);
    assert_int_equal(ring_read(&ring, out, 100), 100);
    assert_memory_equal(in, out, sizeof(in));
}

#define PASSED 400000

static void *writer(void *arg)
{
    (void)arg;
    int16_t chunk[37];
    for (size_t next = 0; next < PASSED;) {
        size_t n = 0;
        while (n < 37 && next + n < PASSED) {
            chunk[n] = (int16_t)((next + n) & 0x7fff);
            n++;
        }
        size_t done = ring_write(&ring, chunk, n);
        next += done;
        if (done == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void two_threads_lose_and_invent_nothing(void **state)
{
    (void)state;
    ring_init(&ring);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
    int16_t chunk[53];
    size_t wrong = 0;
    for (size_t next = 0; next < PASSED;) {
        size_t n = ring_read(&ring, chunk, 53);
        for (size_t i = 0; i < n; i++) {
            wrong += chunk[i] != (int16_t)((next + i) & 0x7fff);
        }
        next += n;
        if (n == 0) {
            sched_yield();
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(ring_fill(&ring), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_written_in_order),
        cmocka_unit_test(keeps_the_oldest_when_full),
        cmocka_unit_test(drops_the_oldest_on_demand),
        cmocka_unit_test(survives_the_end_of_its_counters),
        cmocka_unit_test(two_threads_lose_and_invent_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
