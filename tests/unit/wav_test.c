// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "wav.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PI 3.14159265358979

// ---- making files ---------------------------------------------------------------------------

struct bytes {
    uint8_t data[2 * 1024 * 1024];
    size_t len;
};
static struct bytes file;

static void put(const void *p, size_t len)
{
    assert_true(file.len + len <= sizeof(file.data));
    memcpy(file.data + file.len, p, len);
    file.len += len;
}

static void put_le(uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint8_t b = (uint8_t)(v >> (8 * i));
        put(&b, 1);
    }
}

struct shape {
    unsigned tag, channels, rate, bits;
};

static void put_format(const struct shape *s)
{
    put("fmt ", 4);
    put_le(16, 4);
    put_le(s->tag, 2);
    put_le(s->channels, 2);
    put_le(s->rate, 4);
    put_le(s->rate * s->channels * s->bits / 8, 4);
    put_le(s->channels * s->bits / 8, 2);
    put_le(s->bits, 2);
}

static void begin(const struct shape *s)
{
    file.len = 0;
    put("RIFF\xff\xff\xff\xffWAVE", 12);
    put_format(s);
}

static void put_sample(const struct shape *s, double v)
{
    if (s->tag == 3) {
        float f = (float)v;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        put_le(bits, 4);
    } else if (s->bits == 16) {
        put_le((uint32_t)lrint(v * 32767), 2);
    } else {
        put_le((uint32_t)lrint(v * 8388607), 3);
    }
}

// A second of 1 kHz at half of full scale; in stereo on both sides.
static void make_tone(const struct shape *s)
{
    begin(s);
    put("data", 4);
    put_le(s->rate * s->channels * s->bits / 8, 4);
    for (unsigned i = 0; i < s->rate; i++) {
        for (unsigned c = 0; c < s->channels; c++) {
            put_sample(s, 0.5 * sin(2 * PI * 1000 * i / s->rate));
        }
    }
}

static int open_bytes(struct wav_reader **out, size_t len)
{
    // fmemopen wants at least one byte.
    FILE *f = fmemopen(file.data, len > 0 ? len : 1, "rb");
    assert_non_null(f);
    if (len == 0) {
        getc(f);
    }
    return wav_reader_open_stream(out, f);
}

// ---- reading --------------------------------------------------------------------------------

static void assert_tone(const struct shape *s)
{
    struct wav_reader *r = NULL;
    make_tone(s);
    assert_int_equal(open_bytes(&r, file.len), 0);
    static int16_t pcm[2 * WAV_RATE];
    size_t n = wav_reader_read(r, pcm, 2 * WAV_RATE);
    // A second is a second, give or take what the filter leaves out.
    assert_in_range(n, WAV_RATE - 100, WAV_RATE + 100);
    double error = 0, power = 0;
    for (size_t i = 1000; i + 1000 < n; i++) {
        double want = 16384 * sin(2 * PI * 1000 * (double)i / WAV_RATE);
        error += (pcm[i] - want) * (pcm[i] - want);
        power += want * want;
    }
    // Right pitch, phase and loudness: 40 dB.
    assert_true(error < power / 1e4);
    assert_int_equal(wav_reader_read(r, pcm, 10), 0);
    wav_reader_close(r);
}

static void reads_each_encoding(void **state)
{
    (void)state;
    assert_tone(&(struct shape){1, 1, 48000, 16});
    assert_tone(&(struct shape){1, 2, 48000, 16});
    assert_tone(&(struct shape){1, 1, 48000, 24});
    assert_tone(&(struct shape){1, 2, 48000, 24});
    assert_tone(&(struct shape){3, 1, 48000, 32});
    assert_tone(&(struct shape){3, 2, 48000, 32});
}

static void reads_each_rate(void **state)
{
    (void)state;
    unsigned rates[] = {8000, 11025, 16000, 22050, 44100, 96000, 192000};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        assert_tone(&(struct shape){1, 1, rates[i], 16});
    }
}

static void mixes_stereo_down(void **state)
{
    (void)state;
    begin(&(struct shape){1, 2, 48000, 16});
    put("data", 4);
    put_le(8, 4);
    put_le(1000, 2);
    put_le(3000, 2);
    put_le(0x8000, 2); // lowest and highest
    put_le(0x7fff, 2);
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), 0);
    int16_t pcm[4];
    assert_int_equal(wav_reader_read(r, pcm, 4), 2);
    assert_int_equal(pcm[0], 2000);
    assert_in_range(pcm[1] + 2, 0, 3);
    wav_reader_close(r);
}

static void floats_are_clipped_and_nan_is_silence(void **state)
{
    (void)state;
    begin(&(struct shape){3, 1, 48000, 32});
    put("data", 4);
    put_le(16, 4);
    put_le(0x40000000, 4); // 2.0
    put_le(0xc0000000, 4);
    put_le(0x7fc00000, 4); // NaN
    put_le(0x7f800000, 4); // infinity
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), 0);
    int16_t pcm[4];
    assert_int_equal(wav_reader_read(r, pcm, 4), 4);
    assert_int_equal(pcm[0], 32767);
    assert_int_equal(pcm[1], -32768);
    assert_int_equal(pcm[2], 0);
    assert_int_equal(pcm[3], 0);
    wav_reader_close(r);
}

static void skips_other_chunks(void **state)
{
    (void)state;
    file.len = 0;
    put("RIFF\0\0\0\0WAVE", 12);
    put("LIST\x03\0\0\0abc\0", 12); // odd length, padded
    put_format(&(struct shape){1, 1, 48000, 16});
    put("fact\x04\0\0\0\0\0\0\0", 12);
    put("data\x02\0\0\0\x05\0", 10);
    put("LIST\x04\0\0\0abcd", 12); // after the sound: not sound
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), 0);
    int16_t pcm[9];
    assert_int_equal(wav_reader_read(r, pcm, 9), 1);
    assert_int_equal(pcm[0], 5);
    wav_reader_close(r);
}

static void reads_the_extensible_format(void **state)
{
    (void)state;
    file.len = 0;
    put("RIFF\0\0\0\0WAVEfmt \x28\0\0\0", 20);
    put_le(0xfffe, 2);
    put_le(1, 2);
    put_le(48000, 4);
    put_le(96000, 4);
    put_le(2, 2);
    put_le(16, 2);
    put_le(22, 2);
    put_le(16, 2);
    put_le(4, 4);
    put("\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 16);
    put("data\x02\0\0\0\x07\0", 10);
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), 0);
    int16_t pcm[2];
    assert_int_equal(wav_reader_read(r, pcm, 2), 1);
    assert_int_equal(pcm[0], 7);
    wav_reader_close(r);
}

static void an_unknown_length_reads_to_the_end(void **state)
{
    (void)state;
    uint32_t lengths[] = {0, UINT32_MAX, 1000000};
    for (size_t i = 0; i < 3; i++) {
        begin(&(struct shape){1, 1, 48000, 16});
        put("data", 4);
        put_le(lengths[i], 4);
        put("\x01\0\x02\0\x03\0\x04", 7); // and half a sample
        struct wav_reader *r = NULL;
        assert_int_equal(open_bytes(&r, file.len), 0);
        int16_t pcm[9];
        assert_int_equal(wav_reader_read(r, pcm, 9), 3);
        assert_int_equal(pcm[2], 3);
        wav_reader_close(r);
    }
}

static void rewinds(void **state)
{
    (void)state;
    make_tone(&(struct shape){1, 1, 16000, 16});
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), 0);
    static int16_t first[WAV_RATE], second[WAV_RATE];
    assert_int_equal(wav_reader_read(r, first, 5000), 5000);
    assert_int_equal(wav_reader_rewind(r), 0);
    assert_int_equal(wav_reader_read(r, second, 5000), 5000);
    assert_memory_equal(first, second, 5000 * sizeof(first[0]));
    wav_reader_close(r);
}

// ---- refusing ---------------------------------------------------------------------------------

static void refuses_every_truncated_header(void **state)
{
    (void)state;
    begin(&(struct shape){1, 1, 48000, 16});
    put("data\x02\0\0\0", 8);
    for (size_t len = 0; len < file.len; len++) {
        struct wav_reader *r = NULL;
        assert_int_equal(open_bytes(&r, len), SOTTO_EPARSE);
        assert_null(r);
    }
}

static void assert_refused(const struct shape *s, int error)
{
    struct wav_reader *r = NULL;
    begin(s);
    put("data\x02\0\0\0\0\0", 10);
    assert_int_equal(open_bytes(&r, file.len), error);
}

static void refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    assert_refused(&(struct shape){1, 1, 48000, 8}, SOTTO_ESUITE);
    assert_refused(&(struct shape){1, 1, 48000, 0}, SOTTO_ESUITE);
    assert_refused(&(struct shape){1, 0, 48000, 16}, SOTTO_ESUITE);
    assert_refused(&(struct shape){1, 3, 48000, 16}, SOTTO_ESUITE);
    assert_refused(&(struct shape){1, 1, 0, 16}, SOTTO_ESUITE);
    assert_refused(&(struct shape){1, 1, 192001, 16}, SOTTO_ESUITE);
    assert_refused(&(struct shape){3, 1, 48000, 16}, SOTTO_ESUITE);
    assert_refused(&(struct shape){7, 1, 8000, 16}, SOTTO_ESUITE); // mu-law
}

static void refuses_a_wrong_block_size(void **state)
{
    (void)state;
    begin(&(struct shape){1, 1, 48000, 16});
    file.data[32] = 4;
    put("data\x02\0\0\0\0\0", 10);
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), SOTTO_EPARSE);
}

static void refuses_chunks_without_end(void **state)
{
    (void)state;
    begin(&(struct shape){1, 1, 48000, 16});
    for (int i = 0; i < WAV_CHUNKS_MAX; i++) {
        put("junk\0\0\0\0", 8);
    }
    put("data\x02\0\0\0\0\0", 10);
    struct wav_reader *r = NULL;
    assert_int_equal(open_bytes(&r, file.len), SOTTO_EPARSE);
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    struct wav_reader *r = NULL;
    char name[] = "/tmp/sotto-wav-XXXXXX";
    assert_non_null(mkdtemp(name));
    assert_int_equal(wav_reader_open(&r, name), SOTTO_EINVAL);
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/pipe.wav", name);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(wav_reader_open(&r, fifo), SOTTO_EINVAL); // and does not wait for a writer
    unlink(fifo);
    assert_int_equal(wav_reader_open(&r, fifo), SOTTO_EIO);
    rmdir(name);
    assert_null(r);
}

// ---- writing ----------------------------------------------------------------------------------

static void writes_what_it_reads_again(void **state)
{
    (void)state;
    char name[] = "/tmp/sotto-wav-XXXXXX";
    close(mkstemp(name));
    static int16_t in[10000], out[10001];
    for (int i = 0; i < 10000; i++) {
        in[i] = (int16_t)(i * 7919);
    }
    struct wav_writer *w = NULL;
    assert_int_equal(wav_writer_open(&w, name), 0);
    assert_int_equal(wav_writer_write(w, in, 3), 0);
    assert_int_equal(wav_writer_write(w, in + 3, 9997), 0);
    assert_int_equal(wav_writer_samples(w), 10000);
    assert_int_equal(wav_writer_close(w), 0);
    struct wav_reader *r = NULL;
    assert_int_equal(wav_reader_open(&r, name), 0);
    struct wav_format format;
    wav_reader_format(r, &format);
    assert_int_equal(format.rate, 48000);
    assert_int_equal(format.data_bytes, 20000);
    assert_int_equal(wav_reader_read(r, out, 10001), 10000);
    assert_memory_equal(in, out, sizeof(in));
    wav_reader_close(r);
    unlink(name);
}

// A process that is killed leaves a valid file, with all but the last WAV_HEADER_EVERY_SAMPLES.
static void a_killed_writer_leaves_a_whole_file(void **state)
{
    (void)state;
    char name[] = "/tmp/sotto-wav-XXXXXX";
    close(mkstemp(name));
    pid_t child = fork();
    if (child == 0) {
        static int16_t pcm[WAV_HEADER_EVERY_SAMPLES * 2 + 100];
        struct wav_writer *w = NULL;
        if (wav_writer_open(&w, name) == 0) {
            wav_writer_write(w, pcm, WAV_HEADER_EVERY_SAMPLES * 2 + 100);
        }
        _exit(0); // nothing is flushed or closed
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    struct wav_reader *r = NULL;
    assert_int_equal(wav_reader_open(&r, name), 0);
    struct wav_format format;
    wav_reader_format(r, &format);
    assert_int_equal(format.data_bytes, WAV_HEADER_EVERY_SAMPLES * 2 * 2);
    wav_reader_close(r);
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_size, 44 + WAV_HEADER_EVERY_SAMPLES * 2 * 2);
    unlink(name);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    struct wav_writer *w = NULL;
    assert_int_equal(wav_writer_open(&w, "/dev/full"), SOTTO_EFULL);
    assert_null(w);
    assert_int_equal(wav_writer_open(&w, "/nonexistent/x.wav"), SOTTO_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_encoding),
        cmocka_unit_test(reads_each_rate),
        cmocka_unit_test(mixes_stereo_down),
        cmocka_unit_test(floats_are_clipped_and_nan_is_silence),
        cmocka_unit_test(skips_other_chunks),
        cmocka_unit_test(reads_the_extensible_format),
        cmocka_unit_test(an_unknown_length_reads_to_the_end),
        cmocka_unit_test(rewinds),
        cmocka_unit_test(refuses_every_truncated_header),
        cmocka_unit_test(refuses_what_it_does_not_understand),
        cmocka_unit_test(refuses_a_wrong_block_size),
        cmocka_unit_test(refuses_chunks_without_end),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(writes_what_it_reads_again),
        cmocka_unit_test(a_killed_writer_leaves_a_whole_file),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
