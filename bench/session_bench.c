// SPDX-License-Identifier: Apache-2.0
// What a session costs: both ends' computing from the first flight to CONFIRMED, and bytes.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sotto/session.h>

#define ROUNDS    200
#define BUDGET_MS 15.0

struct sides {
    struct sotto_identity *id[2];
    struct sotto_secret secret;
};

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "session_bench: %s failed\n", what);
        exit(1);
    }
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct sotto_session *open_side(const struct sides *sides, enum sotto_role role,
                                       enum sotto_suite suite)
{
    const struct sotto_session_config cfg = {
        .role = role,
        .suite = suite,
        .identity = sides->id[role],
        .secret = &sides->secret,
        .purpose = "call",
    };
    struct sotto_session *s = NULL;
    check(sotto_session_new(&s, &cfg, sotto_env_default(), 0) == 0, "new");
    return s;
}

// Everything that `from` has to say, to `to`. Prints the flights' sizes if asked.
static void pass(struct sotto_session *from, struct sotto_session *to, const char *name)
{
    static uint8_t flight[SOTTO_FLIGHT_MAX_BYTES];
    int n;
    while ((n = sotto_session_write(from, flight, sizeof flight, 0)) > 0) {
        check(sotto_session_read(to, flight, (size_t)n, 0) == 0, "read");
        if (name != NULL) {
            printf("    %s %5d bytes\n", name, n);
        }
    }
}

static struct sotto_session_info run(const struct sides *sides, enum sotto_suite suite, bool print)
{
    struct sotto_session *caller = open_side(sides, SOTTO_CALLER, suite);
    struct sotto_session *callee = open_side(sides, SOTTO_CALLEE, suite);
    const char *right = print ? "caller ->" : NULL, *left = print ? "<- callee" : NULL;
    struct sotto_secret key;
    struct sotto_session_info info;
    pass(caller, callee, right);
    pass(callee, caller, left);
    pass(caller, callee, right);
    check(sotto_session_confirm(callee, 0) == 0, "callee's confirm");
    pass(callee, caller, left);
    check(sotto_session_confirm(caller, 0) == 0, "caller's confirm");
    pass(caller, callee, right);
    check(sotto_session_media_key(caller, SOTTO_CALLER, &key) == 0, "caller's key");
    check(sotto_session_media_key(callee, SOTTO_CALLER, &key) == 0, "callee's key");
    sotto_session_info(caller, &info);
    sotto_session_free(caller);
    sotto_session_free(callee);
    return info;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct sides *sides, enum sotto_suite suite)
{
    static double ms[ROUNDS];
    double sum = 0;
    struct sotto_session_info info = run(sides, suite, false);
    printf("%s, %s, %s\n", info.group, info.cipher, info.signature);
    (void)run(sides, suite, true);
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = cpu_ms();
        (void)run(sides, suite, false);
        ms[i] = cpu_ms() - start;
        sum += ms[i];
    }
    qsort(ms, ROUNDS, sizeof ms[0], by_value);
    printf("  both ends, CPU: mean %.2f ms, median %.2f ms, p99 %.2f ms (budget %.0f ms)\n",
           sum / ROUNDS, ms[ROUNDS / 2], ms[ROUNDS * 99 / 100], BUDGET_MS);
    printf("  caller sends %u bytes, callee %u bytes\n\n", (unsigned)info.bytes_sent,
           (unsigned)info.bytes_received);
    check(ms[ROUNDS / 2] <= BUDGET_MS, "the budget");
}

int main(void)
{
    const struct sotto_env *env = sotto_env_default();
    struct sides sides;
    for (size_t i = 0; i < 2; i++) {
        check(sotto_identity_generate(&sides.id[i], env) == 0, "identity");
    }
    env->random(sides.secret.bytes, sizeof sides.secret.bytes, env->user);
    measure(&sides, SOTTO_SUITE_HYBRID);
    measure(&sides, SOTTO_SUITE_CNSA2);
    sotto_identity_free(sides.id[0]);
    sotto_identity_free(sides.id[1]);
    return 0;
}
