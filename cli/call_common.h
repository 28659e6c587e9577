// SPDX-License-Identifier: Apache-2.0
// What the commands with sound share.
#ifndef SOTTO_CLI_CALL_COMMON_H
#define SOTTO_CLI_CALL_COMMON_H

#include "desk.h"
#include "target.h"

#define CALL_MIC_HELP \
    "Where your voice comes from: device (the default), device:NAME, FILE.wav or silence"
#define CALL_SPEAKER_HELP "Where theirs goes: device (the default), device:NAME, FILE.wav or none"

struct call_sound {
    const char *mic, *speaker;
    bool mic_loop;
};

const char *call_sound_or_device(const char *spec);
// Runs the desk with plain lines and, on a terminal, keys; dials `target` first if it is not NULL.
// The exit code.
enum cli_exit call_run(struct desk *d, const struct target *target);
// Opens the store for a command that is rung, and takes the line's lock: CLI_OK, or it has been
// said why not.
int call_open_line(struct cli *cli, struct store **store, int *lock);

#endif
