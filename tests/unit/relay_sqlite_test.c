// SPDX-License-Identifier: Apache-2.0
// The store on disk: its contract, what the operator asks of it, a full disk, kill -9.
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "relay_store_contract.h"
#include "store/sqlite.h"

static char directory[64], path[96], text[256];

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sotto-store-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/%s", directory, RELAY_SQLITE_FILE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const suffix[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, suffix[i]);
        unlink(file);
    }
    return rmdir(directory);
}

static struct relay_sqlite *open_store(void)
{
    struct relay_sqlite *db = NULL;
    text[0] = '\0';
    int rc = relay_sqlite_open(&db, path, text, sizeof text);
    if (rc != 0)
        print_message("%s\n", text);
    assert_int_equal(rc, 0);
    return db;
}

static int add(void *user, const uint8_t invite[LINK_INVITE_BYTES], int64_t expires)
{
    return relay_sqlite_invite_create(user, invite, 1, expires);
}

static void test_contract(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    contract_invites_and_lines(s, add, db);
    contract_numbers(s);
    contract_pushes(s);
    struct relay_store_line line = contract_line(1);
    assert_int_equal(relay_sqlite_line_remove(db, line.line_id), 0);
    assert_int_equal(relay_sqlite_line_remove(db, line.line_id), SOTTO_ENOTFOUND);
    contract_withdrawn(s);
    relay_sqlite_close(db);
    db = open_store(); // all of it is on disk
    contract_withdrawn(relay_sqlite_store(db));
    assert_int_equal(relay_sqlite_check(db), 0);
    relay_sqlite_close(db);
}

static void test_file_is_private(void **state)
{
    (void)state;
    umask(0);
    struct relay_sqlite *db = open_store();
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    relay_sqlite_close(db);
    umask(022);
}

// Neither an invitation nor a token is ever in the files; and what was removed is overwritten.
static void test_secrets_are_not_in_the_file(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    const uint8_t invite[LINK_INVITE_BYTES] = "INVITE-CANARY-16";
    struct relay_store_line line = contract_line(1);
    struct relay_store_number n = contract_number(1, 1);
    memcpy(n.token_hash, "HASH-CANARY-REMOVED-MUST-GO-AWAY", 32);
    assert_int_equal(add(db, invite, 0), 0);
    assert_int_equal(s->line_register(s, invite, &line, 1), 0);
    assert_int_equal(s->number_put(s, &n, 10), 0);
    assert_int_equal(s->number_remove(s, n.token_hash, n.line_id), 0);
    relay_sqlite_close(db); // folds the WAL back into the file
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static char all[1 << 20];
    size_t len = fread(all, 1, sizeof all, f);
    fclose(f);
    assert_in_range(len, 4096, sizeof all - 1);
    assert_null(memmem(all, len, "INVITE-CANARY", 13));
    assert_null(memmem(all, len, "HASH-CANARY", 11));
    assert_non_null(memmem(all, len, line.key, 100)); // the search does find
}

struct seen {
    struct relay_sqlite_line lines[8];
    size_t count, stop_after;
};

static bool see(const struct relay_sqlite_line *line, void *user)
{
    struct seen *seen = user;
    seen->lines[seen->count++] = *line;
    return seen->count != seen->stop_after;
}

static void test_operators_questions(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    struct relay_sqlite_stats stats;
    contract_invites_and_lines(s, add, db);
    contract_numbers(s);
    const uint8_t open_invite[LINK_INVITE_BYTES] = {9};
    assert_int_equal(add(db, open_invite, 1000), 0);
    assert_int_equal(relay_sqlite_stats(db, 999, &stats), 0);
    assert_int_equal(stats.lines, 2);
    assert_int_equal(stats.numbers, 3);
    assert_int_equal(stats.invites_open, 1);
    assert_int_equal(relay_sqlite_stats(db, 1000, &stats), 0);
    assert_int_equal(stats.invites_open, 0);

    struct seen seen = {.count = 0};
    assert_int_equal(relay_sqlite_lines(db, see, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.lines[0].line_id[0], 1);
    assert_int_equal(seen.lines[0].numbers, 2);
    assert_int_equal(seen.lines[0].created_unix_s, 1);
    assert_int_equal(seen.lines[1].numbers, 1);
    seen = (struct seen){.stop_after = 1};
    assert_int_equal(relay_sqlite_lines(db, see, &seen), 0);
    assert_int_equal(seen.count, 1);

    uint8_t id[LINK_LINE_ID_BYTES] = {0};
    assert_int_equal(relay_sqlite_line_by_prefix(db, "0201000", id), SOTTO_EINVAL);
    assert_int_equal(relay_sqlite_line_by_prefix(db, "0201000%", id), SOTTO_EINVAL);
    assert_int_equal(relay_sqlite_line_by_prefix(db, "ff010000", id), SOTTO_ENOTFOUND);
    assert_int_equal(id[0], 0);
    assert_int_equal(relay_sqlite_line_by_prefix(db, "02010000", id), 0);
    assert_int_equal(id[0], 2);
    struct relay_store_line near = contract_line(2);
    near.line_id[31] = 0xaB;
    assert_int_equal(s->line_register(s, open_invite, &near, 5), 0);
    assert_int_equal(relay_sqlite_line_by_prefix(db, "02010000", id), SOTTO_ELIMIT);
    assert_int_equal(relay_sqlite_line_by_prefix(
                         db, "02010000000000000000000000000000000000000000000000000000000000Ab",
                         id),
                     0);
    assert_int_equal(id[31], 0xab);
    relay_sqlite_close(db);
}

static void test_prune(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    const uint8_t never[LINK_INVITE_BYTES] = {1}, old[LINK_INVITE_BYTES] = {2},
                  used[LINK_INVITE_BYTES] = {3};
    struct relay_store_line line = contract_line(1);
    assert_int_equal(add(db, never, 0), 0);
    assert_int_equal(add(db, old, 100), 0);
    assert_int_equal(add(db, used, 0), 0);
    assert_int_equal(s->line_register(s, used, &line, 100), 0);
    assert_int_equal(relay_sqlite_prune(db, 100 + RELAY_INVITE_KEEP_S), 0);
    assert_int_equal(add(db, old, 100), SOTTO_EEXIST); // still remembered
    assert_int_equal(relay_sqlite_prune(db, 101 + RELAY_INVITE_KEEP_S), 0);
    assert_int_equal(add(db, old, 100), 0); // forgotten
    assert_int_equal(add(db, used, 0), 0);
    assert_int_equal(s->invite_check(s, never, 1), 0);
    relay_sqlite_close(db);
}

static void execute(const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

// A file of version 0.1: what is in it stays, and there is a place for subscriptions.
static void test_older_files(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    contract_invites_and_lines(relay_sqlite_store(db), add, db);
    struct relay_store_number n = contract_number(1, 1);
    assert_int_equal(relay_sqlite_store(db)->number_put(relay_sqlite_store(db), &n, 10), 0);
    relay_sqlite_close(db);
    execute("DROP TABLE pushes; PRAGMA user_version=1");
    db = open_store();
    expect_number(relay_sqlite_store(db), &n);
    struct relay_store_push p = contract_push(1, 1);
    assert_int_equal(relay_sqlite_store(db)->push_put(relay_sqlite_store(db), &p), 0);
    expect_pushes(relay_sqlite_store(db), 1, (uint8_t[]){1}, 1);
    relay_sqlite_close(db);
}

static void test_newer_and_foreign_files(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    relay_sqlite_close(db);
    execute("PRAGMA user_version=99");
    db = NULL;
    assert_int_equal(relay_sqlite_open(&db, path, text, sizeof text), SOTTO_ESTATE);
    assert_non_null(strstr(text, "newer"));
    assert_null(db);
    FILE *f = fopen(path, "wb");
    for (int i = 0; i < 4096; i++)
        fputs("this is no database ", f);
    fclose(f);
    assert_int_equal(relay_sqlite_open(&db, path, text, sizeof text), SOTTO_EIO);
    assert_non_null(strstr(text, path));
    assert_int_equal(relay_sqlite_open(&db, "/nonexistent/x.db", text, sizeof text), SOTTO_EIO);
    assert_null(db);
}

static void test_two_at_once(void **state)
{
    (void)state;
    struct relay_sqlite *daemon = open_store(), *command = open_store();
    struct relay_store *s = relay_sqlite_store(daemon);
    const uint8_t invite[LINK_INVITE_BYTES] = {1};
    struct relay_store_line line = contract_line(1);
    assert_int_equal(add(command, invite, 0), 0);
    assert_int_equal(s->line_register(s, invite, &line, 1), 0);
    assert_int_equal(relay_sqlite_line_remove(command, line.line_id), 0);
    assert_int_equal(s->line_get(s, line.line_id, &line), SOTTO_ENOTFOUND);
    relay_sqlite_close(command);
    relay_sqlite_close(daemon);
}

// Another process, made before this one has anything open (SQLite's state must not be forked): for
// each byte that it is sent it opens the store, adds that invitation, and closes it.
struct elsewhere {
    pid_t pid;
    int ask, answer;
};

static void serve(int ask, int answer)
{
    uint8_t invite[LINK_INVITE_BYTES] = {0};
    while (read(ask, invite, 1) == 1) {
        struct relay_sqlite *db = NULL;
        int rc = relay_sqlite_open(&db, path, text, sizeof text);
        if (rc == 0)
            rc = add(db, invite, 0);
        relay_sqlite_close(db);
        if (write(answer, &rc, sizeof rc) != sizeof rc)
            break;
    }
    _exit(0);
}

static struct elsewhere elsewhere_start(void)
{
    int ask[2], answer[2];
    assert_int_equal(pipe(ask), 0);
    assert_int_equal(pipe(answer), 0);
    struct elsewhere e = {.pid = fork(), .ask = ask[1], .answer = answer[0]};
    if (e.pid == 0) {
        close(ask[1]);
        serve(ask[0], answer[1]);
    }
    close(ask[0]);
    close(answer[1]);
    return e;
}

static int add_elsewhere(const struct elsewhere *e, uint8_t n)
{
    int rc = -1;
    assert_int_equal(write(e->ask, &n, 1), 1);
    assert_int_equal(read(e->answer, &rc, sizeof rc), sizeof rc);
    return rc;
}

static void elsewhere_end(const struct elsewhere *e)
{
    close(e->ask);
    close(e->answer);
    assert_int_equal(waitpid(e->pid, NULL, 0), e->pid);
}

// Two connections in one process and others elsewhere: what one has written all see, also after
// a connection was closed anywhere.
static void test_connections_see_each_other(void **state)
{
    (void)state;
    struct elsewhere elsewhere = elsewhere_start();
    struct relay_sqlite *a = open_store(), *b = open_store();
    for (uint8_t i = 1; i < 20; i++) {
        const uint8_t invite[LINK_INVITE_BYTES] = {i};
        struct relay_store_line line = contract_line(i);
        assert_int_equal(add_elsewhere(&elsewhere, i), 0);
        struct relay_store *s = relay_sqlite_store(i % 2 == 0 ? a : b);
        assert_int_equal(s->invite_check(s, invite, 1), 0);
        assert_int_equal(s->line_register(s, invite, &line, 1), 0);
        s = relay_sqlite_store(i % 2 == 0 ? b : a);
        assert_int_equal(s->line_get(s, line.line_id, &line), 0);
        if (i % 3 == 0) {
            relay_sqlite_close(i % 2 == 0 ? a : b);
            *(i % 2 == 0 ? &a : &b) = open_store();
        }
    }
    struct relay_sqlite_stats stats;
    assert_int_equal(relay_sqlite_stats(a, 1, &stats), 0);
    assert_int_equal(stats.lines, 19);
    assert_int_equal(relay_sqlite_check(b), 0);
    elsewhere_end(&elsewhere);
    relay_sqlite_close(a);
    relay_sqlite_close(b);
}

static void test_full_disk(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    contract_invites_and_lines(s, add, db);
    assert_int_equal(relay_sqlite_limit_bytes(db, 128 << 10), 0);
    struct relay_store_number n = contract_number(1, 1);
    uint32_t stored = 0;
    int rc;
    for (;;) {
        memcpy(n.token_hash + 4, &stored, sizeof stored);
        if ((rc = s->number_put(s, &n, 100000)) != 0)
            break;
        stored++;
        assert_true(stored < 100000);
    }
    assert_int_equal(rc, SOTTO_EFULL);
    struct relay_sqlite_stats stats;
    assert_int_equal(relay_sqlite_stats(db, 1, &stats), 0); // reading goes on
    assert_int_equal(stats.numbers, stored);
    uint32_t first = 0;
    memcpy(n.token_hash + 4, &first, sizeof first);
    assert_int_equal(s->number_remove(s, n.token_hash, n.line_id), 0); // so does making room
    assert_int_equal(s->number_put(s, &n, 100000), 0);
    const uint8_t invite[LINK_INVITE_BYTES] = {8};
    struct relay_store_line line = contract_line(8);
    line.key_len = LINK_KEY_MAX_BYTES;
    assert_int_equal(add(db, invite, 0), 0);
    assert_int_equal(s->line_register(s, invite, &line, 1), SOTTO_EFULL);
    assert_int_equal(s->invite_check(s, invite, 1), 0); // all of it or nothing
    assert_int_equal(relay_sqlite_check(db), 0);
    relay_sqlite_close(db);
}

// On a file system of its own that is really full. Needs to be allowed to mount one.
static int fill_small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=512k") != 0)
        return 77;
    struct relay_sqlite *db = open_store();
    struct relay_store *s = relay_sqlite_store(db);
    contract_invites_and_lines(s, add, db);
    struct relay_store_number n = contract_number(1, 1);
    uint32_t stored = 0;
    int rc = 0;
    while (rc == 0 && stored < 100000) {
        memcpy(n.token_hash + 4, &stored, sizeof stored);
        rc = s->number_put(s, &n, 1000000);
        stored += rc == 0;
    }
    assert_int_equal(rc, SOTTO_EFULL);
    relay_sqlite_close(db);
    db = open_store();
    struct relay_sqlite_stats stats;
    assert_int_equal(relay_sqlite_stats(db, 1, &stats), 0);
    assert_int_equal(stats.numbers, stored);
    assert_int_equal(relay_sqlite_check(db), 0);
    relay_sqlite_close(db);
    return 0;
}

static void test_really_full_disk(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fill_small_disk());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

// Writes numbers 0, 1, 2 ... and reports each that was reported as done to it.
static void write_until_killed(int report)
{
    struct relay_sqlite *db = NULL;
    if (relay_sqlite_open(&db, path, text, sizeof text) != 0)
        _exit(1);
    struct relay_store *s = relay_sqlite_store(db);
    struct relay_store_number n = contract_number(1, 1);
    for (uint32_t i = 0; i < 1000000; i++) {
        memcpy(n.token_hash + 4, &i, sizeof i);
        n.calls_left = i ^ 0x5a5a;
        int rc = s->number_put(s, &n, 10000000);
        if (rc != 0 || write(report, &i, sizeof i) != sizeof i)
            _exit(2);
    }
    _exit(3);
}

static void test_kill_9(void **state)
{
    (void)state;
    struct relay_sqlite *db = open_store();
    contract_invites_and_lines(relay_sqlite_store(db), add, db);
    relay_sqlite_close(db);
    unsigned seed = 20170530;
    uint32_t total = 0;
    for (int round = 0; round < 12; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fds[0]);
            write_until_killed(fds[1]);
        }
        close(fds[1]);
        seed = seed * 1664525 + 1013904223;
        uint32_t i = 0, last = 0;
        bool any = read(fds[0], &i, sizeof i) == sizeof i; // it is under way
        struct timespec pause = {.tv_nsec = (long)(seed >> 8) % 60000000};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_true(any);
        do
            last = i;
        while (read(fds[0], &i, sizeof i) == sizeof i);
        close(fds[0]);

        db = open_store();
        assert_int_equal(relay_sqlite_check(db), 0);
        struct relay_store *s = relay_sqlite_store(db);
        for (i = 0; i <= last; i++) {
            struct relay_store_number n = contract_number(1, 1);
            memcpy(n.token_hash + 4, &i, sizeof i);
            n.calls_left = i ^ 0x5a5a;
            expect_number(s, &n);
            assert_int_equal(s->number_remove(s, n.token_hash, n.line_id), 0);
        }
        total += last + 1;
        relay_sqlite_close(db);
    }
    print_message("%u acknowledged writes over 12 kills, none lost\n", total);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_contract),
        T(test_file_is_private),
        T(test_secrets_are_not_in_the_file),
        T(test_operators_questions),
        T(test_prune),
        T(test_older_files),
        T(test_newer_and_foreign_files),
        T(test_two_at_once),
        T(test_connections_see_each_other),
        T(test_full_disk),
        T(test_really_full_disk),
        T(test_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
