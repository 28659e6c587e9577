// SPDX-License-Identifier: Apache-2.0
#include "call_common.h"
#include "commands.h"

#include <stddef.h>

struct listen_options {
    struct call_sound sound;
    unsigned suite, profile;
    bool accept, once, summary, plain, hangup_after_mic, plain_voice;
    const char *stats_path;
    uint32_t max_seconds, accept_after;
};

static const struct option_spec options[] = {
    {"accept", 0, OPTION_FLAG, offsetof(struct listen_options, accept), NULL,
     "Answer every call by itself: the microphone opens without asking", NULL, 0, 0},
    {"accept-after", 0, OPTION_COUNT, offsetof(struct listen_options, accept_after), "N",
     "The same, but let it ring for N seconds first", NULL, 1, 60},
    {"once", 0, OPTION_FLAG, offsetof(struct listen_options, once), NULL,
     "Stop after the first call", NULL, 0, 0},
    {"max-seconds", 0, OPTION_COUNT, offsetof(struct listen_options, max_seconds), "N",
     "Stop after N seconds", NULL, 1, 31536000},
    {"plain", 0, OPTION_FLAG, offsetof(struct listen_options, plain), NULL,
     "Lines of text instead of the full screen", NULL, 0, 0},
    {"mic", 0, OPTION_TEXT, offsetof(struct listen_options, sound.mic), "MIC", CALL_MIC_HELP, NULL,
     0, 0},
    {"speaker", 0, OPTION_TEXT, offsetof(struct listen_options, sound.speaker), "SPEAKER",
     CALL_SPEAKER_HELP, NULL, 0, 0},
    {"mic-loop", 0, OPTION_FLAG, offsetof(struct listen_options, sound.mic_loop), NULL,
     "A microphone file starts again at its end", NULL, 0, 0},
    {"processing", 0, OPTION_CHOICE, offsetof(struct listen_options, sound.processing), "WHEN",
     CALL_PROCESSING_HELP, CALL_PROCESSING, 0, 0},
    {"hangup-after-mic", 0, OPTION_FLAG, offsetof(struct listen_options, hangup_after_mic), NULL,
     "Hang up and stop when the microphone file is over", NULL, 0, 0},
    {"suite", 0, OPTION_CHOICE, offsetof(struct listen_options, suite), "SUITE",
     "hybrid takes both key agreements, cnsa2 only MLKEM1024", "hybrid|cnsa2", 0, 0},
    {"profile", 0, OPTION_CHOICE, offsetof(struct listen_options, profile), "MS", CALL_PROFILE_HELP,
     CALL_PROFILE, 0, 0},
    {"no-neural", 0, OPTION_FLAG, offsetof(struct listen_options, plain_voice), NULL,
     CALL_NO_NEURAL_HELP, NULL, 0, 0},
    {"stats", 0, OPTION_FILE, offsetof(struct listen_options, stats_path), "FILE", CALL_STATS_HELP,
     NULL, 0, 0},
    {"summary", 0, OPTION_FLAG, offsetof(struct listen_options, summary), NULL,
     "Say at the end of each call how it was carried", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct listen_options *o = values;
    const struct desk_options desk_options = {
        .ring = true,
        .accept = o->accept || o->accept_after > 0,
        .accept_after_s = o->accept_after,
        .once = o->once,
        .summary = o->summary,
        .stats_path = o->stats_path,
        .hangup_after_mic = o->hangup_after_mic,
        .mic_loop = o->sound.mic_loop,
        .processing = (enum runner_processing)o->sound.processing,
        .plain_voice = o->plain_voice,
        .run_max_s = o->max_seconds,
        .profile = (enum sotto_profile)o->profile,
        .suite = o->suite == 1 ? SOTTO_SUITE_CNSA2 : SOTTO_SUITE_HYBRID,
        .mic = call_sound_or_device(o->sound.mic),
        .speaker = call_sound_or_device(o->sound.speaker),
    };
    return call_listen(cli, &desk_options, !o->plain);
}

const struct command cmd_listen = {
    .name = "listen",
    .summary = "Be at your line: ring, answer, talk",
    .details = "On a terminal this is a screen; its last line says which keys do what. Otherwise, "
               "and with --plain, it writes lines.\n\n"
               "Numbers that were made or revoked while the relay could not be reached are "
               "brought to it.",
    .options = options,
    .options_bytes = sizeof(struct listen_options),
    .run = run,
};
