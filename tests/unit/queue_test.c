// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/queue.h"
#include "test_env.h"

#include <string.h>

static void assert_oldest(const struct queue *q, const void *data, size_t len)
{
    size_t got;
    const uint8_t *block = queue_peek(q, &got);
    assert_non_null(block);
    assert_int_equal(got, len);
    assert_memory_equal(block, data, len);
}

static void first_in_first_out(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    size_t len;
    test_env_init(&t, 1);
    queue_init(&q, 100, &t.env);
    assert_null(queue_peek(&q, &len));
    assert_int_equal(t.calls, 0);
    assert_int_equal(queue_push(&q, "one", 3), 0);
    assert_int_equal(queue_push(&q, "", 0), 0);
    assert_int_equal(queue_push(&q, "three", 5), 0);
    assert_int_equal(queue_count(&q), 3);
    assert_int_equal(queue_bytes(&q), 3 + 5 + 3 * QUEUE_BLOCK_OVERHEAD_BYTES);
    assert_oldest(&q, "one", 3);
    queue_pop(&q);
    assert_oldest(&q, "", 0);
    queue_pop(&q);
    assert_oldest(&q, "three", 5);
    queue_pop(&q);
    assert_null(queue_peek(&q, &len));
    assert_int_equal(queue_count(&q), 0);
    queue_pop(&q);
    queue_clear(&q);
    assert_int_equal(t.live, 0);
}

static void the_limit_refuses(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    test_env_init(&t, 1);
    queue_init(&q, 2 * (QUEUE_BLOCK_OVERHEAD_BYTES + 6), &t.env);
    assert_int_equal(queue_push(&q, "sixsix", 6), 0);
    assert_int_equal(queue_push(&q, "sevense", 7), SOTTO_ELIMIT);
    assert_int_equal(queue_push(&q, "sixsix", 6), 0);
    assert_int_equal(queue_push(&q, "", 0), SOTTO_ELIMIT);
    assert_int_equal(queue_count(&q), 2);
    assert_int_equal(queue_push(&q, "", SIZE_MAX), SOTTO_ELIMIT);
    queue_pop(&q);
    assert_int_equal(queue_push(&q, "again!", 6), 0);
    queue_clear(&q);
    assert_int_equal(t.live, 0);
}

static void the_limit_drops_the_oldest(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    test_env_init(&t, 1);
    queue_init(&q, 3 * (QUEUE_BLOCK_OVERHEAD_BYTES + 2), &t.env);
    for (char c = 'a'; c <= 'c'; c++) {
        assert_int_equal(queue_push_dropping(&q, (char[]){c, c}, 2), 0);
    }
    assert_int_equal(queue_push_dropping(&q, "dd", 2), 1);
    assert_oldest(&q, "bb", 2);
    assert_int_equal(queue_push_dropping(&q, "eeeee", 5), 2);
    assert_oldest(&q, "dd", 2);
    assert_int_equal(queue_count(&q), 2);
    // Larger than the limit: refused, and nothing is lost.
    assert_int_equal(queue_push_dropping(&q, "ffffffffffffffffff", 15), SOTTO_ELIMIT);
    assert_int_equal(queue_count(&q), 2);
    // Exactly the limit: everything else goes.
    assert_int_equal(queue_push_dropping(&q, "gggggggggggggg", 14), 2);
    assert_oldest(&q, "gggggggggggggg", 14);
    queue_clear(&q);
    assert_int_equal(t.live, 0);
}

// Against a plain model, for many random steps.
#define MODEL_BLOCKS 64
struct model {
    uint8_t block[MODEL_BLOCKS][64];
    size_t len[MODEL_BLOCKS];
    size_t head, count, bytes;
};

static void model_pop(struct model *m)
{
    if (m->count > 0) {
        m->bytes -= m->len[m->head] + QUEUE_BLOCK_OVERHEAD_BYTES;
        m->head = (m->head + 1) % MODEL_BLOCKS;
        m->count--;
    }
}

static void it_behaves_like_a_list(void **state)
{
    (void)state;
    enum {
        LIMIT = 1500
    };
    struct test_env t;
    struct queue q;
    static struct model m;
    test_env_init(&t, 7);
    queue_init(&q, LIMIT, &t.env);
    for (int step = 0; step < 20000; step++) {
        uint8_t draw[2];
        t.env.random(draw, sizeof draw, t.env.user);
        // Alternating tides, so that it is full at times and empty at others.
        bool push = draw[0] < (step / 500 % 2 == 0 ? 170 : 80);
        if (push && m.count < MODEL_BLOCKS) {
            size_t at = (m.head + m.count) % MODEL_BLOCKS;
            size_t len = draw[1] % 64;
            t.env.random(m.block[at], len, t.env.user);
            bool fits = m.bytes + len + QUEUE_BLOCK_OVERHEAD_BYTES <= LIMIT;
            assert_int_equal(queue_push(&q, m.block[at], len), fits ? 0 : SOTTO_ELIMIT);
            if (fits) {
                m.len[at] = len;
                m.bytes += len + QUEUE_BLOCK_OVERHEAD_BYTES;
                m.count++;
            }
        } else if (!push) {
            queue_pop(&q);
            model_pop(&m);
        }
        assert_int_equal(queue_count(&q), m.count);
        assert_int_equal(queue_bytes(&q), m.bytes);
        if (m.count > 0) {
            assert_oldest(&q, m.block[m.head], m.len[m.head]);
        }
        assert_true(q.cap < 4 * LIMIT);
    }
    queue_clear(&q);
    assert_int_equal(t.live, 0);
}

static void an_emptied_queue_gives_memory_back(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    test_env_init(&t, 1);
    static const uint8_t big[5000];
    queue_init(&q, 100000, &t.env);
    assert_int_equal(queue_push(&q, big, sizeof big), 0);
    assert_int_equal(t.live, 1);
    queue_pop(&q);
    assert_int_equal(t.live, 0);
    // A small one is kept, so that small messages do not allocate each time.
    assert_int_equal(queue_push(&q, "small", 5), 0);
    size_t calls = t.calls;
    for (int i = 0; i < 1000; i++) {
        queue_pop(&q);
        assert_int_equal(queue_push(&q, "small", 5), 0);
    }
    assert_int_equal(t.calls, calls);
    queue_clear(&q);
    assert_int_equal(t.live, 0);
    // Usable after it was cleared.
    assert_int_equal(queue_push(&q, "more", 4), 0);
    assert_oldest(&q, "more", 4);
    queue_clear(&q);
}

// Moving is only worth it when half of the buffer becomes free: otherwise a nearly full queue would
// move all of itself for each small block.
static void a_nearly_full_queue_does_not_move_each_time(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    static const uint8_t block[60];
    test_env_init(&t, 1);
    queue_init(&q, 1000, &t.env);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(queue_push(&q, block, sizeof block), 0);
    }
    assert_int_equal(q.cap, 256);
    queue_pop(&q);
    assert_int_equal(queue_push(&q, block, sizeof block), 0);
    assert_int_equal(q.cap, 512);
    queue_clear(&q);
}

static void what_leaves_is_wiped(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    test_env_init(&t, 1);
    static const uint8_t other[190];
    queue_init(&q, 200, &t.env);
    assert_int_equal(queue_push(&q, "secret", 6), 0);
    assert_int_equal(queue_push(&q, "second", 6), 0);
    queue_pop(&q);
    assert_null(memmem(q.buf, q.cap, "secret", 6));
    assert_non_null(memmem(q.buf, q.cap, "second", 6));
    assert_int_equal(queue_push_dropping(&q, other, sizeof other), 1);
    assert_null(memmem(q.buf, q.cap, "second", 6));
    queue_clear(&q);
}

static void lack_of_memory_changes_nothing(void **state)
{
    (void)state;
    struct test_env t;
    struct queue q;
    static const uint8_t big[600];
    test_env_init(&t, 1);
    queue_init(&q, 2000, &t.env);
    assert_int_equal(queue_push(&q, "kept", 4), 0);
    t.fail_at = t.calls + 1;
    assert_int_equal(queue_push(&q, big, sizeof big), SOTTO_ENOMEM);
    assert_int_equal(queue_count(&q), 1);
    assert_oldest(&q, "kept", 4);
    t.fail_at = t.calls + 1;
    assert_int_equal(queue_push_dropping(&q, big, sizeof big), SOTTO_ENOMEM);
    assert_int_equal(queue_push(&q, big, sizeof big), 0);
    assert_oldest(&q, "kept", 4);
    queue_clear(&q);
    assert_int_equal(t.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(the_limit_refuses),
        cmocka_unit_test(the_limit_drops_the_oldest),
        cmocka_unit_test(it_behaves_like_a_list),
        cmocka_unit_test(an_emptied_queue_gives_memory_back),
        cmocka_unit_test(a_nearly_full_queue_does_not_move_each_time),
        cmocka_unit_test(what_leaves_is_wiped),
        cmocka_unit_test(lack_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
