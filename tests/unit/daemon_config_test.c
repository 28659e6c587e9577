// SPDX-License-Identifier: Apache-2.0
// The configuration file and the command line over it.
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/nearest.h"
#include "daemon/options.h"

static char file[] = "/tmp/sottod-config-XXXXXX";
static char error[CONFIG_ERROR_MAX];

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    unsetenv("STATE_DIRECTORY");
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(file);
}

static int read_text(const char *text, struct sottod_config *c)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    error[0] = '\0';
    config_default(c);
    int rc = config_read(c, file, error, sizeof error);
    return rc == 0 ? config_finish(c, error, sizeof error) : rc;
}

static void expect_good(const char *text, struct sottod_config *c)
{
    if (read_text(text, c) != 0)
        fail_msg("%s", error);
}

static void expect_bad(const char *text, const char *complaint)
{
    struct sottod_config c;
    char want[256];
    assert_int_equal(read_text(text, &c), SOTTO_EINVAL);
    snprintf(want, sizeof want, "%s%s", complaint[0] == ',' ? file : "", complaint);
    if (strstr(error, want) == NULL)
        fail_msg("want: %s\ngot:  %s", want, error);
}

static void test_everything_has_a_default(void **state)
{
    (void)state;
    struct sottod_config c;
    expect_good("", &c);
    assert_true(c.name[0] != '\0');
    assert_true(c.port == PORT_PRIVILEGED || c.port == PORT_UNPRIVILEGED);
    assert_string_equal(c.bind, "::");
    assert_int_equal(c.data[0], '/');
    assert_int_equal(c.level, LOG_LEVEL_INFO);
    assert_true(c.sandbox);
    assert_int_equal(c.limits.numbers_per_line, 0); // the engine's own default
}

static void test_every_key(void **state)
{
    (void)state;
    struct sottod_config c;
    expect_good("; the whole of it\n"
                "[relay]\n"
                "name = Relay.Example\n"
                "  also = relay2.example, localhost:8443 [::1]:9\n" // indented, three of them
                "port = 8443 ; a comment\n"
                "bind = 192.0.2.7\n"
                "data = /srv/sottod\n"
                "certificate = /etc/a.pem\n"
                "key = /etc/b.pem\n"
                "page = /srv/page\n"
                "plain = 8080\n"
                "\n"
                "[limits]\n"
                "connections = 500\n"
                "connections_per_address = 5\n"
                "dials_per_number_per_minute = 7\n"
                "dials_per_address_per_minute = 8\n"
                "meets_per_address_per_minute = 9\n"
                "registers_per_address_per_minute = 10\n"
                "logins_per_address_per_minute = 14\n"
                "cells_per_circuit_per_second = 111\n"
                "numbers_per_line = 12\n"
                "database_mb = 13\n"
                "[push]\n"
                "enabled = no\n"
                "contact = mailto:admin@relay.example\n"
                "services = Push.example, *.more.example\n"
                "ca = /etc/ca.pem\n"
                "[log]\n"
                "level = debug\n"
                "format = json\n"
                "addresses = yes\n",
                &c);
    assert_string_equal(c.name, "relay.example");
    assert_int_equal(c.alias_count, 3);
    assert_string_equal(c.aliases[0].host, "relay2.example");
    assert_int_equal(c.aliases[0].port, 0);
    assert_int_equal(c.aliases[1].port, 8443);
    assert_string_equal(c.aliases[2].host, "::1");
    assert_int_equal(c.aliases[2].port, 9);
    assert_int_equal(c.port, 8443);
    assert_string_equal(c.bind, "192.0.2.7");
    assert_string_equal(c.data, "/srv/sottod");
    assert_string_equal(c.certificate, "/etc/a.pem");
    assert_string_equal(c.key, "/etc/b.pem");
    assert_string_equal(c.page, "/srv/page");
    assert_true(c.plain);
    assert_int_equal(c.plain_port, 8080);
    assert_int_equal(c.connections, 500);
    assert_int_equal(c.connections_per_address, 5);
    assert_int_equal(c.limits.dials_per_number_per_minute, 7);
    assert_int_equal(c.limits.dials_per_address_per_minute, 8);
    assert_int_equal(c.limits.meets_per_address_per_minute, 9);
    assert_int_equal(c.limits.registers_per_address_per_minute, 10);
    assert_int_equal(c.limits.logins_per_address_per_minute, 14);
    assert_int_equal(c.limits.cells_per_circuit_per_second, 111);
    assert_int_equal(c.limits.numbers_per_line, 12);
    assert_int_equal(c.database_mb, 13);
    assert_false(c.push_enabled);
    assert_false(config_pushes(&c));
    assert_string_equal(c.push_contact, "mailto:admin@relay.example");
    assert_int_equal(c.push_services.count, 2);
    assert_string_equal(c.push_services.hosts[0], "push.example");
    assert_string_equal(c.push_services.hosts[1], "*.more.example");
    assert_string_equal(c.push_ca, "/etc/ca.pem");
    assert_int_equal(c.level, LOG_LEVEL_DEBUG);
    assert_true(c.log_json);
    assert_true(c.debug_addresses);
    size_t keys = 0;
    while (config_key_name(keys) != NULL)
        keys++;
    assert_int_equal(keys, 26); // all of them stand above
}

// Nobody is woken before the operator says whom push services may ask.
static void test_pushes_need_a_contact(void **state)
{
    (void)state;
    struct sottod_config c;
    config_default(&c);
    assert_false(config_pushes(&c));
    assert_int_equal(c.push_services.count, 4);
    expect_good("[push]\ncontact = mailto:a@b.example\n", &c);
    assert_true(config_pushes(&c));
}

static void test_mistakes_are_named(void **state)
{
    (void)state;
    expect_bad("[relay]\nprot = 1\n",
               ", line 2: there is no key \"prot\" in [relay]; did you mean \"port\"?");
    expect_bad("\n\n[limits]\n\nnumber_per_lines = 3\n",
               ", line 5: there is no key \"number_per_lines\"");
    expect_bad("[limits]\nnumber_per_lines = 3\n", "did you mean \"numbers_per_line\"?");
    expect_bad("[limits]\nport = 3\n", "the key \"port\" belongs to section [relay]");
    expect_bad("[relais]\nport = 3\n", "there is no section [relais]");
    expect_bad("port = 3\n", ", line 1: a key must stand below a section");
    expect_bad("[relay]\nport = 3\nport = 4\n", ", line 3: \"port\" is set a second time");
    expect_bad("[relay]\njust words\n", ", line 2: want \"key = value\"");
    expect_bad("[relay\nport = 1\n", ", line 1: want");
    expect_bad("[relay]\nport =\n", ", line 2: port = ");
    expect_bad("[relay]\nport = 65536\n", "want a port number");
    expect_bad("[relay]\nport = -1\n", "want a port number");
    expect_bad("[relay]\nport = 44x\n", "want a port number");
    expect_bad("[relay]\nname = a b\n", "want a host name");
    expect_bad("[relay]\nname = relay.example:443\n", "want a host name");
    expect_bad("[relay]\nalso = a.example, b_c:d\n", "want host names");
    expect_bad("[relay]\nalso = a b c d e\n", "at most four");
    expect_bad("[relay]\nbind = localhost\n", "want an IP address");
    expect_bad("[relay]\ndata = here\n", "want a path that begins with /");
    expect_bad("[relay]\ncertificate = /a\n", "\"certificate\" and \"key\" belong together");
    expect_bad("[limits]\nconnections = 0\n", "want a whole number from 1 to");
    expect_bad("[limits]\nconnections = 99999999999999999999\n", "want a whole number from 1 to");
    expect_bad("[push]\nenabled = 1\n", "want yes or no");
    expect_bad("[push]\ncontact = admin@relay.example\n", "want mailto:");
    expect_bad("[push]\ncontact = mailto:a\"b@c.example\n", "want mailto:");
    expect_bad("[push]\nservices = https://push.example\n", "want at most eight host names");
    expect_bad("[push]\nservices = a b c d e f g h i\n", "want at most eight host names");
    expect_bad("[log]\nlevel = loud\n", "want error, warning, info or debug");
    expect_bad("[log]\nformat = xml\n", "want json or human");
    expect_bad("[log]\naddresses = 1\n", "want yes or no");
}

static void test_long_lines(void **state)
{
    (void)state;
    struct sottod_config c;
    char text[600] = "[relay]\ndata = /";
    size_t start = strlen(text);
    memset(text + start, 'd', 174);
    memcpy(text + start + 174, "\n", 2);
    expect_good(text, &c);
    assert_int_equal(strlen(c.data), 175);
    memset(text + start, 'd', 400);
    memcpy(text + start + 400, "\n", 2);
    expect_bad(text, ", line 2: this line is too long");
    memcpy(text, "; comment; ", 11); // even there: cut, the rest would be taken for a key
    expect_bad(text, "");
}

static void test_absent_file(void **state)
{
    (void)state;
    struct sottod_config c;
    config_default(&c);
    assert_int_equal(config_read(&c, "/nonexistent/x.conf", error, sizeof error), SOTTO_ENOTFOUND);
    assert_non_null(strstr(error, "/nonexistent/x.conf"));
}

static void expect_origins(const char *text, const char *const *want)
{
    struct sottod_config c;
    struct relay_config out = {.more_origin_count = 0};
    expect_good(text, &c);
    assert_int_equal(config_origins(&c, 8443, &out), 0);
    assert_string_equal(out.origin, want[0]);
    size_t i = 0;
    while (want[i + 1] != NULL && i < out.more_origin_count) {
        assert_string_equal(out.more_origins[i], want[i + 1]);
        i++;
    }
    assert_int_equal(i, out.more_origin_count);
    assert_null(want[i + 1]);
}
#define EXPECT_ORIGINS(text, ...) expect_origins(text, (const char *const[]){__VA_ARGS__, NULL})

static void test_origins(void **state)
{
    (void)state;
    EXPECT_ORIGINS("[relay]\nname = relay.example\n", "relay.example:8443");
    EXPECT_ORIGINS("[relay]\nname = 2001:db8::1\nalso = a.example b.example:1\n",
                   "[2001:db8::1]:8443", "a.example:8443", "b.example:1");
    EXPECT_ORIGINS("[relay]\nname = localhost\nalso = a b c d\n", "localhost:8443", "a:8443",
                   "b:8443", "c:8443", "d:8443", "127.0.0.1:8443", "[::1]:8443");
}

// ---- the command line ---------------------------------------------------------------------------

static int parse(struct options *o, const char *line)
{
    static char copy[512];
    static char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "sottod %s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    error[0] = '\0';
    return options_parse(o, argc, argv, error, sizeof error);
}

static void expect_options(struct options *o, const char *line)
{
    if (parse(o, line) != 0)
        fail_msg("%s: %s", line, error);
}

static void expect_usage(const char *line, const char *complaint)
{
    struct options o;
    assert_int_equal(parse(&o, line), SOTTO_EINVAL);
    if (strstr(error, complaint) == NULL)
        fail_msg("%s\nwant: %s\ngot:  %s", line, complaint, error);
}

static void test_commands(void **state)
{
    (void)state;
    struct options o;
    expect_options(&o, "");
    assert_int_equal(o.command, COMMAND_RUN);
    expect_options(&o, "invite --days 3 --count=2 --json");
    assert_int_equal(o.command, COMMAND_INVITE);
    assert_int_equal(o.days, 3);
    assert_int_equal(o.count, 2);
    assert_true(o.json);
    expect_options(&o, "--data /x revoke-line abcdef01");
    assert_int_equal(o.command, COMMAND_REVOKE_LINE);
    assert_string_equal(o.line, "abcdef01");
    assert_string_equal(o.config.data, "/x");
    expect_options(&o, "stats --prometheus");
    assert_true(o.prometheus);
    expect_options(&o, "nonsense --help");
    assert_int_equal(o.command, COMMAND_HELP);
    expect_options(&o, "--version");
    assert_int_equal(o.command, COMMAND_VERSION);
}

static void test_command_line_goes_over_the_file(void **state)
{
    (void)state;
    struct options o;
    struct sottod_config again;
    char line[256];
    assert_int_equal(read_text("[relay]\nname = a.example\nport = 1000\n[limits]\n"
                               "numbers_per_line = 5\n",
                               &again),
                     0);
    snprintf(line, sizeof line, "--port 2000 --log-level warning --no-sandbox --config %s run",
             file);
    expect_options(&o, line);
    assert_string_equal(o.config.name, "a.example");
    assert_int_equal(o.config.port, 2000);
    assert_int_equal(o.config.level, LOG_LEVEL_WARNING);
    assert_false(o.config.sandbox);
    assert_int_equal(o.config.limits.numbers_per_line, 5);
    assert_string_equal(o.config_file, file);
    // The same again with a changed file: SIGHUP.
    struct sottod_config reread;
    assert_int_equal(read_text("[relay]\nport = 3000\n[limits]\nnumbers_per_line = 6\n", &again),
                     0);
    assert_int_equal(options_reload(&o, &reread, error, sizeof error), 0);
    assert_int_equal(reread.port, 2000);
    assert_int_equal(reread.limits.numbers_per_line, 6);
    assert_int_equal(read_text("[relay]\nport = x\n", &again), SOTTO_EINVAL);
    assert_int_equal(options_reload(&o, &reread, error, sizeof error), SOTTO_EINVAL);
    assert_int_equal(reread.limits.numbers_per_line, 6);
}

static void test_relative_data_directory(void **state)
{
    (void)state;
    struct options o;
    assert_int_equal(chdir("/usr"), 0);
    expect_options(&o, "--data share");
    assert_string_equal(o.config.data, "/usr/share");
}

static void test_usage(void **state)
{
    (void)state;
    expect_usage("rnu", "there is no command \"rnu\"; did you mean \"run\"?");
    expect_usage("--dtaa x", "there is no option --dtaa; did you mean --data?");
    expect_usage("--port", "--port needs a value");
    expect_usage("--json=1", "takes no value");
    expect_usage("--port 70000", "want a port number");
    expect_usage("invite --days 0", "--days 0: want a whole number from 1 to 365");
    expect_usage("invite --count 12x", "--count 12x: want");
    expect_usage("revoke-line", "revoke-line wants one line");
    expect_usage("revoke-line a b", "revoke-line wants one line");
    expect_usage("run fast", "what is \"fast\"?");
    expect_usage("-x", "there is no option -x");
}

static void test_nearest(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("", ""), 0);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("port", "prot"), 2);
    char big[200];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(nearest_distance(big, "a"), NEAREST_WORD_MAX - 1);
    struct nearest n;
    nearest_begin(&n, "limit");
    assert_null(n.best);
    nearest_offer(&n, "level");
    nearest_offer(&n, "limits");
    nearest_offer(&n, "lines");
    assert_string_equal(n.best, "limits");
}

static void test_page_and_plain(void **state)
{
    (void)state;
    struct sottod_config c;
    expect_good("", &c);
    assert_string_equal(c.page, "");
    assert_false(c.plain);
    expect_good("[relay]\npage = none\nplain = 0\n", &c);
    assert_string_equal(c.page, CONFIG_NO_PAGE);
    assert_true(c.plain);
    assert_int_equal(c.plain_port, 0);
    expect_good("[relay]\nplain = no\n", &c);
    assert_false(c.plain);
    expect_bad("[relay]\npage = web\n", ", line 2: page = web: want a path");
    expect_bad("[relay]\nplain = 192.0.2.1:80\n", ", line 2: plain = 192.0.2.1:80: want a port");
    expect_bad("[relay]\nplain = 65536\n", ", line 2: plain = 65536: want a port");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_and_plain),
        cmocka_unit_test(test_everything_has_a_default),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_pushes_need_a_contact),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_absent_file),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_command_line_goes_over_the_file),
        cmocka_unit_test(test_relative_data_directory),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
