// SPDX-License-Identifier: Apache-2.0
// What the commands with calls find in the store (target, line_lock) and leave there
// (exchange_book).
#include "unit.h"

#include "exchange_book.h"
#include "line_lock.h"
#include "store_sqlite.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW INT64_C(1750000000)

struct place {
    char dir[64];
    struct store *store;
};

static int set_up(void **state)
{
    static const struct sotto_vault_cost cheap = {SOTTO_VAULT_MEMORY_MIN_KIB,
                                                  SOTTO_VAULT_PASSES_MIN};
    struct place *p = calloc(1, sizeof(*p));
    struct store_profile who = {.name = "Kyiv", .created_unix_s = NOW, .has_line = true};
    strcpy(who.home.host, "relay.example");
    who.home.port = 443;
    snprintf(p->dir, sizeof(p->dir), "/tmp/sotto-call-XXXXXX");
    if (mkdtemp(p->dir) == NULL || store_create(&p->store, p->dir, NULL, &cheap, &who) != 0) {
        return -1;
    }
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char command[128];
    store_close(p->store);
    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    free(p);
    return system(command);
}

static struct sotto_fingerprint fingerprint(int seed)
{
    struct sotto_fingerprint fp;
    memset(fp.bytes, seed, sizeof(fp.bytes));
    return fp;
}

static struct sotto_number_link link_of(int seed, const char *name)
{
    struct sotto_number_link l = {.callee = fingerprint(seed)};
    strcpy(l.relay.host, "other.example");
    l.relay.port = 443;
    memset(l.token, seed, sizeof(l.token));
    memset(l.secret.bytes, seed, sizeof(l.secret.bytes));
    snprintf(l.name, sizeof(l.name), "%s", name);
    return l;
}

static void add(struct store *s, const char *label, int seed, bool has_link)
{
    struct sotto_contact c = {.fingerprint = fingerprint(seed), .has_link = has_link};
    snprintf(c.label, sizeof(c.label), "%s", label);
    if (has_link) {
        c.link = link_of(seed, "somebody");
    }
    assert_int_equal(store_contact_add(s, &c), 0);
}

// ---- target -------------------------------------------------------------------------------------

static enum cli_exit find(struct store *s, const char *text, struct target *out)
{
    char why[TARGET_WHY_BYTES] = "";
    const char *hint;
    enum cli_exit code = target_find(s, text, out, why, &hint);
    assert_true(code == CLI_OK || why[0] != '\0');
    return code;
}

static void finds_contacts_by_label(void **state)
{
    struct place *p = *state;
    struct target t;
    add(p->store, "Ottawa", 1, true);
    add(p->store, "Ottawa office", 2, true);
    add(p->store, "Paris", 3, true);
    add(p->store, "Rome", 4, false);
    assert_int_equal(find(p->store, "Ottawa", &t), CLI_OK);
    assert_int_equal(t.link.token[0], 1);
    assert_int_equal(find(p->store, "ottawa", &t), CLI_OK);
    assert_int_equal(t.link.token[0], 1);
    assert_int_equal(find(p->store, "ottawa o", &t), CLI_OK);
    assert_int_equal(t.link.token[0], 2);
    assert_string_equal(t.label, "Ottawa office");
    assert_int_equal(find(p->store, "P", &t), CLI_OK);
    assert_int_equal(find(p->store, "Ott", &t), CLI_NOT_FOUND);    // two
    assert_int_equal(find(p->store, "Berlin", &t), CLI_NOT_FOUND); // none
    assert_int_equal(find(p->store, "Rome", &t), CLI_NOT_FOUND);   // no number
    assert_int_equal(find(p->store, "", &t), CLI_USAGE);
}

static void a_link_is_called_by_our_own_label(void **state)
{
    struct place *p = *state;
    struct target t;
    char text[SOTTO_LINK_MAX_BYTES];
    struct sotto_number_link l = link_of(7, "The President");
    assert_true(sotto_number_link_format(&l, text, sizeof(text)) > 0);
    assert_int_equal(find(p->store, text, &t), CLI_OK);
    assert_string_equal(t.label, "The President"); // nothing better is known
    add(p->store, "Paris", 7, false);
    assert_int_equal(find(p->store, text, &t), CLI_OK);
    assert_string_equal(t.label, "Paris");
    text[strlen(text) - 3] ^= 1;
    assert_int_equal(find(p->store, text, &t), CLI_LINK);
}

// ---- exchange_book ------------------------------------------------------------------------------

static struct exchange_number mint(struct store *s, const struct number_terms *terms)
{
    struct exchange_number n;
    assert_int_equal(exchange_book_mint(&n, s, terms, NOW), 0);
    return n;
}

static void a_minted_number_leads_to_us(void **state)
{
    struct place *p = *state;
    const struct number_terms terms = {.expires_s = 3600, .calls = 2};
    struct exchange_number n = mint(p->store, &terms);
    struct sotto_fingerprint own;
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    sotto_identity_fingerprint(store_identity(p->store), &own);
    sotto_token_hash(n.link.token, hash);
    assert_memory_equal(hash, n.number.token_hash, sizeof(hash));
    assert_memory_equal(n.link.secret.bytes, n.number.secret.bytes, SOTTO_SECRET_BYTES);
    assert_true(sotto_fingerprint_equal(&n.link.callee, &own));
    assert_string_equal(n.link.relay.host, "relay.example");
    assert_string_equal(n.link.name, "Kyiv");
    assert_int_equal(n.link.expires_unix_s, NOW + 3600);
    assert_int_equal(n.number.expires_unix_s, NOW + 3600);
    assert_int_equal(n.number.calls_max, 2);
    assert_int_equal(n.link.calls, 2);
    const struct number_terms none = {0};
    n = mint(p->store, &none);
    assert_int_equal(n.number.expires_unix_s, 0);
    assert_true(n.number.calls_max == SOTTO_CALLS_UNLIMITED);
    assert_int_equal(n.link.calls, 0);
}

static void an_exchange_leaves_a_bound_number_and_a_verified_contact(void **state)
{
    struct place *p = *state;
    const struct number_terms none = {0};
    struct exchange_number n = mint(p->store, &none);
    struct sotto_number_link theirs = link_of(9, "Ottawa itself");
    struct sotto_fingerprint peer = fingerprint(9);
    struct store_number stored;
    assert_false(exchange_book_taken(p->store, "Ottawa"));
    assert_int_equal(exchange_book_write(p->store, "Ottawa", &n, &theirs, &peer, NOW), 0);
    assert_true(exchange_book_taken(p->store, "Ottawa"));
    assert_int_equal(store_number_get(p->store, n.number.token_hash, &stored), 0);
    assert_int_equal(stored.pending, STORE_PENDING_PUBLISH);
    assert_int_equal(stored.number.state, SOTTO_NUMBER_BOUND);
    assert_true(stored.number.verified && stored.number.was_bound);
    assert_true(sotto_fingerprint_equal(&stored.number.bound, &peer));
    struct target t;
    assert_int_equal(find(p->store, "Ottawa", &t), CLI_OK);
    assert_memory_equal(t.link.token, theirs.token, sizeof(t.link.token));
    struct sotto_contact c;
    struct sotto_book book = store_book(p->store);
    assert_int_equal(book.contact_get(book.user, &peer, &c), 0);
    assert_true(c.verified && c.verified_unix_s == NOW);
}

static void nothing_is_lost_over_a_label(void **state)
{
    struct place *p = *state;
    const struct number_terms none = {0};
    char label[SOTTO_NAME_MAX_BYTES + 1];
    memset(label, 'x', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    for (int i = 1; i <= 3; i++) {
        struct exchange_number n = mint(p->store, &none);
        struct sotto_number_link theirs = link_of(i, "");
        struct sotto_fingerprint peer = fingerprint(i);
        assert_int_equal(exchange_book_write(p->store, label, &n, &theirs, &peer, NOW), 0);
    }
    struct sotto_contact *list = NULL;
    size_t count = 0;
    assert_int_equal(store_contacts(p->store, &list, &count), 0);
    assert_int_equal(count, 3);
    store_contacts_free(list, count);
}

static void somebody_known_keeps_their_label(void **state)
{
    struct place *p = *state;
    const struct number_terms none = {0};
    struct exchange_number n = mint(p->store, &none);
    struct sotto_number_link theirs = link_of(5, "");
    struct sotto_fingerprint peer = fingerprint(5);
    struct target t;
    add(p->store, "Old name", 5, false);
    assert_int_equal(exchange_book_write(p->store, "New name", &n, &theirs, &peer, NOW), 0);
    assert_int_equal(find(p->store, "Old name", &t), CLI_OK);
    assert_int_equal(find(p->store, "New name", &t), CLI_NOT_FOUND);
}

// ---- line_lock ----------------------------------------------------------------------------------

static int in_another_process(struct store *s)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(line_lock_take(s) >= 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void only_one_process_has_the_line(void **state)
{
    struct place *p = *state;
    int lock = line_lock_take(p->store);
    assert_true(lock >= 0);
    assert_int_equal(line_lock_take(p->store), SOTTO_EEXIST);
    assert_int_equal(in_another_process(p->store), 1);
    line_lock_release(lock);
    assert_int_equal(in_another_process(p->store), 0); // and it is free again when that one ended
    lock = line_lock_take(p->store);
    assert_true(lock >= 0);
    line_lock_release(lock);
    line_lock_release(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_contacts_by_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_called_by_our_own_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_minted_number_leads_to_us, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_exchange_leaves_a_bound_number_and_a_verified_contact,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_over_a_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(somebody_known_keeps_their_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_one_process_has_the_line, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
