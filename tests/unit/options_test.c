// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "options.h"

#include <sotto/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct values {
    bool loud;
    const char *name, *file;
    uint32_t count;
    int64_t expires_s;
    unsigned suite;
};
static const struct option_spec table[] = {
    {"loud", 'l', OPTION_FLAG, offsetof(struct values, loud), NULL, "Be loud", NULL, 0, 0},
    {"name", 'n', OPTION_TEXT, offsetof(struct values, name), "NAME", "A name", NULL, 0, 0},
    {"file", 0, OPTION_FILE, offsetof(struct values, file), "FILE", "A file", NULL, 0, 0},
    {"count", 'c', OPTION_COUNT, offsetof(struct values, count), "N", "A count", NULL, 1, 50},
    {"expires", 'e', OPTION_DURATION, offsetof(struct values, expires_s), "TIME",
     "An explanation that is so long that it has to go on in the next line of the help text", NULL,
     0, 0},
    {"suite", 0, OPTION_CHOICE, offsetof(struct values, suite), "SUITE", "A suite", "hybrid|cnsa2",
     0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

struct common {
    bool json;
};
static const struct option_spec common_table[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct common, json), NULL, "JSON", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

#define ARGS_MAX 16

// Parses words separated by spaces; what is no option is left in rest, separated by commas.
struct parsed {
    int result;
    struct values v;
    struct common c;
    char error[OPTIONS_ERROR_BYTES];
    char rest[128];
    char line[256];
};

static void parse(struct parsed *p, bool stop, const char *line)
{
    memset(p, 0, sizeof *p);
    snprintf(p->line, sizeof p->line, "%s", line);
    char *argv[ARGS_MAX + 1];
    int argc = 0;
    for (char *word = strtok(p->line, " "); word != NULL && argc < ARGS_MAX;
         word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    const struct option_set sets[] = {{table, &p->v}, {common_table, &p->c}};
    p->result = options_parse(argc, argv, stop, sets, 2, p->error);
    for (int i = p->result; i > 0 && i < argc; i++) {
        size_t len = strlen(p->rest);
        snprintf(p->rest + len, sizeof p->rest - len, "%s%s", len > 0 ? "," : "", argv[i]);
    }
}

static void test_all_kinds(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, false,
          "cmd one --loud -n Angela --file=/tmp/x two -c50 --expires 30d --suite cnsa2 --json");
    assert_true(p.result > 0);
    assert_true(p.v.loud);
    assert_string_equal(p.v.name, "Angela");
    assert_string_equal(p.v.file, "/tmp/x");
    assert_int_equal(p.v.count, 50);
    assert_int_equal(p.v.expires_s, 30 * 86400);
    assert_int_equal(p.v.suite, 1);
    assert_true(p.c.json);
    assert_string_equal(p.rest, "one,two");
}

static void test_nothing_given(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, false, "cmd");
    assert_int_equal(p.result, 1);
    assert_false(p.v.loud);
    assert_null(p.v.name);
    // Twice in a row: getopt's own state must not leak from one parse into the next.
    parse(&p, false, "cmd -l");
    assert_true(p.v.loud);
    parse(&p, false, "cmd -l x");
    assert_true(p.v.loud);
    assert_string_equal(p.rest, "x");
}

static void test_order(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, true, "cmd --json sub --name x --unknown");
    assert_true(p.c.json);
    assert_string_equal(p.rest, "sub,--name,x,--unknown");
    parse(&p, false, "cmd -- --loud -n");
    assert_false(p.v.loud);
    assert_string_equal(p.rest, "--loud,-n");
    parse(&p, false, "cmd - x");
    assert_string_equal(p.rest, "-,x");
    parse(&p, false, "cmd --count 3 --count 4");
    assert_int_equal(p.v.count, 4);
}

static void expect_error(const char *line, const char *part)
{
    struct parsed p;
    parse(&p, false, line);
    assert_int_equal(p.result, SOTTO_EINVAL);
    if (strstr(p.error, part) == NULL) {
        fail_msg("'%s' says '%s', not '%s'", line, p.error, part);
    }
}

static void test_errors(void **state)
{
    (void)state;
    expect_error("cmd --exipres 3d", "unknown option --exipres; did you mean --expires?");
    expect_error("cmd --exipres=3d", "did you mean --expires?");
    expect_error("cmd --zzzzzzz", "unknown option --zzzzzzz");
    expect_error("cmd -z", "unknown option -z");
    expect_error("cmd -lz", "unknown option -z");
    expect_error("cmd --name", "--name needs a value: --name NAME");
    expect_error("cmd -n", "--name needs a value: --name NAME");
    expect_error("cmd --loud=yes", "--loud takes no value");
    expect_error("cmd --count 0", "'0' is not a number from 1 to 50");
    expect_error("cmd --count 51", "from 1 to 50");
    expect_error("cmd --count 4294967297", "from 1 to 50");
    expect_error("cmd --count 5x", "from 1 to 50");
    expect_error("cmd --count -5", "from 1 to 50");
    expect_error("cmd --expires soon", "'soon' is not a time such as");
    expect_error("cmd --suite hybrid|cnsa2", "is none of hybrid|cnsa2");
    expect_error("cmd --suite hyb", "is none of hybrid|cnsa2");
}

static void test_long_errors_fit(void **state)
{
    (void)state;
    char word[2048];
    memset(word, 'a', sizeof word);
    memcpy(word, "--", 2);
    word[sizeof word - 1] = 0;
    char program[] = "cmd";
    char *argv[] = {program, word, NULL};
    struct values v = {0};
    const struct option_set set = {table, &v};
    char error[OPTIONS_ERROR_BYTES];
    memset(error, 'x', sizeof error);
    assert_int_equal(options_parse(2, argv, false, &set, 1, error), SOTTO_EINVAL);
    assert_non_null(memchr(error, 0, sizeof error));
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"1s", 1},
                {"90s", 90},
                {"45m", 2700},
                {"12h", 43200},
                {"30d", 2592000},
                {"2w", 1209600},
                {"036500d", INT64_C(3153600000)},
                {"36500d", OPTION_DURATION_MAX_S}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t out = -1;
        assert_int_equal(options_duration(good[i].text, &out), SOTTO_OK);
        assert_true(out == good[i].seconds);
    }
    static const char *const bad[] = {"",
                                      "30",
                                      "d",
                                      "0d",
                                      "-1d",
                                      "1 d",
                                      "1dd",
                                      "1.5h",
                                      "36501d",
                                      "99999999999999999999w",
                                      "4294967297s",
                                      "1D",
                                      "1d "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t out = 77;
        assert_int_equal(options_duration(bad[i], &out), SOTTO_EINVAL);
        assert_int_equal(out, 77);
    }
}

static void test_counts(void **state)
{
    (void)state;
    uint32_t out = 7;
    assert_int_equal(options_count("4294967295", 0, 0, &out), SOTTO_OK);
    assert_true(out == UINT32_MAX);
    out = 7;
    static const char *const bad[] = {"4294967296", "", " 1", "+1", "-1", "0x10", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(options_count(bad[i], 0, 0, &out), SOTTO_EINVAL);
        assert_int_equal(out, 7);
    }
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(options_distance("list", "list", 2), 0);
    assert_int_equal(options_distance("lst", "list", 2), 1);
    assert_int_equal(options_distance("lsit", "list", 2), 1); // a swap is one edit
    assert_int_equal(options_distance("liist", "list", 2), 1);
    assert_int_equal(options_distance("", "ab", 2), 2);
    assert_int_equal(options_distance("abc", "xyz", 2), 3); // limit + 1
    assert_int_equal(options_distance("abcdefgh", "z", 2), 3);
    char big[300];
    memset(big, 'a', sizeof big);
    big[sizeof big - 1] = 0;
    assert_int_equal(options_distance(big, "a", 2), 3);
}

static char *captured(void (*print)(FILE *to, size_t width), size_t width)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    print(f, width);
    fclose(f);
    return text;
}

static void print_help(FILE *to, size_t width)
{
    options_help(to, table, width);
}

static void print_wrapped(FILE *to, size_t width)
{
    fputs("    ", to);
    options_wrap(to, "one two  three averyverylongword x", 4, width);
}

static void test_help(void **state)
{
    (void)state;
    char *text = captured(print_help, 60);
    assert_non_null(strstr(text, "  -n, --name NAME           A name\n"));
    assert_non_null(strstr(text, "      --suite SUITE         A suite\n"));
    for (const char *line = text; *line != 0; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 60);
    }
    free(text);
}

static void test_wrap(void **state)
{
    (void)state;
    char *text = captured(print_wrapped, 14);
    assert_string_equal(text, "    one two\n    three\n    averyverylongword\n    x\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_nothing_given),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_errors_fit),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
