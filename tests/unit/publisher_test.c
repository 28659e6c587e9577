// SPDX-License-Identifier: Apache-2.0
// With a device that only writes down what it is asked.
#include "unit.h"

#include "publisher.h"
#include "store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1750000000)

// ---- the device --------------------------------------------------------------------------------

struct asked {
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    bool publish;
};
static struct asked asked[256];
static uint32_t asked_count; // requests are numbered from 1
static uint32_t room;        // how many more it takes

static int ask(const uint8_t *token_hash, bool publish, uint32_t *request)
{
    if (room == 0) {
        return SOTTO_ELIMIT;
    }
    room--;
    memcpy(asked[asked_count].token_hash, token_hash, SOTTO_TOKEN_HASH_BYTES);
    asked[asked_count].publish = publish;
    *request = ++asked_count;
    return SOTTO_OK;
}

int sotto_device_number_publish(struct sotto_device *d, const struct sotto_number *n,
                                struct sotto_now now, uint32_t *request)
{
    (void)d;
    (void)now;
    return ask(n->token_hash, true, request);
}

int sotto_device_number_withdraw(struct sotto_device *d,
                                 const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                                 struct sotto_now now, uint32_t *request)
{
    (void)d;
    (void)now;
    return ask(token_hash, false, request);
}

// ---- a store -----------------------------------------------------------------------------------

struct place {
    char dir[64];
    struct store *store;
    struct publisher *publisher;
};
static const struct sotto_now now = {.mono_ns = 1, .unix_s = NOW};

static int set_up(void **state)
{
    static const struct sotto_vault_cost cheap = {SOTTO_VAULT_MEMORY_MIN_KIB,
                                                  SOTTO_VAULT_PASSES_MIN};
    struct place *p = calloc(1, sizeof *p);
    struct store_profile who = {.created_unix_s = NOW};
    snprintf(p->dir, sizeof p->dir, "/tmp/sotto-publisher-XXXXXX");
    if (mkdtemp(p->dir) == NULL ||
        store_create(&p->store, p->dir, NULL, &cheap, &who) != SOTTO_OK ||
        publisher_new(&p->publisher, p->store, NULL) != SOTTO_OK) {
        return -1;
    }
    memset(asked, 0, sizeof asked);
    asked_count = 0;
    room = 200;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char path[96];
    publisher_free(p->publisher);
    store_close(p->store);
    snprintf(path, sizeof path, "%s/" STORE_FILE, p->dir);
    unlink(path);
    rmdir(p->dir);
    free(p);
    return 0;
}

static struct store_number add(struct place *p, const char *label, enum store_pending pending)
{
    struct store_number n = {.pending = pending};
    assert_int_equal(sotto_number_init(&n.number, label, NOW, sotto_env_default()), SOTTO_OK);
    assert_int_equal(store_number_add(p->store, &n, NOW), SOTTO_OK);
    return n;
}

static enum store_pending pending_of(struct place *p, const struct store_number *n)
{
    struct store_number out;
    assert_int_equal(store_number_get(p->store, n->number.token_hash, &out), SOTTO_OK);
    return out.pending;
}

static bool answer(struct place *p, uint32_t request, int code)
{
    struct sotto_event ev;
    memset(&ev, 0, sizeof ev);
    ev.type = SOTTO_EVENT_RESULT;
    ev.request = request;
    ev.code = code;
    room++;
    return publisher_event(p->publisher, &ev, now);
}

static struct publisher_state state_of(const struct place *p)
{
    struct publisher_state s;
    publisher_state(p->publisher, &s);
    return s;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_only_what_is_pending(void **state)
{
    struct place *p = *state;
    struct store_number a = add(p, "a", STORE_PENDING_PUBLISH);
    add(p, "b", STORE_PENDING_NONE);
    struct store_number c = add(p, "c", STORE_PENDING_WITHDRAW);
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK); // nothing is asked twice
    assert_int_equal(asked_count, 2);
    assert_int_equal(state_of(p).waiting, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct store_number *n = asked[i].publish ? &a : &c;
        assert_memory_equal(asked[i].token_hash, n->number.token_hash, SOTTO_TOKEN_HASH_BYTES);
    }
    assert_int_not_equal(asked[0].publish, asked[1].publish);
    assert_true(answer(p, 1, 0));
    assert_true(answer(p, 2, 0));
    assert_false(answer(p, 2, 0)); // not ours any more
    assert_false(answer(p, 77, 0));
    assert_int_equal(pending_of(p, &a), STORE_PENDING_NONE);
    assert_int_equal(pending_of(p, &c), STORE_PENDING_NONE);
    assert_int_equal(state_of(p).done, 2);
    assert_int_equal(state_of(p).waiting, 0);
}

static void test_refused_stays_pending(void **state)
{
    struct place *p = *state;
    struct store_number a = add(p, "a", STORE_PENDING_PUBLISH);
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_true(answer(p, 1, 4));
    assert_int_equal(pending_of(p, &a), STORE_PENDING_PUBLISH);
    assert_int_equal(state_of(p).failed, 1);
    assert_int_equal(state_of(p).last_code, 4);
    assert_int_equal(state_of(p).waiting, 0);
    assert_int_equal(asked_count, 1); // not again by itself
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(asked_count, 2);
}

static int mark_revoked(struct store_number *n, void *arg)
{
    (void)arg;
    n->number.state = SOTTO_NUMBER_REVOKED;
    n->pending = STORE_PENDING_WITHDRAW;
    return SOTTO_OK;
}

// Another process revokes a number while the answer to its publication is on the way.
static void test_revoked_meanwhile(void **state)
{
    struct place *p = *state;
    struct store_number a = add(p, "a", STORE_PENDING_PUBLISH);
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(store_number_change(p->store, a.number.token_hash, mark_revoked, NULL),
                     SOTTO_OK);
    assert_true(answer(p, 1, 0));
    assert_int_equal(pending_of(p, &a), STORE_PENDING_WITHDRAW);
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(asked_count, 2);
    assert_false(asked[1].publish);
    assert_true(answer(p, 2, 0));
    assert_int_equal(pending_of(p, &a), STORE_PENDING_NONE);
}

static void test_many_go_out_in_turn(void **state)
{
    struct place *p = *state;
    const uint32_t all = PUBLISHER_IN_FLIGHT_MAX + 20;
    for (uint32_t i = 0; i < all; i++) {
        char label[16];
        snprintf(label, sizeof label, "n%u", (unsigned)i);
        add(p, label, STORE_PENDING_PUBLISH);
    }
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(asked_count, PUBLISHER_IN_FLIGHT_MAX);
    assert_int_equal(state_of(p).waiting, all);
    for (uint32_t i = 1; i <= all; i++) {
        assert_true(answer(p, i, 0));
    }
    assert_int_equal(asked_count, all);
    assert_int_equal(state_of(p).done, all);
    assert_int_equal(state_of(p).waiting, 0);
}

static void test_device_that_is_busy(void **state)
{
    struct place *p = *state;
    add(p, "a", STORE_PENDING_PUBLISH);
    add(p, "b", STORE_PENDING_PUBLISH);
    room = 0;
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(asked_count, 0);
    assert_int_equal(state_of(p).waiting, 2);
    room = 1;
    assert_int_equal(publisher_start(p->publisher, now), SOTTO_OK);
    assert_int_equal(asked_count, 1);
    assert_true(answer(p, 1, 0)); // that made room
    assert_int_equal(asked_count, 2);
    assert_int_equal(state_of(p).failed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_is_pending), TEST(test_refused_stays_pending),
        TEST(test_revoked_meanwhile),    TEST(test_many_go_out_in_turn),
        TEST(test_device_that_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
