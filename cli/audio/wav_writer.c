// SPDX-License-Identifier: Apache-2.0
#include "wav.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES 44
#define SAMPLE_BYTES 2

struct wav_writer {
    int fd;
    int error; // the first one
    uint64_t samples;
    size_t waiting; // samples in `buffer`
    uint8_t buffer[WAV_HEADER_EVERY_SAMPLES * SAMPLE_BYTES];
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v & 0xffff);
    put16(p + 2, v >> 16);
}

static void make_header(uint8_t out[HEADER_BYTES], uint32_t data_bytes)
{
    memcpy(out, "RIFF    WAVEfmt ", 16);
    put32(out + 4, HEADER_BYTES - 8 + data_bytes);
    put32(out + 16, 16);
    put16(out + 20, 1); // PCM
    put16(out + 22, 1); // mono
    put32(out + 24, WAV_RATE);
    put32(out + 28, WAV_RATE * SAMPLE_BYTES);
    put16(out + 32, SAMPLE_BYTES);
    put16(out + 34, 8 * SAMPLE_BYTES);
    memcpy(out + 36, "data", 4);
    put32(out + 40, data_bytes);
}

static int write_at(int fd, const uint8_t *p, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return errno == ENOSPC || errno == EDQUOT ? SOTTO_EFULL : SOTTO_EIO;
        }
        p += n;
        len -= (size_t)n;
        at += n;
    }
    return 0;
}

// The sound first, then the header that tells of it: whenever the program ends, what the header
// says is there.
static int flush(struct wav_writer *w)
{
    uint64_t at = w->samples * SAMPLE_BYTES;
    uint8_t header[HEADER_BYTES];
    int err = write_at(w->fd, w->buffer, w->waiting * SAMPLE_BYTES, (off_t)(HEADER_BYTES + at));
    if (err == 0) {
        make_header(header, (uint32_t)(at + w->waiting * SAMPLE_BYTES));
        err = write_at(w->fd, header, sizeof(header), 0);
    }
    if (err != 0) {
        w->error = err;
        return err;
    }
    w->samples += w->waiting;
    w->waiting = 0;
    return 0;
}

int wav_writer_open(struct wav_writer **out, const char *path)
{
    struct wav_writer *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return SOTTO_ENOMEM;
    }
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    int err = w->fd < 0 ? SOTTO_EIO : flush(w);
    if (err != 0) {
        int saved = errno;
        if (w->fd >= 0) {
            close(w->fd);
        }
        free(w);
        errno = saved;
        return err;
    }
    *out = w;
    return 0;
}

int wav_writer_write(struct wav_writer *w, const int16_t *pcm, size_t samples)
{
    for (size_t i = 0; i < samples && w->error == 0; i++) {
        if ((w->samples + w->waiting + 1) * SAMPLE_BYTES > WAV_DATA_MAX_BYTES - HEADER_BYTES) {
            w->error = SOTTO_ELIMIT;
            break;
        }
        put16(w->buffer + w->waiting * SAMPLE_BYTES, (uint16_t)pcm[i]);
        if (++w->waiting == WAV_HEADER_EVERY_SAMPLES) {
            flush(w);
        }
    }
    return w->error;
}

uint64_t wav_writer_samples(const struct wav_writer *w)
{
    return w->samples + w->waiting;
}

int wav_writer_close(struct wav_writer *w)
{
    if (w == NULL) {
        return 0;
    }
    if (w->waiting > 0 && (w->error == 0 || w->error == SOTTO_ELIMIT)) {
        flush(w);
    }
    if (close(w->fd) != 0 && w->error == 0) {
        w->error = SOTTO_EIO;
    }
    int err = w->error;
    free(w);
    return err;
}
