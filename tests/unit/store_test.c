// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW        INT64_C(1750000000)
#define PASSPHRASE "correct horse"

static const struct sotto_vault_cost cheap = {.memory_kib = SOTTO_VAULT_MEMORY_MIN_KIB,
                                              .passes = SOTTO_VAULT_PASSES_MIN};

// ---- a directory for each test -----------------------------------------------------------------

struct place {
    char root[64];
    char dir[96];
};

static int place_new(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    // In memory if possible: thousands of transactions, each of which waits for the disk.
    snprintf(p->root, sizeof p->root, "%s/sotto-store-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(p->root) == NULL) {
        free(p);
        return -1;
    }
    snprintf(p->dir, sizeof p->dir, "%s/deep/store", p->root);
    *state = p;
    return 0;
}

static int place_free(void **state)
{
    struct place *p = *state;
    static const char *const files[] = {"sotto.db", "sotto.db-wal", "sotto.db-shm"};
    char path[160];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p->dir, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/deep", p->root);
    rmdir(p->dir);
    rmdir(path);
    rmdir(p->root);
    free(p);
    return 0;
}

static struct store_profile profile(void)
{
    struct store_profile p = {.name = "Élysée",
                              .created_unix_s = NOW,
                              .has_line = true,
                              .registered = false};
    snprintf(p.home.host, sizeof p.home.host, "relay.secret-office.example");
    p.home.port = 4433;
    p.home.pinned = true;
    memset(p.home.pin, 7, sizeof p.home.pin);
    memset(p.invite, 9, sizeof p.invite);
    return p;
}

static struct store *make(const struct place *p)
{
    struct store *s = NULL;
    struct store_profile who = profile();
    assert_int_equal(store_create(&s, p->dir, NULL, &cheap, &who), SOTTO_OK);
    return s;
}

static struct store *reopen(const struct place *p)
{
    struct store *s = NULL;
    assert_int_equal(store_open(&s, p->dir, NULL), SOTTO_OK);
    return s;
}

static struct store_number number(const char *label)
{
    struct store_number n = {.pending = STORE_PENDING_PUBLISH};
    assert_int_equal(sotto_number_init(&n.number, label, NOW, sotto_env_default()), SOTTO_OK);
    return n;
}

static struct sotto_contact contact(const char *label, uint8_t seed)
{
    struct sotto_contact c = {.created_unix_s = NOW, .has_link = true};
    snprintf(c.label, sizeof c.label, "%s", label);
    memset(c.fingerprint.bytes, seed, sizeof c.fingerprint.bytes);
    snprintf(c.link.relay.host, sizeof c.link.relay.host, "relay.their-office.example");
    c.link.relay.port = 443;
    memset(c.link.token, seed + 1, sizeof c.link.token);
    memset(c.link.secret.bytes, seed + 2, sizeof c.link.secret.bytes);
    c.link.callee = c.fingerprint;
    snprintf(c.link.name, sizeof c.link.name, "Their name");
    return c;
}

static void add_number(struct store *s, const struct store_number *n)
{
    assert_int_equal(store_number_add(s, n, NOW), SOTTO_OK);
}

static void run_sql(const struct place *p, const char *sql)
{
    char path[128];
    snprintf(path, sizeof path, "%s/" STORE_FILE, p->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

// ---- opening -----------------------------------------------------------------------------------

static void test_create_and_open(void **state)
{
    struct place *p = *state;
    bool wants = true;
    assert_false(store_exists(p->dir, &wants));
    assert_false(wants);
    struct store *s = NULL;
    assert_int_equal(store_open(&s, p->dir, NULL), SOTTO_ENOTFOUND);
    assert_null(s);

    struct store_profile who = profile();
    assert_int_equal(store_create(&s, p->dir, PASSPHRASE, &cheap, &who), SOTTO_OK);
    struct sotto_fingerprint made, read;
    uint8_t line_made[SOTTO_LINE_ID_BYTES], line_read[SOTTO_LINE_ID_BYTES];
    sotto_identity_fingerprint(store_identity(s), &made);
    sotto_line_key_id(store_line_key(s), line_made);
    assert_true(store_has_passphrase(s));
    store_close(s);

    assert_true(store_exists(p->dir, &wants));
    assert_true(wants);
    s = NULL;
    assert_int_equal(store_open(&s, p->dir, "wrong"), SOTTO_EPASSPHRASE);
    assert_int_equal(store_open(&s, p->dir, NULL), SOTTO_EPASSPHRASE);
    assert_null(s);
    assert_int_equal(store_open(&s, p->dir, PASSPHRASE), SOTTO_OK);
    sotto_identity_fingerprint(store_identity(s), &read);
    sotto_line_key_id(store_line_key(s), line_read);
    assert_true(sotto_fingerprint_equal(&made, &read));
    assert_memory_equal(line_made, line_read, sizeof line_made);
    assert_memory_equal(store_profile(s), &who, sizeof who);
    assert_string_equal(store_dir(s), p->dir);
    store_close(s);
}

static void test_create_refuses_to_overwrite(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct sotto_fingerprint before, after;
    sotto_identity_fingerprint(store_identity(s), &before);
    store_close(s);
    struct store_profile who = profile();
    struct store *other = NULL;
    assert_int_equal(store_create(&other, p->dir, PASSPHRASE, &cheap, &who), SOTTO_EEXIST);
    assert_null(other);
    s = reopen(p);
    sotto_identity_fingerprint(store_identity(s), &after);
    assert_true(sotto_fingerprint_equal(&before, &after));
    store_close(s);
}

static void test_permissions(void **state)
{
    struct place *p = *state;
    mode_t mask = umask(0);
    struct store *s = make(p);
    umask(mask);
    struct stat st;
    assert_int_equal(stat(p->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    static const char *const files[] = {"sotto.db", "sotto.db-wal", "sotto.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", p->dir, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(s);
}

static void test_without_line_then_with(void **state)
{
    struct place *p = *state;
    struct store_profile who = {.name = "", .created_unix_s = NOW};
    struct store *s = NULL;
    assert_int_equal(store_create(&s, p->dir, NULL, &cheap, &who), SOTTO_OK);
    assert_null(store_line_key(s));
    who = profile();
    assert_int_equal(store_set_profile(s, &who), SOTTO_OK);
    assert_non_null(store_line_key(s));
    uint8_t a[SOTTO_LINE_ID_BYTES], b[SOTTO_LINE_ID_BYTES], c[SOTTO_LINE_ID_BYTES];
    sotto_line_key_id(store_line_key(s), a);
    who.registered = true;
    memset(who.invite, 0, sizeof who.invite);
    assert_int_equal(store_set_profile(s, &who), SOTTO_OK);
    sotto_line_key_id(store_line_key(s), b);
    assert_memory_equal(a, b, sizeof a);
    store_close(s);
    s = reopen(p);
    assert_true(store_profile(s)->registered);
    sotto_line_key_id(store_line_key(s), c);
    assert_memory_equal(a, c, sizeof a);
    store_close(s);
}

static void test_newer_format(void **state)
{
    struct place *p = *state;
    store_close(make(p));
    run_sql(p, "PRAGMA user_version = 2");
    struct store *s = NULL;
    assert_int_equal(store_open(&s, p->dir, NULL), SOTTO_ESTATE);
    bool wants;
    assert_true(store_exists(p->dir, &wants));
}

static void test_not_a_database(void **state)
{
    struct place *p = *state;
    store_close(make(p));
    char path[128];
    snprintf(path, sizeof path, "%s/" STORE_FILE, p->dir);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 500; i++) {
        fputs("this is no database. ", f);
    }
    fclose(f);
    struct store *s = NULL;
    struct store_profile who = profile();
    assert_int_equal(store_open(&s, p->dir, NULL), SOTTO_EPARSE);
    bool wants;
    assert_true(store_exists(p->dir, &wants)); // so that nobody puts a new one in its place
    assert_int_not_equal(store_create(&s, p->dir, NULL, &cheap, &who), SOTTO_OK);
    assert_null(s);
}

static void test_change_passphrase(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    assert_int_equal(store_change_passphrase(s, "wrong", PASSPHRASE, &cheap), SOTTO_EPASSPHRASE);
    assert_false(store_has_passphrase(s));
    assert_int_equal(store_change_passphrase(s, NULL, PASSPHRASE, &cheap), SOTTO_OK);
    assert_true(store_has_passphrase(s));
    assert_int_equal(store_change_passphrase(s, "wrong", "new", &cheap), SOTTO_EPASSPHRASE);
    assert_int_equal(store_change_passphrase(s, PASSPHRASE, "new one", &cheap), SOTTO_OK);
    store_close(s);
    s = NULL;
    assert_int_equal(store_open(&s, p->dir, PASSPHRASE), SOTTO_EPASSPHRASE);
    assert_int_equal(store_open(&s, p->dir, "new one"), SOTTO_OK);
    assert_int_equal(store_change_passphrase(s, "new one", NULL, NULL), SOTTO_OK);
    assert_false(store_has_passphrase(s));
    store_close(s);
    store_close(reopen(p));
}

// ---- what a thief sees --------------------------------------------------------------------------

static bool file_has(const char *path, const void *needle, size_t len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    static uint8_t data[1 << 20];
    size_t size = fread(data, 1, sizeof data, f);
    assert_true(size < sizeof data);
    fclose(f);
    return size >= len && memmem(data, size, needle, len) != NULL;
}

static bool store_has(const struct place *p, const void *needle, size_t len)
{
    char db[128], wal[128];
    snprintf(db, sizeof db, "%s/" STORE_FILE, p->dir);
    snprintf(wal, sizeof wal, "%s/" STORE_FILE "-wal", p->dir);
    return file_has(db, needle, len) || file_has(wal, needle, len);
}

static struct store_log_entry entry(const char *label, int64_t when)
{
    struct store_log_entry e = {.kind = STORE_LOG_CALL, .started_unix_s = when, .has_peer = true};
    snprintf(e.label, sizeof e.label, "%s", label);
    memset(e.peer.bytes, 0x5c, sizeof e.peer.bytes);
    return e;
}

static void test_thief_learns_nothing(void **state)
{
    struct place *p = *state;
    struct store_profile who = profile();
    struct store *s = NULL;
    assert_int_equal(store_create(&s, p->dir, PASSPHRASE, &cheap, &who), SOTTO_OK);
    struct store_number n = number("Angela-the-caller");
    add_number(s, &n);
    struct sotto_contact c = contact("Emmanuel-the-contact", 0x41);
    assert_int_equal(store_contact_add(s, &c), SOTTO_OK);
    struct store_log_entry e = entry("Theresa-in-the-log", NOW);
    assert_int_equal(store_log_add(s, &e), SOTTO_OK);
    struct sotto_fingerprint own;
    sotto_identity_fingerprint(store_identity(s), &own);
    uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    int keys_len = sotto_identity_export(store_identity(s), keys, sizeof keys);
    assert_true(keys_len > 32);
    uint8_t line[SOTTO_LINE_ID_BYTES];
    sotto_line_key_id(store_line_key(s), line);

    for (int closed = 0; closed < 2; closed++) {
        assert_true(store_has(p, "CREATE TABLE box", 16)); // the search itself works
        assert_false(store_has(p, "Angela", 6));
        assert_false(store_has(p, "Emmanuel", 8));
        assert_false(store_has(p, "Theresa", 7));
        assert_false(store_has(p, "office.example", 14));
        assert_false(store_has(p, who.name, strlen(who.name)));
        assert_false(store_has(p, n.number.token, 8));
        assert_false(store_has(p, n.number.token_hash, 8));
        assert_false(store_has(p, n.number.secret.bytes, 8));
        assert_false(store_has(p, c.fingerprint.bytes, 8));
        assert_false(store_has(p, e.peer.bytes, 8));
        assert_false(store_has(p, own.bytes, 8));
        assert_false(store_has(p, line, 8));
        for (int at = 0; at + 16 <= keys_len; at += 16) {
            assert_false(store_has(p, keys + at, 16));
        }
        if (!closed) {
            store_close(s);
        }
    }
}

static void test_boxes_cannot_be_swapped(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct store_number a = number("Angela"), b = number("Boris"), c = number("Carla");
    add_number(s, &a);
    add_number(s, &b);
    size_t boxes = 0, damaged = 9;
    assert_int_equal(store_check(s, &boxes, &damaged), SOTTO_OK);
    assert_int_equal(boxes, 5); // profile, identity, line key, two numbers
    assert_int_equal(damaged, 0);
    store_close(s);
    run_sql(p, "CREATE TEMP TABLE t AS SELECT id, sealed FROM box WHERE kind = 4;"
               "UPDATE box SET sealed = (SELECT sealed FROM t WHERE t.id <> box.id)"
               " WHERE kind = 4;");
    s = reopen(p);
    assert_int_equal(store_check(s, &boxes, &damaged), SOTTO_OK);
    assert_int_equal(damaged, 2);
    struct store_number out;
    // Which number a damaged box holds is not known: nothing may be let in.
    assert_int_equal(store_number_get(s, a.number.token_hash, &out), SOTTO_EPARSE);
    struct sotto_book book = store_book(s);
    struct sotto_number plain;
    assert_int_equal(book.number_get(book.user, a.number.token_hash, &plain), SOTTO_EIO);
    // The rest goes on.
    add_number(s, &c);
    assert_int_equal(store_number_get(s, c.number.token_hash, &out), SOTTO_OK);
    struct store_number *list;
    size_t count;
    assert_int_equal(store_numbers(s, &list, &count), SOTTO_OK);
    assert_int_equal(count, 1);
    store_numbers_free(list, count);
    store_close(s);
}

// ---- numbers -----------------------------------------------------------------------------------

static int mark_revoked(struct store_number *n, void *arg)
{
    (void)arg;
    n->number.state = SOTTO_NUMBER_REVOKED;
    n->pending = STORE_PENDING_WITHDRAW;
    return SOTTO_OK;
}

static int spoil_and_fail(struct store_number *n, void *arg)
{
    n->number.calls_used = 99;
    return *(int *)arg;
}

static void test_numbers(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct store_number a = number("Angela"), again = number("Angela"), out;
    add_number(s, &a);
    assert_int_equal(store_number_add(s, &again, NOW), SOTTO_EEXIST); // label
    assert_int_equal(store_number_add(s, &a, NOW), SOTTO_EEXIST);     // token
    assert_int_equal(store_number_get(s, again.number.token_hash, &out), SOTTO_ENOTFOUND);

    int refusal = -7;
    assert_int_equal(store_number_change(s, a.number.token_hash, spoil_and_fail, &refusal), -7);
    assert_int_equal(store_number_get(s, a.number.token_hash, &out), SOTTO_OK);
    assert_memory_equal(&out.number.secret, &a.number.secret, sizeof a.number.secret);
    assert_int_equal(out.number.calls_used, 0);
    assert_int_equal(out.pending, STORE_PENDING_PUBLISH);

    assert_int_equal(store_number_change(s, again.number.token_hash, mark_revoked, NULL),
                     SOTTO_ENOTFOUND);
    assert_int_equal(store_number_change(s, a.number.token_hash, mark_revoked, NULL), SOTTO_OK);
    // The answer to an older request does not hide what is pending now.
    assert_int_equal(store_number_done(s, a.number.token_hash, STORE_PENDING_PUBLISH), SOTTO_OK);
    store_close(s);
    s = reopen(p);
    assert_int_equal(store_number_get(s, a.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(out.number.state, SOTTO_NUMBER_REVOKED);
    assert_int_equal(out.pending, STORE_PENDING_WITHDRAW);
    assert_int_equal(store_number_done(s, a.number.token_hash, STORE_PENDING_WITHDRAW), SOTTO_OK);
    assert_int_equal(store_number_get(s, a.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(out.pending, STORE_PENDING_NONE);

    again.number.created_unix_s++;
    add_number(s, &again); // the label is free again
    struct store_number *list;
    size_t count;
    assert_int_equal(store_numbers(s, &list, &count), SOTTO_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(list[0].number.token, again.number.token, sizeof again.number.token);
    store_numbers_free(list, count);
    store_close(s);
}

static void test_numbers_limit(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    // Faster than adding: the boxes are ours, so copies of one would not open. Add for real, but
    // only check the end of the table.
    run_sql(p, "PRAGMA synchronous=OFF");
    struct store_number first = number("number 0");
    add_number(s, &first);
    for (int i = 1; i < STORE_NUMBERS_MAX; i++) {
        char label[32];
        snprintf(label, sizeof label, "number %d", i);
        struct store_number n = number(label);
        n.number.created_unix_s += i;
        add_number(s, &n);
    }
    struct store_number over = number("one too many");
    assert_int_equal(store_number_add(s, &over, NOW), SOTTO_ELIMIT);
    assert_int_equal(store_number_change(s, first.number.token_hash, mark_revoked, NULL), SOTTO_OK);
    // Revoked, but the relay does not know yet: it must not be forgotten.
    assert_int_equal(store_number_add(s, &over, NOW), SOTTO_ELIMIT);
    assert_int_equal(store_number_done(s, first.number.token_hash, STORE_PENDING_WITHDRAW),
                     SOTTO_OK);
    add_number(s, &over);
    struct store_number out;
    assert_int_equal(store_number_get(s, first.number.token_hash, &out), SOTTO_ENOTFOUND);
    assert_int_equal(store_number_get(s, over.number.token_hash, &out), SOTTO_OK);
    store_close(s);
}

// ---- contacts and the book ---------------------------------------------------------------------

static int rename_to(struct sotto_contact *c, void *arg)
{
    snprintf(c->label, sizeof c->label, "%s", (const char *)arg);
    return SOTTO_OK;
}

static void test_contacts(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct sotto_contact b = contact("boris", 1), a = contact("Angela", 2), out;
    assert_int_equal(store_contact_add(s, &b), SOTTO_OK);
    assert_int_equal(store_contact_add(s, &a), SOTTO_OK);
    struct sotto_contact same_label = contact("boris", 3), same_key = contact("Carla", 1);
    assert_int_equal(store_contact_add(s, &same_label), SOTTO_EEXIST);
    assert_int_equal(store_contact_add(s, &same_key), SOTTO_EEXIST);

    char taken[] = "Angela", zoe[] = "Zoe";
    assert_int_equal(store_contact_change(s, &b.fingerprint, rename_to, taken), SOTTO_EEXIST);
    assert_int_equal(store_contact_get(s, &b.fingerprint, &out), SOTTO_OK);
    assert_string_equal(out.label, "boris");
    assert_int_equal(store_contact_change(s, &b.fingerprint, rename_to, zoe), SOTTO_OK);
    store_close(s);
    s = reopen(p);
    struct sotto_contact *list;
    size_t count;
    assert_int_equal(store_contacts(s, &list, &count), SOTTO_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(&list[0], &a, sizeof a);
    assert_string_equal(list[1].label, "Zoe");
    store_contacts_free(list, count);

    assert_int_equal(store_contact_remove(s, &same_label.fingerprint), SOTTO_ENOTFOUND);
    assert_int_equal(store_contact_remove(s, &a.fingerprint), SOTTO_OK);
    assert_int_equal(store_contact_get(s, &a.fingerprint, &out), SOTTO_ENOTFOUND);
    store_close(s);
}

static int bind_to(struct sotto_number *n, void *arg)
{
    const struct sotto_contact *c = arg;
    n->state = SOTTO_NUMBER_BOUND;
    n->bound = c->fingerprint;
    n->was_bound = true;
    return SOTTO_OK;
}

static int refuse(struct sotto_number *n, void *arg)
{
    n->calls_used = 50;
    return *(int *)arg;
}

static void test_book(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct sotto_book book = store_book(s);
    struct store_number n = number("Angela"), other = number("Boris"), stored;
    add_number(s, &n);
    add_number(s, &other);
    struct sotto_contact c = contact("Angela's line", 5), read;
    assert_int_equal(store_contact_add(s, &c), SOTTO_OK);
    struct sotto_number out;
    assert_int_equal(book.number_get(book.user, c.link.token, &out), SOTTO_ENOTFOUND);
    assert_int_equal(book.number_update(book.user, n.number.token_hash, bind_to, &c), SOTTO_OK);
    assert_int_equal(book.number_get(book.user, n.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(out.state, SOTTO_NUMBER_BOUND);
    assert_memory_equal(&out.bound, &c.fingerprint, sizeof out.bound);
    // What the device's function returns comes back as it is, whatever it is.
    const int values[] = {1, 42, SOTTO_EPARSE, SOTTO_ENOTFOUND};
    for (size_t i = 0; i < 4; i++) {
        int value = values[i];
        assert_int_equal(book.number_update(book.user, n.number.token_hash, refuse, &value), value);
    }
    assert_int_equal(store_number_get(s, n.number.token_hash, &stored), SOTTO_OK);
    assert_int_equal(stored.number.calls_used, 0);
    assert_int_equal(stored.pending, STORE_PENDING_PUBLISH);

    assert_int_equal(book.set_verified(book.user, &c.fingerprint, true, NOW + 5), SOTTO_OK);
    assert_int_equal(book.contact_get(book.user, &c.fingerprint, &read), SOTTO_OK);
    assert_true(read.verified);
    assert_int_equal(read.verified_unix_s, NOW + 5);
    assert_int_equal(book.number_get(book.user, n.number.token_hash, &out), SOTTO_OK);
    assert_true(out.verified);
    assert_int_equal(book.number_get(book.user, other.number.token_hash, &out), SOTTO_OK);
    assert_false(out.verified);
    assert_int_equal(book.set_verified(book.user, &c.fingerprint, false, NOW + 6), SOTTO_OK);
    assert_int_equal(book.number_get(book.user, n.number.token_hash, &out), SOTTO_OK);
    assert_false(out.verified);
    // A number's holder need not be a contact; an identity that is neither is not found.
    assert_int_equal(store_contact_remove(s, &c.fingerprint), SOTTO_OK);
    assert_int_equal(book.set_verified(book.user, &c.fingerprint, true, NOW), SOTTO_OK);
    struct sotto_fingerprint nobody = {{0xee}};
    assert_int_equal(book.set_verified(book.user, &nobody, true, NOW), SOTTO_ENOTFOUND);
    store_close(s);
}

// ---- log ---------------------------------------------------------------------------------------

static void test_log(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    for (int i = 0; i < 5; i++) {
        struct store_log_entry e = entry("Angela", NOW + (i * 7) % 5);
        e.duration_s = (uint32_t)i;
        e.cells_received = UINT64_MAX;
        snprintf(e.group, sizeof e.group, "SecP384r1MLKEM1024");
        assert_int_equal(store_log_add(s, &e), SOTTO_OK);
    }
    struct store_log_entry *list;
    size_t count;
    assert_int_equal(store_log(s, 3, &list, &count), SOTTO_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list[i].started_unix_s, NOW + 4 - (int64_t)i);
        assert_string_equal(list[i].group, "SecP384r1MLKEM1024");
        assert_true(list[i].cells_received == UINT64_MAX);
    }
    store_log_free(list, count);
    size_t removed;
    assert_int_equal(store_log_clear(s, &removed), SOTTO_OK);
    assert_int_equal(removed, 5);
    assert_int_equal(store_log(s, 0, &list, &count), SOTTO_OK);
    assert_int_equal(count, 0);
    store_log_free(list, count);
    store_close(s);
}

static void test_log_rejects_nonsense(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct store_log_entry e = entry("x", NOW);
    memset(e.label, 'x', sizeof e.label); // its end is missing
    assert_int_equal(store_log_add(s, &e), SOTTO_EINVAL);
    e = entry("x", NOW);
    e.kind = (enum store_log_kind)9;
    assert_int_equal(store_log_add(s, &e), SOTTO_EINVAL);
    struct store_log_entry *list;
    size_t count;
    assert_int_equal(store_log(s, 0, &list, &count), SOTTO_OK);
    assert_int_equal(count, 0);
    store_log_free(list, count);
    store_close(s);
}

static void test_log_gives_up_the_oldest(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    const int all = STORE_LOG_MAX + 129;
    for (int i = 0; i < all; i++) {
        struct store_log_entry e = entry("x", NOW + i);
        assert_int_equal(store_log_add(s, &e), SOTTO_OK);
    }
    struct store_log_entry *list;
    size_t count;
    assert_int_equal(store_log(s, 0, &list, &count), SOTTO_OK);
    assert_int_equal(count, STORE_LOG_MAX);
    assert_int_equal(list[0].started_unix_s, NOW + all - 1);
    assert_int_equal(list[count - 1].started_unix_s, NOW + all - STORE_LOG_MAX);
    store_log_free(list, count);
    store_close(s);
}

// ---- several processes -------------------------------------------------------------------------

#define WRITERS 3
#define WRITES  40

static int use_once(struct store_number *n, void *arg)
{
    (void)arg;
    n->number.calls_used++;
    return SOTTO_OK;
}

static int writer(const struct place *p, const uint8_t *token_hash)
{
    struct store *s;
    if (store_open(&s, p->dir, NULL) != SOTTO_OK) {
        return 2;
    }
    int failures = 0;
    for (int i = 0; i < WRITES; i++) {
        failures += store_number_change(s, token_hash, use_once, NULL) != SOTTO_OK;
    }
    store_close(s);
    return failures == 0 ? 0 : 1;
}

static void expect_exit(pid_t child, int code)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static void test_processes_do_not_lose_writes(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct store_number n = number("Angela"), out;
    add_number(s, &n);
    assert_false(store_changed(s));
    store_close(s);
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(writer(p, n.number.token_hash));
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        expect_exit(children[i], 0);
    }
    s = reopen(p);
    assert_int_equal(store_number_get(s, n.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(out.number.calls_used, WRITERS * WRITES);
    store_close(s);
}

static void test_changes_of_others_are_seen(void **state)
{
    struct place *p = *state;
    struct store *a = make(p), *b = reopen(p);
    struct store_number n = number("Angela"), out;
    assert_false(store_changed(a));
    add_number(a, &n);
    assert_false(store_changed(a)); // its own
    assert_true(store_changed(b));
    assert_false(store_changed(b));
    assert_int_equal(store_number_get(b, n.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(store_number_change(b, n.number.token_hash, mark_revoked, NULL), SOTTO_OK);
    assert_true(store_changed(a));
    assert_int_equal(store_number_get(a, n.number.token_hash, &out), SOTTO_OK);
    assert_int_equal(out.number.state, SOTTO_NUMBER_REVOKED);
    store_close(a);
    store_close(b);
}

// ---- accidents ---------------------------------------------------------------------------------

#define KILLS 20

// Writes for ever; says each time that a write is safe.
static void write_until_killed(const struct place *p, const struct store_number *n,
                               const struct sotto_fingerprint *fp, int pipe_out)
{
    struct store *s;
    if (store_open(&s, p->dir, NULL) != SOTTO_OK) {
        _exit(3);
    }
    struct sotto_book book = store_book(s);
    for (int i = 0;; i++) {
        struct store_log_entry e = entry("x", NOW + i);
        if (store_number_change(s, n->number.token_hash, use_once, NULL) != SOTTO_OK ||
            write(pipe_out, "n", 1) != 1 ||
            book.set_verified(book.user, fp, i % 2 == 0, NOW) != SOTTO_OK ||
            store_log_add(s, &e) != SOTTO_OK || write(pipe_out, "l", 1) != 1) {
            _exit(4);
        }
    }
}

static void count_said(int fd, size_t *numbers, size_t *entries)
{
    char said[4096];
    ssize_t len;
    while ((len = read(fd, said, sizeof said)) > 0) {
        for (ssize_t i = 0; i < len; i++) {
            *(said[i] == 'n' ? numbers : entries) += 1;
        }
    }
}

// Blocks until the first entry is said to be safe.
static void wait_for_entry(int fd, size_t *numbers, size_t *entries)
{
    char said = 0;
    while (said != 'l' && read(fd, &said, 1) == 1) {
        *(said == 'n' ? numbers : entries) += 1;
    }
    assert_int_equal(said, 'l');
}

static void check_after_kill(const struct place *p, const struct store_number *n,
                             const struct sotto_fingerprint *fp, size_t numbers, size_t entries,
                             unsigned round)
{
    struct store *s = reopen(p);
    size_t boxes, damaged;
    assert_int_equal(store_check(s, &boxes, &damaged), SOTTO_OK);
    assert_int_equal(damaged, 0);
    struct store_number out;
    assert_int_equal(store_number_get(s, n->number.token_hash, &out), SOTTO_OK);
    // What was confirmed is there; at most the one on its way is there too, in each round.
    assert_in_range(out.number.calls_used, numbers, numbers + round);
    struct store_log_entry *list;
    size_t count;
    assert_int_equal(store_log(s, 0, &list, &count), SOTTO_OK);
    assert_in_range(count, entries, entries + round);
    store_log_free(list, count);
    struct sotto_contact c;
    assert_int_equal(store_contact_get(s, fp, &c), SOTTO_OK);
    assert_int_equal(c.verified, out.number.verified); // written together or not at all
    store_close(s);
}

static void test_killed_at_any_moment(void **state)
{
    struct place *p = *state;
    struct store *s = make(p);
    struct store_number n = number("Angela");
    struct sotto_contact c = contact("Angela", 3);
    n.number.state = SOTTO_NUMBER_BOUND;
    n.number.bound = c.fingerprint;
    add_number(s, &n);
    assert_int_equal(store_contact_add(s, &c), SOTTO_OK);
    store_close(s);
    size_t numbers = 0, entries = 0;
    srandom(20250517);
    for (unsigned round = 1; round <= KILLS; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            write_until_killed(p, &n, &c.fingerprint, fds[1]);
        }
        close(fds[1]);
        if (round % 2 == 0) { // in the others the store may just be opening
            wait_for_entry(fds[0], &numbers, &entries);
        }
        usleep((useconds_t)(1000 + random() % 60000));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        count_said(fds[0], &numbers, &entries);
        close(fds[0]);
        check_after_kill(p, &n, &c.fingerprint, numbers, entries, round);
    }
    assert_true(entries > 0);
}

#define FULL_BYTES (256 * 1024)

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
}

// Adds until the disk is full: how many, or -1. Then that it goes on once there is room.
static int fill(const struct place *p)
{
    signal(SIGXFSZ, SIG_IGN);
    struct store *s;
    if (store_open(&s, p->dir, NULL) != SOTTO_OK) {
        return -1;
    }
    set_file_limit(FULL_BYTES);
    int added = 0, error = SOTTO_OK;
    while (error == SOTTO_OK && added < 10000) {
        struct store_log_entry e = entry("x", NOW + added);
        error = store_log_add(s, &e);
        added += error == SOTTO_OK;
    }
    struct store_number n = number("does not fit");
    int number_error = store_number_add(s, &n, NOW);
    bool said = store_error_text(s)[0] != 0;
    set_file_limit(RLIM_INFINITY);
    struct store_log_entry last = entry("x", NOW + added);
    int later = store_log_add(s, &last);
    store_close(s);
    bool right = error == SOTTO_EFULL && number_error == SOTTO_EFULL && said && later == SOTTO_OK;
    return right ? added + 1 : -1;
}

static void test_disk_full(void **state)
{
    struct place *p = *state;
    store_close(make(p));
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        int added = fill(p);
        _exit(write(fds[1], &added, sizeof added) == sizeof added ? 0 : 1);
    }
    close(fds[1]);
    int added = 0;
    assert_int_equal(read(fds[0], &added, sizeof added), sizeof added);
    close(fds[0]);
    expect_exit(child, 0);
    assert_true(added > 10);
    struct store *s = reopen(p);
    struct store_log_entry *list;
    size_t count, damaged;
    assert_int_equal(store_log(s, 0, &list, &count), SOTTO_OK);
    assert_int_equal(count, added);
    store_log_free(list, count);
    assert_int_equal(store_check(s, &count, &damaged), SOTTO_OK);
    assert_int_equal(damaged, 0);
    store_close(s);
}

// Makes a store while there is no room: it fails, and a later try succeeds.
static void test_disk_full_at_creation(void **state)
{
    struct place *p = *state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        set_file_limit(2048);
        struct store *s = NULL;
        struct store_profile who = profile();
        int error = store_create(&s, p->dir, NULL, &cheap, &who);
        _exit(error == SOTTO_EFULL && s == NULL ? 0 : 1);
    }
    expect_exit(child, 0);
    bool wants;
    assert_false(store_exists(p->dir, &wants));
    store_close(make(p));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_new, place_free)
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_open),
        TEST(test_create_refuses_to_overwrite),
        TEST(test_permissions),
        TEST(test_without_line_then_with),
        TEST(test_newer_format),
        TEST(test_not_a_database),
        TEST(test_change_passphrase),
        TEST(test_thief_learns_nothing),
        TEST(test_boxes_cannot_be_swapped),
        TEST(test_numbers),
        TEST(test_numbers_limit),
        TEST(test_contacts),
        TEST(test_book),
        TEST(test_log),
        TEST(test_log_rejects_nonsense),
        TEST(test_log_gives_up_the_oldest),
        TEST(test_processes_do_not_lose_writes),
        TEST(test_changes_of_others_are_seen),
        TEST(test_killed_at_any_moment),
        TEST(test_disk_full),
        TEST(test_disk_full_at_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
