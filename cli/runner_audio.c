// SPDX-License-Identifier: Apache-2.0
#include "runner_impl.h"

#include "processing.h"

#include <stdio.h>
#include <string.h>

#define CAPTURE_SAMPLES  (4 * AUDIO_FRAME_SAMPLES) // taken at a time
// The microphone is read before a cell is made, and not again when that cell leaves a little
// later: that step does no other work.
#define CAPTURE_EVERY_NS (8 * SOTTO_NS_PER_MS)
// So close to the next tick the loudspeaker waits until the cells are out.
#define PLAY_CLEAR_NS    (2 * SOTTO_NS_PER_MS)
#define PLAY_MAX         50                     // pieces at a time: half a second, after a sleep
#define IN_STEP_NS       (1 * SOTTO_NS_PER_MS)  // after a cell
#define START_MAX_NS     (40 * SOTTO_NS_PER_MS) // without cells it starts all the same

static bool echoes(const struct runner *r)
{
    return r->opt.echo;
}

static enum audio_kind kind_of(const char *spec)
{
    enum audio_kind kind = AUDIO_NOTHING;
    const char *name;
    (void)audio_spec_parse(spec, &kind, &name);
    return kind;
}

static bool wants_processing(const struct runner *r)
{
    enum audio_kind kind = kind_of(r->opt.mic);
    return !echoes(r) && ((r->opt.processing == RUNNER_PROCESSING_ON && kind == AUDIO_DEVICE) ||
                          (r->opt.processing == RUNNER_PROCESSING_ALWAYS && kind != AUDIO_NOTHING));
}

int runner_audio_new(struct runner *r, char error[AUDIO_TEXT_BYTES])
{
    int err = wants_processing(r) ? processing_new(&r->processing) : 0;
    if (err != 0) {
        return err;
    }
    struct audio_config in = {
        .spec = echoes(r) ? NULL : r->opt.mic,
        .loop = r->opt.mic_loop,
        .processing = r->processing,
        .wake = runner_poke,
        .user = r,
    };
    struct audio_config out = {.spec = echoes(r) ? NULL : r->opt.speaker,
                               .processing = r->processing,
                               .wake = runner_poke,
                               .user = r};
    r->tones = kind_of(out.spec) == AUDIO_DEVICE;
    err = audio_input_new(&r->input, &in, error);
    return err != 0 ? err : audio_output_new(&r->output, &out, error);
}

void runner_audio_free(struct runner *r)
{
    audio_input_free(r->input);
    audio_output_free(r->output);
    processing_free(r->processing);
    r->processing = NULL;
    r->input = NULL;
    r->output = NULL;
}

static void tell(struct runner *r, enum runner_audio what, sotto_ns at_ns, const char *text)
{
    if (r->opt.on_audio != NULL) {
        r->opt.on_audio(what, at_ns, text, r->opt.user);
    }
}

static void tell_input(struct runner *r)
{
    static const enum runner_audio of[] = {
        [AUDIO_STARTED] = RUNNER_MIC_STARTED,   [AUDIO_STOPPED] = RUNNER_MIC_STOPPED,
        [AUDIO_ENDED] = RUNNER_MIC_END,         [AUDIO_FAILED] = RUNNER_MIC_FAILED,
        [AUDIO_CHANGED] = RUNNER_AUDIO_CHANGED,
    };
    char text[AUDIO_TEXT_BYTES];
    sotto_ns at_ns;
    enum audio_news what;
    while ((what = audio_input_news(r->input, &at_ns, text)) != AUDIO_NO_NEWS) {
        tell(r, of[what], at_ns, text);
    }
}

static void tell_output(struct runner *r)
{
    static const enum runner_audio of[] = {
        [AUDIO_STARTED] = RUNNER_SPEAKER_STARTED, [AUDIO_STOPPED] = RUNNER_SPEAKER_STOPPED,
        [AUDIO_ENDED] = RUNNER_SPEAKER_STOPPED,   [AUDIO_FAILED] = RUNNER_SPEAKER_FAILED,
        [AUDIO_CHANGED] = RUNNER_AUDIO_CHANGED,
    };
    char text[AUDIO_TEXT_BYTES];
    sotto_ns at_ns;
    enum audio_news what;
    while ((what = audio_output_news(r->output, &at_ns, text)) != AUDIO_NO_NEWS) {
        tell(r, of[what], at_ns, text);
    }
}

void runner_audio_mic(struct runner *r, bool on)
{
    sotto_ns now = clock_now().mono_ns;
    r->mic_on = on;
    r->captured_ns = 0;
    if (echoes(r)) {
        return;
    }
    if (on) {
        audio_input_start(r->input, now);
    } else {
        audio_input_stop(r->input, now);
        r->levels.mic = 0;
    }
}

struct speaker_use {
    bool voice;
    enum tone tone;
};

// What the calls want of the loudspeaker. A voice is not disturbed by tones.
static struct speaker_use speaker_use(const struct runner *r)
{
    struct speaker_use use = {false, TONE_NONE};
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = sotto_device_calls(r->device, calls);
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(r->device, calls[i], &info) != 0) {
            continue;
        }
        if (info.state == SOTTO_CALL_ACTIVE) {
            use.voice = true;
        } else if (info.state == SOTTO_CALL_RINGING && r->tones && use.tone != TONE_RING) {
            use.tone = info.incoming ? TONE_RING : TONE_RINGBACK;
        }
    }
    return use.voice ? (struct speaker_use){true, TONE_NONE} : use;
}

void runner_audio_calls(struct runner *r)
{
    sotto_ns now = clock_now().mono_ns;
    struct speaker_use use = speaker_use(r);
    bool on = use.voice || use.tone != TONE_NONE;
    if (use.tone != r->tone) {
        r->tone = use.tone;
        r->tone_samples = 0;
    }
    if (on == r->speaker_on) {
        return;
    }
    r->speaker_on = on;
    r->speaker_since_ns = on && !echoes(r) ? now : 0;
    if (!on) {
        audio_output_stop(r->output, now);
        r->levels.speaker = 0;
    }
}

// A loudspeaker without a clock of its own gets into step with the cells that leave, so that every
// other wake serves both.
static void start_speaker(struct runner *r, sotto_ns now)
{
    bool in_step = r->sent_ns > r->speaker_since_ns && now - r->sent_ns < IN_STEP_NS;
    if (r->speaker_since_ns != 0 && (in_step || now - r->speaker_since_ns > START_MAX_NS)) {
        r->speaker_since_ns = 0;
        audio_output_start(r->output, now);
    }
}

static void playout(struct runner *r, int16_t *pcm, size_t samples, struct sotto_now now)
{
    sotto_ns begun = clock_now().mono_ns;
    sotto_device_playout(r->device, pcm, samples, now);
    struct sotto_now done = clock_now();
    sotto_device_voice_cost(r->device, done.mono_ns - begun, 0, done);
}

// An echo: what has come for this tick goes back with this tick's cell.
static void echo(struct runner *r, struct sotto_now now)
{
    int16_t pcm[AUDIO_FRAME_SAMPLES];
    if (!r->speaker_on) {
        return;
    }
    audio_output_start(r->output, now.mono_ns);
    unsigned frames = audio_output_wanted(r->output, AUDIO_FRAME_SAMPLES, now.mono_ns);
    for (unsigned i = 0; i < frames && i < PLAY_MAX / 2; i++) {
        playout(r, pcm, AUDIO_FRAME_SAMPLES, now);
        audio_output_write(r->output, pcm, AUDIO_FRAME_SAMPLES);
        sotto_device_capture(r->device, pcm, AUDIO_FRAME_SAMPLES);
        r->levels.mic = r->levels.speaker = audio_level(pcm, AUDIO_FRAME_SAMPLES);
    }
    sotto_wipe(pcm, sizeof(pcm));
}

void runner_audio_capture(struct runner *r, struct sotto_now now)
{
    int16_t pcm[CAPTURE_SAMPLES];
    if (now.mono_ns - r->captured_ns < CAPTURE_EVERY_NS) {
        return;
    }
    r->captured_ns = now.mono_ns;
    if (echoes(r)) {
        echo(r, now);
        return;
    }
    if (!r->mic_on) {
        return;
    }
    size_t n = audio_input_read(r->input, pcm, CAPTURE_SAMPLES, now.mono_ns);
    sotto_device_capture(r->device, pcm, n);
    if (n > 0) {
        r->levels.mic = audio_level(pcm, n);
    }
    sotto_wipe(pcm, sizeof(pcm));
}

void runner_audio_play(struct runner *r, struct sotto_now now)
{
    int16_t pcm[AUDIO_PIECE_SAMPLES];
    sotto_ns tick = sotto_device_expiry(r->device);
    tell_input(r);
    tell_output(r);
    if (echoes(r) || (tick != SOTTO_NEVER && tick < now.mono_ns + PLAY_CLEAR_NS)) {
        return;
    }
    start_speaker(r, now.mono_ns);
    unsigned pieces = audio_output_wanted(r->output, AUDIO_PIECE_SAMPLES, now.mono_ns);
    for (unsigned i = 0; i < pieces && i < PLAY_MAX; i++) {
        if (r->tone == TONE_NONE) {
            playout(r, pcm, AUDIO_PIECE_SAMPLES, now);
        } else {
            tone_piece(r->tone, r->tone_samples, pcm, AUDIO_PIECE_SAMPLES);
            r->tone_samples += AUDIO_PIECE_SAMPLES;
        }
        audio_output_write(r->output, pcm, AUDIO_PIECE_SAMPLES);
        r->levels.speaker = audio_level(pcm, AUDIO_PIECE_SAMPLES);
    }
    if (pieces > 0) {
        sotto_wipe(pcm, sizeof(pcm));
    }
}

sotto_ns runner_audio_expiry(const struct runner *r)
{
    return echoes(r) ? SOTTO_NEVER : audio_output_expiry(r->output);
}
