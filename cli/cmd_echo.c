// SPDX-License-Identifier: Apache-2.0
#include "call_common.h"
#include "commands.h"

#include <stddef.h>

struct echo_options {
    bool once, summary;
    const char *stats_path;
    uint32_t max_seconds;
};

static const struct option_spec options[] = {
    {"once", 0, OPTION_FLAG, offsetof(struct echo_options, once), NULL, "Stop after the first call",
     NULL, 0, 0},
    {"max-seconds", 0, OPTION_COUNT, offsetof(struct echo_options, max_seconds), "N",
     "Stop after N seconds", NULL, 1, 31536000},
    {"stats", 0, OPTION_FILE, offsetof(struct echo_options, stats_path), "FILE", CALL_STATS_HELP,
     NULL, 0, 0},
    {"summary", 0, OPTION_FLAG, offsetof(struct echo_options, summary), NULL,
     "Say at the end of each call how it was carried", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct echo_options *o = values;
    const struct desk_options desk_options = {
        .ring = true,
        .accept = true,
        .echo = true,
        .once = o->once,
        .summary = o->summary,
        .stats_path = o->stats_path,
        .run_max_s = o->max_seconds,
    };
    return call_listen(cli, &desk_options, false);
}

const struct command cmd_echo = {
    .name = "echo",
    .summary = "Answer every call and play back what is heard, to try a line out",
    .details = "Neither microphone nor loudspeaker of this machine is used.",
    .options = options,
    .options_bytes = sizeof(struct echo_options),
    .run = run,
};
