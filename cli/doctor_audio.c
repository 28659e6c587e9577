// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include "sound.h"

#define SUBJECT "sound"
#define WITHOUT                                                                   \
    "Calls work without: --mic FILE.wav or silence, --speaker FILE.wav or none. " \
    "`sotto devices` lists what there is."

static size_t count_kind(const struct sound_device *list, size_t count, bool input)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += list[i].input == input;
    }
    return found;
}

// No sound is no problem of this installation: a line can be rung and answered without.
void doctor_audio(struct doctor *d)
{
    static struct sound_device list[SOUND_DEVICES_MAX];
    const char *why = "";
    int count = sound_devices(list, SOUND_DEVICES_MAX, &why);
    if (count < 0) {
        doctor_say(d, MARK_WARN, SUBJECT, WITHOUT, "no microphone or loudspeaker: %s", why);
        return;
    }
    size_t in = count_kind(list, (size_t)count, true), out = (size_t)count - in;
    if (in == 0 || out == 0) {
        doctor_say(d, MARK_WARN, SUBJECT, WITHOUT, "no %s",
                   in == 0 && out == 0 ? "microphone and no loudspeaker"
                   : in == 0           ? "microphone"
                                       : "loudspeaker");
        return;
    }
    doctor_say(d, MARK_GOOD, SUBJECT, NULL, "%zu microphones and %zu loudspeakers", in, out);
}
