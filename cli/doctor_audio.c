// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include "sound.h"

static void say_kind(struct doctor *d, const struct sound_device *list, int count, bool input)
{
    const char *subject = input ? "microphone" : "speaker";
    const struct sound_device *chosen = NULL;
    int found = 0;
    for (int i = 0; i < count; i++) {
        if (list[i].input == input) {
            found++;
            chosen = chosen == NULL || list[i].preferred ? &list[i] : chosen;
        }
    }
    if (found == 0) {
        doctor_say(d, MARK_WARN, subject,
                   input ? "Connect one, or use --mic FILE.wav." : "Connect one.",
                   input ? "there is none: the other side would hear silence"
                         : "there is none: you would hear nothing");
    } else {
        doctor_say(d, MARK_GOOD, subject, NULL, "%s%s", chosen->name,
                   found > 1 ? "; `sotto devices` lists more" : "");
    }
}

void doctor_audio(struct doctor *d)
{
    static struct sound_device list[SOUND_DEVICES_MAX];
    const char *why = "";
    int count = sound_devices(list, SOUND_DEVICES_MAX, &why);
    if (count < 0) {
        doctor_say(d, MARK_WARN, "sound",
                   "Calls work with files: --mic FILE.wav --speaker FILE.wav",
                   "no microphone or loudspeaker can be used: %s", why);
        return;
    }
    say_kind(d, list, count, true);
    say_kind(d, list, count, false);
}
