// SPDX-License-Identifier: Apache-2.0
#include "wav.h"

#include <fcntl.h>
#include <math.h>
#include <speex/speex_resampler.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES_PER_READ      1024
#define FRAME_MAX_BYTES      (WAV_CHANNELS_MAX * 4)
#define RESAMPLER_QUALITY    8 // of 10: the files are few and the passband flat
#define FORMAT_PCM           1
#define FORMAT_FLOAT         3
#define FORMAT_EXTENSIBLE    0xfffe
#define FORMAT_MIN_BYTES     16
#define SUBFORMAT_OFFSET     24 // in the extensible format chunk
#define EXTENSIBLE_MIN_BYTES 40

struct wav_reader {
    FILE *f;
    struct wav_format format;
    unsigned frame_bytes;
    long data_at;
    uint64_t left_bytes;
    SpeexResamplerState *resampler; // NULL if the file has our rate
    float in[FRAMES_PER_READ];      // mono, full scale 1.0
    size_t in_at, in_len;
    bool ended;
    size_t flush; // silence still to be fed, to get the filter's tail out
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static int parse_format(struct wav_format *out, const uint8_t *p, size_t len)
{
    unsigned tag = get16(p), channels = get16(p + 2), align = get16(p + 12), bits = get16(p + 14);
    uint32_t rate = get32(p + 4);
    if (tag == FORMAT_EXTENSIBLE) {
        if (len < EXTENSIBLE_MIN_BYTES) {
            return SOTTO_EPARSE;
        }
        tag = get16(p + SUBFORMAT_OFFSET);
    }
    bool integers = tag == FORMAT_PCM && (bits == 16 || bits == 24);
    bool floats = tag == FORMAT_FLOAT && bits == 32;
    if ((!integers && !floats) || channels < 1 || channels > WAV_CHANNELS_MAX ||
        rate < WAV_RATE_MIN || rate > WAV_RATE_MAX) {
        return SOTTO_ESUITE;
    }
    if (align != channels * (bits / 8)) {
        return SOTTO_EPARSE;
    }
    *out =
        (struct wav_format){.rate = rate, .channels = channels, .bits = bits, .floating = floats};
    return 0;
}

static int skip(FILE *f, uint64_t bytes)
{
    uint8_t waste[512];
    while (bytes > 0) {
        size_t n = bytes < sizeof(waste) ? (size_t)bytes : sizeof(waste);
        if (fread(waste, 1, n, f) != n) {
            return SOTTO_EPARSE;
        }
        bytes -= n;
    }
    return 0;
}

static int read_format(struct wav_format *out, FILE *f, uint32_t len)
{
    uint8_t chunk[WAV_FORMAT_MAX_BYTES];
    if (len < FORMAT_MIN_BYTES || len > sizeof(chunk) || fread(chunk, 1, len, f) != len) {
        return SOTTO_EPARSE;
    }
    int err = parse_format(out, chunk, len);
    return err != 0 ? err : skip(f, len & 1); // chunks begin at even places
}

// Leaves the stream at the first byte of the sound.
static int read_header(struct wav_format *out, FILE *f)
{
    uint8_t head[12];
    if (fread(head, 1, sizeof(head), f) != sizeof(head) || memcmp(head, "RIFF", 4) != 0 ||
        memcmp(head + 8, "WAVE", 4) != 0) {
        return SOTTO_EPARSE;
    }
    struct wav_format format = {0};
    for (unsigned chunk = 0; chunk < WAV_CHUNKS_MAX; chunk++) {
        if (fread(head, 1, 8, f) != 8) {
            return SOTTO_EPARSE;
        }
        uint32_t len = get32(head + 4);
        int err = 0;
        if (memcmp(head, "data", 4) == 0) {
            if (format.rate == 0) {
                return SOTTO_EPARSE;
            }
            format.data_bytes = len == 0 || len == UINT32_MAX ? UINT64_MAX : len;
            *out = format;
            return 0;
        }
        if (memcmp(head, "fmt ", 4) == 0) {
            err = read_format(&format, f, len);
        } else {
            err = skip(f, (uint64_t)len + (len & 1));
        }
        if (err != 0) {
            return err;
        }
    }
    return SOTTO_EPARSE;
}

static int make_resampler(struct wav_reader *r)
{
    if (r->format.rate == WAV_RATE) {
        return 0;
    }
    int err = 0;
    r->resampler = speex_resampler_init(1, r->format.rate, WAV_RATE, RESAMPLER_QUALITY, &err);
    if (r->resampler == NULL) {
        return SOTTO_ENOMEM;
    }
    return 0;
}

static void begin(struct wav_reader *r)
{
    r->left_bytes = r->format.data_bytes;
    r->in_at = r->in_len = 0;
    r->ended = false;
    r->flush = 0;
    if (r->resampler != NULL) {
        speex_resampler_reset_mem(r->resampler);
        // The filter's delay is left out, so that the sound begins where the file does.
        speex_resampler_skip_zeros(r->resampler);
        r->flush = (size_t)speex_resampler_get_input_latency(r->resampler);
    }
}

int wav_reader_open_stream(struct wav_reader **out, FILE *f)
{
    struct wav_reader *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        fclose(f);
        return SOTTO_ENOMEM;
    }
    r->f = f;
    int err = read_header(&r->format, f);
    if (err == 0) {
        r->frame_bytes = r->format.channels * (r->format.bits / 8);
        r->data_at = ftell(f);
        err = make_resampler(r);
    }
    if (err != 0) {
        wav_reader_close(r);
        return err;
    }
    begin(r);
    *out = r;
    return 0;
}

int wav_reader_open(struct wav_reader **out, const char *path)
{
    // Anything but a file could keep the event loop waiting, a pipe already here.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return SOTTO_EIO;
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return SOTTO_EINVAL;
    }
    FILE *f = fdopen(fd, "rb");
    if (f == NULL) {
        close(fd);
        return SOTTO_ENOMEM;
    }
    return wav_reader_open_stream(out, f);
}

void wav_reader_close(struct wav_reader *r)
{
    if (r == NULL) {
        return;
    }
    fclose(r->f);
    if (r->resampler != NULL) {
        speex_resampler_destroy(r->resampler);
    }
    free(r);
}

void wav_reader_format(const struct wav_reader *r, struct wav_format *out)
{
    *out = r->format;
}

int wav_reader_rewind(struct wav_reader *r)
{
    if (r->data_at < 0 || fseek(r->f, r->data_at, SEEK_SET) != 0) {
        return SOTTO_EIO;
    }
    begin(r);
    return 0;
}

static float sample_of(const struct wav_format *format, const uint8_t *p)
{
    if (format->floating) {
        uint32_t bits = get32(p);
        float value;
        memcpy(&value, &bits, sizeof(value));
        return isfinite(value) ? fminf(fmaxf(value, -1.0f), 1.0f) : 0.0f;
    }
    if (format->bits == 16) {
        return (float)(int16_t)get16(p) / 32768.0f;
    }
    int32_t value = (int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 24);
    return (float)value / 2147483648.0f;
}

static float frame_of(const struct wav_format *format, const uint8_t *p)
{
    float sum = sample_of(format, p);
    if (format->channels == 2) {
        sum = (sum + sample_of(format, p + format->bits / 8)) / 2;
    }
    return sum;
}

// Fills `in` from the file, or with the silence that flushes the filter. false at the very end.
static bool refill(struct wav_reader *r)
{
    uint8_t raw[FRAMES_PER_READ * FRAME_MAX_BYTES];
    size_t frames = 0;
    if (!r->ended) {
        uint64_t want = (uint64_t)FRAMES_PER_READ * r->frame_bytes;
        want = want < r->left_bytes ? want : r->left_bytes;
        size_t got = fread(raw, 1, (size_t)want, r->f);
        frames = got / r->frame_bytes; // half a frame at the end is left out
        r->left_bytes -= got;
        r->ended = got < want || frames == 0;
    }
    for (size_t i = 0; i < frames; i++) {
        r->in[i] = frame_of(&r->format, raw + i * r->frame_bytes);
    }
    if (frames == 0) {
        frames = r->flush < FRAMES_PER_READ ? r->flush : FRAMES_PER_READ;
        r->flush -= frames;
        memset(r->in, 0, frames * sizeof(r->in[0]));
    }
    r->in_at = 0;
    r->in_len = frames;
    return frames > 0;
}

static int16_t to_s16(float value)
{
    float scaled = value * 32768.0f;
    return (int16_t)lrintf(fminf(fmaxf(scaled, -32768.0f), 32767.0f));
}

// Turns some of `in` into at most `samples` (and at most what fits the buffer) samples.
static size_t convert(struct wav_reader *r, int16_t *pcm, size_t samples)
{
    float out[FRAMES_PER_READ];
    spx_uint32_t in_len = (spx_uint32_t)(r->in_len - r->in_at);
    spx_uint32_t out_len = (spx_uint32_t)(samples < FRAMES_PER_READ ? samples : FRAMES_PER_READ);
    if (r->resampler == NULL) {
        in_len = out_len = in_len < out_len ? in_len : out_len;
        memcpy(out, r->in + r->in_at, out_len * sizeof(out[0]));
    } else {
        speex_resampler_process_float(r->resampler, 0, r->in + r->in_at, &in_len, out, &out_len);
    }
    r->in_at += in_len;
    for (size_t i = 0; i < out_len; i++) {
        pcm[i] = to_s16(out[i]);
    }
    return out_len;
}

size_t wav_reader_read(struct wav_reader *r, int16_t *pcm, size_t samples)
{
    size_t done = 0;
    while (done < samples) {
        if (r->in_at == r->in_len && !refill(r)) {
            break;
        }
        done += convert(r, pcm + done, samples - done);
    }
    return done;
}
