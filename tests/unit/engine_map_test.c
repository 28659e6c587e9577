// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/list.h"
#include "engine/map.h"

struct thing {
    int value;
    struct map_entry entry;
    uint8_t key[16];
};

static void test_finds_what_was_put_and_nothing_else(void **state)
{
    (void)state;
    enum {
        THINGS = 500
    };
    static struct thing things[THINGS];
    struct map m;
    assert_int_equal(map_init(&m, 16, 16, sotto_env_default()), 0); // crowded: long chains
    for (int i = 0; i < THINGS; i++) {
        things[i].value = i;
        memcpy(things[i].key + 8, &i, sizeof i);
        assert_null(map_find(&m, things[i].key));
        map_insert(&m, &things[i].entry, things[i].key);
    }
    assert_int_equal(m.count, THINGS);
    for (int i = 0; i < THINGS; i += 2)
        map_remove(&m, &things[i].entry);
    assert_int_equal(m.count, THINGS / 2);
    for (int i = 0; i < THINGS; i++) {
        struct map_entry *found = map_find(&m, things[i].key);
        if (i % 2 == 0) {
            assert_null(found);
        } else {
            assert_non_null(found);
            assert_int_equal(LIST_OF(found, struct thing, entry)->value, i);
        }
    }
    map_deinit(&m);
}

static void test_hash_depends_on_every_word_and_the_seed(void **state)
{
    (void)state;
    uint8_t key[32] = {0};
    uint64_t before = map_hash(7, key, sizeof key);
    assert_true(map_hash(8, key, sizeof key) != before);
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = 1;
        assert_true(map_hash(7, key, sizeof key) != before);
        key[i] = 0;
    }
}

static void test_spreads(void **state)
{
    (void)state;
    unsigned counts[64] = {0};
    for (uint64_t i = 0; i < 6400; i++)
        counts[map_hash(12345, (const uint8_t *)&i, sizeof i) % 64]++;
    for (size_t i = 0; i < 64; i++)
        assert_in_range(counts[i], 50, 160);
}

static void test_list(void **state)
{
    (void)state;
    struct list head, a, b, c;
    list_init(&head);
    list_append(&head, &a);
    list_append(&head, &b);
    list_append(&head, &c);
    list_remove(&b);
    assert_ptr_equal(head.next, &a);
    assert_ptr_equal(a.next, &c);
    assert_ptr_equal(c.next, &head);
    assert_ptr_equal(head.prev, &c);
    list_remove(&b); // twice does no harm
    list_remove(&a);
    list_remove(&c);
    assert_ptr_equal(head.next, &head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_put_and_nothing_else),
        cmocka_unit_test(test_hash_depends_on_every_word_and_the_seed),
        cmocka_unit_test(test_spreads),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
