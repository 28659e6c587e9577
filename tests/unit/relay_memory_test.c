// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "relay_store_contract.h"
#include "store/memory.h"

static int add(void *user, const uint8_t invite[LINK_INVITE_BYTES], int64_t expires)
{
    return relay_memory_invite_add(user, invite, expires);
}

static void test_contract(void **state)
{
    (void)state;
    struct relay_memory *m;
    assert_int_equal(relay_memory_new(&m, sotto_env_default()), 0);
    struct relay_store *s = relay_memory_store(m);
    contract_invites_and_lines(s, add, m);
    contract_numbers(s);
    contract_pushes(s);
    struct relay_store_line line = contract_line(1);
    assert_int_equal(relay_memory_line_remove(m, line.line_id), 0);
    assert_int_equal(relay_memory_line_remove(m, line.line_id), SOTTO_ENOTFOUND);
    contract_withdrawn(s);
    relay_memory_free(m);
}

static void test_failures_on_demand(void **state)
{
    (void)state;
    struct relay_memory *m;
    assert_int_equal(relay_memory_new(&m, sotto_env_default()), 0);
    struct relay_store *s = relay_memory_store(m);
    struct relay_store_number n = contract_number(1, 1);
    uint64_t before = relay_memory_calls(m);
    relay_memory_fail(m, SOTTO_EIO);
    assert_int_equal(s->number_get(s, n.token_hash, &n), SOTTO_EIO);
    relay_memory_fail(m, 0);
    assert_int_equal(s->number_get(s, n.token_hash, &n), SOTTO_ENOTFOUND);
    assert_int_equal(relay_memory_calls(m) - before, 2);
    relay_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_failures_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
