#include "unit.h"

#include "address_count.h"
#include "cid_table.h"
#include "datagram_queue.h"
#include "stream_out.h"
#include "timer_heap.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

static void test_timer_heap(void **state)
{
    (void)state;
    enum {
        N = 500
    };
    static struct timer_node nodes[N];
    struct timer_heap h = {0};
    uint32_t x = 1;
    memset(nodes, 0, sizeof nodes);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < N; i++) {
            assert_int_equal(timer_heap_at_latest(&h, &nodes[i], next_random(&x) % 1000), 0);
        }
        for (int i = 0; i < N; i += 3) {
            timer_heap_remove(&h, &nodes[i]);
            timer_heap_remove(&h, &nodes[i]); // twice does no harm
        }
        // Later than before changes nothing, earlier does.
        uint64_t due = nodes[1].due_ns;
        assert_int_equal(timer_heap_at_latest(&h, &nodes[1], due + 5), 0);
        assert_int_equal(nodes[1].due_ns, due);
        assert_int_equal(timer_heap_at_latest(&h, &nodes[1], 0), 0);
        assert_int_equal(timer_heap_first(&h)->due_ns, 0);
        uint64_t last = 0;
        size_t count = 0;
        for (struct timer_node *n; (n = timer_heap_first(&h)) != NULL; count++) {
            assert_true(n->due_ns >= last);
            last = n->due_ns;
            timer_heap_remove(&h, n);
        }
        assert_int_equal(count, N - (N + 2) / 3);
    }
    timer_heap_deinit(&h);
}

static void test_cid_table(void **state)
{
    (void)state;
    enum {
        N = 1000
    };
    struct cid_table t;
    static struct cid_list lists[N];
    static uint8_t ids[N][CID_MAX_BYTES];
    uint32_t x = 7;
    memset(lists, 0, sizeof lists);
    assert_int_equal(cid_table_init(&t), 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < CID_MAX_BYTES; j++) {
            ids[i][j] = (uint8_t)next_random(&x);
        }
        assert_int_equal(cid_table_add(&t, &lists[i], &lists[i], ids[i], 8), 0);
        assert_int_equal(cid_table_add(&t, &lists[i], &lists[i], ids[i], 20), 0);
        assert_int_equal(cid_table_add(&t, &lists[0], &lists[0], ids[i], 8), SOTTO_EEXIST);
    }
    assert_int_equal(t.count, 2 * N);
    assert_true(t.bucket_count >= N); // it has grown
    for (int i = 0; i < N; i++) {
        assert_ptr_equal(cid_table_find(&t, ids[i], 8), &lists[i]);
        assert_ptr_equal(cid_table_find(&t, ids[i], 20), &lists[i]);
        assert_null(cid_table_find(&t, ids[i], 9));
        assert_null(cid_table_find(&t, ids[i], 0));
    }
    uint8_t longer[64] = {0};
    assert_null(cid_table_find(&t, longer, sizeof longer));
    assert_true(cid_table_add(&t, &lists[0], NULL, longer, sizeof longer) < 0);
    for (int i = 0; i < N; i++) {
        cid_table_remove(&t, &lists[i], ids[i], 8);
        assert_null(cid_table_find(&t, ids[i], 8));
        cid_table_remove(&t, &lists[(i + 1) % N], ids[i], 20); // of another list: stays
        assert_non_null(cid_table_find(&t, ids[i], 20));
        cid_table_remove_all(&t, &lists[i]);
        assert_null(cid_table_find(&t, ids[i], 20));
    }
    assert_int_equal(t.count, 0);
    cid_table_deinit(&t);
}

static union udp_address address(const char *text)
{
    union udp_address a;
    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
        a.any.sa_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
        a.any.sa_family = AF_INET6;
    }
    return a;
}

static void test_address_count(void **state)
{
    (void)state;
    struct address_count a, other;
    assert_int_equal(address_count_init(&a), 0);
    assert_int_equal(address_count_init(&other), 0);
    uint8_t k[6][ADDRESS_KEY_BYTES];
    static const char *const texts[] = {"192.0.2.1",       "::ffff:192.0.2.1", "192.0.2.2",
                                        "2001:db8:0:1::1", "2001:db8:0:1::2",  "2001:db8:0:2::1"};
    for (int i = 0; i < 6; i++) {
        union udp_address u = address(texts[i]);
        u.v4.sin_port = htons((uint16_t)(1000 + i)); // the port does not count
        assert_int_equal(address_count_key(&a, &u, k[i]), 0);
        assert_null(memmem(k[i], ADDRESS_KEY_BYTES, &u.v4.sin_addr, 4));
    }
    assert_memory_equal(k[0], k[1], ADDRESS_KEY_BYTES);
    assert_memory_not_equal(k[0], k[2], ADDRESS_KEY_BYTES);
    assert_memory_equal(k[3], k[4], ADDRESS_KEY_BYTES);
    assert_memory_not_equal(k[3], k[5], ADDRESS_KEY_BYTES);
    uint8_t elsewhere[ADDRESS_KEY_BYTES];
    union udp_address u = address(texts[0]);
    assert_int_equal(address_count_key(&other, &u, elsewhere), 0);
    assert_memory_not_equal(k[0], elsewhere, ADDRESS_KEY_BYTES); // keyed
    assert_int_equal(address_count_get(&a, k[0]), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(address_count_add(&a, k[0]), 0);
        assert_int_equal(address_count_get(&a, k[0]), i + 1);
    }
    assert_int_equal(address_count_get(&a, k[2]), 0);
    for (uint32_t i = 3; i > 0; i--) {
        address_count_drop(&a, k[0]);
        assert_int_equal(address_count_get(&a, k[0]), i - 1);
    }
    address_count_drop(&a, k[0]); // none left: no harm
    assert_int_equal(a.count, 0);
    address_count_deinit(&a);
    address_count_deinit(&other);
}

static void test_datagram_queue(void **state)
{
    (void)state;
    struct datagram_pool pool = {0};
    struct datagram_queue q = {0};
    uint8_t data[NET_DATAGRAM_MAX_BYTES] = {0};
    const uint64_t ms = SOTTO_NS_PER_MS;
    for (uint32_t i = 0; i < DATAGRAM_QUEUE_MAX + 10; i++) {
        memcpy(data, &i, sizeof i);
        assert_int_equal(datagram_queue_push(&q, &pool, data, sizeof data, 1000 * ms + i), 0);
    }
    // The oldest ten made room.
    assert_int_equal(q.count, DATAGRAM_QUEUE_MAX);
    assert_int_equal(q.dropped, 10);
    uint32_t first;
    memcpy(&first, datagram_queue_head(&q, &pool, 1000 * ms)->data, sizeof first);
    assert_int_equal(first, 10);
    datagram_queue_pop(&q, &pool);
    assert_int_equal(q.count, DATAGRAM_QUEUE_MAX - 1);
    // The old ones go by themselves.
    assert_non_null(datagram_queue_head(&q, &pool, 1000 * ms + DATAGRAM_MAX_AGE_MS * ms));
    assert_null(datagram_queue_head(&q, &pool, 1001 * ms + DATAGRAM_MAX_AGE_MS * ms));
    assert_int_equal(q.count, 0);
    assert_null(q.tail);
    // Blocks come back to the pool, and from it.
    size_t kept = pool.free_count;
    assert_int_equal(datagram_queue_push(&q, &pool, data, 1, 0), 0);
    assert_int_equal(pool.free_count, kept - 1);
    datagram_queue_clear(&q, &pool);
    assert_int_equal(pool.free_count, kept);
    datagram_pool_deinit(&pool);
}

static void test_stream_out(void **state)
{
    (void)state;
    struct stream_out s;
    stream_out_init(&s);
    assert_false(stream_out_ready(&s));
    assert_int_equal(stream_out_append(&s, (const uint8_t *)"ab", 2, (const uint8_t *)"cde", 3), 0);
    assert_int_equal(stream_out_append(&s, (const uint8_t *)"fg", 2, NULL, 0), 0);
    assert_int_equal(stream_out_append(&s, NULL, 0, NULL, 0), 0);
    assert_false(stream_out_ready(&s)); // no stream yet
    s.id = 4;
    assert_true(stream_out_ready(&s));
    struct iovec v[4];
    assert_int_equal(stream_out_peek(&s, v, 4), 2);
    assert_int_equal(v[0].iov_len, 5);
    assert_memory_equal(v[0].iov_base, "abcde", 5);
    stream_out_written(&s, 6, false);
    assert_int_equal(stream_out_peek(&s, v, 4), 1);
    assert_memory_equal(v[0].iov_base, "g", 1);
    // Kept until acknowledged, whole pieces at a time.
    assert_int_equal(s.held_bytes, 7);
    stream_out_acked(&s, 4);
    assert_int_equal(s.held_bytes, 7);
    stream_out_acked(&s, 5);
    assert_int_equal(s.held_bytes, 2);
    s.fin = true;
    stream_out_written(&s, 1, true);
    assert_true(s.fin_written);
    assert_false(stream_out_ready(&s));
    stream_out_acked(&s, 7);
    assert_int_equal(s.held_bytes, 0);
    stream_out_deinit(&s);
    // Freed with bytes in it.
    assert_int_equal(stream_out_append(&s, (const uint8_t *)"x", 1, NULL, 0), 0);
    stream_out_deinit(&s);
    assert_int_equal(s.id, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_heap),    cmocka_unit_test(test_cid_table),
        cmocka_unit_test(test_address_count), cmocka_unit_test(test_datagram_queue),
        cmocka_unit_test(test_stream_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
