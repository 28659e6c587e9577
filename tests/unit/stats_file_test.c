// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "stats_file.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 8192

static char dir[] = "/tmp/stats_file_test.XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/stats.csv", dir);
    unlink(path);
    return 0;
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void read_text(char out[TEXT_BYTES])
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, TEXT_BYTES - 1, f);
    out[n] = 0;
    fclose(f);
}

static struct stats_row row(void)
{
    struct stats_row r = {
        .unix_ms = 1795437388007,
        .call = 3,
        .call_ms = 12034,
        .state = "talking",
        .transport = "quic",
        .out_bps = 76000,
        .in_bps = 75000,
    };
    r.now.tick_ms = 20;
    r.now.neural = SOTTO_NEURAL_ON;
    r.now.rtt_ns = 81250000;
    r.now.mouth_to_ear_us = 97150;
    r.now.epoch = 2;
    r.now.seen = (struct sotto_call_loss){101, 35000};
    r.now.reported = (struct sotto_call_loss){1000, 640000};
    r.now.playout.played = 500;
    r.now.playout.delay_us = 30040;
    r.now.playout.lag_us = 24000;
    r.now.playout.target_us = 20960;
    r.now.playout.jitter_us = 7;
    r.now.playout.depth_frames = 2;
    r.second = (struct call_second){50, 45, 5, 1, 44, 49, 2, 3, 1, 4, 6, 480, 96};
    return r;
}

#define ROW                                                                                        \
    "2026-11-23T12:36:28.007Z,3,12.034,talking,quic,20,on,81.3,97.2,30.0,24.0,21.0,0.0,2,50,45,5," \
    "10.0,1,10.1,35.0,100.0,640.0,44,49,2,3,1,4,6,480,96,76000,75000,2\n"

static unsigned commas(const char *text, size_t len)
{
    unsigned n = 0;
    for (size_t i = 0; i < len; i++) {
        n += text[i] == ',';
    }
    return n;
}

// Whatever the locale's decimal point is.
static void a_line_for_each_row(void **state)
{
    (void)state;
    char why[STATS_FILE_WHY_BYTES], text[TEXT_BYTES];
    struct stats_file *f;
    struct stats_row r = row(), unknown = {.state = "held", .transport = "websocket"};
    unknown.now.neural = SOTTO_NEURAL_SPARED;
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    assert_true(stats_file_open(&f, path, why));
    assert_true(stats_file_add(f, &r, why));
    read_text(text); // not only when it is closed
    assert_string_equal(text, STATS_FILE_HEADER ROW);
    assert_true(stats_file_add(f, &unknown, why));
    stats_file_close(f);
    read_text(text);
    const char *last = text + strlen(STATS_FILE_HEADER ROW);
    assert_non_null(strstr(last, ",held,websocket,0,spared,,,,,,,0,0"));
    assert_int_equal(commas(last, strlen(last)),
                     commas(STATS_FILE_HEADER, strlen(STATS_FILE_HEADER)));
}

static void only_its_owner_reads_it(void **state)
{
    (void)state;
    char why[STATS_FILE_WHY_BYTES];
    struct stats_file *f;
    struct stat st;
    mode_t was = umask(0);
    assert_true(stats_file_open(&f, path, why));
    umask(was);
    stats_file_close(f);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0); // somebody else's program made it so
    assert_true(stats_file_open(&f, path, why));
    stats_file_close(f);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_is_there_is_replaced_only_if_it_is_ours(void **state)
{
    (void)state;
    char why[STATS_FILE_WHY_BYTES] = "", text[TEXT_BYTES];
    struct stats_file *f = NULL;
    write_text(STATS_FILE_HEADER "old\n");
    assert_true(stats_file_open(&f, path, why));
    stats_file_close(f);
    read_text(text);
    assert_string_equal(text, STATS_FILE_HEADER);
    write_text("");
    assert_true(stats_file_open(&f, path, why));
    stats_file_close(f);
    static const char *const others[] = {"time", "a letter to a friend, quite long\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_text(others[i]);
        f = NULL;
        assert_false(stats_file_open(&f, path, why));
        assert_null(f);
        assert_non_null(strstr(why, "is there already"));
        read_text(text);
        assert_string_equal(text, others[i]);
    }
}

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    char why[STATS_FILE_WHY_BYTES] = "";
    struct stats_file *f = NULL;
    assert_false(stats_file_open(&f, "/nowhere/at/all.csv", why));
    assert_string_equal(why, "/nowhere/at/all.csv: No such file or directory");
    assert_false(stats_file_open(&f, "/dev/full", why));
    assert_string_equal(why, "/dev/full: No space left on device");
    assert_false(stats_file_open(&f, dir, why));
    assert_null(f);
}

// A full disk takes a part of a line: the part is taken back, it is said once, and no more is
// written even if there is room again.
static void a_full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    char why[STATS_FILE_WHY_BYTES] = "", text[TEXT_BYTES];
    struct stats_file *f;
    struct stats_row r = row();
    struct rlimit was, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_true(stats_file_open(&f, path, why));
    assert_true(stats_file_add(f, &r, why));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = strlen(STATS_FILE_HEADER ROW) + 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_false(stats_file_add(f, &r, why));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_non_null(strstr(why, path));
    assert_true(stats_file_add(f, &r, why));
    stats_file_close(f);
    read_text(text);
    assert_string_equal(text, STATS_FILE_HEADER ROW);
}

static void a_second_is_what_the_counters_grew(void **state)
{
    (void)state;
    struct call_meter m = {0};
    struct sotto_call_stats s = {.cells_sent = 10, .cells_received = 90, .cells_lost = 10};
    s.playout =
        (struct sotto_playout_stats){.played = 95, .concealed = 5, .copies = 6, .retold = 4};
    struct call_second got = call_meter_look(&m, &s);
    assert_int_equal(got.cells_received, 90);
    assert_int_equal(call_second_lost_permille(&got), 100);
    assert_int_equal(call_second_concealed_permille(&got), 50);
    assert_int_equal(call_second_restored_permille(&got), 100);
    s.cells_lost = 8; // two came after all
    s.playout.played = 145;
    got = call_meter_look(&m, &s);
    assert_int_equal(got.cells_lost, 0);
    assert_int_equal(got.played, 50);
    assert_int_equal(got.concealed, 0);
    got = call_meter_look(&m, &s);
    assert_int_equal(call_second_concealed_permille(&got), 0); // of nothing
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_for_each_row, set_up),
        cmocka_unit_test_setup(only_its_owner_reads_it, set_up),
        cmocka_unit_test_setup(what_is_there_is_replaced_only_if_it_is_ours, set_up),
        cmocka_unit_test_setup(what_cannot_be_opened_is_said, set_up),
        cmocka_unit_test_setup(a_full_disk_leaves_whole_lines, set_up),
        cmocka_unit_test(a_second_is_what_the_counters_grew),
    };
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(dir);
    return failed;
}
