// SPDX-License-Identifier: Apache-2.0
#include "call_common.h"
#include "commands.h"
#include "desk.h"
#include "keys.h"
#include "line_lock.h"
#include "target.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct call_options {
    struct call_sound sound;
    unsigned suite, profile;
    bool summary, hangup_after_mic, plain_voice;
    const char *stats_path;
    uint32_t max_seconds;
};

static const struct option_spec options[] = {
    {"mic", 0, OPTION_TEXT, offsetof(struct call_options, sound.mic), "MIC", CALL_MIC_HELP, NULL, 0,
     0},
    {"speaker", 0, OPTION_TEXT, offsetof(struct call_options, sound.speaker), "SPEAKER",
     CALL_SPEAKER_HELP, NULL, 0, 0},
    {"mic-loop", 0, OPTION_FLAG, offsetof(struct call_options, sound.mic_loop), NULL,
     "A microphone file starts again at its end", NULL, 0, 0},
    {"processing", 0, OPTION_CHOICE, offsetof(struct call_options, sound.processing), "WHEN",
     CALL_PROCESSING_HELP, CALL_PROCESSING, 0, 0},
    {"hangup-after-mic", 0, OPTION_FLAG, offsetof(struct call_options, hangup_after_mic), NULL,
     "Hang up when the microphone file is over", NULL, 0, 0},
    {"max-seconds", 0, OPTION_COUNT, offsetof(struct call_options, max_seconds), "N",
     "Hang up N seconds after the answer", NULL, 1, 86400},
    {"suite", 0, OPTION_CHOICE, offsetof(struct call_options, suite), "SUITE",
     "Key agreement: hybrid (SecP384r1MLKEM1024) or cnsa2 (MLKEM1024 alone)", "hybrid|cnsa2", 0, 0},
    {"profile", 0, OPTION_CHOICE, offsetof(struct call_options, profile), "MS", CALL_PROFILE_HELP,
     CALL_PROFILE, 0, 0},
    {"no-neural", 0, OPTION_FLAG, offsetof(struct call_options, plain_voice), NULL,
     CALL_NO_NEURAL_HELP, NULL, 0, 0},
    {"stats", 0, OPTION_FILE, offsetof(struct call_options, stats_path), "FILE", CALL_STATS_HELP,
     NULL, 0, 0},
    {"summary", 0, OPTION_FLAG, offsetof(struct call_options, summary), NULL,
     "Say at the end how the call was carried", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

static enum cli_exit make_call(struct cli *cli, struct store *s, const struct call_options *o,
                               const struct target *target)
{
    // Whoever listens goes on listening; otherwise this command hears a second caller.
    int lock = store_profile(s)->registered ? line_lock_take(s) : -1;
    const struct desk_options desk_options = {
        .ring = lock >= 0,
        .quiet_line = true,
        .once = true,
        .summary = o->summary,
        .stats_path = o->stats_path,
        .hangup_after_mic = o->hangup_after_mic,
        .mic_loop = o->sound.mic_loop,
        .processing = (enum runner_processing)o->sound.processing,
        .plain_voice = o->plain_voice,
        .call_max_s = o->max_seconds,
        .profile = (enum sotto_profile)o->profile,
        .suite = o->suite == 1 ? SOTTO_SUITE_CNSA2 : SOTTO_SUITE_HYBRID,
        .mic = call_sound_or_device(o->sound.mic),
        .speaker = call_sound_or_device(o->sound.speaker),
    };
    struct desk *desk;
    enum cli_exit code;
    if (desk_new(&desk, cli, s, &desk_options, &code)) {
        code = call_run(desk, target);
        desk_free(desk);
    }
    line_lock_release(lock);
    return code;
}

// "-": from standard input, so that a link is not seen in the list of processes.
static enum cli_exit find(struct store *s, const char *word, struct target *out,
                          char why[TARGET_WHY_BYTES], const char **hint)
{
    char line[SOTTO_LINK_MAX_BYTES] = "";
    if (strcmp(word, "-") != 0) {
        return target_find(s, word, out, why, hint);
    }
    if (fgets(line, sizeof(line), stdin) == NULL) {
        line[0] = '\0';
    }
    line[strcspn(line, "\r\n")] = '\0';
    enum cli_exit code = target_find(s, line, out, why, hint);
    sotto_wipe(line, sizeof(line));
    return code;
}

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    (void)argc;
    struct store *s;
    cli->out.json_lines = true;
    int code = cli_open_store(cli, &s);
    if (code != CLI_OK) {
        return code;
    }
    char why[TARGET_WHY_BYTES];
    const char *hint;
    struct target target;
    code = (int)find(s, argv[0], &target, why, &hint);
    if (code != CLI_OK) {
        output_fail(&cli->out, (enum cli_exit)code, hint, "%s", why);
    } else {
        code = (int)make_call(cli, s, values, &target);
    }
    sotto_wipe(&target, sizeof(target));
    store_close(s);
    return code;
}

const struct command cmd_call = {
    .name = "call",
    .args = "CONTACT|LINK",
    .summary = "Call somebody",
    .details = "CONTACT is a label, or the beginning of one. A number's link in quotes will do "
               "too, or - for a link on standard input.\n\n"
               "Keys in the call: m mutes, o holds, w shows the words to compare, h hangs up; a "
               "and d answer and decline a second call.",
    .options = options,
    .options_bytes = sizeof(struct call_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
