// SPDX-License-Identifier: Apache-2.0
// What the commands with sound share.
#ifndef SOTTO_CLI_CALL_COMMON_H
#define SOTTO_CLI_CALL_COMMON_H

#include "desk.h"
#include "target.h"

#define CALL_MIC_HELP \
    "Where your voice comes from: device (the default), device:NAME, FILE.wav or silence"
#define CALL_SPEAKER_HELP "Where theirs goes: device (the default), device:NAME, FILE.wav or none"

#define CALL_PROCESSING_HELP                                                            \
    "Echo cancellation, noise suppression and gain control: on (for devices), off, or " \
    "always (for files, too)"
#define CALL_PROCESSING "on|off|always" // enum runner_processing
#define CALL_PROFILE_HELP \
    "Milliseconds of speech in a cell: more for a thin link; auto measures the path"
#define CALL_PROFILE        "auto|20|40|60" // enum sotto_profile
#define CALL_NO_NEURAL_HELP "No neural networks in voice: for a slow machine, or to compare"
#define CALL_STATS_HELP     "Write how the call goes into FILE: CSV, a line for each second"

struct call_sound {
    const char *mic, *speaker;
    bool mic_loop;
    unsigned processing;
};

const char *call_sound_or_device(const char *spec);
// Runs the desk with plain lines and, on a terminal, keys; dials `target` first if it is not NULL.
// The exit code.
enum cli_exit call_run(struct desk *d, const struct target *target);
// A command that is rung: opens the store, takes the line's lock, and runs a desk, on the full
// screen if that is wanted and possible, else as call_run does. The exit code; all has been said.
int call_listen(struct cli *cli, const struct desk_options *options, bool full_screen);

#endif
