// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "call_common.h"
#include "doctor.h"
#include "store.h"

#include <stddef.h>

struct doctor_options {
    struct call_sound devices;
    bool sound;
};

static const struct option_spec options[] = {
    {"sound", 0, OPTION_FLAG, offsetof(struct doctor_options, sound), NULL,
     "Play chirps for some seconds and listen: delay, loudness, echo", NULL, 0, 0},
    {"mic", 0, OPTION_TEXT, offsetof(struct doctor_options, devices.mic), "MIC", CALL_MIC_HELP,
     NULL, 0, 0},
    {"speaker", 0, OPTION_TEXT, offsetof(struct doctor_options, devices.speaker), "SPEAKER",
     CALL_SPEAKER_HELP, NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    const struct doctor_options *opt = values;
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
    json_t *sound = NULL;
    if (opt->sound) {
        sound = doctor_loop(&d, call_sound_or_device(opt->devices.mic),
                            call_sound_or_device(opt->devices.speaker));
    }
    const struct output *o = &cli->out;
    if (d.problems == 0 && d.warnings == 0) {
        output_say(o, "\nEverything is well.\n");
    } else {
        output_say(o, "\n%u problem%s, %u warning%s.\n", d.problems, d.problems == 1 ? "" : "s",
                   d.warnings, d.warnings == 1 ? "" : "s");
    }
    output_json(o, json_pack("{s:o,s:i,s:i,s:o*}", "checks", d.checks, "problems", (int)d.problems,
                             "warnings", (int)d.warnings, "sound", sound));
    return d.problems == 0 ? CLI_OK : CLI_PROBLEMS;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "Look for what is wrong, and say what to do about it",
    .details = "Looks at the store, the relay and the way to it, the clock, the numbers, "
               "microphone and loudspeaker; with --sound also what they hear. The exit code is 12 "
               "if something must be repaired.",
    .options = options,
    .options_bytes = sizeof(struct doctor_options),
    .run = run,
};
