// SPDX-License-Identifier: Apache-2.0
// What sottod does with files, its log, its figures and its sandbox.
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/certificate.h"
#include "daemon/control.h"
#include "daemon/hex.h"
#include "daemon/notify.h"
#include "daemon/process.h"

static char directory[] = "/tmp/sottod-unit-XXXXXX";
static char error[CONFIG_ERROR_MAX];

static int setup(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    char remove[64];
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    return system(remove);
}

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static size_t slurp(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t len = fread(out, 1, cap - 1, f);
    out[len] = '\0';
    fclose(f);
    return len;
}

static void test_data_directory(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(process_data_directory(at("a/b/c"), error, sizeof error), 0);
    assert_int_equal(stat(at("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(process_data_directory(at("a/b/c"), error, sizeof error), 0);
    assert_int_equal(process_write_file(at("plain"), "x"), 0);
    assert_int_equal(process_data_directory(at("plain"), error, sizeof error), SOTTO_EIO);
    assert_non_null(strstr(error, "no directory"));
    assert_int_equal(process_data_directory(at("plain/d"), error, sizeof error), SOTTO_EIO);
    assert_non_null(strstr(error, "--data"));
}

static void test_lock(void **state)
{
    (void)state;
    int fd = process_lock(at("lock"), error, sizeof error);
    assert_true(fd >= 0);
    assert_int_equal(process_lock(at("lock"), error, sizeof error), SOTTO_EEXIST);
    assert_non_null(strstr(error, "another sottod"));
    close(fd);
    fd = process_lock(at("lock"), error, sizeof error);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(process_lock(at("none/lock"), error, sizeof error), SOTTO_EIO);
}

static void test_write_file(void **state)
{
    (void)state;
    char text[64];
    struct stat st;
    umask(0);
    assert_int_equal(process_write_file(at("file"), "one\n"), 0);
    assert_int_equal(process_write_file(at("file"), "two\n"), 0);
    slurp(at("file"), text, sizeof text);
    assert_string_equal(text, "two\n");
    assert_int_equal(stat(at("file"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    umask(022);
    assert_int_equal(process_write_file(at("none/file"), "x"), SOTTO_EIO);
    assert_int_equal(access(at("file.new"), F_OK), -1);
}

static void test_hex(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x7f, 0xa5};
    char text[7];
    uint8_t back[3] = {9, 9, 9};
    hex_encode(bytes, sizeof bytes, text);
    assert_string_equal(text, "007fa5");
    assert_true(hex_decode("007FA5", back, 3));
    assert_memory_equal(back, bytes, 3);
    assert_false(hex_decode("007fa", back, 3));
    assert_false(hex_decode("007fa500", back, 3));
    assert_false(hex_decode("ffff0g", back, 3));
    assert_memory_equal(back, bytes, 3);
}

static void test_json_escape(void **state)
{
    (void)state;
    char out[64];
    json_escape("a\"b\\c\n\x7f", out, sizeof out);
    assert_string_equal(out, "a\\\"b\\\\c\\u000a\\u007f");
    json_escape("abc\"", out, 5); // an escape is never cut in two
    assert_string_equal(out, "abc");
    json_escape("", out, 1);
    assert_string_equal(out, "");
}

// In a child, since it takes stderr.
static void log_to(const char *path, bool json, enum log_level level)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, STDERR_FILENO);
        unsetenv("JOURNAL_STREAM");
        log_setup(level, json);
        log_error("bad \"%s\"\nsecond", "thing");
        log_warning("hm");
        log_info("well");
        log_debug("tiny");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_log(void **state)
{
    (void)state;
    char text[1024];
    log_to(at("log"), false, LOG_LEVEL_WARNING);
    slurp(at("log"), text, sizeof text);
    assert_non_null(strstr(text, "Z error: bad \"thing\" second\n")); // one line an event
    assert_non_null(strstr(text, "Z warning: hm\n"));
    assert_null(strstr(text, "well"));
    log_to(at("log"), true, LOG_LEVEL_DEBUG);
    slurp(at("log"), text, sizeof text);
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_non_null(
        strstr(text, "\"level\":\"error\",\"message\":\"bad \\\"thing\\\" second\"}\n"));
    assert_non_null(strstr(text, "\"level\":\"debug\",\"message\":\"tiny\"}\n"));
}

static void test_metrics(void **state)
{
    (void)state;
    static char text[METRICS_TEXT_MAX];
    struct metrics m = {.engine = {.circuits = 7, .cells_forwarded = UINT64_MAX}};
    metrics_process(&m);
    assert_true(m.resident_bytes > 100000);
    size_t len = metrics_format(&m, METRICS_PROMETHEUS, text, sizeof text);
    assert_int_equal(len, strlen(text));
    assert_non_null(strstr(text, "# TYPE sottod_circuits gauge\nsottod_circuits 7\n"));
    assert_non_null(strstr(text, "sottod_cells_forwarded_total 18446744073709551615\n"));
    metrics_format(&m, METRICS_JSON, text, sizeof text);
    assert_int_equal(text[0], '{');
    assert_non_null(strstr(text, ",\"circuits\":7,"));
    assert_string_equal(text + strlen(text) - 2, "}\n");
    metrics_format(&m, METRICS_HUMAN, text, sizeof text);
    assert_non_null(strstr(text, "circuits "));
    assert_int_equal(metrics_format(&m, METRICS_HUMAN, text, 10), 9); // cut, not beyond
}

static void test_certificate(void **state)
{
    (void)state;
    struct sottod_config c;
    struct certificate first, again;
    const int64_t now = 1800000000, day = 86400;
    config_default(&c);
    snprintf(c.data, sizeof c.data, "%s", directory);
    snprintf(c.name, sizeof c.name, "relay.example");
    assert_int_equal(certificate_prepare(&first, &c, now, false, error, sizeof error), 0);
    assert_true(first.self_made);
    assert_in_range(first.not_after_unix_s, now + 13 * day, now + 14 * day);
    assert_false(certificate_ends_soon(&first, now));
    // Kept while it is good, made anew with the same key before it ends or when asked.
    assert_int_equal(certificate_prepare(&again, &c, now + day, false, error, sizeof error), 0);
    assert_memory_equal(again.sha256, first.sha256, 32);
    assert_true(certificate_ends_soon(&first, now + 10 * day));
    assert_int_equal(certificate_prepare(&again, &c, now + 10 * day, false, error, sizeof error),
                     0);
    assert_memory_not_equal(again.sha256, first.sha256, 32);
    assert_memory_equal(again.pin, first.pin, 32);
    assert_true(again.not_after_unix_s > first.not_after_unix_s + 5 * day);
    char pin[2 * CERTIFICATE_PIN_BYTES + 1];
    certificate_pin_text(&again, pin);
    assert_int_equal(strlen(pin), 64);
    // The operator's own: as it is, or not at all.
    snprintf(c.certificate, sizeof c.certificate, "%s", first.file);
    snprintf(c.key, sizeof c.key, "%s", at("no.key"));
    assert_int_equal(certificate_prepare(&again, &c, now, false, error, sizeof error),
                     SOTTO_EINVAL);
    assert_non_null(strstr(error, "no.key"));
    snprintf(c.key, sizeof c.key, "%s", first.key);
    assert_int_equal(certificate_prepare(&again, &c, now + 900 * day, false, error, sizeof error),
                     0);
    assert_false(again.self_made);
    assert_false(certificate_ends_soon(&again, now + 900 * day));
    snprintf(c.certificate, sizeof c.certificate, "%s", first.key);
    assert_int_equal(certificate_prepare(&again, &c, now, false, error, sizeof error),
                     SOTTO_EINVAL);
    assert_non_null(strstr(error, "no certificate"));
}

static void test_notify(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[32] = "";
    notify_send("READY=1"); // nobody there: nothing happens
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at("notify"));
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    notify_open();
    notify_send("READY=1");
    assert_int_equal(recv(fd, text, sizeof text, MSG_DONTWAIT), 7);
    assert_memory_equal(text, "READY=1", 7);
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

// ---- the control socket -------------------------------------------------------------------------

struct operator
{
    uv_loop_t loop;
    struct control *control;
    uint8_t dropped[LINK_LINE_ID_BYTES];
    int drops;
    uv_timer_t patience;
};

static void on_metrics(struct metrics *m, void *user)
{
    (void)user;
    m->engine.circuits = 42;
}

static void on_drop(const uint8_t line_id[LINK_LINE_ID_BYTES], void *user)
{
    struct operator* o = user;
    memcpy(o->dropped, line_id, sizeof o->dropped);
    o->drops++;
}

static void on_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

// Asks in a child and serves here; the child's exit says whether the answer began as expected.
static void ask(struct operator* o, const char *line, const char *want)
{
    pid_t pid = fork();
    if (pid == 0) {
        static char answer[METRICS_TEXT_MAX];
        int rc = control_ask(at("control"), line, answer, sizeof answer);
        if (want == NULL)
            _exit(rc < 0 ? 0 : 1);
        _exit(rc > 0 && strstr(answer, want) != NULL ? 0 : 1);
    }
    int status = -1;
    uv_timer_start(&o->patience, on_patience, 10, 10);
    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++)
        uv_run(&o->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&o->patience);
    assert_int_equal(status, 0);
}

static void test_control(void **state)
{
    (void)state;
    static struct operator o;
    static const struct control_ops ops = {.metrics = on_metrics, .drop = on_drop};
    char line[CONTROL_LINE_MAX + 64], answer[64];
    assert_int_equal(control_ask(at("control"), "stats json", answer, sizeof answer),
                     SOTTO_ENOTFOUND);
    assert_int_equal(uv_loop_init(&o.loop), 0);
    uv_timer_init(&o.loop, &o.patience);
    assert_int_equal(process_write_file(at("control"), "left by a dead one"), 0);
    assert_int_equal(control_new(&o.control, &o.loop, at("control"), &ops, &o, error, sizeof error),
                     0);
    ask(&o, "stats json", "\"circuits\":42");
    ask(&o, "stats prometheus", "sottod_circuits 42");
    ask(&o, "stats xml", "unknown command");
    ask(&o, "", "unknown command");
    snprintf(line, sizeof line, "drop %064d", 7);
    ask(&o, line, "ok");
    assert_int_equal(o.drops, 1);
    assert_int_equal(o.dropped[31], 7);
    ask(&o, "drop 1234", "unknown command");
    assert_int_equal(o.drops, 1);
    control_free(o.control);
    uv_close((uv_handle_t *)&o.patience, NULL);
    uv_run(&o.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&o.loop), 0);
    char long_path[200];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(control_ask(long_path, "x", answer, sizeof answer), SOTTO_ENOTFOUND);
}

// ---- the sandbox --------------------------------------------------------------------------------

static int in_sandbox(int (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (process_sandbox() != 0)
            _exit(99);
        _exit(what());
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int open_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int execute(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}

static int fork_once(void)
{
    return fork() < 0 ? 0 : 1;
}

static int use_files(void)
{
    char text[8];
    FILE *f = fopen(at("sandboxed"), "w+");
    if (f == NULL || fputs("abc", f) < 0 || fflush(f) != 0 || fsync(fileno(f)) != 0)
        return 1;
    rewind(f);
    return fgets(text, sizeof text, f) != NULL && fclose(f) == 0 && unlink(at("sandboxed")) == 0
               ? 0
               : 2;
}

static void test_sandbox(void **state)
{
    (void)state;
    if (process_sanitized())
        skip();
    assert_int_equal(in_sandbox(use_files), 0);
    assert_int_equal(in_sandbox(open_socket), 0);
    assert_int_equal(in_sandbox(fork_once), 0);
    assert_int_equal(in_sandbox(execute), -SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_directory), cmocka_unit_test(test_lock),
        cmocka_unit_test(test_write_file),     cmocka_unit_test(test_hex),
        cmocka_unit_test(test_json_escape),    cmocka_unit_test(test_log),
        cmocka_unit_test(test_metrics),        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_notify),         cmocka_unit_test(test_control),
        cmocka_unit_test(test_sandbox),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
