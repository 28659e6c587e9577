// SPDX-License-Identifier: Apache-2.0
#include "commands.h"
#include "sound.h"

static json_t *device_json(const struct sound_device *d)
{
    return json_pack("{s:s,s:s,s:s,s:b}", "kind", d->input ? "microphone" : "loudspeaker", "id",
                     d->id, "name", d->name, "default", (int)d->preferred);
}

static void say(const struct output *out, const struct sound_device *list, size_t count, bool input)
{
    size_t shown = 0;
    output_styled(out, STYLE_BOLD, input ? "Microphones\n" : "Loudspeakers\n");
    for (size_t i = 0; i < count; i++) {
        if (list[i].input == input) {
            output_say(out, "  %s%s\n    device:%s\n", list[i].name,
                       list[i].preferred ? " (the default)" : "", list[i].id);
            shown++;
        }
    }
    if (shown == 0) {
        output_say(out, "  none\n");
    }
}

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    (void)values;
    (void)argc;
    (void)argv;
    static struct sound_device list[SOUND_DEVICES_MAX];
    const char *why = "";
    int count = sound_devices(list, SOUND_DEVICES_MAX, &why);
    if (count < 0) {
        return output_fail(&cli->out, CLI_NOT_FOUND,
                           "Calls work without: --mic FILE.wav or silence, --speaker FILE.wav or "
                           "none.",
                           "no microphones or loudspeakers: %s", why);
    }
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(array, device_json(&list[i]));
    }
    output_json(&cli->out, json_pack("{s:o}", "devices", array));
    say(&cli->out, list, (size_t)count, true);
    say(&cli->out, list, (size_t)count, false);
    return CLI_OK;
}

const struct command cmd_devices = {
    .name = "devices",
    .summary = "List microphones and loudspeakers",
    .run = run,
};
