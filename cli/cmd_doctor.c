// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "doctor.h"
#include "store.h"

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    (void)argv;
    struct doctor d = {.cli = cli, .checks = json_array()};
    doctor_process(&d);
    struct store *s = doctor_store(&d);
    if (s != NULL) {
        doctor_relay(&d, s);
        doctor_numbers(&d, s);
        store_close(s);
    }
    doctor_audio(&d);
    const struct output *o = &cli->out;
    if (d.problems == 0 && d.warnings == 0) {
        output_say(o, "\nEverything is well.\n");
    } else {
        output_say(o, "\n%u problem%s, %u warning%s.\n", d.problems, d.problems == 1 ? "" : "s",
                   d.warnings, d.warnings == 1 ? "" : "s");
    }
    output_json(o, json_pack("{s:o,s:i,s:i}", "checks", d.checks, "problems", (int)d.problems,
                             "warnings", (int)d.warnings));
    return d.problems == 0 ? CLI_OK : CLI_PROBLEMS;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "Look for what is wrong, and say what to do about it",
    .details = "Looks at the store, the relay and the way to it, the clock, the numbers, "
               "microphone and loudspeaker. The exit code is 12 if something must be repaired.",
    .run = run,
};
