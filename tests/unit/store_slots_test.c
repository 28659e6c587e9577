// SPDX-License-Identifier: Apache-2.0
// The store in two slots: what is left after a write that fails, is cut short, or is damaged.
#include "unit.h"

#include "store_impl.h"
#include "store_slots.h"

#include "identity/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW        INT64_C(1800000000)
#define PASSPHRASE "correct horse"
#define MANY       40

static const struct sotto_vault_cost cheap = {SOTTO_VAULT_MEMORY_MIN_KIB, SOTTO_VAULT_PASSES_MIN};

// ---- a medium ----------------------------------------------------------------------------------

struct medium {
    struct slots_host host;
    uint8_t *slot[SLOTS_COUNT];
    size_t len[SLOTS_COUNT];
    unsigned writes, last; // how often, and where the last went
    int fails;             // what writing gives, after tearing; 0: it works
    size_t torn;           // a failing write leaves so much of the new, then what was there before
};

static struct medium m;

static void keep(unsigned which, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    free(m.slot[which]);
    m.slot[which] = copy;
    m.len[which] = len;
}

static int write_slot(unsigned which, const uint8_t *data, size_t len, void *user)
{
    assert_ptr_equal(user, &m);
    assert_true(which < SLOTS_COUNT);
    m.writes++;
    m.last = which;
    if (m.fails == 0) {
        keep(which, data, len);
        return 0;
    }
    size_t torn = m.torn < len ? m.torn : len;
    if (torn > m.len[which]) {
        keep(which, data, torn);
    } else if (torn > 0) {
        memcpy(m.slot[which], data, torn);
    }
    return m.fails;
}

static struct slots *offered(void)
{
    struct slots *s;
    assert_int_equal(slots_new(&s, &m.host), 0);
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        (void)slots_offer(s, i, m.slot[i], m.len[i]);
    }
    return s;
}

static int setup(void **state)
{
    (void)state;
    memset(&m, 0, sizeof m);
    m.host = (struct slots_host){.write = write_slot, .user = &m};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        free(m.slot[i]);
    }
    return 0;
}

// ---- stores on it ------------------------------------------------------------------------------

struct open_store {
    struct slots *slots;
    struct store *store;
};

static struct open_store make(void)
{
    struct open_store o = {.slots = offered()};
    const struct store_profile who = {.name = "Anna", .created_unix_s = NOW};
    assert_int_equal(store_make(&o.store, &slots_backend, o.slots, PASSPHRASE, &cheap, &who, NULL),
                     0);
    return o;
}

static void let_go(struct open_store *o)
{
    store_close(o->store);
    slots_free(o->slots);
}

static struct open_store reopen(void)
{
    struct open_store o = {.slots = offered()};
    assert_true(slots_exists(o.slots));
    assert_int_equal(store_load(&o.store, &slots_backend, o.slots, PASSPHRASE), 0);
    return o;
}

static int add(struct open_store *o, const char *label)
{
    struct store_number n = {.pending = STORE_PENDING_PUBLISH};
    assert_int_equal(sotto_number_init(&n.number, label, NOW, sotto_env_default()), 0);
    return store_number_add(o->store, &n, NOW);
}

static size_t count(struct open_store *o)
{
    struct store_number *list;
    size_t n;
    assert_int_equal(store_numbers(o->store, &list, &n), 0);
    store_numbers_free(list, n);
    return n;
}

static void check(struct open_store *o, size_t numbers)
{
    size_t boxes, damaged;
    assert_int_equal(store_check(o->store, &boxes, &damaged), 0);
    assert_int_equal(damaged, 0);
    assert_int_equal(boxes, numbers + 2); // profile and identity
    assert_int_equal(count(o), numbers);
}

// ---- tests -------------------------------------------------------------------------------------

static void it_keeps(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(m.writes, 1);
    assert_int_equal(add(&o, "Ben"), 0);
    assert_int_equal(add(&o, "Ben"), SOTTO_EEXIST);
    assert_int_equal(m.writes, 2); // the second attempt wrote nothing
    assert_int_equal(m.last, 1);   // in turns
    assert_int_equal(add(&o, "Carl"), 0);
    assert_int_equal(m.last, 0);
    assert_false(store_changed(o.store));
    let_go(&o);
    o = reopen();
    check(&o, 2);
    struct sotto_fingerprint fp;
    sotto_identity_fingerprint(store_identity(o.store), &fp);
    let_go(&o);
    struct slots *s = offered();
    struct store *none = NULL;
    assert_int_equal(store_load(&none, &slots_backend, s, "wrong"), SOTTO_EPASSPHRASE);
    assert_null(none);
    const struct store_profile who = {.name = "B"};
    assert_int_equal(store_make(&none, &slots_backend, s, NULL, &cheap, &who, NULL), SOTTO_EEXIST);
    slots_free(s);
    o = reopen();
    struct sotto_fingerprint again;
    sotto_identity_fingerprint(store_identity(o.store), &again);
    assert_true(sotto_fingerprint_equal(&fp, &again));
    let_go(&o);
}

// Cut short at every byte, over the older snapshot that was there: the store is as before, and goes
// on.
static void a_torn_write_loses_nothing(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(add(&o, "Ben"), 0);
    assert_int_equal(add(&o, "Carl"), 0);
    size_t whole = 2 * m.len[m.last] - m.len[1 - m.last]; // with one more number
    uint8_t *older = malloc(m.len[1 - m.last]);
    size_t older_len = m.len[1 - m.last];
    unsigned target = 1 - m.last;
    memcpy(older, m.slot[target], older_len);
    for (size_t torn = 0; torn < whole; torn += torn < 64 ? 1 : 7) {
        keep(target, older, older_len);
        m.fails = -1;
        m.torn = torn;
        assert_int_equal(add(&o, "Dora"), SOTTO_EIO);
        assert_int_equal(count(&o), 2);
        struct open_store after = reopen();
        check(&after, 2);
        let_go(&after);
    }
    m.fails = 0;
    assert_int_equal(add(&o, "Dora"), 0);
    assert_int_equal(m.last, target);
    let_go(&o);
    o = reopen();
    check(&o, 3);
    let_go(&o);
    free(older);
}

static void a_full_disk_takes_a_transaction_back(void **state)
{
    (void)state;
    struct open_store o = make();
    for (int i = 0; i < MANY; i++) {
        char label[16];
        snprintf(label, sizeof label, "number %d", i);
        assert_int_equal(add(&o, label), 0);
    }
    struct store_log_entry e = {.kind = STORE_LOG_CALL, .started_unix_s = NOW, .label = "Ben"};
    assert_int_equal(store_log_add(o.store, &e), 0);
    m.fails = -2;
    size_t removed;
    assert_int_equal(store_log_clear(o.store, &removed), SOTTO_EFULL);
    assert_int_equal(add(&o, "one more"), SOTTO_EFULL);
    assert_int_equal(store_change_passphrase(o.store, PASSPHRASE, "another", &cheap), SOTTO_EFULL);
    struct sotto_fingerprint fp = {{1}};
    struct sotto_contact c = {.fingerprint = fp, .label = "Carl"};
    assert_int_equal(store_contact_add(o.store, &c), SOTTO_EFULL);
    assert_int_equal(store_contact_get(o.store, &fp, &c), SOTTO_ENOTFOUND);
    assert_int_equal(count(&o), MANY);
    m.fails = 0;
    struct store_log_entry *log;
    size_t entries;
    assert_int_equal(store_log(o.store, 0, &log, &entries), 0);
    assert_int_equal(entries, 1);
    store_log_free(log, entries);
    let_go(&o);
    o = reopen(); // with the old passphrase
    assert_int_equal(store_log_clear(o.store, &removed), 0);
    assert_int_equal(removed, 1);
    check(&o, MANY);
    let_go(&o);
}

// Removing and putting in one transaction, taken back.
static void a_transaction_is_taken_back_as_a_whole(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(add(&o, "Ben"), 0);
    const uint8_t id[BOX_ID_BYTES] = {7};
    unsigned writes = m.writes;
    assert_int_equal(store_begin(o.store), 0);
    assert_int_equal(box_put(o.store, BOX_LOG, id, id, sizeof id), 0);
    assert_int_equal(box_put(o.store, BOX_LOG, id, id, 3), 0);
    assert_int_equal(box_remove(o.store, BOX_LOG, id), 0);
    assert_int_equal(box_put(o.store, BOX_LOG, id, id, 5), 0);
    assert_int_equal(o.store->backend->box_clear(o.slots, BOX_NUMBER), 0);
    assert_int_equal(store_begin(o.store), SOTTO_EIO); // one at a time
    assert_int_equal(store_end(o.store, SOTTO_ESTATE), SOTTO_ESTATE);
    assert_int_equal(m.writes, writes);
    check(&o, 1);
    // The same, and kept.
    assert_int_equal(store_begin(o.store), 0);
    assert_int_equal(box_put(o.store, BOX_LOG, id, id, sizeof id), 0);
    assert_int_equal(o.store->backend->box_clear(o.slots, BOX_NUMBER), 0);
    assert_int_equal(store_end(o.store, SOTTO_OK), 0);
    assert_int_equal(m.writes, writes + 1);
    size_t logs;
    assert_int_equal(box_count(o.store, BOX_LOG, &logs), 0);
    assert_int_equal(logs, 1);
    assert_int_equal(count(&o), 0);
    // Left open when the store is closed: taken back.
    assert_int_equal(store_begin(o.store), 0);
    assert_int_equal(box_remove(o.store, BOX_LOG, id), 0);
    store_close(o.store);
    slots_free(o.slots);
    o = reopen();
    assert_int_equal(box_count(o.store, BOX_LOG, &logs), 0);
    assert_int_equal(logs, 1);
    let_go(&o);
}

static void one_damaged_slot_is_survived(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(add(&o, "Ben"), 0);
    let_go(&o);
    unsigned newest = m.last;
    for (size_t at = 0; at < m.len[newest]; at += 13) { // each part of it
        m.slot[newest][at] ^= 0x20;
        struct slots *s = offered();
        assert_true(slots_exists(s) && !slots_damaged(s)); // the older one
        slots_free(s);
        m.slot[newest][at] ^= 0x20;
    }
    m.slot[newest][20] ^= 1;
    o = reopen();
    check(&o, 0);
    assert_int_equal(add(&o, "Carl"), 0);
    assert_int_equal(m.last, newest); // over the damaged one
    let_go(&o);
    // Both: nothing may be put in their place.
    m.slot[0][20] ^= 1;
    m.slot[1][20] ^= 1;
    struct slots *s = offered();
    assert_true(slots_damaged(s) && !slots_exists(s));
    const struct store_profile who = {.name = "B"};
    struct store *none = NULL;
    assert_int_equal(store_make(&none, &slots_backend, s, NULL, &cheap, &who, NULL), SOTTO_EEXIST);
    assert_int_equal(slots_erase(s), 0);
    assert_int_equal(m.len[0] + m.len[1], 0);
    assert_int_equal(store_make(&none, &slots_backend, s, NULL, &cheap, &who, NULL), 0);
    store_close(none);
    slots_free(s);
}

static void checksum(uint8_t *data, size_t len)
{
    assert_int_equal(digest_sha256(data, len - DIGEST_SHA256_BYTES,
                                   data + len - DIGEST_SHA256_BYTES),
                     0);
}

static void strange_slots_are_refused(void **state)
{
    (void)state;
    struct open_store o = make();
    let_go(&o);
    size_t len = m.len[m.last];
    uint8_t *good = m.slot[m.last], *bad = malloc(len);
    assert_non_null(bad);
    struct slots *s;
    assert_int_equal(slots_new(&s, &m.host), 0);
    static const struct {
        size_t at;
        uint8_t value;
        int error;
    } cases[] = {
        {0, 'S', SOTTO_EPARSE},    // magic
        {9, 2, SOTTO_ESTATE},      // a newer format
        {9, 0, SOTTO_EPARSE},      // none that ever was
        {10, 3, SOTTO_EPARSE},     // lock
        {147, 0xff, SOTTO_EPARSE}, // more boxes than there may be
        {150, 9, SOTTO_EPARSE},    // more boxes than there are
        {151, 7, SOTTO_EPARSE},    // kind
        {168, 0xff, SOTTO_EPARSE}, // length
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(bad, good, len);
        assert_int_not_equal(bad[cases[i].at], cases[i].value);
        bad[cases[i].at] = cases[i].value;
        checksum(bad, len);
        assert_int_equal(slots_offer(s, 0, bad, len), cases[i].error);
    }
    assert_int_equal(slots_offer(s, 0, good, len - 1), SOTTO_EPARSE);
    assert_int_equal(slots_offer(s, 2, good, len), SOTTO_EINVAL);
    assert_false(slots_exists(s));
    assert_int_equal(slots_offer(s, 1, good, len), 0);
    assert_true(slots_exists(s));
    slots_free(s);
    free(bad);
}

// The passphrase's old wrapping, and what was cleared, are in neither slot.
static void what_was_replaced_is_forgotten(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(store_change_passphrase(o.store, PASSPHRASE, "new one", &cheap), 0);
    let_go(&o);
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        struct slots *s;
        struct store *store = NULL;
        assert_int_equal(slots_new(&s, &m.host), 0);
        assert_int_equal(slots_offer(s, i, m.slot[i], m.len[i]), 0);
        assert_int_equal(store_load(&store, &slots_backend, s, PASSPHRASE), SOTTO_EPASSPHRASE);
        assert_int_equal(store_load(&store, &slots_backend, s, "new one"), 0);
        store_close(store);
        slots_free(s);
    }
}

static void the_lock_goes_with_its_transaction(void **state)
{
    (void)state;
    struct slots *s = offered();
    struct open_store o = {.slots = s};
    const struct store_profile who = {.name = "Anna"};
    slots_will_lock(s, SLOTS_LOCK_PASSKEY);
    assert_int_equal(store_make(&o.store, &slots_backend, s, PASSPHRASE, &cheap, &who, NULL), 0);
    assert_int_equal(slots_lock(s), SLOTS_LOCK_PASSKEY);
    slots_will_lock(s, SLOTS_LOCK_NONE);
    m.fails = -1;
    assert_int_equal(add(&o, "Ben"), SOTTO_EIO);
    assert_int_equal(slots_lock(s), SLOTS_LOCK_PASSKEY);
    m.fails = 0;
    assert_int_equal(add(&o, "Ben"), 0);
    assert_int_equal(slots_lock(s), SLOTS_LOCK_PASSKEY);
    let_go(&o);
    s = offered();
    assert_int_equal(slots_lock(s), SLOTS_LOCK_PASSKEY);
    slots_free(s);
}

static void a_copy_has_everything_under_keys_of_its_own(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(add(&o, "Ben"), 0);
    struct slots *memory;
    struct open_store copy;
    assert_int_equal(slots_new(&memory, NULL), 0);
    copy.slots = memory;
    assert_int_equal(store_make_copy(&copy.store, &slots_backend, memory, "other", &cheap, o.store),
                     0);
    check(&copy, 1);
    uint8_t *data;
    size_t len;
    assert_int_equal(slots_export(memory, &data, &len), 0);
    let_go(&copy);
    let_go(&o);
    keep(0, data, len);
    keep(1, NULL, 0);
    free(data);
    struct slots *s = offered();
    struct store *store = NULL;
    assert_int_equal(store_load(&store, &slots_backend, s, PASSPHRASE), SOTTO_EPASSPHRASE);
    assert_int_equal(store_load(&store, &slots_backend, s, "other"), 0);
    store_close(store);
    slots_free(s);
}

static void erasing_that_fails_says_so(void **state)
{
    (void)state;
    struct open_store o = make();
    assert_int_equal(add(&o, "Ben"), 0);
    store_close(o.store);
    m.fails = -1;
    assert_int_equal(slots_erase(o.slots), SOTTO_EIO);
    m.fails = 0;
    assert_int_equal(slots_erase(o.slots), 0);
    assert_int_equal(m.len[0] + m.len[1], 0);
    assert_false(slots_exists(o.slots) || slots_damaged(o.slots));
    slots_free(o.slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(it_keeps),
        TEST(a_torn_write_loses_nothing),
        TEST(a_full_disk_takes_a_transaction_back),
        TEST(a_transaction_is_taken_back_as_a_whole),
        TEST(one_damaged_slot_is_survived),
        TEST(strange_slots_are_refused),
        TEST(what_was_replaced_is_forgotten),
        TEST(the_lock_goes_with_its_transaction),
        TEST(a_copy_has_everything_under_keys_of_its_own),
        TEST(erasing_that_fails_says_so),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
