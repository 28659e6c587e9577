// SPDX-License-Identifier: Apache-2.0
// WAV files (RIFF/WAVE, Microsoft "Multimedia Programming Interface and Data Specifications 1.0",
// and WAVE_FORMAT_EXTENSIBLE): read into, and written from, 48 kHz mono signed 16 bit.
#ifndef SOTTO_AUDIO_WAV_H
#define SOTTO_AUDIO_WAV_H

#include <sotto/base.h>
#include <stdio.h>

#define WAV_RATE                 48000 // of what is given and taken here
#define WAV_RATE_MIN             4000  // of files
#define WAV_RATE_MAX             192000
#define WAV_CHANNELS_MAX         2                    // mono, or stereo, which is mixed down
#define WAV_CHUNKS_MAX           64                   // before the sound; then it is called damaged
#define WAV_FORMAT_MAX_BYTES     64                   // of the format chunk
#define WAV_DATA_MAX_BYTES       UINT32_C(0xfffffff0) // a written file stops growing here
#define WAV_HEADER_EVERY_SAMPLES 4800                 // 100 ms: what a sudden end loses at most

struct wav_format {
    unsigned rate, channels;
    unsigned bits;       // 16, 24 or 32
    bool floating;       // 32 bit IEEE float
    uint64_t data_bytes; // as the header says; UINT64_MAX: until the end of the file
};

struct wav_reader;

// 16 or 24 bit integers or 32 bit floats, mono or stereo, WAV_RATE_MIN..WAV_RATE_MAX. A length
// that is 0, 0xffffffff or beyond the end (a recording cut short) means: until the end.
// SOTTO_EIO (errno says why), SOTTO_EPARSE (not a WAV file, or damaged), SOTTO_ESUITE (a WAV file,
// but of another encoding), SOTTO_EINVAL (not a regular file), SOTTO_ENOMEM.
int wav_reader_open(struct wav_reader **out, const char *path);
// Takes the stream over: it is closed with the reader, and on failure.
int wav_reader_open_stream(struct wav_reader **out, FILE *f);
void wav_reader_close(struct wav_reader *r);
void wav_reader_format(const struct wav_reader *r, struct wav_format *out);
// Samples at 48 kHz, mono; fewer than asked only at the end, then 0.
size_t wav_reader_read(struct wav_reader *r, int16_t *pcm, size_t samples);
// From the beginning again. SOTTO_EIO.
int wav_reader_rewind(struct wav_reader *r);

struct wav_writer;

// Makes or replaces the file: 48 kHz, mono, 16 bit. It is a valid WAV file from the first moment,
// whatever ends the program. SOTTO_EIO (errno), SOTTO_ENOMEM.
int wav_writer_open(struct wav_writer **out, const char *path);
// SOTTO_EIO, SOTTO_EFULL (the disk is full), SOTTO_ELIMIT (4 GiB are): the file ends before these
// samples; more calls give the same answer.
int wav_writer_write(struct wav_writer *w, const int16_t *pcm, size_t samples);
uint64_t wav_writer_samples(const struct wav_writer *w);
// Writes what is left and closes. The first error of all, or 0. NULL is allowed.
int wav_writer_close(struct wav_writer *w);

#endif
