// SPDX-License-Identifier: Apache-2.0
// sim [--seed N] [--count N] [--calls N] [--scenario NAME] [-v]
//
// Without --scenario: users, network, relay and attackers at random, --calls calls a seed. With it:
// that scenario ("all": each) for each seed. A failure prints the command that repeats it.
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEEDS_MAX 10000000

struct options {
    uint64_t seed, count;
    unsigned calls;
    bool verbose;
    const char *scenario;
};

struct totals {
    uint64_t dialled, answered, rekeys, steps, seals;
};

static const char *program;

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || *end || end == text) {
        fprintf(stderr, "sim: not a number: %s\n", text);
        exit(2);
    }
    return v;
}

static struct options read_options(int argc, char **argv)
{
    struct options o = {.seed = 1, .count = 1, .calls = 5};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "-v") == 0) {
            o.verbose = true;
            continue;
        }
        if (!value) {
            fprintf(stderr,
                    "usage: sim [--seed N] [--count N] [--calls N] [--scenario NAME] [-v]\n");
            exit(2);
        }
        if (strcmp(argv[i], "--seed") == 0)
            o.seed = number(value);
        else if (strcmp(argv[i], "--count") == 0)
            o.count = number(value);
        else if (strcmp(argv[i], "--calls") == 0)
            o.calls = (unsigned)number(value);
        else if (strcmp(argv[i], "--scenario") == 0)
            o.scenario = value;
        else {
            fprintf(stderr, "sim: unknown option %s\n", argv[i]);
            exit(2);
        }
        i++;
    }
    if (o.count > SEEDS_MAX)
        o.count = SEEDS_MAX;
    return o;
}

static void report_failure(const struct sim *s, const struct options *o, const char *scenario)
{
    printf("FAILED at %.3f s: %s\n", (double)(s->now_ns - 1000 * SECOND) / (double)SECOND,
           s->failure);
    printf("repeat it: %s --seed %llu%s%s --calls %u -v\n", program, (unsigned long long)s->seed,
           scenario ? " --scenario " : "", scenario ? scenario : "", o->calls);
}

// One seed; its trace, or 0 if it failed.
static uint64_t run_one(uint64_t seed, const struct options *o, const struct scenario *scenario,
                        struct totals *t)
{
    struct sim *s = sim_new(seed, o->verbose);
    if (scenario)
        scenario->run(s);
    else
        chaos_run(s, o->calls);
    check_end(s);
    bool failed = s->failed;
    uint64_t trace = s->trace;
    if (failed)
        report_failure(s, o, scenario ? scenario->name : NULL);
    t->dialled += s->calls_dialled;
    t->answered += s->calls_answered;
    t->rekeys += s->rekeys;
    t->steps += s->steps;
    sim_free(s);
    if (o->verbose)
        printf("seed %llu: trace %016llx\n", (unsigned long long)seed, (unsigned long long)trace);
    return failed ? 0 : trace;
}

// The first seed once more, after all others: what it does depends on nothing but the seed.
static bool replays(const struct options *o, const struct scenario *scenario, uint64_t trace)
{
    struct options quiet = *o;
    struct totals t = {0};
    quiet.verbose = false;
    if (run_one(o->seed, &quiet, scenario, &t) == trace)
        return true;
    printf("FAILED: seed %llu does not replay exactly%s%s\n", (unsigned long long)o->seed,
           scenario ? " in scenario " : "", scenario ? scenario->name : "");
    return false;
}

static bool run_seeds(const struct options *o, const struct scenario *scenario, struct totals *t)
{
    uint64_t first = 0;
    for (uint64_t i = 0; i < o->count; i++) {
        uint64_t trace = run_one(o->seed + i, o, scenario, t);
        if (trace == 0)
            return false;
        if (i == 0)
            first = trace;
    }
    return o->verbose || replays(o, scenario, first);
}

static bool run_scenarios(const struct options *o, struct totals *t)
{
    bool found = false, good = true;
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        const struct scenario *c = &SCENARIOS[i];
        if (strcmp(o->scenario, "all") != 0 && strcmp(o->scenario, c->name) != 0)
            continue;
        found = true;
        bool ok = run_seeds(o, c, t);
        printf("%-24s %s: %s\n", c->name, ok ? "ok" : "FAILED", c->says);
        good = good && ok;
    }
    if (!found)
        printf("there is no scenario '%s'\n", o->scenario);
    return found && good;
}

// Whatever OpenSSL does only once in a process happens before the first seed.
static void warm_up(void)
{
    struct totals t = {0};
    struct options quiet = {.calls = 1};
    run_one(0, &quiet, &SCENARIOS[0], &t);
}

int main(int argc, char **argv)
{
    program = argv[0];
    struct options o = read_options(argc, argv);
    struct totals t = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    rng_own_openssl();
    warm_up();
    clock_t before = clock();
    bool good = o.scenario ? run_scenarios(&o, &t) : run_seeds(&o, NULL, &t);
    double took = (double)(clock() - before) / CLOCKS_PER_SEC;
    printf("%llu calls dialled, %llu answered, %llu re-keys in %llu steps; %.1f s of CPU\n",
           (unsigned long long)t.dialled, (unsigned long long)t.answered,
           (unsigned long long)t.rekeys, (unsigned long long)t.steps, took);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
