// SPDX-License-Identifier: Apache-2.0
// Writing to the store in a thread: nothing waits, nothing is lost, results are true.
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/writer.h"
#include "relay_store_contract.h"

#define JOBS_MAX 4096

static char directory[64], path[96], error[256];
static uv_loop_t loop;
static struct relay_sqlite *reader;
static struct writer *writer;
static struct relay_store *store;
static int results[JOBS_MAX];
static size_t result_count;
static uint64_t last_job;

static void on_done(uint64_t job, int result, void *user)
{
    assert_ptr_equal(user, &loop);
    assert_true(job < JOBS_MAX);
    assert_int_equal(job, last_job + 1); // in the order in which they were asked for
    last_job = job;
    results[job] = result;
    result_count++;
}

static void start(uint64_t limit_bytes)
{
    assert_int_equal(relay_sqlite_open(&reader, path, error, sizeof error), 0);
    assert_int_equal(writer_new(&writer, &loop, reader, path, limit_bytes, on_done, &loop, error,
                                sizeof error),
                     0);
    store = writer_store(writer);
}

static void finish(void)
{
    while (writer_busy(writer))
        uv_run(&loop, UV_RUN_ONCE);
    writer_free(writer);
    relay_sqlite_close(reader);
}

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sotto-writer-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/%s", directory, RELAY_SQLITE_FILE);
    assert_int_equal(uv_loop_init(&loop), 0);
    last_job = 0;
    result_count = 0;
    start(64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char remove[96];
    finish();
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    return system(remove);
}

static void drain(void)
{
    while (writer_busy(writer))
        uv_run(&loop, UV_RUN_ONCE);
}

// The write with the next job number; its result after it has come.
static int put(const struct relay_store_number *n, uint32_t max)
{
    store->job = last_job + 1;
    int rc = store->number_put(store, n, max);
    if (rc != SOTTO_EAGAIN)
        return rc;
    drain();
    return results[last_job];
}

static int remove_number(const struct relay_store_number *n)
{
    store->job = last_job + 1;
    assert_int_equal(store->number_remove(store, n->token_hash, n->line_id), SOTTO_EAGAIN);
    drain();
    return results[last_job];
}

static int make_line(uint8_t n)
{
    uint8_t invite[LINK_INVITE_BYTES] = {n};
    struct relay_store_line line = contract_line(n);
    assert_int_equal(relay_sqlite_invite_create(reader, invite, 1, 0), 0);
    store->job = last_job + 1;
    assert_int_equal(store->line_register(store, invite, &line, 1), SOTTO_EAGAIN);
    memset(invite, 0xff, sizeof invite); // they were copied
    memset(&line, 0xff, sizeof line);
    drain();
    return results[last_job];
}

static void test_results_are_the_stores(void **state)
{
    (void)state;
    struct relay_store_line got;
    assert_int_equal(make_line(1), 0);
    assert_int_equal(make_line(2), 0);
    assert_int_equal(store->line_get(store, contract_line(1).line_id, &got), 0);
    assert_int_equal(got.key_len, contract_line(1).key_len);
    struct relay_store_number a = contract_number(1, 1), b = contract_number(2, 1),
                              stolen = contract_number(1, 2), lost = contract_number(5, 9);
    assert_int_equal(put(&a, 1), 0);
    assert_int_equal(put(&stolen, 1), SOTTO_EEXIST);
    assert_int_equal(put(&b, 1), SOTTO_ELIMIT);
    assert_int_equal(put(&lost, 1), SOTTO_ENOTFOUND);
    expect_number(store, &a);
    assert_int_equal(remove_number(&stolen), SOTTO_ENOTFOUND);
    assert_int_equal(remove_number(&a), 0);
    assert_int_equal(put(&b, 1), 0);
    const uint8_t used[LINK_INVITE_BYTES] = {1};
    assert_int_equal(store->invite_check(store, used, 1), SOTTO_ENOTFOUND);
    struct relay_store_line third = contract_line(3);
    store->job = last_job + 1;
    assert_int_equal(store->line_register(store, used, &third, 1), SOTTO_EAGAIN);
    drain();
    assert_int_equal(results[last_job], SOTTO_ENOTFOUND);
}

static void test_unchanged_needs_no_write(void **state)
{
    (void)state;
    assert_int_equal(make_line(1), 0);
    struct relay_store_number a = contract_number(1, 1), changed = a;
    assert_int_equal(put(&a, 10), 0);
    size_t before = result_count;
    store->job = last_job + 1;
    assert_int_equal(store->number_put(store, &a, 10), 0);
    assert_int_equal(result_count, before);
    // But not past a change that is still under way.
    changed.calls_left = 3;
    store->job = last_job + 1;
    assert_int_equal(store->number_put(store, &changed, 10), SOTTO_EAGAIN);
    store->job = last_job + 2;
    assert_int_equal(store->number_put(store, &a, 10), SOTTO_EAGAIN);
    drain();
    expect_number(store, &a);
}

static void test_subscriptions(void **state)
{
    (void)state;
    assert_int_equal(make_line(1), 0);
    struct relay_store_push p = contract_push(1, 1), lost = contract_push(1, 7);
    store->job = last_job + 1;
    assert_int_equal(store->push_put(store, &p), SOTTO_EAGAIN);
    memset(&p, 0xff, sizeof p); // it was copied
    drain();
    assert_int_equal(results[last_job], 0);
    expect_pushes(store, 1, (uint8_t[]){1}, 1);
    store->job = last_job + 1;
    assert_int_equal(store->push_put(store, &lost), SOTTO_EAGAIN);
    drain();
    assert_int_equal(results[last_job], SOTTO_ENOTFOUND);
    // What is there already costs nothing, unless it is no longer the newest.
    p = contract_push(1, 1);
    assert_int_equal(store->push_put(store, &p), 0);
    struct relay_store_push other = contract_push(2, 1);
    store->job = last_job + 1;
    assert_int_equal(store->push_put(store, &other), SOTTO_EAGAIN);
    drain();
    store->job = last_job + 1;
    assert_int_equal(store->push_put(store, &p), SOTTO_EAGAIN);
    drain();
    expect_pushes(store, 1, (uint8_t[]){2, 1}, 2);
    size_t before = result_count;
    writer_forget_push(writer, other.line_id, other.endpoint);
    drain();
    assert_int_equal(result_count, before); // nobody is told
    expect_pushes(store, 1, (uint8_t[]){1}, 1);
    store->job = last_job + 1;
    assert_int_equal(store->push_remove(store, p.line_id, ""), SOTTO_EAGAIN);
    drain();
    assert_int_equal(results[last_job], 0);
    expect_pushes(store, 1, NULL, 0);
}

static void test_many_at_once_and_never_waiting(void **state)
{
    (void)state;
    enum {
        MANY = 1000
    };
    assert_int_equal(make_line(1), 0);
    uint64_t first = last_job + 1, begin = uv_hrtime();
    for (uint32_t i = 0; i < MANY; i++) {
        struct relay_store_number n = contract_number(1, 1);
        memcpy(n.token_hash + 4, &i, sizeof i);
        store->job = first + i;
        assert_int_equal(store->number_put(store, &n, 10000), SOTTO_EAGAIN);
    }
    uint64_t asked = uv_hrtime();
    drain();
    print_message("%d writes asked for in %.1f ms, done in %.1f ms\n", MANY,
                  (double)(asked - begin) / 1e6, (double)(uv_hrtime() - begin) / 1e6);
    for (uint32_t i = 0; i < MANY; i++) {
        struct relay_store_number n = contract_number(1, 1);
        memcpy(n.token_hash + 4, &i, sizeof i);
        assert_int_equal(results[first + i], 0);
        expect_number(store, &n);
    }
}

// Some fit, some do not: each hears the truth about itself.
static void test_full_disk(void **state)
{
    (void)state;
    enum {
        MANY = 3000
    };
    finish();
    start(128 << 10);
    assert_int_equal(make_line(1), 0);
    uint64_t first = last_job + 1;
    uint32_t stored = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        struct relay_store_number n = contract_number(1, 1);
        memcpy(n.token_hash + 4, &i, sizeof i);
        store->job = first + i;
        assert_int_equal(store->number_put(store, &n, 10000), SOTTO_EAGAIN);
    }
    drain();
    for (uint32_t i = 0; i < MANY; i++) {
        struct relay_store_number n = contract_number(1, 1), got;
        memcpy(n.token_hash + 4, &i, sizeof i);
        int rc = results[first + i];
        assert_true(rc == 0 || rc == SOTTO_EFULL);
        assert_int_equal(store->number_get(store, n.token_hash, &got),
                         rc == 0 ? 0 : SOTTO_ENOTFOUND);
        stored += rc == 0;
    }
    assert_in_range(stored, 100, MANY - 100);
    assert_int_equal(relay_sqlite_check(reader), 0);
}

static void test_prune(void **state)
{
    (void)state;
    const uint8_t old[LINK_INVITE_BYTES] = {7};
    assert_int_equal(relay_sqlite_invite_create(reader, old, 1, 100), 0);
    writer_prune(writer, 101 + RELAY_INVITE_KEEP_S);
    drain();
    assert_int_equal(result_count, 0); // nobody is told
    assert_int_equal(relay_sqlite_invite_create(reader, old, 1, 100), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_results_are_the_stores),
        T(test_unchanged_needs_no_write),
        T(test_subscriptions),
        T(test_many_at_once_and_never_waiting),
        T(test_full_disk),
        T(test_prune),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
