// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "audio.h"
#include "wav.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS    SOTTO_NS_PER_MS
#define START (1000 * MS)

static char path[] = "/tmp/sotto-audio-XXXXXX.wav";

static int make_file(void **state)
{
    (void)state;
    close(mkstemps(path, 4));
    struct wav_writer *w = NULL;
    static int16_t pcm[4800];
    for (int i = 0; i < 4800; i++) {
        pcm[i] = (int16_t)(i + 1);
    }
    return wav_writer_open(&w, path) != 0 || wav_writer_write(w, pcm, 4800) != 0 ||
           wav_writer_close(w) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void understands_what_users_write(void **state)
{
    (void)state;
    enum audio_kind kind;
    const char *name;
    assert_int_equal(audio_spec_parse(NULL, &kind, &name), 0);
    assert_int_equal(kind, AUDIO_NOTHING);
    assert_int_equal(audio_spec_parse("silence", &kind, &name), 0);
    assert_int_equal(kind, AUDIO_NOTHING);
    assert_int_equal(audio_spec_parse("device", &kind, &name), 0);
    assert_int_equal(kind, AUDIO_DEVICE);
    assert_null(name);
    assert_int_equal(audio_spec_parse("device:USB", &kind, &name), 0);
    assert_int_equal(kind, AUDIO_DEVICE);
    assert_string_equal(name, "USB");
    assert_int_equal(audio_spec_parse("a.wav", &kind, &name), 0);
    assert_int_equal(kind, AUDIO_FILE);
    assert_string_equal(name, "a.wav");
    assert_int_equal(audio_spec_parse("./speech", &kind, &name), 0);
    assert_int_equal(kind, AUDIO_FILE);
    assert_int_equal(audio_spec_parse("device:", &kind, &name), SOTTO_EINVAL);
    assert_int_equal(audio_spec_parse("headset", &kind, &name), SOTTO_EINVAL);
    assert_int_equal(audio_spec_parse("", &kind, &name), SOTTO_EINVAL);
}

static void loudness_goes_from_silence_to_full(void **state)
{
    (void)state;
    int16_t pcm[960] = {0};
    assert_int_equal(audio_level(pcm, 960), 0);
    assert_int_equal(audio_level(pcm, 0), 0);
    for (int i = 0; i < 960; i++) {
        pcm[i] = i % 2 != 0 ? 32767 : -32767;
    }
    assert_int_equal(audio_level(pcm, 960), 100);
    for (int i = 0; i < 960; i++) {
        pcm[i] = i % 2 != 0 ? 730 : -730; // 30 dB below a full sine
    }
    assert_in_range(audio_level(pcm, 960), 48, 52);
}

static struct audio_input *input(const char *spec, bool loop)
{
    struct audio_input *in = NULL;
    char error[AUDIO_TEXT_BYTES];
    struct audio_config cfg = {.spec = spec, .loop = loop};
    assert_int_equal(audio_input_new(&in, &cfg, error), 0);
    return in;
}

static void a_file_plays_by_the_clock_from_its_start(void **state)
{
    (void)state;
    struct audio_input *in = input(path, false);
    int16_t pcm[4000];
    assert_int_equal(audio_input_read(in, pcm, 4000, START), 0); // not started
    audio_input_start(in, START);
    sotto_ns at = 0;
    char text[AUDIO_TEXT_BYTES];
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_STARTED);
    assert_true(at == START - AUDIO_FILE_LEAD_NS);
    assert_int_equal(audio_input_read(in, pcm, 4000, START), 240);
    assert_int_equal(pcm[0], 1);
    assert_int_equal(audio_input_read(in, pcm, 4000, START + 20 * MS), 960);
    assert_int_equal(pcm[0], 241);
    assert_int_equal(audio_input_read(in, pcm, 4000, START + 20 * MS), 0);
    assert_int_equal(audio_input_read(in, pcm, 100, START + 40 * MS), 100); // no more than asked
    assert_int_equal(audio_input_read(in, pcm, 4000, START + 40 * MS), 860);
    audio_input_free(in);
}

static void a_stopped_file_goes_on_later_and_ends_in_silence(void **state)
{
    (void)state;
    struct audio_input *in = input(path, false);
    int16_t pcm[8000];
    sotto_ns at = 0;
    char text[AUDIO_TEXT_BYTES];
    audio_input_start(in, START);
    audio_input_read(in, pcm, 8000, START + 15 * MS);
    audio_input_stop(in, START + 15 * MS);
    assert_int_equal(audio_input_read(in, pcm, 8000, START + 80 * MS), 0);
    sotto_ns again = START + 500 * MS;
    audio_input_start(in, again);
    assert_int_equal(audio_input_read(in, pcm, 8000, again + 15 * MS), 960);
    assert_int_equal(pcm[0], 961);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_STARTED);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_STOPPED);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_STARTED);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_NO_NEWS);
    assert_int_equal(audio_input_read(in, pcm, 8000, again + 115 * MS), 4800);
    assert_int_equal(pcm[2879], 4800);
    assert_int_equal(pcm[2880], 0);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_ENDED);
    assert_int_equal(audio_input_read(in, pcm, 8000, again + 135 * MS), 960);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_NO_NEWS);
    audio_input_free(in);
}

static void a_looped_file_has_no_end(void **state)
{
    (void)state;
    struct audio_input *in = input(path, true);
    int16_t pcm[8000];
    sotto_ns at = 0;
    char text[AUDIO_TEXT_BYTES];
    audio_input_start(in, START);
    assert_int_equal(audio_input_read(in, pcm, 8000, START + 120 * MS), 6000);
    assert_int_equal(pcm[4799], 4800);
    assert_int_equal(pcm[4800], 1);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_STARTED);
    assert_int_equal(audio_input_news(in, &at, text), AUDIO_NO_NEWS);
    audio_input_free(in);
}

static void after_a_long_sleep_a_file_does_not_hurry(void **state)
{
    (void)state;
    struct audio_input *in = input("silence", false);
    static int16_t pcm[480000];
    audio_input_start(in, START);
    assert_int_equal(audio_input_read(in, pcm, 480000, START + 5000 * MS), 960);
    audio_input_free(in);
}

static void says_what_is_wrong_with_a_file(void **state)
{
    (void)state;
    struct audio_input *in = NULL;
    char error[AUDIO_TEXT_BYTES] = "";
    struct audio_config cfg = {.spec = "/nonexistent/speech.wav"};
    assert_int_equal(audio_input_new(&in, &cfg, error), SOTTO_EIO);
    assert_non_null(strstr(error, "/nonexistent/speech.wav"));
    assert_non_null(strstr(error, "No such file"));
    cfg.spec = "headset";
    assert_int_equal(audio_input_new(&in, &cfg, error), SOTTO_EINVAL);
    assert_non_null(strstr(error, "device:NAME"));
    assert_null(in);
}

static void a_file_output_wants_a_frame_every_20_ms(void **state)
{
    (void)state;
    char name[] = "/tmp/sotto-audio-XXXXXX.wav";
    close(mkstemps(name, 4));
    struct audio_output *out = NULL;
    char error[AUDIO_TEXT_BYTES];
    struct audio_config cfg = {.spec = name};
    int16_t pcm[AUDIO_FRAME_SAMPLES] = {1};
    assert_int_equal(audio_output_new(&out, &cfg, error), 0);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START), 0);
    assert_true(audio_output_expiry(out) == SOTTO_NEVER);
    audio_output_start(out, START);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START), 1);
    audio_output_write(out, pcm, AUDIO_FRAME_SAMPLES);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START), 0);
    assert_true(audio_output_expiry(out) == START + 20 * MS);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START + 18 * MS), 0);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START + 19 * MS), 1);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START + 60 * MS),
                     3); // it makes up for a late clock
    for (int i = 0; i < 3; i++) {
        audio_output_write(out, pcm, AUDIO_FRAME_SAMPLES);
    }
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START + 60 * MS), 0);
    audio_output_stop(out, START + 70 * MS);
    assert_int_equal(audio_output_wanted(out, AUDIO_FRAME_SAMPLES, START + 80 * MS), 0);
    audio_output_free(out);
    struct wav_reader *r = NULL;
    int16_t heard[8000];
    assert_int_equal(wav_reader_open(&r, name), 0);
    assert_int_equal(wav_reader_read(r, heard, 8000), 4 * AUDIO_FRAME_SAMPLES);
    wav_reader_close(r);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_what_users_write),
        cmocka_unit_test(loudness_goes_from_silence_to_full),
        cmocka_unit_test(a_file_plays_by_the_clock_from_its_start),
        cmocka_unit_test(a_stopped_file_goes_on_later_and_ends_in_silence),
        cmocka_unit_test(a_looped_file_has_no_end),
        cmocka_unit_test(after_a_long_sleep_a_file_does_not_hurry),
        cmocka_unit_test(says_what_is_wrong_with_a_file),
        cmocka_unit_test(a_file_output_wants_a_frame_every_20_ms),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
