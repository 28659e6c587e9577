// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include "loop.h"
#include "sound.h"

#define LOOP_ECHO_GOOD_DB 15.0
#define LOOP_LOUD_DB      (-45.0) // a quieter echo may stay as it is

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

static void say_echo(struct doctor *d, const struct loop_result *r)
{
    if (!r->cancelled) {
        doctor_say(d, MARK_WARN, "echo", NULL,
                   "the microphone stopped before it could be measured");
    } else if (r->echo_db < LOOP_ECHO_GOOD_DB && r->level_db > LOOP_LOUD_DB) {
        doctor_say(d, MARK_WARN, "echo",
                   "Turn the loudspeaker down, move it away from the microphone, or use a headset.",
                   "voice processing takes only %.0f dB of it away", r->echo_db);
    } else {
        doctor_say(d, MARK_GOOD, "echo", NULL, "voice processing takes %.0f dB of it away",
                   r->echo_db);
    }
}

static void say_loop(struct doctor *d, const struct loop_result *r)
{
    if (r->error[0] != '\0') {
        doctor_say(d, MARK_BAD, "loop", NULL, "%s", r->error);
    } else if (!r->mic_works) {
        doctor_say(
            d, MARK_BAD, "loop",
            "Allow programs to use the microphone in the system's settings, or choose another "
            "one with --mic device:NAME.",
            "the microphone gives no sound at all");
    } else if (r->mic_silent) {
        doctor_say(
            d, MARK_BAD, "loop",
            "Turn it on in the system's settings (or by the switch on it), and allow programs "
            "to use it.",
            "the microphone gives nothing but zeros: it is muted");
    } else if (!r->heard) {
        doctor_say(d, MARK_WARN, "loop",
                   "With a headset that is as it should be. Otherwise turn the loudspeaker up.",
                   "the microphone works (%.0f dBFS), but does not hear the loudspeaker",
                   r->noise_db);
    } else {
        doctor_say(d, MARK_GOOD, "loop", NULL,
                   "%.0f ms from loudspeaker to microphone, heard at %.0f dBFS (noise %.0f dBFS)",
                   r->round_trip_ms, r->level_db, r->noise_db);
        if (r->clipped) {
            doctor_say(d, MARK_WARN, "clipping", "Turn the microphone down.",
                       "the microphone is overdriven");
        }
        say_echo(d, r);
    }
}

json_t *doctor_loop(struct doctor *d, const char *mic, const char *speaker)
{
    struct loop_result r = {0};
    output_say(&d->cli->out, "\nListen: chirps will sound for some seconds.\n");
    int err = loop_test(&r, mic, speaker);
    if (err != 0) {
        doctor_say(d, MARK_BAD, "loop", NULL, "%s",
                   r.error[0] != '\0' ? r.error : sotto_strerror(err));
        return NULL;
    }
    say_loop(d, &r);
    if (!r.heard) {
        return json_pack("{s:b,s:b,s:b}", "heard", 0, "mic_works", (int)r.mic_works, "mic_silent",
                         (int)r.mic_silent);
    }
    json_t *o = json_pack("{s:b,s:b,s:b,s:b,s:f,s:f,s:f}", "heard", 1, "mic_works", 1, "mic_silent",
                          0, "clipped", (int)r.clipped, "round_trip_ms", r.round_trip_ms,
                          "level_dbfs", r.level_db, "noise_dbfs", r.noise_db);
    if (r.cancelled) {
        json_object_set_new(o, "echo_reduction_db", json_real(r.echo_db));
    }
    return o;
}
